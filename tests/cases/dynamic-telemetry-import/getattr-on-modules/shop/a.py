import sys

a = getattr(sys, "modules")["structlog"]  # error: OBS104
b = getattr(sys.modules, "get")("loguru")  # error: OBS104
c = getattr(sys, "modules").get("sentry_sdk")  # error: OBS104
d = getattr(sys.modules["logging"], "getLogger")()  # error: OBS104
e = getattr(sys.modules, "get")("json")
f = getattr(sys.modules, "keys")()
