"""Reports an emitter that is made outside the surface: a function by the name of one, bound in whatever way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from obs_lint.checks import Check
from obs_lint.checks.evidence import Bodies, Evidence, declares_only
from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import Emitters
from obs_lint.facts.model import Binding, Expr, FileFacts, Pos
from obs_lint.patterns import names_match
from obs_lint.project import Origin


@dataclass(frozen=True, slots=True)
class Options:
    """What `ad-hoc-emitter` may be told. In names `*` stands for any letters; leading underscores do not count."""

    names: tuple[str, ...] = ()
    """An emitter by its name alone."""
    suspect_names: tuple[str, ...] = ()
    """An emitter where the body logs, prints, posts or calls telemetry."""
    libraries: tuple[str, ...] = ()
    """Telemetry libraries: calling them is evidence."""
    clients: tuple[str, ...] = ()
    """Clients of product analytics, which are no banned modules but send events all the same."""


@lru_cache(maxsize=64)
def _matcher(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("_*(?:" + ("|".join(map(_body, names)) or "(?!)") + ")")


def _body(name: str) -> str:
    return re.escape(name).replace(r"\*", r"\w*")


def _endings(names: Iterable[str]) -> dict[str, list[str]]:
    """Group names by a piece that they share, `_event` or `_telemetry`: what files are searched for."""
    groups: dict[str, list[str]] = {}
    for name in names:
        ending = "_" + max(name.split("*"), key=len).rstrip("_").rpartition("_")[2]
        groups.setdefault(next((known for known in groups if known in name), ending.removeprefix("__")), []).append(
            name
        )
    return groups


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files in which such a name stands where it is bound: after `def`, before `=`, after `as`, in quotes."""
    found: list[Anchor] = []
    for piece, names in _endings((*options.names, *options.suspect_names)).items():
        name = f"_*(?:{'|'.join(map(_body, names))})"
        assigned = r"[ \t]*(?::[^=\n]+)?=(?!=)[ \t]*(?!None\b|True\b|False\b|[\"'\d])"
        pattern = (
            rf"\bdef[ \t]+{name}\b|^[ \t]*(?:\w+\.)*{name}(?:{assigned}|[ \t]*,[^\n=]*=(?!=))|(?<!\w){name}[ \t]*:="
            rf"|\bas[ \t]+{name}\b|,[ \t]*{name}[ \t]*="
            rf"|(?:setattr|globals|locals|vars|__dict__)\b[^\n]*(?:[\"']{name}[\"']|\b{name}=)"
        )
        exact = {max(name.split("*"), key=len) for name in names}
        fewest = sorted(e.encode() for e in exact if not any(other in e for other in exact - {e}))
        found.append(Anchor((piece.encode(),), pattern.encode(), any_of=tuple(fewest)))
    return tuple(found)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a binding."""
    emitters = Emitters(run.project, run.config)
    for file in run.anchored:
        if run.is_surface(file) or is_stub(file):
            continue
        facts = run.project.facts(file.path)
        if facts is not None:
            yield from _File(run, emitters, file, facts).diagnostics()


class _File:
    """The search through one file."""

    def __init__(self, run: RuleRun[Options], emitters: Emitters, file: ProjectFile, facts: FileFacts) -> None:
        self.run = run
        self.emitters = emitters
        self.file = file
        self.facts = facts
        self.sure = _matcher(run.options.names).fullmatch
        self.suspect = _matcher(run.options.suspect_names).fullmatch
        libraries = (*run.options.libraries, *run.options.clients)
        self.bodies = Bodies(run.project, run.config, emitters, file.path, facts, libraries)

    def diagnostics(self) -> Iterator[Diagnostic]:
        for number, scope in enumerate(self.facts.scopes):
            for name, bindings in scope.bindings.items():
                if self.sure(name) or self.suspect(name):
                    for binding in bindings:
                        found = self._binding(name, binding, number)
                        if found is not None:
                            yield found
        for attribute in (*self.facts.attributes, *self.facts.subscripts):
            target = attribute.target
            name = target[2] if target[0] == "attr" else self._global(target, attribute.scope)
            if name and attribute.value is not None and (self.sure(name) or self.suspect(name)):
                found = self._value(name, attribute.value, attribute.scope, target[-1])
                if found is not None:
                    yield found
        for call in self.facts.calls:
            for name, value in self._set_by_call(call.expr, call.scope):
                if self.sure(name) or self.suspect(name):
                    found = self._value(name, value, call.scope, call.expr[-1])
                    if found is not None:
                        yield found

    def _binding(self, name: str, binding: Binding, scope: int) -> Diagnostic | None:
        if binding.type_only:
            return None
        if binding.kind == "def":
            return self._function(name, binding.index, binding.pos)
        if binding.kind in ("assign", "walrus") and binding.value is not None:
            return self._value(name, binding.value, scope, binding.pos)
        if binding.kind == "import":
            alias = self.facts.imports[binding.index].names[binding.item]
            if alias.asname and alias.asname != alias.name:
                origins = self.run.project.resolve_import(self.file.path, binding.index, binding.item)
                return self._origins(name, origins, scope, binding.pos)
        return None

    def _function(self, name: str, index: int, pos: Pos) -> Diagnostic | None:
        function = self.facts.functions[index]
        if declares_only(self.facts, index, self.run.project, self.file.path):
            return None
        if self.emitters.is_declared(self.file.path, function):
            return None
        evidence = self._evidence(name, index)
        if evidence is None:
            return None
        return self._report(name, pos, function.parent, evidence)

    def _evidence(self, name: str, index: int) -> tuple[TrailStep, ...] | None:
        """What speaks for an emitter: nothing more needed for a sure name; None where a suspect one has nothing."""
        for found in self.bodies.of_function(index):
            if self.sure(name) or self._counts(self.bodies, index, found):
                return (self._step(found.pos, found.what),)
        return () if self.sure(name) else None

    def _counts(self, bodies: Bodies, index: int, found: Evidence) -> bool:
        """True where a call sends what the function was given, not a remark that something was done or went wrong."""
        if found.kind == "post":
            return True
        return bodies.forwards(index, found.pos) and not found.aside

    def _value(self, name: str, value: Expr, scope: int, pos: Pos) -> Diagnostic | None:
        """A name that gets a value: reported where that is something callable which is not the surface's own."""
        for alternative in _alternatives(value):
            if alternative[0] == "lambda":
                function = self.facts.functions[alternative[1]]
                if not function.is_stub and (evidence := self._evidence(name, alternative[1])) is not None:
                    return self._report(name, pos, scope, evidence)
                continue
            origins = self.run.project.resolve(self.file.path, scope, self._called(alternative, scope))
            if (found := self._origins(name, origins, scope, pos)) is not None:
                return found
        return None

    def _origins(self, name: str, origins: tuple[Origin, ...], scope: int, pos: Pos) -> Diagnostic | None:
        if any(self._is_facade(origin) for origin in origins):
            return None
        for origin in origins:
            if (evidence := self._callable(name, origin)) is not None:
                return self._report(name, pos, scope, evidence)
        return None

    def _called(self, expr: Expr, scope: int) -> Expr:
        """What `partial(f, …)` and `partialmethod(f, …)` call."""
        if expr[0] == "call" and expr[2]:
            names = {o.name for o in self.run.project.resolve(self.file.path, scope, expr[1])}
            if names & {"functools.partial", "functools.partialmethod"}:
                return self._called(expr[2][0], scope)
        return expr

    def _callable(self, name: str, origin: Origin) -> tuple[TrailStep, ...] | None:
        """Evidence for a value that can be called, () for a sure name; None where it is not callable or harmless."""
        project = self.run.project
        facts = project.facts(origin.path) if origin.path else None
        if origin.kind == "function" and facts is not None:
            function = facts.functions[origin.index]
            if self.sure(function.name) or self.suspect(function.name):
                return None  # reported, or found harmless, where it is defined
            if self.sure(name):
                return (self._step(function.name_pos, f"`{function.name}` is defined here", origin.path),)
            bodies = Bodies(
                project, self.run.config, self.emitters, origin.path, facts,
                (*self.run.options.libraries, *self.run.options.clients),
            )  # fmt: skip
            signs = bodies.of_function(origin.index)
            found = next((sign for sign in signs if self._counts(bodies, origin.index, sign)), None)
            return None if found is None else (self._step(found.pos, found.what, origin.path),)
        if origin.kind == "instance" and facts is not None and 0 <= origin.index < len(facts.classes):
            methods = facts.scopes[facts.classes[origin.index].scope].bindings.get("__call__")
            if methods:
                return (
                    (self._step(methods[0].pos, f"called through `{origin.name}.__call__`", origin.path),)
                    if self.sure(name)
                    else None
                )
            return None
        if origin.kind == "external":
            if self.sure(name):
                return ()
            return () if origin.name == "builtins.print" or self._library(origin.name) else None
        return None

    def _library(self, name: str) -> bool:
        known = (*self.run.options.libraries, *self.run.options.clients)
        return any(name == library or name.startswith(library + ".") for library in known)

    def _is_facade(self, origin: Origin) -> bool:
        if self.emitters.matching((origin,)) is not None:
            return True
        file = self.run.project.files.get(origin.path)
        if file is not None and self.run.is_surface(file):
            return True
        return any(names_match(pattern, (origin.name,)) for pattern in self.run.config.surface or ())

    def _global(self, target: Expr, scope: int) -> str:
        """The name that `globals()["name"] = …` or `module.__dict__["name"] = …` sets."""
        if target[0] != "sub" or not self._is_namespace(target[1], scope):
            return ""
        return self._text(target[2], scope)

    def _is_namespace(self, expr: Expr, scope: int) -> bool:
        if expr[0] == "attr" and expr[2] == "__dict__":
            return True
        if expr[0] != "call":
            return False
        origins = self.run.project.resolve(self.file.path, scope, expr[1])
        return any(o.name in ("builtins.globals", "builtins.vars", "builtins.locals") for o in origins)

    def _set_by_call(self, call: Expr, scope: int) -> Iterator[tuple[str, Expr]]:
        """(name, value) of `setattr(x, "name", value)`, `globals().update(name=value)` and their like."""
        func, given = call[1], call[2]
        if func[0] == "name" and func[1] == "setattr" and len(given) == 3:
            if (name := self._text(given[1], scope)) and any(
                o.name == "builtins.setattr" for o in self.run.project.resolve(self.file.path, scope, func)
            ):
                yield name, given[2]
        elif (
            func[0] == "attr"
            and func[2] in ("update", "setdefault", "__setitem__")
            and self._is_namespace(func[1], scope)
        ):
            if func[2] == "update":
                yield from ((name, value) for name, value, _ in call[3] if name)
                for part in given:
                    if part[0] == "dict":
                        yield from ((self._text(key, scope), value) for key, value in part[1] if key is not None)
            elif len(given) > 1:
                yield self._text(given[0], scope), given[1]

    def _text(self, expr: Expr, scope: int) -> str:
        known = self.run.project.values(self.file.path, scope, expr).known
        return next((value.value for value in known if isinstance(value.value, str)), "")

    def _step(self, pos: Pos, what: str, path: str = "") -> TrailStep:
        path = path or self.file.path
        _, before = self.run.project.cell_of(path, pos[0])
        return TrailStep(path, Position(pos[0] - before, pos[1]), what)

    def _report(self, name: str, pos: Pos, scope: int, trail: tuple[TrailStep, ...]) -> Diagnostic:
        return self.run.report(self.file, pos, target=name, scope=scope, trail=trail, name=name)


def _alternatives(value: Expr) -> Iterator[Expr]:
    """What a conditional value may be."""
    if value[0] == "if":
        yield from _alternatives(value[2])
        yield from _alternatives(value[3])
    elif value[0] == "bool":
        for part in value[2]:
            yield from _alternatives(part)
    elif value[0] == "walrus":
        yield from _alternatives(value[2])
    else:
        yield value


CHECK = Check("ad-hoc-emitter", Options, run, anchors, parts="files")
