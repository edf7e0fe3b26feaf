"""What changed between two states of the registries, and whom each change hurts: the producers or the consumers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from obs_lint.registry.model import ChainLink, CorrelationField, Event, Lifecycle, Naming, Place, Registry
from obs_lint.registry.schema_diff import Difference, Direction, differences
from obs_lint.registry.schema_terms import json_text

__all__ = ["Change", "Direction", "compare"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a registry."""

    event: str
    """The event's name, "" for what concerns the registry as a whole."""
    kind: str
    """`field-removed`, `type-widened`, `event-added` …: see docs/registry.md for all."""
    pointer: str
    """JSON pointer within the event's declaration or the index: `/payload/properties/attempt`."""
    breaking: bool
    direction: Direction
    """Who is hurt; "" where nobody is."""
    reason: str
    """One sentence: what changed, and what that does to whom."""
    place: Place
    """Where it is written now; for what is gone, where it was part of."""
    announced: bool = False
    """True for a breaking change that was announced: the event's version was raised with it, or an event that was
    deprecated in favour of another is gone. It is reported and fails nothing."""

    @property
    def fails(self) -> bool:
        """True for a breaking change that nothing announced."""
        return self.breaking and not self.announced


def compare(before: Sequence[Registry], after: Sequence[Registry]) -> tuple[Change, ...]:
    """Return what changed from one state of all registries to another: index first, then event by event, by name."""
    comparison = _Comparison(_State(before), _State(after))
    return tuple(sorted(comparison.changes(), key=lambda change: (change.event, not change.breaking, change.pointer)))


class _State:
    """All registries of one side, by name."""

    def __init__(self, registries: Sequence[Registry]) -> None:
        self.registries = tuple(registries)
        self.events: dict[str, Event] = {}
        self.registry_of: dict[str, Registry] = {}
        for registry in sorted(registries, key=lambda registry: registry.mirror):
            for event in registry.events:
                if event.name not in self.events:
                    self.events[event.name] = event
                    self.registry_of[event.name] = registry
        self.fields: dict[str, tuple[CorrelationField, Registry]] = {}
        self.chain: dict[str, tuple[ChainLink, Registry]] = {}
        self.lifecycles: dict[str, tuple[Lifecycle, Registry]] = {}
        self.classifications: dict[str, tuple[str, Registry]] = {}
        self.sensitive: dict[str, Registry] = {}
        self.schemas: dict[tuple[str, str], tuple[Any, Registry]] = {}
        for registry in registries:
            for field in registry.correlation:
                self.fields.setdefault(field.name, (field, registry))
            for link in registry.chain:
                self.chain.setdefault(link.field, (link, registry))
            for lifecycle in registry.lifecycles:
                self.lifecycles.setdefault(lifecycle.name, (lifecycle, registry))
            for label, rule in registry.classifications.items():
                self.classifications.setdefault(label, (rule, registry))
            for name in registry.sensitive_names:
                self.sensitive.setdefault(name, registry)
            for name, schema in registry.schemas.items():
                self.schemas.setdefault((name, registry.source), (schema, registry))

    def classified(self, name: str) -> Mapping[str, str]:
        """The classifications that hold for an event: its own registry's, or all."""
        own = self.registry_of[name].classifications
        return own or {label: rule for label, (rule, _) in self.classifications.items()}

    def counterpart(self, registry: Registry) -> Registry | None:
        """The registry here of the same source, or the only one."""
        for one in self.registries:
            if one.source == registry.source:
                return one
        return self.registries[0] if len(self.registries) == 1 else None


def _placed(places: Mapping[str, Place], pointer: str, otherwise: Place, written: str = "") -> Place:
    """Where a pointer is written, or the nearest thing around it; `written` is where to look first."""
    while written.count("/") > 1:
        if written in places:
            return places[written]
        written = written.rpartition("/")[0]
    while pointer:
        if pointer in places:
            return places[pointer]
        pointer = pointer.rpartition("/")[0]
    return otherwise


