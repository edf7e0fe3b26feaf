"""Reports instrument decorators that do not record an identifier that their function is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.canonical import canonical
from obs_lint.checks.emitted import listed
from obs_lint.checks.instrumented import (
    Instrumented,
    Recording,
    RecordingOptions,
    anchors,
    instrumented,
    is_known_to_take,
    recording,
    with_argument,
    with_item,
)
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import Expr, FileFacts, Function
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block

_NAMED = frozenset({"positional-only", "positional", "keyword-only"})


@dataclass(frozen=True, slots=True)
class Options(RecordingOptions):
    """What `instrument-field` may be told."""

    fields: tuple[str, ...] = ()
    """Identifiers that an instrumented function must record where it has a parameter of that name. Empty: the
    correlation fields of the registry, and where it declares none, those of `usual-fields`."""
    usual_fields: tuple[str, ...] = ()
    """See `fields`."""
    without_fields: tuple[str, ...] = ()
    """Dotted names of decorators that have no argument for fields."""
    recorders: tuple[str, ...] = ()
    """Last names of callables that record in the function's body what they are given: `span.set_attribute("job_id",
    job_id)`, `with obs.context(job_id=job_id)`."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a function, at its decorator, that names everything that is missing."""
    options = run.options
    declared = canonical(run.project, run.config)
    wanted = options.fields or (tuple(sorted(declared.names)) if declared.declared else options.usual_fields)
    required = frozenset(wanted)
    seen: set[tuple[str, tuple[int, ...], tuple[str, ...]]] = set()
    for file, one in instrumented(run.project, run.config).of(run.files):
        facts = run.project.facts(file.path)
        if facts is None or not one.is_direct:
            continue
        function = facts.functions[one.function]
        given = [p.name for p in function.parameters if p.kind in _NAMED and p.name in required]
        if not given or not is_known_to_take(run.project, one, options, options.without_fields):
            continue
        found = recording(run.project, one, options)
        if not found.complete:
            continue
        body = _recorded_within(facts, function, given, frozenset(options.recorders))
        missing = tuple([name for name in given if not found.records(name) and name not in body])
        key = (file.path, one.decorator[-1], missing)
        if missing and not (one.of_class and key in seen):
            seen.add(key)
            yield _report(run, file, one, function, found, missing)


def _recorded_within(
    facts: FileFacts, function: Function, names: list[str], recorders: frozenset[str]
) -> frozenset[str]:
    """Names that the function's own body hands to something that records them."""
    found: set[str] = set()
    for root in of_block(function.block):
        for call in nested(root):
            if call[0] != "call" or last_name(call[1]).lower() not in recorders:
                continue
            said = {name for name, _, _ in call[3] if name}
            for argument in (*call[2], *(value for _, value, _ in call[3])):
                said |= {text for part in nested(argument) for text in _texts(part)}
            found |= {name for name in names if any(one == name or one.endswith(f".{name}") for one in said)}
    return frozenset(found)


def _texts(part: Expr) -> Iterator[str]:
    if part[0] == "const" and isinstance(part[1], str):
        yield part[1]
    elif part[0] == "call":
        yield from (name for name, _, _ in part[3] if name)
    elif part[0] == "name":
        yield part[1]


def _report(
    run: RuleRun[Options],
    file: ProjectFile,
    one: Instrumented,
    function: Function,
    found: Recording,
    missing: tuple[str, ...],
) -> Diagnostic:
    return run.report(
        file,
        one.decorator[-1],
        target=",".join(missing),
        within=function.qualname,
        fix=_fix(run, one, found, missing),
        decorator=spelled(one.decorator) or "the decorator",
        function=function.qualname,
        fields=listed(missing),
        argument=run.options.arguments[0] if run.options.arguments else "fields",
    )


def _fix(run: RuleRun[Options], one: Instrumented, found: Recording, missing: tuple[str, ...]) -> Fix | None:
    """Add the names to the literal that lists fields: safe. Without one, give the decorator the argument: unsafe."""
    project = run.project
    if project.cell_of(one.path, 1)[0] is not None or not found.skipped.isdisjoint(missing):
        return None
    title = f"Record {listed(missing)}"
    if found.listed is not None:
        edit = with_item(found.listed, missing)
        return None if edit is None else Fix(title, Applicability.SAFE, (edit,))
    argument = run.options.arguments[0] if run.options.arguments else ""
    if not argument or found.every or not is_known_to_take(project, one, run.options, (), argument):
        return None
    text = f"{argument}=[{', '.join(map(_quoted, missing))}]"
    made: Edit | None = with_argument(project, one, text)
    return None if made is None else Fix(title, Applicability.UNSAFE, (made,))


def _quoted(name: str) -> str:
    return f'"{name}"'


CHECK = Check("instrument-field", Options, run, anchors)
