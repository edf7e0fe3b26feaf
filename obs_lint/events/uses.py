"""Which declared events the code mentions though no emission of them was found: by member, by class, by string."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from obs_lint.discovery import ProjectFile
from obs_lint.events.emissions import Emissions
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries
from obs_lint.facts.model import Anchor, Expr, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import roots
from obs_lint.patterns import path_matches
from obs_lint.project import Project
from obs_lint.registry.model import Event

_WORD = re.compile(r"[A-Za-z0-9_]+")
_TELLING = re.compile(r"[^A-Za-z0-9_]|[a-z0-9][A-Z]|[A-Z][0-9]")
"""In a string that is surely meant: `shop.order.placed`, `OrderPlaced`, `Z042`; `started` may be any word."""
_GENERATED = rb"^# obs-constructors/"
_SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox"})
_MAX_TEMPLATE_BYTES = 2 * 1024 * 1024


def emitted(found: Emissions, declared: Registries, files: Iterable[ProjectFile]) -> set[int]:
    """Return the ids (`id`) of the events that some emission in `files` is or may be."""
    used: set[int] = set()
    skeletons: list[re.Pattern[str]] = []
    for emission in found.all(files):
        for alternative in emission.alternatives:
            event = declared.of(alternative)
            if event is not None:
                used.add(id(event))
                same = declared.find(event.name)
                if same is not None:
                    used.add(id(same))
        skeleton = _skeleton(emission)
        if skeleton is not None:
            skeletons.append(skeleton)
    for event in declared.events:
        if any(skeleton.fullmatch(event.name) for skeleton in skeletons):
            used.add(id(event))
    return used


def _skeleton(emission: Emission) -> re.Pattern[str] | None:
    """What a name looks like that is known in part: `f"shop.{kind}.placed"`."""
    if emission.complete or emission.event is None:
        return None
    text = _shape(emission.event)
    return re.compile(text, re.DOTALL) if re.sub(r"\.\*|\\", "", text) else None


def _shape(expr: Expr) -> str:
    if expr[0] == "const":
        return re.escape(str(expr[1]))
    if expr[0] == "fstr":
        return "".join(_shape(part) for part in expr[1])
    if expr[0] == "binop" and expr[1] == "+":
        return _shape(expr[2]) + _shape(expr[3])
    if expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] == "format" and expr[1][1][0] == "const":
        return re.sub(r"\\\{[^{}]*\\\}", ".*", re.escape(str(expr[1][1][1])))
    if expr[0] == "binop" and expr[1] == "%" and expr[2][0] == "const":
        return re.sub(r"%\w", ".*", re.escape(str(expr[2][1])))
    return ".*"


class Wanted:
    """The events that are looked for, by the words that would mention them."""

    def __init__(self, project: Project, events: Sequence[Event]) -> None:
        self.events = events
        self.by_name: dict[str, list[Event]] = {}
        """Without events that are classes: objects of them are emitted, a string that equals their code is none."""
        self.by_last: dict[str, list[Event]] = {}
        self.symbols: dict[int, set[str]] = {}
        """By `id`: dotted names of what stands for the event in code."""
        for event in events:
            self.symbols[id(event)] = {name for name in (event.symbol, *event.aliases) if name}
            for last in dict.fromkeys(name.rpartition(".")[2] for name in (event.symbol, *event.aliases) if name):
                self.by_last.setdefault(last, []).append(event)
            if not event.symbol or all(origin.kind != "class" for origin in project.lookup(event.symbol)):
                self.by_name.setdefault(event.name, []).append(event)

    def take_constructors(self, project: Project, path: str) -> None:
        """Look for what a module of generated constructors defines for the events, too: its names are no uses."""
        facts = project.facts(path)
        if facts is None:
            return
        symbol = project.files[path].symbol
        constants: dict[str, list[Event]] = {}
        for name, rows in facts.scopes[0].bindings.items():
            value = rows[0].value
            if value is not None and value[0] == "const" and isinstance(value[1], str):
                constants[name] = self.by_name.get(value[1], [])
        names = dict(constants)
        for function in facts.functions:
            for result in function.returns:
                if result.value[0] == "call" and result.value[2] and result.value[2][0][0] == "name":
                    names[function.name] = constants.get(result.value[2][0][1], [])
        for name, events in names.items():
            for event in events:
                self.by_last.setdefault(name, []).append(event)
                self.symbols.setdefault(id(event), set()).add(f"{symbol}.{name}")

    def words(self) -> frozenset[str]:
        """For each event, a word that any file has that mentions it."""
        longest = (max(_WORD.findall(name), key=len, default="") for name in self.by_name)
        return frozenset(word for word in (*longest, *self.by_last) if word)


def mentioned(project: Project, events: Sequence[Event], files: Sequence[ProjectFile]) -> set[int]:
    """Return the ids of those events that `files` mention otherwise than in a comparison, an annotation or `__all__`.

    By a string that is the event's name (or that of its class or member), and by a reference to what declares it.
    """
    wanted = Wanted(project, events)
    paths = {file.path for file in files}
    candidates = paths & project.matching(_anchors(wanted.words()))
    generated = candidates & project.matching((Anchor(words=(b"obs-constructors/",), pattern=_GENERATED),))
    for path in sorted(generated):
        wanted.take_constructors(project, path)
    if generated:
        candidates = (paths & project.matching(_anchors(wanted.words()))) - generated
    project.prefetch(candidates)
    used: set[int] = set()
    for path in sorted(candidates):
        facts = project.facts(path)
        if facts is not None:
            used |= _in_file(project, path, facts, wanted)
    return used


def _anchors(words: Iterable[str]) -> tuple[Anchor, ...]:
    found = sorted(words)
    if len(found) <= 40:
        return tuple([Anchor(words=(word.encode(),)) for word in found])
    by_length: dict[int, list[str]] = {}
    for word in found:
        by_length.setdefault(len(word), []).append(re.escape(word))
    parts = [alternative for length in sorted(by_length, reverse=True) for alternative in by_length[length]]
    return (Anchor(pattern=rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)".encode()),)


def _in_file(project: Project, path: str, facts: FileFacts, wanted: Wanted) -> set[int]:
    used: set[int] = set()
    compared: set[Pos] = set()
    looked_up: set[Pos] = set()
    exported = _exports(facts)
    own = _declaring(path, facts, wanted)
    for root in roots(facts):
        for expr in nested(root):
            if expr[0] == "compare":
                compared.update(part[-1] for part in _operands(expr))
            elif expr[0] == "call":
                if expr[1][:2] == ("name", "isinstance"):
                    compared.update(part[-1] for argument in expr[2][1:] for part in (argument, *_items(argument)))
                if expr[1][:2] == ("name", "getattr"):
                    looked_up.update(argument[-1] for argument in expr[2][1:2])
            elif expr[0] == "sub":
                looked_up.add(expr[2][-1])
            elif expr[0] == "const" and isinstance(expr[1], str) and expr[-1] not in compared | exported:
                text = expr[1]
                for event in (*wanted.by_name.get(text, ()), *wanted.by_last.get(text, ())):
                    telling = not event.symbol or expr[-1] in looked_up or _TELLING.search(text)
                    if telling and not any(_within(expr[-1], pos) for pos in own.get(id(event), ())):
                        used.add(id(event))
    renamed = {
        alias.asname: wanted.by_last.get(alias.name.rpartition(".")[2], ())
        for statement in facts.imports
        for alias in statement.names
        if alias.asname
    }
    for use in facts.uses:
        if use.annotation or use.expr[-1] in compared:
            continue
        part = use.expr
        while True:
            last = part[1] if part[0] == "name" else part[2]
            for event in (*wanted.by_last.get(last, ()), *(renamed.get(last, ()) if part[0] == "name" else ())):
                if id(event) not in used and _is(project, path, use.scope, part, event, wanted.symbols[id(event)]):
                    used.add(id(event))
            if part[0] == "name" or part[-1] in compared:
                break
            part = part[1]
            if part[0] not in ("name", "attr"):
                break
    return used


def _is(project: Project, path: str, scope: int, expr: Expr, event: Event, symbols: set[str]) -> bool:
    """True where the expression is what declares the event, or may be it for all that can be told."""
    origins = project.resolve(path, scope, expr)
    for origin in origins:
        names = project.names(origin)
        if not symbols.isdisjoint((*names, *origin.via, *(f"{name}.{origin.member}" for name in names))):
            return True
    if origins and not all(origin.kind in ("parameter", "result", "member") for origin in origins):
        return False
    owner = event.symbol.split(".")[-2:-1]
    return _last(expr)[:1].isupper() or (expr[0] == "attr" and [_last(expr[1])] == owner)


def _last(expr: Expr) -> str:
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _declaring(path: str, facts: FileFacts, wanted: Wanted) -> dict[int, list[Pos]]:
    """Statements of this file that declare wanted events: a name in them is no use."""
    found: dict[int, list[Pos]] = {}
    for event in wanted.events:
        if event.place.path == path:
            line = event.place.line
            found[id(event)] = [pos for pos in facts.statements if pos[0] <= line <= pos[2]]
            found[id(event)] += [row.pos for row in facts.classes if row.name_pos[0] == line]
    return found


def _exports(facts: FileFacts) -> frozenset[Pos]:
    rows = facts.scopes[0].bindings.get("__all__", ())
    return frozenset(expr[-1] for row in rows if row.value is not None for expr in nested(row.value))


def _operands(compare: Expr) -> Iterable[Expr]:
    for operand in (compare[1], *compare[3]):
        yield operand
        yield from _items(operand)


def _items(expr: Expr) -> Iterable[Expr]:
    return expr[2] if expr[0] == "seq" else ()


def _within(inner: Pos, outer: Pos) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def in_templates(project: Project, root: str, globs: Sequence[str], events: Sequence[Event]) -> set[int]:
    """Return the ids of the events whose names the files that `globs` (from the root) match hold as whole words."""
    if not globs or not events:
        return set()
    by_name: dict[bytes, list[Event]] = {}
    for event in events:
        by_name.setdefault(event.name.encode(), []).append(event)
    used: set[int] = set()
    for path in _files(root, globs):
        project.depends_on(path)
        try:
            with open(path, "rb") as stream:
                data = stream.read(_MAX_TEMPLATE_BYTES)
        except OSError:
            continue
        for name, same in by_name.items():
            if name in data and re.search(rb"(?<![\w.-])" + re.escape(name) + rb"(?![\w-]|\.\w)", data):
                used |= {id(event) for event in same}
    return used


def _files(root: str, globs: Sequence[str]) -> Iterable[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(names):
            path = name if inside == "." else f"{inside}/{name}"
            if any(path_matches(glob, path) for glob in globs):
                yield os.path.join(folder, name)
