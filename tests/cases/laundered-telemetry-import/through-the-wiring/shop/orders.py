from shop.main import logging  # error: OBS103
