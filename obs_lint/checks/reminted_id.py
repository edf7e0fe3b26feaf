"""Reports fresh ids that are bound to a canonical correlation field past the place where requests come in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from obs_lint.checks import Check
from obs_lint.checks.boundary import enclosing_classes, enclosing_functions, is_command, is_configured, is_middleware
from obs_lint.checks.canonical import Canonical, canonical, words
from obs_lint.checks.emitted import emitted_in
from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name
from obs_lint.facts.model import Binding, Expr, FileFacts, Pos, Sought
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import roots
from obs_lint.patterns import names_match
from obs_lint.project import Project
from obs_lint.project.glimpse import Glimpse, UnseenError

_MAX_HOPS = 4
_PASSING = frozenset({"str", "repr", "format", "bytes", "UUID", "int", "hex", "cast"})
"""What is called with an id and gives the same one in another form."""
_ENCODING = re.compile(r"\w*(?:encode|hexlify)\w*")
_FORMING = frozenset(
    "hex decode encode replace upper lower strip rstrip lstrip removeprefix urn join format rjust ljust zfill".split()
)
"""Methods that give an id in another form."""
_DEFAULTING = frozenset({"get", "pop", "setdefault", "getattr"})
_CONTEXT = ("ContextVar", "bind_contextvars", "bound_contextvars", "contextualize")
_FACTORIES = frozenset({"default_factory", "factory"})
_VARIABLE = re.compile(r"_*(.+?)(?:_?(?:ctx|context|var|cv|contextvar|context_var|ctx_var|local))*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """What `reminted-id` may be told."""

    sources: tuple[str, ...] = ()
    """Dotted patterns of functions and classes that make a fresh id."""
    fields: tuple[str, ...] = ("request_id", "correlation_id")
    """Fields that come in with a request where no registry says in which chain they stand."""


class Fresh(NamedTuple):
    """A fresh id."""

    source: str
    """Dotted name of what makes it."""
    pos: Pos
    """Of the expression that makes it."""


class _Bound(NamedTuple):
    """A canonical field and what it is given."""

    field: str
    value: Expr
    scope: int
    pos: Pos
    """Of the field's name."""
    is_factory: bool = False
    """True where `value` is called for each object."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that give one of the usual fields something else than what has the same name."""
    return (_anchor(options.fields),)


def _anchor(names: Iterable[str]) -> Anchor:
    names = sorted(names)
    fields = "|".join(re.escape(name) for name in names) or "(?!)"
    headers = "|".join(re.escape(name.replace("_", "-")) for name in names) or "(?!)"
    given = r"(?!self\.)(?!None\b)[^,)\s]"
    pattern = rf"(?i:{fields})\w*[\"']?\]?[ \t]*(?::[^=\n]*)?(?:=|:|,|\.set\()[ \t]*{given}|(?i:{headers})[\"']"
    pieces = {piece for name in names for piece in (name, name.upper(), *_header_forms(name))}
    return Anchor(pattern=pattern.encode(), any_of=tuple(sorted(piece.encode() for piece in pieces)))


