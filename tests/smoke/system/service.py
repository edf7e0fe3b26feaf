"""A system of two processes on the standard library alone, to try the harness on: `service.py api|worker`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = sys.argv[1]
FAULT = os.environ.get("FAULT", "")
SILENT = f"silent-{NAME}" == FAULT
LOCK = threading.RLock()  # the signal handler emits too, maybe while an event is being written


def emit(name: str, payload: dict[str, Any], severity: str = "info", **ids: str) -> None:
    """Write one envelope."""
    line = {
        "event_id": "e-1" if FAULT == "reused-event-id" else str(uuid.uuid4()),
        "event_name": name,
        "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "correlation": ids,
        "actor": {"service_name": NAME, "service_version": "1", "env": "test"},
        "payload": payload,
        "severity": severity,
        "schema_version": "1",
    }
    if not SILENT:
        with LOCK:
            os.write(1, json.dumps(line).encode() + b"\n")


class Handler(BaseHTTPRequestHandler):
    """GET /, POST /jobs."""

    def setup(self) -> None:
        """Read the id."""
        super().setup()
        self.request_id = ""

    def parse_request(self) -> bool:
        """Take the id of the request, or make one."""
        parsed = super().parse_request()
        if parsed:
            given = self.headers.get("X-Request-Id", "")
            try:
                self.request_id = str(uuid.UUID(given))
            except ValueError:
                self.request_id = str(uuid.uuid4())
        return parsed

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Send JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        if FAULT != "no-header":
            self.send_header("X-Request-Id", self.request_id)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """Show a page."""
        if self.path == "/health":
            self.answer(200, {})
            return
        emit("shop.page.viewed", {"path": self.path.partition("?")[0]}, request_id=self.request_id)
        if FAULT == "canary":
            print("looked at", self.path, flush=True)
        self.answer(200 if self.path.startswith("/page") else 404, {"path": self.path})

    def do_POST(self) -> None:
        """Enqueue a job."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        job_id = str(uuid.uuid4())
        emit("shop.job.created", {"job_type": "pack"}, request_id=self.request_id, job_id=job_id)
        with socket.create_connection(("127.0.0.1", int(os.environ["WORKER_PORT"]))) as queue:
            queue.sendall(json.dumps({"job_id": job_id, **body}).encode())
        self.answer(202, {"job_id": job_id})

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def work() -> None:
    """Take jobs, one attempt after the other."""
    listening = socket.create_server(("127.0.0.1", int(os.environ["WORKER_PORT"])))
    print("worker.ready", file=sys.stderr, flush=True)
    while True:
        connection, _ = listening.accept()
        with connection:
            job = json.loads(connection.makefile().read())
        if FAULT == "killed-worker":
            emit("shop.job_run.started", {"attempt": 1}, job_id=job["job_id"], job_run_id=str(uuid.uuid4()))
            print("out of memory", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        for attempt in range(1, job.get("attempts", 1) + 1):
            ids = {"job_id": job["job_id"], "job_run_id": str(uuid.uuid4())}
            if FAULT == "no-job-id":
                del ids["job_id"]
            emit("shop.job_run.started", {"attempt": attempt}, **ids)
            decision = {"model": "m-1", "alternatives": ["van", "bike"], "choice": "bike", "reason": "it is near"}
            if FAULT == "opaque-decision":
                del decision["reason"]
            emit("shop.ai.decision", decision, **ids)
            emit("shop.step.completed", {"step": "reserve"}, **ids)
            if attempt < job.get("attempts", 1):
                emit("shop.job_run.failed", {"attempt": attempt, "error_type": "Rehearsed"}, "error", **ids)
                if FAULT != "no-compensation":
                    emit("shop.step.compensated", {"step": "reserve"}, **ids)
            elif FAULT != "no-terminal":
                emit("shop.job_run.completed", {"attempt": attempt}, **ids)


def stop(*_: Any) -> None:
    """Say goodbye."""
    run = os.environ.get("OBS_SMOKE_RUN")
    if run:
        emit("obs.smoke.sentinel", {"run": run})
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
if f"dies-{NAME}" == FAULT:
    sys.exit("no database")
if NAME == "worker":
    work()
else:
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["API_PORT"])), Handler).serve_forever()
