"""What a registry of many events costs: reading it from YAML and from its lock, and judging it.

    python benchmarks/registry.py [--events 2000] [--repeat 5]

The registry is made in a temporary folder. Each figure is the median over fresh processes, the collector off; the start
of the interpreter and imports do not count, unless the row says so.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Registry
from obs_lint.registry.reader import Reader

INDEX = """\
format: obs-registry/1
namespace: shop
naming: "{namespace}.{area}.{action}[.{status}]"
correlation: {fields: {request_id: {type: uuid}, job_id: {type: uuid}, job_run_id: {type: uuid}}}
classifications: {none: {payload: allow}}
"""
EVENT = """\
  shop.area%(area)s.action%(number)s.done:
    version: 1
    summary: "Something of area %(area)s was done, number %(number)s."
    owner: team-%(area)s
    stability: stable
    severity: info
    correlation: {required: [job_id, job_run_id], optional: [request_id]}
    producers: [worker, api]
    smoke: conditional
    payload:
      type: object
      additionalProperties: false
      required: [job_type, attempt, error_type]
      properties:
        job_type: {type: string, x-obs: {privacy: none}}
        attempt: {type: integer, minimum: 1}
        latency_ms:
          type: number
          minimum: 0
          x-obs: {unit: ms}
        error_type: {type: string, x-obs: {semconv: error.type}}
        error_message:
          type: string
          maxLength: 200
        status:
          enum: [ok, failed, cancelled]
    examples:
      - {job_type: enrich, attempt: 2, error_type: TimeoutError}
    counterexamples:
      - payload: {job_type: enrich, attempt: 0, error_type: X}
        because: attempt starts at 1
"""
PER_FILE = 50


def write(folder: Path, events: int) -> int:
    """Write `one.yaml`, `many.yaml` with its included files, and `lock.json`; return the lines of the first."""
    made = [EVENT % {"area": number // 100, "number": number} for number in range(events)]
    one = INDEX + "events:\n" + "".join(made)
    (folder / "one.yaml").write_text(one, encoding="utf-8")
    (folder / "many.yaml").write_text(INDEX + "include: [events/*.yaml]\n", encoding="utf-8")
    (folder / "events").mkdir()
    for start in range(0, events, PER_FILE):
        text = "events:\n" + "".join(made[start : start + PER_FILE])
        (folder / "events" / f"{start:05}.yaml").write_text(text, encoding="utf-8")
    from obs_lint.registry.lock import compiled, lock_text

    registry = read_yaml(folder)
    (folder / "lock.json").write_text(lock_text(compiled([registry])), encoding="utf-8", newline="")
    return one.count("\n")


def read_yaml(folder: Path, name: str = "one.yaml") -> Registry:
    """Read the index."""
    from obs_lint.registry.index import read

    return read(RegistrySource(name), Reader(str(folder)))


def read_lock(folder: Path) -> Registry:
    """Read the lock."""
    from obs_lint.registry.lock import read

    return read(RegistrySource("lock:lock.json"), Reader(str(folder)))


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def yaml_of_one_file(folder: Path) -> float:
    """One file, libyaml."""
    import yaml  # noqa: F401 - imported here so that it is not counted

    from obs_lint.registry import index  # noqa: F401 - as above

    return timed(lambda: read_yaml(folder))


def yaml_of_many_files(folder: Path) -> float:
    """An index that includes files of 50 events, libyaml."""
    import yaml  # noqa: F401 - as above

    from obs_lint.registry import index  # noqa: F401 - as above

    return timed(lambda: read_yaml(folder, "many.yaml"))


def yaml_without_libyaml(folder: Path) -> float:
    """One file, PyYAML's own parser."""
    import yaml

    if hasattr(yaml, "CSafeLoader"):
        del yaml.CSafeLoader
    return timed(lambda: read_yaml(folder))


def yaml_with_places(folder: Path) -> float:
    """One file, and the place of every key of every event."""
    import yaml  # noqa: F401 - as above

    from obs_lint.registry import index  # noqa: F401 - as above

    return timed(lambda: [len(event.places) for event in read_yaml(folder).events])


def lock(folder: Path) -> float:
    """The lock."""
    from obs_lint.registry import lock as module  # noqa: F401 - as above

    return timed(lambda: read_lock(folder))


def lock_with_imports(folder: Path) -> float:
    """The lock, with what it imports."""
    return timed(lambda: read_lock(folder))


def judging(folder: Path) -> float:
    """OBS701, OBS702 and OBS704, with the import of jsonschema."""
    registry = read_yaml(folder)

    def judge() -> None:
        from obs_lint.registry.contracts import problems_of

        assert problems_of(registry) == ()

    return timed(judge)


ROWS: Mapping[str, tuple[str, Callable[[Path], float], float | None]] = {
    "one": ("YAML, one file, with lines", yaml_of_one_file, 1.5),
    "many": ("YAML, an index with included files", yaml_of_many_files, 1.5),
    "places": ("YAML, and a Place for every key", yaml_with_places, None),
    "python": ("YAML without libyaml", yaml_without_libyaml, None),
    "judge": ("schemas, examples, counterexamples", judging, 3.5),
    "lock": ("lock", lock, 0.15),
    "lock-imports": ("lock, imports included", lock_with_imports, None),
}
"""Name → (label, what is timed, seconds that it may take for 2,000 events)."""


def main() -> int:
    """Measure, print a table; 1 where something takes longer than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    gc.disable()
    if arguments.child:
        row, folder = arguments.child
        print(ROWS[row][1](Path(folder)))
        return 0
    code = 0
    with tempfile.TemporaryDirectory() as temporary:
        lines = write(Path(temporary), arguments.events)
        print(f"{arguments.events} events, {lines} lines; seconds, median and worst of {arguments.repeat}\n")
        print("| what | median | worst | at most |\n|---|---:|---:|---:|")
        for name, (label, _, limit) in ROWS.items():
            times = [_child(name, temporary) for _ in range(arguments.repeat)]
            allowed = "" if limit is None else f"{limit * arguments.events / 2000:.2f}"
            print(f"| {label} | {median(times):.3f} | {max(times):.3f} | {allowed} |", flush=True)
            if limit is not None and median(times) > limit * arguments.events / 2000:
                code = 1
    return code


def _child(row: str, folder: str) -> float:
    command = [sys.executable, __file__, "--child", row, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
