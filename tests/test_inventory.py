"""`obs-lint inventory`: what is declared, what is emitted, and the join of both; over several repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from obs_lint.cli import main
from tests.support import files_of

SHOP = '''
--- obs-lint.toml
surface = ["shop.obs"]
registry = ["contracts/obs-registry.yaml"]

[services]
api = ["shop/api/**"]
worker = ["shop/jobs/**"]
--- contracts/obs-registry.yaml
format: obs-registry/1
namespace: shop
events:
  shop.order.placed: {summary: An order was placed., severity: info, owner: orders, producers: [api]}
  shop.order.lost: {summary: An order was lost., stability: deprecated}
--- shop/__init__.py
--- shop/obs.py
def emit(event_name, payload=None, *, ctx=None):
    """Send an event."""
--- shop/api/__init__.py
--- shop/api/orders.py
from shop import obs


class Orders:
    def place(self, order):
        obs.emit("shop.order.placed", {})


def change(order, late, name):
    obs.emit("shop.order.placed" if late else "shop.order.late", {})
    obs.emit(load(name), {})
--- shop/api/routes.py
from flask import Flask

app = Flask("shop")


@app.get("/orders")
def orders():
    return []
--- shop/jobs/__init__.py
--- shop/jobs/tidy.py
from shop import obs


def tell(kind):
    obs.emit(kind, {})


def tidy():
    tell("shop.order.placed")
--- tests/test_orders.py
from shop import obs

obs.emit("shop.order.tested", {})
'''

SCHEMA = json.loads((Path(__file__).parents[1] / "obs_lint/schemas/inventory.schema.json").read_text())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    for name, text in files_of(SHOP).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(folder)
    return folder


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["inventory", *words]) == code
    out, err = capsys.readouterr()
    assert bool(err) == bool(code), err
    return out or err


def as_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    found = json.loads(asked(capsys, "--format", "json", *words, code=code))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    return dict(found)


def emitted(row: dict[str, Any]) -> list[tuple[str, int, str, str, bool]]:
    return [
        (site["path"], site["line"], site["symbol"], site.get("service", ""), site.get("certain", True))
        for site in row["emitted"]
    ]


def test_events_and_where_they_leave(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "--no-cache")
    events = {row["name"]: row for row in found["events"]}
    assert sorted(events) == ["shop.order.late", "shop.order.lost", "shop.order.placed"]
    assert emitted(events["shop.order.placed"]) == [
        ("shop/api/orders.py", 6, "shop.api.orders.Orders.place", "api", True),
        ("shop/api/orders.py", 10, "shop.api.orders.change", "api", False),
        ("shop/jobs/tidy.py", 9, "shop.jobs.tidy.tidy", "worker", True),
    ]
    assert events["shop.order.placed"]["declared"] == [
        {"source": "contracts/obs-registry.yaml", "path": "contracts/obs-registry.yaml", "line": 4, "column": 3}
    ]
    assert events["shop.order.placed"]["producers"] == ["api"] and events["shop.order.placed"]["owner"] == "orders"
    assert events["shop.order.lost"]["deprecated"] and events["shop.order.lost"]["emitted"] == []
    assert events["shop.order.late"]["declared"] == []
    assert [(row["function"], row["kind"], row["emissions"]) for row in found["emitters"]] == [
        ("shop.obs.emit", "declared", 3),
        ("shop.jobs.tidy.tell", "wrapper", 1),
    ]
    assert [(row["path"], row["line"], row["expression"]) for row in found["unresolvable"]] == [
        ("shop/api/orders.py", 11, "load(name)")
    ]
    assert found["summary"] == {
        "files": 8,
        "events": 3,
        "registered": 2,
        "emitted": 2,
        "unregistered": 1,
        "never-emitted": 1,
        "emissions": 4,
        "unresolvable": 1,
        "entry-points": 1,
    }
    [point] = found["entry-points"]
    assert (point["kind"], point["name"], point["framework"]) == ("route", "GET /orders", "flask")
    assert (point["path"], point["line"], point["service"]) == ("shop/api/routes.py", 7, "api")


def test_the_same_from_the_cache(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = as_json(capsys)
    assert (shop / ".obs-lint-cache").is_dir()
    assert as_json(capsys) == first == as_json(capsys, "--no-cache", "--jobs", "1")


def test_tests_are_counted_on_demand(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {row["name"] for row in as_json(capsys, "--tests")["events"]}
    assert "shop.order.tested" in names


def test_table(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "--color", "never") == (
        "Events  2 registered\n"
        "  shop.order.lost    contracts/obs-registry.yaml:5  deprecated\n"
        "      never emitted here\n"
        "  shop.order.placed  contracts/obs-registry.yaml:4  info · orders\n"
        "      ← shop/api/orders.py:6  Orders.place (api)\n"
        "      ← shop/api/orders.py:10  change (api)  one of several\n"
        "      ← shop/jobs/tidy.py:9  tidy (worker)\n"
        "\n"
        "Not registered  1 name that leaves all the same\n"
        "  shop.order.late\n"
        "      ← shop/api/orders.py:10  change (api)  one of several\n"
        "\n"
        "Emitters  through which they leave\n"
        "  shop.obs.emit          3 emissions  shop/obs.py:1\n"
        "  shop.jobs.tidy.tell     1 emission  shop/jobs/tidy.py:4  found, not declared\n"
        "\n"
        "Can't be told  1 emission\n"
        "  shop/api/orders.py:11  load(name)\n"
        "\n"
        "Entry points  by which the code is entered\n"
        "  GET /orders  shop/api/routes.py:7  flask route\n"
        "\n"
        "2 registered events, 1 of them never emitted here, 1 unregistered, 4 emissions in 8 files.\n"
    )


def test_several_repositories(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked(capsys, "--format", "json", "--output-file", "../shop.json")
    (shop / "shop/jobs/tidy.py").write_text("from shop import obs\n\nobs.emit('shop.order.lost', {})\n")
    asked(capsys, "--format", "json", "-o", "../jobs.json", "--name", "jobs")
    found = as_json(capsys, "--merge", "../shop.json", "../jobs.json")
    assert found["repository"] == "shop + jobs"
    events = {row["name"]: row for row in found["events"]}
    assert [(site["repository"], site["path"]) for site in events["shop.order.lost"]["emitted"]] == [
        ("jobs", "shop/jobs/tidy.py")
    ]
    assert [place["repository"] for place in events["shop.order.placed"]["declared"]] == ["shop", "jobs"]
    assert {row["repository"] for row in found["emitters"]} == {"shop", "jobs"}
    assert "jobs:shop/jobs/tidy.py:3" in asked(capsys, "--merge", "../shop.json", "../jobs.json", "--all")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "bad.json is no inventory"),
        ("[", "bad.json is no JSON"),
        ('{"version": 2, "tool": {}, "events": []}', "bad.json is of version 2"),
        ('{"version": 1, "tool": {}, "events": [{"name": "a"}]}', "bad.json is no inventory: KeyError('repository')"),
        ('{"version": 1, "tool": {}, "repository": "a", "events": [1]}', "bad.json is no inventory"),
        (None, "bad.json can't be read"),
    ],
)
def test_bad_documents(shop: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str) -> None:
    if text is not None:
        Path("bad.json").write_text(text)
    assert message in asked(capsys, "--merge", "bad.json", code=2)


def test_one_repository_twice(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "--format", "json", "-o", "a.json")
    assert "two inventories are of `shop`" in asked(capsys, "--merge", "a.json", "a.json", code=2)


def test_without_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert "obs-lint init" in asked(capsys, code=2)


def test_a_registry_that_cant_be_used(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "contracts/obs-registry.yaml").write_text("format: obs-registry/1\nevents: [\n")
    assert main(["inventory", "--no-cache"]) == 2
    out, err = capsys.readouterr()
    assert "contracts/obs-registry.yaml:" in err
    assert "shop.order.placed" in out