def _header_forms(name: str) -> tuple[str, ...]:
    parts = name.split("_")
    title = "-".join(part.capitalize() for part in parts)
    return (title, "-".join(parts), title[:-1] + title[-1:].upper())


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a fresh id, at the field that it is first bound to."""
    known = canonical(run.project, run.config)
    judge = _Judge(run, known)
    if not judge.fields:
        return
    glimpse = Glimpse(run.project)
    at_first = _Judge(replace(run, project=cast("Project", glimpse)), known)
    said = _spellings(known, judge.fields)
    for file in _files(run, judge, known):
        if run.is_surface(file) or run.is_wiring(file) or is_stub(file):
            continue
        part = run.project.excerpt(file.path, Sought(said))
        if part is not None:
            glimpse.look_at(file, part)
            try:
                if not any(at_first.fresh(file.path, bound) for bound in _bound(part, judge.field_of)):
                    continue
            except UnseenError:
                pass
        facts = run.project.facts(file.path)
        if facts is None:
            continue
        seen: set[Pos] = set()
        found = sorted(_bound(facts, judge.field_of), key=lambda bound: bound.pos)
        for bound in found:
            fresh = judge.fresh(file.path, bound)
            if fresh is None or fresh.pos in seen or judge.is_allowed(file, facts, bound):
                continue
            seen.add(fresh.pos)
            yield run.report(
                file,
                bound.pos,
                target=f"{bound.field}={fresh.source}",
                scope=bound.scope,
                field=bound.field,
                source=fresh.source,
            )


def _files(run: RuleRun[Options], judge: _Judge, known: Canonical) -> Iterable[ProjectFile]:
    """The anchored files, and those that name the other fields that a registry declares."""
    spelled = {alias for alias, field in known.aliases.items() if field in judge.fields}
    more = (judge.fields | spelled) - set(run.options.fields)
    if not more:
        return run.anchored
    found = {file.path for file in run.anchored} | run.project.matching((_anchor(more),))
    return [file for file in run.files if file.path in found]


def _spellings(known: Canonical, fields: frozenset[str]) -> tuple[bytes, ...]:
    """Return, in lower case, what a function must say one of to give one of the fields a value."""
    headers = [header for header, field in known.headers.items() if field in fields]
    aliases = [alias for alias, field in known.aliases.items() if field in fields]
    names = {*fields, *aliases, *headers, *[header.replace("-", "_") for header in headers]}
    return tuple(sorted(name.lower().encode("utf-8", "surrogatepass") for name in names))


def _bound(facts: FileFacts, field_of: Callable[[str], str]) -> Iterator[_Bound]:
    """Yield everything in a file that gives a canonical field a value."""
    for number, scope in enumerate(facts.scopes):
        for name, bindings in scope.bindings.items():
            field = field_of(name.lstrip("_"))
            for binding in bindings if field else ():
                if binding.kind in ("assign", "walrus") and binding.value is not None:
                    yield from _assigned(field, binding, scope.kind, number)
    for row in (*facts.attributes, *facts.subscripts):
        target, value = row.target, row.value
        name = target[2] if target[0] == "attr" else _text(target[2])
        field = field_of(name.lstrip("_")) if name else ""
        if field and value is not None:
            yield _Bound(field, value, row.scope, target[-1])
    for function in facts.functions:
        for parameter in function.parameters:
            field = field_of(parameter.name)
            if field and parameter.default is not None:
                yield _Bound(field, parameter.default, function.parent, parameter.pos)
    for call in facts.calls:
        yield from _given(call.expr, call.scope, field_of)
    scopes: dict[int, int] | None = None
    for root in roots(facts):
        if root[0] in ("name", "const"):
            continue
        for part in nested(root):
            if part[0] == "dict":
                for key, value in part[1]:
                    field = field_of(_text(key)) if key is not None else ""
                    if field:
                        if scopes is None:
                            scopes = {id(expr): scope for expr, scope in _displays(facts)}
                        yield _Bound(field, value, scopes.get(id(part), 0), key[-1])


def _assigned(field: str, binding: Binding, kind: str, scope: int) -> Iterator[_Bound]:
    value = binding.value
    if value is None:
        return
    where = binding.scope if binding.scope >= 0 else scope
    if kind == "class" and value[0] == "call":
        for name, given, _ in value[3]:
            if name in _FACTORIES:
                yield _Bound(field, given, where, binding.pos, True)
    yield _Bound(field, value, where, binding.pos)


def _given(call: Expr, scope: int, field_of: Callable[[str], str]) -> Iterator[_Bound]:
    for name, value, pos in call[3]:
        field = field_of(name) if name else ""
        if field:
            yield _Bound(field, value, scope, pos)
    func, given = call[1], call[2]
    method = last_name(func)
    if method == "set" and func[0] == "attr" and len(given) == 1:
        match = _VARIABLE.fullmatch(last_name(func[1]).lower())
        field = field_of(match[1]) if match else ""
        if field:
            yield _Bound(field, given[0], scope, func[-1])
    elif method == "ContextVar" and given:
        field = field_of(_text(given[0]))
        for name, value, pos in call[3] if field else ():
            if name == "default":
                yield _Bound(field, value, scope, pos)
    elif method in ("setattr", "set_tag", "set_attribute", "set_header", "setdefault", "add_header") and len(given) > 1:
        field = field_of(_text(given[-2]))
        if field:
            yield _Bound(field, given[-1], scope, given[-2][-1])


def _displays(facts: FileFacts) -> Iterator[tuple[Expr, int]]:
    """Yield the dicts of a file with the scope that each is evaluated in."""
    for call in facts.calls:
        for part in nested(call.expr):
            if part[0] == "dict":
                yield part, call.scope
    for number, scope in enumerate(facts.scopes):
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.value is not None:
                    where = binding.scope if binding.scope >= 0 else number
                    yield from ((part, where) for part in nested(binding.value) if part[0] == "dict")
    for row in (*facts.attributes, *facts.subscripts):
        if row.value is not None:
            yield from ((part, row.scope) for part in nested(row.value) if part[0] == "dict")
    for function in facts.functions:
        for result in function.returns:
            yield from ((part, function.scope) for part in nested(result.value) if part[0] == "dict")


def _text(expr: Expr) -> str:
    return expr[1] if expr[0] == "const" and isinstance(expr[1], str) else ""


class _Judge:
    """Tells fresh ids from others, and where one may be made."""

    def __init__(self, run: RuleRun[Options], known: Canonical) -> None:
        self._run = run
        self._project: Project = run.project
        self._known = known
        self._usual = frozenset(run.options.fields)
        self.fields = frozenset(name for name in known.names if self._is_handed_on(name))
        self._evident: dict[str, bool] = {}
        self._callers: dict[str, frozenset[str]] = {}
        self._returning: dict[tuple[str, int], str] = {}

    def _is_handed_on(self, name: str) -> bool:
        """True for a field that comes in, or that one event introduces: nobody else may make its value."""
        link = self._known.link(name)
        if link is None:
            return name in self._usual
        return link.root or bool(link.introduced_by)

    def field_of(self, text: str) -> str:
        """Return the field that a name, an alias or a header stands for; "" for others."""
        field = self._known.named(text) or self._known.of_header(text)
        return field if field in self.fields else ""

    # -- where

    def is_allowed(self, file: ProjectFile, facts: FileFacts, bound: _Bound) -> bool:
        """True where a fresh id is right."""
        project, config = self._project, self._run.config
        if not self._is_evident(bound.field) or is_configured(project, config, file, bound.scope):
            return True
        if is_middleware(project, file.path, facts, bound.scope) or is_command(facts, bound.scope):
            return True
        functions = list(enclosing_functions(facts, bound.scope))
        names = {facts.functions[index].name for index in functions}
        if not names.isdisjoint(self._called_by_middleware(file.path, facts)):
            return True
        link = self._known.link(bound.field)
        if link is not None and link.introduced_by:
            return self._introduces(file.path, facts, bound, link.introduced_by)
        return not config.correlation.boundary and any(
            self._reads_header(facts, facts.functions[index].scope, bound.field) for index in functions
        )

    def _is_evident(self, field: str) -> bool:
        """True where the project itself treats the field as one that is handed on: it is declared, the boundary is, or
        something binds it to the context or reads its header.
        """
        if self._known.declared or self._run.config.correlation.boundary:
            return True
        if field not in self._evident:
            header = self._known.field(field).header
            literal = re.escape(header.lower())
            wsgi = re.escape(f"http_{header.replace('-', '_')}".lower())
            forms = {header, header.lower(), header.upper(), header[:-1] + header[-1:].upper(), wsgi.upper()}
            pattern = (
                rf"(?i:[\"'](?:{literal}|{wsgi})[\"'])|ContextVar(?:\[[^\n]*\])?\(\s*[\"'][\w.:-]*{field}[\"']"
                rf"|(?:bind_contextvars|bound_contextvars|contextualize)\([^)]*\b{field}="
            )
            anchor = Anchor(pattern=pattern.encode(), any_of=tuple(sorted(f.encode() for f in {*forms, *_CONTEXT})))
            found = self._project.matching((anchor,))
            files = self._project.files
            self._evident[field] = any(not {"tests", "examples"} & files[path].roles for path in found)
        return self._evident[field]

    def _called_by_middleware(self, path: str, facts: FileFacts) -> frozenset[str]:
        """Names of what the middleware of a file calls."""
        if path not in self._callers:
            self._callers[path] = frozenset(
                last_name(call.expr[1]) for call in facts.calls if is_middleware(self._project, path, facts, call.scope)
            )
        return self._callers[path]

    def _reads_header(self, facts: FileFacts, scope: int, field: str) -> bool:
        """True for a function that looks for the id that came in."""
        for call in facts.calls:
            if _lies_in(facts, call.scope, scope) and last_name(call.expr[1]) in ("get", "Header", "get_header"):
                given = [*call.expr[2], *(value for _, value, _ in call.expr[3])]
                if any(self._known.of_header(_text(value)) == field for value in given):
                    return True
        owner = facts.scopes[scope].owner
        function = facts.functions[owner] if owner >= 0 else None
        for parameter in function.parameters if function is not None else ():
            if self._known.of_header(parameter.name.replace("_", "-")) == field:
                return True
        return any(
            part[0] == "sub" and self._known.of_header(_text(part[2])) == field
            for bindings in facts.scopes[scope].bindings.values()
            for binding in bindings
            if binding.value is not None
            for part in nested(binding.value)
        )

    def _introduces(self, path: str, facts: FileFacts, bound: _Bound, event: str) -> bool:
        """True where the thing that the id names comes into being: its event is emitted, or the thing is made."""
        functions = list(enclosing_functions(facts, bound.scope))
        for emission in emitted_in(self._run, path):
            if any(a.name == event for a in emission.alternatives):
                for index in functions:
                    if _lies_in(facts, emission.scope, facts.functions[index].scope):
                        return True
        stem = words(bound.field)[:-1]
        named = [facts.functions[index].name for index in functions]
        named += [facts.classes[index].name for index in enclosing_classes(facts, bound.scope)]
        if any(_ends(words(name), stem) and name[:1].isupper() for name in named):
            return True
        for call in facts.calls:
            if functions and not _lies_in(facts, call.scope, facts.functions[functions[0]].scope):
                continue
            name = last_name(call.expr[1])
            if name[:1].isupper() and _ends(words(name), stem):
                given = [key for key, _, _ in call.expr[3] if key]
                if any(key == "id" or self.field_of(key) == bound.field for key in given):
                    return True
        return False

    # -- what

    def fresh(self, path: str, bound: _Bound) -> Fresh | None:
        """Return the fresh id that a field is given, None where it is given anything else."""
        if bound.is_factory:
            return self._made_by(path, bound.scope, bound.value)
        return self._fresh(path, bound.scope, bound.value, 0)

    def _fresh(self, path: str, scope: int, expr: Expr, hops: int) -> Fresh | None:
        tag = expr[0]
        if hops > _MAX_HOPS:
            return None
        if tag == "call":
            return self._of_call(path, scope, expr, hops)
        if tag == "name":
            return self._of_name(path, scope, expr, hops)
        parts: list[Expr] = []
        if tag in ("attr", "sub", "await"):
            parts = [expr[1]] if tag != "attr" or expr[2] in _FORMING | {"bytes", "int", "urn", "str"} else []
            if tag != "await" and parts and parts[0][0] == "name":
                return None
        elif tag == "walrus":
            parts = [expr[2]]
        elif tag == "bool" and expr[1] == "or":
            parts = list(expr[2])
        elif tag == "if":
            parts = [expr[2], expr[3]]
        elif tag == "comp":
            parts = list(expr[3])
        elif tag == "fstr":
            parts = [part[1] for part in expr[1] if part[0] == "fmt"]
            if self._keeps(parts):
                return None
        elif tag == "binop" and expr[1] in ("+", "%"):
            parts = [expr[2], expr[3]]
            if self._keeps(parts):
                return None
        elif tag == "seq":
            parts = list(expr[2]) if hops else []
        return next((found for part in parts if (found := self._fresh(path, scope, part, hops + 1))), None)

    def _keeps(self, parts: list[Expr]) -> bool:
        """True where an id is derived from one that came in: it names it still."""
        return any(
            self.field_of(part[1] if part[0] == "name" else part[2])
            for outer in parts
            for part in nested(outer)
            if part[0] in ("name", "attr")
        )

    def _of_name(self, path: str, scope: int, expr: Expr, hops: int) -> Fresh | None:
        """Follow a local variable; one that is called like a field is reported where it is bound."""
        if self.field_of(expr[1].lstrip("_")):
            return None
        found = self._project.bound(path, scope, expr[1])
        facts = self._project.facts(path)
        if found is None or facts is None or facts.scopes[found[0]].kind != "function":
            return None
        for binding in found[1]:
            if binding.kind in ("assign", "walrus") and binding.value is not None:
                where = binding.scope if binding.scope >= 0 else found[0]
                fresh = self._fresh(path, where, binding.value, hops + 1)
                if fresh is not None:
                    return fresh
        return None

    def _of_call(self, path: str, scope: int, call: Expr, hops: int) -> Fresh | None:
        func = call[1]
        source = self._source(path, scope, func)
        if source:
            return Fresh(source, call[-1])
        name = last_name(func)
        if func[0] == "attr" and name in _FORMING:
            found = self._fresh(path, scope, func[1], hops + 1)
            if found is not None or name not in ("join", "format"):
                return found
        given = list(call[2])
        if name in _DEFAULTING:
            given = given[1:]
        elif name not in _PASSING and name not in ("join", "format") and not _ENCODING.fullmatch(name):
            return None
        elif name == "UUID":
            given += [value for key, value, _ in call[3] if key in ("bytes", "int", "hex")]
        return next((found for part in given if (found := self._fresh(path, scope, part, hops + 1))), None)

    def _made_by(self, path: str, scope: int, factory: Expr) -> Fresh | None:
        """Return the fresh id that calling a factory gives."""
        if factory[0] == "lambda":
            facts = self._project.facts(path)
            function = None if facts is None else facts.functions[factory[1]]
            for result in function.returns if function is not None else ():
                return self._fresh(path, function.scope if function is not None else scope, result.value, 1)
            return None
        source = self._source(path, scope, factory)
        return Fresh(source, factory[-1]) if source else None

    def _source(self, path: str, scope: int, func: Expr) -> str:
        """Return the dotted name of the function that makes a fresh id in every call; "" for any other."""
        if func[0] not in ("name", "attr"):
            return ""
        for origin in self._project.resolve(path, scope, func):
            if origin.kind in ("external", "member") or (origin.kind == "class" and not origin.path):
                name = origin.name.replace("()", "")
                if any(names_match(pattern, (name,), below=False) for pattern in self._run.options.sources):
                    return name
            elif origin.kind == "function" and origin.path and self._always_fresh(origin.path, origin.index):
                return origin.name
        return ""

    def _always_fresh(self, path: str, index: int) -> str:
        """Return what makes the id that a first-party function returns, "" where it may return anything else."""
        key = (path, index)
        if key in self._returning:
            return self._returning[key]
        self._returning[key] = ""
        facts = self._project.facts(path)
        function = None if facts is None else facts.functions[index]
        if function is None or function.is_generator or not function.returns:
            return ""
        sources: list[str] = []
        for result in function.returns:
            if any(part[0] == "bool" or part[0] == "if" for part in nested(result.value)):
                return ""
            found = self._fresh(path, function.scope, result.value, 1)
            if found is None:
                return ""
            sources.append(found.source)
        self._returning[key] = sources[0]
        return sources[0]


def _lies_in(facts: FileFacts, scope: int, outer: int) -> bool:
    while scope > outer:
        scope = facts.scopes[scope].parent
    return scope == outer


def _ends(name: tuple[str, ...], stem: tuple[str, ...]) -> bool:
    """True for `Job`, `NewJob`, `JobCreate` where the stem is `job`."""
    size = len(stem)
    return bool(stem) and any(name[start : start + size] == stem for start in range(len(name) - size + 1))


CHECK = Check("reminted-id", Options, run, anchors, parts="files")
