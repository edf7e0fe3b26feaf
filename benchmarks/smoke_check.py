"""How fast `smoke check` is, and how much it needs: lines of a running system through the reader and every check.

    python benchmarks/smoke_check.py [--lines 200000] [--memory]

A registry of 200 events with envelope, chain and lifecycles; two canaries; flows of a request, a job, two attempts and
three layers, a few hundred of them under way at the same time. Prints events a second, and the parts as ratios to
`orjson.loads` of the same lines in the same run. `--memory` streams the lines instead of holding them, and prints the
peak of the process in MB at each tenth: with `--lines 5000000` it shows whether memory is bounded.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from obs_lint.config.model import RegistrySource  # noqa: E402  found by the line above
from obs_lint.registry.index import read as read_index  # noqa: E402
from obs_lint.registry.reader import Reader  # noqa: E402
from obs_lint.smoke.checker import Checker, Result  # noqa: E402
from obs_lint.smoke.fields import Fields  # noqa: E402
from obs_lint.smoke.options import Options  # noqa: E402
from obs_lint.smoke.plan import Plan  # noqa: E402
from obs_lint.smoke.reading import LineReader  # noqa: E402

CANARIES = {"email": "canary-7f3a@example.invalid", "card": "4000-0000-0000-0002"}
PAYLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["attempt", "status"],
    "properties": {
        "job_type": {"type": "string", "minLength": 1},
        "status": {"enum": ["running", "completed", "failed", "queued"]},
        "attempt": {"type": "integer", "minimum": 1},
        "latency_ms": {"type": "number", "minimum": 0},
        "layer_name": {"type": "string", "minLength": 1},
        "model_id": {"type": "string"},
        "error_type": {"type": "string"},
        "note": {"type": "string", "maxLength": 200},
    },
}
IN_FLIGHT = 300
"""Flows that are under way at the same time."""


def registry() -> Any:
    """The shipped registry's envelope, chain and lifecycles, and 200 events."""
    import yaml

    preset = REPOSITORY / "obs_lint" / "presets" / "narralytica"
    document = yaml.safe_load((preset / "obs-registry.yaml").read_text("utf-8"))
    del document["include"]
    for one in document["lifecycles"].values():
        one["deadline"] = "PT15M"
    names = ["job.created", "job_run.started", "job_run.completed", "job_run.failed"]
    names += ["layer.started", "layer.completed", "layer.failed", "search.executed"]
    names += [f"area{number}.happened" for number in range(200 - len(names))]
    ids = {"job": ["request_id", "job_id"], "job_run": ["job_id", "job_run_id"], "layer": ["job_id", "job_run_id"]}
    document["events"] = {
        f"narralytica.{name}": {
            "severity": "error" if name.endswith("failed") else "info",
            "correlation": {"required": ids.get(name.split(".")[0], ["job_id"])},
            "payload": PAYLOAD,
        }
        for name in names
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "schemas").mkdir()
        for name in ("event_envelope", "correlation"):
            file = f"schemas/{name}.schema.json"
            (root / file).write_text((preset / file).read_text("utf-8"), "utf-8")
        (root / "obs-registry.yaml").write_text(json.dumps(document), "utf-8")
        return read_index(RegistrySource("obs-registry.yaml"), Reader(str(root)))


def lines(number: int) -> Iterator[bytes]:
    """Lines of flows that overlap, in the order of their times."""
    random_ = random.Random(7)
    flows: list[Iterator[tuple[str, dict[str, str], dict[str, Any]]]] = [_flow(random_) for _ in range(IN_FLIGHT)]
    clock = 1_763_630_043_000_000
    for _ in range(number):
        at = random_.randrange(IN_FLIGHT)
        found = next(flows[at], None)
        if found is None:
            flows[at] = _flow(random_)
            found = next(flows[at])
        name, ids, payload = found
        clock += 150
        seconds, micro = divmod(clock, 1_000_000)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micro:06d}Z"
        yield json.dumps(
            {
                "event_name": f"narralytica.{name}",
                "occurred_at": text,
                "correlation": ids,
                "actor": {"service_name": "enrich", "service_version": "2.3.1", "env": "staging", "host": "worker-7"},
                "payload": payload,
                "severity": "error" if name.endswith("failed") else "info",
                "schema_version": "1",
            }
        ).encode()


