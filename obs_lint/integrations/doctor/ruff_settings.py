"""ruff deletes or rewrites `# noqa: OBS…` where certain rules are selected and `external` does not name OBS."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_lint.integrations.doctor.obstacle import Document, Obstacle, Repository, mapping, strings

_FILES = ("ruff.toml", ".ruff.toml", "pyproject.toml")
_DELETING = ("RUF100", "RUF102")
"""RUF100 deleted unknown codes in the versions of ruff before RUF102 was stable."""
_REWRITING = "RUF105"
"""In preview: `# noqa` becomes `# ruff: ignore[…]`, which means nothing to others."""


def examine(repository: Repository) -> Iterator[Obstacle]:
    """Yield one obstacle for each configuration of ruff that selects what deletes our codes."""
    for folder in repository.folders:
        for name in _FILES:
            found = _settings(repository, os.path.join(folder, name))
            if found is not None:
                yield from _judged(repository, *found)
                break


def _settings(repository: Repository, path: str) -> tuple[Document, tuple[str, ...]] | None:
    """The document and the keys that lead to ruff's settings in it; None where it has none."""
    document = repository.toml(path)
    if document is None:
        return None
    if os.path.basename(path) != "pyproject.toml":
        return document, ()
    return (document, ("tool", "ruff")) if "ruff" in mapping(document.data.get("tool")) else None


def _judged(repository: Repository, document: Document, at: tuple[str, ...]) -> Iterator[Obstacle]:
    values = _inherited(repository, document, at, frozenset())
    selected = [*strings(values.get("select")), *strings(values.get("extend-select"))]
    ignored = strings(values.get("ignore"))
    external = strings(values.get("external"))
    lacking = [prefix for prefix in repository.prefixes if not _covers(external, prefix, repository.codes)]
    managing = (*_DELETING, _REWRITING) if values.get("preview") is True else _DELETING
    active = [rule for rule in managing if _is_on(rule, selected, ignored)]
    if not lacking or not active:
        return
    own = document.data
    for key in at:
        own = own[key]
    keys: list[str] = [*at]
    if "lint" in own:
        keys.append("lint")
    keys += [key for key in ("external", "select", "extend-select") if key in mapping(own.get("lint", own))][:1]
    where = f"[{'.'.join((*at, 'lint'))}]"
    listed = ", ".join(f'"{name}"' for name in (*external, *lacking))
    yield Obstacle(
        "ruff-external",
        document.path,
        document.line(*keys),
        f"{_listed(active)} {'is' if len(active) == 1 else 'are'} selected and `external` does not name "
        f"{', '.join(lacking)}: `ruff check --fix` {_does(active)} `# noqa: {lacking[0]}…` comments",
        f"under {where}: external = [{listed}]; ruff never touches `# obs: ignore[…]`",
    )


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _does(active: list[str]) -> str:
    if active == ["RUF100"]:
        return "in older versions deletes"
    return "rewrites" if active == [_REWRITING] else "deletes"


def _inherited(
    repository: Repository, document: Document, at: tuple[str, ...], seen: frozenset[str]
) -> dict[str, object]:
    """What is set under `lint` or, as in older versions, beside it, laid over what the file extends."""
    own = document.data
    for key in at:
        own = own[key]
    own = mapping(own)
    values: dict[str, object] = {}
    base = own.get("extend")
    if isinstance(base, str):
        folder = os.path.dirname(os.path.join(repository.root, document.path))
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(base)))
        if path not in seen and (found := _settings(repository, path)) is not None:
            values = _inherited(repository, *found, seen | {path})
    for source in (own, mapping(own.get("lint"))):
        for key in ("select", "extend-select", "ignore", "external", "preview"):
            if key in source:
                values[key] = source[key]
    return values


def _covers(external: list[str], prefix: str, codes: tuple[str, ...]) -> bool:
    mine = [code for code in codes if code.startswith(prefix)]
    return all(code.startswith(tuple(filter(None, external))) for code in mine)


def _is_on(rule: str, selected: list[str], ignored: list[str]) -> bool:
    """As in ruff: the longer selector wins, `ALL` is the shortest; `ignore` wins over `select` of the same length."""

    def longest(selectors: list[str]) -> int:
        lengths = [0 if each == "ALL" else len(each) for each in selectors if each == "ALL" or rule.startswith(each)]
        return max(lengths, default=-1)

    return longest(selected) > longest(ignored)
