"""A project opened for questions: what commands need that ask about a codebase and do not lint it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from obs_lint.config.model import Config
from obs_lint.discovery import discover
from obs_lint.facts.cache import Cache
from obs_lint.facts.model import Anchor
from obs_lint.facts.pool import Pool
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project
from obs_lint.references import require


@contextmanager
def opened(
    config: Config, *, anchors: tuple[Anchor, ...] = (), use_cache: bool = True, jobs: int | None = None
) -> Iterator[tuple[Project, FactsStore]]:
    """Discover and scan the configured project; what is learned goes to the cache when the block ends.

    `anchors` are what will be asked for with `Project.matching`. Raises ConfigError where the configuration names what
    does not exist.
    """
    cache = Cache(os.path.join(str(config.root), config.cache_dir) if use_cache else None)
    discovery = discover(config)
    pool = Pool(jobs)
    try:
        store = FactsStore(discovery.files, pool, cache)
        store.scan(Profile((), True, False, tuple(dict.fromkeys(anchors))))
        require(config, discovery, store)
        yield Project(discovery, store, cache), store
        store.finish()
    finally:
        pool.close()
