"""pre-commit splits files over processes, and some of its hooks delete comments that they do not know."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from obs_lint.integrations.doctor.obstacle import Document, Obstacle, Repository, mapping, sequence, strings

_RUNS_US = re.compile(r"\bobs[-_]lint\s+check\b")


def examine(repository: Repository) -> Iterator[Obstacle]:
    """Yield what is wrong with hooks in `.pre-commit-config.yaml`."""
    document = repository.yaml(os.path.join(repository.top, ".pre-commit-config.yaml"))
    if document is None:
        return
    for number, repo in enumerate(sequence(mapping(document.data).get("repos"))):
        for index, hook in enumerate(sequence(mapping(repo).get("hooks"))):
            if isinstance(hook, dict):
                line = document.line("repos", number, "hooks", index)
                yield from _of_yesqa(document, hook, line)
                yield from _of_ours(document, mapping(repo), hook, line)


def _of_yesqa(document: Document, hook: dict[str, Any], line: int) -> Iterator[Obstacle]:
    if hook.get("id") != "yesqa":
        return
    if any(re.match(r"obs[-_]lint\b", name) for name in strings(hook.get("additional_dependencies"))):
        return
    yield Obstacle(
        "yesqa",
        document.path,
        line,
        "yesqa deletes `# noqa: OBS…` comments: the flake8 that it asks does not know these codes",
        "write `# obs: ignore[…]`, which it leaves alone, or add obs-lint to the hook's additional_dependencies",
    )


def _of_ours(document: Document, repo: dict[str, Any], hook: dict[str, Any], line: int) -> Iterator[Obstacle]:
    name, entry = str(hook.get("id", "")), str(hook.get("entry", ""))
    local = repo.get("repo") == "local"
    if name not in ("obs-lint", "obs-lint-project") and not _RUNS_US.search(entry):
        return
    takes_files = _flag(hook, "pass_filenames", default=name != "obs-lint-project" or local)
    serial = _flag(hook, "require_serial", default=not local)
    if takes_files and not serial:
        yield Obstacle(
            "pre-commit-batches",
            document.path,
            line,
            f"the hook {name} is given the files in batches, in processes that run at once: each looks at the whole "
            "project anew, and the report comes in pieces",
            "require_serial: true, or pass_filenames: false for the whole project",
        )
    stages = strings(hook.get("stages"))
    if stages == ["manual"]:
        yield Obstacle(
            "pre-commit-manual",
            document.path,
            line,
            f"the hook {name} has `stages: [manual]`: neither a commit nor CI runs it unless it is asked for",
            "take `stages` away, or name pre-commit or pre-push there",
        )
    if "--exit-zero" in [*sequence(hook.get("args")), *entry.split()] or re.search(r"\|\|\s*(true|:)", entry):
        yield Obstacle(
            "exit-code-dropped",
            document.path,
            line,
            f"the hook {name} succeeds whatever is found",
            "take --exit-zero or `|| true` away; `obs-lint baseline create` leaves out what is there today",
        )


def _flag(hook: dict[str, Any], key: str, *, default: bool) -> bool:
    return str(hook[key]).lower() in ("true", "yes", "on") if key in hook else default
