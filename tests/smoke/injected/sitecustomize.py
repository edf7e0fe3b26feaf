"""Faults for real processes, from outside: Python imports this at its start where the folder is on PYTHONPATH.

OBS_FAULT names one function of FAULTS below. It gets every line that obs_surface writes, as an object, and gives what
is to be written in its place: objects, or bytes as they are. PATCHES change a module right after it was imported.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

FAULT = os.environ.get("OBS_FAULT", "")
Event = dict[str, Any]
Fault = Callable[[Event], Iterator[Any]]
FAULTS: dict[str, Fault] = {}
PATCHES: dict[str, dict[str, Callable[[Any], None]]] = {}
memory: dict[str, Any] = {}
OTHER = "11111111-1111-4111-8111-111111111111"
TRACE = uuid.UUID(int=0xABC).hex


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def patch(name: str, module: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        PATCHES.setdefault(name, {})[module] = function
        return function

    return register


def is_(line: Event, *names: str) -> bool:
    return str(line.get("event_name", "")).removeprefix("narralytica.") in names


def service(line: Event) -> str:
    return str(line.get("actor", {}).get("service_name", line.get("service", "")))


def once(name: str) -> bool:
    """True the first time in this process."""
    return memory.setdefault(name, True) is True and memory.__setitem__(name, False) is None


# -- evidence


@fault
def swallowed_sentinel(line: Event) -> Iterator[Any]:
    if not (is_(line, "obs.smoke.sentinel") and service(line) == "indexer"):
        yield line


@fault
def silenced_sink(line: Event) -> Iterator[Any]:
    """From its first index on, what the indexer says does not come out."""
    memory["silent"] = memory.get("silent") or (is_(line, "index.sync.started"))
    if not memory["silent"]:
        yield line


@fault
def killed_worker(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "layer.started"):
        memory["kill"] = True


@fault
def broken_line(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "search.executed") and once("broken"):
        yield b'{"event_name": "narralytica.search.executed", "payl\n'


@fault
def unseen_event(line: Event) -> Iterator[Any]:
    if not is_(line, "enrichment.joined"):
        yield line


@fault
def unregistered_event(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "index.sync.completed"):
        yield line | {"event_name": "narralytica.index.sync.celebrated"}


# -- envelope


@fault
def envelope_without_env(line: Event) -> Iterator[Any]:
    if is_(line, "index.sync.completed"):
        del line["actor"]["env"]
    yield line


@fault
def payload_of_another_type(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["payload"]["results_count"] = "many"
    yield line


@fault
def clock_skew(line: Event) -> Iterator[Any]:
    """The diarizer's clock is an hour behind."""
    if service(line) == "diarize" and "occurred_at" in line:
        hour = (int(line["occurred_at"][11:13]) - 1) % 24
        line["occurred_at"] = f"{line['occurred_at'][:11]}{hour:02d}{line['occurred_at'][13:]}"
    yield line


