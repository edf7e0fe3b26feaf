"""Processes of the system under test: started in groups of their own, watched, and ended whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from obs_lint.smoke.scenario import Ready

LastLines = tuple[str, ...]
OnLine = Callable[[str, bytes], None]
"""Takes (`stdout` or `stderr`, one line without its end). Called from the threads that read the pipes."""

LINES_KEPT: Final = 20
"""Last lines of each process that are shown where it ends badly."""
MAX_LINE: Final = 4 << 20
"""Bytes after which a line is handed on in parts: what never ends must not fill the memory."""
_POLL: Final = 0.02
"""Seconds between two looks at a port: nothing tells when somebody begins to listen."""
_WINDOWS: Final = sys.platform == "win32"


class ProcessError(Exception):
    """A process that can't be started as the scenario says; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How one process ended."""

    name: str
    code: int
    """Exit code; negative: the number of the signal that ended it."""
    asked: bool
    """Whether the run had told it to stop (a step that kills it included)."""
    forced: bool
    """Whether it had to be killed because it did not stop in time."""
    time: int
    """Nanoseconds since the epoch."""
    last_lines: LastLines = ()
    planned: bool = False
    """Whether a step of the scenario ended it."""

    @property
    def how(self) -> str:
        """`exited with code 1`, `was ended by SIGKILL`."""
        if self.code >= 0:
            return f"exited with code {self.code}"
        try:
            return f"was ended by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was ended by signal {-self.code}"


