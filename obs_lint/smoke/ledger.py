"""The ledger of a run: every finding by its fingerprint, and what each code has looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from obs_lint.smoke.findings import Answer, Finding, Seen, Verdict
from obs_lint.smoke.records import Record

CODES = tuple(
    f"OBS{number}"
    for first, last in (
        (801, 806), (811, 818), (821, 824), (831, 837), (841, 843), (851, 855), (861, 865), (871, 874), (881, 883),
        (891, 891),
    )
    for number in range(first, last + 1)
)  # fmt: skip
"""Every code of the smoke checks, in order."""

MAX_FINDINGS = 500
"""Different findings that are kept of one code; beyond it they are counted only."""
MAX_SHOWN = 200
MAX_TRAIL = 4
"""Further occurrences that a finding shows."""

_NO_IDS: Mapping[str, str] = {}


@cache
def messages() -> Mapping[str, str]:
    """Return code → the template of its message, as the shipped rules have them."""
    from obs_lint.catalogue.shipped import documents

    return {rule["code"]: rule["message"].strip() for _, rule in documents() if rule["check"] == "smoke"}


class _Entry:
    """A finding in the making."""

    __slots__ = ("count", "fields", "first", "ids", "inconclusive", "line", "source", "time", "trail")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.count = 0
        self.inconclusive = True
        self.ids = _NO_IDS
        self.source = ""
        self.line = 0
        self.time = 0
        self.trail: tuple[Seen, ...] = ()


class Ledger:
    """What the checks write into."""

    def __init__(self, ignore: Iterable[str] = ()) -> None:
        self.ignored = frozenset(ignore)
        self._entries: dict[tuple[str, str, str, str], _Entry] = {}
        self._of_code: dict[str, int] = {}
        self.overflow: dict[str, int] = {}
        """Code → findings that were beyond MAX_FINDINGS."""
        self.looked: dict[str, int] = dict.fromkeys(CODES, 0)
        """Code → records, flows or spans that were judged."""
        self._undecided: dict[str, str] = {}
        self._absent: dict[str, str] = {}

    def report(
        self,
        code: str,
        record: Record | Occurrence | None = None,
        *,
        event: str = "",
        field: str = "",
        producer: str = "",
        inconclusive: bool = False,
        trail: tuple[Seen, ...] = (),
        **fields: Any,
    ) -> None:
        """Note one occurrence; equal code, event, field and producer are one finding.

        `fields` fill in the message of the rule. `record`: where it was seen.
        """
        if code in self.ignored:
            return
        if record is not None:
            event = event or record.name
            producer = producer or record.service or record.source
        key = (code, event, field, producer)
        entry = self._entries.get(key)
        if entry is None:
            if self._of_code.get(code, 0) >= MAX_FINDINGS:
                self.overflow[code] = self.overflow.get(code, 0) + 1
                return
            self._of_code[code] = self._of_code.get(code, 0) + 1
            entry = self._entries[key] = _Entry(fields)
        entry.count += 1
        if entry.count == 1 or (entry.inconclusive and not inconclusive):
            # What is certain is shown before what is not.
            entry.inconclusive = inconclusive
            entry.fields = fields
            entry.trail = trail[:MAX_TRAIL]
            if record is not None:
                entry.ids, entry.source, entry.line, entry.time = record.ids, record.source, record.line, record.time
        elif record is not None and len(entry.trail) < MAX_TRAIL:
            entry.trail = (*entry.trail, Seen(record.source, record.line, "and here"))

    def undecided(self, code: str, reason: str) -> None:
        """Say that a code can't be answered, whatever else passes."""
        self._undecided.setdefault(code, reason)

    def absent(self, code: str, reason: str) -> None:
        """Say why a code has nothing to look at."""
        self._absent.setdefault(code, reason)

    def found(self, code: str) -> bool:
        """True where a code has a finding."""
        return self._of_code.get(code, 0) > 0

    def drop(self, code: str, event: str, field: str, producer: str) -> None:
        """Take a finding back: it was seen to be part of another."""
        if self._entries.pop((code, event, field, producer), None) is not None:
            self._of_code[code] -= 1

    def findings(self) -> list[Finding]:
        """Every finding, in the order of codes and places."""
        templates = messages() if self._entries else {}
        made = []
        for (code, event, field, producer), entry in self._entries.items():
            fields = {"event": event, "field": field, "producer": producer, **entry.fields}
            text = templates.get(code, code).format_map({name: shown(value) for name, value in fields.items()})
            made.append(
                Finding(
                    code, text, shown(event), shown(field), shown(producer), entry.source, entry.line, entry.ids,
                    entry.count, entry.inconclusive, entry.trail, (), entry.time,
                )
            )  # fmt: skip
        made.sort(key=lambda finding: (finding.code, finding.source, finding.line, finding.target))
        return made

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each code: what failed, what can't be told, what was looked at."""
        certain = {code for (code, *_), entry in self._entries.items() if not entry.inconclusive}
        uncertain = {code for (code, *_), entry in self._entries.items() if entry.inconclusive}
        made = {}
        for code in CODES:
            looked = self.looked[code]
            if code in self.ignored:
                made[code] = Verdict(code, Answer.NOT_APPLICABLE, "it is ignored", looked)
            elif code in certain:
                made[code] = Verdict(code, Answer.FAIL, self._undecided.get(code, ""), looked)
            elif code in uncertain or code in self._undecided:
                reason = self._undecided.get(code, "the evidence is incomplete, or it is still in flight")
                made[code] = Verdict(code, Answer.INCONCLUSIVE, reason, looked)
            elif looked:
                made[code] = Verdict(code, Answer.PASS, "", looked)
            else:
                made[code] = Verdict(code, Answer.NOT_APPLICABLE, self._absent.get(code, "nothing to look at"))
        return made


def shown(value: Any) -> str:
    """A name or an id on one line, at most 200 characters: what a system wrote must not write on a terminal."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_SHOWN:
        text = text[:MAX_SHOWN] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class Occurrence:
    """What is kept of a record that may have to be shown later."""

    __slots__ = ("ids", "line", "name", "service", "source", "time")

    def __init__(self, record: Record) -> None:
        self.name = record.name
        self.ids = record.ids
        self.time = record.time
        self.source = record.source
        self.line = record.line
        self.service = record.service

    @property
    def seen(self) -> Seen:
        """Where it was."""
        return Seen(self.source, self.line, self.name)
