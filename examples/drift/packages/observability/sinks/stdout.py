"""Envelopes as JSON lines on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


class StdoutSink:
    """Write one line an envelope."""

    def write(self, envelope: Mapping[str, Any]) -> None:
        """Take one envelope."""
        sys.stdout.write(json.dumps(envelope, separators=(",", ":")) + "\n")
