"""RQ: a job class that carries the context in `job.meta`; the same class for the queue and for the worker."""

from __future__ import annotations

from typing import Any

from rq.job import Job

from obs_surface.propagation.carrier import KEY, Attempt, outgoing, received

_ATTEMPTS = "obs_attempts"


class ContextJob(Job):
    """A job that remembers the context it was enqueued in and is performed in it.

    `Queue(connection=…, job_class=ContextJob)`, and `rq worker --job-class obs_surface.propagation.rq.ContextJob` or
    `Worker(…, job_class=ContextJob)`. Each attempt has the request_id and job_id of the sender (the job's own id, where
    it had none), its number, and a job_run_id of its own.
    """

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a job as RQ does, with the current context in its meta."""
        job = super().create(*args, **kwargs)
        carrier = outgoing()
        if carrier:
            job.meta.setdefault(KEY, carrier)
        return job

    def perform(self) -> Any:
        """Perform the job in its context."""
        with job_attempt(self):
            return super().perform()


def job_attempt(job: Job) -> Attempt:
    """Return the context manager of one more attempt at a job, for workers whose job class is their own.

    The attempts are counted in `job.meta`, which is saved at once: RQ itself counts neither those that an exception
    ended nor those whose worker died.
    """
    number = job.meta.get(_ATTEMPTS)
    number = (number if isinstance(number, int) else 0) + 1
    job.meta[_ATTEMPTS] = number
    job.save_meta()  # type: ignore[no-untyped-call]
    return Attempt(received(job.meta.get(KEY)), job_id=job.id, attempt=number)


def meta(**further: Any) -> dict[str, Any]:
    """Return the current context as `meta=` of `Queue.enqueue`, for queues whose job class is their own."""
    carrier = outgoing()
    return {**further, KEY: carrier} if carrier else dict(further)
