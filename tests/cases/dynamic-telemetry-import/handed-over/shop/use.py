from shop.more import get
from shop.tools import loaded

get("log" + "ging")  # error: OBS104
loaded["structlog"].get_logger()  # error: OBS104
get("json")
