"""Which files the registries of a project are compiled into, and whether those are what they would be now."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os.path import isabs

from obs_lint.config.model import RegistrySource
from obs_lint.registry.lock import DEFAULT_NAME
from obs_lint.registry.sources import kind_of

_MOST_NAMED = 3


def index_of(sources: Iterable[RegistrySource]) -> str:
    """Return the first index that the project itself has, its own before a copy; "" where there is none."""
    own = [source for source in sources if kind_of(source.source) == "" and not isabs(source.source)]
    return next((source.source for source in sorted(own, key=lambda source: source.mirror)), "")


def lock_path(sources: Iterable[RegistrySource]) -> str:
    """Return where the lock of these sources is: beside their first index, in the root where there is none."""
    index = index_of(sources)
    return re.sub(r"\.(ya?ml|json)$", "", index) + ".lock.json" if index else DEFAULT_NAME


def staleness(path: str, text: str, data: bytes | None) -> str:
    """Say how a lock differs from `text`, which it should hold; "" where it does not.

    `data` is None where the lock is missing.
    """
    if data is None:
        return f"`{path}` is missing"
    found = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if found == text.encode():
        return ""
    from json import loads

    expected = loads(text)
    try:
        document = loads(found)
        before, after = dict(document["events"]), expected["events"]
        sources = document["sources"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"`{path}` is damaged: it is not what `registry build` writes"
    parts = [
        said
        for said in (
            _listed("is new", "are new", (name for name in after if name not in before)),
            _listed("is gone", "are gone", (name for name in before if name not in after)),
            _listed("differs", "differ", (name for name in after if name in before and before[name] != after[name])),
        )
        if said
    ]
    if sources != expected["sources"]:
        parts.append("what is declared beside events differs")
    if not parts:
        return f"`{path}` was edited: it is not as `registry build` writes it"
    return f"`{path}` is stale: {'; '.join(parts)}"


def _listed(one: str, many: str, names: Iterable[str]) -> str:
    known = sorted(names)
    if not known:
        return ""
    shown = ", ".join(f"`{name}`" for name in known[:_MOST_NAMED])
    rest = len(known) - _MOST_NAMED
    return f"{shown}{f' and {rest} more' if rest > 0 else ''} {one if len(known) == 1 else many}"
