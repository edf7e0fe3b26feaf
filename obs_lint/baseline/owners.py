"""Who owns a path, as a CODEOWNERS file says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import NamedTuple

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where GitHub and GitLab look for it, the first that is there."""
NOBODY = "(no owner)"


class Line(NamedTuple):
    """One line of the file."""

    pattern: re.Pattern[str]
    """Matches whole paths from the repository's root."""
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """A CODEOWNERS file."""

    lines: tuple[Line, ...] = ()
    """The last first: it wins."""
    below: str = ""
    """The folder of the project within the repository, `services/api/`, "" for its root."""

    def of(self, path: str) -> tuple[str, ...]:
        """Return who owns a path, which is relative to the project's root with `/`; () for nobody."""
        whole = self.below + path
        return next((line.owners for line in self.lines if line.pattern.fullmatch(whole)), ())


def code_owners(root: str) -> CodeOwners:
    """Read the CODEOWNERS of the repository that holds `root`; one without lines where there is none."""
    folder, below = os.path.abspath(root), ""
    while True:
        for place in PLACES:
            try:
                with open(os.path.join(folder, place), encoding="utf-8", errors="replace") as stream:
                    return CodeOwners(parse(stream.read()), below)
            except OSError:
                continue
        parent, name = os.path.split(folder)
        if parent == folder or os.path.exists(os.path.join(folder, ".git")):
            return CodeOwners()
        folder, below = parent, f"{name}/{below}"


def parse(text: str) -> tuple[Line, ...]:
    """Return the lines of a CODEOWNERS file, the last first.

    What GitHub does not take (`!`, `[…]`) is passed over, as it does; so are GitLab's headings of sections.
    """
    found: list[Line] = []
    for line in text.splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).replace("\\ ", "\0").split()
        if words and not words[0].startswith(("!", "[", "^[")):
            found.append(Line(_pattern(words[0].replace("\0", " ")), tuple(words[1:])))
    return tuple(reversed(found))


def _pattern(glob: str) -> re.Pattern[str]:
    body = glob.strip("/")
    out = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    index = 0
    while index < len(body):
        if body.startswith("**/", index):
            out += "(?:.*/)?"
            index += 3
        elif body.startswith("**", index):
            out += ".*"
            index += 2
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(body[index], re.escape(body[index]))
            index += 1
    # `docs/*` owns the files of a folder, not those further down; every other pattern owns what lies below it.
    if not body.endswith("/*"):
        out += "/.*" if glob.endswith("/") else "(?:/.*)?"
    return re.compile(out, re.DOTALL)
