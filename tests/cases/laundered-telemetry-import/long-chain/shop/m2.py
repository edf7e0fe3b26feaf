from shop.m1 import n1 as n2  # error: OBS103
