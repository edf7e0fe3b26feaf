"""obs-lint's own files: two configurations, a baseline that git does not have, a cache that it does."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_lint.integrations.doctor.obstacle import Obstacle, Repository, mapping


def examine(repository: Repository) -> Iterator[Obstacle]:
    """Yield what is wrong with configuration, baseline, cache and environment."""
    yield from _of_configuration(repository)
    yield from _of_baseline(repository)
    yield from _of_cache(repository)
    yield from _of_environment(repository)


def _of_configuration(repository: Repository) -> Iterator[Obstacle]:
    used = os.fspath(repository.config.file) if repository.config.file is not None else ""
    for folder in repository.folders:
        own = os.path.join(folder, "obs-lint.toml")
        project = os.path.join(folder, "pyproject.toml")
        text = repository.text(project)
        document = repository.toml(project) if text is not None and "obs-lint" in text else None
        has_table = document is not None and "obs-lint" in mapping(document.data.get("tool"))
        if document is not None and has_table and os.path.isfile(own):
            yield Obstacle(
                "two-configurations",
                document.path,
                document.line("tool", "obs-lint"),
                "[tool.obs-lint] stands beside an obs-lint.toml, which alone is read",
                "keep one of the two",
            )
        inner = folder != repository.root and folder.startswith(repository.root.rstrip(os.sep) + os.sep)
        if inner and used and (has_table or os.path.isfile(own)):
            found = own if os.path.isfile(own) else project
            line = document.line("tool", "obs-lint") if document is not None and found == project else 1
            if _is_excluded(repository, folder):
                continue
            yield Obstacle(
                "inner-configuration",
                repository.shown(found),
                line,
                f"a run in the project's root does not read it: {repository.shown(used)} holds for these files too",
                "make it a [[tool.obs-lint.scopes]] of the root's configuration, or exclude the folder there",
            )


def _is_excluded(repository: Repository, folder: str) -> bool:
    start = folder.rstrip(os.sep) + os.sep
    return not any(file.absolute.startswith(start) for file in repository.discovery.files)


def _of_baseline(repository: Repository) -> Iterator[Obstacle]:
    from obs_lint.baseline.document import BaselineError, read

    path = os.path.join(repository.root, repository.config.baseline)
    if not os.path.lexists(path):
        return
    shown = repository.shown(path)
    try:
        read(path)
    except BaselineError as error:
        yield Obstacle("baseline-broken", shown, error.line, str(error), "mend it: until then every run ends with 2")
    if repository.git("rev-parse", "--is-inside-work-tree") is None:
        return
    if repository.git("ls-files", "--error-unmatch", "--", path) is None:
        ignored = repository.git("check-ignore", "-q", "--", path) is not None
        yield Obstacle(
            "baseline-untracked",
            shown,
            1,
            f"git {'ignores' if ignored else 'does not have'} the baseline: CI reports what is known here",
            f"{'take it out of .gitignore, then ' if ignored else ''}git add {shown}",
        )


def _of_cache(repository: Repository) -> Iterator[Obstacle]:
    folder = os.path.join(repository.root, repository.config.cache_dir)
    shown = repository.shown(folder)
    if repository.git("ls-files", "--", folder):
        yield Obstacle(
            "cache-tracked",
            shown,
            1,
            "git has files of the cache: they change with every run, and merges break them",
            f"git rm -r --cached {shown}; then add {shown}/ to .gitignore",
        )
    elif os.path.isdir(folder) and repository.git("rev-parse", "--is-inside-work-tree") is not None:
        if repository.git("check-ignore", "-q", "--", os.path.join(folder, "run")) is None:
            yield Obstacle(
                "cache-not-ignored", shown, 1, "git does not ignore the cache", f"add {shown}/ to .gitignore"
            )


def _of_environment(repository: Repository) -> Iterator[Obstacle]:
    from obs_lint.config import where
    from obs_lint.config.extends import NotFoundError, package_folders

    config = repository.config
    file = repository.shown(os.fspath(config.file)) if config.file is not None else "."
    if config.environment and not os.path.isdir(os.path.join(repository.root, config.environment)):
        yield Obstacle(
            "environment-missing",
            file,
            where(config, "environment")[1] or 1,
            f"`environment` is {config.environment}, which does not exist: what packages declare is unknown",
            "make the environment and install the project into it before obs-lint runs",
        )
        return
    for part in (config, *(scope.config for scope in config.scopes)):
        for source in part.registry:
            if not source.source.startswith("package:"):
                continue
            name = source.source.removeprefix("package:").strip().partition("/")[0]
            try:
                package_folders(name, repository.root, part.environment)
            except NotFoundError as error:
                yield Obstacle(
                    "environment-missing",
                    file,
                    where(config, "registry")[1] or 1,
                    f"the registry {source.source} can't be read: `{name}` {error.message}",
                    error.hint or "install the package, and say where with `environment`",
                )
