from shop.tools import load as get