class Process:
    """One running process and the threads that read what it writes."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | Path,
        on_line: OnLine,
        guard: Guard | None = None,
        awaited: str = "",
    ) -> None:
        """Start it; `awaited` is the text that `ready.log` waits for. Raises ProcessError where the system can't."""
        self.name = name
        self.on_line = on_line
        self.asked = False
        self.planned = False
        self.forced = False
        self._gone = False
        self.end: ProcessEnd | None = None
        self.exited = threading.Event()
        """Set once it has ended and everything that it wrote was read."""
        self._changed = threading.Condition()
        self._last: deque[bytes] = deque(maxlen=LINES_KEPT)
        self._awaited = awaited.encode()
        self._appeared = False
        self._guard = guard
        words = [_program(command[0], name, env, cwd), *command[1:]]
        try:
            self._popen = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=dict(env),
                start_new_session=not _WINDOWS,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if _WINDOWS else 0,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ProcessError(f"process `{name}` can't be started: {words[0]}: {why}") from None
        self.pid = self._popen.pid
        if guard is not None:
            guard.watch(self.pid)
        self._readers = [
            threading.Thread(target=self._read, args=(which, pipe), name=f"{which}:{name}", daemon=True)
            for which, pipe in (("stdout", self._popen.stdout), ("stderr", self._popen.stderr))
            if pipe is not None
        ]
        self._waiter = threading.Thread(target=self._wait, name=f"wait:{name}", daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()

    @property
    def last_lines(self) -> LastLines:
        """What it wrote last, on either stream."""
        with self._changed:
            return tuple(line.decode("utf-8", "replace") for line in self._last)

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self._popen.poll() is None

    def wait_until_ready(self, ready: Ready) -> str:
        """Wait until it can be used; the reason where it can't, empty where it can."""
        deadline = time.monotonic() + ready.within
        if ready.log:
            return self._wait_for_line(ready.log, deadline, ready.within)
        if ready.tcp or ready.http:
            what = ready.http or ready.tcp
            probe: Callable[[float], str] = (
                (lambda left: _answers(ready.http, left)) if ready.http else (lambda left: _accepts(ready.tcp, left))
            )
            why = "nothing listens"
            while (left := deadline - time.monotonic()) > 0:
                why = probe(min(left, 2.0))
                if not why:
                    return "" if self.running else self._died()
                if self.exited.wait(min(_POLL, left)):
                    return self._died()
            return f"was not ready within {ready.within:g} s ({what}: {why})"
        return "" if self.running else self._died()

    def _wait_for_line(self, text: str, deadline: float, within: float) -> str:
        with self._changed:
            while not self._appeared:
                if self.end is not None:
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    return f"was not ready within {within:g} s (no line with `{text}`)"
                self._changed.wait(left)
            if self._appeared:
                return ""
        return self._died()

    def _died(self) -> str:
        self.exited.wait(2.0)
        end = self.end
        return f"{end.how} before it was ready" if end is not None else "ended before it was ready"

    def signal(self, name: str, *, planned: bool = True) -> None:
        """Send a signal to the whole group: TERM, KILL, …; nothing happens where it has ended."""
        ends = name in ("TERM", "KILL", "INT", "QUIT", "HUP")
        self.asked = self.asked or ends
        self.planned = self.planned or (planned and ends)
        if _WINDOWS:
            self._signal_on_windows(name)
            return
        number = getattr(signal, f"SIG{name}", None)
        if number is None:
            raise ProcessError(f"process `{self.name}`: this system has no signal {name}")
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            # macOS says so of a group that has only zombies left.
            pass

    def _signal_on_windows(self, name: str) -> None:
        if name in ("TERM", "INT", "HUP", "QUIT"):
            try:
                self._popen.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
            except OSError:
                self._popen.terminate()
        elif name == "KILL":
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(self.pid)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        else:
            raise ProcessError(f"process `{self.name}`: Windows has no signal {name}")

    def stop(self, within: float, how: str = "TERM", *, planned: bool = False) -> ProcessEnd:
        """Tell it to stop, kill it where it does not, and read what it wrote; safe to call again."""
        if self.running:
            self.signal(how, planned=planned)
            if not self._ended(within):
                self.forced = True
                self.signal("KILL", planned=planned)
                self._ended(5.0)
        self.kill_group()
        self.exited.wait(5.0)
        if self.end is None:
            self._finish(self._popen.poll() or 0)
        assert self.end is not None
        return self.end

    def _ended(self, within: float) -> bool:
        """Wait for the process itself; a grandchild that holds its pipes open does not count."""
        try:
            self._popen.wait(max(within, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill_group(self) -> None:
        """Kill whatever is left of its group: a child that outlives it must not outlive the run."""
        if self._gone:
            return  # the number may be somebody else's by now
        self._gone = not self.running
        if _WINDOWS:
            if self.running:
                self._signal_on_windows("KILL")
        else:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if self._guard is not None:
            self._guard.forget(self.pid)

    def _read(self, which: str, pipe: IO[bytes]) -> None:
        last, on_line, changed = self._last, self.on_line, self._changed
        try:
            while line := pipe.readline(MAX_LINE):
                line = line.rstrip(b"\r\n")
                with changed:
                    last.append(line[:2000])
                    if self._awaited and not self._appeared and self._awaited in line:
                        self._appeared = True
                        changed.notify_all()
                on_line(which, line)
        except (OSError, ValueError):
            return
        finally:
            pipe.close()

    def _wait(self) -> None:
        code = self._popen.wait()
        now = time.time_ns()
        for reader in self._readers:
            # A grandchild may hold the pipe open; what the process itself wrote is there by then.
            reader.join(2.0 if not self.asked else 0.5)
        self._finish(code, now)

    def _finish(self, code: int, when: int = 0) -> None:
        with self._changed:
            if self.end is None:
                lines = tuple(line.decode("utf-8", "replace") for line in self._last)
                self.end = ProcessEnd(
                    self.name, code, self.asked, self.forced, when or time.time_ns(), lines, self.planned
                )
            self._changed.notify_all()
        self.exited.set()


class Guard:
    """Ends the groups of a run that can't do so itself: a process that waits for the harness to go, however it goes.

    It reads from a pipe whose other end only the harness has; at the end of that it kills what it was told to watch.
    On Windows, where there are no groups, nothing is watched.
    """

    def __init__(self) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        if _WINDOWS:
            return
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self._popen = None

    def watch(self, group: int) -> None:
        """End this group if the harness is gone."""
        self._say(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group has ended; its number may be given to others."""
        self._say(f"-{group}\n")

    def close(self) -> None:
        """There is nothing left to watch."""
        popen = self._popen
        if popen is None or popen.stdin is None:
            return
        self._say("q\n")
        try:
            popen.stdin.close()
        except OSError:
            pass
        try:
            popen.wait(2.0)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
        self._popen = None

    def _say(self, text: str) -> None:
        popen = self._popen
        if popen is None or popen.stdin is None:
            return
        with self._lock:
            try:
                popen.stdin.write(text.encode())
                popen.stdin.flush()
            except (OSError, ValueError):
                return


_GUARD: Final = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = set()
for line in sys.stdin.buffer:
    if line[:1] == b"+":
        groups.add(int(line[1:]))
    elif line[:1] == b"-":
        groups.discard(int(line[1:]))
    else:
        os._exit(0)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Group:
    """All processes of one run, in the order in which they were started."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.processes: dict[str, Process] = {}
        self.ends: list[ProcessEnd] = []
        """Of processes that a step ended and another started again."""
        self._lock = threading.Lock()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | Path,
        on_line: OnLine,
        awaited: str = "",
    ) -> Process:
        """Start a process under a name. Raises ProcessError."""
        made = Process(name, command, env=env, cwd=cwd, on_line=on_line, guard=self.guard, awaited=awaited)
        with self._lock:
            before = self.processes.get(name)
            if before is not None and before.end is not None:
                self.ends.append(before.end)
            self.processes[name] = made
        return made

    def unexpected(self) -> list[ProcessEnd]:
        """The processes that have ended though nobody had asked them to."""
        return [process.end for process in self.processes.values() if process.end is not None and not process.end.asked]

    def stop(self, order: Iterable[Iterable[tuple[str, float, str]]]) -> list[ProcessEnd]:
        """Stop (name, seconds, signal), all of one inner sequence at a time; then whatever is left. Never raises."""
        try:
            for together in order:
                threads = []
                for name, within, how in together:
                    process = self.processes.get(name)
                    if process is not None:
                        thread = threading.Thread(target=process.stop, args=(within, how), name=f"stop:{name}")
                        thread.start()
                        threads.append(thread)
                for thread in threads:
                    thread.join()
        finally:
            self.kill()
        return [*self.ends, *(process.end for process in self.processes.values() if process.end is not None)]

    def kill(self) -> None:
        """End everything at once, without asking."""
        for process in self.processes.values():
            if process.running:
                process.asked = process.forced = True
            process.kill_group()
        for process in self.processes.values():
            process.exited.wait(2.0)
        self.guard.close()


def environment(*layers: Mapping[str, str | None]) -> dict[str, str]:
    """The harness's own environment under the given ones; None takes a variable away."""
    made = dict(os.environ)
    made.setdefault("PYTHONUNBUFFERED", "1")
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                made.pop(name, None)
            else:
                made[name] = value
    return made


def _program(word: str, name: str, env: Mapping[str, str], cwd: str | Path) -> str:
    """The path of a program: `python` is that of the active virtual environment, else the one obs-lint runs on."""
    if word in ("python", "python3") and not (env.get("VIRTUAL_ENV") or env.get("CONDA_PREFIX")):
        return sys.executable
    if os.path.dirname(word):
        path = os.path.join(str(cwd), word)
        return path if os.path.exists(path) else word
    found = shutil.which(word, path=env.get("PATH"))
    if found is None:
        if word in ("python", "python3"):
            return sys.executable
        hint = "install Redis, or set `REDIS_URL`" if word == "redis-server" else "install it, or give its path"
        raise ProcessError(f"process `{name}` can't be started: there is no program `{word}` on PATH; {hint}")
    return found


def _accepts(address: str, timeout: float) -> str:
    import socket

    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), timeout):
            return ""
    except ValueError:
        return f"`{port}` is no port"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _answers(url: str, timeout: float) -> str:
    from obs_lint.smoke.drive import Request, RequestError, send

    try:
        status = send(Request("GET", url, (("Connection", "close"),)), timeout).status
    except RequestError as error:
        return str(error)
    return "" if 200 <= status < 300 else f"answers {status}"
