from shop.m2 import n2 as n3  # error: OBS103
