"""A flow: the records that ids join, as a tree by request, job, run and layer, with what each did and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from obs_lint.registry.model import Lifecycle, Registry
from obs_lint.smoke.fields import DEFAULT_FIELDS
from obs_lint.smoke.records import EVENT, LOG, RESPONSE, SPAN, Record

CHAIN: Final = ("request_id", "job_id", "job_run_id", "layer_name")
"""The chain of 004, where no registry declares one."""
_STARTS: Final = ("started", "start", "begun", "created")
_ENDS: Final[Mapping[str, str]] = {
    "completed": "ok", "complete": "ok", "succeeded": "ok", "success": "ok", "finished": "ok", "done": "ok",
    "executed": "ok", "compensated": "ok", "failed": "failed", "fail": "failed", "failure": "failed", "error": "failed",
    "timed_out": "failed", "cancelled": "cancelled", "canceled": "cancelled", "aborted": "cancelled", "skipped": "ok",
}  # fmt: skip
_FAILED: Final = frozenset({"failed", "failure", "error", "exception", "timeout", "timed_out"})

Id = tuple[str, str]
"""(correlation field, value)"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of the registries a flow is made with."""

    chain: tuple[str, ...] = CHAIN
    """Correlation fields from the root on."""
    joining: frozenset[str] = frozenset((*DEFAULT_FIELDS, "trace_id")) - {"layer_name", "parent_correlation_id"}
    """Fields whose values are unique, so that two records with the same value belong together."""
    many: frozenset[str] = frozenset({"layer_name"})
    """Fields whose values tell siblings apart within one parent only."""
    lifecycles: tuple[Lifecycle, ...] = ()
    headers: tuple[tuple[str, str], ...] = (("request_id", "X-Request-Id"), ("correlation_id", "X-Correlation-Id"))
    """(field, header), the chain's root first."""

    @classmethod
    def of(cls, registries: Iterable[Registry]) -> Shape:
        """The shape that the registries declare; what they leave open is that of 004."""
        registries = tuple(registries)
        fields = {one.name: one for registry in reversed(registries) for one in registry.correlation}
        links = next((registry.chain for registry in registries if registry.chain), ())
        lifecycles = {one.name: one for registry in reversed(registries) for one in registry.lifecycles}
        if not fields and not links:
            return cls(lifecycles=tuple(lifecycles.values()))
        chain = tuple(link.field for link in links) or tuple(name for name in CHAIN if name in fields)
        many = frozenset(link.field for link in links if link.many) or frozenset({"layer_name"} & set(chain))
        unique = {name for name, one in fields.items() if one.type in ("uuid", "otel-trace-id")} | set(chain)
        joining = frozenset(name for name in (*unique, "trace_id") if name not in many and "parent" not in name)
        headers = [(name, one.header) for name, one in fields.items() if one.header]
        headers.sort(key=lambda pair: (chain.index(pair[0]) if pair[0] in chain else len(chain), pair[0]))
        return cls(chain or CHAIN, joining, many, tuple(lifecycles.values()), tuple(headers) or cls().headers)

    def lifecycle(self, name: str) -> Lifecycle | None:
        """The lifecycle of that name."""
        return next((one for one in self.lifecycles if one.name == name), None)


class BrokenHop(NamedTuple):
    """The first pair of a chain that no record links."""

    parent: str
    child: str
    message: str
    """What was looked for, and what comes nearest to it."""
    nearest: Record | None = None
    """The record that should have had both."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing of a lifecycle: one job run, one layer of one run."""

    lifecycle: str
    key: str
    value: str
    start: Record | None
    terminals: tuple[Record, ...]

    @property
    def open(self) -> bool:
        """Begun and not ended."""
        return self.start is not None and not self.terminals


