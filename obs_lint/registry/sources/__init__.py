"""Sources of events that are data: one module a kind, each a function from a configured source to a Registry."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Registry
from obs_lint.registry.reader import Reader

_KINDS = {
    "": "obs_lint.registry.index",
    "lock": "obs_lint.registry.lock",
    "package": "obs_lint.registry.sources.package",
    "schemas": "obs_lint.registry.sources.schemas",
    "weaver": "obs_lint.registry.sources.weaver",
    "yaml": "obs_lint.registry.sources.names",
}
"""Kind → module with `read(source, reader) -> Registry`; "" for a path to an index."""


def kind_of(source: str) -> str:
    """Return the kind of a configured source: python, schemas, yaml, lock, package, weaver; "" for a path."""
    kind, colon, _ = source.partition(":")
    return kind if colon and (kind in _KINDS or kind == "python") else ""


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read a source of any kind but `python:`. Raises RegistryError."""
    module = import_module(_KINDS[kind_of(source.source)])
    return cast("Callable[[RegistrySource, Reader], Registry]", module.read)(source, reader)
