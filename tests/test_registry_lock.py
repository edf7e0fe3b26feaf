# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import gc
import json
import marshal
import re
import time
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from obs_lint.config.model import RegistrySource
from obs_lint.registry.lock import FORMAT, compiled, hash_of, lock_text, read
from obs_lint.registry.model import (
    ChainLink,
    CorrelationField,
    Deprecation,
    Event,
    Example,
    Lifecycle,
    Naming,
    Place,
    Problem,
    Registry,
    RegistryError,
)
from obs_lint.registry.outputs import index_of, lock_path, staleness
from obs_lint.registry.plain import plain, registry_of
from obs_lint.registry.reader import Reader

SCHEMA = json.loads(files("obs_lint").joinpath("schemas/registry-lock.schema.json").read_text("utf-8"))
INDEX = "contracts/obs-registry.yaml"

# -- registries of every kind

words = st.text(max_size=8)
names = st.text("abc.-_é\U0001f600 \"'\\/\n", min_size=1, max_size=8)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
objects = st.dictionaries(words, json_values, max_size=3)
tuples = st.lists(words, max_size=3).map(tuple)
numbers = st.integers(0, 9999)
places = st.builds(Place, st.sampled_from(["a.yaml", "b/c.yaml", "/d.py"]), numbers, numbers, numbers, numbers)
examples = st.lists(st.builds(Example, json_values, places, words), max_size=2).map(tuple)
events = st.builds(
    Event, names, places, words, words, numbers, words, words, words, words, tuples, tuples, tuples, words,
    st.one_of(st.none(), st.builds(Deprecation, words, words, words)), st.one_of(st.none(), objects), examples, examples,
    st.dictionaries(words, places, max_size=3), tuples,
)  # fmt: skip
namings = st.builds(
    lambda text, flags: Naming(text, re.compile(re.escape(text) + "(?:x)?", flags)),
    words,
    st.sampled_from([0, re.IGNORECASE, re.ASCII | re.DOTALL]),
)
lifecycles = st.builds(
    Lifecycle, names, words, words, tuples, st.booleans(), words, objects, words,
    st.dictionaries(words, tuples, max_size=2), st.dictionaries(words, words, max_size=2), places,
)  # fmt: skip
registries = st.builds(
    Registry,
    source=names,
    place=places,
    events=st.lists(events, max_size=3, unique_by=lambda event: event.name).map(tuple),
    namespace=words,
    naming=st.one_of(st.none(), namings),
    correlation=st.lists(
        st.builds(CorrelationField, names, words, words, tuples, words), max_size=2, unique_by=lambda one: one.name
    ).map(tuple),
    chain=st.lists(
        st.builds(ChainLink, names, words, st.booleans(), words, words, st.booleans()),
        max_size=2,
        unique_by=lambda one: one.field,
    ).map(tuple),
    lifecycles=st.lists(lifecycles, max_size=2, unique_by=lambda one: one.name).map(tuple),
    classifications=st.dictionaries(words, words, max_size=2),
    sensitive_names=st.lists(words, max_size=2, unique=True).map(tuple),
    schemas=st.dictionaries(words, objects, max_size=2),
    places=st.dictionaries(words, places, max_size=3),
    mirror=st.booleans(),
    complete=st.booleans(),
    problems=st.lists(st.builds(Problem, words, words, places, words, words, st.booleans()), max_size=2).map(tuple),
    inputs=tuples,
    exempt=st.lists(words, max_size=2, unique=True).map(tuple),
)


def test_the_strategies_know_every_field() -> None:
    """A new field of the model is to be written to the cache, and to the lock or not."""
    known = {
        Registry: "source place events namespace naming correlation chain lifecycles classifications sensitive_names "
        "schemas places mirror complete problems inputs exempt",
        Event: "name place source symbol version summary owner stability severity required optional producers smoke "
        "deprecated payload examples counterexamples places aliases",
        Lifecycle: "name key start terminal exactly_one_terminal deadline retry states_field transitions compensation place",
        CorrelationField: "name type header aliases at",
        ChainLink: "field parent root introduced_by new_per many",
        Deprecation: "since replaced_by remove_after",
        Example: "payload place because",
        Problem: "code message place help target fatal",
        Naming: "text pattern",
    }
    assert {kind: [field.name for field in fields(kind)] for kind in known} == {
        kind: names.split() for kind, names in known.items()
    }


# -- plain values, for the cache


