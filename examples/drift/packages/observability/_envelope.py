"""What every event has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from packages.observability.context import current


def build(event_name: str, payload: Mapping[str, Any], severity: str) -> dict[str, Any]:
    """Put a payload into its envelope."""
    return {
        "event_name": event_name,
        "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "severity": severity,
        "correlation": {name: value for name, value in asdict(current()).items() if value},
        "payload": dict(payload),
    }
