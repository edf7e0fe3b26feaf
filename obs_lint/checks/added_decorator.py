"""The fix of a missing decorator: it goes directly above the function, below all that registers it."""

from __future__ import annotations

from obs_lint.checks.added_import import closes_circle, spelling
from obs_lint.config.model import Config
from obs_lint.diagnostic import Applicability, Edit, Fix, Position, Span
from obs_lint.facts.model import FileFacts, Function, Parameter
from obs_lint.project import Origin, Project

_FUNCTION = frozenset(
    "callable callback coro coroutine f fn func function handler inner method operation_function target wrapped".split()
)
"""What the parameter of a decorator is called that takes the function itself."""


def decorator_fix(project: Project, config: Config, path: str, index: int) -> Fix | None:
    """Add the first of `instrument.decorators` and its import to a function.

    Safe where the decorator's definition is in sight, says how it is written, wraps coroutines as what they are, and
    the import makes no circle. None where the decorator wants arguments that nobody can guess.
    """
    facts = project.facts(path)
    if facts is None or path.endswith((".ipynb", ".pyi")):
        return None
    function = facts.functions[index]
    line, column = function.pos[:2]
    dotted = config.instrument.decorators[0]
    call, sure = _call(project, dotted, function)
    if call is None:
        return None
    top = min([line, *(decorator[-1][0] for decorator in function.decorators)])
    known = spelling(project, path, function.parent, dotted, top)
    if known is None:
        return None
    lines = project.once(("lines of", path), lambda: project.text(path).decode("utf-8", "replace").split("\n"))
    indent = lines[line - 1][: column - 1] if line <= len(lines) else "?"
    if indent.strip(" \t\f"):
        return None
    place = Position(line, 1)
    added = Edit(path, Span(place, place), f"{indent}@{known.text}{call}\n")
    if known.edits and closes_circle(project, path, dotted.rpartition(".")[0]):
        sure = False
    applicability = Applicability.SAFE if sure else Applicability.UNSAFE
    return Fix(f"Add `@{known.text}{call}`", applicability, (*known.edits, added))


def _call(project: Project, dotted: str, function: Function) -> tuple[str | None, bool]:
    """Return what follows the decorator's name ("" or "()"; None: can't be told), and whether that is certain."""
    origins = [origin for origin in project.lookup(dotted) if origin.kind in ("function", "class")]
    if not origins:
        return "", False
    origin = origins[0]
    facts = project.facts(origin.path)
    if facts is None:
        return "", False
    taken = _signature(facts, origin)
    if taken is None:
        return "", False
    parameters = [p for p in taken if p.kind not in ("vararg", "kwarg")]
    required = [p for p in parameters if p.default is None]
    first = parameters[0] if parameters and parameters[0].kind in ("positional", "positional-only") else None
    of_function = first is not None and _takes_function(first)
    if required not in ([], [first]) or (required and not of_function):
        return None, False
    if first is None and any(p.kind == "vararg" for p in taken):
        return "", False
    sure = origin.kind == "function" and len(origins) == 1 and (not function.is_async or _awaits(facts, origin))
    return ("" if of_function else "()"), sure


def _signature(facts: FileFacts, origin: Origin) -> tuple[Parameter, ...] | None:
    if origin.kind == "function":
        return facts.functions[origin.index].parameters
    bindings = facts.scopes[facts.classes[origin.index].scope].bindings
    for row in bindings.get("__init__", ()):
        if row.kind == "def":
            return facts.functions[row.index].parameters[1:]
    return None


def _takes_function(parameter: Parameter) -> bool:
    return parameter.name.strip("_").lower() in _FUNCTION or "Callable" in repr(parameter.annotation)


def _awaits(facts: FileFacts, origin: Origin) -> bool:
    """True for a decorator with an async wrapper, or with no wrapper at all."""
    inside = {facts.functions[origin.index].scope}
    for number, row in enumerate(facts.scopes):
        if row.parent in inside:
            inside.add(number)
    wrappers = [f for i, f in enumerate(facts.functions) if f.scope in inside and i != origin.index]
    return not wrappers or any(f.is_async for f in wrappers)