@settings(max_examples=150, deadline=None)
@given(registries)
def test_a_registry_survives_the_cache(registry: Registry) -> None:
    kept = marshal.loads(marshal.dumps(plain(registry)))
    back = registry_of(kept)
    assert back == registry
    for event, known in zip(back.events, registry.events, strict=True):
        assert dict(event.places) == known.places and list(event.places) == list(known.places)
        assert len(event.places) == len(known.places) and event.places.get("no such") is None


def test_what_is_no_json_is_kept_as_text() -> None:
    class Odd(dict[str, Any]):
        pass

    from datetime import date

    payload = Odd({"enum": (date(2026, 1, 2), 1.5, True)})
    event = Event("a", Place("a.yaml"), payload=payload)
    back = registry_of(marshal.loads(marshal.dumps(plain(Registry("a", Place("a"), (event,))))))
    assert back.events[0].payload == {"enum": ["2026-01-02", 1.5, True]}


# -- the lock


def declared_in(registry: Registry, source: str) -> Registry:
    """What a lock keeps of a registry: all but where it is written and what is wrong with it."""

    def example(one: Example, place: Place) -> Example:
        return replace(one, place=place)

    kept = [
        replace(
            event,
            source=source,
            place=Place(""),
            places={},
            examples=tuple(replace(one, place=Place(""), because="") for one in event.examples),
            counterexamples=tuple(example(one, Place("")) for one in event.counterexamples),
        )
        for event in sorted(registry.events, key=lambda event: event.name)
    ]
    return replace(
        registry,
        source=source,
        place=Place(""),
        events=tuple(kept),
        naming=registry.naming and Naming(registry.naming.text, re.compile("")),
        correlation=tuple(sorted(registry.correlation, key=lambda field: field.name)),
        lifecycles=tuple(
            replace(one, place=Place("")) for one in sorted(registry.lifecycles, key=lambda lifecycle: lifecycle.name)
        ),
        places={},
        problems=(),
        inputs=(),
        mirror=False,
    )


