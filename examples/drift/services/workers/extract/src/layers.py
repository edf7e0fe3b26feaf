"""The layers that a document goes through."""

from time import perf_counter

from packages import observability as obs
from packages.observability._envelope import build

LAYERS = ("ocr", "language", "entities")


def run_layer(name, document):
    """Run one layer and say how long it took."""
    started = perf_counter()
    with obs.bind(layer_name=name):
        obs.emit("inkwell.layer.started", {"layer_version": "3"})
        result = {**document, name: "done"}
        elapsed = (perf_counter() - started) * 1000
        obs.emit("inkwell.layer.completed", {"layer_version": "3", "latency_ms": elapsed})
    print(f"{name} took {elapsed:.1f} ms")
    return result


def preview(name):
    """Return what an event of this layer looks like, for the admin page."""
    return build("inkwell.layer.started", {"layer_name": name}, "debug")
