"""One finished process as figures: wall time, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SAMPLING_INTERVAL = 0.004
"""Seconds between two looks at the memory of a tree of processes."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system, with the processes that it started and waited for; nan on Windows."""
    largest: float
    """Bytes: peak resident set of the largest process of the tree; nan on Windows. The kernel counts what a process was
    before it became the command, so this is never below the size of the process that measures."""
    together: float
    """Bytes: highest sum of proportional set sizes over the tree, sampled; nan where it was not asked for or there is
    no /proc. Proportional: what forked processes share counts once."""
    code: int
    """The exit code."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, sample_memory: bool = False) -> Run:
    """Run a command to its end with its output thrown away; sampling memory makes the times worthless."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    sampler = _Sampler(process.pid) if sample_memory and Path("/proc/self/smaps_rollup").exists() else None
    if sampler is not None:
        sampler.start()
    if sys.platform == "win32":
        code, cpu, largest = process.wait(), float("nan"), float("nan")
    else:
        _, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        cpu, largest = usage.ru_utime + usage.ru_stime, float(usage.ru_maxrss * _MAXRSS_UNIT)
    wall = time.perf_counter() - started
    together = float("nan") if sampler is None else sampler.finish()
    return Run(wall, cpu, largest, together, code)


def middle(runs: Sequence[Run]) -> Run:
    """Return the median of each figure on its own."""
    return Run(
        wall=median(run.wall for run in runs),
        cpu=median(run.cpu for run in runs),
        largest=median(run.largest for run in runs),
        together=median(run.together for run in runs),
        code=runs[-1].code,
    )


class _Sampler(threading.Thread):
    """Adds up the memory of a process and its descendants until told to finish."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._peak = 0
        self._finished = threading.Event()

    def run(self) -> None:
        while not self._finished.is_set():
            self._peak = max(self._peak, sum(_proportional(pid) for pid in _tree(self._pid)))
            self._finished.wait(SAMPLING_INTERVAL)

    def finish(self) -> float:
        self._finished.set()
        self.join()
        return float(self._peak)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as children:
                    found += map(int, children.read().split())
        except OSError:
            continue
    return found


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as figures:
            for line in figures:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
