"""OBS821-824: every response carries exactly one request id, the one that was sent where that is well-formed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.records import Record

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID: Final = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_INTEGER: Final = re.compile(r"[0-9]{1,20}")
_HEX: Final = {"otel-trace-id": re.compile(r"[0-9a-f]{32}"), "otel-span-id": re.compile(r"[0-9a-f]{16}")}
_REFLECTED: Final = 8
"""Characters of a malformed id that must come back for it to count as reflected, where not all of it does."""


class _Answered(NamedTuple):
    seen: Occurrence
    sent: str
    valid: bool
    got: str


def well_formed(text: str, kind: str) -> bool:
    """True for an id that a service must take: of the registry's type, printable, at most 128 characters."""
    if kind == "uuid":
        return _UUID.fullmatch(text) is not None
    if kind == "integer":
        return _INTEGER.fullmatch(text) is not None
    return _HEX.get(kind, _ID).fullmatch(text) is not None


class HttpCheck(Check):
    """What the driver got back. `payload` of a response: method, url, status, headers as (name, value) in their order
    with repetitions kept, sent_request_id (None where none was sent), step.
    """

    codes = ("OBS821", "OBS822", "OBS823", "OBS824")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        _, self._header, self._type = plan.request_header
        self._answered: list[_Answered] = []

    def response(self, record: Record) -> None:
        """See `Check.response`."""
        payload = record.payload
        headers = [(_text(name), _text(value)) for name, value in _pairs(payload.get("headers"))]
        status = payload.get("status")
        if not isinstance(status, int) or status <= 0:
            return  # no response: the step fails by itself
        looked = self.ledger.looked
        looked["OBS821"] += 1
        event = _route(record)
        values = [value for name, value in headers if name.lower() == self._header.lower()]
        sent_id = payload.get("sent_request_id")
        sent = _text(sent_id) if sent_id is not None else ""
        given = sent_id is not None
        valid = given and well_formed(sent, self._type)
        if len(values) != 1 or not values[0].strip():
            what = "no" if not values else "an empty" if len(values) == 1 else str(len(values))
            tail = " headers, not one" if len(values) > 1 else " header"
            self.ledger.report(
                "OBS821", record, event=event, field=self._header, header=self._header, status=status, what=what,
                tail=tail,
            )  # fmt: skip
        if given and not valid:
            looked["OBS823"] += 1
            where = _reflected(sent, headers)
            if where:
                self.ledger.report("OBS823", record, event=event, field=where, what=_malformed(sent), status=status)
        if len(values) == 1 and values[0]:
            if valid:
                looked["OBS822"] += 1
            looked["OBS824"] += 1
            seen = Occurrence(record)
            seen.name = event
            self._answered.append(_Answered(seen, sent, valid, values[0]))

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        by_id: dict[str, list[_Answered]] = defaultdict(list)
        sent_by: dict[str, list[_Answered]] = defaultdict(list)
        for one in self._answered:
            by_id[one.got].append(one)
            if one.valid:
                sent_by[one.sent].append(one)
        swapped: set[int] = set()
        for got, group in by_id.items():
            senders = sent_by.get(got, [])
            strangers = [one for one in group if not (one.valid and one.sent == got)]
            others = [one for one in senders if one.got != got or len(senders) < len(group)]
            if strangers and (others or len(group) > 1):
                for one in strangers:
                    swapped.add(id(one))
                    trail = tuple(
                        other.seen.seen for other in (*group, *senders) if other is not one and other not in strangers
                    )
                    self.ledger.report(
                        "OBS824", one.seen, field=self._header, trail=trail, id=got, header=self._header,
                        number=max(len(group), 2),
                    )  # fmt: skip
        for one in self._answered:
            if one.valid and one.got != one.sent and id(one) not in swapped:
                what = "other text came back"
                if one.got.lower() == one.sent.lower():
                    what = "its case was changed"
                elif one.got.strip() == one.sent:
                    what = "white space was added"
                self.ledger.report("OBS822", one.seen, field=self._header, header=self._header, what=what)
        absent = self.ledger.absent
        absent("OBS821", "no response was driven")
        absent("OBS822", "no request was sent with a well-formed id")
        absent("OBS823", "no request was sent with a malformed id")
        absent("OBS824", "no response with one id was driven")
        if self._answered and len(self._answered) < 2:
            self.ledger.looked["OBS824"] = 0
            absent("OBS824", "a single response can't share its id")


def _route(record: Record) -> str:
    payload = record.payload
    url = _text(payload.get("url", ""))
    path = re.sub(r"^[a-z+]+://[^/]*", "", url).partition("?")[0] or "/"
    method = _text(payload.get("method", ""))
    return f"{method} {path}".strip() if method or url else record.name


def _malformed(sent: str) -> str:
    if "\r" in sent or "\n" in sent:
        return "a line break"
    if len(sent) > 128:
        return f"{len(sent)} characters"
    return "a form that the registry does not allow"


def _reflected(sent: str, headers: Iterable[tuple[str, str]]) -> str:
    """The header in which a malformed id came back, whole or in part; empty where in none."""
    lines = [line for line in re.split(r"[\r\n]+", sent) if line]
    injected = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    for name, value in headers:
        if sent and (sent == value or (len(sent) >= _REFLECTED and sent in value)):
            return name
        if len(lines) > 1 and name.lower() in injected and injected[name.lower()] == value.strip():
            return name
        if len(sent) > _REFLECTED and len(value) >= _REFLECTED and (value in sent or lines[:1] == [value]):
            return name
    return ""


def _pairs(headers: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(headers, dict):
        return headers.items()
    return [(pair[0], pair[1]) for pair in headers or () if isinstance(pair, (list, tuple)) and len(pair) == 2]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
