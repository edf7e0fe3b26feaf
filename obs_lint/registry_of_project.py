"""What the registries of a project declare, now or at a git revision, for commands that ask for nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from obs_lint.config import ConfigError, load
from obs_lint.config.model import Config, RegistrySource
from obs_lint.discovery import Discovery, discover
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.cache import Cache
from obs_lint.facts.pool import Pool
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project
from obs_lint.registry.sources import kind_of

_DATA = (".yaml", ".yml", ".json", ".toml")
_CODE = (".py", ".pyi")


class Declared(NamedTuple):
    """What the sources of a configuration declare, and the project that they were read in."""

    config: Config
    """With the sources of all scopes as its own."""
    project: Project
    registries: Registries


def sources_of(config: Config) -> tuple[RegistrySource, ...]:
    """Return the sources of a configuration and of its scopes, each once."""
    return tuple(dict.fromkeys([*config.registry, *(one for scope in config.scopes for one in scope.config.registry)]))


@contextmanager
def declared(config: Config, *, use_cache: bool = True, jobs: int | None = None) -> Iterator[Declared]:
    """Read the sources of a configuration. Code is looked at only where a source is in code."""
    config = replace(config, registry=sources_of(config))
    cache = Cache(os.path.join(str(config.root), config.cache_dir) if use_cache else None)
    in_code = any(kind_of(source.source) == "python" for source in config.registry)
    discovery = discover(config) if in_code else Discovery((), ("",))
    pool = Pool(jobs if in_code else 1)
    try:
        store = FactsStore(discovery.files, pool, cache)
        store.scan(Profile((), True, False, ()))
        project = Project(discovery, store, cache)
        yield Declared(config, project, registries(project, config))
        if in_code:
            store.finish()
    finally:
        pool.close()


@contextmanager
def declared_at(config: Config, revision: str, *, jobs: int | None = None) -> Iterator[Declared]:
    """Read the sources as they were at a git revision: those that the configuration named then, where it can be read,
    else those that it names now. Raises RevisionError.
    """
    from obs_lint.revision import laid_out

    with laid_out(str(config.root), revision, _wanted(config)) as folder:
        then = _then(config, folder)
        missing = {
            source
            for source in sources_of(then)
            if (path := _path(source)) and not os.path.lexists(os.path.join(folder, path))
        }
        kept = tuple(source for source in sources_of(then) if source not in missing)
        with declared(replace(then, registry=kept, scopes=()), use_cache=False, jobs=jobs) as found:
            absent = {source for source in kept if _is_absent(source, found.project)}
            if absent:
                then = replace(found.config, registry=tuple(source for source in kept if source not in absent))
                found = Declared(then, found.project, registries(found.project, then))
            yield found


def _is_absent(source: RegistrySource, project: Project) -> bool:
    """True for a source in a module that did not exist."""
    kind, _, rest = source.source.partition(":")
    return kind == "python" and not project.find_module(rest.partition(":")[0], "") and not _is_installed(rest, project)


def _is_installed(module: str, project: Project) -> bool:
    """True where no file of the project has anything of the module's first segment: it comes from a package."""
    first = module.partition(".")[0].partition(":")[0]
    return not any(name.partition(".")[0] == first for file in project.files.values() for name in file.names)


def _path(source: RegistrySource) -> str:
    """The file or folder in the project that a source names, as far as it holds no pattern; "" where it names none."""
    kind = kind_of(source.source)
    if kind in ("python", "package"):
        return ""
    path = source.source.partition(":")[2] if kind else source.source
    if os.path.isabs(path):
        return ""
    fixed = []
    for part in path.strip().split("/"):
        if set(part) & set("*?["):
            break
        fixed.append(part)
    return "/".join(fixed)


def _wanted(config: Config) -> Callable[[str], bool]:
    """Which files of a revision are needed: data, what lies where a source points, code where a source is in code."""
    named = tuple(path.rstrip("/") for source in sources_of(config) if (path := _path(source)))
    in_code = any(kind_of(source.source) == "python" for source in sources_of(config))
    endings = _DATA + _CODE * in_code

    def wanted(path: str) -> bool:
        return path.endswith(endings) or any(path == name or path.startswith(name + "/") for name in named)

    return wanted


def _then(config: Config, folder: str) -> Config:
    """The configuration as it was, with its root in `folder`; as it is where it can't be read as it was."""
    environment = config.environment and os.path.join(str(config.root), config.environment)
    now = replace(config, root=type(config.root)(folder), environment=environment)
    file = os.path.basename(config.file) if config.file is not None else ""
    if config.file is None or config.file.parent != config.root or not os.path.isfile(os.path.join(folder, file)):
        return now
    try:
        found = load(folder, isolated=False)
    except ConfigError:
        return now
    if found.file is None or str(found.file.parent) != folder or not sources_of(found):
        return now
    return replace(found, environment=environment)
