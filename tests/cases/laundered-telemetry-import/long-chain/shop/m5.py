from shop.m4 import n4 as n5  # error: OBS103