class _Comparison:
    def __init__(self, before: _State, after: _State) -> None:
        self.before = before
        self.after = after

    def changes(self) -> Iterator[Change]:
        yield from self._index()
        for name in sorted(self.before.events.keys() | self.after.events.keys()):
            if name not in self.before.events:
                yield self._added(self.after.events[name])
            elif name not in self.after.events:
                yield self._removed(self.before.events[name])
            else:
                yield from self._event(self.before.events[name], self.after.events[name])

    # -- whole events

    def _added(self, event: Event) -> Change:
        reason = "this event is new: nobody sends or reads it yet"
        return Change(event.name, "event-added", "", False, "", reason, event.place)

    def _removed(self, event: Event) -> Change:
        source = self.before.registry_of[event.name]
        now = self.after.counterpart(source)
        place = now.place if now is not None else event.place
        lost = "producers may no longer send it, and readers get none"
        instead = event.deprecated.replaced_by if event.deprecated is not None else ""
        if instead and instead in self.after.events:
            reason = f"this event, deprecated before, gave way to `{instead}`: {lost}"
            return Change(event.name, "event-renamed", "", True, "both", reason, place, announced=True)
        reason = f"this event is gone: {lost}"
        if alike := self._renamed(event):
            reason += f"; if it is `{alike}` now, keep it for a while with `deprecated: {{replaced-by: {alike}}}`"
        return Change(event.name, "event-removed", "", True, "both", reason, place)

    def _renamed(self, event: Event) -> str:
        """A new event that may be a removed one under another name: with the same payload, or nearly the same name."""
        from difflib import get_close_matches

        new = [one for name, one in self.after.events.items() if name not in self.before.events]
        if event.payload:
            alike = [one.name for one in new if one.payload and json_text(one.payload) == json_text(event.payload)]
            if len(alike) == 1:
                return alike[0]
        near = get_close_matches(event.name, sorted(one.name for one in new), 1, 0.9)
        return near[0] if near else ""

    def _event(self, before: Event, after: Event) -> Iterator[Change]:
        raised = after.version > before.version
        found = [*self._attributes(before, after), *self._payload(before, after)]
        breaks = any(one.direction for one in found)
        if before.version != after.version:
            said = f"its version is {after.version} where it was {before.version}"
            if not raised:
                why = "readers take what is new for what is old"
                found.append(Difference("version-lowered", "/version", "both", f"{said}: {why}"))
            else:
                what = "announcing its breaking changes" if breaks else "though nothing in it breaks anybody"
                found.append(Difference("version-raised", "/version", "", f"{said}, {what}"))
        for one in found:
            place = _placed(after.places, one.pointer, after.place, one.written)
            breaking = bool(one.direction)
            yield Change(
                after.name, one.kind, one.pointer, breaking, one.direction, one.reason, place, raised and breaking
            )

    def _payload(self, before: Event, after: Event) -> list[Difference]:
        if before.payload is None and after.payload is None:
            return []
        if after.payload is None:
            why = "readers can rely on nothing in it any more"
            return [Difference("payload-removed", "/payload", "consumers", f"no payload is declared any more: {why}")]
        if before.payload is not None and json_text(before.payload) == json_text(after.payload):
            return []
        found = differences(
            {} if before.payload is None else before.payload,
            after.payload,
            classified_before=self.before.classified(before.name),
            classified_after=self.after.classified(after.name),
        )
        return [one._replace(pointer=f"/payload{one.pointer}", written=f"/payload{one.written}") for one in found]

    def _attributes(self, before: Event, after: Event) -> Iterator[Difference]:
        yield from self._deprecation(before, after)
        yield from _severity(before.severity, after.severity)
        yield from _correlation(before, after)
        yield from _producers(before.producers, after.producers)
        for name in ("owner", "stability", "smoke"):
            old, new = getattr(before, name), getattr(after, name)
            if old != new and not (name == "stability" and new == "deprecated"):
                said = f"its {name} is {_said(new)} where it was {_said(old)}: what it carries stays as it is"
                yield Difference(f"{name}-changed", f"/{name}", "", said)

    def _deprecation(self, before: Event, after: Event) -> Iterator[Difference]:
        pointer = "/deprecated" if after.deprecated is not None else "/stability"
        if after.is_deprecated and not before.is_deprecated:
            instead = after.deprecated.replaced_by if after.deprecated is not None else ""
            use = f" in favour of `{instead}`" if instead else ""
            yield Difference("event-deprecated", pointer, "", f"it is deprecated{use}: it can still be sent and read")
        elif before.is_deprecated and not after.is_deprecated:
            yield Difference(
                "event-restored", pointer, "", "it is no longer deprecated: it can be sent and read as before"
            )

    # -- what is declared beside events

    def _index(self) -> Iterator[Change]:
        yield from self._schemas()
        yield from self._naming()
        for name, old, new in _both(self.before.fields, self.after.fields):
            yield from self._told(_field(name, old, new), f"/correlation/fields/{name}", old, new)
        for name, link, other in _both(self.before.chain, self.after.chain):
            yield from self._told(_link(name, link, other), "/correlation/chain", link, other)
        for name, one, two in _both(self.before.lifecycles, self.after.lifecycles):
            events = self.before.events
            yield from self._told(_lifecycle(name, one, two, events), f"/lifecycles/{name}", one, two)
        for label, rule, now in _both(self.before.classifications, self.after.classifications):
            yield from self._told(_classification(label, rule, now), f"/classifications/{label}", rule, now)
        yield from self._sensitive()

    def _told(
        self,
        found: Iterable[tuple[str, Direction, str]],
        pointer: str,
        old: tuple[Any, Registry] | None,
        new: tuple[Any, Registry] | None,
    ) -> Iterator[Change]:
        """Turn what was found of an entry of the index into Changes at its place."""
        for kind, direction, reason in found:
            yield Change("", kind, pointer, bool(direction), direction, reason, self._place(pointer, old, new))

    def _place(self, pointer: str, old: tuple[Any, Registry] | None, new: tuple[Any, Registry] | None) -> Place:
        registry = new[1] if new is not None else old and self.after.counterpart(old[1])
        if registry is None:
            return old[1].place if old is not None else Place("")
        return _placed(registry.places, pointer, registry.place)

    def _schemas(self) -> Iterator[Change]:
        before, after = dict(self.before.schemas), dict(self.after.schemas)
        for name in ("envelope", "correlation"):
            old, new = ([key for key in side if key[0] == name] for side in (before, after))
            if len(old) == len(new) == 1 and old != new:
                after[old[0]] = after.pop(new[0])
        for key, one, two in _both(before, after):
            name = key[0]
            pointer = f"/schemas/{name}"
            if two is None:
                why = "readers can rely on nothing in it any more"
                said = f"the schema of the {name} is gone: {why}"
                yield from self._told([("schema-removed", "consumers", said)], pointer, one, two)
                continue
            what = f"the {name}"
            classified = {label: rule for label, (rule, _) in self.after.classifications.items()}
            for found in differences({} if one is None else one[0], two[0], what=what, classified_after=classified):
                at = pointer + found.pointer
                kind, direction = found.kind, found.direction
                reason = f"{what}: {found.reason}" if not found.reason.startswith(what) else found.reason
                place = _placed(two[1].places, at, two[1].place, f"{pointer}{found.written}")
                yield Change("", kind, at, bool(direction), direction, reason, place)

    def _naming(self) -> Iterator[Change]:
        for registry in self.after.registries:
            earlier = self.before.counterpart(registry)
            if earlier is None or _naming_text(earlier.naming) == _naming_text(registry.naming):
                continue
            naming = registry.naming
            place = _placed(registry.places, "/naming", registry.place)
            said = f"names are made as `{_naming_text(naming)}` now" if naming else "nothing is said of names any more"
            if earlier.naming is not None:
                said += f", where it was `{earlier.naming.text}`"
            misfits = [
                name
                for name in sorted(self.before.events.keys() & self.after.events.keys())
                if naming is not None
                and self.after.registry_of[name] is registry
                and not naming.fits(name)
                and (earlier.naming is None or earlier.naming.fits(name))
            ]
            if misfits:
                many = f" and {len(misfits) - 1} more" if len(misfits) > 1 else ""
                reason = f"{said}: `{misfits[0]}`{many} does not fit, and whoever sends it must change"
                yield Change("", "naming-changed", "/naming", True, "producers", reason, place)
            else:
                yield Change("", "naming-changed", "/naming", False, "", f"{said}: every name still fits", place)

    def _sensitive(self) -> Iterator[Change]:
        new = [name for name in self.after.sensitive if name not in self.before.sensitive]
        gone = [name for name in self.before.sensitive if name not in self.after.sensitive]
        for names, how, registry in (
            (new, "now", self.after.sensitive[new[0]] if new else None),
            (gone, "no longer", self.before.sensitive[gone[0]] if gone else None),
        ):
            if names and registry is not None:
                verb = "counts" if len(names) == 1 else "count"
                listing = ", ".join(f"`{name}`" for name in names)
                reason = f"{listing} {how} {verb} as sensitive: no declared field changes, OBS208 judges anew"
                pair = (None, registry)
                place = self._place("/sensitive-names", None if names is new else pair, pair if names is new else None)
                yield Change("", "sensitive-names-changed", "/sensitive-names", False, "", reason, place)


