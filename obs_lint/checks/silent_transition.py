"""Reports states of a declared state machine that are set without an event, or that the machine does not allow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.emitted import declared_here, listed
from obs_lint.checks.lifecycles import MODULE, function_of, leaving
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.checks.state_guards import Guards
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name
from obs_lint.events.registries import registries
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.project import Origin
from obs_lint.project.values import Value
from obs_lint.registry.model import Lifecycle

_MAKING = frozenset(
    {"__init__", "__post_init__", "__new__", "__setattr__", "__setstate__", "model_post_init", "__attrs_post_init__"}
)
_KINDS = frozenset(
    {"base", "db", "dto", "entity", "info", "item", "model", "obj", "object", "orm", "record", "row", "schema", "state"}
)
"""Words at the end of a class's name that say what it is made of, not of what it is."""


_MOST = 2 / 3


@dataclass(frozen=True, slots=True)
class Options:
    """What `silent-transition` may be told."""

    fields: tuple[str, ...] = ()
    """Names of the fields that hold a state; none: the field that the lifecycle declares."""
    events: Literal["any", "lifecycle"] = "any"
    """Which events make a transition visible: any, or those of its lifecycle."""
    classes: tuple[str, ...] = ()
    """Names of further classes or variables whose state it is, where they are not named like the lifecycle."""


class _Machine(NamedTuple):
    """A lifecycle that declares states."""

    lifecycle: Lifecycle
    fields: tuple[str, ...]
    states: dict[str, str]
    """State in lower case → as declared."""
    words: tuple[str, ...]
    """Of its name."""

    def state(self, value: Value) -> str:
        """Return the state that a value is, by its text or by the name of the enum's member; "" for none."""
        for text in (value.value, value.member.rpartition(".")[2]):
            if isinstance(text, str) and text.lower() in self.states:
                return self.states[text.lower()]
        return ""

    def allows(self, before: str, after: str) -> bool:
        """True where the machine has that transition, or where nothing changes."""
        return before == after or after in self.lifecycle.transitions.get(before, ())


