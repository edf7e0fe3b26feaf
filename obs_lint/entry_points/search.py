"""Which files register routes and tasks: those that name a framework, and those that get hold of its objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_lint.entry_points.classes import holders
from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.recognition import Recognition
from obs_lint.entry_points.routing import Place, Routing
from obs_lint.entry_points.vocabulary import ANCHORS, DECORATING, DECORATORS, OWNERS, owner
from obs_lint.facts.model import Expr, FileFacts, Pos

_USES = rb"^[ \t]*@[ \t]*[A-Za-z_]|\.(?:add_\w|register|enqueue|include_router|mount|route|task|actor)"
"""What a file that only imports an application must hold to register something with it, or else hand it on."""
_MADE = ("call", "name", "attr", "await", "bool", "if")
_MADE_INSIDE = ("call", "await")
_ANYTHING: frozenset[str] = frozenset()


class FileSearch:
    """Finds the files of a project that register, and on the way its routers and who is handed an application."""

    def __init__(self, lookup: Lookup, recognition: Recognition, routing: Routing) -> None:
        """Routers that are found go into `routing`, calls that hand one on into `lookup`."""
        self.files: dict[str, FileFacts] = {}
        """Path → facts, sorted by path once `run` is done."""
        self._project = lookup.project
        self._lookup = lookup
        self._recognition = recognition
        self._routing = routing
        self._seen: set[str] = set()
        self._objects: dict[str, set[str]] = {}
        self._names: set[str] = set()
        self._noted: set[tuple[str, Pos]] = set()

    def run(self) -> None:
        """Look into all files that match the anchors, and into those that they lead to."""
        todo = self._new(sorted(self._project.matching(ANCHORS)))
        while todo:
            while todo:
                self._project.prefetch(todo)
                batch, todo = todo, []
                for path in batch:
                    facts = self._project.facts(path)
                    if facts is not None:
                        self.files[path] = facts
                        todo += self._new(self._leads(path, facts))
            for path, facts in list(self.files.items()):
                todo += self._new(self._handed_on(path, facts))
        self.files = dict(sorted(self.files.items()))

    def _new(self, paths: Iterator[str] | list[str]) -> list[str]:
        """Return those that count and that nobody has asked for yet; tests and stubs do not count."""
        found: list[str] = []
        for path in paths:
            file = self._project.files.get(path)
            if path not in self._seen and file is not None and "tests" not in file.roles and not path.endswith(".pyi"):
                self._seen.add(path)
                found.append(path)
        return found

    # -- from where objects and classes are made to where they are imported

    def _leads(self, path: str, facts: FileFacts) -> Iterator[str]:
        project = self._project
        for name in dict.fromkeys(self._makers(path, facts)):
            self._names.add(name)
            handed = rb"|[(,=]\s*(?:\w+\.)*" + re.escape(name.encode("utf-8", "replace")) + rb"\s*[,)]"
            for other in holders(project, path, name):
                if other.endswith(".ipynb") or project.mentions(other, _USES + handed):
                    yield other
        for index, row in enumerate(facts.classes):
            if facts.scopes[row.parent].kind == "module" and self._recognition.is_of_framework(path, index):
                if self._recognition.class_framework(path, index):
                    self._names.add(row.name)
                yield from holders(project, path, row.name)

    def _makers(self, path: str, facts: FileFacts) -> Iterator[str]:
        """Yield the module's names that are routers and the like, those of functions that make one, and those of
        decorators that register.
        """
        for number, scope in enumerate(facts.scopes):
            made = _MADE if scope.kind == "module" else _MADE_INSIDE
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    value = binding.value
                    if binding.kind not in ("assign", "walrus") or value is None or value[0] not in made:
                        continue
                    if self._recognition.framework_of(path, number, value):
                        self._add_router(number, name, Place(path, number, value))
                        if scope.kind == "module":
                            yield name
                        elif scope.kind == "function":
                            yield scope.qualname.partition(".")[0]
                    elif scope.kind == "module" and self._registers(path, value):
                        yield name
        self._find_attributes(path, facts)
        for statement in facts.imports:
            root = (statement.module or "").partition(".")[0]
            if not statement.level and statement.scope == 0:
                yield from (a.asname or a.name for a in statement.names if (root, a.name) in DECORATORS)
        for function in facts.functions:
            if facts.scopes[function.parent].kind == "module" and any(
                found.value[0] == "call" and self._recognition.framework_of(path, function.scope, found.value)
                for found in function.returns
            ):
                yield function.name

    def _find_attributes(self, path: str, facts: FileFacts) -> None:
        """`self.router = APIRouter(…)`"""
        for attribute in facts.attributes:
            value = attribute.value
            if value is not None and value[0] == "call":
                if self._recognition.framework_of(path, attribute.scope, value):
                    scope = attribute.scope
                    while scope > 0 and facts.scopes[scope].kind != "class":
                        scope = facts.scopes[scope].parent
                    self._add_router(scope, attribute.target[2], Place(path, attribute.scope, value))

    def _registers(self, path: str, value: Expr) -> bool:
        """True for `get = app.get`, `job = partial(rq.job, connection=…)`."""
        return self._recognition.registration(path, 0, value, DECORATING, DECORATORS) is not None

    def _add_router(self, scope: int, name: str, made: Place) -> None:
        self._objects.setdefault(made.path, set()).add(name)
        self._routing.add(self._routing.key_of(made.path, scope, name), self._routing.own_prefix(made), made)

    # -- from calls that hand an object on to the functions that get it

    def _handed_on(self, path: str, facts: FileFacts) -> Iterator[str]:
        """Yield the files of the functions that are handed an application, a router or a queue, over any number of
        calls.
        """
        todo: list[tuple[str, FileFacts, int | None]] = [(path, facts, None)]
        while todo:
            path, facts, function = todo.pop()
            names = self._local_names(path, facts) if function is None else _ANYTHING
            for site in facts.calls:
                if function is None and (not names or (path, site.expr[-1]) in self._noted):
                    continue
                if function is not None and not _is_within(facts, site.scope, function):
                    continue
                if not self._hands_on(path, site.scope, site.expr, names):
                    continue
                self._noted.add((path, site.expr[-1]))
                for origin in self._lookup.resolve(path, site.scope, site.expr[1]):
                    noted = self._lookup.note(path, site.scope, site.expr, origin)
                    home = None if noted is None else self._project.facts(noted[0])
                    if noted is not None and home is not None:
                        yield noted[0]
                        todo.append((noted[0], home, noted[1]))

    def _hands_on(self, path: str, scope: int, call: Expr, names: frozenset[str]) -> bool:
        """True where one of the arguments is an application, a router or a queue, as far as the names allow."""
        for value in (*call[2], *(value for _, value, _ in call[3])):
            if value[0] not in ("name", "attr"):
                continue
            if names and value[0] == "attr" and value[2] not in names | self._names:
                continue
            if names and value[0] == "name" and value[1] not in names:
                continue
            if self._recognition.framework_of(path, scope, value):
                return True
        return False

    def _local_names(self, path: str, facts: FileFacts) -> frozenset[str]:
        """Names that may be a router or the like in a file: assigned, imported, or annotated parameters."""
        names = set(self._objects.get(path, ()))
        classes = set(OWNERS)
        for statement in facts.imports:
            for alias in statement.names:
                if alias.name == "*":
                    names |= self._names
                elif alias.name in self._names or owner(f"{statement.module}.{alias.name}"):
                    names.add(alias.asname or alias.name)
                    classes.add(alias.asname or alias.name)
        for function in facts.functions:
            for parameter in function.parameters:
                annotation = parameter.annotation
                if annotation is not None and _last(annotation) in classes:
                    names.add(parameter.name)
        return frozenset(names)


def _is_within(facts: FileFacts, scope: int, function: int) -> bool:
    """True where a scope is that of the function, or lies in it."""
    target = facts.functions[function].scope
    while scope > target:
        scope = facts.scopes[scope].parent
    return scope == target


def _last(expr: Expr) -> str:
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""
