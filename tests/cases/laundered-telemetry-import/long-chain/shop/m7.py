from shop.m6 import n6 as n7  # error: OBS103
