from shop.tools import structlog, nothing
from shop.gone import logging