class _Setting(NamedTuple):
    """A place where a field is set."""

    receiver: Expr
    field: str
    value: Expr
    scope: int
    pos: Pos


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an assignment, at the field that is set."""
    machines = [_machine(lifecycle, run.options) for lifecycle in registries(run.project, run.config).lifecycles]
    machines = [machine for machine in machines if machine.states and machine.fields]
    if not machines:
        return
    fields = frozenset(field for machine in machines for field in machine.fields)
    matching = run.project.matching(tuple([_anchor(field) for field in sorted(fields)]))
    judge = _Judge(run, machines)
    for file in run.files:
        if file.path in matching and not file.path.endswith(".pyi"):
            facts = run.project.facts(file.path)
            if facts is not None:
                for setting in _settings(facts, fields):
                    yield from judge.judged(file, facts, setting)


def _machine(lifecycle: Lifecycle, options: Options) -> _Machine:
    names = [*lifecycle.transitions, *(after for afters in lifecycle.transitions.values() for after in afters)]
    fields = options.fields or ((lifecycle.states_field,) if lifecycle.states_field else ())
    states = {name.lower(): name for name in names}
    return _Machine(lifecycle, fields, states, tuple(re.findall(r"[a-z0-9]+", lifecycle.name.lower())))


def _anchor(field: str) -> Anchor:
    word = re.escape(field.encode())
    return Anchor(
        (field.encode(),),
        rb"\.%b[ \t]*(?::[^=\n]*)?=(?!=)|\[[ \t]*['\"]%b['\"][ \t]*\][ \t]*=(?!=)|setattr\(|\.%b[ \t]*,[^=\n]*=(?!=)"
        % (word, word, word),
    )


def _settings(facts: FileFacts, fields: frozenset[str]) -> Iterator[_Setting]:
    for row in facts.attributes:
        if row.kind == "assign" and row.value is not None and row.target[2] in fields:
            yield _Setting(row.target[1], row.target[2], row.value, row.scope, row.target[-1])
    for row in facts.subscripts:
        index = row.target[2]
        if row.kind == "assign" and row.value is not None and index[0] == "const" and index[1] in fields:
            yield _Setting(row.target[1], index[1], row.value, row.scope, row.target[-1])
    for call in facts.calls:
        expr = call.expr
        if expr[1][:2] == ("name", "setattr") and len(expr[2]) == 3 and expr[2][1][0] == "const":
            if expr[2][1][1] in fields:
                yield _Setting(expr[2][0], expr[2][1][1], expr[2][2], call.scope, expr[-1])


class _Judge:
    def __init__(self, run: RuleRun[Options], machines: list[_Machine]) -> None:
        self._run = run
        self._project = run.project
        self._machines = machines
        self._leaving = leaving(run.project, run.config)
        self._guards = Guards(run.project)

    def judged(self, file: ProjectFile, facts: FileFacts, setting: _Setting) -> Iterator[Diagnostic]:
        path, index = file.path, function_of(facts, setting.scope)
        if index == MODULE or facts.functions[index].name in _MAKING:
            return
        if _is_copy(setting):
            return
        found = self._project.values(path, setting.scope, setting.value)
        if not found.known or not found.complete:
            return
        for machine in self._machines:
            if setting.field not in machine.fields or not self._is_of(machine, path, setting, found.known):
                continue
            what = self._what(machine, path, facts, index, setting, found.known)
            if what:
                yield self._report(file, facts, index, setting, machine, what)
                return

    # -- is it the machine's

    def _is_of(self, machine: _Machine, path: str, setting: _Setting, values: tuple[Value, ...]) -> bool:
        names = [last_name(setting.receiver)]
        names += [
            origin.name.rpartition(".")[2]
            for origin in self._project.resolve(path, setting.scope, setting.receiver)
            if origin.kind == "instance"
        ]
        named = any(_is_named(machine, name, self._run.options.classes) for name in names)
        return all(
            self._is_enum_of(machine, value, named) if value.member else named and isinstance(value.value, str)
            for value in values
        )

    def _is_enum_of(self, machine: _Machine, value: Value, named: bool) -> bool:
        """True for a member of an enum that has all of the states, or most of them where names agree too."""
        for origin in self._project.lookup(value.member.rpartition(".")[0]):
            if origin.kind == "class":
                share = len(self._members(origin) & machine.states.keys()) / len(machine.states)
                if share == 1 or (share >= _MOST and (named or _speaks_of(machine, origin.name.rpartition(".")[2]))):
                    return True
        return False

    def _members(self, origin: Origin) -> frozenset[str]:
        facts = self._project.facts(origin.path)
        if facts is None:
            return frozenset()
        rows = facts.scopes[facts.classes[origin.index].scope].bindings
        names: set[str] = set()
        for name, bindings in rows.items():
            names.add(name.lower())
            value = bindings[-1].value
            if value is not None and value[0] == "const" and isinstance(value[1], str):
                names.add(value[1].lower())
        return frozenset(names)

    # -- what is wrong

    def _what(
        self,
        machine: _Machine,
        path: str,
        facts: FileFacts,
        index: int,
        setting: _Setting,
        values: tuple[Value, ...],
    ) -> str:
        name = machine.lifecycle.name
        states = [machine.state(value) for value in values]
        for value, state in zip(values, states, strict=True):
            if not state:
                return f"is set to `{_shown(value)}`, which is no state of `{name}`"
        before = self._guards.before(path, facts, index, setting.receiver, setting.field, setting.pos)
        known = [machine.state(value) for value in before]
        if known and all(known):
            for state in states:
                if not any(machine.allows(each, state) for each in known):
                    return f"goes from {_either(known)} to `{state}`, which `{name}` does not allow"
        if self._is_made_here(path, facts, index, setting) or self._is_visible(machine, path, facts, index, setting):
            return ""
        return f"is set to {_either(states)} without an event"

    def _is_made_here(self, path: str, facts: FileFacts, index: int, setting: _Setting) -> bool:
        """True where the function itself makes the object: that is no transition."""
        receiver = setting.receiver
        if receiver[0] != "name":
            return False
        for binding in facts.scopes[facts.functions[index].scope].bindings.get(receiver[1], ()):
            value = binding.value
            if binding.kind != "assign" or value is None:
                continue
            if value[0] == "dict":
                return True
            if value[0] == "call" and any(
                origin.kind == "class" for origin in self._project.resolve(path, setting.scope, value[1])
            ):
                return True
        return False

    def _is_visible(self, machine: _Machine, path: str, facts: FileFacts, index: int, setting: _Setting) -> bool:
        """True where an event leaves in the function, in what it calls, in its decorators, or in every caller."""
        if self._counts(machine, self._leaving.through(path, index)):
            return True
        if self._counts(machine, self._leaving.of_decorators(path, facts, index)):
            return True
        if self._counts(machine, self._leaving.by_name(setting.field)):
            return True
        callers = list(self._leaving.callers(path, facts, index, told=False))
        return bool(callers) and all(self._counts(machine, self._leaving.through(*caller)) for caller in callers)

    def _counts(self, machine: _Machine, events: frozenset[str]) -> bool:
        if self._run.options.events == "any":
            return bool(events)
        own = (machine.lifecycle.start, *machine.lifecycle.terminal)
        area = machine.lifecycle.start.rpartition(".")[0]
        return any(event in own or event == "?" or (area and event.startswith(area + ".")) for event in events)

    def _report(
        self, file: ProjectFile, facts: FileFacts, index: int, setting: _Setting, machine: _Machine, what: str
    ) -> Diagnostic:
        lifecycle = machine.lifecycle
        events = tuple(dict.fromkeys((lifecycle.start, *lifecycle.terminal)))
        trail = (declared_here(lifecycle.place, lifecycle.name),) if lifecycle.place.path else ()
        return self._run.report(
            file,
            setting.pos,
            target=f"{lifecycle.name}.{setting.field}",
            scope=facts.functions[index].scope,
            trail=trail,
            field=setting.field,
            what=what,
            lifecycle=lifecycle.name,
            events=listed(events),
        )


def _is_named(machine: _Machine, name: str, classes: tuple[str, ...]) -> bool:
    """True for a name that says what the lifecycle is of: `job`, `current_job`, `AnalysisJob`, `JobRecord`."""
    if name in classes:
        return True
    parts = re.findall(r"[a-z0-9]+", _parted(name))
    while parts and parts[-1] in _KINDS:
        parts.pop()
    return tuple(parts[-len(machine.words) :]) == machine.words


def _is_copy(setting: _Setting) -> bool:
    """True for the state of another object, taken over."""
    value = setting.value
    if value[0] == "sub":
        return bool(value[2][:2] == ("const", setting.field))
    return bool(value[0] == "attr" and value[2] == setting.field)


def _speaks_of(machine: _Machine, name: str) -> bool:
    """True for an enum that is called after the lifecycle: `JobStatus`, `OrderState`."""
    return tuple(re.findall(r"[a-z0-9]+", _parted(name))[: len(machine.words)]) == machine.words


def _parted(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _shown(value: Value) -> str:
    return value.member.rpartition(".")[2] or str(value.value)


def _either(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in dict.fromkeys(names)]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


CHECK = Check("silent-transition", Options, run)
