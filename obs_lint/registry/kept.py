"""Registries read before: kept in the cache for as long as none of their files changes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from obs_lint.config.model import RegistrySource
from obs_lint.digests import blake2b
from obs_lint.facts.cache import Cache, key_of
from obs_lint.registry.model import Registry
from obs_lint.registry.reader import Reader, listing
from obs_lint.registry.sources import read as read_source

_FORMAT = 2
"""Raise it when the meaning of what is kept changes."""


def state(path: str) -> str:
    """Return what a file holds or a folder lists, as a digest; "" where there is neither."""
    try:
        with open(path, "rb") as stream:
            return _digest(stream.read())
    except OSError:
        pass
    try:
        return _digest(listing(os.listdir(path)))
    except OSError:
        return ""


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def unchanged(inputs: Iterable[tuple[str, str]]) -> bool:
    """True where every (path, state) is as it was."""
    return all(state(path) == known for path, known in inputs)


def read(source: RegistrySource, reader: Reader, cache: Cache) -> Registry:
    """Read a source, or take it from the cache. `reader` is asked for nothing else. Raises RegistryError."""
    name = "registry-" + key_of(_FORMAT, reader.root, reader.environment, source)
    if cache.enabled:
        from obs_lint.registry.plain import registry_of

        known = cache.load(name)
        if isinstance(known, tuple) and len(known) == 2 and unchanged(known[0]):
            return replace(registry_of(known[1]), inputs=tuple(path for path, _ in known[0]))
    registry = replace(read_source(source, reader), inputs=reader.inputs)
    if cache.enabled and registry.inputs:
        from obs_lint.registry.plain import plain

        seen = tuple((path, "" if content is None else _digest(content)) for path, content in reader.contents())
        cache.save(name, (seen, plain(registry)))
        cache.keep_newest("registry-", 24)
    return registry
