"""Redaction: the registry's privacy classes and sensitive names decide what leaves, wherever in the payload it is."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration
from obs_surface.redact import FORBIDDEN, Redaction, hasher

KEY = b"key"
CLASSES = {"none": "allow", "pseudonymous": "hash", "personal": "forbid", "secret": "forbid"}
NAMES = ["query", "apiKey", "*_password"]


def hashed(text: str) -> str:
    return "hash:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def privacy(label: str, **schema: Any) -> dict[str, Any]:
    return {**schema, "x-obs": {"privacy": label}}


def redacted(schema: Any, payload: dict[str, Any], names: list[str] = NAMES) -> dict[str, Any]:
    plan = Redaction(CLASSES, names, hasher(KEY)).plan(schema)
    return payload if plan is None else plan(payload)


EMAIL = {"properties": {"email": privacy("personal"), "user": privacy("pseudonymous"), "mode": privacy("none")}}
LIST = {"properties": {"people": {"items": EMAIL}, "ids": {"items": privacy("pseudonymous")}}}
BY_REFERENCE = {
    "properties": {"contact": {"$ref": "#/$defs/contact"}, "next": {"$ref": "#"}},
    "$defs": {"contact": {"allOf": [EMAIL, {"properties": {"mode": privacy("secret")}}]}},
}


@pytest.mark.parametrize(
    ("schema", "payload", "written"),
    [
        (EMAIL, {"email": "a@b", "user": "u1", "mode": "x"}, {"email": FORBIDDEN, "user": hashed("u1"), "mode": "x"}),
        (EMAIL, {"email": None, "user": None}, {"email": None, "user": None}),
        (
            EMAIL,
            {"email": {"home": "a@b"}, "user": {"b": 1, "a": ["u", None]}},
            {"email": FORBIDDEN, "user": {"b": hashed("1"), "a": [hashed("u"), None]}},
        ),
        (EMAIL, {"user": hashed("u1")}, {"user": hashed("u1")}),
        (EMAIL, {"user": "hash:me"}, {"user": hashed("hash:me")}),
        (EMAIL, {"user": 7}, {"user": hashed("7")}),
        (
            LIST,
            {"people": [{"email": "a"}, {"x": 1}], "ids": ["a", 1]},
            {"people": [{"email": FORBIDDEN}, {"x": 1}], "ids": [hashed("a"), hashed("1")]},
        ),
        (BY_REFERENCE, {"contact": {"email": "a", "mode": "m"}}, {"contact": {"email": FORBIDDEN, "mode": FORBIDDEN}}),
        (
            BY_REFERENCE,
            {"next": {"next": {"contact": {"user": "u"}}}},
            {"next": {"next": {"contact": {"user": hashed("u")}}}},
        ),
    ]
    + [
        (
            {"allOf": [{"properties": {"a": privacy(one)}}, {"properties": {"a": privacy(other)}}]},
            {"a": "1"},
            {"a": FORBIDDEN},
        )
        for one, other in (("secret", "none"), ("none", "secret"), ("pseudonymous", "personal"))
    ]
    + [
        ({"anyOf": [{}, EMAIL]}, {"email": "a"}, {"email": FORBIDDEN}),
        ({"if": {}, "then": EMAIL}, {"email": "a"}, {"email": FORBIDDEN}),
        ({"patternProperties": {"^x_": privacy("secret")}}, {"x_1": "a", "y": "b"}, {"x_1": FORBIDDEN, "y": "b"}),
        (
            {"additionalProperties": privacy("secret"), "properties": {"a": {}}},
            {"a": "1", "b": "2"},
            {"a": "1", "b": FORBIDDEN},
        ),
        (
            {"prefixItems": []} | {"properties": {"t": {"prefixItems": [privacy("personal")]}}},
            {"t": ["a"]},
            {"t": [FORBIDDEN]},
        ),
        ({"properties": {"a": privacy("nobody-declared-it")}}, {"a": 1}, {"a": FORBIDDEN}),
        ({"properties": {"query": privacy("none")}}, {"query": "q"}, {"query": "q"}),
        ({"properties": {"query": privacy("pseudonymous")}}, {"query": "q"}, {"query": hashed("q")}),
        (None, {"query": "q", "Query": "q", "queries": "q"}, {"query": FORBIDDEN, "Query": FORBIDDEN, "queries": "q"}),
        ({}, {"api_key": "k", "API-Key": "k", "key": "k"}, {"api_key": FORBIDDEN, "API-Key": FORBIDDEN, "key": "k"}),
        (
            {},
            {"old_password": "p", "password": "p", "password_set": True},
            {"old_password": FORBIDDEN, "password": FORBIDDEN, "password_set": True},
        ),
        ({}, {"a": [{"b": ({"query": "q"},)}]}, {"a": [{"b": [{"query": FORBIDDEN}]}]}),
        ({}, {"query": ["a", "b"]}, {"query": FORBIDDEN}),
        (True, {"a": 1}, {"a": 1}),
    ],
)
def test_payloads_are_rewritten(schema: Any, payload: dict[str, Any], written: dict[str, Any]) -> None:
    import copy

    before = copy.deepcopy(payload)
    assert redacted(schema, payload) == written
    assert payload == before


def test_what_has_nothing_to_hide_is_the_same_object() -> None:
    payload = {"mode": "x", "filters": {"a": [1, {"b": 2}]}}
    assert redacted(EMAIL, payload) is payload
    assert Redaction(CLASSES, [], hasher(KEY)).plan({"properties": {"a": {}}}) is None


def test_keys_made_of_data_do_not_fill_the_memory() -> None:
    plan: Any = Redaction(CLASSES, NAMES, hasher(KEY)).plan({})
    for number in range(10_000):
        assert plan({f"k{number}": 1, f"old{number}_password": "p"})[f"old{number}_password"] == FORBIDDEN
    assert len(plan.__self__) <= 4096


def test_without_classes_the_usual_ones_hold() -> None:
    plan: Any = Redaction({}, [], hasher(KEY)).plan(EMAIL)
    assert plan({"email": "a", "user": "u"}) == {"email": FORBIDDEN, "user": hashed("u")}


@pytest.fixture
def document() -> dict[str, Any]:
    return {
        "format": "obs-registry-lock/1",
        "events": {"a.b": {"source": "x", "version": 1, "payload": {**EMAIL, "type": "object"}}},
        "sources": {
            "x": {"classifications": {k: {"payload": v} for k, v in CLASSES.items()}, "sensitive-names": NAMES}
        },
    }


@pytest.mark.parametrize("careful", [False, True])
def test_what_is_emitted_is_redacted_either_way(document: dict[str, Any], careful: bool) -> None:
    sink = obs.MemorySink()
    obs.configure("api", "1", "test", registry=document, sinks=[sink], hash_key=KEY)
    payload: dict[Any, Any] = {"email": "a@b", "user": "u1", "deep": [{"old_password": "p"}]}
    odd: dict[Any, Any] = {1: 2}
    obs.emit("a.b", payload | odd if careful else payload)
    configuration.reset()
    written = sink.records[0]["payload"]
    assert {key: written[key] for key in payload} == {
        "email": FORBIDDEN,
        "user": hashed("u1"),
        "deep": [{"old_password": FORBIDDEN}],
    }
    assert b"a@b" not in b"".join(sink.lines)


def test_fields_of_instrumented_functions_and_of_log_lines_are_redacted(document: dict[str, Any]) -> None:
    sink = obs.MemorySink()
    surface = obs.configure("api", "1", "test", registry=document, sinks=[sink])
    obs.emit("obs.operation.started", {"operation": "f", "fields": {"query": "q"}})
    assert surface.redact_fields is not None
    assert surface.redact_fields({"query": "q", "n": 1}) == {"query": FORBIDDEN, "n": 1}
    configuration.reset()
    assert sink.records[0]["payload"]["fields"] == {"query": FORBIDDEN}


def test_without_a_key_of_the_deployment_hashes_are_not_those_of_the_bare_value(document: dict[str, Any]) -> None:
    sink = obs.MemorySink()
    obs.configure("api", "1", "test", registry=document, sinks=[sink])
    obs.emit("a.b", {"user": "u1"})
    obs.emit("a.b", {"user": "u1"})
    configuration.reset()
    first, second = (record["payload"]["user"] for record in sink.records)
    assert first == second
    assert first not in (hashed("u1"), "hash:" + hashlib.sha256(b"u1").hexdigest())


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"k" * 65, b"k" * 200])
def test_hashes_are_hmac_with_keys_of_any_length(key: bytes) -> None:
    assert hasher(key)("é") == "hash:" + hmac.new(key, "é".encode(), hashlib.sha256).hexdigest()
    assert hasher(key)({"b": {1}, "a": 1}) == "hash:" + hmac.new(key, b'{"a":1,"b":[1]}', hashlib.sha256).hexdigest()
