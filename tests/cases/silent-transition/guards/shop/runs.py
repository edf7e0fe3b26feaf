from enum import StrEnum, auto

from shop import obs


class RunStatus(StrEnum):
    PENDING = auto()
    QUEUED = auto()
    RUNNING = auto()
    COMPLETED = auto()
    CANCELLED = auto()


class Light(StrEnum):
    RUNNING = auto()
    OFF = auto()


END = "completed"


def seen(name):
    obs.emit("job_run.started", {"name": name})


class JobRunModel:
    def cancel(self):
        if self.status == RunStatus.COMPLETED:
            raise ValueError
        self.status = RunStatus.CANCELLED  # error: OBS306

    def end(self):
        if not self.status == "running":
            return
        self.status = END  # error: OBS306

    def skip(self):
        if "pending" == self.status:
            seen("skip")
            with self.lock:
                self.status = "completed"
            return
        if self.status == "pending":
            self.status = "completed"  # error: OBS306
        seen("skip")

    def wait(self):
        if self.status not in ("pending", "queued"):
            return None
        self.status = "completed"  # error: OBS306
        return seen("wait")

    def several(self, other):
        if other.status == "pending":
            self.status = "completed"
        if self.status == "running" or other.ready:
            self.status = "queued"
        elif self.status == "completed":
            self.status = "running"  # error: OBS306
        seen("several")


def lights(lamp, job_run, runner):
    lamp.status = Light.RUNNING
    runner.status = "running"
    job_run.status += "x"
    job_run.status: str = "running"  # error: OBS306


job_run = JobRunModel()
job_run.status = "queued"
