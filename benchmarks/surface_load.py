"""What 1,000 concurrent requests cost with sinks that are slow, dead, blocked and durable; figures beside a calm run.

    python benchmarks/surface_load.py [requests]

The scenario is the one that packages/obs_surface/tests/test_load.py asserts on.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

_SCENARIO = Path(__file__).resolve().parent.parent / "packages" / "obs_surface" / "tests" / "test_load.py"


def _scenario() -> ModuleType:
    spec = importlib.util.spec_from_file_location("surface_load_scenario", _SCENARIO)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{_SCENARIO} is missing: run this from a checkout")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Print a line a run and a line a sink."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    load = _scenario()
    events = requests * load.EVENTS_A_REQUEST
    print(f"{requests} concurrent requests, {load.EVENTS_A_REQUEST} events each")
    print(f"{'sinks':34}{'seconds':>9}{'µs/event':>10}{'ratio':>7}{'slowest ms':>12}{'failed':>8}")
    base = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, troubled, durable) in enumerate(
            (
                ("(warming up)", False, False),
                ("file, one fine", False, False),
                ("+ slow, dead, blocked", True, False),
                ("file, one fine, durable", False, True),
                ("+ slow, dead, blocked, flaky store", True, True),
            )
        ):
            figures = load.run(requests, Path(folder) / f"{number}.jsonl", troubled=troubled, durable=durable)
            if not number:
                continue
            base = base or figures.seconds
            print(
                f"{title:34}{figures.seconds:9.3f}{figures.seconds / events * 1e6:10.1f}{figures.seconds / base:7.2f}"
                f"{figures.slowest_request * 1000:12.1f}{figures.failed:8}"
            )
    print()
    for name, counted in figures.stats.items():
        print(f"{name:12}" + "  ".join(f"{key} {value}" for key, value in counted.items()))
    store = figures.store
    print(f"store: {len(store.stored)} of {events} stored, {store.failures} of {store.calls} sends failed")


if __name__ == "__main__":
    main()