@dataclass(slots=True)
class Node:
    """One level of a flow's tree."""

    level: str
    """The correlation field, or `span`."""
    value: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    telling: frozenset[str] = frozenset()
    """The events of the lifecycle that it is an instance of: they tell how it is, whatever else happens in it."""
    lost: str = ""
    """Why it hangs where it hangs: the field that would have told its parent is in no record."""

    @property
    def start(self) -> int:
        """The earliest time of it and what is below, in nanoseconds since the epoch; 0 where none is known."""
        own = [record.time for record in self.records if record.time]
        return min((*own, *(child.start for child in self.children if child.start)), default=0)

    @property
    def end(self) -> int:
        """The latest time of it and what is below; 0 where none is known."""
        own = [record.end or record.time for record in self.records]
        return max((*own, *(child.end for child in self.children)), default=0)

    @property
    def status(self) -> str:
        """One of ok, failed, cancelled, running, or empty where nothing tells."""
        found = ""
        for record in self.own_records:
            state = status_of(record)
            if (state == "running" and not found) or state in ("ok", "failed", "cancelled"):
                found = state
        return found

    @property
    def own_records(self) -> list[Record]:
        """The records that speak of the thing itself; all, where none is of its lifecycle."""
        return [record for record in self.records if record.name in self.telling] or self.records

    @property
    def service(self) -> str:
        """The service that most of its own records come from."""
        names = [record.service for record in self.records if record.service]
        return max(sorted(set(names)), key=names.count, default="")

    def detail(self, *names: str) -> Any:
        """The first value that one of its records has in the payload under one of the names."""
        for record in self.own_records:
            for name in names:
                value = record.payload.get(name)
                if value is not None:
                    return value
        return None

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def words_of(name: str) -> list[str]:
    """The segments of an event's name: `saga:compensation_failed` has saga and compensation_failed."""
    return [part for part in name.replace(":", ".").replace("/", ".").lower().split(".") if part]


def status_of(record: Record) -> str:
    """One of ok, failed, cancelled, running as one record says it, empty where it says nothing."""
    if record.kind == SPAN:
        return "failed" if record.status == "error" else "ok" if record.end else "running"
    if record.kind == RESPONSE:
        status = record.payload.get("status", 0)
        return "failed" if not isinstance(status, int) or status >= 500 or status == 0 else "ok"
    if record.kind != EVENT:
        return ""
    words = words_of(record.name)
    last = words[-1] if words else ""
    for end, state in _ENDS.items():
        if last == end or last.endswith(f"_{end}"):
            return state
    if last in _STARTS or last.endswith(("_started", "compensating")):
        return "running" if last != "created" else ""
    stated = _field(record, "status")
    if isinstance(stated, str):
        if stated.lower() in _FAILED:
            return "failed"
        if stated.lower() in _ENDS:
            return _ENDS[stated.lower()]
    return "failed" if record.severity == "error" else ""


def error_of(record: Record) -> str:
    """`TimeoutError: no answer`, as far as a record tells; empty where it tells nothing."""
    kind = _field(record, "error_type") or _field(record, "error.type") or _field(record, "exception.type")
    text = _field(record, "error_message") or _field(record, "error.message") or _field(record, "exception.message")
    error = _field(record, "error")
    if isinstance(error, Mapping):
        kind = kind or error.get("type") or error.get("name")
        text = text or error.get("message")
    elif isinstance(error, str):
        text = text or error
    parts = [str(part) for part in (kind, text) if part]
    return ": ".join(parts)


def _field(record: Record, name: str) -> Any:
    payload = record.payload
    if isinstance(payload, Mapping):
        if name in payload:
            return payload[name]
        inner: Any = payload.get("data")
        if isinstance(inner, Mapping) and name in inner:
            return inner[name]
    body = record.body
    return body.get(name) if isinstance(body, Mapping) and record.kind in (EVENT, LOG) else None


