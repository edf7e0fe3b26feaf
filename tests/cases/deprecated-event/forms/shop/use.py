from shop.names import Ev
from shop.obs import emit


def told(flag):
    emit(Ev.NEW)
    emit(Ev.OLD)  # error: OBS209
    emit("shop.old" if flag else "shop.gone")  # error: OBS209, OBS209
    emit("shop.told", {"a": "x"})
    emit("shop.told", {"a": "x", "b": "y", "c/d": "z"})  # error: OBS209@34, OBS209@44
