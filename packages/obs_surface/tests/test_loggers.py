from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration
from obs_surface.loggers import logging_handler
from obs_surface.redact import Redaction, hasher

LOG = obs.get_logger("services.api")
IDS = {"request_id": "r1", "correlation_id": "c1", "job_id": "j1", "job_run_id": "jr1", "layer_name": "diarize"}


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[obs.MemorySink]:
    monkeypatch.delenv("OBS_LOG_LEVEL", raising=False)
    sink = obs.MemorySink()
    obs.configure("api", "1.4.0", "test", sinks=[sink])
    yield sink
    configuration.reset()


def one(memory: obs.MemorySink) -> dict[str, Any]:
    (line,) = memory.lines
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_line_has_the_mandatory_fields_the_ids_and_the_fields(memory: obs.MemorySink) -> None:
    with obs.context(**IDS, project_id="p1"):
        LOG.info("search executed", rows=3, route="/search")
    line = one(memory)
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert line == {
        "level": "info",
        "message": "search executed",
        "logger": "services.api",
        "service": "api",
        "environment": "test",
        **IDS,
        "project_id": "p1",
        "rows": 3,
        "route": "/search",
    }
    assert memory.logs() == memory.records
    assert memory.events() == []


@pytest.mark.parametrize(
    ("method", "level"),
    [("info", "info"), ("warning", "warn"), ("error", "error"), ("exception", "error"), ("critical", "error")],
)
def test_levels_are_four_words(memory: obs.MemorySink, method: str, level: str) -> None:
    getattr(LOG, method)("x")
    assert one(memory)["level"] == level


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (None, 4),
        ("debug", 5),
        ("INFO", 4),
        ("warn", 3),
        ("warning", 3),
        ("error", 2),
        ("critical", 1),
        ("off", 0),
        ("nonsense", 4),
    ],
)
def test_the_level_comes_from_the_environment(
    memory: obs.MemorySink,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str | None,
    written: int,
) -> None:
    if said is not None:
        monkeypatch.setenv("OBS_LOG_LEVEL", said)
    obs.configure("api", "1.4.0", "test", sinks=[memory])
    for _ in range(2):
        memory.clear()
        for method in ("debug", "info", "warning", "error", "critical"):
            getattr(LOG, method)("x")
        assert len(memory.lines) == written
    assert LOG.is_enabled("error") == (written > 1)
    assert capsys.readouterr().err.count("OBS_LOG_LEVEL") == (said == "nonsense")


def test_exceptions_have_type_message_and_stack(memory: obs.MemorySink) -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer\r\nline") from inner
    except ValueError:
        LOG.exception("failed", job="a")
    line = one(memory)
    assert (line["error.type"], line["error.message"]) == ("ValueError", "outer\r\nline")
    assert "KeyError: 'inner'" in line["error.stack"]
    assert "test_loggers.py" in line["error.stack"]
    assert line["job"] == "a"


class OwnError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("broken")


@pytest.mark.parametrize("how", ["exception", "true", "tuple", "field"])
def test_every_way_to_give_an_exception(memory: obs.MemorySink, how: str) -> None:
    error = OwnError()
    try:
        raise error
    except OwnError:
        if how == "exception":
            LOG.error("x", exc_info=error)
        elif how == "true":
            LOG.error("x", exc_info=True)
        elif how == "tuple":
            LOG.error("x", exc_info=(OwnError, error, None))
        else:
            LOG.warning("x", exc_info=True)
    line = one(memory)
    assert line["error.type"].endswith("test_loggers.OwnError")
    assert line["error.message"] == "<no message>"
    assert "exc_info" not in line


def test_without_an_exception_there_is_no_error(memory: obs.MemorySink) -> None:
    LOG.exception("nothing is being handled")
    assert not any(key.startswith("error.") for key in one(memory))