@fault
def local_time(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["occurred_at"] = line["occurred_at"].replace("Z", "+00:00Z")
    yield line


@fault
def oversized_event(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["payload"]["backend"] = "x" * 70_000
    yield line


@fault
def wrong_severity(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["severity"] = "error"
    yield line


@fault
def foreign_producer(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["actor"]["service_name"] = "enrich"
    yield line


# -- HTTP: what the API's answers are changed to


def answers(name: str) -> Callable[[Callable[[Any, dict[str, Any], list[Any]], None]], None]:
    """Register a fault that changes (scope, message, headers) of each answer's start, outside of the middleware."""

    def register(change: Callable[[Any, dict[str, Any], list[Any]], None]) -> None:
        def wrap(module: Any) -> None:
            original = module.RequestContextMiddleware.__call__

            async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
                async def changed(message: Any) -> None:
                    if message["type"] == "http.response.start":
                        headers = [tuple(pair) for pair in message.get("headers", [])]
                        change(scope, message, headers)
                        message["headers"] = headers
                    await send(message)

                await original(self, scope, receive, changed)

            module.RequestContextMiddleware.__call__ = call

        PATCHES.setdefault(name, {})["obs_surface.middleware"] = wrap

    return register


def sent(scope: Any) -> bytes:
    return dict(scope["headers"]).get(b"x-request-id", b"")


def replace(headers: list[Any], value: bytes | None) -> None:
    headers[:] = [pair for pair in headers if pair[0].lower() != b"x-request-id"]
    if value is not None:
        headers.append((b"x-request-id", value))


@answers("dropped-header")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if message["status"] == 404:
        replace(headers, None)


@answers("two-headers")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if message["status"] == 404:
        headers.append((b"x-request-id", OTHER.encode()))


@answers("id-in-capitals")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if message["status"] == 404:
        replace(headers, sent(scope).upper())


@answers("reflected-id")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if b"script" in sent(scope):
        replace(headers, sent(scope))


@answers("shared-id")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if scope["path"] == "/search" and b"script" not in sent(scope):
        replace(headers, memory.setdefault("id", sent(scope)))


@answers("wrong-status")
def _(scope: Any, message: dict[str, Any], headers: list[Any]) -> None:
    if scope["path"] == "/search":
        message["status"] = 203


# -- correlation


@fault
def search_without_request(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["correlation"].pop("request_id", None)
    yield line


@fault
def request_replaced_in_a_worker(line: Event) -> Iterator[Any]:
    """The transcriber makes up a request of its own."""
    if service(line) == "transcribe" and "request_id" in line.get("correlation", {}):
        line["correlation"]["request_id"] = OTHER
    yield line


@fault
def jobs_without_request(line: Event) -> Iterator[Any]:
    """No record says which request a job belongs to."""
    ids = line.get("correlation", line)
    if "job_id" in ids:
        ids.pop("request_id", None)
    yield line


@fault
def run_without_job(line: Event) -> Iterator[Any]:
    if service(line) == "diarize" and "correlation" in line:
        line["correlation"].pop("job_id", None)
    yield line


@fault
def run_event_without_run(line: Event) -> Iterator[Any]:
    if is_(line, "job_run.completed") and service(line) == "diarize":
        line["correlation"].pop("job_run_id", None)
    yield line


@patch("thread-without-context", "obs_surface.context")
def _(module: Any) -> None:
    module.run_in_context = lambda function: function


@fault
def id_of_another_request(line: Event) -> Iterator[Any]:
    """A line of prose takes the id of the request before for that of a job."""
    yield line
    if is_(line, "search.executed"):
        now = line["correlation"]["request_id"]
        before = memory.get("before")
        if before and before != now:
            yield {"timestamp": line["occurred_at"], "level": "info", "message": "looked up", "logger": "api",
                   "service": "api", "environment": "smoke", "request_id": now, "job_id": before}  # fmt: skip
        memory["before"] = now


@fault
def trace_ids_that_disagree(line: Event) -> Iterator[Any]:
    if is_(line, "index.sync.completed"):
        trace, span_id = uuid.uuid4().hex, uuid.uuid4().hex[:16]
        line["correlation"] |= {"trace_id": trace, "span_id": span_id}
        yield line
        yield {"timestamp": line["occurred_at"], "level": "info", "message": "indexed", "logger": "indexer",
               "service": "indexer", "environment": "smoke", "trace_id": uuid.uuid4().hex, "span_id": span_id,
               "job_run_id": line["correlation"]["job_run_id"]}  # fmt: skip
    else:
        yield line


# -- retry


@fault
def retry_of_another_request(line: Event) -> Iterator[Any]:
    """Of the second attempt, and of nothing else, the request is another."""
    if line.get("payload", {}).get("attempt") == 2 and is_(line, "job_run.started") and service(line) == "transcribe":
        line["correlation"]["request_id"] = OTHER
    yield line


@fault
def reused_run(line: Event) -> Iterator[Any]:
    """The second attempt goes under the first one's id."""
    ids = line.get("correlation", line)
    if service(line) == "transcribe" and "job_run_id" in ids and "job_id" in ids:
        ids["job_run_id"] = memory.setdefault(ids["job_id"], ids["job_run_id"])
    yield line


@fault
def skipped_attempt(line: Event) -> Iterator[Any]:
    payload = line.get("payload", {})
    if service(line) == "transcribe" and payload.get("attempt") == 2:
        payload["attempt"] = 3
    yield line


@fault
def retry_after_success(line: Event) -> Iterator[Any]:
    """The diarizer does again what it has done."""
    yield line
    if service(line) == "diarize" and is_(line, "job_run.started"):
        memory["started"] = json.loads(json.dumps(line))
    elif service(line) == "diarize" and is_(line, "job_run.completed"):
        run = str(uuid.uuid4())
        for again in (memory["started"], json.loads(json.dumps(line))):
            again["occurred_at"] = line["occurred_at"]
            again["correlation"]["job_run_id"] = run
            again["payload"]["attempt"] = 2
            yield again


# -- lifecycle


@fault
def swallowed_terminal(line: Event) -> Iterator[Any]:
    if not (is_(line, "job_run.completed") and service(line) == "diarize"):
        yield line


@fault
def terminal_without_start(line: Event) -> Iterator[Any]:
    if not (is_(line, "layer.started") and line["payload"]["layer_name"] == "summary"):
        yield line


@fault
def two_terminals(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "layer.completed") and line["payload"]["layer_name"] == "summary":
        late = {"status": "failed", "error_type": "LateError", "error_message": "late"}
        changed = {"event_name": "narralytica.layer.failed", "severity": "error", "payload": line["payload"] | late}
        yield line | changed


@fault
def illegal_transition(line: Event) -> Iterator[Any]:
    """A job is completed without ever having run."""
    if not is_(line, "job.started"):
        yield line


# -- traces: spans go to the receiver as an exporter would send them


def export(*spans: dict[str, Any]) -> None:
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint is None:
        return
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "enrich"}}]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
    request = urllib.request.Request(
        f"{endpoint}/v1/traces", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).read()


def span(number: int, parent: int, line: Event, **more: Any) -> dict[str, Any]:
    from datetime import datetime

    start = int(datetime.fromisoformat(line["occurred_at"]).timestamp() * 1e9) - 1_000_000
    made = {"traceId": TRACE, "spanId": f"{number:016x}", "name": f"s{number}", "kind": 1,
            "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 500_000),
            "status": {"code": 1}}  # fmt: skip
    if parent:
        made["parentSpanId"] = f"{parent:016x}"
    return made | more


def with_spans(name: str, make: Callable[[Event], list[dict[str, Any]]]) -> None:
    def run(line: Event) -> Iterator[Any]:
        yield line
        if is_(line, "enrichment.joined") and once("spans"):
            export(*make(line))

    FAULTS[name] = run


with_spans("sound-spans", lambda line: [span(1, 0, line), span(2, 1, line)])
with_spans("absent-parent", lambda line: [span(1, 0, line), span(2, 9, line)])
with_spans("span-cycle", lambda line: [span(1, 2, line), span(2, 1, line)])
with_spans("invalid-span", lambda line: [span(1, 0, line), span(2, 1, line, endTimeUnixNano="1")])
with_spans("worker-without-parent", lambda line: [span(1, 0, line, kind=5)])


@fault
def failure_in_a_span_that_is_ok(line: Event) -> Iterator[Any]:
    if is_(line, "job_run.failed") and service(line) == "transcribe":
        line["correlation"] |= {"trace_id": TRACE, "span_id": f"{1:016x}"}
        export(span(1, 0, line))
    yield line


# -- privacy


@fault
def canary_in_a_line(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "search.executed") and once("canary"):
        yield b"looked for mails to canary-7f3a@example.invalid\n"


@fault
def canary_in_base64(line: Event) -> Iterator[Any]:
    from base64 import b64encode

    yield line
    if is_(line, "search.executed") and once("canary"):
        yield b"cached as " + b64encode(b"q=mails to canary-7f3a@example.invalid") + b"\n"


@fault
def pii_in_a_payload(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["payload"]["query_text"] = "where does the ferry leave"
    yield line


@fault
def address_in_an_unclassified_field(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["payload"]["note"] = "ask anna.muster@example.org"
    yield line


@fault
def redaction_that_keeps_the_value(line: Event) -> Iterator[Any]:
    if is_(line, "search.executed"):
        line["payload"]["query_text"] = "[redacted: where does the ferry leave]"
    yield line


# -- plain log lines, under the profile


@fault
def log_without_service(line: Event) -> Iterator[Any]:
    if "event_name" not in line:
        line.pop("service", None)
    yield line


@fault
def prose_on_a_json_stream(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "index.sync.completed"):
        yield b"indexed one more\n"


@fault
def error_without_stack(line: Event) -> Iterator[Any]:
    yield line
    if is_(line, "index.sync.completed"):
        yield {"timestamp": line["occurred_at"], "level": "error", "message": "disk is slow", "logger": "indexer",
               "service": "indexer", "environment": "smoke"}  # fmt: skip


# -- how they get in


def _wrap_sink(module: Any) -> None:
    change = FAULTS[FAULT]
    original = module.JsonLinesSink.write
    lock = threading.RLock()

    def write(self: Any, line: bytes, record: Any = None) -> None:
        with lock:
            for made in list(change(json.loads(line))):
                original(self, made if isinstance(made, bytes) else json.dumps(made).encode() + b"\n")
            if memory.get("kill"):
                os.kill(os.getpid(), signal.SIGKILL)

    module.JsonLinesSink.write = write


if FAULT:
    if FAULT in FAULTS:
        PATCHES.setdefault(FAULT, {})["obs_surface.sinks.json_lines"] = _wrap_sink
    wanted = PATCHES[FAULT]

    class _Patched(Loader):
        def __init__(self, loader: Any, function: Callable[[Any], None]) -> None:
            self.loader = loader
            self.function = function

        def create_module(self, spec: ModuleSpec) -> Any:
            return self.loader.create_module(spec)

        def exec_module(self, module: Any) -> None:
            self.loader.exec_module(module)
            self.function(module)

    class _Finder(MetaPathFinder):
        def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
            function = wanted.pop(name, None)
            if function is None:
                return None
            spec = find_spec(name)
            if spec is not None and spec.loader is not None:
                spec.loader = _Patched(spec.loader, function)
            return spec

    sys.meta_path.insert(0, _Finder())
