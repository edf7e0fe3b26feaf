"""Random projects under random configurations: the engine reports or refuses, and never crashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_lint import engine
from obs_lint.catalogue import CatalogueError
from obs_lint.config import ConfigError, from_table

_LINES = st.sampled_from(
    """import logging
import logging as L, os.path
from logging import *
from logging import getLogger as emit_event
from shop.a import *
from shop.b import f as g, L
from . import a, b
from .a import f
from .. import x
import shop.a, shop.obs as o
import importlib, sys
from shop.obs import emit
f = logging.getLogger
L = f = g
L = logging
o.emit = print
emit("a.b", {"x": 1})
def emit_event(name, payload=None): emit(name, payload)
def log_event(n, *a, **k): print(n)
async def track_event(e): logging.info(e)
class H(logging.Handler): x: "logging.Logger" = None
class C(C): f = f
__all__ = ["f", "L"] + ["logging"]
__all__ += a.__all__
importlib.import_module("log" + "ging")
sys.modules["structlog"].get_logger()
getattr(sys.modules, "get")("opentelemetry")
logging.basicConfig(level=logging.DEBUG)
L.getLogger().addHandler(f)
globals()["emit_event"] = lambda *a: None
if True:
try:
except A, B:
with f() as L:
for f in L:
    pass
    import sentry_sdk  # noqa: OBS102
# obs: ignore[OBS102, OBS999] why
# obs: ignore-file[OBS103] because
x = f\"{f\"{L}\"}\"
type T[L] = L
match f:
    case {"a": [L, *f]}: emit(L)
@emit
def __getattr__(name): return importlib.import_module(name)
print(f"{logging!r:>{L}}")
'''
\"\"\"
(
\\""".split("\n")
)
_FILE = st.lists(_LINES | st.text(max_size=12), max_size=14).map("\n".join)
_PATHS = st.sampled_from(
    [
        "shop/__init__.py",
        "shop/a.py",
        "shop/b.py",
        "shop/obs.py",
        "shop/telemetry/__init__.py",
        "a.py",
        "shop/a.pyi",
        "n.ipynb",
    ]
)
_CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "surface": st.sampled_from([[], ["shop.obs"], ["shop"], ["shop.none"], ["structlog"], ["**"]]),
        "wiring": st.sampled_from([[], ["shop.a"], ["shop/b.py"]]),
        "logging": st.sampled_from(["facade", "central"]),
        "kind": st.sampled_from(["service", "library"]),
        "select": st.sampled_from([["ALL"], ["OBS103"], ["OBS1"]]),
        "type-checking-imports": st.sampled_from(["allow", "forbid"]),
        "strict-dynamic": st.booleans(),
        "require-reason": st.booleans(),
        "scopes": st.just([{"paths": ["shop/a.py"], "surface": ["shop.b"]}]),
        "emitters": st.just([{"function": "shop.obs.emit", "event": 0}]),
        "per-file-ignores": st.just({"shop/b.py": ["OBS102"]}),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.dictionaries(_PATHS, _FILE, min_size=1, max_size=6), table=_CONFIGS)
def test_no_project_crashes_the_engine(files: dict[str, str], table: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            report = engine.run(from_table(table, folder), cwd=folder, jobs=1, use_cache=False)
        except (ConfigError, CatalogueError):
            return
        assert not [failure for failure in report.failures if failure.code == "internal"]
        again = engine.run(from_table(table, folder), cwd=folder, jobs=1, use_cache=False)
        assert again == report
