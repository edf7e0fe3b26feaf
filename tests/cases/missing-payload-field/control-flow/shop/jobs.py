import asyncio
from contextlib import suppress

from shop import obs


def sequence(job):
    obs.emit("shop.job.started", payload := {})  # error: OBS204@34
    payload["job_id"] = job.id
    obs.emit("shop.job.started", payload)
    obs.emit("shop.job.failed", payload)  # error: OBS204@33
    payload["error"] = None
    obs.emit("shop.job.failed", payload)


def branches(job, kind):
    payload = {}
    if kind == "a":
        payload["job_id"] = job.id
    elif kind == "b":
        obs.emit("shop.job.started", payload)  # error: OBS204
        return
    else:
        payload["error"] = "unknown"
    obs.emit("shop.job.failed", payload)
    obs.emit("shop.job.failed", {"kind": kind, **payload})


def handlers(job):
    payload = {"job_id": job.id}
    try:
        job.run()
    except ValueError as error:
        payload["error"] = str(error)
        obs.emit("shop.job.failed", payload)
        raise
    except Exception:
        obs.emit("shop.job.failed", payload)  # error: OBS204
    else:
        obs.emit("shop.job.failed", payload)  # error: OBS204
    finally:
        obs.emit("shop.job.failed", payload)


def swallowed(job):
    payload = {}
    with suppress(KeyError):
        payload["job_id"] = job["id"]
        obs.emit("shop.job.started", payload)
    obs.emit("shop.job.started", payload)
    obs.emit("shop.job.failed", payload)  # error: OBS204


def loops(jobs):
    payload = {}
    for job in jobs:
        obs.emit("shop.job.started", payload)
        payload["job_id"] = job.id
    while jobs:
        fresh = {}
        obs.emit("shop.job.started", fresh)  # error: OBS204
        fresh["job_id"] = jobs.pop()
    for job in jobs:
        kept = {"error": 1}
        if job:
            kept["job_id"] = job.id
            continue
        obs.emit("shop.job.failed", kept)  # error: OBS204


def matched(job):
    match job:
        case {"id": number}:
            payload = {"job_id": number}
        case _:
            payload = {"error": "no id"}
    obs.emit("shop.job.failed", payload)
    obs.emit("shop.job.started", payload)


async def awaited(job):
    payload = await described(job)
    obs.emit("shop.job.failed", payload)  # error: OBS204
    await asyncio.gather(*[described(other) for other in job.others])
    obs.emit("shop.job.started", await described(job))


async def described(job):
    return {"job_id": job.id}


def comprehension(job):
    payload = {key: getattr(job, key) for key in ("job_id", "kind")}
    obs.emit("shop.job.failed", payload)  # error: OBS204
    obs.emit("shop.job.failed", {k: v for k, v in payload.items() if v is not None})  # error: OBS204
    [payload.update({name: 1}) for name in job.names]
    obs.emit("shop.job.failed", payload)


class Worker:
    base = {"job_id": 0}

    def run(self):
        obs.emit("shop.job.failed", self.base)  # error: OBS204
        obs.emit("shop.job.failed", {**self.base, "error": ""})
        obs.emit("shop.job.failed", self.filled())  # error: OBS204
        obs.emit("shop.job.failed", self.described())

    def filled(self):
        return dict(self.base, kind="x")

    def described(self):
        return dict(self.base)


class Special(Worker):
    def described(self):
        return {**self.base, "error": "special"}
