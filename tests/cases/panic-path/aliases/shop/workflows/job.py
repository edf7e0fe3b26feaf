import os as system
import sys as s
from typing import TypeGuard

from shop.workflows.errors import Exception as JobError
from shop.workflows.errors import exit


def is_ready(job) -> TypeGuard[int]:
    return job is not None


class Job:
    def run(self, job, steps):
        assert is_ready(job)
        assert is_ready(job) and steps > 1  # error: OBS504
        s.exit(1)  # error: OBS504
        system._exit(1)  # error: OBS504
        exit(1)
        quit(1)  # error: OBS504
        raise JobError("own")

    def stop(self, job):
        system.exit()
        raise Exception  # error: OBS504

    def message(self):
        return "assert x; sys.exit(1)"  # raise Exception


assert Job, (  # error: OBS504
    "a module that can't be"
)
