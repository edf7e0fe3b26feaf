# -*- coding: latin-1 -*-
name = "é"
from shop.a import \
    f  # error: OBS103
