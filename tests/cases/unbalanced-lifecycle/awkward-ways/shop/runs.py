import asyncio

from shop import obs

obs.emit("run.started", {})  # error: OBS305
asyncio.run(None)
obs.emit("run.completed", {})


def a_return_in_finally(job):
    obs.emit("run.started", {})  # error: OBS305
    try:
        job.work()
        obs.emit("run.completed", {})
    finally:
        return None


def ended_in_a_finally_within(job):
    try:
        obs.emit("run.started", {})
        try:
            return job.work()
        finally:
            obs.emit("run.completed", {})
    finally:
        job.close()


def for_ever(queue):
    while True:
        job = queue.get()
        obs.emit("run.started", {})  # error: OBS305
        try:
            job.work()
        except Exception:
            continue
        obs.emit("run.completed", {})


def for_ever_ended(queue):
    while True:
        job = queue.get()
        obs.emit("run.started", {})
        try:
            job.work()
        except Exception:
            obs.emit("run.failed", {})
            continue
        obs.emit("run.completed", {})


def in_the_else_of_a_loop(jobs):
    obs.emit("run.started", {})  # error: OBS305
    for job in jobs:
        if job.bad:
            break
    else:
        obs.emit("run.completed", {})


def in_both_branches(jobs):
    obs.emit("run.started", {})
    for job in jobs:
        if job.bad:
            obs.emit("run.failed", {})
            break
    else:
        obs.emit("run.completed", {})


def outer(job):
    obs.emit("run.started", {})  # error: OBS305

    def inner():
        obs.emit("run.noted", {})
        return job

    inner().work()
    obs.emit("run.completed", {})


def only_inside(job):
    def inner():
        obs.emit("run.started", {})  # error: OBS305
        job.work()
        obs.emit("run.completed", {})

    return inner


async def streamed(jobs):
    async for job in jobs:
        obs.emit("run.started", {})
        try:
            async with job.lock:
                yield await job.work()
        except Exception as error:
            obs.emit("run.failed", {"error": repr(error)})
        else:
            obs.emit("run.completed", {})


async def handed_on(job):
    obs.emit("run.started", {})  # error: OBS305
    result = await (job.work() if job.ready else job.wait())
    obs.emit("run.completed" if result else "run.failed", {})


def error_in_a_variable(job):
    obs.emit("run.started", {})
    error = None
    try:
        job.work()
    except Exception as caught:
        error = caught
    if error is not None:
        obs.emit("run.failed", {})
        raise error
    obs.emit("run.completed", {})


def flag_of_a_parameter(job, emits=True):
    if emits:
        obs.emit("run.started", {})
    try:
        job.work()
    except BaseException:
        if emits:
            obs.emit("run.failed", {})
        raise
    if not emits:
        return
    obs.emit("run.completed", {})


def flag_that_is_changed(job, emits=True):
    if emits:
        obs.emit("run.started", {})  # error: OBS305
    emits = job.emits
    if emits:
        obs.emit("run.completed", {})


def any_event(job, name):
    obs.emit("run.started", {})
    try:
        name = job.work()
    finally:
        obs.emit(f"run.{name}", {})


def two_exceptions(job):
    obs.emit("run.started", {})  # error: OBS305
    try:
        job.work()
    except (KeyError, ValueError):
        obs.emit("run.failed", {})
        raise
    except OSError:
        obs.emit("run.failed", {})
        return
    obs.emit("run.completed", {})
