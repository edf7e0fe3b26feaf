from shop.m3 import n3 as n4  # error: OBS103
