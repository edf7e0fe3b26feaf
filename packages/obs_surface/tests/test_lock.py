"""The lock: read only as it was built, and refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from obs_surface import LockError
from obs_surface.lock import Lock
from surface_contract import DOCUMENT, LOCK

TEXT = LOCK.read_bytes()


def test_it_holds_what_the_registry_declares() -> None:
    lock = Lock.load(LOCK)
    assert lock.path == str(LOCK)
    assert lock.hash == DOCUMENT["hash"]
    assert lock.events["narralytica.search.executed"]["version"] == 1
    assert lock.correlation_fields["layer_name"]["at"] == "payload.layer_name"
    assert lock.chain["job_id"]["parent"] == "request_id"
    assert lock.lifecycles["job_run"]["key"] == "job_run_id"
    assert lock.classifications["pseudonymous"] == "hash"
    assert "transcript" in lock.sensitive_names
    assert lock.schemas["envelope"]["type"] == "object"


@pytest.mark.parametrize("change", [b"\xef\xbb\xbf%b", b"%b"])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "obs-registry.lock.json"
    path.write_bytes(change % TEXT.replace(b"\n", b"\r\n"))
    assert Lock.load(str(path)).hash == DOCUMENT["hash"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is cut off or was changed"),
        (TEXT[:5000], "is cut off or was changed"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"[" * 100_000, "can't be read"),
        (b"[]", "names no format"),
        (b'{"format": "obs-registry/1"}', "it is the registry itself"),
        (b'{"format": "obs-registry-lock/2"}', "use versions that belong together"),
        (b'{"format": 3}', "names no format"),
        (TEXT.replace(b'"version": 1', b'"version": 2', 1), "was changed after it was built"),
        (json.dumps(DOCUMENT).encode(), "has no hash of its own on a line"),
    ],
    ids=["empty", "cut", "utf-16", "deep", "array", "index", "later", "number", "edited", "reformatted"],
)
def test_anything_else_is_refused_with_its_path_and_what_to_do(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "obs-registry.lock.json"
    path.write_bytes(data)
    with pytest.raises(LockError) as raised:
        Lock.load(path)
    message = str(raised.value)
    assert str(path) in message and told in message
    assert "obs-registry-lock/2" in data.decode("latin-1") or "obs-lint registry build" in message
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


@pytest.mark.parametrize("path", ["missing.json", ".", "a\0b"])
def test_what_is_no_file_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(LockError, match=r"is not there|can't be read|is no path"):
        Lock.load(str(tmp_path / path))


@pytest.mark.parametrize(
    "document",
    [
        {**DOCUMENT, "events": [1]},
        {**DOCUMENT, "events": {"a.b": 1}},
        {**DOCUMENT, "events": {"a.b": {"source": "x", "version": "1"}}},
        {**DOCUMENT, "sources": {"x": {"correlation": {"chain": [{}]}}}},
        {"format": DOCUMENT["format"]},
    ],
    ids=["events", "event", "version", "chain", "empty"],
)
def test_what_is_not_laid_out_as_a_lock_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(LockError, match="is not laid out as a lock"):
        Lock.load(document)


def test_a_resource_of_a_package_will_do() -> None:
    class Resource:
        def read_bytes(self) -> bytes:
            return TEXT

        def __str__(self) -> str:
            return "acme_events/obs-registry.lock.json"

    assert Lock.load(Resource()).path == "acme_events/obs-registry.lock.json"
    with pytest.raises(LockError, match="give the path of the lock"):
        Lock.load(3)


def test_of_several_sources_the_first_counts() -> None:
    second = {
        "correlation": {"fields": {"job_id": {"type": "string"}, "tenant": {"type": "string"}}},
        "sensitive-names": ["ssn"],
    }
    lock = Lock.load({**DOCUMENT, "sources": {**DOCUMENT["sources"], "z": second}})
    assert lock.correlation_fields["job_id"]["type"] == "uuid"
    assert lock.correlation_fields["tenant"]["type"] == "string"
    assert lock.sensitive_names[-1] == "ssn"