@settings(max_examples=150, deadline=None)
@given(registries)
def test_a_lock_keeps_what_is_declared(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> None:
    folder = tmp_path_factory.getbasetemp()
    document = compiled([registry])
    text = lock_text(document)
    assert text.isascii() and text.endswith("}\n") and "\r" not in text
    (folder / "any.lock.json").write_text(text, encoding="ascii", newline="\n")
    Draft202012Validator(SCHEMA).validate(json.loads(text))
    back = read(RegistrySource("lock:any.lock.json"), Reader(str(folder)))
    assert declared_in(back, "x") == declared_in(registry, "x")
    if registry.naming is not None:
        assert back.naming is not None
        for name in (registry.naming.text, registry.naming.text.upper(), registry.naming.text + "x"):
            assert back.naming.fits(name) == registry.naming.fits(name)
    lines = text.split("\n")
    for event in back.events:
        assert lines[event.place.line - 1].startswith(json.dumps(event.name) + ": {")
    assert lock_text(compiled([replace(registry, events=registry.events[::-1])])) == text


def event(name: str, **more: Any) -> Event:
    return Event(name, Place(INDEX, 3), INDEX, **more)


def some(*events: Event, source: str = INDEX, **more: Any) -> Registry:
    return Registry(source, Place(source), events, **more)


def written(folder: Path, text: str, newline: str = "\n") -> Registry:
    (folder / "a.lock.json").write_text(text, encoding="utf-8", newline=newline)
    return read(RegistrySource("lock:a.lock.json"), Reader(str(folder)))


def test_the_text_is_canonical() -> None:
    text = lock_text(compiled([some(event("b.é", severity="info"), event("a.b"), namespace="x")]))
    assert text.splitlines() == [
        "{",
        '"events": {',
        '"a.b": {"source": "contracts/obs-registry.yaml", "version": 1},',
        '"b.\\u00e9": {"severity": "info", "source": "contracts/obs-registry.yaml", "version": 1}',
        "},",
        '"format": "obs-registry-lock/1",',
        f'"hash": "{hash_of(text)}",',
        '"sources": {',
        '"contracts/obs-registry.yaml": {"namespace": "x"}',
        "}",
        "}",
    ]


def test_the_hash_can_be_checked_by_hand() -> None:
    from hashlib import sha256

    text = lock_text(compiled([some(event("a"))]))
    rest = "".join(line for line in text.splitlines(keepends=True) if not line.startswith('"hash"'))
    assert hash_of(text) == "sha256:" + sha256(rest.encode()).hexdigest()


def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    text = lock_text(compiled([some(event("a"))]))
    assert written(tmp_path, text, "\r\n").events[0].name == "a"
    assert written(tmp_path, "\ufeff" + text).events[0].name == "a"


def test_of_a_name_in_two_sources_the_original_counts() -> None:
    own = some(event("a", severity="info"))
    copy = some(replace(event("a", severity="debug"), source="lock:x"), event("b"), source="lock:x", mirror=True)
    document = compiled([copy, own])
    assert (document["events"]["a"]["severity"], document["events"]["a"]["source"]) == ("info", INDEX)
    assert document["events"]["b"]["source"] == "lock:x" and document["sources"]["lock:x"] == {"mirror": True}


def test_several_sources_in_one_lock_are_one_registry(tmp_path: Path) -> None:
    one = some(event("a.x"), namespace="a", naming=Naming("a", re.compile("(?i)a\\..+")), sensitive_names=("pin",))
    two = some(event("b.x"), source="two.yaml", namespace="b", naming=Naming("b", re.compile("b\\..+")))
    found = written(tmp_path, lock_text(compiled([one, two])))
    assert found.naming is not None and found.namespace == "" and found.sensitive_names == ("pin",)
    fits = [name for name in ("a.x", "A.x", "b.x", "B.x", "c.x") if found.naming.fits(name)]
    assert fits == ["a.x", "A.x", "b.x"]
    three = some(event("c"), source="python:shop:Ev", complete=False)
    found = written(tmp_path, lock_text(compiled([one, two, three])))
    assert found.naming is None and not found.complete, "a source that says nothing of names lets all pass"


PORTABLE = {
    "/usr/lib/python3/site-packages/acme/obs.yaml": "package:acme/obs.yaml",
    "lock:/v/lib/dist-packages/acme/x.lock.json": "package:acme/x.lock.json",
    "/home/me/obs_lint/obs_lint/presets/narralytica/obs-registry.yaml": "package:obs_lint/presets/narralytica/obs-registry.yaml",
    "/srv/shared/obs/index.yaml": "…/obs/index.yaml",
    "python:shop.obs:Ev": "python:shop.obs:Ev",
    "contracts/obs-registry.yaml": "contracts/obs-registry.yaml",
}  # fmt: skip


@pytest.mark.parametrize("source", PORTABLE)
def test_a_lock_is_the_same_on_every_machine(source: str) -> None:
    assert list(compiled([some(source=source)])["sources"]) == [PORTABLE[source]]


def test_what_is_no_json_can_not_be_written() -> None:
    for payload in ({"maximum": float("inf")}, {"enum": [{1, 2}]}):
        with pytest.raises(RegistryError, match="`a` can't be written to a lock"):
            lock_text(compiled([some(event("a", payload=payload))]))


GOOD = lock_text(compiled([some(event("a.b", payload={"type": "object"}), event("c", severity="info"))]))


def resealed(text: str) -> str:
    """A lock with that content and the right hash: what a tool could write."""
    from hashlib import sha256

    rest = "".join(line for line in text.splitlines(keepends=True) if not line.startswith('"hash"'))
    return re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + sha256(rest.encode()).hexdigest(), text)


