"""Which folders imports start from, and which dotted names a folder's modules get from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from obs_lint.file_tree import Folder
from obs_lint.patterns import glob

_GROUPS = ("apps", "components", "functions", "lambdas", "libs", "packages", "projects", "services", "workers")
"""Folders whose children are usually distributions or applications of their own."""


class Place(NamedTuple):
    """What the position of a folder says about the modules in it."""

    prefixes: tuple[str, ...]
    """What to put before a module's own name to get its dotted names; each is empty or ends with a dot."""
    symbol: str
    """The same for the name that output shows."""
    source_root: str
    """The innermost root that it lies in."""


def configured_roots(patterns: Iterable[str], folders: Sequence[Folder]) -> tuple[str, ...]:
    """Return the project's root and the folders that the globs name, those with Python files below; longest first."""
    matches: list[Callable[[str], object]] = []
    for pattern in patterns:
        pattern = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
        if pattern not in ("", "."):
            matches.append(glob(pattern).fullmatch)
    found = {""}
    for path in inhabited(folders):
        # A glob covers what is below a folder too; the root is the topmost folder that it covers.
        parent = path.rpartition("/")[0]
        if any(match(path) and not match(parent) for match in matches):
            found.add(path)
    return longest_first(found)


def infer_roots(
    folders: Sequence[Folder], roles_of: Callable[[str], Iterable[str]]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the roots of an ordinary layout, longest first, and of some the only folder whose files import from them.

    `roles_of` gives the path roles that everything below a folder has.

    Roots are the project's root; `src` folders; folders with a pyproject.toml, setup.cfg or setup.py; folders that hold
    a top-level package; and the children of folders such as `services` and `packages` that are no packages themselves.
    """
    packages = {folder.path for folder in folders if folder.is_package}
    packages.discard("")
    inside: dict[str, bool] = {"": False}
    found = {""}
    applications: set[str] = set()
    populated = inhabited(folders)
    for path in populated:
        parent, _, name = path.rpartition("/")
        is_package = path in packages
        parent_inside = inside[parent]
        inside[path] = parent_inside or is_package
        if is_package and not parent_inside:
            found.add(parent)
        if name == "src" and not (is_package and parent in packages):
            found.add(path)
        elif parent.endswith(_GROUPS) and parent.rpartition("/")[2] in _GROUPS and not parent_inside and not is_package:
            applications.add(path)
    for folder in folders:
        if folder.is_distribution and folder.path in populated:
            is_subpackage = folder.is_package and folder.path.rpartition("/")[0] in packages
            if not is_subpackage:
                found.add(folder.path)
    reach = {path: path for path in applications - found}
    found |= applications
    for path in found:
        if path and (area := _topmost_with_roles(path, roles_of)) is not None:
            reach[path] = area
    return longest_first(found), reach


def inhabited(folders: Iterable[Folder]) -> dict[str, None]:
    """Return every folder that has Python files in or below it, except the root; parents before their children."""
    found: dict[str, None] = {}
    for folder in folders:
        path = folder.path
        if not folder.files or not path or path in found:
            continue
        missing = []
        while path and path not in found:
            missing.append(path)
            path = path.rpartition("/")[0]
        for path in reversed(missing):
            found[path] = None
    return found


class Places:
    """Gives each folder its Place."""

    __slots__ = ("_chains", "_leaves_project", "_roots")

    def __init__(self, roots: Iterable[str]) -> None:
        """`roots`: paths of the source roots."""
        self._roots = frozenset(roots)
        self._leaves_project = any(is_outside(root) for root in self._roots)
        self._chains: dict[str, tuple[str, ...]] = {"": ("",)}

    def of(self, path: str) -> Place:
        """Return the Place of the folder `path`, relative to the project's root."""
        chain = self.roots_of(path)
        # Character by character, so that positions in the path are positions in the dotted name.
        dotted = path.replace(".", "_").replace("/", ".") + "." if path else ""
        prefixes = [dotted[len(root) + 1 :] if root else dotted for root in chain]
        if self._leaves_project and is_outside(path):
            # Only roots of its own give names to what lies outside of the project.
            del prefixes[0]
        symbol = prefixes[0]
        if "src" in path:
            symbol = "." + symbol
            while ".src." in symbol:
                symbol = symbol.replace(".src.", ".")
            symbol = symbol[1:]
            prefixes.insert(1, symbol)
        if len(prefixes) == 1:
            return Place((symbol,), symbol, chain[-1])
        return Place(tuple(dict.fromkeys(prefixes)), symbol, chain[-1])

    def roots_of(self, path: str) -> tuple[str, ...]:
        """Return the source roots that hold the folder `path` or are it, outermost first."""
        chains = self._chains
        todo: list[str] = []
        while path not in chains:
            todo.append(path)
            path = path.rpartition("/")[0]
        chain = chains[path]
        for path in reversed(todo):
            if path in self._roots:
                chain = (*chain, path)
            chains[path] = chain
        return chain


def is_outside(path: str) -> bool:
    """True for the path, relative to the project's root, of something that is not below it."""
    return path.startswith(("../", "/")) or path == ".." or (os.sep != "/" and os.path.isabs(path))


def _topmost_with_roles(path: str, roles_of: Callable[[str], Iterable[str]]) -> str | None:
    if not roles_of(path):
        return None
    while (parent := path.rpartition("/")[0]) and roles_of(parent):
        path = parent
    return path


def longest_first(paths: Iterable[str]) -> tuple[str, ...]:
    """Sort source roots: the innermost of those that hold a path comes first, the project's root last."""
    return tuple(sorted(paths, key=lambda path: (-len(path), path)))
