from shop.m5 import n5 as n6  # error: OBS103
