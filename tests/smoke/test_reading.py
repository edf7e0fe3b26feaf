from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from obs_lint.smoke import objects, reading
from obs_lint.smoke.fields import Fields, FieldsError
from obs_lint.smoke.reading import LineReader, ReadError, read_file, read_lines, read_stream
from obs_lint.smoke.records import Record

ENVELOPE: dict[str, Any] = {
    "event_name": "narralytica.layer.failed",
    "occurred_at": "2025-11-20T09:14:33.140Z",
    "correlation": {
        "job_id": "0192f0c1-7b02-7d19-8c55-60b7f1d2a9e4",
        "job_run_id": "0192f0c1-8e4f-7a60-b3d7-91c2e5f4087b",
    },
    "actor": {"service_name": "enrich", "service_version": "2.3.1", "env": "prod"},
    "payload": {"layer_name": "topics", "attempt": 1},
    "severity": "error",
    "schema_version": "1",
}
LINE = json.dumps(ENVELOPE)
IDS = {**ENVELOPE["correlation"], "layer_name": "topics"}
AT = 1763630073140000000


@pytest.fixture(params=["orjson", "json"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "json":
        monkeypatch.setattr(objects, "loads", objects._strict_loads)
        monkeypatch.setattr(reading, "loads", objects._strict_loads)
    return str(request.param)


def read(data: bytes | str, **options: Any) -> list[Record]:
    return list(read_stream(io.BytesIO(data.encode() if isinstance(data, str) else data), "s", **options))


def kinds(records: list[Record]) -> str:
    return " ".join(record.kind for record in records)


def test_an_envelope(parser: str) -> None:
    (record,) = read(LINE + "\n")
    assert record[:5] == ("event", "narralytica.layer.failed", AT, IDS, ENVELOPE["payload"])
    assert (record.body, record.source, record.line, record.service) == (ENVELOPE, "s", 1, "enrich")
    assert (record.severity, record.raw, record.version) == ("error", LINE.encode(), "1")
    assert (record.time_text, record.resource, record.form) == (
        "2025-11-20T09:14:33.140Z",
        ENVELOPE["actor"],
        "envelope",
    )


def test_ids_are_the_correlation_itself_where_nothing_is_to_resolve() -> None:
    (record,) = read(json.dumps({**ENVELOPE, "payload": {}}))
    assert record.ids is record.body["correlation"]


# Each line comes out as the same event: only what is around it differs. What stands after `|` is the service expected.
WRAPPED = [
    ("docker compose v2", b"api-1  | %s", "enrich"),
    ("docker compose v1", b"api_1 | %s", "enrich"),
    ("compose with colours", b"\x1b[36mapi-1  | \x1b[0m%s", "enrich"),
    ("compose --timestamps", b"api-1  | 2025-11-20T09:14:33.140512345Z %s", "enrich"),
    ("honcho", b"12:00:00 api.1   | %s", "enrich"),
    ("kubectl --timestamps", b"2025-11-20T09:14:33.140512345Z %s", "enrich"),
    ("kubectl --prefix", b"[pod/api-6d4cf-x/api] %s", "enrich"),
    ("kubectl --prefix --timestamps", b"[pod/api-6d4cf-x/api] 2025-11-20T09:14:33.140512345Z %s", "enrich"),
    ("stern", b"api-6d4cf-x api %s", "enrich"),
    ("CRI", b"2025-11-20T09:14:33.140512345Z stdout F %s", "enrich"),
    ("CRI with an offset", b"2025-11-20T09:14:33.140512345+00:00 stderr F %s", "enrich"),
    ("journalctl short-iso", b"2025-11-20T09:14:33+0000 host enrich[12]: %s", "enrich"),
    ("syslog, RFC 3164", b"Nov 20 09:14:33 host enrich[12]: %s", "enrich"),
    ("syslog, RFC 5424", b"<34>1 2025-11-20T09:14:33.003Z host enrich 12 ID47 - %s", "enrich"),
    ("a logger's format", b"INFO:obs:%s", "enrich"),
    ("CRLF", b"%s\r", "enrich"),
    ("white space", b"  %s  ", "enrich"),
    ("UTF-8 mark", b"\xef\xbb\xbf%s", "enrich"),
    ("JSON text sequence", b"\x1e%s", "enrich"),
    ("the hole of a truncated file", b"\0\0\0\0%s", "enrich"),
]


@pytest.mark.parametrize(("shape", "service"), [pytest.param(*row[1:], id=row[0]) for row in WRAPPED])
def test_what_stands_around_a_line_is_taken_off(parser: str, shape: bytes, service: str) -> None:
    line = shape % LINE.encode()
    (record,) = read(line + b"\n")
    assert (record.kind, record.name, record.time, record.ids, record.body) == (
        "event", "narralytica.layer.failed", AT, IDS, ENVELOPE,
    )  # fmt: skip
    assert record.service == service
    assert LINE.encode() in record.raw


@pytest.mark.parametrize(
    "outer",
    [
        {"log": LINE + "\n", "stream": "stdout", "time": "2025-11-20T09:14:40Z"},
        {"log": LINE, "stream": "stdout", "kubernetes": {"container_name": "c"}},
        {"MESSAGE": LINE, "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1763630073140000", "_SYSTEMD_UNIT": "x.service"},
        {"MESSAGE": list(LINE.encode()), "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1763630073140000"},
        {"timestamp": "2025-11-20T09:14:40Z", "level": "info", "message": LINE},
        {"level": "info", "event": ENVELOPE},
        {"specversion": "1.0", "type": "x", "source": "/y", "id": "1", "data": ENVELOPE},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": LINE}}]}]}]},
    ],
    ids=[
        "docker json-file",
        "fluent-bit",
        "journald",
        "journald bytes",
        "message",
        "event",
        "CloudEvents",
        "OTLP body",
    ],
)
def test_an_envelope_within_another_object_is_the_event(parser: str, outer: dict[str, Any]) -> None:
    (record,) = read(json.dumps(outer))
    assert (record.kind, record.name, record.time, record.ids) == ("event", ENVELOPE["event_name"], AT, IDS)
    assert (record.body, record.service, record.severity, record.form) == (ENVELOPE, "enrich", "error", "envelope")


def test_pieces_of_a_long_line_are_joined(parser: str) -> None:
    head, middle, tail = LINE[:40], LINE[40:90], LINE[90:]
    time = "2025-11-20T09:14:33Z"
    text = f"{time} stdout P {head}\n{time} stderr F between\n{time} stdout P {middle}\n{time} stdout F {tail}\n"
    records = read(text)
    assert kinds(records) == "text event"
    assert (records[1].body, records[1].line, records[1].raw) == (ENVELOPE, 4, LINE.encode())

    long = json.dumps({**ENVELOPE, "payload": {"text": "x" * 40_000}})
    pieces = [long[at : at + 16384] for at in range(0, len(long), 16384)]
    lines = [json.dumps({"log": piece, "stream": "stdout"}) for piece in pieces[:-1]]
    lines.append(json.dumps({"log": pieces[-1] + "\n", "stream": "stdout"}))
    (record,) = read("\n".join(lines))
    assert record.body == json.loads(long)


def test_a_long_line_that_is_never_finished_is_told() -> None:
    (record,) = read('2025-11-20T09:14:33Z stdout P {"event_name": "a', max_line=1000)
    assert (record.kind, record.reason) == ("broken", "a long line on stdout is cut off at the end")


DOCUMENTS = [
    ("pretty-printed", json.dumps(ENVELOPE, indent=2), "event"),
    ("pretty-printed, one after the other", (json.dumps(ENVELOPE, indent=2) + "\n") * 3, "event event event"),
    ("an array on one line", json.dumps([ENVELOPE, ENVELOPE]), "event event"),
    ("an array, pretty-printed", json.dumps([ENVELOPE, ENVELOPE], indent=2), "event event"),
    ("an array, pretty-printed with tabs", json.dumps([ENVELOPE, ENVELOPE], indent="\t"), "event event"),
    ("an array of lines", "[\n" + LINE + ",\n" + LINE + "\n]\n", "event event"),
    ("an array of lines, closed on the last", "[\n" + LINE + ",\n" + LINE + "]\n", "event event"),
    ("an array, brace by brace", "[{\n" + LINE[1:-1] + "\n}, {\n" + LINE[1:-1] + "\n}]", "event event"),
    ("a document among lines", LINE + "\n" + json.dumps(ENVELOPE, indent=1) + "\n" + LINE, "event event event"),
    ("an array, then lines", json.dumps([ENVELOPE], indent=2) + "\n" + LINE + "\nprose", "event event text"),
    ("an empty array", "[]", ""),
    ("an empty array on two lines", "[\n]\n", ""),
    ("nothing", "", ""),
    ("empty lines", "\n\r\n  \n", ""),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*row[1:], id=row[0]) for row in DOCUMENTS])
