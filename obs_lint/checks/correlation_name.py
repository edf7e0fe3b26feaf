"""Reports other spellings of canonical correlation fields: parameters, keywords, keys and headers; offers the name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.canonical import DEFAULT_FIELDS, Canonical, canonical, header_spellings, spellings
from obs_lint.checks.emitted import lines_of
from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Span
from obs_lint.discovery import ProjectFile
from obs_lint.events.emissions import emissions
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts, Pos
from obs_lint.facts.nested import children, nested
from obs_lint.facts.roots import roots
from obs_lint.project import Project

_LOG_METHODS = frozenset("debug info warning warn error exception critical fatal msg log bind new".split())
_BINDING = frozenset("bind_contextvars bound_contextvars contextualize".split())
_READING = frozenset("get getlist get_all setdefault pop add append set set_header add_header getheader Header".split())

_CAMEL = re.compile(r"[a-z]+[A-Z][A-Za-z0-9]*").fullmatch

_WIRE = frozenset("params json data body query variables form content".split())
"""Arguments whose keys the other side of an HTTP call decides."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `correlation-name` may be told."""

    derived: bool = True
    """Whether spellings that follow from a field's name count (`reqId`, `corr_id`), or only the registry's aliases."""


class _Key(NamedTuple):
    """A key of a dict, or of an item that is assigned."""

    key: Expr
    value: Expr | None
    holder: str
    """What the dict is given to or bound to, as it is spelled."""
    is_telemetry: bool
    is_foreign: bool = False
    """True where the keys are somebody else's to decide: of an HTTP call, of a dict in camelCase, of an argument."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that spell a usual field in another way; other fields are looked for once the registry is read."""
    if not config.registry or not options.derived:
        return ()
    return (Anchor(any_of=_words(Canonical(DEFAULT_FIELDS, (), True), derived=True)),)


def _words(known: Canonical, *, derived: bool) -> tuple[bytes, ...]:
    """What a file must hold to spell a field in another way: beginnings that many spellings share."""
    found = set(known.aliases)
    for field in known.fields if derived else ():
        for spelling in (*spellings(field.name), *(header_spellings(field) if field.header else ())):
            found.add(spelling[:-1])
    headers = {text for text in found if "-" in text and text not in known.aliases}
    texts = {text.encode() for text in found - headers}
    for text in headers:
        short = text.removeprefix("x-")
        forms = {short, short.title(), short.capitalize()}
        texts |= {form.encode() for form in (*forms, *(form[:-1] + "I" for form in forms))}
    return tuple(sorted(word for word in texts if not any(other != word and other in word for other in texts)))


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a name, where it is written."""
    known = canonical(run.project, run.config)
    if not known.declared:
        return
    names = _Names(run, known)
    for file in _files(run, known):
        facts = None if is_stub(file) else run.project.facts(file.path)
        if facts is None:
            continue
        found = [*names.parameters(file, facts), *names.keywords(file, facts), *names.keys(file, facts)]
        seen: set[Pos] = set()
        for place in sorted(found, key=lambda place: place.pos):
            if place.pos in seen:
                continue
            seen.add(place.pos)
            yield run.report(
                file,
                place.pos,
                target=f"{place.field}={place.written}",
                scope=place.scope,
                lines=place.lines,
                fix=place.fix,
                written=place.written,
                what=place.what,
                field=place.field,
            )


def _files(run: RuleRun[Options], known: Canonical) -> Iterable[ProjectFile]:
    """The anchored files, and those that hold what only this registry's fields lead to."""
    usual = Canonical(DEFAULT_FIELDS, (), True)
    words = _words(known, derived=run.options.derived)
    covered = set(_words(usual, derived=True)) if run.options.derived else set()
    more = tuple(word for word in words if not any(other in word for other in covered))
    found = {file.path for file in run.anchored}
    if more:
        found |= run.project.matching((Anchor(any_of=more),))
    return [file for file in run.files if file.path in found]


class _Place(NamedTuple):
    """A name that is not the canonical one."""

    pos: Pos
    written: str
    field: str
    """The field's name, or its header."""
    what: str
    scope: int
    lines: tuple[int, int] | None
    fix: Fix | None = None


