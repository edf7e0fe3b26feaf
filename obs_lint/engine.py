"""What callers use: a configuration in, a Report out; the pipeline is imported only where nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from obs_lint import remembered
from obs_lint.catalogue import Catalogue, load_catalogue
from obs_lint.config.model import Config, wanting
from obs_lint.discovery import Discovery, describe, lies_in, locate, select, survey
from obs_lint.facts.cache import Cache
from obs_lint.report import Report


def run(
    config: Config,
    *,
    paths: Sequence[str] = (),
    cwd: str | None = None,
    overlay: Mapping[str, bytes | None] | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
    check_syntax: bool = False,
    use_baseline: bool = True,
) -> Report:
    """Lint a project and return what there is to say.

    `paths` filter the report (files or folders, relative to `cwd`); names are resolved over the whole project all
    the same.
    `overlay` holds contents that stand for those on disk, by path relative to the root; None for a file that is to be
    taken as absent. `use_baseline`: whether what the baseline knows is left out. Raises ConfigError or CatalogueError
    for a configuration or a rule that can't be used; nothing else.
    """
    import os
    import time

    started = time.time_ns()
    here = cwd or os.getcwd()
    config = _settled(config)
    cache = Cache(os.path.join(str(config.root), config.cache_dir) if use_cache else None)
    catalogue = load_catalogue(config, cache=use_cache)
    seen = survey(config, paths, here)

    def finished(report: Report) -> Report:
        return _without_known(report, catalogue, paths, here) if use_baseline else report

    key = None
    if use_cache and not overlay:
        key = remembered.key(config, catalogue, seen.signature(), (tuple(paths), here, check_syntax))
        if (report := remembered.recall(cache, key, seen.newest())) is not None:
            return finished(report)

    discovery = seen.discovery()
    selected, missing = select(discovery, config, paths, here)
    if overlay:
        discovery, selected, missing = _with_overlay(discovery, config, overlay, selected, missing, here)
    contents = {path: data for path, data in (overlay or {}).items() if data is not None}
    from obs_lint.facts.pool import Pool
    from obs_lint.facts.store import FactsStore
    from obs_lint.pipeline import Question, lint

    pool = Pool(jobs)
    try:
        store = FactsStore(discovery.files, pool, cache, contents)
        report = lint(config, catalogue, discovery, store, cache, Question(selected, missing, check_syntax))
        store.finish()
    finally:
        pool.close()
    crashed = any(failure.code == "internal" for failure in report.failures)
    if key is not None and not store.unreadable and not crashed:
        remembered.keep(cache, key, report, started)
    if cache.warning:
        report = replace(report, warnings=(*report.warnings, cache.warning))
    return finished(report)


def _without_known(report: Report, catalogue: Catalogue, paths: Sequence[str], cwd: str) -> Report:
    """Leave out what the baseline knows, if there is one."""
    import os

    root, file = str(catalogue.config.root), catalogue.config.baseline
    if not os.path.lexists(os.path.join(root, file)):
        return report
    from obs_lint.baseline.application import apply_baseline

    given = [locate(path, cwd, root)[0] for path in paths]

    return apply_baseline(report, file, catalogue, lambda path: not given or lies_in(path, given))


def _settled(config: Config) -> Config:
    """Give `logging` its default where a configuration says nothing of it; without one it is inferred."""
    if wanting(config):
        return config
    scopes = tuple(replace(scope, config=_settled(scope.config)) for scope in config.scopes)
    return replace(config, logging=config.logging or "facade", scopes=scopes)


def _with_overlay(
    discovery: Discovery,
    config: Config,
    overlay: Mapping[str, bytes | None],
    selected: frozenset[str] | None,
    missing: tuple[str, ...],
    cwd: str,
) -> tuple[Discovery, frozenset[str] | None, tuple[str, ...]]:
    """Add the files of an overlay that are not on the disk (an editor's new buffer), take out those that are absent."""
    absent = {path for path, data in overlay.items() if data is None}
    overlay = {path: data for path, data in overlay.items() if data is not None}
    known = {file.path for file in discovery.files}
    new = [describe(discovery, config, path, str(config.root)) for path in overlay if path not in known]
    here = [file for file in discovery.files if file.path not in absent] if absent else discovery.files
    files = sorted((*here, *new), key=lambda file: file.path)
    given = {locate(path, cwd, str(config.root))[0]: path for path in missing}
    found = {given[path] for path in overlay if path in given}
    if selected is not None:
        selected |= {path for path in overlay if path in given}
    return replace(discovery, files=tuple(files)), selected, tuple(path for path in missing if path not in found)
