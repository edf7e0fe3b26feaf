"""The contract type `single_observability_surface`, kept and broken by the real `lint-imports`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT_IMPORTS = "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command as c; c()"

HEAD = """
[tool.importlinter]
root_package = "shop"
{externals}
contract_types = ["single_observability_surface: obs_lint.integrations.import_linter.SingleSurfaceContract"]

[[tool.importlinter.contracts]]
name = "One surface"
type = "single_observability_surface"
"""

BASE = {
    "shop/__init__.py": "",
    "shop/obs/__init__.py": "import logging\nfrom shop.obs import sink\n\n\ndef emit(name):\n    logging.info(name)\n",
    "shop/obs/sink.py": "from opentelemetry import trace\nimport opentelemetry.sdk\n",
    "shop/orders.py": "from shop import obs\n\nobs.emit('a')\n",
}


def lint(
    root: Path, contract: str, files: dict[str, str], *, externals: bool = True, pyproject: str = ""
) -> tuple[int, str]:
    for path, text in (BASE | files).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    setting = "include_external_packages = true" if externals else ""
    (root / "pyproject.toml").write_text(HEAD.format(externals=setting) + contract + pyproject, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "240", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=root,
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode, done.stdout


def ways(out: str) -> list[str]:
    """The lines of chains, one chain a string."""
    found: list[str] = []
    for line in out.splitlines():
        if line.startswith("-   "):
            found.append(line[4:])
        elif line.startswith("    ") and "->" in line:
            found[-1] += " | " + line.strip()
    return found


def test_kept(tmp_path: Path) -> None:
    code, out = lint(tmp_path, 'surface = ["shop.obs"]\n', {})
    assert (code, "1 kept, 0 broken" in out) == (0, True), out


def test_direct_and_laundered(tmp_path: Path) -> None:
    files = {
        "shop/tools.py": "from opentelemetry import trace\n\n\ndef calculate(): ...\n",
        "shop/orders.py": "from shop.tools import (\n    calculate,\n    trace as t,\n)\n\nt.get_tracer(calculate)\n",
        "shop/prices.py": "from shop.tools import calculate\n",
        "shop/late.py": "import importlib\n\nimportlib.import_module('structlog')\n",
        "shop/tests/test_a.py": "import logging\n",
    }
    code, out = lint(tmp_path, 'surface = ["shop.obs"]\n', files)
    assert code == 1
    assert ways(out) == [
        "shop.late -> structlog (l. 3)",
        "shop.orders -> shop.tools (l. 3) | shop.tools -> opentelemetry.trace (l. 1)",
        "shop.tools -> opentelemetry (l. 1)",
    ]
    assert "shop.orders: `trace` of `shop.tools` is `opentelemetry.trace`, which is banned" in out


def test_parts_of_external_packages(tmp_path: Path) -> None:
    files = {
        "shop/api.py": "from opentelemetry import trace\n\ntrace.get_tracer('a')\n",
        "shop/sdk.py": "from opentelemetry import (\n    sdk,\n)\nfrom opentelemetry.sdk.trace import TracerProvider\n",
    }
    contract = 'surface = ["shop.obs"]\ntelemetry_modules = ["opentelemetry.sdk"]\n'
    code, out = lint(tmp_path, contract, files)
    assert code == 1
    assert ways(out) == ["shop.sdk -> opentelemetry.sdk (l. 1)", "shop.sdk -> opentelemetry.sdk (l. 4)"]
    code, out = lint(tmp_path, contract + 'ignore_imports = ["shop.sdk -> opentelemetry"]\n', files)
    assert code == 0, out


def test_an_ignored_import_takes_away_what_goes_over_it(tmp_path: Path) -> None:
    files = {
        "shop/tools.py": "import structlog\nimport logging\n",
        "shop/orders.py": "from shop.tools import structlog\n",
        "shop/prices.py": "from shop.tools import logging\n",
    }
    contract = 'surface = ["shop.obs"]\nignore_imports = ["shop.tools -> structlog", "shop.prices -> shop.tools"]\n'
    code, out = lint(tmp_path, contract, files)
    assert code == 1
    assert ways(out) == ["shop.tools -> logging (l. 2)"]
    code, out = lint(tmp_path, contract.replace("shop.prices", "shop.gone"), files)
    assert (code, "No matches for ignored import shop.gone -> shop.tools" in out) == (1, True), out
    alerting = 'unmatched_ignore_imports_alerting = "warn"\n'
    code, out = lint(tmp_path, contract.replace("shop.prices", "shop.gone") + alerting, files)
    assert "1 warning" in out
    assert len(ways(out)) == 2


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ('surface = ["shop.obz"]\n', "Module 'shop.obz' of `surface` does not exist. Did you mean 'shop.obs'?"),
        ('surface = ["shop.obs"]\nwiring = ["shop.mian"]\n', "Module 'shop.mian' of `wiring` does not exist."),
        (
            'surface = ["shop.obs"]\ntelemetry_modules = ["opentelemetri.sdk"]\n',
            "Module 'opentelemetri.sdk' of `telemetry_modules` is not imported, not installed",
        ),
        ("", "Nothing says what the surface is"),
        ('surface = ["shop.obs"]\nsurfaces = ["a"]\n', "Unrecognized option"),
    ],
)
def test_what_nobody_knows_fails(contract: str, message: str, tmp_path: Path) -> None:
    code, out = lint(tmp_path, contract, {})
    assert code == 1
    assert message in " ".join(out.split())


def test_a_library_that_is_imported_nowhere_is_no_mistake(tmp_path: Path) -> None:
    code, out = lint(tmp_path, 'surface = ["shop.obs"]\ntelemetry_modules = ["ddtrace", "raven", "pytest"]\n', {})
    assert code == 0, out


def test_a_graph_without_externals_fails(tmp_path: Path) -> None:
    code, out = lint(tmp_path, 'surface = ["shop.obs"]\n', {}, externals=False)
    assert (code, "include_external_packages=True" in out) == (1, True), out


def test_what_cannot_be_parsed_fails(tmp_path: Path) -> None:
    code, out = lint(tmp_path, 'surface = ["shop.obs"]\n', {"scripts/a.py": "import logging\nfrom shop import (\n"})
    assert (code, "scripts/a.py" in out) == (1, True), out


def test_the_surface_of_the_configuration(tmp_path: Path) -> None:
    own = '\n[tool.obs-lint]\nsurface = ["shop.obs"]\n\n[tool.obs-lint.per-file-ignores]\n"shop/old.py" = ["OBS102"]\n'
    files = {
        "shop/old.py": "import logging\n",
        "shop/new.py": "import logging\nimport structlog  # obs: ignore[OBS102] asked for\n",
    }
    code, out = lint(tmp_path, "", files, pyproject=own)
    assert code == 1
    assert ways(out) == ["shop.new -> logging (l. 1)"]


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    from importlinter import ContractCheck

    from obs_lint.integrations.import_linter import SingleSurfaceContract, Step, Violation

    found = Violation("shop.a: `x[bold]` is [red]banned[/red] \\", (Step("shop.a", "[b]", 1),), frozenset())
    contract = SingleSurfaceContract("a", {}, {"surface": ["shop"]})
    contract.render_broken_contract(ContractCheck(kept=False, metadata={"violations": [found]}))
    out = capsys.readouterr().out
    assert "`x[bold]` is [red]banned[/red] \\" in out
    assert "shop.a -> [b] (l. 1)" in out
