"""Events that are declared by calls: `PLACED = Kind.create("shop.order.placed")`, `@event("shop.order.placed")`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from obs_lint.events.declarations import Codebase, Declarations, texts
from obs_lint.events.declared_values import Naming
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.patterns import names_match
from obs_lint.registry.model import Deprecation

_KEYWORDS = ("event_name", "event", "name", "event_type", "type", "id", "key", "code", "slug")
"""Keywords that give an event its name, the likeliest first."""
_SEVERITY = ("severity", "level", "log_level")
_SUMMARY = ("summary", "description", "doc", "help")

Matches = Callable[[int, Expr], bool]
"""Whether a call in a scope is one that declares an event."""


def calls_for(code: Codebase, path: str, scope: int, call: Expr, wanted: str) -> bool:
    """True where the callee is what `wanted`, a dotted name or the end of one, says."""
    written = spelled(call[1])
    if written == wanted or written.endswith("." + wanted):
        return True
    last = wanted.rpartition(".")[2]
    for origin in code.project.resolve(path, scope, call[1]):
        for name in (*code.project.names(origin), *origin.via):
            if name == wanted or name.endswith("." + wanted):
                return True
        if names_match(wanted, code.project.names(origin), below=False):
            return True
        if origin.receiver and f"{origin.receiver}.{last}".endswith("." + wanted):
            return True
    return False


def first_text(
    code: Codebase, path: str, scope: int, call: Expr, keyword: str = ""
) -> tuple[tuple[str, ...], bool, Expr | None]:
    """Return the names that a call is given, whether these are all, and the argument that has them.

    The name is the first argument that is a string, or the one with a keyword such as `name`.
    """
    keywords = {name: value for name, value, _ in call[3] if name is not None}
    if keyword:
        candidates = [keywords[keyword]] if keyword in keywords else []
    else:
        candidates = [argument for argument in call[2] if argument[0] != "star"]
        candidates += [keywords[name] for name in _KEYWORDS if name in keywords]
    untold: Expr | None = None
    for argument in candidates:
        values = code.project.values(path, scope, argument)
        names = texts(values)
        if names:
            return names, values.complete, argument
        if untold is None and not values.complete:
            untold = argument
    return (), False, untold


def declare_calls(
    into: Declarations, code: Codebase, path: str, matches: Matches, naming: Naming, *, within: int = 0
) -> None:
    """Add what calls in a file declare, or only those in the class body `within` and below."""
    facts = code.facts(path)
    if facts is None:
        return
    targets = _targets(code, path, facts)
    for site in facts.calls:
        if _lies_in(facts, site.scope, within) and matches(site.scope, site.expr):
            declare_call(into, code, path, site.scope, site.expr, naming, targets.get(site.expr[-1]))


def declare_call(
    into: Declarations,
    code: Codebase,
    path: str,
    scope: int,
    call: Expr,
    naming: Naming,
    target: tuple[str, Pos] | None,
) -> None:
    """Add what one call declares; `target` is the dotted name that its result gets, and where that is written."""
    names, complete, argument = first_text(code, path, scope, call, naming.argument if naming.kind == "keyword" else "")
    if not complete:
        into.complete = False
    symbol, at = target if target is not None else ("", (argument or call)[-1])
    if naming.kind == "member" and symbol:
        names = (symbol.rpartition(".")[2],)
    summary = _keyword(code, path, scope, call, _SUMMARY)
    if target is not None and not summary:
        summary = into.comment(code, path, at, call)
    severity = _keyword(code, path, scope, call, _SEVERITY).lower()
    for name in names:
        into.add(name, code, path, at, symbol, severity=severity, summary=summary, deprecated=_deprecation(call))


def _lies_in(facts: FileFacts, scope: int, outer: int) -> bool:
    while scope > outer:
        scope = facts.scopes[scope].parent
    return scope == outer


def _targets(code: Codebase, path: str, facts: FileFacts) -> dict[Pos, tuple[str, Pos]]:
    """Return, by the place of a call, the name that its result is bound to, or what it decorates."""
    found: dict[Pos, tuple[str, Pos]] = {}
    for number, scope in enumerate(facts.scopes):
        if scope.kind not in ("module", "class"):
            continue
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind in ("assign", "walrus") and binding.value is not None and binding.value[0] == "call":
                    found[binding.value[-1]] = (code.symbol(path, number, name), binding.pos)
    decorated = [(row.decorators, row.qualname, row.name_pos) for row in facts.functions]
    decorated += [(row.decorators, row.qualname, row.name_pos) for row in facts.classes]
    for decorators, qualname, pos in decorated:
        found |= {decorator[-1]: (f"{code.module(path)}.{qualname}", pos) for decorator in decorators}
    return found


def _keyword(code: Codebase, path: str, scope: int, call: Expr, names: Iterable[str]) -> str:
    """Return the one string that a keyword of a call has."""
    for name, value, _ in call[3]:
        if name in names:
            values = code.project.values(path, scope, value)
            found = texts(values)
            if values.complete and len(found) == 1:
                return " ".join(found[0].split())
    return ""


def _deprecation(call: Expr) -> Deprecation | None:
    for name, value, _ in call[3]:
        if name == "deprecated" and value[0] == "const" and value[1]:
            return Deprecation(replaced_by="")
    return None


def callers(into: Declarations, code: Codebase, module: str, name: str) -> Iterator[str]:
    """Yield the files of a codebase that may call what a module defines under a name, the module's own too."""
    last = module.rpartition(".")[2]
    bound = {name}
    importing = {path for path in code.project.files if code.module(path) == module}
    for importer, statement in code.project.imports_mentioning(frozenset({name, last})):
        importing.add(importer)
        bound.update(alias for written, alias in statement.names or () if written == name)
    words = b"|".join(re.escape(word.encode("utf-8", "replace")) for word in sorted(bound))
    pattern = rb"\b(?:%s)[ \t\n]*\(" % words
    found = sorted(importer for importer in importing if code.project.mentions(importer, pattern))
    code.project.prefetch(found)
    for importer in found:
        into.looked_at(code, importer)
        yield importer
