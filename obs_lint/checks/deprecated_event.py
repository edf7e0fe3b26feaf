"""Reports emissions of deprecated events, and deprecated fields in their payloads; offers what replaces them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, declaration, declared_here, emitted, lines_of, shown, trail
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Span
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import spelled
from obs_lint.events.model import Alternative, Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import Expr
from obs_lint.registry.model import Deprecation, Event
from obs_lint.registry.payload_shape import FieldShape, Shape, shape


@dataclass(frozen=True, slots=True)
class Options:
    """`deprecated-event` needs nothing to be told: the registry says what is deprecated."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each deprecated event of an emission, and one for each deprecated field of its payload."""
    declared = registries(run.project, run.config)
    shapes: dict[int, Shape | None] = {}
    for file, emission in emitted(run):
        fields: dict[str, tuple[Event, FieldShape]] = {}
        for alternative in emission.alternatives:
            event = declaration(declared, alternative, _is_deprecated)
            if event is None:
                continue
            if event.is_deprecated:
                yield _event(run, declared, file, emission, alternative, event)
            if emission.payload is not None and event.payload is not None:
                known = shapes[id(event)] = shapes[id(event)] if id(event) in shapes else shape(event.payload)
                for name, field in known.fields.items() if known is not None else ():
                    if field.deprecated:
                        fields.setdefault(name, (event, field))
        if fields:
            yield from _fields(run, file, emission, fields)


def _is_deprecated(event: Event) -> bool:
    return event.is_deprecated


def _event(
    run: RuleRun[Options],
    declared: Registries,
    file: ProjectFile,
    emission: Emission,
    alternative: Alternative,
    event: Event,
) -> Diagnostic:
    said = event.deprecated or Deprecation()
    name = shown(alternative)
    successor = said.replaced_by
    what = "Emit `{}` instead" if successor else "Stop emitting `{}`; the registry names no event in its place"
    advice = what.format(successor or name) + (f", before {said.remove_after}." if said.remove_after else ".")
    return run.report(
        file,
        emission.pos,
        target=name,
        scope=emission.scope,
        lines=lines_of(emission.statement),
        trail=(
            *trail(run, emission, alternative),
            declared_here(event.places.get("/deprecated", event.place), event.name),
        ),
        fix=_fix(run, declared, emission, event, successor),
        what=f"`{name}`",
        since=f" since {said.since}" if said.since else "",
        instead=_instead(successor, said.remove_after),
        help=advice,
    )


def _instead(successor: str, remove_after: str) -> str:
    words = f"; `{successor}` replaces it" if successor else ""
    if remove_after:
        words += f"{' and it' if words else ' and'} goes after {remove_after}"
    return words


def _fields(
    run: RuleRun[Options], file: ProjectFile, emission: Emission, deprecated: dict[str, tuple[Event, FieldShape]]
) -> Iterator[Diagnostic]:
    payload = emission.payload
    given = {} if payload is None else {field.name: field for field in payload.fields if field.name in deprecated}
    for name, field in given.items():
        event, declared = deprecated[name]
        here = field.path == file.path
        place = event.places.get(f"/payload/properties/{name.replace('~', '~0').replace('/', '~1')}", event.place)
        successor = declared.replaced_by
        advice = f"Give `{successor}` instead." if successor else f"Leave `{name}` out of the payload."
        yield run.report(
            file,
            field.pos if here else emission.pos,
            target=f"{event.name}#{name}",
            scope=emission.scope,
            lines=lines_of(emission.statement),
            trail=(*emission.trail, declared_here(place, f"{event.name}: {name}")),
            what=f"The field `{name}` of `{event.name}`",
            since="",
            instead=_instead(successor, ""),
            help=advice,
        )


def _fix(
    run: RuleRun[Options],
    declared: Registries,
    emission: Emission,
    event: Event,
    successor: str,
) -> Fix | None:
    """Write the successor where the call itself says the event: as plain text, or as a member of an enum that has both.

    It is safe where both events carry the same.
    """
    replacement = declared.find(successor) if successor else None
    if replacement is None or emission.event is None or run.project.cell_of(emission.path, 1)[0] is not None:
        return None
    span, text = _plain_text(emission.event, event.name), successor
    if span is None:
        span, text = _sibling(declared, emission.event, event, successor)
    if span is None or not text or not text.isprintable() or any(quote in text for quote in "\"'\\"):
        return None
    same = replacement.payload == event.payload and set(replacement.required) == set(event.required)
    applicability = Applicability.SAFE if same else Applicability.UNSAFE
    return Fix(f"Emit `{successor}`", applicability, (Edit(emission.path, span, text),))


def _plain_text(expr: Expr, name: str) -> Span | None:
    """What stands between the quotes where the event is written as one string in which nothing is escaped."""
    if expr[0] == "if":
        return _plain_text(expr[2], name) or _plain_text(expr[3], name)
    line, column, last, end = expr[-1]
    if expr[0] == "const" and expr[1] == name and line == last and end - column == len(name) + 2:
        return Span(Position(line, column + 1), Position(line, end - 1))
    return None


def _sibling(declared: Registries, expr: Expr, event: Event, successor: str) -> tuple[Span | None, str]:
    """Where the event is read from an enum that has the successor too, and that member's name."""
    successors = [each.symbol for each in declared.events if each.name == successor and each.symbol]
    for each in declared.events if successors else ():
        owner, _, name = each.symbol.rpartition(".")
        if each.name == event.name and owner:
            text = next((s.rpartition(".")[2] for s in successors if s.rpartition(".")[0] == owner), "")
            span = _member(expr, owner.rpartition(".")[2], name) if text else None
            if span is not None:
                return span, text
    return None, ""


def _member(expr: Expr, owner: str, name: str) -> Span | None:
    """The name of an enum's member where it is read from its class."""
    if expr[0] == "if":
        return _member(expr[2], owner, name) or _member(expr[3], owner, name)
    if expr[0] != "attr":
        return None
    if expr[2] != name or spelled(expr[1]).rpartition(".")[2] != owner:
        return _member(expr[1], owner, name)
    _, _, line, end = expr[-1]
    return Span(Position(line, end - len(name)), Position(line, end))


CHECK = Check("deprecated-event", Options, run, anchors)
