"""Many modules as a few packages: the largest are opened as long as there is room."""

from __future__ import annotations

from collections.abc import Mapping

PROJECT = "(project)"
"""What is no Python and lies in no folder."""


def module_of(path: str) -> str:
    """Return the dotted name that a path is shown by: from the project's root, without `src` and suffix.

    What is no Python belongs to the package of its folder.
    """
    folder, _, name = path.rpartition("/")
    parts = [part.replace(".", "_") for part in folder.split("/") if part not in ("", "src")]
    stem, dot, suffix = name.rpartition(".")
    if dot and suffix in ("py", "pyi", "ipynb") and (stem != "__init__" or not parts):
        parts.append(stem.replace(".", "_"))
    return ".".join(parts) or PROJECT


def grouped(weights: Mapping[str, int], most: int) -> dict[str, str]:
    """Return module → package, of at most `most` packages; each module is its package or lies below it.

    `weights` says how much each module (dotted) counts. The heaviest package is split as long as the parts fit. Where
    even the topmost packages are too many, the lightest share the group "", which is one of `most`.
    """
    split = {module: module.split(".") for module in weights}
    groups: dict[str, list[str]] = {}
    for module in sorted(weights):
        groups.setdefault(split[module][0], []).append(module)
    total = {name: sum(weights[module] for module in members) for name, members in groups.items()}
    if len(groups) > most:
        kept = sorted(groups, key=lambda name: (-total[name], name))[: most - 1]
        return {module: split[module][0] if split[module][0] in kept else "" for module in weights}
    final: set[str] = set()
    while open_ := [name for name in groups if name not in final]:
        name = min(open_, key=lambda name: (-total[name], name))
        depth = name.count(".") + 1
        parts: dict[str, list[str]] = {}
        for module in groups[name]:
            parts.setdefault(".".join(split[module][: depth + 1]), []).append(module)
        if len(groups) - 1 + len(parts) > most or parts.keys() == {name}:
            final.add(name)
            continue
        del groups[name], total[name]
        for part, members in parts.items():
            groups[part] = members
            total[part] = sum(weights[module] for module in members)
            if part == name:  # the package's own module, beside those below it
                final.add(part)
    return {module: name for name, members in groups.items() for module in members}
