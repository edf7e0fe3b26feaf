"""Reports instrument decorators that record a parameter named like a secret or personal data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
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
from obs_lint.checks.sensitive_field import SensitiveNames, words_of
from obs_lint.diagnostic import Applicability, Diagnostic, Fix
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.events.registries import registries
from obs_lint.facts.model import Expr, Function, Parameter
from obs_lint.facts.nested import nested

_TRANSPARENT = frozenset({"Optional", "Union", "Annotated", "None", "Final", "Required", "NotRequired", "Literal"})
_TEXTS = frozenset(
    {"str", "bytes", "bytearray", "AnyStr", "Any", "object", "EmailStr", "dict", "Dict", "Mapping", "list", "List"}
)


@dataclass(frozen=True, slots=True)
class Options(RecordingOptions):
    """What `captured-secret` may be told. Names are compared by their words: `apiKey` is `api_key`."""

    names: tuple[str, ...] = ()
    """Names of parameters that hold secrets or personal data, beside the registry's `sensitive-names`. `*_password`
    also covers any words before it; without the star the whole name must be it."""
    harmless_first: tuple[str, ...] = ()
    """First words of names that tell of a flag, a number or a limit: `has_password`, `max_tokens`."""
    masking_types: tuple[str, ...] = ()
    """Types, by their last names, whose text does not show what they hold."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each parameter, at the decorator."""
    options = run.options
    declared = [name for registry in registries(run.project, run.config).sources for name in registry.sensitive_names]
    secrets = SensitiveNames((*options.names, *sorted(declared)))
    seen: set[tuple[str, tuple[int, ...], str]] = set()
    for file, one in instrumented(run.project, run.config).of(run.files):
        facts = run.project.facts(file.path)
        if facts is None or not one.is_direct:
            continue
        function = facts.functions[one.function]
        suspects = [p for p in function.parameters if _is_secret(p, secrets, options)]
        if not suspects:
            continue
        found = recording(run.project, one, options)
        for parameter in suspects:
            if not found.records(parameter.name) or (found.every and not found.complete):
                continue
            key = (file.path, one.decorator[-1], parameter.name)
            if key not in seen:
                seen.add(key)
                yield _report(run, file, one, function, found, parameter.name)


def _is_secret(parameter: Parameter, secrets: SensitiveNames, options: Options) -> bool:
    if parameter.kind in ("vararg", "kwarg") or not secrets.cover(parameter.name):
        return False
    first = words_of(parameter.name)[:-1][:1]
    if first and first[0] in options.harmless_first:
        return False
    if parameter.default is not None and parameter.default[0] == "const" and isinstance(parameter.default[1], bool):
        return False
    return parameter.annotation is None or _holds_text(parameter.annotation, frozenset(options.masking_types))


def _holds_text(annotation: Expr, masking: frozenset[str]) -> bool:
    """True where an annotation allows a text, or something that shows what it holds."""
    if annotation[0] == "const" and isinstance(annotation[1], str):
        named = {name.rpartition(".")[2] for name in annotation[1].replace("[", " ").replace("]", " ").split()}
    else:
        named = {last_name(part) for part in nested(annotation) if part[0] in ("name", "attr")}
    if not named.isdisjoint(masking):
        return False
    return not named.isdisjoint(_TEXTS) or not named - _TRANSPARENT


def _report(
    run: RuleRun[Options], file: ProjectFile, one: Instrumented, function: Function, found: Recording, name: str
) -> Diagnostic:
    skipping = run.options.skipping[0] if run.options.skipping else ""
    told = is_known_to_take(run.project, one, run.options, (), skipping) if skipping else False
    advice = f"Name `{name}` in the decorator's `{skipping}`" if told else "Keep the decorator from recording it"
    return run.report(
        file,
        one.decorator[-1],
        target=name,
        within=function.qualname,
        fix=_fix(run, one, found, name, skipping if told else ""),
        decorator=spelled(one.decorator) or "the decorator",
        function=function.qualname,
        parameter=name,
        how="" if found.names_it(name) else ", as every parameter that it does not skip",
        advice=advice,
    )


def _fix(run: RuleRun[Options], one: Instrumented, found: Recording, name: str, skipping: str) -> Fix | None:
    """Add the name to the literal that lists what is skipped: safe. Without one, give the argument: unsafe."""
    if run.project.cell_of(one.path, 1)[0] is not None or found.names_it(name):
        return None
    title = f"Skip `{name}`"
    if found.skips is not None:
        edit = with_item(found.skips, (name,))
        return None if edit is None else Fix(title, Applicability.SAFE, (edit,))
    made = with_argument(run.project, one, f'{skipping}=["{name}"]') if skipping else None
    return None if made is None else Fix(title, Applicability.UNSAFE, (made,))


CHECK = Check("captured-secret", Options, run, anchors)
