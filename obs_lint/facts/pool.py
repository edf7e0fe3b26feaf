"""Scans files and extracts facts on every core.

One protocol for all platforms: a worker reads requests from a pipe and answers on another. Where the system can fork,
workers are forks of this process, which costs a millisecond; elsewhere they are started as
`python -m obs_lint.facts.pool`, which pays only for many files.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from obs_lint.facts.scan import Profile, Scanner, read

Result = tuple[Any, ...]

_FORK_BYTES = 1_500_000
_SPAWN_BYTES = 30_000_000


def _perform(kind: str, argument: Any, items: Sequence[tuple[str, str]]) -> list[Any]:
    """Do one share: `kind` is scan or facts, `items` are (path, absolute path)."""
    if kind == "scan":
        want_digest, raw_profile = argument
        roots, every_import, judge_use, anchors, version = raw_profile
        profile = Profile(roots, every_import, judge_use, tuple(map(_anchor, anchors)), version)
        return scan_share(profile, want_digest, items)
    return [facts_of(path, absolute) for path, absolute in items]


def _anchor(raw: tuple[Any, ...]) -> Any:
    from obs_lint.facts.model import Anchor

    return Anchor(*raw)


def scan_share(profile: Profile, want_digest: bool, items: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    """Scan files. Each result: (digest or b"", Scan as a tuple, or an error's message where it can't be read)."""
    from obs_lint.digests import blake2b

    scanner = Scanner(profile)
    results: list[tuple[Any, ...]] = []
    for path, absolute in items:
        try:
            data = read(absolute)
        except OSError as error:
            results.append((b"", error.strerror or str(error)))
            continue
        digest = blake2b(data, digest_size=16).digest() if want_digest else b""
        results.append((digest, tuple(scanner.scan(path, data))))
    return results


def facts_of(path: str, absolute: str) -> tuple[bytes, tuple[str, int, int, int] | None]:
    """Extract the facts of one file: (encoded facts, None) or (b"", problem)."""
    from obs_lint.facts.extract import extract_encoded
    from obs_lint.source import SourceError, decode

    try:
        return extract_encoded(decode(path, read(absolute))), None
    except SourceError as error:
        return b"", (error.message, error.line, error.column, error.cell or 0)
    except OSError as error:
        return b"", (error.strerror or str(error), 1, 1, 0)


class Pool:
    """Workers beside this process; none for small projects."""

    def __init__(self, jobs: int | None = None) -> None:
        """`jobs`: processes in all, this one included; None: one a core."""
        self.jobs = jobs or _cores()
        self._workers: list[_Worker] = []

    def map(self, kind: str, argument: Any, items: Sequence[tuple[str, str]], sizes: Sequence[int]) -> list[Any]:
        """Perform a request over items, shared out by size; results in the order of items."""
        total = sum(sizes)
        weight = total if kind == "scan" else total * 25
        self._start(weight, len(items))
        shares = len(self._workers) + 1
        if shares == 1 or weight < _FORK_BYTES:
            return _perform(kind, argument, items)
        assigned: list[list[int]] = [[] for _ in range(shares)]
        loads = [0] * shares
        order = sorted(range(len(items)), key=sizes.__getitem__, reverse=True) if kind != "scan" else range(len(items))
        for index in order:
            share = loads.index(min(loads))
            assigned[share].append(index)
            loads[share] += sizes[index] + 2000
        for worker, indices in zip(self._workers, assigned[1:], strict=True):
            worker.send((kind, argument, [items[i] for i in indices]))
        results: list[Any] = [None] * len(items)
        for index, result in zip(assigned[0], _perform(kind, argument, [items[i] for i in assigned[0]]), strict=True):
            results[index] = result
        for worker, indices in zip(self._workers, assigned[1:], strict=True):
            answer = worker.receive()
            if answer is None:
                answer = _perform(kind, argument, [items[i] for i in indices])
            for index, result in zip(indices, answer, strict=True):
                results[index] = result
        return results

    def _start(self, weight: int, count: int) -> None:
        can_fork = hasattr(os, "fork")
        if self._workers or self.jobs < 2 or count < 8 or weight < (_FORK_BYTES if can_fork else _SPAWN_BYTES):
            return
        for _ in range(min(self.jobs, 8) - 1):
            try:
                self._workers.append(_fork(self._workers) if can_fork else _spawn())
            except OSError:
                return

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()


class _Worker:
    __slots__ = ("_process", "_reader", "_writer")

    def __init__(self, reader: BinaryIO, writer: BinaryIO, process: Any) -> None:
        self._reader, self._writer, self._process = reader, writer, process

    def send(self, request: Any) -> None:
        try:
            _write(self._writer, request)
        except OSError:
            pass  # receive() notices

    def receive(self) -> list[Any] | None:
        """The answer, None where the worker died: its share is then done here."""
        try:
            answer = _read(self._reader)
        except (OSError, EOFError, ValueError, TypeError):
            return None
        return answer if isinstance(answer, list) else None

    def forget(self) -> None:
        """Close this process's ends of the pipes."""
        for stream in (self._writer, self._reader):
            try:
                stream.close()
            except OSError:
                pass

    def close(self) -> None:
        self.forget()
        if isinstance(self._process, int):
            try:
                os.waitpid(self._process, 0)
            except OSError:
                pass
        else:
            self._process.wait()


def _write(stream: BinaryIO, value: Any) -> None:
    data = marshal.dumps(value)
    stream.write(len(data).to_bytes(8, "little") + data)
    stream.flush()


def _read(stream: BinaryIO) -> Any:
    header = stream.read(8)
    if len(header) < 8:
        raise EOFError
    data = stream.read(int.from_bytes(header, "little"))
    return marshal.loads(data)


def _serve(reader: BinaryIO, writer: BinaryIO) -> None:
    while True:
        try:
            kind, argument, items = _read(reader)
        except EOFError:
            return
        try:
            answer: Any = _perform(kind, argument, items)
        except Exception as error:  # noqa: BLE001 - the parent does the share again and reports what is wrong
            answer = repr(error)
        _write(writer, answer)


def _fork(others: Sequence[_Worker]) -> _Worker:
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.close(down_write)
            os.close(up_read)
            for other in others:  # else they would never see the end of their pipes
                other.forget()
            _serve(os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb"))
            code = 0
        except BaseException:  # noqa: BLE001 - a fork must never run on into its parent's code
            pass
        finally:
            os._exit(code)
    os.close(down_read)
    os.close(up_write)
    return _Worker(os.fdopen(up_read, "rb"), os.fdopen(down_write, "wb"), process)


def _spawn() -> _Worker:
    import subprocess

    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "obs_lint.facts.pool"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    return _Worker(process.stdout, process.stdin, process)  # type: ignore[arg-type]  # buffered pipes are BinaryIO


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


if __name__ == "__main__":
    gc.disable()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