def test_a_field_that_has_a_reserved_name_keeps_its_value_under_another(memory: obs.MemorySink) -> None:
    fields = {"timestamp": 1, "level": 2, "logger": 3, "service": 4, "environment": 5, "event_name": 6, "self": 7}
    with obs.context(job_id="j1", request_id="r1"):
        LOG.info("x", message="m", job_id="other", request_id="r1", job_run_id="mine", **fields)
    line = one(memory)
    assert (line["message"], line["field.message"]) == ("x", "m")
    for name, value in fields.items():
        assert line["self" if name == "self" else f"field.{name}"] == value
    assert (line["job_id"], line["field.job_id"]) == ("j1", "other")
    assert (line["request_id"], line.get("field.request_id")) == ("r1", None)
    assert line["job_run_id"] == "mine"
    assert line["level"] == "info"


def test_an_error_given_as_fields_does_not_replace_the_exception(memory: obs.MemorySink) -> None:
    LOG.error("x", exc_info=ValueError("real"), **{"error.type": "claimed"})
    line = one(memory)
    assert (line["error.type"], line["field.error.type"]) == ("ValueError", "claimed")
    memory.clear()
    LOG.warning("x", **{"error.type": "Remote"})
    assert one(memory)["error.type"] == "Remote"


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "\x00\x1b[31m\x7f", "naïve – 日本語 🎉", "\u2028\u2029\x85", 'quote " and \\', "", "{} %s %"],
    ids=ascii,
)
def test_any_text_is_one_line_and_comes_back_as_it_was(memory: obs.MemorySink, text: str) -> None:
    LOG.info(text, field=text, **{text or "empty": 1})
    line = one(memory)
    assert line["message"] == line["field"] == text


class Loud:
    def __repr__(self) -> str:
        return "secret"

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("\ud800", "�"),
        (float("nan"), None),
        (float("inf"), None),
        (2**70, 2**70),
        (b"\xff", "<bytes>"),
        (Loud(), "<Loud>"),
        ({1: {2}}, {"1": [2]}),
        (datetime(2025, 1, 1, tzinfo=UTC), "2025-01-01T00:00:00+00:00"),
        (Path("a"), "a"),
    ],
    ids=ascii,
)
def test_any_value_is_written_as_something(memory: obs.MemorySink, value: object, written: object) -> None:
    LOG.info("x", value=value)
    assert one(memory)["value"] == written


def test_a_circle_is_no_trouble(memory: obs.MemorySink) -> None:
    circle: list[object] = []
    circle.append(circle)
    LOG.info("x", circle=circle)
    assert one(memory)["circle"] == ["[circular]"]


@pytest.mark.parametrize(
    ("message", "args", "written"),
    [
        ("%s of %d", ("a", 3), "a of 3"),
        ("%(n)s", ({"n": 1},), "1"),
        ("%s %s", ("one",), "%s %s"),
        ("100%", (), "100%"),
        (17, (), "17"),
        (OwnError(), (), "<OwnError>"),
    ],
)
def test_arguments_of_the_message(
    memory: obs.MemorySink, message: object, args: tuple[object, ...], written: str
) -> None:
    LOG.info(message, *args)
    assert one(memory)["message"] == written


def test_bound_fields_add_up_and_leave_the_first_logger_alone(memory: obs.MemorySink) -> None:
    LOG.bind(a=1, b=1).bind(b=2).info("x", c=3)
    line = one(memory)
    assert (line["a"], line["b"], line["c"]) == (1, 2, 3)
    memory.clear()
    LOG.info("x")
    assert "a" not in one(memory)


@pytest.mark.parametrize(
    "fields",
    [
        {"message_of": "x" * 1_000_000},
        {f"f{number}": number for number in range(60_000)},
        {"x" * 500_000: 1},
        {"\x00" * 300_000: "\x00" * 300_000},
    ],
    ids=["long", "many", "name", "escaped"],
)
def test_a_line_that_is_too_long_is_cut(memory: obs.MemorySink, fields: dict[str, Any]) -> None:
    LOG.info("\x01" * 100_000, **fields)
    assert len(memory.lines[0]) <= 256 * 1024
    line = one(memory)
    assert line["message"].endswith("[truncated]")
    assert (line["level"], line["service"], line["logger"]) == ("info", "api", "services.api")
    assert obs.stats()["truncated"] == 1


