# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.registry.lock import compiled, hash_of, lock_text
from obs_lint.registry.model import Deprecation, Event, Place, Registry
from obs_lint.registry.typed_constructors import module_text, stamp, stamp_of

SOURCE = "contracts/obs-registry.yaml"


def event(name: str, payload: Any = None, **fields: Any) -> Event:
    return Event(name, Place(SOURCE, 3), SOURCE, payload=payload, **fields)


def obj(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def written(*events: Event, namespace: str = "shop") -> str:
    document = compiled([Registry(SOURCE, Place(SOURCE), events, namespace=namespace)])
    return module_text(document, hash_of(lock_text(document)))


def imported(text: str, tmp_path: Path) -> ModuleType:
    path = tmp_path / "made.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"made_{abs(hash(text))}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STR, INT = {"type": "string"}, {"type": "integer"}
ADDRESS = obj({"street": STR, "zip": {"type": ["string", "null"]}, "error.type": STR}, "street", "zip")
EVENTS = (
    event(
        "shop.order.paid",
        obj(
            {
                "order_id": STR,
                "amount": {"type": "number", "x-obs": {"unit": "EUR"}, "description": "What was paid."},
                "method": {"enum": ["card", "cash"]},
                "attempt": {"type": "integer", "minimum": 1},
                "error.type": STR,
                "class": {"type": "boolean"},
                "note": {"type": ["string", "null"]},
                "tags": {"type": "array", "items": STR},
                "lines": {"type": "array", "items": obj({"sku": STR, "count": INT}, "sku")},
                "address": {"$ref": "#/$defs/address"},
                "labels": {"type": "object", "additionalProperties": INT},
                "anything": {},
                "either": {"anyOf": [STR, INT]},
                "maybe": {"anyOf": [INT, {"type": "null"}]},
                "tree": {"$ref": "#/$defs/tree"},
            },
            "order_id",
            "amount",
            "method",
            **{"$defs": {"address": ADDRESS, "tree": obj({"next": {"$ref": "#/$defs/tree"}, "v": INT}, "v")}},
        ),
        summary="An order was paid.",
        severity="info",
    ),
    event("shop.order.lost", None, severity="warn"),
    event("shop.order.empty", {"type": "object", "properties": {}, "additionalProperties": False}),
    event("shop.order.map", {"type": "object", "additionalProperties": {"type": "number"}}),
    event("shop.list", obj({"list": {"type": "array", "items": STR}, "payload_": INT}, "list")),
    event("shop.old", deprecated=Deprecation("2", "shop.new"), summary='It "was"'),
)

RIGHT = """
from made import *
import made

order_paid(order_id="a", amount=1, method="card")
order_paid(order_id="a", amount=1.5, method="cash", attempt=1, error_type="x", class_=True, note=None, tags=["a"])
order_paid(order_id="a", amount=1, method="card", lines=[{"sku": "a"}, {"sku": "b", "count": 2}])
order_paid(order_id="a", amount=1, method="card", address={"street": "a", "zip": None, "error.type": "b"})
order_paid(order_id="a", amount=1, method="card", labels={"a": 1}, anything=object(), either="a", maybe=None)
order_paid(order_id="a", amount=1, method="card", either=1, maybe=UNSET, tree={"v": 1, "next": {"v": 2}})
order_paid(order_id="a", amount=1, method="card", attempt=None)
order_lost(), order_lost(a=1, b="x"), order_empty(), order_map(a=1, b=1.5), list_(list=["a"], payload_2=None)
made.list_(list=[])
name: str = order_paid(order_id="a", amount=1, method="card").name
severity: str | None = order_lost().severity
def emit(event_name: str, payload: dict[str, object], *, severity: str | None = None) -> None: ...
sent = order_paid(order_id="a", amount=1, method="card")
emit(sent.name, sent.payload, severity=sent.severity)
"""

WRONG = (
    'order_paid(amount=1, method="card")',
    'order_paid("a", 1, "card")',
    'order_paid(order_id=1, amount=1, method="card")',
    'order_paid(order_id="a", amount="1", method="card")',
    'order_paid(order_id="a", amount=1, method="cheque")',
    'order_paid(order_id="a", amount=1, method="card", attempt="1")',
    'order_paid(order_id="a", amount=1, method="card", unknown=1)',
    'order_paid(order_id="a", amount=1, method=None)',
    'order_paid(order_id="a", amount=1, method="card", tags=[1])',
    'order_paid(order_id="a", amount=1, method="card", lines=[{"count": 2}])',
    'order_paid(order_id="a", amount=1, method="card", lines=[{"sku": "a", "other": 2}])',
    'order_paid(order_id="a", amount=1, method="card", address={"street": "a"})',
    'order_paid(order_id="a", amount=1, method="card", labels={"a": "b"})',
    'order_paid(order_id="a", amount=1, method="card", either=1.5)',
    'order_paid(order_id="a", amount=1, method="card", tree={"v": 1, "next": {"v": "2"}})',
    "order_empty(a=1)",
    'order_map(a="b")',
    "order_lost().payload = {}",
    'ORDER_PAID = "x"',
)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `mypy --strict` says of the generated module and of calls, the right ones first, then the wrong ones."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "made").mkdir()
    (folder / "made" / "__init__.py").write_text(written(*EVENTS), encoding="utf-8")
    (folder / "made" / "py.typed").write_text("")
    (folder / "right.py").write_text(RIGHT, encoding="utf-8")
    (folder / "wrong.py").write_text("from made import *\n" + "\n".join(WRONG) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", "cache"]
    command += ["--config-file", "", "made", "right.py", "wrong.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "(checked " in done.stdout, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_mypy_strict_passes(checked: list[str]) -> None:
    assert not [line for line in checked if line.startswith(("made", "right")) and ": note:" not in line]


def test_mypy_rejects_every_wrong_call(checked: list[str]) -> None:
    errors = [line for line in checked if line.startswith("wrong.py:") and ": error:" in line]
    lines = {int(line.split(":")[1]) for line in errors}
    assert [call for number, call in enumerate(WRONG, 2) if number not in lines] == []


def test_what_a_constructor_returns(tmp_path: Path) -> None:
    made = imported(written(*EVENTS), tmp_path)
    paid = made.order_paid(order_id="a", amount=2, method="card", error_type="E", class_=False, note=None)
    assert (paid.name, paid.severity, made.ORDER_PAID) == ("shop.order.paid", "info", "shop.order.paid")
    assert paid.payload == {
        "order_id": "a", "amount": 2, "method": "card", "error.type": "E", "class": False, "note": None
    }  # fmt: skip
    assert made.order_paid(order_id="a", amount=2, method="card", tags=None).payload.keys() == {
        "order_id", "amount", "method"
    }  # fmt: skip
    assert made.order_lost(a=1).payload == {"a": 1} and made.order_map(b=2).payload == {"b": 2}
    assert made.order_empty() == made.Event("shop.order.empty", {}, None)
    assert made.list_(list=["a"], payload_2=1) == made.Event("shop.list", {"list": ["a"], "payload_": 1}, None)
    assert (
        made.order_paid.__doc__.startswith("An order was paid.") and "What was paid. [EUR]" in made.order_paid.__doc__
    )
    assert "use `shop.new`" in made.old.__doc__ and made.old.__doc__.startswith('It "was"')
    assert set(made.__all__) <= set(vars(made))


NAMES = (
    (("shop.order.paid",), ["order_paid"]),
    (("shop.OrderPaid", "shop.HTTPError", "shop.order-Paid2"), ["http_error", "order_paid", "order_paid2"]),
    (("shop.a-b", "shop.a_b"), ["shop_a_b", "shop_a_b_2"]),
    (("shop.a.b", "a.b"), ["a_b", "shop_a_b"]),
    (("shop.class", "shop.import", "shop.match", "shop.print"), ["class_", "import_", "match_", "print_"]),
    (("shop.2fa.done",), ["event_2fa_done"]),
    (("shop.событие", "shop.支付"), ["событие", "支付"]),
    (("shop.…", "shop.!!"), ["shop", "shop_2"]),
    (("shop./job/done/",), ["job_done"]),
    (("https://events.example/shop/paid/v1",), ["shop_paid_v1"]),
    (("https://a.example/paid", "https://b.example/paid"), ["https_a_example_paid", "https_b_example_paid"]),
)


@pytest.mark.parametrize(("events", "functions"), NAMES, ids=str)
def test_names_of_functions(events: tuple[str, ...], functions: list[str], tmp_path: Path) -> None:
    text = written(*map(event, events))
    found = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert sorted(found) == sorted(functions)
    made = imported(text, tmp_path)
    assert {getattr(made, name)().name for name in found} == set(events)


def test_names_of_fields(tmp_path: Path) -> None:
    keys = [
        "error.type",
        "error_type",
        "error type",
        "from",
        "2xx",
        "",
        "__x",
        "Event",
        "UNSET",
        "é",
        "\U0001f600",
        "SHOP_X",
    ]
    made = imported(written(event("shop.x", obj(dict.fromkeys(keys, STR)))), tmp_path)
    parameters = made.x.__kwdefaults__
    assert len(parameters) == len(keys) and {"error_type", "error_type_2", "error_type_3", "from_"} <= parameters.keys()
    assert set(made.x(**dict.fromkeys(parameters, "v")).payload) == set(keys)


def test_the_same_registry_gives_the_same_text() -> None:
    assert written(*EVENTS) == written(*reversed(EVENTS))


def test_a_module_knows_what_it_was_made_from() -> None:
    text = written(*EVENTS)
    document = compiled([Registry(SOURCE, Place(SOURCE), EVENTS, namespace="shop")])
    current = stamp(hash_of(lock_text(document)))
    assert stamp_of(text.encode()) == stamp_of(text.replace("\n", "\r\n").encode()) == current
    assert stamp_of(written(*EVENTS[1:]).encode()) != current
    assert stamp_of(b"import os\n") is None


schemas = st.recursive(
    st.sampled_from([{}, True, STR, INT, {"type": "odd"}, {"enum": ["a | b", None, 1.5, True]}, {"const": {"a": 1}}, {"enum": []}, {"type": []}, {"$ref": "#/$defs/no"}, {"$ref": "#"}, 5, {"enum": ["\"'\n\\\U0001f600\ud800"]}]),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(["object", ["object", "null"]]), "properties": st.dictionaries(st.text(max_size=4), inner, max_size=3)}, optional={"required": st.lists(st.text(max_size=3), max_size=2), "additionalProperties": inner, "description": st.text(max_size=9)}),
        st.builds(lambda word, parts: {word: parts}, st.sampled_from(["anyOf", "oneOf", "allOf", "prefixItems"]), st.lists(inner, max_size=3)),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=6), st.tuples(st.one_of(st.none(), schemas), st.text(max_size=12)), max_size=4))
def test_whatever_is_declared_the_module_runs(declared: dict[str, tuple[Any, str]]) -> None:
    events = [event(name, payload, summary=said) for name, (payload, said) in declared.items()]
    text = written(*events)
    text.encode()
    made = ModuleType("made_of_anything")
    sys.modules[made.__name__] = made
    exec(compile(text, "made.py", "exec", dont_inherit=True), vars(made))
    constants = [value for name, value in vars(made).items() if isinstance(value, str) and name in made.__all__]
    assert sorted(constants) == sorted(declared)