def test_documents(parser: str, text: str, expected: str) -> None:
    records = read(text)
    assert kinds(records) == expected
    assert all(record.body == ENVELOPE for record in records if record.kind == "event")


BROKEN = [
    ("cut off", LINE[:80].encode(), "broken", "cut off: the object does not end"),
    ("cut off, then others", LINE[:80].encode() + b"\n" + LINE.encode(), "broken event",
     "cut off: the object does not end"),
    ("cut off at a comma", b'{"a": {"b": 1,\n' + LINE.encode(), "broken event",
     "cut off: another object begins before the end of this one"),
    ("a document that does not end", b'{\n  "a": 1,\n', "broken",
     "the document is cut off at the end of the source (lines 1 to 2)"),
    ("not UTF-8", b'{"event_name": "caf\xe9"}', "broken", "not UTF-8 at byte 20"),
    ("NaN", b'{"event_name": "a", "payload": {"x": NaN}}', "broken", "NaN is not JSON (at byte 38)"),
    ("NUL within", b'{"a": "\0"}', "broken", "NUL byte at byte 8, not JSON"),
    ("NULs only", b"\0" * 64, "broken", "only NUL bytes"),
    ("binary", b"\x89PNG\0\0\0\0\0\0\0\0", "broken", "binary data, not a line of text"),
    ("interleaved", b'{"a":1}{"b":2}', "broken", "two objects on one line (at byte 8): their writers interleave"),
    ("a lone surrogate", b'{"a": "\\ud800"}', "broken", None),
    ("nested without end", b'{"a":' * 5000 + b"1" + b"}" * 5000, "broken", None),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected", "reason"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_what_cannot_be_read_is_told(parser: str, data: bytes, expected: str, reason: str | None) -> None:
    records = read(data)
    assert kinds(records) == expected
    assert records[0].line == 1
    if reason is not None:
        assert records[0].reason == reason
    assert records[0].raw or not data


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "{'a': 1}",
        "[1, 2, 3]",
        "[INFO] started",
        "{x} not found",
        "a | b | c",
        "42",
        '"text"',
    ],
)
def test_prose_is_text(parser: str, line: str) -> None:
    (record,) = read(line)
    assert (record.kind, record.payload["message"]) == ("text", line)


