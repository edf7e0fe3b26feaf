from importlib import (
    import_module as m,
)

from shop import names
from shop.names import Lib, TRACE as T

a = m(T)  # error: OBS104
b = m(  # error: OBS104
    names.TRACE,
)
c = m(Lib.LOG)  # error: OBS104
d = m(Lib.JSON)
