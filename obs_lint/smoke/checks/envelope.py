"""OBS811-818: an event is what its envelope, its schema and the registry say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from json import dumps
from typing import Any, Final

from obs_lint.smoke.checks.check import SECOND, Check, End
from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import EventPlan, Plan
from obs_lint.smoke.records import NOTHING, Record
from obs_lint.smoke.redacted import Redacted
from obs_lint.smoke.validators import Validator, compiled
from obs_lint.smoke.windows import Traces, Window

_UTC: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|\+00:00)")
_OFFSET: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")
_MAJOR: Final = re.compile(r"[vV]?(\d+)(?:\.\d+)*(?:[-+].*)?")
_TIMES: Final = ("occurred_at", "timestamp", "time", "eventTime", "event_time", "@timestamp")
_NAMES: Final = ("/event_name", "/event_type", "/type", "/eventType", "/name")
_ABSENT: Final = object()


class EnvelopeCheck(Check):
    """Envelopes, payloads, event ids, times, sizes, deprecation, severity and producers."""

    codes = ("OBS811", "OBS812", "OBS813", "OBS814", "OBS815", "OBS816", "OBS817", "OBS818")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._envelope = None if plan.envelope is None else compiled(plan.envelope)
        self._fits = None if self._envelope is None else self._envelope.fits
        self._max = options.max_bytes
        self._events = self._enveloped = self._validated = self._sized = self._with_id = 0
        self._severed = self._produced = 0
        self._since = options.started and options.started - int(options.skew * SECOND)
        self._latest = 0
        self._ids: Window[Any, int] = Window(options.window, self._leave)
        self._past: Traces | None = None
        self._names = plan.producers
        self._producers: dict[tuple[frozenset[str], str], bool | None] = {}
        self._utc = _UTC.fullmatch
        self._late: list[Record] = []

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        self._events += 1
        body = record.body
        # -- the envelope
        if self._fits is not None and body.__class__ is dict and not ("scope" in body and "attributes" in body):
            self._enveloped += 1
            if not self._fits(body):
                self._bad_envelope(record, known)
        # -- time
        text = record.time_text
        time = record.time
        if (
            not time
            or (text and self._utc(text) is None)
            or (not text and body.__class__ is dict and not ("scope" in body and "attributes" in body))
        ):
            self._bad_time(record)
        if time:
            if self._since and time < self._since:
                self.ledger.report("OBS814", record, field="time", what="is from before the run began")
            if time > self._latest:
                self._latest = time
                if self._since:
                    self._late.append(record)
                    if len(self._late) > 64:
                        # The latest times only: which of them are after the end is known at the end.
                        del self._late[:32]
        # -- size
        size = len(record.raw)
        if size:
            self._sized += 1
            if size > self._max:
                self.ledger.report("OBS815", record, what=f"has {size} bytes, more than {self._max}")
        # -- identity
        if body.__class__ is dict:
            identity = body.get("event_id") or body.get("id") or body.get("eventId")
            if identity is not None and identity.__class__ is str:
                self._identity(record, body, identity)
        if known is None:
            return
        # -- payload
        if known.schema is not None:
            validator = known.validator
            if validator is None:
                validator = known.validator = compiled(known.schema) or _UNUSABLE
            if validator is not _UNUSABLE:
                self._validated += 1
                payload = record.payload
                if payload.__class__ is not dict:
                    payload = plain(payload)
                if not validator.fits(payload):
                    self._bad_payload(record, known, validator, payload)
        version = record.version
        if (version and version != "1") or (version and known.version != 1):
            self._version(record, known, version)
        # -- deprecation
        if known.deprecated:
            self.ledger.report("OBS816", record, what=known.deprecated)
        for name, instead in known.deprecated_fields:
            if name in record.payload:
                also = f"; `{instead}` stands for it" if instead else ""
                self.ledger.report("OBS816", record, field=f"/{name}", what=f"has the deprecated field `{name}`{also}")
        # -- severity and producer
        if known.severity and record.severity:
            self._severed += 1
            if record.severity != known.severity:
                what = f"has severity {record.severity}, the registry says {known.severity}"
                self.ledger.report("OBS817", record, field="severity", what=what)
        if known.producers and record.service:
            self._producer(record, known)

    # -- each in detail

    def _bad_envelope(self, record: Record, known: EventPlan | None) -> None:
        assert self._envelope is not None
        for pointer, keyword, said in self._envelope.problems(record.body):
            if keyword in ("pattern", "format") and pointer[1:] in _TIMES:
                continue  # OBS814 says what is wrong with a time
            if keyword in ("pattern", "enum") and known is None and pointer in _NAMES and self.plan.declared:
                continue  # OBS805 says that the name is not registered
            # A list's items are one place.
            shown = re.sub(r"/\d+(?=/|$)", "/*", pointer)
            self.ledger.report("OBS811", record, field=shown, pointer=pointer or "the envelope", said=said)

    def _bad_payload(self, record: Record, known: EventPlan, validator: Validator, payload: Any) -> None:
        redacted = known.redacted
        if redacted is None:
            redacted = known.redacted = Redacted(known.schema, self.plan.classifications, self.plan.sensitive)
        for pointer, keyword, said in validator.problems(payload):
            if redacted.excuses(payload, pointer, keyword):
                continue  # it was what it must be before it was redacted
            shown = re.sub(r"/\d+(?=/|$)", "/*", pointer)
            self.ledger.report(
                "OBS812", record, field=shown, pointer=pointer or "the payload", said=said, version=known.version
            )

    def _version(self, record: Record, known: EventPlan, version: str) -> None:
        found = _MAJOR.fullmatch(version)
        if found is not None and int(found[1]) != known.version:
            self.ledger.report(
                "OBS812",
                record,
                field="version",
                pointer="its version",
                said=f"is {found[1]}, which the registry does not have",
                version=known.version,
            )

    def _bad_time(self, record: Record) -> None:
        text = record.time_text
        if not text:
            if record.time:
                what = "is a number, not RFC 3339 text"
            elif not isinstance(record.body, Mapping) or any(name in record.body for name in _TIMES):
                what = "can't be read"
            elif self._fits is not None:
                return  # the envelope's schema says whether there must be one
            else:
                what = "is missing"
        elif self._utc(text) and not record.time:
            what = "is no time of any day"
        elif _OFFSET.fullmatch(text):
            what = "is not UTC: it must end in Z or +00:00"
        elif text[-7:] == "+00:00Z":
            what = "ends in `+00:00Z`: one of the two"
        else:
            what = "is not RFC 3339"
        self.ledger.report("OBS814", record, field="time", what=what)

    def _identity(self, record: Record, body: dict[str, Any], identity: str) -> None:
        # CloudEvents: an id is unique within its source.
        key = (body.get("source"), identity) if "specversion" in body and "id" in body else identity
        self._with_id += 1
        content = hash(dumps(body, sort_keys=True, default=str, separators=(",", ":")))
        try:
            before = self._ids.get(key)
        except TypeError:
            return  # a `source` that is no text: the envelope's schema says so
        if before is None:
            self._ids[key] = content
            past = self._past
            if past is not None and key in past and (key, content) not in past:
                self.ledger.report("OBS813", record, field="id", id=identity, inconclusive=True)
        elif before != content:
            self.ledger.report("OBS813", record, field="id", id=identity)

    def _leave(self, ids: dict[Any, int]) -> None:
        """Ids are about to be forgotten: that they were there must not be."""
        if self._past is None:
            self._past = Traces()
        for key, content in ids.items():
            self._past.add(key)
            self._past.add((key, content))

    def _producer(self, record: Record, known: EventPlan) -> None:
        key = (known.producers, record.service)
        allowed = self._producers.get(key, _ABSENT)
        if allowed is _ABSENT:
            if len(self._producers) > 10_000:
                self._producers.clear()
            allowed = self._producers[key] = self._may(known.producers, record.service)
        if allowed is None:
            reason = f"service `{record.service}` is no producer that the registry names: map it with `services`"
            self.ledger.undecided("OBS818", reason)
            return
        self._produced += 1
        if not allowed:
            wanted = ", ".join(sorted(known.producers))
            self.ledger.report("OBS818", record, field="producer", wanted=wanted)

    def _may(self, producers: frozenset[str], service: str) -> bool | None:
        """Whether a service is one of the producers; None where it is nobody that the registry knows."""
        services = self.options.services
        for producer in producers:
            if service == producer or any(fnmatchcase(service, name) for name in services.get(producer, ())):
                return True
        words = set(re.split(r"[^a-z0-9]+", service.lower()))
        if any(producer.lower() in words for producer in producers):
            return True
        known = service in self._names or bool(words & {name.lower() for name in self._names})
        return False if services or known else None

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        skew = int(self.options.skew * SECOND)
        if self._since and end.ended.at:
            for record in self._late:
                if record.time > end.ended.at + skew:
                    self.ledger.report("OBS814", record, field="time", what="is from after the run ended")
        looked, absent = self.ledger.looked, self.ledger.absent
        looked["OBS811"] += self._enveloped
        looked["OBS812"] += self._validated
        looked["OBS813"] += self._with_id
        looked["OBS814"] += self._events
        looked["OBS815"] += self._sized
        looked["OBS816"] += self._events if self.plan.declared else 0
        looked["OBS817"] += self._severed
        looked["OBS818"] += self._produced
        absent("OBS811", "no registry has a schema of the envelope" if self._fits is None else "no envelope was seen")
        absent("OBS812", "no event with a declared payload was seen")
        absent("OBS813", "no envelope has an id")
        absent("OBS817", "no event with a declared severity told its own")
        absent("OBS818", "no event with declared producers told its service")

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {"event ids": self._ids.evicted}


class _Unusable:
    """Stands for the validator of a schema that can't be used."""


_UNUSABLE: Any = _Unusable()


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dicts and lists for what converts only when it is looked at."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()} if value is not NOTHING else {}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