def test_prose_behind_a_prefix_is_text_without_it() -> None:
    (record,) = read("api-1  | \x1b[32mINFO\x1b[0m started")
    assert (record.kind, record.payload["message"], record.service) == ("text", "INFO started", "api")


def test_an_object_among_prose_is_prose_unless_it_is_an_envelope() -> None:
    assert kinds(read('posted {"a": 1}')) == "text"


def test_a_line_over_the_limit_is_told_and_the_rest_is_read() -> None:
    long = json.dumps({"a": "x" * 300_000})
    records = read(f"{LINE}\n{long}\n{LINE}\n{long}", max_line=100_000)
    assert [(record.kind, record.line) for record in records] == [
        ("event", 1),
        ("broken", 2),
        ("event", 3),
        ("broken", 4),
    ]
    assert records[1].reason == f"line of {len(long)} bytes, over the limit of 100000; the record keeps 65536"
    assert records[1].raw == long.encode()[:65536]


def test_memory_does_not_grow_with_a_line_that_never_ends() -> None:
    class Endless(io.RawIOBase):
        left = 40

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x" * 100_000 if self.left > 0 else b""

    reader = reading.BlockReader(LineReader("s", max_line=200_000))
    stream = Endless()
    while block := stream.read():
        assert reader.feed(block) == []
        assert sum(map(len, reader._carry)) <= 300_000
    (record,) = reader.finish()
    assert record.reason.startswith("line of 3900000 bytes")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    text = (LINE.replace("topics", "thèmes 🎤") + "\r\n") * 2000
    records = read(text.encode(encoding))
    assert kinds(records) == " ".join(["event"] * 2000)
    assert {record.ids["layer_name"] for record in records} == {"thèmes 🎤"}
    assert records[-1].line == 2000


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed(compress: Any) -> None:
    assert kinds(read(compress((LINE + "\n").encode() * 50))) == " ".join(["event"] * 50)


