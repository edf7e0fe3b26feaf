"""Celery: the context goes along with every task, over retries too; its runs are events, where that is wanted."""

from __future__ import annotations

from typing import Any

from celery import signals  # type: ignore[import-untyped]

from obs_surface.context import current
from obs_surface.jobs import Run, job_run
from obs_surface.propagation.carrier import KEY, Attempt, outgoing, received

_UID = "obs_surface.propagation.celery"
_open: dict[str, list[tuple[Attempt, Run | None]]] = {}
"""Task id → what was entered for it; an eager retry runs within its first attempt."""
_with_runs = False


def connect(*, job_runs: bool = False) -> None:
    """Make this process, publisher or worker, carry the context in tasks (004 Issue 6.5; 001: retries preserve it).

    Call it once where the Celery app is made. In the worker each attempt has the request_id and job_id of the publisher
    (the task's id, where it had no job), its number, and a job_run_id of its own. Eager tasks run within the context of
    their caller.

    job_runs: emit the events of a `job_run` round every task, with the task's name as job_type; without it, write
        `with job_run(…)` or `@job_run(…)` in the task.
    """
    global _with_runs  # noqa: PLW0603 - Celery's signals are of the process, so is this
    _with_runs = job_runs
    signals.before_task_publish.connect(_publishing, weak=False, dispatch_uid=_UID)
    signals.task_prerun.connect(_starting, weak=False, dispatch_uid=_UID)
    signals.task_postrun.connect(_ended, weak=False, dispatch_uid=_UID)


def disconnect() -> None:
    """Undo `connect`."""
    signals.before_task_publish.disconnect(dispatch_uid=_UID)
    signals.task_prerun.disconnect(dispatch_uid=_UID)
    signals.task_postrun.disconnect(dispatch_uid=_UID)


def _publishing(headers: dict[str, Any] | None = None, **_: Any) -> None:
    carrier = outgoing()
    if headers is not None and carrier:
        headers[KEY] = carrier


def _starting(task_id: str, task: Any, **_: Any) -> None:
    request = task.request
    if request.is_eager:
        ctx = current().replace(layer_name=None)
    else:
        ctx = received((request.headers or {}).get(KEY) or getattr(request, KEY, None))
    attempt = Attempt(ctx, job_id=task_id, attempt=int(request.retries or 0) + 1)
    attempt.__enter__()
    opened = _open.setdefault(task_id, [])
    opened.append((attempt, None))
    if _with_runs:
        run = job_run(job_type=task.name)
        run.__enter__()
        opened[-1] = (attempt, run)


def _ended(task_id: str, state: str | None = None, retval: Any = None, **_: Any) -> None:
    opened = _open.get(task_id)
    if not opened:
        return
    attempt, run = opened.pop()
    if not opened:
        del _open[task_id]
    try:
        if run is not None:
            error = retval if isinstance(retval, BaseException) and state != "SUCCESS" else None
            if error is None and state not in (None, "SUCCESS") and not run.ended:
                run.fail(error_type=str(state))
            run.__exit__(None if error is None else type(error), error, None)
    finally:
        attempt.__exit__(None, None, None)
