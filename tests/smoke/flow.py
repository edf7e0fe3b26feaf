"""Flows of the shipped registry `narralytica` in a notation of one line an event, for tests of the checks.

    3 worker job_run.started j=1 run=1 attempt=2

is second 3, the service, the event, its ids (r request, j job, run, trace, span, parent) and what its payload has
beside the usual; a payload value is JSON, or text. `@logs` after the second names another source than the service's
own. `span` in place of an event is a span: `3 worker span name=process kind=consumer trace=1 span=2 parent=1 end=4`.
`log` is a log line, `text` a line that is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from obs_lint.catalogue.shipped import PACKAGE
from obs_lint.config.model import RegistrySource
from obs_lint.registry.index import read as read_index
from obs_lint.registry.model import Registry
from obs_lint.registry.reader import Reader
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.reading import read_lines
from obs_lint.smoke.records import LOG, SPAN, TEXT, Link, Record

BEGUN = 1_763_630_040
"""Second 0, since the epoch: 2025-11-20T09:14:00Z."""
SECOND = 1_000_000_000
IDS = {"r": "request_id", "j": "job_id", "run": "job_run_id", "trace": "trace_id", "span": "span_id"}
_MODEL = {"layer_version": "2", "model_provider": "mistral", "model_id": "small"}
USUAL: Mapping[str, Mapping[str, Any]] = {
    "job.created": {"job_type": "ingest", "status": "queued"},
    "job_run.started": {"job_type": "ingest", "status": "running", "attempt": 1},
    "job_run.completed": {"job_type": "ingest", "status": "completed", "attempt": 1, "latency_ms": 5},
    "job_run.failed": {
        "job_type": "ingest", "status": "failed", "attempt": 1, "latency_ms": 5, "error_type": "TimeoutError",
    },
    "layer.started": {"layer_name": "summary", **_MODEL},
    "layer.completed": {"layer_name": "summary", "status": "completed", "latency_ms": 5, **_MODEL},
    "layer.failed": {
        "layer_name": "summary", "status": "failed", "latency_ms": 5, "error_type": "E", "error_message": "m", **_MODEL,
    },
    "search.executed": {"mode": "hybrid", "results_count": 12, "latency_ms": 8},
}  # fmt: skip


def uuid(number: str) -> str:
    """A UUID for a short name."""
    return f"0192f0c1-0000-7000-8000-{number:0>12}"


def hexadecimal(number: str, width: int) -> str:
    return number if len(number) == width else f"{number:0>{width}}"


@cache
def narralytica() -> Registry:
    root = Path(PACKAGE) / "presets" / "narralytica"
    return read_index(RegistrySource("obs-registry.yaml"), Reader(str(root)))


def registry_of(text: str, folder: Path) -> Registry:
    """A registry that is given as YAML."""
    (folder / "obs-registry.yaml").write_text(text, encoding="utf-8")
    return read_index(RegistrySource("obs-registry.yaml"), Reader(str(folder)))


def fields_of(registry: Registry, places: Fields | None = None) -> Fields:
    return Fields.of_registry(
        {one.name: {"header": one.header, "aliases": one.aliases, "at": one.at} for one in registry.correlation}, places
    )


def plan_of(registry: Registry) -> Plan:
    return Plan.of([registry])


def records_of(lines: Iterable[str], registry: Registry | None = None) -> list[Record]:
    """The records of a flow, each read from the line that a system would write."""
    registry = registry or narralytica()
    fields = fields_of(registry)
    known = {event.name for event in registry.events}
    made = []
    for number, line in enumerate(lines, 1):
        made += _records(line, number, fields, known)
    return made


def _records(line: str, number: int, fields: Fields, known: set[str]) -> list[Record]:
    second, *words = line.split()
    source = ""
    if words[0].startswith("@"):
        source = words.pop(0)[1:]
    service, event, *given = words
    source = source or f"stdout:{service}"
    values = dict(word.partition("=")[::2] for word in given)
    at = BEGUN + float(second)
    if event == "text":
        return [Record(TEXT, payload={"message": "x"}, body="x", source=source, line=number, raw=b"x")]
    if event == "span":
        return [_span(values, int(at * SECOND), service, source, number)]
    ids = {}
    for short, name in IDS.items():
        if short in values:
            value = values.pop(short)
            ids[name] = (
                hexadecimal(value, 32)
                if short == "trace"
                else hexadecimal(value, 16)
                if short == "span"
                else uuid(value)
            )
    payload = {**USUAL.get(event, {}), **{key: _value(value) for key, value in values.items()}}
    payload = {key: value for key, value in payload.items() if value != "-"}
    moment = _written(at)
    if event == "log":
        whole = {"timestamp": moment, "level": "info", "message": "m", "service": service, "environment": "test"}
        whole |= {**ids, **payload}
        [record] = read_lines([json.dumps(whole).encode()], source, fields)
        assert record.kind == LOG
        return [record._replace(line=number)]
    name = event if event in known or "." not in event or event.startswith("obs.") else f"narralytica.{event}"
    whole = {
        "event_name": name,
        "occurred_at": payload.pop("occurred_at", moment),
        "correlation": ids,
        "actor": {"service_name": service, "service_version": "1", "env": "test"},
        "payload": payload,
    }
    for key in ("severity", "schema_version"):
        if key in payload:
            whole[key] = payload.pop(key)
    [record] = read_lines([json.dumps(whole).encode()], source, fields)
    return [record._replace(line=number)]


def _span(values: Mapping[str, str], start: int, service: str, source: str, number: int) -> Record:
    ids = {"trace_id": hexadecimal(values.get("trace", "1"), 32), "span_id": hexadecimal(values["span"], 16)}
    if "parent" in values:
        ids["parent_span_id"] = hexadecimal(values["parent"], 16)
    ids |= {IDS[key]: uuid(values[key]) for key in ("r", "j", "run") if key in values}
    links = (Link("1" * 32, hexadecimal(values["link"], 16)),) if "link" in values else ()
    end = BEGUN + float(values["end"]) if "end" in values else start / SECOND + 1
    remote = {"true": True, "false": False}.get(values.get("remote", ""))
    return Record(
        SPAN, values.get("name", "work"), start, ids, source=source, line=number, service=service, raw=b"span",
        status=values.get("status", "unset"), end=int(end * SECOND), span_kind=values.get("kind", "internal"),
        links=links, remote_parent=remote,
    )  # fmt: skip


def _written(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