class Flow:
    """The records of one flow, in the order in which they were captured."""

    def __init__(
        self, records: Sequence[Record], seeds: Iterable[Id], shape: Shape, index: Index | None = None
    ) -> None:
        self.records = tuple(records)
        self.seeds = tuple(seeds)
        self.shape = shape
        self._index = index
        ids: dict[str, dict[str, None]] = {}
        for name, value in self.seeds:
            ids.setdefault(name, {})[value] = None
        for record in self.records:
            for name, value in record.ids.items():
                ids.setdefault(name, {})[value] = None
        self.ids: Mapping[str, tuple[str, ...]] = {name: tuple(values) for name, values in ids.items()}
        """Correlation field → its values in this flow, in the order of their appearance."""

    def events(self, name: str = "") -> list[Record]:
        """The events, or those of one name."""
        return [record for record in self.records if record.kind == EVENT and (not name or record.name == name)]

    def broken_hop(self, fields: Sequence[str]) -> BrokenHop | None:
        """The first pair of a chain that no record links; None where all are linked (004: a link exists when any record
        carries both ids).
        """
        reached: set[str] = set(self.ids.get(fields[0], ()))
        if not reached:
            return BrokenHop("", fields[0], f"no record carries {fields[0]}")
        for parent, child in pairwise(fields):
            following = {
                record.ids[child]
                for record in self.records
                if child in record.ids and record.ids.get(parent) in reached
            }
            if not following:
                return self._break(parent, child)
            reached = following
        return None

    def _break(self, parent: str, child: str) -> BrokenHop:
        with_parent = [record for record in self.records if parent in record.ids]
        orphans = [record for record in self.records if child in record.ids and parent not in record.ids]
        outside = False
        if not orphans and self._index is not None:
            known = {id(record) for record in self.records}
            orphans = [
                record
                for record in self._index.records
                if child in record.ids and parent not in record.ids and id(record) not in known
            ]
            outside = bool(orphans)
        said = f"{parent} → {child}: no record of the flow carries both"
        if orphans:
            where = " (outside the flow)" if outside else ""
            said += f"; `{orphans[0].name}` from {place_of(orphans[0])} carries {child} without {parent}{where}"
        elif with_parent:
            last = with_parent[-1]
            said += f"; the last with {parent} is `{last.name or last.kind}` from {place_of(last)}"
        else:
            said += f"; none carries {parent}"
        return BrokenHop(parent, child, said, orphans[0] if orphans else with_parent[-1] if with_parent else None)

    def instances(self, lifecycle: Lifecycle) -> list[Instance]:
        """Every instance of a lifecycle in the flow, in the order of their first record."""
        parts: dict[tuple[str, str], list[Record]] = {}
        names = {lifecycle.start, *lifecycle.terminal}
        for record in self.records:
            if record.kind == EVENT and record.name in names:
                value = record.ids.get(lifecycle.key, "")
                within = parent_of(lifecycle.key, record, self.shape)
                parts.setdefault((within, value), []).append(record)
        return [
            Instance(
                lifecycle.name,
                lifecycle.key,
                value,
                next((record for record in records if record.name == lifecycle.start), None),
                tuple(record for record in records if record.name in lifecycle.terminal),
            )
            for (_, value), records in parts.items()
        ]

    def tree(self) -> list[Node]:
        """The roots: by the chain where records carry its ids, by spans where they carry those."""
        nodes: dict[tuple[str, ...], Node] = {}
        chain = self.shape.chain
        telling: dict[str, frozenset[str]] = dict.fromkeys(chain, frozenset())
        for one in self.shape.lifecycles:
            if one.key in telling:
                telling[one.key] |= {one.start, *one.terminal}
        above = self._parents()
        loose: list[Record] = []
        for record in self.records:
            path = self._path(record, above)
            if not path:
                loose.append(record)
                continue
            node: Node | None = None
            key: tuple[str, ...] = ()
            for name, value in path:
                # Unique values are one node wherever they are met; the others are so within their parent.
                key = (name, value) if name not in self.shape.many else (*key, name, value)
                found = nodes.get(key)
                if found is None:
                    found = nodes[key] = Node(name, value, node, telling=telling[name])
                    if node is not None:
                        node.children.append(found)
                elif found.parent is None and node is not None and found is not node:
                    found.parent = node
                    node.children.append(found)
                node = found
            if node is not None:
                node.records.append(record)
        roots = [node for node in nodes.values() if node.parent is None]
        for node in roots:
            at = chain.index(node.level) if node.level in chain else 0
            if at and (len(roots) > 1 or any(name in self.ids for name in chain[:at])):
                node.lost = f"{chain[at - 1]} → {node.level}"
        spans = self._spans(loose, nodes)
        for node in [*nodes.values(), *(one for root in spans for one in root.walk())]:
            node.children.sort(key=lambda child: child.start or 1 << 63)
        roots = [*roots, *(root for root in spans if root.parent is None)]
        roots.sort(key=lambda node: (bool(node.lost), node.start or 1 << 63))
        return roots

    def _parents(self) -> dict[Id, Id]:
        """(field, value) → the nearest id above it in the chain, as any record has it."""
        above: dict[Id, Id] = {}
        chain = self.shape.chain
        rank = {name: number for number, name in enumerate(chain)}
        for record in self.records:
            found = [(name, record.ids[name]) for name in chain if name in record.ids and name not in self.shape.many]
            for parent, child in pairwise(found):
                before = above.get(child)
                if before is None or rank[before[0]] < rank[parent[0]]:
                    above[child] = parent
        return above

    def _path(self, record: Record, above: Mapping[Id, Id]) -> list[Id]:
        """The ids of a record from the root on, completed by what other records know of their parents."""
        chain = self.shape.chain
        own = [(name, record.ids[name]) for name in chain if name in record.ids]
        if not own or record.kind == SPAN:
            return []
        first = next((pair for pair in own if pair[0] not in self.shape.many), None)
        path: list[Id] = []
        full: dict[str, str] = dict(own)
        for name, value in reversed(own):
            parent = above.get((name, value))
            seen = {name}
            while parent is not None and parent[0] not in seen:
                full.setdefault(*parent)
                seen.add(parent[0])
                parent = above.get(parent)
        for name in chain:
            if name in full:
                path.append((name, full[name]))
        return path if first is not None or len(own) == 1 else own

    def _spans(self, loose: Sequence[Record], nodes: dict[tuple[str, ...], Node]) -> list[Node]:
        """Spans, and events that are linked as spans are (002), by their parents."""
        made: dict[str, Node] = {}
        parents: dict[str, str] = {}
        for record in loose:
            span = record.ids.get("span_id", "")
            if not span:
                trace = record.ids.get("trace_id", "")
                rest = nodes.setdefault(("rest", trace), Node("trace_id", trace) if trace else Node("", ""))
                rest.records.append(record)
                continue
            node = made.setdefault(span, Node("span", span))
            node.records.append(record)
            if above := record.ids.get("parent_span_id", ""):
                parents[span] = above
        for span, node in made.items():
            parent = made.get(parents.get(span, ""))
            if parent is not None and not _is_above(node, parent):
                node.parent = parent
                parent.children.append(node)
            elif span in parents and parents[span] not in made:
                node.lost = f"parent span {parents[span]}"
        return [*made.values(), *(node for key, node in nodes.items() if key[0] == "rest")]

    @property
    def duration(self) -> int:
        """Nanoseconds from the first to the last time; 0 where fewer than two are known."""
        times = [record.time for record in self.records if record.time]
        ends = [record.end or record.time for record in self.records if record.time]
        return max(ends) - min(times) if times else 0

    def timeline(self) -> list[Record]:
        """The records by time; those without one come last, as captured."""
        return sorted(self.records, key=lambda record: (record.time == 0, record.time))


