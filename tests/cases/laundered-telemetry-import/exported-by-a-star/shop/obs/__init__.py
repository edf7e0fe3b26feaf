from shop.obs.names import *
from shop.obs.accident import trace
