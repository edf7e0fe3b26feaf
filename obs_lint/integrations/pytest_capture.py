"""What a test's process emits, and assertions on it that read like the requirement (004 Issue 6.6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from obs_lint.registry.model import Registry
from obs_lint.reporters.context import Context
from obs_lint.reporters.flow_tree import tree
from obs_lint.reporters.smoke_summary import causes
from obs_lint.smoke.captures.capture import Capture, CaptureEnd, CaptureError
from obs_lint.smoke.captures.in_process import in_process
from obs_lint.smoke.checker import Checker
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.flows import Flow, Id, Index, Shape, place_of
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.records import EVENT, NOTHING, Record

TIMEOUT: Final = 5.0
"""Seconds for which is waited where nothing else is said."""
_OWNED: Final = 20_000
"""Ids of earlier tests that are remembered, to tell when a test sees one of another's."""
_SHOWN: Final = 30
_owners: dict[str, str] = {}


class ObsCapture:
    """Records of one test, in the order in which they came. Safe for threads."""

    def __init__(self, test: str = "", registries: Sequence[Registry] = ()) -> None:
        self.test = test
        self.registries = tuple(registries)
        self.shape = Shape.of(self.registries)
        self._index = Index(self.shape)
        self._changed = threading.Condition()
        declared = {
            one.name: {"header": one.header or None, "aliases": list(one.aliases), "at": one.at or None}
            for registry in reversed(self.registries)
            for one in registry.correlation
        }
        fields = Fields.of_registry(declared)
        if find_spec("obs_surface") is not None:
            # By its name: obs_lint does not depend on obs_surface, nor the reverse. Once imported, it is captured.
            import_module("obs_surface.configuration")
        self._captures = in_process(fields)
        self._started: list[Capture] = []
        self.ends: tuple[CaptureEnd, ...] = ()
        """What each capture delivered; known after the test."""

    def __repr__(self) -> str:
        return f"<ObsCapture of {self.test or 'a test'}: {len(self._index.records)} records>"

    # -- begin and end; the fixture calls these

    def start(self) -> None:
        """Capture from now on."""
        for capture in self._captures:
            try:
                capture.start(self._put)
            except CaptureError:
                continue
            self._started.append(capture)

    def stop(self) -> None:
        """Capture no more. What was captured can still be asked."""
        # The last that was put around something is taken off first.
        self.ends = tuple(capture.stop(1.0) for capture in reversed(self._started))
        self._started = []
        roots = {self.shape.chain[0]} if self.shape.chain else set()
        for record in self._index.records:
            for name in roots & record.ids.keys():
                if len(_owners) < _OWNED:
                    _owners.setdefault(record.ids[name], self.test)

    def _put(self, record: Record) -> None:
        with self._changed:
            self._index.add(record)
            self._changed.notify_all()

    # -- what was captured

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything so far: events, log lines, text, spans."""
        with self._changed:
            return tuple(self._index.records)

    @property
    def events(self) -> tuple[Record, ...]:
        """The events so far."""
        return tuple(record for record in self.records if record.kind == EVENT)

    def clear(self) -> None:
        """Forget what was captured."""
        with self._changed:
            self._index = Index(self.shape)
            self._changed.notify_all()

    def all(self, name: str, **wanted: Any) -> list[Record]:
        """Every event of a name; `wanted` are fields of the payload or correlation fields, with their values."""
        return [record for record in self.events if record.name == name and _has(record, wanted)]

    def one(self, name: str, **wanted: Any) -> Record:
        """The one event of a name. AssertionError where there is none, or more than one."""
        __tracebackhide__ = True
        found = self.all(name, **wanted)
        if len(found) == 1:
            return found[0]
        raise AssertionError(self._not_one(name, wanted, found))

    def none(self, name: str, **wanted: Any) -> None:
        """AssertionError where there is an event of that name."""
        __tracebackhide__ = True
        found = self.all(name, **wanted)
        if found:
            places = "\n".join(f"  {_line(record)}" for record in found[:_SHOWN])
            raise AssertionError(f"`{name}` was emitted {_times(len(found))}, and must not be:\n{places}")

    def wait_for(self, name: str, *, timeout: float = TIMEOUT, count: int = 1, **wanted: Any) -> Record:
        """Wait until an event (or `count` of them) is there, and return the last; `timeout` is in seconds.

        AssertionError where it does not come. In asynchronous tests use `wait_for_async`: this one blocks the loop.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [
                    record
                    for record in self._index.records
                    if record.kind == EVENT and record.name == name and _has(record, wanted)
                ]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        raise AssertionError(f"waited {timeout:g} s: {self._not_one(name, wanted, found, count)}")

    async def wait_for_async(
        self,
        name: str,
        *,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - the same arguments as wait_for
        count: int = 1,
        **wanted: Any,
    ) -> Record:
        """As `wait_for`, while the event loop goes on."""
        import asyncio

        __tracebackhide__ = True
        return await asyncio.to_thread(self.wait_for, name, timeout=timeout, count=count, **wanted)

    def flow(self, **ids: str) -> CapturedFlow:
        """The flow of ids: `capture.flow(request_id=rid)`. AssertionError where no record carries one of them."""
        __tracebackhide__ = True
        if not ids:
            raise TypeError("flow() takes the ids of a flow: capture.flow(request_id=rid)")
        unknown = [name for name in ids if name not in self.shape.joining]
        if unknown:
            known = ", ".join(sorted(self.shape.joining))
            raise TypeError(f"`{unknown[0]}` is no field that joins records; these are: {known}")
        seeds: list[Id] = [(name, str(value)) for name, value in ids.items()]
        with self._changed:
            found = self._index.flow(seeds)
            similar = self._index.similar_to(seeds[0][1], seeds[0][0])
        if not found.records:
            hint = f"; similar: {', '.join(similar)}" if similar else ""
            said = ", ".join(f"{name} {value}" for name, value in seeds)
            raise AssertionError(f"no record carries {said}{hint}\n{self._seen()}")
        return CapturedFlow(found)

    def assert_valid(self, *, ignore: Iterable[str] = (), canaries: Mapping[str, str] = NOTHING) -> None:
        """Hold everything that was captured against the registry: envelopes, payloads, ids, lifecycles, privacy.

        `ignore` are codes that may fail. AssertionError with every finding, root causes first; also where nothing was
        captured: nothing to look at is never a pass. What has not ended yet is no failure.
        """
        __tracebackhide__ = True
        records = self.records
        if not records:
            raise AssertionError("nothing was captured, so nothing can be valid")
        own = {value for record in records for value in record.ids.values()}
        foreign = {value: test for value, test in _owners.items() if test != self.test and value in own}
        options = Options(canaries=canaries, always=False, test=self.test, test_ids=foreign, ignore=tuple(ignore))
        checker = Checker(Plan.of(self.registries), options)
        checker.take_many(records)
        result = checker.finish()
        failed = [finding for finding in result.findings if any(not one.inconclusive for one in _all(finding))]
        if failed:
            count = sum(1 for finding in failed for _ in _all(finding))
            lines = causes(failed, Context(width=100), self._index)
            raise AssertionError("\n".join([f"{count} findings, root causes first:", *lines]))

    # -- messages

    def _not_one(self, name: str, wanted: Mapping[str, Any], found: Sequence[Record], count: int = 1) -> str:
        said = f"`{name}`" + (f" with {_said(wanted)}" if wanted else "")
        if found and count == 1:
            places = "\n".join(f"  {_line(record)}" for record in found[:_SHOWN])
            return f"{said} was emitted {_times(len(found))}, not once:\n{places}"
        if found:
            return f"{said} was emitted {_times(len(found))}, not {count} times\n{self._seen()}"
        named = [record for record in self.events if record.name == name]
        if named:
            lines = "\n".join(f"  {_line(record)}  {_differences(record, wanted)}" for record in named[:_SHOWN])
            return f"{said} was not emitted; the nearest:\n{lines}"
        from difflib import get_close_matches

        near = get_close_matches(name, sorted({record.name for record in self.events}), 1, 0.6)
        hint = f"; `{near[0]}` was: is that what was meant?" if near else ""
        return f"{said} was not emitted{hint}\n{self._seen()}"

    def _seen(self) -> str:
        records = self.records
        if not records:
            return "nothing was captured"
        lines = [f"  {_line(record)}" for record in records[-_SHOWN:]]
        return "\n".join([f"captured, the last {len(lines)} of {len(records)}:", *lines])


