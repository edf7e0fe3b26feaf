from shop.obs.names import *

print(Span, structlog)
