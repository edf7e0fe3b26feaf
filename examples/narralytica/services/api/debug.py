"""GET /debug/boom, only under NARRALYTICA_DEBUG=1: an error that nobody handles."""

from __future__ import annotations

from fastapi import APIRouter

from packages import observability as obs

router = APIRouter(prefix="/debug")


@router.get("/boom")
@obs.instrument
def boom() -> None:
    """Fail."""
    raise ZeroDivisionError("as /debug/boom does")
