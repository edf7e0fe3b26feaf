"""What the configuration names must exist: a surface that matches nothing would make every run clean by mistake."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from obs_lint.config.errors import ConfigError
from obs_lint.config.model import Config
from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.facts.store import FactsStore
from obs_lint.patterns import dotted, is_path_glob, names_match, path_matches


def _named(config: Config) -> Iterator[tuple[str, str, bool]]:
    """Yield (key, pattern, whether its last segments are attributes) of every reference the user wrote."""
    for pattern in config.surface or ():
        yield "surface", pattern, False
    for pattern in config.wiring:
        yield "wiring", pattern, False
    for index, emitter in enumerate(config.emitters):
        yield f"emitters.{index}.function", emitter.function, True
    for index, logger in enumerate(config.loggers):
        for factory in logger.factory:
            yield f"loggers.{index}.factory", factory, True
    for index, queue in enumerate(config.queues):
        yield f"queues.{index}.publish", queue.publish, True
        for number, consumer in enumerate(queue.consume):
            yield f"queues.{index}.consume.{number}.function", consumer.function, True
    for name in config.instrument.decorators:
        yield "instrument.decorators", name, True
    for name in config.instrument.class_decorators:
        yield "instrument.class-decorators", name, True


def _own(config: Config) -> Iterable[tuple[str, str, bool]]:
    for key, pattern, attribute in _named(config):
        origin = config.provenance.get(key) or config.provenance.get(key.partition(".")[0]) or ""
        if origin not in ("default", "inferred") and not origin.startswith("preset"):
            yield key, pattern, attribute


def _matches_file(pattern: str, attribute: bool, discovery: Discovery) -> bool:
    if is_path_glob(pattern):
        return any(path_matches(pattern, file.path) for file in discovery.files)
    candidates = [pattern]
    if attribute:
        parts = pattern.split(".")
        candidates = [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]
    for candidate in candidates:
        compiled = dotted(candidate)
        if any(compiled.fullmatch(name) for file in discovery.files for name in file.names):
            return True
    return False


def outside(config: Config, discovery: Discovery) -> tuple[tuple[str, str], ...]:
    """Return (key, pattern) of the references that match no module of the project: third-party, or a mistake."""
    found: dict[tuple[str, str], None] = {}
    for part in (config, *(scope.config for scope in config.scopes)):
        for key, pattern, attribute in _own(part):
            if not _matches_file(pattern, attribute, discovery):
                found[key, pattern] = None
    return tuple(found)


def require(config: Config, discovery: Discovery, store: FactsStore) -> None:
    """Raise ConfigError for a reference that is no module of the project, nowhere imported and no declared
    dependency, and for a target or a queue's function that the project should define and does not.
    """
    _require_targets(config, discovery, store)
    _require_queues(config, discovery, store)
    missing = outside(config, discovery)
    if not missing:
        return
    roots = {raw[0].partition(".")[0] for _, imports in store.raw_imports() for raw in imports if raw[0][:1] != "."}
    roots |= _dependencies(config)
    for key, pattern in missing:
        root = pattern.partition(".")[0]
        if is_path_glob(pattern) or root not in roots:
            raise ConfigError(
                f"`{key}` names `{pattern}`, which matches no module of this project, nothing that it imports and no "
                "declared dependency; obs-lint would then guard nothing",
                file=str(config.file or ""),
                key=key,
                hint=_nearest(pattern, discovery),
            )


def _require_targets(config: Config, discovery: Discovery, store: FactsStore) -> None:
    for part in (config, *(scope.config for scope in config.scopes)):
        if part.instrument.targets and "preset" not in part.provenance.get("instrument.targets", ""):
            from obs_lint.entry_points.configured import may_hold

            for pattern in part.instrument.targets:
                held = [f for f in discovery.files if "tests" not in f.roles and may_hold(pattern, f)]
                if not any(_may_define(pattern, file, store) for file in held):
                    raise ConfigError(
                        f"`instrument.targets` names `{pattern}`, which matches no function of this project; "
                        "obs-lint would then guard nothing",
                        file=str(config.file or ""),
                        key="instrument.targets",
                        hint=_nearest(pattern, discovery),
                    )


def _require_queues(config: Config, discovery: Discovery, store: FactsStore) -> None:
    for part in (config, *(scope.config for scope in config.scopes)):
        for index, queue in enumerate(part.queues):
            keys = [(f"queues.{index}.publish", queue.publish)]
            keys += [(f"queues.{index}.consume.{n}.function", each.function) for n, each in enumerate(queue.consume)]
            for key, name in keys:
                if not _is_mentioned(name, discovery, store):
                    raise ConfigError(
                        f"`{key}` names `{name}`, which this project does not define; obs-lint would then see nothing "
                        "cross that queue",
                        file=str(config.file or ""),
                        key=key,
                        hint=_nearest(name, discovery),
                    )


def _is_mentioned(name: str, discovery: Discovery, store: FactsStore) -> bool:
    """True where the innermost module of a dotted name speaks of what follows, and for what is third-party."""
    segments = name.split(".")
    first_party = False
    covering: list[tuple[int, ProjectFile]] = []
    for file in discovery.files:
        first_party = first_party or any(each.partition(".")[0] == segments[0] for each in file.names)
        lengths = [n for n in range(1, len(segments)) if names_match(".".join(segments[:n]), file.names, below=False)]
        if lengths:
            covering.append((max(lengths), file))
    innermost = max([length for length, _ in covering], default=0)
    if not first_party or "*" in name:
        return True
    said = rb"(?<!\w)" + re.escape(segments[innermost]).encode() + rb"(?!\w)|^[ \t]*from[^\n]*import[ \t]*\*"
    return any(re.search(said, store.text(file.path), re.MULTILINE) for length, file in covering if length == innermost)


def _may_define(pattern: str, file: ProjectFile, store: FactsStore) -> bool:
    """True where a module that the pattern covers defines what the rest of it writes out."""
    segments = pattern.split(".")
    covered = [n for n in range(1, len(segments) + 1) if names_match(".".join(segments[:n]), file.names, below=False)]
    written = [s for s in segments[max(covered, default=0) :] if "*" not in s and "?" not in s]
    if not written:
        return True
    text = store.text(file.path)
    return all(re.search(_DEFINED % ((re.escape(s).encode(),) * 2), text, re.MULTILINE) for s in written)


_DEFINED = rb"(?<!\w)(?:def|class)[ \t]+%s(?!\w)|^[ \t]*%s[ \t]*[:=]"


def _nearest(pattern: str, discovery: Discovery) -> str:
    from difflib import get_close_matches

    names = {name for file in discovery.files for name in file.names}
    last = pattern.rpartition(".")[2]
    near = get_close_matches(pattern, names, 1, 0.7) or sorted(n for n in names if n.rpartition(".")[2] == last)[:1]
    return f"did you mean `{near[0]}`?" if near else ""


def _dependencies(config: Config) -> set[str]:
    """Import names that the declared dependencies probably have."""
    import tomllib

    try:
        with open(os.path.join(str(config.root), "pyproject.toml"), "rb") as stream:
            document = tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return set()
    project = document.get("project", {})
    declared: list[str] = []
    if isinstance(project, dict):
        declared += [d for d in project.get("dependencies", ()) if isinstance(d, str)]
        for group in (project.get("optional-dependencies") or {}).values():
            declared += [d for d in group if isinstance(d, str)]
    poetry = document.get("tool", {}).get("poetry", {}).get("dependencies", {})
    declared += list(poetry)
    names = {re.split(r"[^\w.-]", dependency.strip(), maxsplit=1)[0].lower() for dependency in declared}
    return {name.replace("-", "_").replace(".", "_") for name in names if name}
