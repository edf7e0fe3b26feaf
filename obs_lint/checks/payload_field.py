"""Reports payloads that lack a field that their event's schema requires, or have one that it does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, declared_here, emitted, lines_of, listed, shown, step, trail
from obs_lint.checks.likeness import Names
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import spelled
from obs_lint.events.model import Alternative, Emission, Field, Payload
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import Expr, Pos
from obs_lint.project import Project
from obs_lint.registry.model import Event, Place
from obs_lint.registry.payload_shape import UNKNOWN, FieldShape, Shape, shape

_TEXTS = frozenset({"StrEnum", "str Enum", "TextChoices"})
_RESULTS = {"str": "string", "repr": "string", "len": "integer", "int": "integer", "bool": "boolean", "float": "number"}
_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What `payload-field` may be told."""

    problems: tuple[str, ...] = ("missing", "unknown", "value")
    """What is looked for: `missing`, a required field that is not there; `unknown`, a field that a closed schema does
    not have; `value`, a literal that the field's schema refuses."""
    added: tuple[str, ...] = ()
    """Fields that the surface itself puts into payloads: they are not missing where they are not given."""


class _Declared(NamedTuple):
    """One event that an emission may be, and what its schema says."""

    alternative: Alternative
    event: Event
    shape: Shape
    carried: frozenset[str]
    """Correlation fields that the registry puts into payloads, and what the surface adds: they need not be given."""


