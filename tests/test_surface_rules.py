"""What the surface rules promise beyond their examples: few files are read, chains end, PATHS change no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.checks.banned import Banned
from obs_lint.config import from_table
from obs_lint.config.model import Config
from obs_lint.facts.store import FactsStore
from obs_lint.report import Report

SURFACE_RULES = [f"OBS{number}" for number in (101, 103, 104, 105, 106, 107, 109, 110)]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def run(root: Path, *paths: str, **keys: object) -> Report:
    table = {"surface": ["shop.obs"], "logging": "facade", "select": SURFACE_RULES, **keys}
    return engine.run(from_table(table, str(root)), paths=paths, cwd=str(root), use_cache=False, jobs=1)


def services(count: int) -> dict[str, str]:
    """Modules as most are: each has a logger and imports its neighbour, the surface and a class of no interest."""
    return {
        f"shop/m{number}.py": (
            "import logging\nimport sys\n\nfrom shop import obs\n"
            f"from shop.m{(number + 1) % count} import Order, logger as other\n\n"
            "logger = logging.getLogger(__name__)\n\n\n"
            "class Order:\n    def place(self, name):\n        logger.info('placed')\n        self.name = name\n"
            "        return name in sys.modules, obs\n"
        )
        for number in range(count)
    }


def test_few_files_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = services(120)
    files["shop/obs.py"] = "import logging\n\n\ndef emit(event_name, payload):\n    logging.info(event_name)\n"
    files["shop/__init__.py"] = ""
    files["shop/leaky.py"] = "from shop.m7 import logging\n"
    write(tmp_path, files)
    asked: set[str] = set()
    facts = FactsStore.facts

    def count(store: FactsStore, path: str) -> object:
        asked.add(path)
        return facts(store, path)

    monkeypatch.setattr(FactsStore, "facts", count)
    report = run(tmp_path)
    assert [(d.path, d.code) for d in report.diagnostics] == [("shop/leaky.py", "OBS103")]
    assert len(asked) <= 6, sorted(asked)


def test_a_chain_of_re_exports_ends(tmp_path: Path) -> None:
    length = 300
    files = {"shop/__init__.py": "", "shop/obs.py": "", "shop/m0.py": "import logging\n"}
    files |= {f"shop/m{n}.py": f"from shop.m{n - 1} import logging\n" for n in range(1, length)}
    files["shop/s0.py"] = f"from shop.s{length - 1} import *\nimport structlog\n"
    files |= {f"shop/s{n}.py": f"from shop.s{n - 1} import *\n" for n in range(1, length)}
    files["shop/use.py"] = f"from shop.s{length - 1} import structlog\n"
    write(tmp_path, files)
    report = run(tmp_path)
    assert not report.failures
    assert len(report.diagnostics) == length
    assert {d.path for d in report.diagnostics} == {f"shop/m{n}.py" for n in range(1, length)} | {"shop/use.py"}


def test_paths_change_no_result(tmp_path: Path) -> None:
    files = {
        **services(60),
        "shop/__init__.py": "",
        "shop/obs.py": "import logging\n\n\ndef emit(event_name, payload):\n    logging.info(event_name)\n",
        "shop/a.py": "import logging as L\n\nmake = L.getLogger\n",
        "shop/b.py": (
            "from shop import a\nfrom shop.a import make as f\nfrom shop.obs import logging\n\na.L.info('x')\n"
        ),
        "shop/c.py": "import shop.obs as o\n\n\ndef tell(name):\n    o.emit(name, {})\n\n\no.emit = print\n",
    }
    write(tmp_path, files)
    whole = run(tmp_path).diagnostics
    assert {d.code for d in whole} == {"OBS103", "OBS106", "OBS110"}
    for path in ("shop/b.py", "shop/c.py", "shop/m3.py"):
        assert run(tmp_path, path).diagnostics == tuple(d for d in whole if d.path == path)


@pytest.mark.parametrize(
    "name, banned",
    [
        ("logging.getLogger", "logging"),
        ("opentelemetry", "opentelemetry"),
        ("opentelemetry_demo", ""),
        ("google.cloud.logging.Client", "google.cloud.logging"),
        ("google.cloud.storage", ""),
        ("structlog.get_logger", ""),
        ("structlog", ""),
        ("structlog.configure", "structlog"),
    ],
)
def test_what_is_banned(name: str, banned: str) -> None:
    config = Config(root=Path(), logging="facade", surface=("structlog.get_logger",))
    modules = ("logging", "opentelemetry", "google.cloud.logging", "structlog")
    assert Banned.of(config, modules).module_of(name) == banned


def test_central_logging_frees_logging_alone() -> None:
    banned = Banned.of(Config(root=Path(), logging="central"), ("logging", "structlog"))
    assert banned.modules == {"structlog"}
