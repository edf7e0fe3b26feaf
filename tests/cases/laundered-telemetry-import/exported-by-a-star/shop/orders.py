from shop.obs.names import Span, StatusCode, structlog  # error: OBS103@46
from shop.obs import trace  # error: OBS103

print(Span, StatusCode, structlog, trace)
