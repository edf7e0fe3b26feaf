"""The configuration that fits a project which has none: what `obs-lint init` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from obs_lint.config.edit import edited
from obs_lint.config.errors import ConfigError
from obs_lint.report import Inference


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file and what it will say."""

    path: str
    """Absolute."""
    table: Mapping[str, Any]
    text: str
    """The whole new content."""
    existed: bool


def propose(root: str, inference: Inference, *, surface: str | None = None, logging: str | None = None) -> Proposal:
    """Lay out `[tool.obs-lint]` from what was inferred; `surface` and `logging` overrule it.

    It goes into pyproject.toml where there is one, else into a new obs-lint.toml. Raises ConfigError where the file
    can't be edited.
    """
    chosen = surface or inference.surface
    related = inference.related if surface is None else ()
    table: dict[str, Any] = {
        "surface": [chosen, *related] if chosen else [],
        "logging": logging or inference.logging,
    }
    if inference.free:
        table["rules"] = {"OBS102": {"modules": {"remove": [name for name, _ in inference.free]}}}
    comments = {
        "rules.OBS102": _about_free(inference),
        "surface": _about_surface(inference, chosen, given=surface is not None),
        "logging": _about_logging(table["logging"]),
    }
    pyproject = os.path.join(root, "pyproject.toml")
    existed = os.path.isfile(pyproject)
    path = pyproject if existed else os.path.join(root, "obs-lint.toml")
    old = ""
    if os.path.isfile(path):
        existed = True
        try:
            with open(path, encoding="utf-8", newline="") as stream:
                old = stream.read()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"can't be read: {error}", file=os.path.basename(path)) from None
    name = os.path.basename(path)
    text = edited(old, table, file=name, pyproject=path == pyproject, comments=comments)
    return Proposal(path, table, text, existed)


def _about_surface(inference: Inference, chosen: str | None, *, given: bool) -> str:
    if chosen is None:
        seen = ", ".join(f"{name} ({count} importers)" for name, count in inference.candidates)
        told = f" Candidates: {seen}." if seen else ""
        return f"No module is clearly the surface.{told} Name it here, and rules that protect it switch on."
    if given or not inference.reasons:
        return "The modules that are the surface, and all below them."
    return f"The surface: {', '.join(inference.reasons)}."


def _about_free(inference: Inference) -> str:
    used = ", ".join(f"{name} by {count} modules" for name, count in inference.free)
    return f"In general use today ({used}). Take a name out of the list to stop new imports of it."


def _about_logging(mode: str) -> str:
    if mode == "facade":
        return 'stdlib logging is banned outside the surface; "central": getLogger is free, configuring logging is not.'
    return 'getLogger is free, configuring logging is not; "facade": stdlib logging is banned outside the surface.'


def write(proposal: Proposal) -> None:
    """Write the file, whole or not at all. Raises ConfigError."""
    temporary = f"{proposal.path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as stream:
            stream.write(proposal.text)
        if proposal.existed:
            os.chmod(temporary, os.stat(proposal.path).st_mode & 0o7777)
        os.replace(temporary, proposal.path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise ConfigError(
            f"can't be written: {error.strerror or error}", file=os.path.basename(proposal.path)
        ) from None
