"""Put finished documents into the search index."""

import importlib

from packages import observability as obs


def load_metrics():
    """Return the metrics library where it is installed."""
    try:
        return importlib.import_module("prometheus_client")
    except ImportError:
        return None


def sync(batch):
    """Write a batch and report it."""
    obs.emit("inkwell.index.sync_started", {"documents": len(batch)})
    metrics = load_metrics()
    if metrics is not None:
        metrics.Counter("indexed_documents", "Documents written to the index").inc(len(batch))
    obs.emit("inkwell.index.sync_completed", {"documents": len(batch)})
