"""A plan: what all registries of a project say, compiled for checking one record after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from obs_lint.registry.model import ChainLink, CorrelationField, Event, Lifecycle, Registry
from obs_lint.smoke.fields import DEFAULT_FIELDS

FORBID, HASH, ALLOW = "forbid", "hash", "allow"

_DURATION = re.compile(
    r"P(?:(?P<y>\d+)Y)?(?:(?P<o>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:[.,]\d+)?)H)?(?:(?P<m>\d+(?:[.,]\d+)?)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?"
)
_SECONDS = {"y": 31_536_000, "o": 2_592_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SEVERITIES = {"warning": "warn", "fatal": "error", "critical": "error", "trace": "debug", "notice": "info"}
_FAILED = frozenset("fail failed failure error errored panic panicked abort aborted crashed timeout".split())
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop of the correlation chain."""

    field: str
    parent: str
    """Empty for the root."""
    scoped: bool
    """True where a value is a name within its parent (a layer's), not an id of its own."""
    introduced_by: str = ""

    @property
    def label(self) -> str:
        """`request_id → job_id`."""
        return f"{self.parent} → {self.field}"


@dataclass(frozen=True, slots=True)
class LifecyclePlan:
    """One lifecycle, with what the registry leaves to the chain."""

    index: int
    name: str
    key: str
    scope: str
    """The field within whose value the key is a name; empty where the key stands by itself."""
    parent: str
    """The field above the key in the chain, empty where there is none."""
    start: str
    terminal: frozenset[str]
    failed: frozenset[str]
    """The terminal events that tell of a failure: by their declared severity, or by their name."""
    single: bool
    """Whether exactly one terminal event is allowed."""
    deadline: int
    """Nanoseconds, 0 for none."""
    retry_key: str = ""
    retry_attempt: tuple[str, ...] = ()
    """Place of the attempt's number; empty where none is declared."""
    retry_after: frozenset[str] = frozenset()
    states_field: tuple[str, ...] = ()
    transitions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    undone: str = ""
    """The event whose effect a failure must undo: `compensation.of`."""
    undone_by: str = ""


class EventPlan:
    """One registered event; `redacted`, `shapes` and `validator` are filled in by the checks that use them."""

    __slots__ = (
        "decision", "deprecated", "deprecated_fields", "keys", "name", "privacy", "producers", "redacted", "required",
        "roles", "schema", "scoped", "severity", "shape", "shapes", "source", "validator", "version",
    )  # fmt: skip

    def __init__(self, event: Event) -> None:
        self.name = event.name
        self.source = event.source
        self.version = event.version
        self.severity = normal_severity(event.severity)
        self.producers = frozenset(event.producers)
        self.required = event.required
        self.keys: tuple[tuple[str, str], ...] = ()
        """(code, field): what lifecycles need of it, OBS834 and OBS835."""
        self.scoped: tuple[tuple[str, str], ...] = ()
        """(field, parent) of names within a parent that it may carry."""
        self.roles: tuple[tuple[LifecyclePlan, str], ...] = ()
        """Lifecycle and what the event is in it: start | terminal | member | undone | undone_by."""
        self.schema = event.payload
        self.validator: Any = None
        self.redacted: Any = None
        """Tells what had to be redacted from what is wrong; made for the first payload that does not fit."""
        self.shapes: dict[tuple[str, ...], Any] = {}
        self.privacy: dict[str, tuple[str, str]] = {}
        """Field → (forbid | hash | allow, classification)."""
        self.shape: Any = None
        self.deprecated = _deprecated(event)
        self.deprecated_fields: tuple[tuple[str, str], ...] = ()
        """(field, what stands for it)."""
        self.decision = is_decision(event.name)


