"""What the README promises is what there is: two commands, the commands of the CLI, the rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from obs_lint.catalogue.shipped import documents
from obs_lint.cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_quick_start_is_two_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", _section("Quick start"), re.DOTALL | re.MULTILINE)
    assert [len(block.splitlines()) for block in blocks] == [1, 1]
    assert "obs-lint check" in blocks[0]
    assert "pytest" in blocks[1]


def test_every_rule_is_in_the_table_and_no_other() -> None:
    rows = re.findall(r"^\| (OBS\d+) \| ([a-z-]+) \|", _section("What it finds"), re.MULTILINE)
    assert rows == sorted((rule["code"], rule["slug"]) for _, rule in documents())


def test_every_command_is_listed_and_no_other() -> None:
    assert re.findall(r"^obs-lint ([a-z]+) ", _section("Running it"), re.MULTILINE) == list(COMMANDS)


def test_links_lead_to_files() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "adr").glob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 5
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_version_is_told() -> None:
    from obs_lint import __version__

    command = [sys.executable, "-m", "obs_lint", "--version"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=ROOT)
    assert done.stdout == f"obs-lint {__version__}\n"
