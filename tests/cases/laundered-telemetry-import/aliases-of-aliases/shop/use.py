from shop.a import L  # error: OBS103
from shop.a import M  # error: OBS103
from shop.a import g  # error: OBS103
from shop.a import first, second  # error: OBS103@20, OBS103@27
from shop.a import x, y  # error: OBS103@20, OBS103@23
from shop.a import z  # error: OBS103
from shop.a import cond  # error: OBS103
from shop.a import w  # error: OBS103
from shop.a import multi  # error: OBS103
from shop.a import seen  # error: OBS103
from shop.a import made, LIMIT