class Plan:
    """The registries as the checks look things up in them."""

    def __init__(self) -> None:
        """An empty plan: no events, no chain beyond the shipped fields; `Plan.of` is what is wanted."""
        self.events: dict[str, EventPlan] = {}
        self.complete = True
        """False where registries may declare more events than could be found."""
        self.fields: dict[str, CorrelationField] = {}
        self.chain: tuple[Hop, ...] = ()
        self.lifecycles: tuple[LifecyclePlan, ...] = ()
        self.classifications: dict[str, str] = {}
        self.sensitive: Any = None
        """Names that are sensitive whatever a schema says: has `cover(name)`."""
        self.envelope: Mapping[str, Any] | None = None
        self.always: tuple[str, ...] = ()
        """Events that a smoke run must see, sorted."""
        self.declared = False
        """True where any registry declares events."""

    @classmethod
    def of(cls, registries: Iterable[Registry]) -> Plan:
        """Compile registries; the first that declares a name, a field or a lifecycle counts, mirrors last."""
        from obs_lint.checks.sensitive_field import SensitiveNames

        plan = cls()
        chain: dict[str, ChainLink] = {}
        lifecycles: dict[str, Lifecycle] = {}
        sensitive: dict[str, None] = {}
        events: dict[str, Event] = {}
        for registry in sorted(registries, key=lambda registry: registry.mirror):
            plan.complete = plan.complete and registry.complete
            for event in registry.events:
                if event.name not in events:
                    events[event.name] = event
                    plan.events[event.name] = made = EventPlan(event)
                    _shape(made, registry.classifications)
            for one in registry.correlation:
                plan.fields.setdefault(one.name, one)
            for link in registry.chain:
                chain.setdefault(link.field, link)
            for lifecycle in registry.lifecycles:
                lifecycles.setdefault(lifecycle.name, lifecycle)
            for label, rule in registry.classifications.items():
                plan.classifications.setdefault(label, rule)
            sensitive |= dict.fromkeys(registry.sensitive_names)
            envelope = registry.schemas.get("envelope")
            if plan.envelope is None and isinstance(envelope, Mapping):
                plan.envelope = envelope
        plan.declared = bool(events)
        plan.sensitive = SensitiveNames(sensitive)
        plan.always = tuple(sorted(name for name, event in events.items() if event.smoke == "always"))
        plan.chain = _ordered(chain, plan.fields)
        plan.lifecycles = tuple(
            _lifecycle(index, lifecycle, plan.chain, events) for index, lifecycle in enumerate(lifecycles.values())
        )
        for event_plan in plan.events.values():
            _place(event_plan, plan)
        return plan

    @property
    def root(self) -> str:
        """The field that the chain begins with, empty without a chain."""
        return next((hop.field for hop in self.chain if not hop.parent), "")

    @property
    def request_header(self) -> tuple[str, str, str]:
        """(field, header, type) of the id that every response must carry: the chain's root, else request_id."""
        for name in (self.root, "request_id"):
            known = self.fields.get(name)
            if known is not None and known.header:
                return name, known.header, known.type
        declared = [one for one in self.fields.values() if one.header]
        if declared:
            return declared[0].name, declared[0].header, declared[0].type
        return "request_id", str(DEFAULT_FIELDS["request_id"]["header"]), "string"

    @property
    def producers(self) -> frozenset[str]:
        """Every name that the registries give to a producer."""
        return frozenset(name for event in self.events.values() for name in event.producers)


def duration(text: str) -> int:
    """Return an ISO 8601 duration in nanoseconds, 0 for what is none. A year has 365 days, a month 30."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        return 0
    parts = {unit: float(value.replace(",", ".")) for unit, value in found.groupdict().items() if value}
    return int(sum(value * _SECONDS[unit] for unit, value in parts.items()) * 1_000_000_000)


def normal_severity(text: str) -> str:
    """Return debug | info | warn | error, or empty."""
    lower = text.lower()
    lower = _SEVERITIES.get(lower, lower)
    return lower if lower in ("debug", "info", "warn", "error") else ""


def is_decision(name: str) -> bool:
    """True for the name of an event that tells of an AI's decision (002 Problem 3), such as `ai:decision`."""
    words = tuple(word.lower() for word in re.findall(r"[A-Za-z][a-z]*|[A-Z]+", name))
    return any(pair in (("ai", "decision"), ("agent", "decision")) for pair in pairwise(words))


def is_failure(name: str, severity: str = "") -> bool:
    """True for the name of a terminal event that tells of a failure."""
    return normal_severity(severity) == "error" or any(word.lower() in _FAILED for word in _WORD.findall(name)[-3:])


def within(value: Any, place: tuple[str, ...]) -> Any:
    """Return what stands at a place, None where nothing does."""
    for part in place:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _place_of(text: Any) -> tuple[str, ...]:
    """A place within the payload; `payload.` in front may be left out."""
    if not isinstance(text, str) or not text:
        return ()
    parts = tuple(text.split("."))
    return parts[1:] if parts[0] == "payload" and len(parts) > 1 else parts


def _deprecated(event: Event) -> str:
    if not event.is_deprecated:
        return ""
    deprecated = event.deprecated
    if deprecated is None:
        return "it is deprecated"
    since = f" since {deprecated.since}" if deprecated.since else ""
    instead = f"; `{deprecated.replaced_by}` stands for it" if deprecated.replaced_by else ""
    return f"it is deprecated{since}{instead}"


def _shape(event: EventPlan, classifications: Mapping[str, str]) -> None:
    from obs_lint.registry.payload_shape import shape

    if not isinstance(event.schema, Mapping):
        return
    event.shape = shape(event.schema)
    deprecated = []
    for name, known in event.shape.fields.items():
        if known.privacy:
            event.privacy[name] = (classifications.get(known.privacy, ALLOW), known.privacy)
        if known.deprecated:
            deprecated.append((name, known.replaced_by))
    event.deprecated_fields = tuple(deprecated)


