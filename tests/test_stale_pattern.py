"""Which patterns of a configuration are reported as matching nothing, and where."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from obs_lint.checks.run import RuleRun
from obs_lint.checks.stale_pattern import CHECK, Options
from obs_lint.config import Config, load
from obs_lint.diagnostic import Severity
from obs_lint.discovery import discover
from obs_lint.rule import Rule

RULE = Rule(
    "OBS904", "stale-pattern", "", "", "", Severity.WARNING, True, "stale-pattern", "{key}: {pattern}: {nothing}"
)
FILES = ("shop/orders.py", "shop/legacy/old.py", "shop/gen/api.py", "tests/test_orders.py", "shop/data.txt")


def stale(tmp_path: Path, toml: str, *, scope: int | None = None, **overrides: object) -> list[tuple[int, int, str]]:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.obs-lint]\n" + toml, encoding="utf-8")
    config = load(str(tmp_path), overrides=overrides)
    project = cast("Any", SimpleNamespace(discovery=discover(config)))
    part: Config = config if scope is None else config.scopes[scope].config
    found = list(CHECK.run(RuleRun(RULE, Options(), part, project, (), ())))
    assert all(d.path == "pyproject.toml" and d.target for d in found)
    return [(d.span.start.line, d.span.start.column, d.message) for d in found]


@pytest.mark.parametrize(
    "toml, expected",
    [
        ("", []),
        ('[tool.obs-lint.per-file-ignores]\n"shop/legacy/**" = ["OBS102"]\n', []),
        (
            '[tool.obs-lint.per-file-ignores]\n"shop/legcy/**" = ["OBS102"]\n',
            [(3, 2, 'per-file-ignores."shop/legcy/**": shop/legcy/**: no file')],
        ),
        ('extend-exclude = ["shop/gen", "nowhere"]\n', [(2, 32, "extend-exclude: nowhere: no folder or Python file")]),
        ('exclude = ["*.txt", "shop/gen/*.py"]\n', [(2, 13, "exclude: *.txt: no folder or Python file")]),
        ('extend-exclude = ["shop/data.txt", ".venv", "node_modules"]\n', []),
        ('extend-exclude = ["legacy", "**/ap?.py"]\n', []),
        ('[tool.obs-lint.paths]\ntests = ["tests/**", "checks/**"]\n', [(3, 23, "paths.tests: checks/**: no file")]),
        ('[tool.obs-lint.paths]\nscripts = ["bin/**"]\n', []),
        ('[tool.obs-lint.paths]\nscripts = { extend = ["ops/**"] }\n', [(3, 24, "paths.scripts: ops/**: no file")]),
        (
            '[[tool.obs-lint.scopes]]\npaths = ["shop/legacy/**", "billing/**"]\nsurface = []\n',
            [(3, 29, "scopes[0].paths: billing/**: no file")],
        ),
        ('[tool.obs-lint.rules.OBS102]\nallow = ["logging.NullHandler", "shop.orders"]\n', []),
        (
            '[tool.obs-lint.rules.OBS102]\nallow = ["shop.gone", "shop.legacy.old.name"]\n',
            [(3, 11, "rules.OBS102.allow: shop.gone: no module")],
        ),
        (
            '[tool.obs-lint.rules.OBS102]\nallow = { extend = ["shop.gone"] }\n',
            [(3, 22, "rules.OBS102.allow: shop.gone: no module")],
        ),
        ('[tool.obs-lint.rules.OBS101]\nbanned-modules = ["shop.telemetry"]\n', []),
    ],
)
def test_found(tmp_path: Path, toml: str, expected: list[tuple[int, int, str]]) -> None:
    assert stale(tmp_path, toml) == expected


def test_the_command_line_is_not_judged(tmp_path: Path) -> None:
    overrides: dict[str, object] = {"extend-exclude": ["nowhere"], "per-file-ignores": ["gone/**:OBS102"]}
    assert stale(tmp_path, "", **overrides) == []


def test_what_is_extended_is_not_judged(tmp_path: Path) -> None:
    preset = tmp_path / "preset.toml"
    preset.write_text('extend-exclude = ["nowhere"]\n[paths]\ntests = ["gone/**"]\n', encoding="utf-8")
    assert stale(tmp_path, 'extends = ["preset.toml"]\n') == []


def test_a_scope_answers_for_its_own_keys(tmp_path: Path) -> None:
    toml = (
        '[tool.obs-lint.per-file-ignores]\n"gone/**" = ["OBS102"]\n'
        '[[tool.obs-lint.scopes]]\npaths = ["shop/**"]\n'
        '[tool.obs-lint.scopes.per-file-ignores]\n"shop/gone/**" = ["OBS102"]\n'
    )
    assert [line for line, *_ in stale(tmp_path, toml)] == [3]
    assert [line for line, *_ in stale(tmp_path, toml, scope=0)] == [7]


def test_without_a_file_there_is_nothing_to_judge(tmp_path: Path) -> None:
    config = load(str(tmp_path), isolated=True, overrides={"extend-exclude": ["nowhere"]})
    project = cast("Any", SimpleNamespace(discovery=discover(config)))
    assert list(CHECK.run(RuleRun(RULE, Options(), config, project, (), ()))) == []