class CapturedFlow:
    """The records that a flow's ids join, and what can be asserted of them."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __repr__(self) -> str:
        return f"<CapturedFlow: {len(self._flow.records)} records>"

    def __str__(self) -> str:
        return "\n".join(tree(self._flow, Context(width=100)))

    @property
    def records(self) -> tuple[Record, ...]:
        """In the order in which they came."""
        return self._flow.records

    @property
    def ids(self) -> Mapping[str, tuple[str, ...]]:
        """Correlation field → its values in the flow."""
        return self._flow.ids

    def events(self, name: str = "") -> list[Record]:
        """The flow's events, or those of one name."""
        return self._flow.events(name)

    def assert_chain(self, *fields: str) -> CapturedFlow:
        """Each adjacent pair of correlation fields is carried by one record at least, from the first field's value on.

        Without fields: the registry's whole chain. AssertionError with the first broken hop and the flow's tree.
        """
        __tracebackhide__ = True
        chain = fields or self._flow.shape.chain
        if len(chain) < 2:
            raise TypeError("a chain has two fields or more")
        broken = self._flow.broken_hop(chain)
        if broken is not None:
            raise AssertionError(f"the chain is broken at {broken.message}\n\n{self._drawn()}")
        return self

    def assert_lifecycle(self, *names: str) -> CapturedFlow:
        """Each of these lifecycles has an instance in the flow, and every instance has one start and one end.

        AssertionError with what is missing or doubled, and the flow's tree. TypeError for a name that no registry has.
        """
        __tracebackhide__ = True
        for name in names:
            lifecycle = self._flow.shape.lifecycle(name)
            if lifecycle is None:
                known = ", ".join(one.name for one in self._flow.shape.lifecycles) or "none"
                raise TypeError(f"no registry has the lifecycle `{name}`; known: {known}")
            instances = self._flow.instances(lifecycle)
            problems = [] if instances else [f"no {name} began: there is no `{lifecycle.start}` in the flow"]
            for one in instances:
                called = f"{name} {one.value}"
                if one.start is None:
                    problems.append(
                        f"{called} ended with `{one.terminals[0].name}` and never began (`{lifecycle.start}`)"
                    )
                elif not one.terminals:
                    problems.append(f"{called} began and has not ended ({' or '.join(lifecycle.terminal)})")
                elif len(one.terminals) > 1 and lifecycle.exactly_one_terminal:
                    ends = ", ".join(f"`{record.name}`" for record in one.terminals)
                    problems.append(f"{called} ended {len(one.terminals)} times: {ends}")
            if problems:
                raise AssertionError("\n".join(problems) + f"\n\n{self._drawn()}")
        return self

    def _drawn(self) -> str:
        return "\n".join(tree(self._flow, Context(width=100), events=True))


