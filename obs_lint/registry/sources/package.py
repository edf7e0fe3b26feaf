"""A registry that an installed package brings along: `package:name` or `package:name/path`. Nothing is imported."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from typing import Any

from obs_lint.config.extends import NotFoundError, package_folders
from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Place, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader

LOCK = "obs-registry.lock.json"
_LOCK_ENDING = ".lock.json"
_INDEXES = ("obs-registry.yaml", "obs-registry.yml")


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read the lock, else the index, in a package's folder or at the path in it that is named. Raises RegistryError."""
    name, _, inner = source.source.removeprefix("package:").strip().partition("/")
    try:
        folders = package_folders(name, reader.root, reader.environment)
    except NotFoundError as error:
        raise _unusable(f"`{name}` {error.message}", error.hint) from None
    if not folders:
        raise _unusable(f"`{name}` is a module, not a package", "a registry lies in a package's folder")
    searched = []
    for folder in folders:
        path = os.path.normpath(os.path.join(folder, inner))
        if not _is_below(path, folder):
            raise _unusable(f"`{inner}` leads out of the package `{name}`")
        inside = reader.inside(os.path.abspath(folder))
        found = path if os.path.isfile(path) else _registry_in(path, inside, source.source)
        if found:
            return _read(source, found, inside)
        searched.append(reader.shown(path))
    what = f"there is no `{inner}` with a registry in it" if inner else "there is no registry in it"
    raise _unusable(
        f"{what}; looked in {', '.join(searched)}",
        f"a package brings {LOCK} or {_INDEXES[0]}; another path is written package:{name}/path",
    )


def _read(source: RegistrySource, path: str, inside: Reader) -> Registry:
    module: Any
    if path.endswith(".json"):
        kind, module = "lock:", import_module("obs_lint.registry.lock")
    elif path.endswith((".yaml", ".yml")):
        kind, module = "", import_module("obs_lint.registry.index")
    else:
        shown = inside.shown(path)
        raise RegistryError(
            (
                Problem(
                    "registry", f"`{shown}` is neither a lock (.json) nor an index (.yaml)", Place(shown), fatal=True
                ),
            )
        )
    registry: Registry = module.read(replace(source, source=kind + path), inside)
    return replace(
        registry,
        source=source.source,
        events=tuple(replace(event, source=source.source) for event in registry.events),
    )


def _registry_in(folder: str, inside: Reader, source: str) -> str:
    """Return the registry's file in a folder, "" where there is none. Raises RegistryError where it can't be told."""
    names = inside.listed(folder)
    locks = [name for name in names if name.endswith(_LOCK_ENDING)]
    for name in (LOCK, *(locks if len(locks) == 1 else ()), *_INDEXES):
        if name in names:
            return os.path.join(folder, name)
    if locks:
        raise _unusable(f"{', '.join(locks)}: it can't be told which is meant", f"name one: {source}/{locks[0]}")
    return ""


def _is_below(path: str, folder: str) -> bool:
    real, base = os.path.realpath(path), os.path.realpath(folder)
    return real == base or real.startswith(base.rstrip(os.sep) + os.sep)


def _unusable(message: str, help: str = "") -> RegistryError:  # noqa: A002
    return RegistryError((Problem("registry", message, Place(""), help, fatal=True),))