class _Problem(NamedTuple):
    """What is wrong with one field."""

    text: str
    suggestion: str = ""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each event of an emission that lacks fields, and one for each field and event otherwise."""
    declared = registries(run.project, run.config)
    reader = _Reader(run, declared)
    lacking: set[tuple[str, Pos, str]] = set()
    for file, emission in emitted(run):
        if emission.payload is None:
            continue
        events = reader.events(emission)
        if not events:
            continue
        if "missing" in run.options.problems and emission.payload.complete:
            for found in _missing(run, file, emission, emission.payload, events):
                key = (file.path, (*found.span.start, *found.span.end), found.target)
                if key not in lacking:
                    lacking.add(key)
                    yield found
        if "unknown" in run.options.problems or "value" in run.options.problems:
            yield from reader.refused(file, emission, emission.payload, events)


def _missing(
    run: RuleRun[Options], file: ProjectFile, emission: Emission, payload: Payload, events: list[_Declared]
) -> Iterator[Diagnostic]:
    given = {field.name for field in payload.fields}
    for declared in events:
        lacking = tuple(n for n in declared.shape.required if n not in given and n not in declared.carried)
        if not lacking:
            continue
        event = shown(declared.alternative)
        here = payload.path in ("", file.path) and encloses(emission.statement, payload.pos)
        steps = () if here else (step(run, payload.path or file.path, payload.pos, "the payload is written here"),)
        yield run.report(
            file,
            payload.pos if here else emission.pos,
            target=f"{event}#{','.join(lacking)}",
            scope=emission.scope,
            lines=lines_of(emission.statement),
            trail=(
                *steps,
                *trail(run, emission, declared.alternative),
                _declared_at(declared.event, "/payload/required"),
            ),
            event=event,
            fields=listed(lacking),
            noun="field" if len(lacking) == 1 else "fields",
        )


class _Reader:
    """Compares payloads with schemas."""

    def __init__(self, run: RuleRun[Options], declared: Registries) -> None:
        self._run = run
        self._declared = declared
        self._shapes: dict[int, Shape | None] = {}
        self._names: dict[int, Names] = {}
        self._seen: set[tuple[str, Pos, str, str]] = set()

    def events(self, emission: Emission) -> list[_Declared]:
        """The events that an emission may be of which there is a schema."""
        found = []
        for alternative in emission.alternatives:
            event = self._declared.of(alternative)
            if event is None or event.payload is None:
                continue
            if id(event) not in self._shapes:
                self._shapes[id(event)] = shape(event.payload)
            known = self._shapes[id(event)]
            if known is not None:
                fields = self._declared.registry_of(event).correlation
                carried = {field.at.partition(".")[2] for field in fields if field.at.startswith("payload.")}
                carried.update(self._run.options.added)
                found.append(_Declared(alternative, event, known, frozenset(carried)))
        return found

    def refused(
        self, file: ProjectFile, emission: Emission, payload: Payload, events: list[_Declared]
    ) -> Iterator[Diagnostic]:
        """Report the fields that a schema does not allow.

        Where the event depends on something and the payload too, what is wrong for one event may not come with it:
        then only what is wrong for all of them counts.
        """
        counts: dict[str, int] = {}
        for field in payload.fields:
            counts[field.name] = counts.get(field.name, 0) + 1
        for field in payload.fields:
            problems = [(declared, self._problem(declared, field)) for declared in events]
            depends = len(emission.alternatives) > 1 or not emission.complete
            if depends and not (field.certain and counts[field.name] == 1) and self._is_apart(emission, field):
                if len(events) < len(emission.alternatives) or not all(problem for _, problem in problems):
                    continue
            for declared, problem in problems:
                if problem is not None:
                    yield from self._report(file, emission, payload, field, declared, problem)

    def _is_apart(self, emission: Emission, field: Field) -> bool:
        """True where a field is set elsewhere than in the emission itself."""
        return field.path != emission.path or not encloses(emission.statement, field.pos)

    def _problem(self, declared: _Declared, field: Field) -> _Problem | None:
        problems = self._run.options.problems
        if declared.shape.refuses(field.name):
            is_argument = field.converted and not field.certain
            if "unknown" not in problems or field.name in declared.carried or is_argument:
                return None
            nearest = self._nearest(declared, field.name)
            suggestion = f"; did you mean `{nearest}`?" if nearest else ""
            return _Problem(f"is no field of the payload of `{shown(declared.alternative)}`", suggestion)
        known = declared.shape.field(field.name)
        if "value" not in problems or known is None or field.value is None or field.converted:
            return None
        text = _value_problem(self._run.project, field.path, field.scope, field.value, known)
        return _Problem(f"in the payload of `{shown(declared.alternative)}` {text}") if text else None

    def _nearest(self, declared: _Declared, name: str) -> str:
        key = id(declared.event)
        if key not in self._names:
            self._names[key] = Names(declared.shape.fields)
        return self._names[key].nearest(name)

    def _report(
        self,
        file: ProjectFile,
        emission: Emission,
        payload: Payload,
        field: Field,
        declared: _Declared,
        problem: _Problem,
    ) -> Iterator[Diagnostic]:
        event = shown(declared.alternative)
        pos, scope, lines, steps = placed(self._run, file, emission, payload, field)
        key = (file.path, pos, event, field.name + problem.text)
        if key in self._seen:
            return
        self._seen.add(key)
        pointer = f"/payload/properties/{field.name.replace('~', '~0').replace('/', '~1')}"
        yield self._run.report(
            file,
            pos,
            target=f"{event}#{field.name}",
            scope=scope,
            lines=lines,
            trail=(
                *steps,
                *trail(self._run, emission, declared.alternative),
                _declared_at(declared.event, pointer),
            ),
            event=event,
            field=field.name,
            problem=problem.text,
            suggestion=problem.suggestion,
        )


def placed(
    run: RuleRun[Any], file: ProjectFile, emission: Emission, payload: Payload, field: Field
) -> tuple[Pos, int, tuple[int, int] | None, tuple[TrailStep, ...]]:
    """Return where to report on a field: at its name where that is in the file, else at the payload.

    (place, scope, lines of the statement or None for those of the place, steps of the trail)
    """
    if field.path == file.path:
        if encloses(emission.statement, field.pos):
            return field.pos, emission.scope, lines_of(emission.statement), ()
        steps = (step(run, file.path, emission.call[-1], f"handed to `{spelled(emission.call[1])}` here"),)
        return field.pos, field.scope, None, steps if emission.call[0] == "call" else ()
    here = payload.path in ("", file.path) and encloses(emission.statement, payload.pos)
    steps = (step(run, field.path, field.pos, f"`{field.name}` is written here"),)
    return payload.pos if here else emission.pos, emission.scope, lines_of(emission.statement), steps


def encloses(outer: Pos, inner: Pos) -> bool:
    """True where one place lies in another."""
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _declared_at(event: Event, pointer: str) -> TrailStep:
    place: Place = event.places.get(pointer, event.place)
    return declared_here(place, event.name)


# -- values


def _value_problem(project: Project, path: str, scope: int, expr: Expr, field: FieldShape) -> str:
    """Say what is wrong with the value that an expression certainly, or in one of its written branches, has."""
    if expr[0] == "if":
        parts = (expr[2], expr[3])
        return next((p for part in parts if (p := _value_problem(project, path, scope, part, field))), "")
    if expr[0] == "walrus":
        return _value_problem(project, path, scope, expr[2], field)
    values = _literals(project, path, scope, expr, 0)
    if values:
        problems = [field.problem_of(value) for value in values]
        return problems[0] if all(problems) else ""
    kind = _kind(project, path, scope, expr)
    if kind and field.types and not _fits(kind, field.types):
        return f"should be {_either(field.types)}, is {_ARTICLES[kind]}"
    return ""


def _literals(project: Project, path: str, scope: int, expr: Expr, depth: int) -> list[Any]:
    """Return every value that an expression can have, with UNKNOWN for parts that can't be told; [] where none can."""
    tag = expr[0]
    if tag == "const":
        return [expr[1]]
    if depth > _MAX_DEPTH:
        return []
    if tag == "seq" and expr[1] in ("list", "tuple"):
        if any(item[0] == "star" for item in expr[2]):
            return []
        return [[_single(project, path, scope, item, depth) for item in expr[2]]]
    if tag == "dict":
        found: dict[str, Any] = {}
        for key, value in expr[1]:
            names = [] if key is None else _literals(project, path, scope, key, depth + 1)
            if len(names) != 1 or not isinstance(names[0], str):
                return []
            found[names[0]] = _single(project, path, scope, value, depth)
        return [found]
    if tag in ("comp", "lambda", "compare", "other"):
        return []
    values = project.values(path, scope, expr)
    if not values.complete:
        return []
    result: list[Any] = []
    for value in values.known:
        if value.member and not (isinstance(value.value, str) and _is_text(project, path, scope, expr)):
            return []
        result.append(value.value)
    return result