@lru_cache(maxsize=8)
def registries_of(root: str, named: tuple[str, ...]) -> tuple[Registry, ...]:
    """The registries for the tests below a root, read once a process.

    Those that are named (relative to the root), else those of obs-lint's configuration there, else none. Raises
    pytest.UsageError where one can't be used.
    """
    import os

    import pytest

    from obs_lint.config import ConfigError, load
    from obs_lint.config.model import RegistrySource
    from obs_lint.registry.model import RegistryError
    from obs_lint.registry.reader import Reader
    from obs_lint.registry.sources import read

    try:
        if named:
            sources = []
            for path in named:
                kind = "lock:" if path.endswith(".lock.json") else ""
                sources.append(read(RegistrySource(kind + os.path.join(root, path)), Reader(root)))
            return tuple(sources)
        from obs_lint.registry_of_project import declared, sources_of

        config = load(root)
        if not sources_of(config):
            return ()
        with declared(config, jobs=1) as found:
            if found.registries.broken:
                raise RegistryError(found.registries.broken)
            return found.registries.sources
    except RegistryError as error:
        places = "\n".join(f"{one.place.path}:{one.place.line}: {one.message}" for one in error.problems)
        raise pytest.UsageError(f"obs_capture: the registry can't be used\n{places}") from None
    except ConfigError as error:
        raise pytest.UsageError(f"obs_capture: {error}") from None


def _has(record: Record, wanted: Mapping[str, Any]) -> bool:
    return all(_value(record, name) == value for name, value in wanted.items())


def _value(record: Record, name: str) -> Any:
    if name in record.payload:
        return record.payload[name]
    return record.ids.get(name)


def _differences(record: Record, wanted: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} is {_value(record, name)!r}" for name, value in wanted.items() if _value(record, name) != value
    )


def _line(record: Record) -> str:
    ids = " ".join(f"{name}={value}" for name, value in record.ids.items())
    said = record.name or str(record.payload.get("message", record.kind))
    return f"{said}  {ids}  ({place_of(record)})".replace("    ", "  ")


def _said(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in wanted.items())


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _all(finding: Any) -> Iterable[Any]:
    yield finding
    for one in finding.consequences:
        yield from _all(one)
