import importlib
import sys


class Late:
    module = importlib.import_module("logging")  # error: OBS104

    def __getattr__(self, name, mod=__import__("structlog")):  # error: OBS104
        return getattr(importlib.import_module("loguru"), name)  # error: OBS104


async def f():
    log = (lambda: __import__("logging"))()  # error: OBS104
    both = [importlib.import_module(n) for n in ("json", "csv")]
    return [sys.modules["logging"] for _ in both], log  # error: OBS104


importlib.import_module("logging" if f else "json")  # error: OBS104
(importlib.import_module)("logging")  # error: OBS104
sys.modules["shop"].logging = None
exec("if True:\n    import logging as x")  # error: OBS104
exec("not python (")
exec("logging = 1")