def _ordered(links: Mapping[str, ChainLink], fields: Mapping[str, CorrelationField]) -> tuple[Hop, ...]:
    """The chain from its roots on: each parent before its children."""
    hops: dict[str, Hop] = {}
    waiting = dict(links)
    while waiting:
        ready = [name for name, link in waiting.items() if not link.parent or link.parent not in waiting]
        for name in ready or list(waiting):
            link = waiting.pop(name)
            at = fields[name].at if name in fields else ""
            scoped = link.many and at.startswith("payload.")
            hops[name] = Hop(name, "" if link.root else link.parent, scoped, link.introduced_by)
    return tuple(hops.values())


def _lifecycle(index: int, one: Lifecycle, chain: tuple[Hop, ...], events: Mapping[str, Event]) -> LifecyclePlan:
    hop = next((hop for hop in chain if hop.field == one.key), None)
    severity = {name: events[name].severity for name in one.terminal if name in events}
    states = {*one.transitions, *(after for afters in one.transitions.values() for after in afters)}
    retry = one.retry
    after = retry.get("after") or ()
    return LifecyclePlan(
        index=index,
        name=one.name,
        key=one.key,
        scope=hop.parent if hop is not None and hop.scoped else "",
        parent=hop.parent if hop is not None else "",
        start=one.start,
        terminal=frozenset(one.terminal),
        failed=frozenset(name for name in one.terminal if is_failure(name, severity.get(name, ""))),
        single=one.exactly_one_terminal,
        deadline=duration(one.deadline),
        retry_key=str(retry.get("key") or ""),
        retry_attempt=_place_of(retry.get("attempt")),
        retry_after=frozenset([after] if isinstance(after, str) else after),
        states_field=_place_of(one.states_field),
        transitions={state: frozenset(afters) for state, afters in one.transitions.items()},
        states=frozenset(states),
        undone=one.compensation.get("of", ""),
        undone_by=one.compensation.get("by", ""),
    )


def _prefix(name: str) -> str:
    """What names of one lifecycle have in common: `shop.job_run.started` → `shop.job_run.`."""
    cut = max(name.rfind("."), name.rfind(":"), name.rfind("/"))
    return name[: cut + 1]


def _place(event: EventPlan, plan: Plan) -> None:
    """Say what an event is in each lifecycle, and which ids it needs for that."""
    roles: list[tuple[LifecyclePlan, str]] = []
    keys: dict[str, str] = {}
    for one in plan.lifecycles:
        if event.name == one.start:
            roles.append((one, "start"))
        elif event.name in one.terminal:
            roles.append((one, "terminal"))
        elif _prefix(event.name) and _prefix(event.name) == _prefix(one.start):
            roles.append((one, "member"))
        if event.name == one.undone:
            roles.append((one, "undone"))
        elif event.name == one.undone_by:
            roles.append((one, "undone_by"))
    taken = [one for one, role in roles if role in ("start", "terminal")]
    roles = [(one, role) for one, role in roles if role != "member" or not taken]
    for one, role in roles:
        if role in ("start", "terminal", "member"):
            if one.scope:
                keys.setdefault(one.scope, "OBS835")
            else:
                keys.setdefault(one.key, "OBS834")
    event.roles = tuple(roles)
    event.keys = tuple((code, name) for name, code in keys.items())
    event.scoped = tuple((hop.field, hop.parent) for hop in plan.chain if hop.scoped and hop.parent not in keys)
    event.required = tuple(name for name in event.required if name not in keys)


def service_names(services: Mapping[str, Iterable[str]], root: str) -> dict[str, tuple[str, ...]]:
    """Return `Options.services` as `[tool.obs-lint.services]` and the folders on disk say: producer → service names.

    `worker = ["services/workers/**"]` covers `worker`, `workers` and the name of each folder or module in it.
    """
    import os

    found: dict[str, tuple[str, ...]] = {}
    for producer, patterns in services.items():
        names = {producer}
        for pattern in patterns:
            parts = pattern.replace("\\", "/").strip("/").split("/")
            fixed = parts[: next((at for at, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))]
            if not fixed:
                continue
            names.add(fixed[-1].removesuffix(".py"))
            folder = os.path.join(root, *fixed)
            if len(fixed) < len(parts) and os.path.isdir(folder):
                inner = [name for name in os.listdir(folder) if not name.startswith((".", "_"))]
                names.update(name.removesuffix(".py") for name in inner if _is_service(folder, name))
        found[producer] = tuple(sorted(names))
    return found


def _is_service(folder: str, name: str) -> bool:
    import os

    return name.endswith(".py") or (os.path.isdir(os.path.join(folder, name)) and name not in ("tests", "src"))
