"""Take jobs from the queue and run their layers."""

from uuid import uuid4

from redis import Redis

from layers import LAYERS, run_layer
from notifications import emit_event
from packages import observability as obs
from packages.observability.logger import logging

log = logging.getLogger("extract")


def run_job(job_id, attempt, document):
    """Run every layer over one document."""
    with obs.bind(job_id=job_id, job_run_id=str(uuid4())):
        obs.emit("inkwell.job_run.started", {"attempt": attempt})
        try:
            for layer in LAYERS:
                document = run_layer(layer, document)
        except Exception as error:
            failure = {"attempt": attempt, "error_type": type(error).__name__}
            obs.emit("inkwell.job_run.failed", failure, severity="error")
            emit_event("job_failed", {"job": job_id})
            raise
        obs.emit("inkwell.job_run.completed", {"attempt": attempt})
    return document


def main():
    """Work until stopped."""
    queue = Redis.from_url("redis://queue:6379")
    log.info("waiting for jobs")
    while True:
        for _, entries in queue.xread({"jobs": "$"}, block=5000):
            for _, fields in entries:
                with obs.bind(request_id=fields[b"request_id"].decode()):
                    run_job(fields[b"job_id"].decode(), 1, fields)


if __name__ == "__main__":
    main()
