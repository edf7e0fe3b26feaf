import logging
from shop.names import Ev
from shop.obs import emit

emit("shop.warned", severity="warning")
emit("shop.warned", severity="WARN")
emit("shop.warned", {}, "Warning")
emit("shop.warned", severity="error")  # error: OBS206@30
emit("shop.warned", {}, "error")  # error: OBS206@25
emit("shop.failed", severity="ERROR")
emit("shop.failed", severity="exception")
emit("shop.failed", severity="fatal")  # error: OBS206
emit("shop.failed", severity="loud")
emit("shop.failed", severity=logging.ERROR)
emit("shop.told", severity="debug")  # error: OBS206
emit(Ev.FAILED, severity="info")  # error: OBS206
