import structlog

from shop.obs import emit

trail = structlog.get_logger()
QUIET = "debug"


def execute(job, ok, level):
    emit("job.lifecycle.start", {}, severity=QUIET)  # error: OBS503
    trail.debug("job.lifecycle.start")  # error: OBS503
    trail.info("job.lifecycle.start")
    emit("job.lifecycle.start")
    emit("job.lifecycle.start", {}, severity=level)
    emit("job.lifecycle.complete" if ok else "job.lifecycle.fail", {}, severity="info")
    emit("job.lifecycle.fail", {}, severity="warn")
    emit("job.lifecycle.fail", {}, severity="info")  # error: OBS503
    emit("job.lifecycle.cancel", {}, severity="debug")
    emit("job.step.done", {}, severity="debug")


def deleted(index):
    try:
        index.delete("long")
    except Exception:
        index.delete("short")
        trail.info("deleted by its short name")
