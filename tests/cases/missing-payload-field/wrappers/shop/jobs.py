from functools import partial

from shop import obs


def notify(name, data=None):
    obs.emit(name, data)


def failed(job, **more):
    obs.emit("shop.job.failed", {"job_id": job.id, **more})


def place(job, notes):
    notify("shop.job.started", {"job_id": job.id})
    notify("shop.job.started", {"id": job.id})  # error: OBS204@32
    notify(data={}, name="shop.job.started")  # error: OBS204@17
    payload = {"id": job.id}
    notify("shop.job.started", payload)  # error: OBS204@32
    payload["job_id"] = job.id
    notify("shop.job.started", payload)
    failed(job, error="x")
    notify("shop.job.started", notes)


started = partial(obs.emit, "shop.job.started")


def run(job):
    started({"job_id": job.id})
    started({"id": job.id})  # error: OBS204@13


def counted(name, count):
    obs.emit(name, {"count": count})


def several(job):
    counted("shop.job.started", 1)  # error: OBS204@13
    counted("shop.job.started", 2)  # error: OBS204@13
    counted("shop.job.failed", 3)  # error: OBS204@13


again = partial(obs.emit, "shop.job.started", {"again": True})  # error: OBS204@27


def rerun(job):
    again()
    again()
