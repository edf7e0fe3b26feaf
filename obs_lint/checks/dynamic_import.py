"""Reports banned modules that are imported by a call, a look-up or evaluated text instead of a statement."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from obs_lint.checks import Check
from obs_lint.checks.banned import Banned, BannedModules, banned_by
from obs_lint.checks.expressions import arguments, expressions, leading_text, renamed
from obs_lint.checks.imported import absolute, is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Severity
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.project import Project


@dataclass(frozen=True, slots=True)
class Options(BannedModules):
    """What `dynamic-telemetry-import` may be told."""

    importers: tuple[str, ...] = ()
    """Dotted names of callables whose first argument says what they import: `module`, `module.name`, `module:name`."""
    evaluators: tuple[str, ...] = ()
    """Dotted names of callables that run their first argument as Python."""


_Keyed = tuple[Diagnostic, tuple[Pos, str]]
"""A diagnostic, and what tells it from others."""

_LOOKUPS = ("get", "setdefault", "__getitem__")


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files with a call that imports by name, sharpened so that plain text of other modules does not count."""
    modules = {name.partition(".")[0] for name in (*options.modules, *options.library_modules)}
    if not modules:
        return ()
    roots = "|".join(sorted(map(re.escape, modules)))
    plain = rf"(?!(?:{roots})\b)\.*[A-Za-z_][\w.]*"
    harmless = rf"\s*(?:__name__\s*[\])]|\)|settings\.\w+\s*\)|(?:\"{plain}\"|'{plain}')\s*[,)\]])"
    found: list[Anchor] = []
    for name in sorted({name.rpartition(".")[2] for name in options.importers}):
        homes = {n.rpartition(".")[0] for n in options.importers if n.rpartition(".")[2] == name}
        word = re.escape(name)
        called = r"\s*\(" if config.strict_dynamic else rf"(?<!def {word})\s*\((?!{harmless})"
        handed_on = rf"(?<!import {word})[ \t]*(?:$|[#;,)])"
        pattern = rf"(?<!\w){word}(?:{called}|[ \t]+as\b|[\"']|{handed_on})".encode()
        modules_of = () if "builtins" in homes else tuple(sorted(homes))
        found.append(Anchor(pattern=pattern, modules=modules_of, any_of=(name.encode(),)))
    read = rf"\s*(?:\[(?!{harmless})(?![^\]\n]*\]\s*=[^=])|\.\s*(?:{'|'.join(_LOOKUPS)})\s*\((?!{harmless}))"
    attribute = rf"(?<!del sys)(?<!in sys)\.modules(?:{read}|[ \t]*(?:$|[#;]))"
    named = r"[\"']modules[\"']\s*\)"
    found.append(Anchor(pattern=f"{attribute}|{named}".encode(), modules=("sys",), any_of=(b"modules",)))
    found.append(Anchor(modules=("sys.modules",)))
    text = rf"\s*\(\s*(?:\w+\s*\(\s*)?[rRuUfF]?[\"'][^\n]*\b(?:{roots}|__import__|import_module)\b"
    constant = r"\s*\(\s*[A-Z_][A-Z0-9_]*\s*[,)]|[ \t]*$"
    for name in sorted({name.rpartition(".")[2] for name in options.evaluators} - {"eval"}):  # eval needs __import__
        pattern = rf"(?<![\w.]){name}(?:{text}|{constant})".encode()
        found.append(Anchor(pattern=pattern, any_of=(name.encode() + b"(", b"= " + name.encode() + b"\n")))
    return tuple(found)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a place that imports, and banned module."""
    banned = banned_by(run.options, run.config, run.project.discovery.files)
    if not banned.roots:
        return
    functions = frozenset((*run.options.importers, *run.options.evaluators, "sys.modules"))
    received = run.project.once(("importers received", functions), lambda: _received(run.project, functions))
    files = dict.fromkeys((*run.anchored, *(file for file in run.files if file.path in received)))
    for file in files:
        if run.is_surface(file) or run.is_wiring(file) or is_stub(file):
            continue
        facts = run.project.facts(file.path)
        if facts is not None:
            yield from _File(run, banned, file, facts, received.get(file.path, ())).diagnostics()


def _received(project: Project, functions: frozenset[str]) -> dict[str, set[str]]:
    """Return, by path, the names under which files import such a function from another module of the project."""
    homes: dict[str, set[str]] = {}
    for path, statement in project.imports_naming(frozenset(name.rpartition(".")[2] for name in functions)):
        for name, bound in statement.names or ():
            if not statement.level and f"{statement.module}.{name}" in functions:
                homes.setdefault(path, set()).add(bound)
    received: dict[str, set[str]] = {}
    asked: set[str] = set()
    while fresh := frozenset(name for names in homes.values() for name in names) - asked:
        asked |= fresh
        for path, statement in tuple(project.imports_naming(fresh)):
            module = absolute(project.files[path], statement.module, statement.level)
            for home in project.find_module(module, path) if module else ():
                taken = {bound for name, bound in statement.names or () if name in homes.get(home, ())}
                if taken:
                    homes.setdefault(path, set()).update(taken)
                    received.setdefault(path, set()).update(taken)
    return received


class _File:
    """The search through one file."""

    def __init__(
        self, run: RuleRun[Options], banned: Banned, file: ProjectFile, facts: FileFacts, received: Collection[str]
    ) -> None:
        self.run = run
        self.banned = banned
        self.file = file
        self.facts = facts
        self.importers = frozenset(run.options.importers)
        self.evaluators = frozenset(run.options.evaluators)
        functions = {name.rpartition(".")[2] for name in (*self.importers, *self.evaluators)} | {"modules", *received}
        self.names = functions | renamed(facts, functions.__contains__)
        """How the functions and sys.modules are spelled here."""

    def diagnostics(self) -> Iterator[Diagnostic]:
        seen: set[tuple[Pos, str]] = set()
        for expr, scope in expressions(self.facts):
            for diagnostic, key in self._found(expr, scope):
                if key not in seen:
                    seen.add(key)
                    yield diagnostic

    def _found(self, expr: Expr, scope: int) -> Iterator[_Keyed]:
        if expr[0] == "sub":
            if self._is_modules(expr[1], scope):
                yield from self._named(expr, scope, expr[2], "sys.modules")
            return
        if expr[0] != "call":
            return
        func = expr[1]
        given = arguments(expr)
        if not given:
            return
        if func[0] == "attr" and func[2] in _LOOKUPS and self._is_modules(func[1], scope):
            yield from self._named(expr, scope, given[0], f"sys.modules.{func[2]}")
            return
        name = self._external(func, scope) if self._concerns(func) else ""
        if name in self.importers:
            package = next((value for key, value, _ in expr[3] if key == "package"), None)
            package = given[1] if package is None and len(given) > 1 else package
            yield from self._named(expr, scope, given[0], name, package)
        elif name.startswith("sys.modules.") and name.rpartition(".")[2] in _LOOKUPS:
            yield from self._named(expr, scope, given[0], name)
        elif name in self.evaluators:
            yield from self._evaluated(expr, scope, given[0], name)
        else:
            for callee, argument in pairwise(given):
                if self._concerns(callee) and (passed := self._external(callee, scope)) in self.importers:
                    yield from self._named(expr, scope, argument, passed)

    def _concerns(self, expr: Expr) -> bool:
        """True for what is spelled like one of the functions, or like a name that the file gives to one."""
        if expr[0] == "name":
            return expr[1] in self.names
        if expr[0] == "attr":
            return expr[2] in self.names
        return bool(expr[0] == "call" and expr[1][:2] == ("name", "getattr"))

    def _external(self, expr: Expr, scope: int) -> str:
        """The outside name that an expression is, one of those that matter where there are several."""
        if expr[0] not in ("name", "attr", "call"):
            return ""
        names = [o.name for o in self.run.project.resolve(self.file.path, scope, expr) if o.kind == "external"]
        for name in names:
            if name in self.importers or name in self.evaluators or name == "sys.modules":
                return name
        if expr[0] == "call" and not names:
            given = arguments(expr)
            if len(given) > 1 and self._external(expr[1], scope) == "builtins.getattr":
                owner = self._external(given[0], scope)
                for value in self.run.project.values(self.file.path, scope, given[1]).known:
                    if owner and isinstance(value.value, str):
                        return f"{owner}.{value.value}"
        return names[0] if names else ""

    def _is_modules(self, expr: Expr, scope: int) -> bool:
        return self._concerns(expr) and self._external(expr, scope) == "sys.modules"

    def _named(self, expr: Expr, scope: int, argument: Expr, how: str, package: Expr | None = None) -> Iterator[_Keyed]:
        """The banned modules that an argument may name."""
        project = self.run.project
        sequence = argument[2] if argument[0] == "seq" else (argument,)
        for part in sequence:
            values = project.values(self.file.path, scope, part)
            names = [value.value for value in values.known if isinstance(value.value, str)]
            if not names and (start := leading_text(part)):
                names = [start.rpartition(".")[0]] if "." in start else []
            for name in dict.fromkeys(names):
                dotted = name.replace(":", ".")
                if dotted.startswith("."):
                    dotted = self._absolute(dotted, scope, package)
                if module := self.banned.module_of(dotted):
                    yield self._report(expr, scope, module, how, dotted)
            if not names and not values.complete and self.run.config.strict_dynamic and how != "sys.modules":
                yield self._notice(expr, scope, how)

    def _absolute(self, name: str, scope: int, package: Expr | None) -> str:
        if package is None:
            return ""
        for value in self.run.project.values(self.file.path, scope, package).known:
            if isinstance(value.value, str):
                rest = name.lstrip(".")
                base = value.value.split(".")
                base = base[: len(base) - (len(name) - len(rest) - 1)]
                return ".".join([*base, rest])
        return ""

    def _evaluated(self, expr: Expr, scope: int, argument: Expr, how: str) -> Iterator[_Keyed]:
        """Text that is run: what it imports counts as imported here."""
        inner = argument
        if inner[0] == "call" and self._external(inner[1], scope) in (
            "builtins.compile",
            "textwrap.dedent",
            "inspect.cleandoc",
        ):
            inner = arguments(inner)[0] if arguments(inner) else inner
        for value in self.run.project.values(self.file.path, scope, inner).known:
            if isinstance(value.value, str):
                for name in _imported_by(value.value):
                    if module := self.banned.module_of(name):
                        yield self._report(expr, scope, module, how, name)

    def _report(self, expr: Expr, scope: int, module: str, how: str, name: str) -> _Keyed:
        shown = how.removeprefix("builtins.")
        made = self.run.report(self.file, expr[-1], target=name, scope=scope, module=module, how=shown)
        return made, (expr[-1], module)

    def _notice(self, expr: Expr, scope: int, how: str) -> _Keyed:
        shown = how.removeprefix("builtins.")
        made = self.run.report(self.file, expr[-1], target=how, scope=scope, module="?", how=shown)
        text = (
            f"`{shown}` imports a module whose name can't be told; obs-lint can't see whether it is a telemetry library"
        )
        return replace(made, severity=Severity.INFO, message=text), (expr[-1], "?")


def _imported_by(text: str) -> Iterator[str]:
    """Yield the absolute modules and names that a piece of Python imports."""
    import ast
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(text).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from (f"{node.module}.{alias.name}" if alias.name != "*" else node.module for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            func, first = node.func, node.args[0]
            name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
            if (
                name in ("__import__", "import_module")
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                yield first.value


CHECK = Check("dynamic-import", Options, run, anchors, parts="files")
