from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from obs_surface.sinks import Sink
from obs_surface.sinks.json_lines import JsonLinesSink

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and pipes that can be made non-blocking")

CROWD = """
import json, multiprocessing, os, sys, threading
from obs_surface.sinks.json_lines import JsonLinesSink
THREADS, LINES = 16, 12
SIZES = (1, 40, 900, 4000, 4095, 4096, 4097, 9000, 70_000, 200_000, 3, 5000)
sink = JsonLinesSink(sys.argv[1] if len(sys.argv) > 1 else None)

def crowd(who):
    def one(thread):
        for number in range(LINES):
            text = chr(97 + thread) * SIZES[(number + thread) % len(SIZES)]
            sink.write(json.dumps([who, thread, number, len(text), text]).encode() + b"\\n")
    threads = [threading.Thread(target=one, args=(thread,)) for thread in range(THREADS)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def main():
    child = os.fork()
    if child == 0:
        crowd("fork")
        os._exit(0)
    worker = multiprocessing.get_context("fork").Process(target=crowd, args=("multiprocessing",))
    worker.start()
    crowd("parent")
    worker.join()
    assert os.waitpid(child, 0)[1] == 0 and worker.exitcode == 0

main()
"""


def _line(text: str = "x") -> bytes:
    return json.dumps({"text": text}).encode() + b"\n"


def _check_crowd(data: bytes) -> None:
    seen: Counter[tuple[str, int, int]] = Counter()
    assert data.endswith(b"\n")
    for line in data.splitlines():
        who, thread, number, length, text = json.loads(line)
        assert text == chr(97 + thread) * length
        seen[who, thread, number] += 1
    assert len(seen) == 3 * 16 * 12
    assert set(seen.values()) == {1}


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_lines_of_threads_and_forked_children_stay_apart_in_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CROWD], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    _check_crowd(done.stdout)


@posix
def test_lines_of_threads_and_forked_children_stay_apart_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CROWD, str(path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    _check_crowd(path.read_bytes())


def test_is_a_sink() -> None:
    assert isinstance(JsonLinesSink(1), Sink)


def test_appends_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line("before"))
    sink = JsonLinesSink(path)
    sink.write(_line("after"))
    assert sink.flush(1)
    sink.close(1)
    sink.close(1)
    assert path.read_bytes() == _line("before") + _line("after")
    assert (sink.written, sink.lost, sink.name) == (1, 0, "file:a.jsonl")


def test_a_path_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        JsonLinesSink(tmp_path / "missing" / "a.jsonl")


def test_reopen_follows_a_rotated_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(path)
    sink.write(_line("1"))
    sink.close(0)
    path.rename(tmp_path / "a.jsonl.1")
    sink.reopen()
    sink.write(_line("2"))
    sink.close(1)
    assert path.read_bytes() == _line("2")


def test_follows_standard_output_that_is_replaced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonLinesSink()
    sink.write(_line("é"))
    assert capsys.readouterr().out == _line("é").decode()
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    sink.write(_line("1"))
    assert text.getvalue() == _line("1").decode()
    monkeypatch.setattr(sys, "stdout", None)
    sink.write(_line("nowhere"))
    assert sink.lost == 1


def test_writes_to_the_descriptor_of_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = JsonLinesSink()
    sink.write(_line("ü"))
    assert capfdbinary.readouterr().out == _line("ü")


def test_an_open_file_of_bytes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    JsonLinesSink(buffer).write(_line())
    assert buffer.getvalue() == _line()


@posix
def test_a_reader_that_is_gone_is_counted_and_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sink = JsonLinesSink(writing, name="gone")
    for _ in range(3):
        sink.write(_line())
    os.close(writing)
    sink.write(_line())
    assert (sink.written, sink.lost) == (0, 4)
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "gone" in said


@posix
def test_a_non_blocking_pipe_is_waited_for_and_lines_are_whole() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = JsonLinesSink(writing)
    lines = [_line("x" * 300_000), _line("y" * 10), _line("z" * 150_000)]
    got = bytearray()

    def read() -> None:
        while len(got) < sum(map(len, lines)):
            got.extend(os.read(reading, 7919))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for line in lines:
        sink.write(line)
    reader.join(10)
    assert bytes(got) == b"".join(lines)
    assert (sink.written, sink.lost) == (3, 0)
    os.close(reading)
    os.close(writing)


@posix
def test_a_full_non_blocking_pipe_costs_lines_not_time_and_a_torn_line_costs_only_itself() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = JsonLinesSink(writing, patience=0.02)
    sink.write(_line("x" * 300_000))  # the first 64 KiB fit
    assert sink.lost == 1
    for _ in range(100):
        sink.write(_line("no room"))
    assert sink.lost == 101
    got = os.read(reading, 1 << 20)
    sink.write(_line("after"))
    sink.write(_line("again"))
    got += os.read(reading, 1 << 20)
    torn, *rest = got.split(b"\n")
    assert torn.startswith(b'{"text": "xxx')
    assert [json.loads(line) for line in rest if line] == [{"text": "after"}, {"text": "again"}]
    os.close(reading)
    os.close(writing)


def test_a_write_within_a_write_of_the_same_thread_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = JsonLinesSink(1, name="nested")
    out: list[bytes] = []

    def write(descriptor: int, data: bytes) -> int:
        if not out:
            sink.write(b"inner\n")  # a signal handler that logs
        out.append(bytes(data))
        return len(data)

    monkeypatch.setattr("obs_surface.sinks.json_lines.os.write", write)
    sink.write(b"outer\n")
    assert out == [b"outer\n", b"inner\n"]
    assert sink.written == 2


@posix
def test_a_signal_handler_that_raises_in_the_middle_of_a_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    sink = JsonLinesSink(writing)
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        real(descriptor, data[:5000])
        raise KeyboardInterrupt

    monkeypatch.setattr("obs_surface.sinks.json_lines.os.write", write)
    with pytest.raises(KeyboardInterrupt):
        sink.write(_line("x" * 9000))
    monkeypatch.undo()
    sink.write(_line("after"))
    assert os.read(reading, 1 << 16).split(b"\n")[1] + b"\n" == _line("after")
    os.close(reading)
    os.close(writing)