def _both(
    before: Mapping[Any, tuple[Any, Registry]], after: Mapping[Any, tuple[Any, Registry]]
) -> Iterator[tuple[Any, tuple[Any, Registry] | None, tuple[Any, Registry] | None]]:
    """Yield every key of either side with what each has, None where it has nothing."""
    for key in sorted(before.keys() | after.keys()):
        yield key, before.get(key), after.get(key)


def _said(word: str) -> str:
    return f"`{word}`" if word else "not said"


def _naming_text(naming: Naming | None) -> str:
    return naming.text if naming is not None else ""


# -- attributes of an event


def _severity(old: str, new: str) -> Iterator[Difference]:
    if old == new:
        return
    said = f"its severity is {_said(new)} where it was {_said(old)}"
    if not new:
        why = "readers that filter or alert by it can't rely on it"
        yield Difference("severity-changed", "/severity", "consumers", f"{said}: {why}")
    else:
        why = "producers must change what they send, and readers that filter or alert by it see other events"
        yield Difference("severity-changed", "/severity", "both", f"{said}: {why}")


def _correlation(before: Event, after: Event) -> Iterator[Difference]:
    old = {**dict.fromkeys(before.optional, False), **dict.fromkeys(before.required, True)}
    new = {**dict.fromkeys(after.optional, False), **dict.fromkeys(after.required, True)}
    for name in dict.fromkeys([*new, *old]):
        pointer = f"/correlation/{'required' if new.get(name, old.get(name)) else 'optional'}"
        if name not in new:
            why = "readers no longer find it"
            yield Difference("correlation-removed", pointer, "consumers", f"it no longer carries `{name}`: {why}")
        elif name not in old and new[name]:
            why = "data written before lacks it, and producers must have it at hand"
            yield Difference("correlation-added-required", pointer, "both", f"it must carry `{name}` now: {why}")
        elif name not in old:
            why = "data written before stays valid, and readers that do not know it skip it"
            yield Difference("correlation-added", pointer, "", f"it may carry `{name}` now: {why}")
        elif new[name] and not old[name]:
            why = "data written before may lack it, and producers must have it at hand"
            yield Difference(
                "correlation-required", pointer, "both", f"`{name}`, optional so far, is required now: {why}"
            )
        elif old[name] and not new[name]:
            why = "readers that rely on it may not find it"
            yield Difference(
                "correlation-optional", pointer, "consumers", f"`{name}`, required so far, is optional now: {why}"
            )