def test_a_compressed_file_that_is_cut_off() -> None:
    data = gzip.compress(b"".join(json.dumps({"a": number}).encode() + b"\n" for number in range(20_000)))
    records = read(data[: len(data) // 2])
    assert records[-1].kind == "broken" and "can't be read further" in records[-1].reason
    assert len(records) > 1000


def test_two_gzip_members_are_one_stream() -> None:
    assert kinds(read(gzip.compress(LINE.encode() + b"\n") * 2)) == "event event"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(LINE)
    (record,) = read_file(path)
    assert record.source == path.as_posix()
    with pytest.raises(ReadError, match="No such file"):
        read_file(tmp_path / "missing.jsonl")
    with pytest.raises(ReadError):
        read_file(tmp_path)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_blocks_may_end_anywhere(size: int) -> None:
    data = "\n".join([LINE, json.dumps(ENVELOPE, indent=2), "prose é", "[", LINE + ",", LINE, "]", LINE]).encode()
    reader = reading.BlockReader(LineReader("s"))
    found = [record for at in range(0, len(data), size) for record in reader.feed(data[at : at + size])]
    assert found + reader.finish() == read(data)


# The lines of common loggers, all of one moment, and what is to be found in each.
LOGS = [json.loads(line) for line in Path(__file__).with_name("log_lines.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("body", "expected"), [pytest.param(row["line"], row["expected"], id=row["of"]) for row in LOGS]
)
def test_log_lines(parser: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    (record,) = read(json.dumps(body))
    found = {name: getattr(record, name) for name in expected}
    assert (record.kind, record.time, found) == ("log", AT, expected)
    assert record.payload == body


# Envelopes with something wrong in them are envelopes: the check of the envelope is to see them.
@pytest.mark.parametrize(
    ("change", "name", "ids", "service"),
    [
        ({"event_name": 5}, "", IDS, "enrich"),
        ({"correlation": None}, "narralytica.layer.failed", {"layer_name": "topics"}, "enrich"),
        ({"correlation": "x"}, "narralytica.layer.failed", {"layer_name": "topics"}, "enrich"),
        ({"correlation": {"job_id": 5, "x": "y", "job_run_id": None}}, "narralytica.layer.failed",
         {"job_id": "5", "layer_name": "topics"}, "enrich"),
        ({"correlation": {"jobId": "j", "reqId": "r"}}, "narralytica.layer.failed",
         {"job_id": "j", "request_id": "r", "layer_name": "topics"}, "enrich"),
        ({"payload": [1], "actor": "x", "severity": 3, "schema_version": 2, "occurred_at": 5},
         "narralytica.layer.failed", ENVELOPE["correlation"], ""),
    ],
)  # fmt: skip
def test_wrong_envelopes(change: dict[str, Any], name: str, ids: dict[str, str], service: str) -> None:
    body = {**ENVELOPE, **change}
    (record,) = read(json.dumps(body))
    assert (record.kind, record.name, record.ids, record.service, record.body) == ("event", name, ids, service, body)


@pytest.mark.parametrize("order", [("job_id", "jobId"), ("jobId", "job_id")])
def test_the_canonical_name_wins_over_other_spellings(order: tuple[str, str]) -> None:
    (record,) = read(json.dumps({key: key for key in order}))
    assert record.ids == {"job_id": "job_id"}


def test_an_envelope_without_a_name_is_an_event() -> None:
    (record,) = read(json.dumps({key: value for key, value in ENVELOPE.items() if key != "event_name"}))
    assert (record.kind, record.name) == ("event", "")


def test_cloud_events(parser: str) -> None:
    event = {
        "specversion": "1.0", "type": "com.acme.job.done", "source": "/jobs", "id": "A-1", "requestid": "r",
        "time": "2025-11-20T09:14:33.14Z", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "data": {"job_id": "j", "layer_name": "topics"},
    }  # fmt: skip
    ids = {"request_id": "r", "trace_id": "a" * 32, "parent_span_id": "b" * 16, "job_id": "j", "layer_name": "topics"}
    for text, count in (
        (json.dumps(event), 1),
        (json.dumps([event, event]), 2),
        (json.dumps([event] * 3, indent=1), 3),
    ):
        records = read(text)
        assert len(records) == count
        for record in records:
            assert (record.kind, record.name, record.time, record.ids) == ("event", "com.acme.job.done", AT, ids)
            assert (record.payload, record.service, record.form) == (event["data"], "/jobs", "cloudevents")
    encoded = {**event, "data": None, "data_base64": "eyJhIjogMX0="}
    assert read(json.dumps(encoded))[0].payload == {"a": 1}
    assert read(json.dumps({**event, "data": "text"}))[0].payload == {"data": "text"}
    assert read(json.dumps({**event, "data": None, "data_base64": "%%%"}))[0].payload == {}


def test_open_lineage(parser: str) -> None:
    event = {
        "eventType": "START", "eventTime": "2025-11-20T09:14:33.140Z", "producer": "p", "schemaURL": "u",
        "run": {"runId": "r1", "facets": {"parent": {"run": {"runId": "r0"}}}}, "job": {"namespace": "n", "name": "j"},
    }  # fmt: skip
    (record,) = read(json.dumps(event))
    assert (record.kind, record.name, record.time, record.form) == ("event", "openlineage.run.start", AT, "openlineage")
    assert (record.ids, record.service) == ({"run_id": "r1", "parent_run_id": "r0"}, "n")
    fields = Fields.of_registry({"job_run_id": {"type": "uuid", "aliases": ["runId"]}})
    (record,) = read(json.dumps(event), fields=fields)
    assert record.ids == {"job_run_id": "r1", "parent_run_id": "r0"}


def test_fields_of_a_foreign_system() -> None:
    fields = Fields.of_registry(
        {"request_id": {"type": "uuid", "header": "X-Rid"}, "job_id": {"type": "uuid", "at": "payload.meta.job"}},
        Fields.parse(
            {"event": ["meta.kind", "kind"], "time": "meta.at", "payload": "detail", "severity": "lvl",
             "service": "meta.svc", "version": "v",
             "ids": {"tenant_id": "meta.tenant", "request_id": ["a.b", "detail.rid"]}}
        ),
    )  # fmt: skip
    body = {
        "meta": {"kind": "job.done", "at": 1763630073140, "svc": "billing", "tenant": 7}, "lvl": "WARN", "v": 3,
        "detail": {"rid": "r", "meta": {"job": "j"}}, "a.b": None, "x-rid": "other",
    }  # fmt: skip
    (record,) = read(json.dumps(body), fields=fields)
    assert (record.kind, record.name, record.time, record.severity) == ("event", "job.done", AT, "warn")
    assert (record.service, record.version, record.payload) == ("billing", "3", body["detail"])
    assert record.ids["tenant_id"] == "7" and record.ids["request_id"] == "r"
    assert kinds(read('{"message": "m"}', fields=fields)) == "log"


def test_fields_of_the_command_line() -> None:
    assert Fields.parse_options(["event=type", "event=kind", "ids.request_id=meta.rid"]) == Fields.parse(
        {"event": ["type", "kind"], "ids": {"request_id": "meta.rid"}}
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["event"], "PART=PLACE"),
        (["=x"], "PART=PLACE"),
        (["ids=x"], "only ids has fields of its own"),
        (["time.x=y"], "only ids has fields of its own"),
        (["evnt=x"], "unknown part `evnt`"),
    ],
)
def test_wrong_fields_are_told(options: list[str], message: str) -> None:
    with pytest.raises(FieldsError, match=message):
        Fields.parse_options(options)


@pytest.mark.parametrize("document", [{"event": 5}, {"event": [""]}, {"ids": ["x"]}, {"ids": {"a": 1}}, {"x": "y"}])
def test_wrong_documents_of_fields_are_told(document: dict[str, Any]) -> None:
    with pytest.raises(FieldsError):
        Fields.parse(document)


def test_lines_given_one_by_one() -> None:
    assert kinds(list(read_lines([LINE.encode(), b"x"], "t"))) == "event text"


def test_nothing_a_reader_is_given_makes_it_raise() -> None:
    import random

    randomness = random.Random(7)
    seeds = (
        [row[1] % LINE.encode() for row in WRAPPED]
        + [row[1].encode() for row in DOCUMENTS]
        + [row[1] for row in BROKEN[:10]]
    )
    for _ in range(1500):
        data = bytearray(b"\n".join(randomness.sample(seeds, 3)))
        for _ in range(randomness.randrange(1, 6)):
            at = randomness.randrange(len(data))
            data[at : at + randomness.randrange(3)] = randomness.choice(
                [b"", b"\0", b"{", b"]", b'"', b"\xff", b"\n", b"P "]
            )
        for record in read(bytes(data), max_line=4096):
            assert record.kind in ("event", "log", "text", "broken")
