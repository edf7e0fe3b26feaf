"""One record: whatever a running system put out, in the one shape that every check of the harness reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

EVENT: Final = "event"
"""An envelope: an object with an event name, and a payload, a correlation or an actor."""
LOG: Final = "log"
"""Any other structured line: an object (a logger's JSON line, an OTLP log record without an event name)."""
TEXT: Final = "text"
"""A line that is not JSON; `payload["message"]` has it."""
SPAN: Final = "span"
"""A span of a trace."""
RESPONSE: Final = "response"
"""An HTTP response as the driver saw it."""
BROKEN: Final = "broken"
"""Something that could not be read: cut off, over a limit, not what it claims to be. `reason` says why."""

KINDS: Final = (EVENT, LOG, TEXT, SPAN, RESPONSE, BROKEN)

NOTHING: Final[Mapping[str, Any]] = {}
"""The payload of a record without one. Never written to."""
NO_IDS: Final[dict[str, str]] = {}
"""The ids of a record without any. Never written to."""


class Link(NamedTuple):
    """A span's link to another span; both ids in lower-case hex."""

    trace_id: str
    span_id: str


class Record(NamedTuple):
    """One captured line, span or response.

    A tuple, since a million of them are built in a run: `Record(kind, name, …)` positionally on hot paths,
    `record._replace(…)` and keywords in tests. Nothing in a record is written to after it was built; `ids`,
    `payload` and `resource` may be shared with `body` and with other records.
    """

    kind: str
    """One of `KINDS`."""
    name: str = ""
    """The event's name, the span's name, the logger's name; empty where unknown."""
    time: int = 0
    """Nanoseconds since the epoch: when it happened (a span: when it started). 0 where absent or not to be read."""
    ids: dict[str, str] = NO_IDS
    """The canonical correlation fields that were found: aliases, header spellings and `at` places are resolved. Values
    are text (a number is written as text); trace_id, span_id and parent_span_id of spans are in lower-case hex."""
    payload: Mapping[str, Any] = NOTHING
    """The event's payload, the log line's object, the span's attributes (converted when first looked at)."""
    body: Any = None
    """The whole parsed object as it came (an envelope without what it was wrapped in): a dict of a JSON line, the text
    of a `text` line. Of a span a Mapping that is made when looked at: name, attributes, status {code, message},
    events [{name, time, attributes}], links, trace_state, scope {name, version, attributes}. Of an OTLP log record
    {event_name, attributes, body, scope}."""
    source: str = ""
    """Which capture: `stdout:api`, `logs/a.jsonl`, `otlp`, `redis:trace:x`, `driver`."""
    line: int = 0
    """The 1-based line in the source, or the ordinal where the source has no lines. 0 where unknown."""
    service: str = ""
    """actor.service_name, the resource's service.name, a log line's service; empty where unknown."""
    severity: str = ""
    """debug | info | warn | error, or empty where absent or unknown (fatal and critical are error, trace is debug)."""
    raw: bytes = b""
    """The line as it came, container prefixes included; of OTLP the span or log record alone, as protobuf or JSON (its
    resource is in `resource`); empty where there is none. Canaries are looked for in it."""
    version: str = ""
    """The envelope's schema_version as text; empty where absent."""
    time_text: str = ""
    """The timestamp as it was written; empty where it was a number or absent."""
    reason: str = ""
    """Why a `broken` record could not be read; empty for all others."""
    resource: Mapping[str, Any] = NOTHING
    """The actor of an envelope, the resource's attributes of OTLP. One object for all records of a batch."""
    status: str = ""
    """A span's status: unset | ok | error. Empty for all others."""
    end: int = 0
    """Nanoseconds since the epoch at which a span ended; 0 where it did not or is no span."""
    span_kind: str = ""
    """internal | server | client | producer | consumer; empty where unspecified or no span."""
    links: tuple[Link, ...] = ()
    """The spans that this span links to."""
    remote_parent: bool | None = None
    """Whether the span's parent is in another process, where the exporter says so (OTLP flags); None otherwise."""
    form: str = ""
    """Of an event, what it came as: `envelope` (its `body` is the envelope, whatever it was wrapped in, so that the
    envelope's schema applies), `cloudevents`, `openlineage`, `otlp`, `fields` (found by places that the user gave).
    Empty for all others."""


def broken(reason: str, source: str, line: int, raw: bytes = b"") -> Record:
    """The record for something that could not be read, so that it is counted and shown, never lost."""
    return Record(BROKEN, source=source, line=line, raw=raw, reason=reason)