def _single(project: Project, path: str, scope: int, expr: Expr, depth: int) -> Any:
    values = _literals(project, path, scope, expr, depth + 1)
    return values[0] if len(values) == 1 else UNKNOWN


def _is_text(project: Project, path: str, scope: int, expr: Expr) -> bool:
    """True where every enum that the expression may be of makes its members strings."""
    things = project.evaluate(path, scope, expr)
    return all(project.enum_kind(t.path, t.index) in _TEXTS for t in things if t.kind == "instance" and t.path)


def _kind(project: Project, path: str, scope: int, expr: Expr) -> str:
    """Return the JSON type that an expression certainly has, whatever its value is; "" where that can't be told."""
    tag = expr[0]
    if tag == "fstr":
        return "string"
    if tag == "compare" or (tag == "unary" and expr[1] == "not"):
        return "boolean" if tag == "unary" or all(op in ("is", "is not", "in", "not in") for op in expr[2]) else ""
    if tag == "dict" or (tag == "comp" and expr[1] == "dict"):
        return "object"
    if (tag == "seq" and expr[1] in ("list", "tuple")) or (tag == "comp" and expr[1] == "list"):
        return "array"
    if tag == "call" and expr[1][0] == "name" and expr[1][1] in _RESULTS:
        origins = project.resolve(path, scope, expr[1])
        if len(origins) == 1 and origins[0].name == f"builtins.{expr[1][1]}":
            return _RESULTS[expr[1][1]]
    return ""


def _fits(kind: str, types: tuple[str, ...]) -> bool:
    if kind == "number":
        return "number" in types or "integer" in types
    return kind in types or (kind == "integer" and "number" in types)


def _either(types: tuple[str, ...]) -> str:
    words = [_ARTICLES.get(name, name) for name in types]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


CHECK = Check("payload-field", Options, run, anchors)