def test_the_end_of_a_long_stack_is_kept(memory: obs.MemorySink) -> None:
    error: BaseException = ValueError("last")
    for number in range(1000):
        error.add_note(f"note {number}" * 10)
    LOG.error("x", exc_info=error)
    stack = one(memory)["error.stack"]
    assert len(stack) < 40_000
    assert stack.rstrip().endswith("note 999")


def test_sensitive_names_of_the_registry_are_redacted(memory: obs.MemorySink) -> None:
    assert configuration.active is not None
    configuration.active.redact_fields = Redaction({}, ["password"], hasher(b"key")).fields()
    with obs.context(obs.ObsContext.new().with_fields(password="from the context")):
        LOG.info("x", user="u")
        LOG.bind(password="bound").info("x")
        LOG.info("x", password="given")
        LOG.info("x", password="p", nested={"Password": "given", 1: 2})
    for line in memory.lines:
        assert b"from the context" not in line
        assert b"bound" not in line
        assert b"given" not in line
        assert json.loads(line)["password"] == "[redacted]"


def test_threads_and_contexts(memory: obs.MemorySink) -> None:
    with obs.context(request_id="r1"):
        within = contextvars.copy_context()  # the thread's, whoever starts it
    thread = threading.Thread(target=lambda: within.run(LOG.info, "in a thread"))
    with obs.context(request_id="r2"):
        thread.start()
        thread.join()
    assert one(memory)["request_id"] == "r1"


def test_a_sink_that_raises_is_not_the_callers_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(obs.MemorySink):
        def write(self, line: bytes, record: Mapping[str, Any]) -> None:
            raise OSError("broken")

    obs.configure("api", "1.4.0", "test", sinks=[Broken(name="broken")])
    try:
        LOG.info("x")
        assert obs.stats()["sink_errors"] == 1
    finally:
        configuration.reset()


@pytest.fixture
def library(memory: obs.MemorySink) -> Iterator[logging.Logger]:
    logger = logging.Logger("third.party")
    logger.addHandler(logging_handler())
    yield logger


def test_what_libraries_log_has_the_same_line(memory: obs.MemorySink, library: logging.Logger) -> None:
    with obs.context(request_id="r1"):
        library.warning("%s retries", 3, extra={"peer": "db\n1", "level": "mine"})
    line = one(memory)
    line.pop("timestamp")
    assert line == {
        "level": "warn",
        "message": "3 retries",
        "logger": "third.party",
        "service": "api",
        "environment": "test",
        "request_id": "r1",
        "peer": "db\n1",
        "field.level": "mine",
    }


def test_what_libraries_log_of_exceptions(memory: obs.MemorySink, library: logging.Logger) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        library.exception("failed")
    line = one(memory)
    assert (line["level"], line["error.type"], line["error.message"]) == ("error", "ValueError", "bad")
    assert "test_loggers.py" in line["error.stack"]


def test_what_libraries_log_is_filtered_and_never_raises(memory: obs.MemorySink, library: logging.Logger) -> None:
    library.debug("filtered")
    assert memory.lines == []
    library.info("%d", "no number")
    assert one(memory)["message"] == "%d"
    memory.clear()
    library.critical("end")
    assert one(memory)["level"] == "error"


def test_the_time_of_a_record_is_kept(memory: obs.MemorySink, library: logging.Logger) -> None:
    record = logging.makeLogRecord({"msg": "x", "levelno": logging.INFO, "name": "a", "created": 1763630073.140512})
    library.handle(record)
    assert one(memory)["timestamp"] == "2025-11-20T09:14:33.140512Z"


def test_a_sinks_own_trouble_does_not_feed_its_queue(
    memory: obs.MemorySink, library: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = threading.Thread(target=lambda: library.error("export failed"), name="obs-sink-otel")
    thread.start()
    thread.join()
    assert memory.lines == []
    assert "export failed" in capsys.readouterr().err
