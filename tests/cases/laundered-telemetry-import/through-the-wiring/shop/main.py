from shop.obs import logging

logging.basicConfig()
