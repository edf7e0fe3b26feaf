"""OBS871-874: nothing planted comes back, nothing forbidden leaves as it is, whatever it hides in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from obs_lint.smoke.canaries import Canaries
from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.checks.envelope import plain
from obs_lint.smoke.detectors import PREFILTER, detect
from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import ALLOW, FORBID, HASH, EventPlan, Plan
from obs_lint.smoke.records import Record

_SCAN: Final = "scan"
_NAMED: Final = "named"
_KEY: Final = "key"
_MAX_SHAPES: Final = 512
"""Different sets of fields of one event whose plans are kept."""
_MAX_CLEAN: Final = 20_000
_MAX_DEPTH: Final = 32
_LONG: Final = 12
"""Characters of the shortest text that a detector can find anything in; shorter ones are no address either."""
_FIRST_CARD: Final = 10**12

_MARKER: Final = re.compile(
    r"[\[<({*]*\s*(?:redacted|filtered|masked|removed|hidden|omitted|scrubbed|censored|sensitive|secret|anonymi[sz]ed)"
    r"\s*[\]>)}*]*|[*x•█#]{3,}|\[\W*\]|<\W*>",
    re.IGNORECASE,
)
_OPENED: Final = re.compile(
    r"(?:[\[<({*]+\s*(?:redacted|filtered|masked|scrubbed|anonymi[sz]ed|hash|sha256|sha-256|hmac|md5|blake2b)"
    r"\s*[\]>)}]*\s*[:=(\s-]"
    r"|(?:redacted|filtered|masked|scrubbed|anonymi[sz]ed|hash|sha256|sha-256|hmac|md5|blake2b)[:=(])"
    r"\s*(?P<rest>.*?)[\]>)}*]*",
    re.IGNORECASE | re.DOTALL,
)
"""A marker that something follows, within its brackets or behind them."""
_MASKED: Final = re.compile(r"[*x•█#]{4,}[ -]?(?:[*x•█#]{2,}[ -]?)*\w{1,4}", re.IGNORECASE)
"""All but the last four: how cards are shown."""
_HASHED: Final = re.compile(
    r"(?:hash|sha1|sha256|sha512|sha-256|hmac|hmac-sha256|blake2b|md5|h)[:=]"
    r"(?:[0-9a-fA-F]{8,128}|[A-Za-z0-9+/_-]{16,88}={0,2})"
    r"|(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})",
    re.IGNORECASE,
)
_HASH_PREFIX: Final = re.compile(
    r"(?:hash|sha1|sha256|sha512|sha-256|hmac|hmac-sha256|blake2b|md5|h)[:=]", re.IGNORECASE
)
_LABELS: Final = frozenset(
    "e mail email address card credit number iban bank account ssn social security pii phi personal private secret "
    "token password credential credentials key jwt phone name names text query transcript message value data "
    "field content length len chars characters bytes digits words items of by policy rule gdpr for the a n".split()
)
"""Words that say what was redacted."""
_WORDS: Final = re.compile(r"[A-Za-z]+|\d+")
_HINTS: Final = (b"redacted", b"filtered", b"masked", b"hash:", b"anonymi", b"scrubbed", b"sha256", b"hmac", b"md5:")
"""What a marker that holds a value begins with, in lower case."""
_BATCH: Final = 64
"""Records whose bytes are searched at once: most of the cost of a search is that of beginning it."""
_STANDARD: Final = frozenset(
    "timestamp time ts @timestamp level severity logger logger_name service environment trace_id span_id "
    "parent_span_id request_id correlation_id job_id job_run_id version lineno line process thread pid".split()
)
"""Fields of a log line that hold no content."""


class PrivacyCheck(Check):
    """Canaries in the bytes of every record; classifications, sensitive names and detectors in their fields."""

    codes = ("OBS871", "OBS872", "OBS873", "OBS874")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._canaries = Canaries(options.canaries)
        self._planted = bool(self._canaries)
        self._batch: list[Record] = []
        self._clean: set[str] = set()
        self._looked = self._fields = self._scanned = self._marked = 0
        self._sensitive = plan.sensitive
        self._shapes: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
        self._standard = _STANDARD | plan.fields.keys()

    # -- records

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        payload = record.payload
        keys = tuple(payload)
        shapes = self._shapes if known is None else known.shapes
        shape = shapes.get(keys)
        if shape is None:
            if len(shapes) >= _MAX_SHAPES:
                shapes.clear()
            shape = shapes[keys] = self._shape(keys, known)
        if shape:
            self._walk(record, payload, shape, known)
        batch = self._batch
        batch.append(record)
        if len(batch) >= _BATCH:
            self._search()

    def log(self, record: Record) -> None:
        """See `Check.log`."""
        self.event(record, None)

    def span(self, record: Record) -> None:
        """See `Check.span`."""
        self.event(record, None)

    def text(self, record: Record) -> None:
        """See `Check.text`."""
        self.event(record, None)

    def broken(self, record: Record) -> None:
        """See `Check.broken`."""
        self._batch.append(record)

    def _search(self) -> None:
        """Search the bytes of some records at once, and each by itself only where something is found."""
        batch, self._batch = self._batch, []
        raws = [record.raw or _serialized(record) for record in batch]
        whole = b"\n".join(raws)
        lower = whole.lower()
        if self._planted:
            self._looked += len(batch)
            if self._canaries.occur(whole, lower):
                for record, raw in zip(batch, raws, strict=True):
                    if self._canaries.occur(raw, raw.lower()):
                        self._canary(record, raw)
        if any(hint in lower for hint in _HINTS):
            for record, raw in zip(batch, raws, strict=True):
                small = raw.lower()
                if any(hint in small for hint in _HINTS):
                    self._markers(record)

    # -- OBS871

    def _canary(self, record: Record, raw: bytes) -> None:
        for canary, form in self._canaries.which(raw):
            where = self._where(record, canary.value)
            self.ledger.report(
                "OBS871", record, field=where or canary.name, canary=canary.name, form=form,
                where=f"`{where}`" if where else "the line",
            )  # fmt: skip

    def _where(self, record: Record, value: str) -> str:
        """The pointer to the field that holds a value, empty where it is found in the bytes only."""
        one = Canaries({"": value})

        def held(text: str) -> bool:
            raw = text.encode("utf-8", "replace")
            return one.occur(raw, raw.lower())

        for pointer, text in _texts(plain(record.body if record.body is not None else record.payload)):
            if held(text):
                return "" if held(pointer) else pointer  # a key may itself be the value
        return ""

    # -- OBS872, OBS873

    def _shape(self, keys: tuple[Any, ...], known: EventPlan | None) -> list[tuple[str, str, str]]:
        """(field, what to do, classification) of the fields that must be looked at."""
        made = []
        for key in keys:
            if not isinstance(key, str):
                continue
            rule, label = known.privacy.get(key, ("", "")) if known is not None else ("", "")
            if rule in (FORBID, HASH):
                made.append((key, rule, label))
            elif rule != ALLOW:
                if self._sensitive is not None and self._sensitive.cover(key):
                    made.append((key, _NAMED, ""))
                elif known is not None or key not in self._standard:
                    made.append((key, _SCAN, ""))
                if PREFILTER.search(key) and any(True for _ in detect(key)) and not self._canaries.hold(key):
                    made.append((key, _KEY, ""))
        return made

    def _walk(
        self, record: Record, payload: Mapping[str, Any], shape: list[tuple[str, str, str]], known: EventPlan | None
    ) -> None:
        clean = self._clean
        for key, action, label in shape:
            value = payload.get(key)
            if action is _SCAN:
                kind = value.__class__
                if kind is str:
                    if value in clean or len(value) < 6:  # type: ignore[arg-type]
                        continue
                    self._text(record, f"/{key}", value)  # type: ignore[arg-type]
                elif kind is int:
                    if value >= _FIRST_CARD:  # type: ignore[operator]
                        self._text(record, f"/{key}", str(value))
                elif kind is float or kind is bool or value is None:
                    continue
                else:
                    inner = None if known is None or known.shape is None else known.shape.field(key)
                    self._nested(record, f"/{key}", value, None if inner is None else inner.inner, 0)
                self._scanned += 1
            elif action is _KEY:
                self._scanned += 1
                self.ledger.report(
                    "OBS873", record, field="a key", kind=next(detect(key)).kind, where="the name of a field"
                )
            else:
                self._fields += 1
                self._declared(record, f"/{key}", value, action, label)

    def _declared(self, record: Record, pointer: str, value: Any, action: str, label: str) -> None:
        """A field that must not leave as it is."""
        if _is_gone(value, hashed=action != FORBID):
            return
        if value.__class__ is str and self._holds(record, pointer, value):
            return
        said = f"is classified as `{label}`" if label else "has a sensitive name"
        wanted = "hashed" if action == HASH else "redacted"
        self.ledger.report("OBS872", record, field=pointer, said=said, wanted=wanted)

    def _nested(self, record: Record, pointer: str, value: Any, shape: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        if isinstance(value, Mapping):
            for key, item in value.items():
                name = str(key)
                at = f"{pointer}/{name}"
                declared = shape.field(name) if shape is not None else None
                label = declared.privacy if declared is not None else ""
                rule = self.plan.classifications.get(label, ALLOW) if label else ""
                if rule in (FORBID, HASH):
                    self._fields += 1
                    self._declared(record, at, item, rule, label)
                elif rule != ALLOW and self._sensitive is not None and self._sensitive.cover(name):
                    self._fields += 1
                    self._declared(record, at, item, _NAMED, "")
                elif rule != ALLOW:
                    if PREFILTER.search(name):
                        for hit in () if self._canaries.hold(name) else detect(name):
                            self.ledger.report(
                                "OBS873", record, field="a key", kind=hit.kind, where="the name of a field"
                            )
                        at = f"{pointer}/…"
                    self._nested(record, at, item, declared.inner if declared is not None else None, depth + 1)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._nested(record, f"{pointer}/*", item, None, depth + 1)
        elif isinstance(value, str):
            if len(value) >= 6:
                self._text(record, pointer, value)
        elif value.__class__ is int and value >= _FIRST_CARD:
            self._text(record, pointer, str(value))

    def _text(self, record: Record, pointer: str, text: str) -> None:
        if PREFILTER.search(text) is None:
            if len(text) <= 64:
                if len(self._clean) >= _MAX_CLEAN:
                    self._clean.clear()
                self._clean.add(text)
            return
        found = set()
        for hit in detect(text):
            # A canary is reported as what it is; what is named by its kind is reported once a field.
            if hit.kind not in found and not (self._planted and self._canaries.hold(hit.text)):
                found.add(hit.kind)
                self.ledger.report("OBS873", record, field=pointer, kind=hit.kind, where=f"`{pointer}`")

    # -- OBS874

    def _markers(self, record: Record) -> None:
        for pointer, text in _texts(plain(record.payload)):
            if (len(text) > 4 and _OPENED.match(text)) or _HASH_PREFIX.match(text):
                self._marked += 1
                self._holds(record, pointer, text)
            elif _MARKER.fullmatch(text):
                self._marked += 1

    def _holds(self, record: Record, pointer: str, text: str) -> bool:
        """Report a marker that still has the value in it; True where it does."""
        if _HASH_PREFIX.match(text):
            holds = _HASHED.fullmatch(text) is None
        else:
            opened = _OPENED.fullmatch(text)
            if opened is None or _MARKER.fullmatch(text) or not opened["rest"].strip():
                return False
            rest = opened["rest"]
            words = _WORDS.findall(rest)
            labels = _LABELS | {word.lower() for word in _WORDS.findall(pointer)} | self.plan.classifications.keys()
            known = all(word.lower() in labels or (word.isdigit() and len(word) <= 6) for word in words)
            holds = not known and _HASHED.fullmatch(rest.strip()) is None
        if holds:
            self.ledger.report("OBS874", record, field=pointer)
        return holds

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        if self._batch:
            self._search()
        looked, absent = self.ledger.looked, self.ledger.absent
        looked["OBS871"] += self._looked
        looked["OBS872"] += self._fields
        looked["OBS873"] += self._scanned
        looked["OBS874"] += self._marked
        absent("OBS871", "no record was captured" if self._planted else "no canary was planted")
        absent("OBS872", "no field that is classified or named as sensitive was seen")
        absent("OBS873", "no unclassified field was seen")
        absent("OBS874", "no redacted value was seen")


def _is_gone(value: Any, *, hashed: bool) -> bool:
    """True where nothing of a value is left: nothing, a marker, a mask, a flag; a hash where that will do."""
    if value is None or value is True or value is False:
        return True
    if isinstance(value, str):
        text = value.strip()
        if not text or _MARKER.fullmatch(text) or _MASKED.fullmatch(text):
            return True
        if hashed and _HASHED.fullmatch(text):
            return True
        opened = _OPENED.fullmatch(text)
        if opened is None or _HASH_PREFIX.match(text):
            return False
        return all(
            word.lower() in _LABELS or (word.isdigit() and len(word) <= 6) for word in _WORDS.findall(opened["rest"])
        )
    if isinstance(value, (list, tuple)):
        return all(_is_gone(item, hashed=hashed) for item in value)
    if isinstance(value, Mapping):
        return all(_is_gone(item, hashed=hashed) for item in value.values())
    return False


def _texts(value: Any, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (pointer, text) of every text in a value, keys included."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{pointer}/{key}", str(key)
            yield from _texts(item, f"{pointer}/{key}", depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, f"{pointer}/*", depth + 1)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield pointer, str(value)


def _serialized(record: Record) -> bytes:
    """A record without bytes of its own, as text."""
    from json import dumps

    whole = [record.name, record.ids, plain(record.payload), plain(record.body), plain(record.resource)]
    return dumps(whole, ensure_ascii=False, default=str).encode("utf-8", "replace")
