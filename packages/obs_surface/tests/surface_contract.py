"""What tests of events share: the registry of 004 as its lock, and a check of lines that does not use obs_surface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

LOCK = Path(__file__).parent / "data" / "narralytica.lock.json"
DOCUMENT: dict[str, Any] = json.loads(LOCK.read_bytes())
EVENTS: dict[str, Any] = DOCUMENT["events"]
(_SOURCE,) = DOCUMENT["sources"].values()
ENVELOPE = jsonschema.Draft202012Validator(
    _SOURCE["schemas"]["envelope"], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
REQUEST = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
JOB = "0192f0c1-7b02-7d19-8c55-60b7f1d2a9e4"
RUN = "0192f0c1-8e4f-7a60-b3d7-91c2e5f4087b"
IDS: dict[str, Any] = {"request_id": REQUEST, "job_id": JOB, "job_run_id": RUN}
SEARCH = "narralytica.search.executed"
FOUND = {"mode": "hybrid", "results_count": 12, "latency_ms": 8.1}


def envelope_of(line: bytes) -> dict[str, Any]:
    """Return the one JSON object of a line, after checking that it is a line and an envelope."""
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and b"\r" not in line
    found = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    problems = [f"{error.json_path}: {error.message}" for error in ENVELOPE.iter_errors(found)]
    assert not problems, problems
    return dict(found)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