def _producers(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Difference]:
    gone = [name for name in old if name not in new] if new else []
    come = [name for name in new if name not in old] if old else []
    listing = ", ".join(f"`{name}`" for name in gone or come or new)
    if not old and new:
        why = "any other service that does must stop"
        yield Difference("producers-narrowed", "/producers", "producers", f"only {listing} may send it now: {why}")
    if gone:
        yield Difference(
            "producers-narrowed", "/producers", "producers", f"{listing} may no longer send it, and must stop"
        )
    if come:
        listing = ", ".join(f"`{name}`" for name in come)
        why = "what it carries stays as it is"
        yield Difference("producers-widened", "/producers", "", f"{listing} may send it too: {why}")
    if old and not new:
        yield Difference(
            "producers-widened", "/producers", "", "any service may send it: what it carries stays as it is"
        )


# -- entries of the index: each (kind, direction, reason)

_Told = Iterator[tuple[str, Direction, str]]


def _field(
    name: str, old: tuple[CorrelationField, Registry] | None, new: tuple[CorrelationField, Registry] | None
) -> _Told:
    if new is None:
        why = "readers no longer find it, and producers must stop sending it"
        yield ("correlation-field-removed", "both", f"the correlation field `{name}` is gone: {why}")
        return
    if old is None:
        why = "no event carries it yet, where an event must, that is a change of the event"
        yield ("correlation-field-added", "", f"the correlation field `{name}` is new: {why}")
        return
    before, after = old[0], new[0]
    if before.type != after.type:
        said = f"the correlation field `{name}` is of type `{after.type}` where it was `{before.type}`"
        if after.type == "string":
            why = "readers written for the narrower type do not expect that"
            yield ("correlation-field-changed", "consumers", f"{said}: {why}")
        else:
            why = "producers that were right are refused now, and so is data written before"
            yield ("correlation-field-changed", "both", f"{said}: {why}")
    if before.header != after.header:
        said = f"the correlation field `{name}` travels in the header {_said(after.header)}, where it was "
        said += _said(before.header)
        if before.header:
            why = "services of either version do not understand each other"
            yield ("correlation-field-changed", "both", f"{said}: {why}")
        else:
            yield ("correlation-field-changed", "", f"{said}: nobody looked for it in a header so far")
    if before.at != after.at:
        said = f"the correlation field `{name}` stands at {_said(after.at)}, where it was {_said(before.at)}"
        yield ("correlation-field-changed", "both", f"{said}: producers must move it, and readers look elsewhere")
    if set(before.aliases) != set(after.aliases):
        said = f"other spellings of `{name}` are {', '.join(map(_said, after.aliases)) or 'not known'} now"
        yield ("correlation-field-changed", "", f"{said}: what is sent stays as it is, OBS404 judges anew")


