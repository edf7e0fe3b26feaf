"""A Hop is one place where work leaves the process: an HTTP call or a job, with the correlation ids that go along."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from obs_lint.facts.model import Expr, Pos
from obs_lint.queues import Publication
from obs_lint.registry.model import CorrelationField


class Hop(NamedTuple):
    """One outbound call or one enqueued job."""

    path: str
    scope: int
    call: Expr
    statement: Pos
    kind: str
    """`http` or `job`."""
    library: str
    """`httpx`, `celery`, `redis`, …"""
    target: str
    """The URL (unknown parts as `<NAME>`), the task, the queue, stream or topic; "" where it can't be told."""
    function: tuple[str, int] | None
    """(path, index into its functions) of the task function, where it is in sight."""
    carries: tuple[str, ...]
    """Canonical names of the correlation fields that go along, sorted."""
    by: str
    """`header`, `argument`, `payload` or `propagation`; "" where nothing is carried."""
    complete: bool
    """False where it may carry others: headers or a payload that can't be told."""
    internal: bool = False
    """Of `http`: True where the host is one of `correlation.internal-hosts`."""
    publication: Publication | None = None
    """Of what is published on a queue of the project's own."""
    topics: tuple[str, ...] = ()
    """Of such a one: the topics that it may be of."""
    told: bool = True
    """Of such a one: False where it may be of other topics."""


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_TOKEN = re.compile(r"[\w.-]+")
_HEADERS_OF_TRACES = (
    "traceparent",
    "b3",
    "x-b3-traceid",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-datadog-trace-id",
    "uber-trace-id",
)
_WHOLE = frozenset({"correlation", "correlation_context", "correlation_ids", "correlation_headers", "trace_context"})
"""Names of what holds all ids."""
DEFAULT_FIELDS: tuple[CorrelationField, ...] = (
    CorrelationField("request_id", header="X-Request-Id", aliases=("req_id",)),
    CorrelationField("correlation_id", header="X-Correlation-Id", aliases=("corr_id",)),
    CorrelationField("job_id"),
    CorrelationField("job_run_id"),
    CorrelationField("trace_id", header="traceparent"),
)
"""What counts where no registry declares correlation fields."""


class Canonical:
    """The correlation fields of a project, by every way in which they are written."""

    def __init__(self, fields: Iterable[CorrelationField] = ()) -> None:
        """Without fields, those that are common count."""
        rows = tuple(fields) or DEFAULT_FIELDS
        self.names = tuple(sorted({row.name for row in rows}))
        self._spelled: dict[str, str] = {}
        self._headers: dict[str, str] = dict.fromkeys(_HEADERS_OF_TRACES, "trace_id")
        for row in rows:
            for name in (row.name, *row.aliases):
                self._spelled.setdefault(snake(name), row.name)
                self._headers[_header(name)] = row.name
            if row.header:
                self._headers[_header(row.header)] = row.name

    def of_name(self, name: str) -> tuple[str, ...]:
        """Return the fields that a variable, attribute, keyword, key or function of that name holds.

        `request_id`, `requestId`, `get_request_id`, `parent_request_id`, `request_id_var`; `correlation` holds all.
        """
        words = snake(name)
        if words in _WHOLE:
            return self.names
        found = self._spelled.get(words)
        if found is None:
            for spelled, field in self._spelled.items():
                if words.endswith("_" + spelled) or (words.startswith(spelled + "_") and _is_holder(words, spelled)):
                    return (field,)
        return () if found is None else (found,)

    def of_header(self, name: str) -> tuple[str, ...]:
        """Return the field that a header of that name holds, whatever its case; `X-Request-Id` is `request-id`."""
        if not _TOKEN.fullmatch(name):
            return ()
        found = self._headers.get(_header(name)) or self._headers.get(name.lower())
        return (found,) if found is not None else self.of_name(name)


def _is_holder(words: str, spelled: str) -> bool:
    return words[len(spelled) + 1 :] in ("var", "ctx", "ctx_var", "context", "contextvar", "header", "header_name")


def snake(name: str) -> str:
    """Return a name in lower case with its words joined by underscores."""
    return "_".join(word.lower() for word in _WORDS.findall(name))


def _header(name: str) -> str:
    words = snake(name)
    return words[2:].replace("_", "-") if words.startswith("x_") else words.replace("_", "-")
