from shop.main import logging
