"""Exceptions of the configuration that match nothing: they are left over, or misspelt.

Its subject is the configuration, so this check alone reads some: the file, for the line of a pattern; and the tree once
more, for what excludes leave out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.config import Config, where
from obs_lint.config.lines import dotted_key, split_key
from obs_lint.config.model import DEFAULT_EXCLUDE, DEFAULT_ROLES
from obs_lint.diagnostic import Diagnostic, Position, Span
from obs_lint.discovery import ProjectFile
from obs_lint.file_tree import Excludes, walk
from obs_lint.patterns import is_path_glob, names_match, path_matches


@dataclass(frozen=True, slots=True)
class Options:
    """What `stale-pattern` may be told."""


class Given(NamedTuple):
    """One pattern that the configuration gives."""

    key: str
    """Dotted, as in `Config.provenance`."""
    pattern: str
    nothing: str
    """What it does not match: `no file`, `no module`."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each pattern that the project's own configuration file gives and that matches nothing."""
    config = run.config
    if config.file is None:
        return
    files = run.project.discovery.files
    idle = [*_idle_globs(config, files), *_idle_options(config, files), *_idle_excludes(config)]
    if not idle:
        return
    path = _shown(config)
    for given in idle:
        place = _place(config, given)
        if place is None:
            continue
        fields = {"key": given.key, "pattern": given.pattern, "nothing": given.nothing}
        yield Diagnostic(
            code=run.rule.code,
            slug=run.rule.slug,
            severity=run.rule.severity,
            message=run.rule.message.format_map(fields),
            path=path,
            span=place,
            target=f"{given.key}={given.pattern}",
            help=run.rule.help.format_map(fields),
        )


def _idle_globs(config: Config, files: Iterable[ProjectFile]) -> Iterator[Given]:
    """Globs of roles, per-file-ignores and scopes that cover no file."""
    globs: list[tuple[str, str]] = []
    for role, patterns in config.roles.items():
        known = DEFAULT_ROLES.get(role, ())
        globs += [(f"paths.{role}", pattern) for pattern in patterns if pattern not in known]
    for pattern in config.per_file_ignores:
        globs.append((dotted_key(("per-file-ignores", pattern)), pattern))
    for index, scope in enumerate(config.scopes):
        globs += [(f"scopes[{index}].paths", pattern) for pattern in scope.paths]
    for key, pattern in globs:
        if not any(path_matches(pattern, file.path) for file in files):
            yield Given(key, pattern, "no file")


def _idle_options(config: Config, files: Iterable[ProjectFile]) -> Iterator[Given]:
    """Patterns of rules' allow-lists (options that begin with `allow`) that cover no module or file of the project.

    Names of other packages are no patterns of this kind: an entry counts only where its first segment is first-party.
    """
    own = {name.partition(".")[0] for file in files for name in file.names} if config.rules else set()
    for code, settings in config.rules.items():
        for option, value in settings.options.items():
            if not option.startswith("allow"):
                continue
            patterns = value.get("extend", ()) if isinstance(value, dict) else value
            if not isinstance(patterns, (list, tuple)):
                continue
            for pattern in patterns:
                if not isinstance(pattern, str):
                    continue
                key = dotted_key(("rules", code, option))
                if is_path_glob(pattern):
                    if not any(path_matches(pattern, file.path) for file in files):
                        yield Given(key, pattern, "no file")
                elif pattern.partition(".")[0] in own and not _names_something(pattern, files):
                    yield Given(key, pattern, "no module")


def _names_something(pattern: str, files: Iterable[ProjectFile]) -> bool:
    """True where a module, or the module of what may be a name in it, is covered."""
    module = pattern.rpartition(".")[0]
    return any(
        names_match(pattern, file.names) or (module and names_match(module, file.names, below=False)) for file in files
    )


def _idle_excludes(config: Config) -> Iterator[Given]:
    """Excludes that would leave out nothing that is there. The tree is listed once more, without them."""
    root = os.fspath(config.root)
    given = [("exclude", pattern) for pattern in config.exclude or () if pattern not in DEFAULT_EXCLUDE]
    given += [("extend-exclude", pattern) for pattern in config.extend_exclude if pattern not in DEFAULT_EXCLUDE]
    given = [(key, pattern) for key, pattern in given if _source(config, key, pattern)]
    if not given:
        return
    tree = walk(root, "", Excludes(DEFAULT_EXCLUDE, root), None, skip_environments=True)
    paths = [*tree.visited, *tree.unreadable]
    for folder in tree.folders:
        paths += [f"{folder.path}/{name}" if folder.path else name for name, _, _ in folder.files]
    for key, pattern in given:
        covers = Excludes((pattern,), root).covers
        if not any(covers(path) for path in paths):
            if os.path.lexists(os.path.join(root, pattern)):  # within what is left out by default, or no Python
                continue
            yield Given(key, pattern, "no folder or Python file")


def _source(config: Config, key: str, pattern: str) -> bool:
    """True where the project's own file gives the pattern: not the command line, a preset or a default."""
    return _place(config, Given(key, pattern, "")) is not None


def _place(config: Config, given: Given) -> Span | None:
    """Where the project's own configuration file gives a pattern; None where something else does.

    In the run of a scope only what the scope itself says counts: the rest belongs to the project's run.
    """
    item = None if split_key(given.key)[-1] == given.pattern else given.pattern
    scopes = [name for name, (_, prefix) in config.sources.items() if "scopes" in prefix]
    if scopes and not config.provenance.get(given.key, "").endswith(tuple(scopes)):
        return None
    file, line = where(config, given.key, item)
    if line is None or config.file is None or not _is_own(config, file):
        return None
    with open(config.file, encoding="utf-8", errors="replace") as text:
        written = text.read().splitlines()[line - 1 : line]
    column = written[0].find(given.pattern) + 1 if written else 0
    end = column + len(given.pattern) if column else 1
    return Span(Position(line, column or 1), Position(line, end))


def _is_own(config: Config, shown: str) -> bool:
    return os.path.normcase(os.path.abspath(shown)) == os.path.normcase(os.path.abspath(os.fspath(config.file or "")))


def _shown(config: Config) -> str:
    file = config.file
    if file is None:
        return ""
    try:
        return file.relative_to(config.root).as_posix()
    except ValueError:
        return file.as_posix()


CHECK = Check("stale-pattern", Options, run)
