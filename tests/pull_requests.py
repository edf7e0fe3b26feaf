"""Git repositories with a pull request, as a workflow finds them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BANNED = "import logging\n"
CONFIGURATION = '[tool.obs-lint]\nsurface = ["shop.obs"]\n'
SHOP = {
    "pyproject.toml": CONFIGURATION,
    "shop/obs.py": "import logging\n\n\ndef emit(name): ...\n",
    "shop/old.py": BANNED,
}


def pull_request(fork: bool = False, head: str = "", base: str = "", private: bool = False) -> dict[str, object]:
    return {
        "pull_request": {
            "head": {"sha": head, "repo": {"id": 2 if fork else 1, "fork": fork}},
            "base": {"sha": base, "repo": {"id": 1, "fork": False}},
        },
        "repository": {"private": private},
    }


@dataclass
class Repository:
    """A git repository with a configuration of its own."""

    path: Path

    def git(self, *words: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "core.autocrlf=false",
        ]
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str], message: str = "x") -> str:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path, depth: int, ref: str = "main") -> Repository:
        """Clone as actions/checkout does, with so many commits."""
        path.mkdir()
        clone = Repository(path)
        clone.git("init", "-q")
        clone.git("fetch", "-q", *([f"--depth={depth}"] if depth else []), self.path.as_uri(), ref)
        clone.git("checkout", "-q", "--detach", "FETCH_HEAD")
        return clone