def _flow(random_: random.Random) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
    def uuid() -> str:
        return str(UUID(int=random_.getrandbits(128), version=4))

    request, job = uuid(), uuid()
    yield (
        "job.created",
        {"request_id": request, "job_id": job},
        {"job_type": "enrich", "status": "queued", "attempt": 1},
    )
    retried = random_.random() < 0.2
    for attempt in (1, 2) if retried else (1,):
        run = uuid()
        ids = {"job_id": job, "job_run_id": run}
        base = {"job_type": "enrich", "attempt": attempt}
        yield "job_run.started", ids, {**base, "status": "running"}
        for layer in ("summary", "topics", "people"):
            inner = {**base, "layer_name": layer, "model_id": "mistral-small"}
            yield "layer.started", ids, {**inner, "status": "running"}
            note = f"{random_.randrange(10**6)} tokens, window {random_.randrange(900)} of the model"
            yield f"area{random_.randrange(192)}.happened", ids, {**base, "status": "running", "note": note}
            yield "layer.completed", ids, {**inner, "status": "completed", "latency_ms": random_.random() * 900}
        if attempt == 1 and retried:
            yield "job_run.failed", ids, {**base, "status": "failed", "latency_ms": 90.5, "error_type": "TimeoutError"}
        else:
            yield "job_run.completed", ids, {**base, "status": "completed", "latency_ms": 90.5}


def fields(of: Any) -> Fields:
    """Where the reader finds the ids."""
    return Fields.of_registry({f.name: {"header": f.header, "aliases": f.aliases, "at": f.at} for f in of.correlation})


def peak() -> float:
    """The most memory that the process has had, in MB."""
    try:
        import resource
    except ImportError:
        return float("nan")  # Windows
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20) if sys.platform == "darwin" else used / 1024


def speed(number: int) -> None:
    """Time the parts over the same lines."""
    import orjson

    of = registry()
    plan, options = Plan.of([of]), Options(canaries=CANARIES, always=False)
    made = list(lines(number))

    def parsed() -> None:
        for line in made:
            orjson.loads(line)

    def read() -> None:
        take = LineReader("stdin", fields(of)).take
        for line in made:
            take(line)

    result: list[Result] = []

    def checked() -> None:
        checker = Checker(plan, options)
        take, check = LineReader("stdin", fields(of)).take, checker.take
        for line in made:
            for record in take(line):
                check(record)
        result.append(checker.finish())

    times = {}
    for name, function in (("orjson.loads", parsed), ("reader", read), ("reader and checks", checked)):
        best = float("inf")
        for _ in range(3):
            begun = time.process_time()
            function()
            best = min(best, time.process_time() - begun)
        times[name] = best
    base = times["orjson.loads"]
    for name, taken in times.items():
        each = 1e6 * taken / number
        print(f"{name:20} {number / taken:>10,.0f} events/s {each:7.2f} µs each {taken / base:6.1f} × orjson.loads")
    _say(result[-1])


def memory(number: int) -> None:
    """Stream the lines through, and watch the memory."""
    of = registry()
    checker = Checker(Plan.of([of]), Options(canaries=CANARIES, always=False))
    take = LineReader("stdin", fields(of)).take
    step = max(number // 10, 1)
    for count, line in enumerate(lines(number), 1):
        for record in take(line):
            checker.take(record)
        if count % step == 0:
            print(f"{count:>10,} lines, peak {peak():6.1f} MB", flush=True)
    result = checker.finish()
    print(f"at the end, peak {peak():6.1f} MB")
    _say(result)


def _say(result: Result) -> None:
    codes = sorted({finding.code for finding in result.everything()})
    print("found:", ", ".join(codes) or "nothing", "· forgotten:", dict(result.evictions) or "nothing")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    (memory if arguments.memory else speed)(arguments.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
