from shop.m0 import logging as n1  # error: OBS103
