"""Which commit a change is compared with, found in the clone alone: no API, no token, no network.

actions/checkout takes the merge commit that GitHub has prepared for a pull request: its first parent is the base. A
clone of depth 1 names that parent and does not hold it.
"""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

from obs_lint.integrations.github_action.event import Event

_NO_COMMIT = "0" * 40


class NoBaseError(Exception):
    """There is no base to compare with; the message says why and what to do."""


class Base(NamedTuple):
    """The commit that a change is compared with."""

    commit: str
    """Its full hash."""
    what: str
    """What it is, in words."""


def base_of(event: Event, folder: str) -> Base:
    """Return the base of what is checked out in `folder`. Raises NoBaseError."""
    head = _git(folder, "rev-parse", "--verify", "HEAD^{commit}")
    parents = _parents(folder, head)
    if event.name in ("pull_request", "pull_request_target"):
        return _of_pull_request(event, folder, head, parents)
    if event.name == "merge_group":
        before = event.text("merge_group", "base_sha")
        if before and before != head and _has(folder, before):
            return Base(before, "the commit that this group is merged into")
    if event.name == "push":
        before = event.text("before")
        if before and before != _NO_COMMIT and before != head and _has(folder, before):
            return Base(before, "the commit before this push")
    return _parent(folder, parents, "the commit before this one")


def commit_of(revision: str, folder: str) -> str:
    """Return the full hash of the commit that a revision names. Raises NoBaseError."""
    _git(folder, "rev-parse", "--git-dir")
    commit = (
        "" if revision.startswith("-") else _tried(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    )
    if not commit:
        is_shallow = _tried(folder, "rev-parse", "--is-shallow-repository") == "true"
        more = "; this clone is shallow: set `fetch-depth: 0` for actions/checkout" if is_shallow else ""
        raise NoBaseError(f"there is no revision {revision!a} in this repository{more}")
    return commit


def _of_pull_request(event: Event, folder: str, head: str, parents: list[str]) -> Base:
    theirs = event.text("pull_request", "head", "sha")
    target = event.text("pull_request", "base", "sha")
    if len(parents) > 1 and head != theirs:
        return _parent(folder, parents, "the base of this pull request")
    if event.name == "pull_request_target" and head != theirs:
        raise NoBaseError(
            "on pull_request_target, actions/checkout takes the base and not the pull request, so that nothing is "
            "new in it: run this action on pull_request"
        )
    if not target:
        return _parent(folder, parents, "the commit before this one")
    common = _tried(folder, "merge-base", head, target)
    if common:
        return Base(common, "where this pull request left its base")
    raise NoBaseError(
        "the head of the pull request is checked out and not its merge commit, and this clone does not reach back to "
        "where it left its base: leave out `ref` and set `fetch-depth: 2` for actions/checkout, or keep `ref` and set "
        "`fetch-depth: 0`"
    )


def _parent(folder: str, parents: list[str], what: str) -> Base:
    if not parents:
        raise NoBaseError("this is the repository's first commit: there is nothing to compare with")
    if not _has(folder, parents[0]):
        raise NoBaseError(
            f"this clone has depth 1 and does not hold {what} ({parents[0][:12]}): set `fetch-depth: 2` for "
            "actions/checkout"
        )
    return Base(parents[0], what)


def _parents(folder: str, commit: str) -> list[str]:
    """Return the parents that a commit names, whether or not the clone holds them (`HEAD^1` knows only the latter)."""
    head = _git(folder, "cat-file", "commit", commit).partition("\n\n")[0]
    return [line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent ")]


def _has(folder: str, commit: str) -> bool:
    return bool(_tried(folder, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")) and bool(
        _tried(folder, "cat-file", "-t", f"{commit}^{{tree}}")
    )


def _tried(folder: str, *arguments: str) -> str:
    try:
        return _git(folder, *arguments)
    except NoBaseError:
        return ""


def _git(folder: str, *arguments: str) -> str:
    """Run git in a folder and return what it writes. Raises NoBaseError."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise NoBaseError(f"git can't be run: {error.strerror or error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if any("not a git repository" in line for line in said):
            raise NoBaseError("this is no git repository: check it out with actions/checkout")
        raise NoBaseError(f"git {arguments[0]}: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace").strip()
