"""GET /health/live and /health/ready (001, health checks): asked every few seconds, so they emit nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter, Response

from packages import observability as obs
from services.api.opened import OpenedQueue, OpenedStore

router = APIRouter(prefix="/health")
log = obs.get_logger(__name__)


@router.get("/live")
@obs.instrument(emit_events=False)
def live() -> dict[str, object]:
    """Say that the process is up; asks nothing else."""
    return {"status": "ok", "timestamp": datetime.now(UTC).isoformat(), "checks": {}}


@router.get("/ready")
@obs.instrument(emit_events=False)
def ready(response: Response, store: OpenedStore, queue: OpenedQueue) -> dict[str, object]:
    """Say whether requests can be served: the store answers, and the queue."""
    checks = {"store": _check(store.ping), "queue": _check(queue.ping)}
    ok = set(checks.values()) == {"ok"}
    response.status_code = 200 if ok else 503
    return {"status": "ok" if ok else "error", "timestamp": datetime.now(UTC).isoformat(), "checks": checks}


def _check(ping: Callable[[], None]) -> str:
    try:
        ping()
    except Exception:
        log.exception("a dependency does not answer")
        return "error"
    return "ok"
