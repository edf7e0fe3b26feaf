"""What every worker does around its own work: a message is one attempt, an attempt is one job run (004 Issue 6.5)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from packages import observability as obs
from packages.pipeline import UnreadableError, stage_after
from packages.queue import Message, Queue, QueueUnavailableError, open_queue
from packages.settings import Settings
from packages.store import Job, Store

Handle = Callable[[Store, str], None]
"""The work itself: (store, document_id). It may be done twice, so doing it again must change nothing."""

log = obs.get_logger(__name__)


class RehearsedError(Exception):
    """A failure that somebody asked for, to see a retry."""


class Worker:
    """Takes messages of one type until it is told to stop, and finishes the one in hand."""

    def __init__(self, job_type: str, handle: Handle, queue: Queue, store: Store, settings: Settings) -> None:
        self.job_type = job_type
        self._handle = handle
        self._queue = queue
        self._store = store
        self._settings = settings
        self.stop = threading.Event()

    def run(self) -> None:
        """Take and handle messages; return when `stop` is set."""
        obs.emit("narralytica.worker.ready", {"job_type": self.job_type, "queue": self._queue.kind})
        while not self.stop.is_set():
            try:
                message = self._queue.take(self.job_type, wait=0.2)
                if message is not None:
                    with obs.context(obs.ObsContext.from_carrier(message.carrier)):
                        self._attempt(message)
            except QueueUnavailableError:
                log.exception("the queue is unavailable")
                self.stop.wait(1.0)
            except Exception:
                log.exception("a message was left half done; it comes back when its lease is over")

    def _attempt(self, message: Message) -> None:
        if message.taken_over:
            obs.emit("narralytica.worker.took_over", {"job_type": self.job_type, "attempt": message.attempt})
        job = self._begin(message)
        try:
            with obs.job_run(job_id=job.id, job_type=self.job_type, attempt=message.attempt):
                if message.attempt > self._settings.max_attempts:
                    raise UnreadableError("every worker that had it is gone")
                self._rehearse(message)
                self._handle(self._store, job.document_id)
        except Exception as error:  # noqa: BLE001 the run has told it
            self._failed(message, job, error)
        else:
            self._completed(message, job)

    def _begin(self, message: Message) -> Job:
        job = self._store.job(message.body["job_id"])
        if self._store.move_job(job.id, self.job_type, "queued", "running"):
            obs.emit(
                "narralytica.job.started", {"job_type": job.job_type, "status": "running", "attempt": message.attempt}
            )
        return job

    def _completed(self, message: Message, job: Job) -> None:
        """Hand the job on to the next worker; after the last it is complete."""
        following = stage_after(self.job_type)
        if following is not None:
            self._queue.publish(following, message.body)
        elif self._store.move_job(job.id, self.job_type, "running", "completed"):
            obs.emit(
                "narralytica.job.completed",
                {"job_type": job.job_type, "status": "completed", "latency_ms": job.latency_ms},
            )
        self._queue.ack(message)

    def _failed(self, message: Message, job: Job, error: Exception) -> None:
        """Let somebody try again; or, where that does not help, fail the job for good."""
        if message.attempt < self._settings.max_attempts and not isinstance(error, UnreadableError):
            log.warning("the attempt failed and is made again", attempt=message.attempt, job_type=self.job_type)
            self._queue.retry(message)
            return
        if self._store.move_job(job.id, self.job_type, "running", "failed"):
            obs.emit(
                "narralytica.job.failed",
                {
                    "job_type": job.job_type,
                    "status": "failed",
                    "attempt": message.attempt,
                    "latency_ms": job.latency_ms,
                    "error_type": type(error).__name__,
                    "error_message": str(error)[:200],
                },
                severity="error",
            )
        self._queue.bury(message)

    def _rehearse(self, message: Message) -> None:
        asked = message.body.get("rehearse", "")
        if self._settings.debug and asked:
            job_type, failures = asked.split(":")
            if job_type == self.job_type and message.attempt <= int(failures):
                raise RehearsedError("as the request asked")


def serve(job_type: str, handle: Handle) -> None:
    """Be that worker until a signal says to stop."""
    settings = Settings.from_environment()
    obs.start(job_type, settings.env)
    store = Store(settings.data / "narralytica.db")
    with open_queue(settings) as queue:
        worker = Worker(job_type, handle, queue, store, settings)
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: worker.stop.set())
        worker.run()
    store.close()
    obs.shutdown()