def _is_above(node: Node, other: Node) -> bool:
    """True where `node` is `other` or above it: hanging it below would close a circle."""
    current: Node | None = other
    while current is not None:
        if current is node:
            return True
        current = current.parent
    return False


class Index:
    """Records by their ids, filled while they arrive."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.records: list[Record] = []
        self._by_id: dict[Id, list[int]] = {}

    def add(self, record: Record) -> None:
        """Take one record. Not safe for threads."""
        number = len(self.records)
        self.records.append(record)
        joining, by_id = self.shape.joining, self._by_id
        for name, value in record.ids.items():
            if name in joining:
                by_id.setdefault((name, value), []).append(number)

    def flow(self, seeds: Iterable[Id], *, down: bool = False) -> Flow:
        """The flow of some ids: what carries one of them, and what carries an id that those carry, and so on.

        `down`: only down the chain, so that a request's flow does not go on through another request's id that one of
        its records carries by mistake.
        """
        seeds = tuple(seeds)
        chain = self.shape.chain
        top = min((chain.index(name) for name, _ in seeds if name in chain), default=-1)
        closed = frozenset(chain[: top + 1]) if down else frozenset()
        known: set[Id] = set(seeds)
        queue = list(seeds)
        found: set[int] = set()
        while queue:
            for number in self._by_id.get(queue.pop(), ()):
                if number in found:
                    continue
                found.add(number)
                for pair in self.records[number].ids.items():
                    if pair[0] in self.shape.joining and pair not in known and pair[0] not in closed:
                        known.add(pair)
                        queue.append(pair)
        return Flow([self.records[number] for number in sorted(found)], seeds, self.shape, self)

    def seeds_of(self, value: str) -> list[Id]:
        """The ids that have a value, in whichever field; of an id's beginning too, where it begins only one id."""
        exact = [pair for pair in self._by_id if pair[1] == value]
        if exact or len(value) < 4:
            return exact
        starting = [pair for pair in self._by_id if pair[1].startswith(value)]
        return starting if len({pair[1] for pair in starting}) == 1 else []

    def similar_to(self, value: str, name: str = "") -> list[str]:
        """Known ids that look like a value, of any field or of one."""
        from difflib import get_close_matches

        known = {pair[1] for pair in self._by_id if not name or pair[0] == name}
        return get_close_matches(value, sorted(known)[:5000], 3, 0.6)