class _Names:
    """Looks for names in one file after the other."""

    def __init__(self, run: RuleRun[Options], known: Canonical) -> None:
        self._run = run
        self._project: Project = run.project
        self._known = known
        self._derived = known.spellings if run.options.derived else {}
        self._headers = known.header_spellings if run.options.derived else {}
        self._emissions = emissions(run.project, run.config)

    def _field(self, name: str) -> str:
        return self._known.aliases.get(name) or self._derived.get(name, "")

    # -- parameters

    def parameters(self, file: ProjectFile, facts: FileFacts) -> Iterator[_Place]:
        """Yield parameters of functions, and fields of classes, which are parameters of their constructors."""
        for function in facts.functions:
            for parameter in function.parameters:
                field = self._field(parameter.name)
                if field and parameter.kind not in ("vararg", "kwarg"):
                    line, column = parameter.pos[:2]
                    pos = (line, column, line, column + len(parameter.name))
                    yield _Place(pos, parameter.name, field, "parameter", function.parent, None)
        for number, scope in enumerate(facts.scopes):
            for name, bindings in scope.bindings.items() if scope.kind == "class" else ():
                field = self._field(name)
                for binding in bindings[:1] if field else ():
                    if binding.annotation is not None:
                        yield _Place(binding.pos, name, field, "field", number, None)

    # -- keywords

    def keywords(self, file: ProjectFile, facts: FileFacts) -> Iterator[_Place]:
        """Yield keyword arguments of calls whose callee does not make one say so by a parameter of its own."""
        for call in facts.calls:
            for name, value, pos in call.expr[3]:
                field = self._field(name) if name else ""
                if not field:
                    continue
                telemetry = self._is_telemetry(file.path, call)
                callee = self._callee(file.path, facts, call, name)
                is_alias = name in self._known.aliases
                if callee == "parameter" or not (is_alias or telemetry or (callee == "any" and self._is_id(value))):
                    continue
                named = (pos[0], pos[1], pos[0], pos[1] + len(name))
                taken = any(other == field for other, _, _ in call.expr[3])
                fix = None
                if not taken and (telemetry or callee == "any"):
                    safety = Applicability.SAFE if telemetry else Applicability.UNSAFE
                    fix = self._fix(file, named, field, safety)
                yield _Place(named, name, field, "keyword", call.scope, lines_of(call.statement), fix)

    def _callee(self, path: str, facts: FileFacts, call: CallSite, name: str) -> str:
        """`parameter`: a first-party function or class has it as a parameter; `any`: it takes any keyword; `other`."""
        result = "other"
        for origin in self._project.resolve(path, call.scope, call.expr[1]):
            if not origin.path:
                continue
            where = self._project.facts(origin.path)
            if where is None:
                continue
            if origin.kind == "function":
                parameters = where.functions[origin.index].parameters
                if any(parameter.name == name for parameter in parameters):
                    return "parameter"
                if any(parameter.kind == "kwarg" for parameter in parameters):
                    result = "any"
            elif origin.kind == "class":
                if name in where.scopes[where.classes[origin.index].scope].bindings:
                    return "parameter"
                for made in self._project.resolve_attribute(origin, "__init__"):
                    inside = self._project.facts(made.path) if made.kind == "function" and made.path else None
                    parameters = inside.functions[made.index].parameters if inside is not None else ()
                    if any(parameter.name == name for parameter in parameters):
                        return "parameter"
                    if any(parameter.kind == "kwarg" for parameter in parameters):
                        result = "any"
        return result

    def _is_telemetry(self, path: str, call: CallSite) -> bool:
        """True for emissions, and calls of loggers and of what binds the context."""
        func = call.expr[1]
        name = last_name(func)
        if name in _BINDING:
            return True
        if name in _LOG_METHODS and func[0] == "attr" and "log" in spelled(func[1]).lower():
            return True
        if name in ("dict", "partial"):
            return False
        return any(emission.call[-1] == call.expr[-1] for emission in self._emissions.in_file(path))

    # -- keys and headers

    def keys(self, file: ProjectFile, facts: FileFacts) -> Iterator[_Place]:
        """Yield keys of dicts, of items that are assigned, and names of headers that are read or set."""
        lines = sorted(facts.statements)
        for found in self._dicts(file.path, facts):
            key = found.key
            text = key[1] if key[0] == "const" and isinstance(key[1], str) else ""
            field = self._field(text)
            is_id = found.value is not None and self._is_id(found.value)
            if field and (text in self._known.aliases or found.is_telemetry or (is_id and not found.is_foreign)):
                safety = Applicability.SAFE if found.is_telemetry else Applicability.UNSAFE
                yield self._of_text(file, key, text, field, "key", safety, lines)
                continue
            field = self._header(text)
            if field and ("header" in found.holder.lower() or (is_id and "-" in text)):
                header = self._known.field(field).header
                yield self._of_text(file, key, text, header, "header", Applicability.UNSAFE, lines)
        for call in facts.calls:
            name = last_name(call.expr[1])
            if name not in _READING:
                continue
            receiver = spelled(call.expr[1]).lower()
            given = [*call.expr[2][:1], *(value for key, value, _ in call.expr[3] if key in ("alias", "name", "key"))]
            for text_expr in given if ("header" in receiver and "resp" not in receiver) else ():
                text = text_expr[1] if text_expr[0] == "const" and isinstance(text_expr[1], str) else ""
                field = self._header(text)
                if field:
                    header = self._known.field(field).header
                    yield self._of_text(file, text_expr, text, header, "header", Applicability.UNSAFE, lines)

    def _header(self, text: str) -> str:
        return self._headers.get(text.lower(), "") if text else ""

    def _of_text(
        self, file: ProjectFile, key: Expr, text: str, field: str, what: str, safety: Applicability, lines: list[Pos]
    ) -> _Place:
        line, column, last, end = key[-1]
        fix = None
        if line == last and end - column == len(text) + 2:
            fix = self._fix(file, (line, column + 1, line, end - 1), field, safety)
        statement = next((s for s in reversed(lines) if s[:2] <= (line, column) and s[2:] >= (last, end)), None)
        return _Place(key[-1], text, field, what, -1, None if statement is None else lines_of(statement), fix)

    def _fix(self, file: ProjectFile, pos: Pos, field: str, safety: Applicability) -> Fix | None:
        if self._project.cell_of(file.path, pos[0])[0] is not None:
            return None
        span = Span(Position(pos[0], pos[1]), Position(pos[2], pos[3]))
        return Fix(f"Call it `{field}`", safety, (Edit(file.path, span, field),))

    def _dicts(self, path: str, facts: FileFacts) -> Iterator[_Key]:
        """Yield the keys of a file's dicts with what each dict is for."""
        telemetry: dict[int, bool] = {}
        holders: dict[int, str] = {}
        foreign: set[int] = set()
        wired: set[tuple[int, str]] = set()
        for call in facts.calls:
            is_telemetry = self._is_telemetry(path, call)
            for name, value, _ in call.expr[3]:
                if name in _WIRE and value[0] == "name":
                    wired.add((call.scope, value[1]))
                for part in _shallow(value):
                    holders[id(part)] = name or ""
                    if is_telemetry or (name == "extra" and last_name(call.expr[1]) in _LOG_METHODS):
                        telemetry[id(part)] = True
            for value in call.expr[2]:
                for part in _shallow(value):
                    holders.setdefault(id(part), spelled(call.expr[1]))
                    foreign.add(id(part))
                    telemetry[id(part)] = telemetry.get(id(part), False) or is_telemetry
        for number, scope in enumerate(facts.scopes):
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    for part in _shallow(binding.value) if binding.value is not None else ():
                        holders[id(part)] = name
                        if (number, name) in wired:
                            foreign.add(id(part))
        for row in facts.attributes:
            for part in _shallow(row.value) if row.value is not None else ():
                holders[id(part)] = spelled(row.target)
        for root in roots(facts):
            for part in nested(root):
                if part[0] == "dict":
                    holder = holders.get(id(part), "")
                    is_foreign = holder in _WIRE or id(part) in foreign or self._is_camel(part)
                    for key, value in part[1]:
                        if key is not None:
                            yield _Key(key, value, holder, telemetry.get(id(part), False), is_foreign)
                elif part[0] == "sub" and "header" in spelled(part[1]).lower():
                    if "resp" not in spelled(part[1]).lower():
                        yield _Key(part[2], None, spelled(part[1]), False)
        for row in facts.subscripts:
            yield _Key(row.target[2], row.value, spelled(row.target[1]), False)

    def _is_camel(self, made: Expr) -> bool:
        """True for a dict that spells its other keys in camelCase, as what is sent to JavaScript does."""
        texts = [key[1] for key, _ in made[1] if key is not None and key[0] == "const" and isinstance(key[1], str)]
        return any(_CAMEL(text) and not self._field(text) for text in texts)

    def _is_id(self, value: Expr) -> bool:
        """True for a value that is, by its last name, a correlation field."""
        while value[0] == "call" and len(value[2]) == 1 and last_name(value[1]) in ("str", "repr"):
            value = value[2][0]
        name = last_name(value)
        if value[0] == "call":
            name = last_name(value[1]).removeprefix("get_").removeprefix("current_")
            if name in ("get", "") and value[1][0] == "attr":
                name = last_name(value[1][1])
        name = name.lstrip("_")
        return name in self._known.names or bool(self._field(name))


def _shallow(expr: Expr) -> Iterator[Expr]:
    """Yield the dicts that an expression is, or holds without a call between: `{**a, "b": {…}}`."""
    stack = [expr]
    while stack:
        current = stack.pop()
        if current[0] == "dict":
            yield current
        if current[0] not in ("call", "lambda", "comp"):
            stack += children(current)


CHECK = Check("correlation-name", Options, run, anchors)
