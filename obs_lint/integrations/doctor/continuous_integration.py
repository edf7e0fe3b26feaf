"""CI in which a finding fails nothing, or in which there is no history to compare with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from obs_lint.integrations.doctor.obstacle import Document, Obstacle, Repository, mapping, sequence, strings

_RUNS_US = re.compile(r"\bobs[-_]lint\s+check\b")
_ACTION = re.compile(r"(?:^|/)obs-lint(?:@|$)")
_DROPPED = re.compile(r"\|\|\s*(?:true|:|exit\s+0|echo)\b|\|\|\s*:|;\s*true\s*$|--exit-zero\b")
_PIPED = re.compile(r"(?<![|>])\|(?![|&])|\|&")
_OTHERS = (
    ".gitlab-ci.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    ".circleci/config.yml",
    "Jenkinsfile",
    "Makefile",
    "GNUmakefile",
    "justfile",
    "Justfile",
    "Taskfile.yml",
    "tox.ini",
    "noxfile.py",
    "package.json",
    "pyproject.toml",
)
_KEEP = "let its exit code fail the job; `obs-lint baseline create` leaves out what is there today"


def examine(repository: Repository) -> Iterator[Obstacle]:
    """Yield what is wrong in GitHub's workflows, and in other files that run obs-lint."""
    folder = os.path.join(repository.top, ".github", "workflows")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith((".yml", ".yaml")):
            document = repository.yaml(os.path.join(folder, name))
            if document is not None:
                yield from _of_workflow(document)
    for folder in dict.fromkeys((repository.top, repository.root)):
        for name in _OTHERS:
            yield from _of_text(repository, os.path.join(folder, *name.split("/")))


def _of_workflow(document: Document) -> Iterator[Obstacle]:
    workflow = mapping(document.data)
    events = workflow.get("on")
    names = set(events) if isinstance(events, dict) else set(strings(events))
    for name, job in mapping(workflow.get("jobs")).items():
        steps = sequence(mapping(job).get("steps"))
        depth: int | None = None
        fetched = False
        for index, step in enumerate(steps):
            if not isinstance(step, dict):
                continue
            uses, run = str(step.get("uses", "")), str(step.get("run", ""))
            line = document.line("jobs", name, "steps", index)
            if uses.startswith("actions/checkout@"):
                depth = _depth(mapping(step.get("with")))
            fetched = fetched or bool(re.search(r"\bgit\s+(fetch|pull)\b", run))
            ours = [command for command in _commands(run) if _RUNS_US.search(command)]
            action = bool(_ACTION.search(uses)) or uses == "./"
            if not ours and not (action and _is_obs_lint(uses, step)):
                continue
            yield from _of_depth(document, step, ours, names, depth, fetched, line)
            looked_at = bool(step.get("id")) and f"steps.{step['id']}." in repr(steps[index + 1 :])
            yield from _of_exit_code(document, workflow, mapping(job), step, ours, line, looked_at=looked_at)


def _is_obs_lint(uses: str, step: dict[str, Any]) -> bool:
    """True for our action; `uses: ./` is that of the repository itself, whatever it is."""
    return uses != "./" or "only-new" in mapping(step.get("with")) or "new-since" in mapping(step.get("with"))


def _of_depth(
    document: Document,
    step: dict[str, Any],
    ours: list[str],
    events: set[str],
    depth: int | None,
    fetched: bool,
    line: int,
) -> Iterator[Obstacle]:
    """Yield where what is new since a revision is asked for and the clone does not have it."""
    if depth is None or depth == 0 or fetched:
        return
    given = mapping(step.get("with"))
    if ours:
        if not any("--new-since" in command for command in ours):
            return
        what = (
            f"`--new-since` in a clone of depth {depth}: the revision is not there, and the run ends with exit code 2"
        )
        mend = "fetch-depth: 0 for actions/checkout (2 is enough for `--new-since HEAD^1` on a merge commit)"
        if depth >= 2 and all(
            re.search(r"--new-since[= ]+['\"]?HEAD(\^1?|~1?)?(['\" ]|$)", command) for command in ours
        ):
            return
    else:
        if str(given.get("only-new", "auto")).lower() == "false":
            return
        if str(given.get("only-new", "auto")).lower() == "auto" and not given.get("new-since"):
            if not events & {"pull_request", "merge_group"}:
                return
            if depth >= 2:
                return
        elif depth >= 2 and not given.get("new-since"):
            return
        what = f"the action compares with the base, and the clone has depth {depth}: it has no base"
        mend = (
            "fetch-depth: 0 for actions/checkout" if given.get("new-since") else "fetch-depth: 2 for actions/checkout"
        )
    yield Obstacle("fetch-depth", document.path, line, what, mend)


def _of_exit_code(
    document: Document,
    workflow: dict[str, Any],
    job: dict[str, Any],
    step: dict[str, Any],
    ours: list[str],
    line: int,
    *,
    looked_at: bool,
) -> Iterator[Obstacle]:
    """Yield where the exit code is lost; `looked_at`: a later step asks how this one ended."""
    goes_on = str(step.get("continue-on-error")).lower() == "true" and not looked_at
    if goes_on or str(job.get("continue-on-error")).lower() == "true":
        yield Obstacle(
            "exit-code-dropped", document.path, line, "`continue-on-error: true`: a finding fails nothing", _KEEP
        )
    run = str(step.get("run", ""))
    for command in ours:
        if _DROPPED.search(command):
            yield Obstacle("exit-code-dropped", document.path, line, f"`{command}` succeeds whatever is found", _KEEP)
        elif _PIPED.search(command.partition("obs")[2]) and not _has_pipefail(workflow, job, step, run):
            yield Obstacle(
                "exit-code-dropped",
                document.path,
                line,
                f"`{command}`: the exit code is that of the last command of the pipe",
                "`shell: bash`, which GitHub runs with `-o pipefail`, or `set -o pipefail` before it",
            )


def _has_pipefail(workflow: dict[str, Any], job: dict[str, Any], step: dict[str, Any], run: str) -> bool:
    shells = [mapping(mapping(part.get("defaults")).get("run")).get("shell") for part in (workflow, job)]
    shell = str(step.get("shell") or shells[1] or shells[0] or "")
    return "pipefail" in run or "pipefail" in shell or shell == "bash"


def _depth(given: dict[str, Any]) -> int:
    try:
        return int(str(given.get("fetch-depth", "1")))
    except ValueError:
        return 0


def _commands(run: str) -> list[str]:
    """The lines of a script, continued ones joined, comments left out."""
    lines = run.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if not line.lstrip().startswith("#")]


def _of_text(repository: Repository, path: str) -> Iterator[Obstacle]:
    """Yield lines of any other file in which our exit code is dropped."""
    text = repository.text(path)
    if text is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not _RUNS_US.search(line) or line.lstrip().startswith(("#", "//")):
            continue
        ignored = os.path.basename(path).lower() in ("makefile", "gnumakefile", "justfile", "tox.ini") and re.match(
            r"\s*(commands\s*=\s*)?@?-\s*\S*obs", line
        )
        if ignored or _DROPPED.search(line):
            what = f"`{' '.join(line.split())}` succeeds whatever is found"
            yield Obstacle("exit-code-dropped", repository.shown(path), number, what, _KEEP)
