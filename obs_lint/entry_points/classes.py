"""First-party classes that descend, over any number of files, from what one is looking for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from obs_lint.project import Project

_MAX_HOLDERS = 5_000
"""Files into which one class may be followed."""


def holders(project: Project, path: str, name: str) -> tuple[str, ...]:
    """Return the files, tests apart, in which the module's `name` may be bound, over re-exports."""
    found = project.modules.holders(path, name, _MAX_HOLDERS) or ()
    return tuple([other for other in found if "tests" not in project.files[other].roles])


def descendants(
    project: Project, start: Iterable[str], is_base: Callable[[tuple[str, int] | str], bool]
) -> Iterator[tuple[str, int]]:
    """Yield (path, index) of the classes one of whose ancestors, itself included, is a base.

    Looked at are the files of `start`, and from a class that is found those into which it is imported.
    """
    todo = list(start)
    seen: set[str] = set()
    while todo:
        project.prefetch([path for path in todo if path not in seen])
        batch, todo = todo, []
        for path in batch:
            if path in seen:
                continue
            seen.add(path)
            facts = project.facts(path)
            for index, row in enumerate(facts.classes if facts is not None else ()):
                if any(is_base(ancestor) for ancestor in project.ancestors(path, index)):
                    yield path, index
                    if facts is not None and facts.scopes[row.parent].kind == "module":
                        todo += [other for other in holders(project, path, row.name) if other not in seen]