def _link(name: str, old: tuple[ChainLink, Registry] | None, new: tuple[ChainLink, Registry] | None) -> _Told:
    if new is None:
        why = "readers that follow it find no such hop"
        yield ("chain-changed", "consumers", f"`{name}` is no longer part of the correlation chain: {why}")
    elif old is None:
        why = "flows recorded before lack that hop, and producers must carry it on"
        yield ("chain-changed", "both", f"`{name}` is a new hop of the correlation chain: {why}")
    else:
        for field in fields(ChainLink):
            before, after = getattr(old[0], field.name), getattr(new[0], field.name)
            if before == after:
                continue
            key = field.name
            said = f"`{key}` of `{name}` in the correlation chain is {_shown(after)} where it was {_shown(before)}"
            if key == "many" and after:
                yield ("chain-changed", "consumers", f"{said}: readers that expect one may find several")
            else:
                why = "producers must build the chain in another way, and flows recorded before break it"
                yield ("chain-changed", "both", f"{said}: {why}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _said(str(value))


def _lifecycle(
    name: str,
    old: tuple[Lifecycle, Registry] | None,
    new: tuple[Lifecycle, Registry] | None,
    events: Mapping[str, Event],
) -> _Told:
    if new is None:
        why = "readers that wait for its end may wait for ever"
        yield ("lifecycle-removed", "consumers", f"the lifecycle `{name}` is gone: {why}")
        return
    after = new[0]
    if old is None:
        if after.start in events:
            why = f"whoever sends `{after.start}` must send an end for it now, and flows recorded before may lack one"
            yield ("lifecycle-added", "both", f"the lifecycle `{name}` is new: {why}")
        else:
            yield ("lifecycle-added", "", f"the lifecycle `{name}` is new: nobody sends its start yet")
        return
    before = old[0]
    subject = f"the lifecycle `{name}`"
    for key in ("key", "start", "states_field"):
        one, two = getattr(before, key), getattr(after, key)
        if one != two:
            why = "producers must change what they send, and flows recorded before no longer fit"
            word = {"states_field": "states.field"}.get(key, key)
            yield (
                "lifecycle-changed",
                "both",
                f"`{word}` of {subject} is {_said(two)} where it was {_said(one)}: {why}",
            )
    for event in (one for one in before.terminal if one not in after.terminal):
        why = "producers must end in another way, and flows recorded before have no end"
        yield ("lifecycle-changed", "both", f"`{event}` no longer ends {subject}: {why}")
    for event in (one for one in after.terminal if one not in before.terminal):
        why = "readers that wait for its end do not know that one"
        yield ("lifecycle-changed", "consumers", f"`{event}` may end {subject} too: {why}")
    if before.exactly_one_terminal != after.exactly_one_terminal:
        if after.exactly_one_terminal:
            why = "producers that send several must stop, and flows recorded before may have several"
            yield ("lifecycle-changed", "both", f"{subject} has exactly one end now: {why}")
        else:
            yield (
                "lifecycle-changed",
                "consumers",
                f"{subject} may have several ends: readers that take the first miss one",
            )
    yield from _deadline(subject, before.deadline, after.deadline)
    for origin in sorted(before.transitions.keys() | after.transitions.keys()):
        one, two = before.transitions.get(origin, ()), after.transitions.get(origin, ())
        for state in (state for state in one if state not in two):
            why = "producers may no longer do that, and flows recorded before did"
            yield ("lifecycle-changed", "both", f"{subject} no longer goes from `{origin}` to `{state}`: {why}")
        for state in (state for state in two if state not in one):
            why = "readers do not expect that"
            yield ("lifecycle-changed", "consumers", f"{subject} may go from `{origin}` to `{state}`: {why}")
    for key in ("retry", "compensation"):
        if json_text(getattr(before, key)) != json_text(getattr(after, key)):
            why = "producers must change what they send, and flows recorded before no longer fit"
            yield ("lifecycle-changed", "both", f"`{key}` of {subject} changed: {why}")


def _deadline(subject: str, old: str, new: str) -> _Told:
    before, after = _seconds(old), _seconds(new)
    if old == new or (before is not None and before == after):
        return
    said = f"the deadline of {subject} is {_said(new)} where it was {_said(old)}"
    if not new or (before is not None and after is not None and after > before):
        yield ("lifecycle-changed", "consumers", f"{said}: readers that give up at the earlier one miss the end")
    elif not old or (before is not None and after is not None):
        yield ("lifecycle-changed", "both", f"{said}: producers have less time, and flows recorded before may be late")
    else:
        yield ("lifecycle-changed", "both", f"{said}, which can't be weighed, so it is taken as breaking")


_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?)"
)
_LENGTHS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def _seconds(duration: str) -> float | None:
    """The length of an ISO 8601 duration without years and months, None for anything else."""
    found = _DURATION.fullmatch(duration)
    parts = {unit: value for unit, value in found.groupdict().items() if value} if found else {}
    return sum(float(value) * _LENGTHS[unit] for unit, value in parts.items()) if parts else None


_RANK = {"allow": 0, "hash": 1, "forbid": 2}


def _classification(label: str, old: tuple[str, Registry] | None, new: tuple[str, Registry] | None) -> _Told:
    subject = f"the classification `{label}`"
    if old is None:
        yield ("classification-rule-changed", "", f"{subject} is new: fields that get it change with their events")
        return
    if new is None:
        yield ("classification-rule-changed", "", f"{subject} is gone: fields that had it change with their events")
        return
    before, after = old[0], new[0]
    if before == after:
        return
    said = f"{subject} means `{after}` where it meant `{before}`"
    if before in _RANK and after in _RANK and _RANK[after] < _RANK[before]:
        if before == "hash":
            why = "readers that compare hashes meet plain values"
            yield ("classification-rule-changed", "consumers", f"{said}: {why}")
        else:
            yield ("classification-rule-changed", "", f"{said}: such fields may be sent now, which they were not")
    else:
        why = "producers must treat such fields in another way, and readers no longer get what they got"
        yield ("classification-rule-changed", "both", f"{said}: {why}")
