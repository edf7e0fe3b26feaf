"""What callers use: a configuration in, a Report out; the pipeline is imported only where nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from obs_lint import remembered
from obs_lint.catalogue import load_catalogue
from obs_lint.config.model import Config, wanting
from obs_lint.discovery import Discovery, describe, locate, select, survey
from obs_lint.facts.cache import Cache
from obs_lint.report import Report


def run(
    config: Config,
    *,
    paths: Sequence[str] = (),
    cwd: str | None = None,
    overlay: Mapping[str, bytes] | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
    check_syntax: bool = False,
) -> Report:
    """Lint a project and return what there is to say.

    `paths` filter the report (files or folders, relative to `cwd`); names are resolved over the whole project all
    the same.
    `overlay` holds contents that stand for those on disk, by path relative to the root. Raises ConfigError or
    CatalogueError for
    a configuration or a rule that can't be used; nothing else.
    """
    import os
    import time

    started = time.time_ns()
    here = cwd or os.getcwd()
    config = _settled(config)
    cache = Cache(os.path.join(str(config.root), config.cache_dir) if use_cache else None)
    catalogue = load_catalogue(config, cache=use_cache)
    seen = survey(config, paths, here)
    key = None
    if use_cache and not overlay:
        key = remembered.key(config, catalogue, seen.signature(), (tuple(paths), here, check_syntax))
        if (report := remembered.recall(cache, key, seen.newest())) is not None:
            return report

    discovery = seen.discovery()
    selected, missing = select(discovery, config, paths, here)
    if overlay:
        discovery, selected, missing = _with_overlay(discovery, config, overlay, selected, missing, here)
    from obs_lint.facts.pool import Pool
    from obs_lint.facts.store import FactsStore
    from obs_lint.pipeline import Question, lint

    pool = Pool(jobs)
    try:
        store = FactsStore(discovery.files, pool, cache, overlay)
        report = lint(config, catalogue, discovery, store, cache, Question(selected, missing, check_syntax))
        store.finish()
    finally:
        pool.close()
    if key is not None and not store.unreadable:
        remembered.keep(cache, key, report, started)
    return replace(report, warnings=(*report.warnings, cache.warning)) if cache.warning else report


def _settled(config: Config) -> Config:
    """Give `logging` its default where a configuration says nothing of it; without one it is inferred."""
    if wanting(config):
        return config
    scopes = tuple(replace(scope, config=_settled(scope.config)) for scope in config.scopes)
    return replace(config, logging=config.logging or "facade", scopes=scopes)


def _with_overlay(
    discovery: Discovery,
    config: Config,
    overlay: Mapping[str, bytes],
    selected: frozenset[str] | None,
    missing: tuple[str, ...],
    cwd: str,
) -> tuple[Discovery, frozenset[str] | None, tuple[str, ...]]:
    """Add the files of an overlay that are not on the disk (an editor's new buffer)."""
    known = {file.path for file in discovery.files}
    new = [describe(discovery, config, path, str(config.root)) for path in overlay if path not in known]
    files = sorted((*discovery.files, *new), key=lambda file: file.path)
    given = {locate(path, cwd, str(config.root))[0]: path for path in missing}
    found = {given[path] for path in overlay if path in given}
    if selected is not None:
        selected |= {path for path in overlay if path in given}
    return replace(discovery, files=tuple(files)), selected, tuple(path for path in missing if path not in found)