def place_of(record: Record) -> str:
    """`stdout:api:12`."""
    return f"{record.source}:{record.line}" if record.line else record.source or "?"


class OpenInstances:
    """Which instances of lifecycles have begun and not ended, told record by record."""

    def __init__(self, shape: Shape) -> None:
        self._begins: dict[str, list[Lifecycle]] = {}
        self._ends: dict[str, list[Lifecycle]] = {}
        for lifecycle in shape.lifecycles:
            self._begins.setdefault(lifecycle.start, []).append(lifecycle)
            for name in lifecycle.terminal:
                self._ends.setdefault(name, []).append(lifecycle)
        self._shape = shape
        self.open: set[tuple[str, str, str]] = set()
        """(lifecycle, id of the parent where values repeat under parents, value of the key)"""

    def take(self, record: Record) -> None:
        """Take one record."""
        if record.kind != EVENT:
            return
        for lifecycle in self._ends.get(record.name, ()):
            self.open.discard(self._key(lifecycle, record))
        for lifecycle in self._begins.get(record.name, ()):
            self.open.add(self._key(lifecycle, record))

    def _key(self, lifecycle: Lifecycle, record: Record) -> tuple[str, str, str]:
        within = parent_of(lifecycle.key, record, self._shape)
        return lifecycle.name, within, record.ids.get(lifecycle.key, "")


def parent_of(key: str, record: Record, shape: Shape) -> str:
    """What tells two instances of the same value apart: the id of the parent, where values repeat under parents."""
    if key not in shape.many:
        return ""
    above = shape.chain[: shape.chain.index(key)] if key in shape.chain else ()
    return next((record.ids[name] for name in reversed(above) if name in record.ids), "")
