"""What is new since a revision: the tree as it was then is linted too, and fingerprints are compared."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from obs_lint import engine, remembered
from obs_lint.baseline.comparison import compare, entries_of
from obs_lint.baseline.document import Entry
from obs_lint.catalogue import load_catalogue
from obs_lint.config.errors import ConfigError
from obs_lint.config.model import Config
from obs_lint.discovery import left_out, lies_in, locate
from obs_lint.facts.cache import Cache
from obs_lint.file_tree import SUFFIXES
from obs_lint.report import Report
from obs_lint.revision import RevisionError, changed_since, contents_before, laid_out, tree_of


def new_since(
    report: Report,
    revision: str,
    config: Config,
    *,
    paths: Sequence[str] = (),
    cwd: str | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
) -> Report:
    """Return a Report with those Diagnostics that the tree at `revision` does not have.

    Both trees are linted with today's configuration, so that switching on a rule makes nothing new. Its `summary`
    says how many were known, and how many are gone. A tree that can't be linted in this way (the surface did not exist
    then, say) counts as one without findings, and a warning says so. Raises RevisionError.
    """
    root = os.fspath(config.root)
    try:
        was, problem = _at(revision, report, config, use_cache=use_cache, jobs=jobs)
    except ConfigError as error:
        warning = f"{revision} can't be linted with this configuration, so that every finding counts as new: {error}"
        return replace(report, warnings=(*report.warnings, warning))
    if paths:
        given = [locate(path, cwd or os.getcwd(), root)[0] for path in paths]
        was = tuple(entry for entry in was if lies_in(entry.path, given))
    compared = _compared(report, was, root)
    return replace(compared, warnings=(*compared.warnings, problem)) if problem else compared


def _at(
    revision: str, report: Report, config: Config, *, use_cache: bool, jobs: int | None
) -> tuple[tuple[Entry, ...], str]:
    """Return what the tree at a revision has, and what is to be said of what could not be analysed, "" for nothing.

    Remembered by the content of the tree, since that never changes; not where something could not be analysed.
    """
    root = os.fspath(config.root)
    catalogue = load_catalogue(config, cache=use_cache)
    cache = Cache(os.path.join(root, config.cache_dir) if use_cache else None)
    key = remembered.key(config, catalogue, tree_of(root, revision), "tree")
    stored = cache.load("tree-" + key[:16])
    if isinstance(stored, tuple) and len(stored) == 2 and stored[0] == key:
        return tuple(Entry(*entry) for entry in stored[1]), ""
    changed = changed_since(root, revision)
    if _reaches(changed, report, config):
        with laid_out(root, revision, lambda path: True) as folder:
            was = engine.run(_moved(config, Path(folder)), cwd=folder, use_cache=False, jobs=jobs, use_baseline=False)
    else:
        excluded = left_out(config)
        sources = {path: blob for path, blob in changed.items() if path.endswith(SUFFIXES) and not excluded(path)}
        before = contents_before(root, sources)
        was = engine.run(config, cwd=root, overlay=before or None, use_cache=use_cache, jobs=jobs, use_baseline=False)
    problem = ""
    if was.failures:
        first = was.failures[0]
        more = f" and {len(was.failures) - 1} more" if len(was.failures) > 1 else ""
        problem = (
            f"at {revision}, {first.path} could not be analysed ({first.message}){more}: what is in it counts as new"
        )
    entries = entries_of(was.diagnostics)
    if not problem:
        cache.save("tree-" + key[:16], (key, [tuple(entry) for entry in entries]))
        cache.keep_newest("tree-", 12)
    return entries, problem


def _compared(report: Report, was: Sequence[Entry], root: str) -> Report:
    """Keep what `was` does not have; what the baseline lists counts as there, and is never new."""
    now = (*report.diagnostics, *report.known)
    result = compare(now, was, lambda path: os.path.lexists(os.path.join(root, path)))
    left = {id(d) for d in report.diagnostics}
    new = tuple(d for d in result.new if id(d) in left)
    codes = {d.code for d in now}
    added = {id(d) for d in new}
    known = tuple(d for d in now if id(d) not in added)
    return replace(
        report,
        diagnostics=new,
        known=known,
        rules={code: entry for code, entry in report.rules.items() if code in codes},
        summary=report.summary._replace(baselined=len(known), gone=len(result.gone)),
    )


def _reaches(changed: Iterable[str], report: Report, config: Config) -> bool:
    """True where something changed that findings depend on beside sources: a registry, a preset, a team's rules."""
    root = os.fspath(config.root)
    inputs = [path for path in report.inputs if path]
    inputs += [os.path.join(root, path) for path in config.rule_paths]
    for path in changed:
        if not path.endswith(SUFFIXES):
            absolute = os.path.join(root, path)
            if any(absolute == name or absolute.startswith(name.rstrip(os.sep) + os.sep) for name in inputs):
                return True
    return False


def _moved(config: Config, folder: Path) -> Config:
    """The same configuration for another folder; installed packages stay where they are."""
    environment = os.path.join(str(config.root), config.environment) if config.environment else config.environment
    scopes = tuple(replace(scope, config=_moved(scope.config, folder)) for scope in config.scopes)
    return replace(config, root=folder, scopes=scopes, environment=environment)


__all__ = ["RevisionError", "new_since"]
