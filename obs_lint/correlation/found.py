"""Every place where work leaves the process, in the files that import a library or get objects of it from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from obs_lint.config.model import Config
from obs_lint.correlation import enqueuing, outbound, publishing
from obs_lint.correlation.carried import Carrying
from obs_lint.correlation.code import Code
from obs_lint.correlation.model import Canonical, Hop
from obs_lint.correlation.propagation import ANCHORS as PROPAGATING
from obs_lint.correlation.propagation import INSTRUMENTING, Propagation
from obs_lint.correlation.written import Sources, last_name
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Anchor, FileFacts
from obs_lint.facts.nested import nested
from obs_lint.project import Project
from obs_lint.queues import queue_anchors, queues

KINDS = ("http", "job")
_ROUNDS = 3
"""From the file of an application to its tasks, and from there to who calls them."""
_MAX_HOLDERS = 2_000
"""Files into which one name is followed."""


def anchors(config: Config, kinds: Iterable[str] = KINDS) -> tuple[Anchor, ...]:
    """Files that import one of the libraries, or that may make one carry ids.

    Callers of tasks and clients of other files are not among them: `Hops.files` knows those.
    """
    found: list[Anchor] = []
    for kind in kinds:
        found += outbound.ANCHORS if kind == "http" else enqueuing.ANCHORS
        found += INSTRUMENTING if kind == "http" else PROPAGATING
        found += queue_anchors(config) if kind == "job" else ()
    return tuple(dict.fromkeys(found))


def hops(project: Project, config: Config, canonical: Canonical) -> Hops:
    """Return the hops of a project under one configuration; found once a run."""
    return project.once(("hops", id(config)), lambda: Hops(project, config, canonical))


class Hops:
    """The outbound calls and the jobs of a project."""

    def __init__(self, project: Project, config: Config, canonical: Canonical) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._config = config
        self._canonical = canonical
        self._found: dict[tuple[str, str], tuple[Hop, ...]] = {}
        self._paths: dict[str, frozenset[str]] = {}
        self._made: tuple[outbound.Outbound, enqueuing.Enqueuing] | None = None
        self._own: publishing.Publishing | None = None

    def in_file(self, path: str, kinds: Iterable[str] = KINDS) -> tuple[Hop, ...]:
        """Return the hops of a file in source order."""
        found = [hop for kind in kinds for hop in self._of_kind(path, kind)]
        return tuple(sorted(found, key=lambda hop: hop.call[-1]))

    def files(self, candidates: Iterable[ProjectFile], kinds: Iterable[str] = KINDS) -> tuple[str, ...]:
        """Return the paths of those candidates that may hold hops."""
        known = frozenset[str]().union(*[self._paths_of(kind) for kind in kinds])
        found = tuple([file.path for file in candidates if file.path in known])
        self._project.prefetch(found)
        return found

    def _of_kind(self, path: str, kind: str) -> tuple[Hop, ...]:
        key = (path, kind)
        if key not in self._found:
            facts = None if path.endswith(".pyi") else self._project.facts(path)
            reader = self._readers()[0 if kind == "http" else 1]
            found = () if facts is None else tuple(reader.in_file(path, facts))
            if kind == "job" and self._config.queues:
                own = self._publishing().in_file(path)
                places = {hop.call[-1] for hop in own}
                found = (*own, *(hop for hop in found if hop.call[-1] not in places))
            self._found[key] = found
        return self._found[key]

    def _readers(self) -> tuple[outbound.Outbound, enqueuing.Enqueuing]:
        if self._made is None:
            project, config, canonical = self._project, self._config, self._canonical
            sources = Sources(project)
            code = Code(project, config, canonical)
            carrying = Carrying(sources, canonical, code)
            self._own = publishing.Publishing(project, config, sources, carrying, code, canonical)
            propagation = Propagation(project, sources, code)
            internal = config.correlation.internal_hosts
            self._made = (
                outbound.Outbound(project, sources, carrying, code, canonical, internal, propagation),
                enqueuing.Enqueuing(project, sources, carrying, code, canonical, propagation),
            )
        return self._made

    def _publishing(self) -> publishing.Publishing:
        self._readers()
        assert self._own is not None
        return self._own

    # -- files

    def _paths_of(self, kind: str) -> frozenset[str]:
        if kind not in self._paths:
            found = self._project.once(("files with hops", kind), lambda: self._search(kind))
            if kind == "job" and self._config.queues:
                found |= queues(self._project, self._config).paths()
            self._paths[kind] = found
        return self._paths[kind]

    def _search(self, kind: str) -> frozenset[str]:
        """The files that import a library, and those that get tasks, clients or producers from such a file."""
        module = outbound if kind == "http" else enqueuing
        project = self._project
        todo = [path for path in sorted(project.matching(module.ANCHORS)) if not path.endswith(".pyi")]
        found = set(todo)
        names = module.MAKERS
        for _ in range(_ROUNDS):
            project.prefetch(todo)
            fresh: dict[str, None] = {}
            made: set[str] = set()
            called = module.CALLED
            for path in todo:
                file, facts = project.files.get(path), project.facts(path)
                if facts is None or file is None or "tests" in file.roles:
                    continue
                calling = _imports_huey(facts)
                for name in _makers(facts, names, module.DECORATORS):
                    made.add(name)
                    if calling:
                        called += rb"|(?<![\w.])" + name.encode("utf-8", "replace") + rb"(?:\(|[ \t]+as\b)"
                    fresh |= dict.fromkeys(project.modules.holders(path, name, _MAX_HOLDERS) or ())
            todo = [path for path in sorted(fresh) if path not in found and project.mentions(path, called)]
            found |= set(todo)
            names |= made
        return frozenset(found)


def _imports_huey(facts: FileFacts) -> bool:
    """True where tasks are enqueued by calling them."""
    modules = [name for row in facts.imports for name in (row.module or "", *(alias.name for alias in row.names))]
    return any(name.partition(".")[0] == "huey" for name in modules)


def _makers(facts: FileFacts, names: frozenset[str], decorators: frozenset[str]) -> Iterator[str]:
    """Yield the names of a module by which others may get a task, a client or a producer.

    `names`: how classes and functions are called that make one; `decorators`: what makes a task of a function.
    """
    found: dict[str, None] = {}
    for name, bindings in facts.scopes[0].bindings.items():
        for binding in bindings:
            written = [expr for expr in (binding.value, binding.annotation) if expr is not None]
            if any(last_name(part) in names for expr in written for part in nested(expr)):
                found[name] = None
    for site in facts.calls:
        if site.scope > 0 and last_name(site.expr) in names:
            found[facts.scopes[site.scope].qualname.partition(".")[0]] = None
    for row in facts.classes:
        if any(last_name(base) in names for base in row.bases):
            found[row.qualname.partition(".")[0]] = None
    for function in facts.functions:
        for decorator in function.decorators:
            last = last_name(decorator)
            if last in decorators or (decorators and last.endswith("task")):
                found[function.qualname.partition(".")[0]] = None
    for scope in facts.scopes:
        if scope.kind == "class":
            rows = [row for bindings in scope.bindings.values() for row in bindings if row.annotation is not None]
            if any(last_name(part) in names for row in rows for part in nested(row.annotation or ())):
                found[scope.qualname.partition(".")[0]] = None
    yield from (name for name in found if name and name != "<lambda>")