BAD = (
    ("", 1, "cut off or was changed"),
    ("[]", 1, "names no `format`"),
    ("null", 1, "names no `format`"),
    (GOOD[: len(GOOD) // 2], 4, "cut off or was changed"),
    ("<<<<<<< HEAD\n" + GOOD, 1, "cut off or was changed"),
    (GOOD.replace('"info"', '"error"'), 7, "was changed after it was built"),
    (GOOD.replace('"c": {', '"d": {'), 7, "was changed after it was built"),
    (re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, GOOD), 7, "was changed after it was built"),
    (GOOD.replace('"hash"', '"hush"'), 1, "no hash of its own"),
    (json.dumps(json.loads(GOOD)), 1, "no hash of its own"),
    (GOOD.replace(FORMAT, "obs-registry-lock/2"), 1, "no lock of this kind"),
    (GOOD.replace(FORMAT, "obs-registry/1"), 1, "no lock of this kind"),
    (resealed(GOOD.replace('"version": 1', '"revision": 1')), 1, "is not laid out as a lock"),
    (resealed(GOOD.replace('"sources": {', '"origins": {')), 1, "is not laid out as a lock"),
    (resealed(GOOD.replace('{"severity"', '{"correlation": 5, "severity"')), 1, "is not laid out as a lock"),
    (resealed(GOOD.replace('yaml": {}', 'yaml": {"naming": {"text": "x", "pattern": "("}}')), 1, "is not laid out"),
    ("[" * 100_000, 1, "nested too deeply"),
)


@pytest.mark.parametrize(("text", "line", "message"), BAD, ids=range(len(BAD)))
def test_a_lock_that_is_not_as_it_was_built(tmp_path: Path, text: str, line: int, message: str) -> None:
    assert text != GOOD
    with pytest.raises(RegistryError, match=message) as caught:
        written(tmp_path, text)
    [problem] = caught.value.problems
    assert (problem.code, problem.fatal, problem.place.path, problem.place.line) == (
        "registry",
        True,
        "a.lock.json",
        line,
    )
    assert problem.help


def test_no_lock_at_all_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="can't be read"):
        read(RegistrySource("lock:no.json"), Reader(str(tmp_path)))
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(RegistryError, match="no text in UTF-8"):
        read(RegistrySource("lock:a.json"), Reader(str(tmp_path)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_is_noticed(tmp_path_factory: pytest.TempPathFactory, index: int, new: str) -> None:
    changed = GOOD[:index] + new + GOOD[index + 1 :]
    if changed.replace("\r\n", "\n") != GOOD:
        with pytest.raises(RegistryError):
            written(tmp_path_factory.getbasetemp(), changed)


# -- where a lock is, and whether it is fresh

SOURCES = (
    (("contracts/obs-registry.yaml",), "contracts/obs-registry.lock.json", "contracts/obs-registry.yaml"),
    (("python:a:B", "x/events.yml"), "x/events.lock.json", "x/events.yml"),
    (("python:a:B", "schemas:x/"), "obs-registry.lock.json", ""),
    (("/opt/preset/obs-registry.yaml",), "obs-registry.lock.json", ""),
    (("/opt/preset/obs-registry.yaml", "b.yaml", "c.yaml"), "b.lock.json", "b.yaml"),
)


@pytest.mark.parametrize(("sources", "lock", "index"), SOURCES, ids=str)
def test_where_the_lock_is(sources: tuple[str, ...], lock: str, index: str) -> None:
    given_sources = [RegistrySource(source) for source in sources]
    assert (lock_path(given_sources), index_of(given_sources)) == (lock, index)


def test_a_copy_is_not_where_the_lock_is() -> None:
    assert lock_path([RegistrySource("a.yaml", mirror=True), RegistrySource("b.yaml")]) == "b.lock.json"


def test_how_a_lock_is_stale() -> None:
    now = lock_text(compiled([some(event("a"), event("b", severity="info"), event("new"), namespace="x")]))
    old = lock_text(compiled([some(event("a"), event("b"), event("old"))]))
    assert staleness("l", now, now.encode()) == staleness("l", now, now.replace("\n", "\r\n").encode()) == ""
    assert staleness("l", now, None) == "`l` is missing"
    assert staleness("l", now, old.encode()) == (
        "`l` is stale: `new` is new; `old` is gone; `b` differs; what is declared beside events differs"
    )
    assert "damaged" in staleness("l", now, b"<<<<")
    assert "damaged" in staleness("l", now, b"[]")
    assert "was edited" in staleness("l", now, json.dumps(json.loads(now)).encode())
    many = lock_text(compiled([some(*(event(f"e{n}") for n in range(9)))]))
    assert "`e0`, `e1`, `e2` and 6 more are new" in staleness("l", many, old.encode())


# -- cost


def many(count: int) -> Registry:
    def payload(number: int) -> dict[str, Any]:
        kinds = ("string", "integer", "number", "boolean")
        properties = {f"field_{n}": {"type": kinds[n % 4], "x-obs": {"privacy": "none"}, "n": number} for n in range(8)}
        return {"type": "object", "required": ["field_0", "field_1"], "properties": properties}

    places = {f"/payload/properties/field_{n}": Place("e.yaml", n + 5, 9, n + 5, 20) for n in range(20)}
    return some(
        *(
            event(f"shop.area{n // 20}.action{n}", summary="What happened.", payload=payload(n), places=places)
            for n in range(count)
        )
    )


def quickest(what: Any, times: int = 5) -> float:
    gc.collect()
    gc.disable()
    try:
        found = []
        for _ in range(times):
            started = time.perf_counter()
            what()
            found.append(time.perf_counter() - started)
        return min(found)
    finally:
        gc.enable()


def test_two_thousand_events_load_fast(tmp_path: Path) -> None:
    """The bounds are 150 ms and 60 ms on a quiet machine; twice that leaves room for a busy one."""
    registry = many(2000)
    (tmp_path / "a.lock.json").write_text(lock_text(compiled([registry])), encoding="ascii")
    assert quickest(lambda: read(RegistrySource("lock:a.lock.json"), Reader(str(tmp_path)))) < 0.3
    kept = marshal.dumps(plain(registry))
    assert quickest(lambda: registry_of(marshal.loads(kept))) < 0.12
