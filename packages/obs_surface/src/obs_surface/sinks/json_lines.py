"""The baseline: one line by one write to standard output, a descriptor or a file, whole whoever else writes there."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import IO, Any

from obs_surface.sinks import forking
from obs_surface.sinks.deferred import deferred

try:
    from fcntl import LOCK_EX, LOCK_UN, lockf

    _HAS_RECORD_LOCKS = True
except ImportError:  # Windows has no fork either
    _HAS_RECORD_LOCKS = False

_ATOMIC = getattr(select, "PIPE_BUF", 512)
"""Up to so many bytes, POSIX writes to a pipe in one piece; longer lines need a lock between processes."""

_DEADLOCK_TRIES = 100

_NO_RECORD: Mapping[str, Any] = {}

_modules = sys.modules


class JsonLinesSink:
    """Writes each line by one `write(2)`; whatever the length, lines of threads and of forked children stay apart.

    `target` is None (standard output, also where a test or a notebook puts another one in its place), a file
    descriptor, a path (opened for appending) or an open file. Within the process a lock keeps lines apart. Between
    processes that share a pipe or a socket, the kernel does it up to PIPE_BUF bytes (POSIX), a record lock on the
    pipe itself beyond that (Linux); files are opened with O_APPEND, where one write is one piece.

    Nothing is raised into the caller: a reader that is gone (EPIPE), a full disk or a closed descriptor cost the
    line, are counted in `lost` and said once on standard error. A descriptor that somebody made non-blocking is waited
    for, `patience` seconds at most, and not at all again until it takes a line.

    With `inline=False`, :class:`FanOut` puts the sink behind a queue: then a reader that stops reading costs the caller
    nothing, and lines are dropped and counted where the queue is full.
    """

    durable = False
    wants_record = False

    def __init__(
        self,
        target: int | str | os.PathLike[str] | IO[Any] | None = None,
        *,
        name: str | None = None,
        inline: bool = True,
        patience: float = 5.0,
    ) -> None:
        """Raises OSError where a path cannot be opened for appending."""
        self.inline = inline
        self.written = 0
        """Lines that went out whole, by this process."""
        self.lost = 0
        """Lines that could not be written, or not wholly."""
        self._patience = patience
        self._stuck = False
        self._torn = False
        self._told = False
        self._writing = False
        self._waiting: deque[bytes] = deque()
        self._lock = threading.RLock()
        self._path: str | None = None
        self._standard: object = None
        self._follows = target is None
        self._fd = -1
        self._stream: IO[Any] | None = None
        self._shareable = False
        if target is None:
            self.name = name or "stdout"
            self._follow(sys.stdout)
        elif isinstance(target, int):
            self.name = name or f"fd{target}"
            self._use(target)
        elif isinstance(target, (str, os.PathLike)):
            self._path = os.path.abspath(os.fspath(target))
            self.name = name or f"file:{os.path.basename(self._path)}"
            self._use(_open(self._path))
        else:
            self.name = name or str(getattr(target, "name", "stream"))
            self._use_stream(target)
        forking.renew_in_child(self)

    def write(self, line: bytes, record: Mapping[str, Any] = _NO_RECORD) -> None:
        """Write one line that ends with its newline. Safe in signal handlers and finalizers too. Raises nothing."""
        with self._lock:
            if self._writing:  # a signal handler or a finalizer, in the middle of this thread's own line
                self._waiting.append(line)
                return
            self._writing = True
            try:
                if self._follows and sys.stdout is not self._standard:
                    self._follow(sys.stdout)
                self._put(line)
                while self._waiting:
                    self._put(self._waiting.popleft())
            finally:
                self._writing = False
        if deferred.call is not None:
            deferred.call()

    def flush(self, timeout: float) -> bool:
        """Wait for the lines that other threads are writing; nothing is held back in this process."""
        if not self._lock.acquire(timeout=max(timeout, 0)):
            return False
        self._lock.release()
        return not self._waiting

    def close(self, timeout: float) -> None:
        """Close the file where it was opened by path; anything else belongs to whoever gave it."""
        if self._path is None or self._fd < 0 or not self._lock.acquire(timeout=max(timeout, 0)):
            return
        try:
            os.close(self._fd)
            self._fd = -1
        finally:
            self._lock.release()

    def reopen(self) -> None:
        """Open the path anew, after the file was rotated away. Nothing for other targets. Raises OSError."""
        if self._path is None:
            return
        fresh = _open(self._path)
        with self._lock:
            old, self._fd = self._fd, fresh
            if old >= 0:
                os.close(old)

    def after_fork_in_child(self) -> None:
        """Another thread of the parent may have held the lock, or have been in the middle of a line."""
        self._lock = threading.RLock()
        self._writing = False
        self._torn = False
        self._waiting = deque()
        self.written = self.lost = 0

    def _follow(self, stream: Any) -> None:
        self._standard = stream
        self._fd, self._stream, self._shareable = -1, None, False
        if stream is not None:
            self._use_stream(stream)

    def _use_stream(self, stream: IO[Any]) -> None:
        try:
            descriptor = stream.fileno()
            console = os.name == "nt" and stream.isatty()  # a console takes UTF-8 only through Python's own file
        except (OSError, AttributeError, ValueError):
            descriptor, console = -1, False
        if descriptor < 0 or console:
            self._stream = stream
            return
        try:
            stream.flush()  # what was printed before comes first
        except (OSError, ValueError):
            pass
        self._use(descriptor)

    def _use(self, descriptor: int) -> None:
        self._fd = descriptor
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            return  # a closed descriptor: said and counted by the first write
        self._shareable = _HAS_RECORD_LOCKS and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))

    def _put(self, line: bytes) -> None:
        """Write a line, with a lock between processes where the kernel does not keep it whole by itself."""
        if self._torn:
            line = b"\n" + line  # the broken line ends here, so that it costs only itself
        locked = False
        if self._shareable and (len(line) > _ATOMIC or forking.family.forked or "multiprocessing" in _modules):
            locked = self._lock_between_processes()
        done = 0
        try:
            if self._stream is not None:
                self._put_on_stream(line)
            else:
                done = os.write(self._fd, line)
                if done != len(line):
                    done = self._put_rest(line, done)
            self._torn = self._stuck = False
            self.written += 1
        except BlockingIOError:
            try:
                done = self._put_rest(line, done)
                self._torn = self._stuck = False
                self.written += 1
            except OSError as problem:
                self._fail(problem)
        except (OSError, ValueError) as problem:
            self._fail(problem)
        except BaseException:  # a signal handler raised: nobody knows how much of a long line is out
            self._torn = self._torn or len(line) > _ATOMIC
            raise
        finally:
            if locked:
                try:
                    lockf(self._fd, LOCK_UN)
                except OSError:
                    pass

    def _put_on_stream(self, line: bytes) -> None:
        stream = self._stream
        assert stream is not None
        binary = getattr(stream, "buffer", None)
        try:
            if binary is not None:
                stream.flush()
                binary.write(line)
                binary.flush()
            else:
                stream.write(line.decode("utf-8", "replace"))
        except TypeError:  # an open file of bytes
            stream.write(line)
        stream.flush()

    def _put_rest(self, line: bytes, done: int) -> int:
        """Write what one write did not take. Raises OSError where the descriptor takes nothing for too long."""
        view = memoryview(line)
        end = time.monotonic() + (0.0 if self._stuck else self._patience)
        while done < len(line):
            self._torn = done > 0 or self._torn
            try:
                done += os.write(self._fd, view[done:])
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not select.select((), (self._fd,), (), left)[1]:
                    self._stuck = True
                    raise OSError(errno.EAGAIN, f"takes no bytes ({done} of {len(line)} written)") from None
        return done

    def _lock_between_processes(self) -> bool:
        for _ in range(_DEADLOCK_TRIES):
            try:
                lockf(self._fd, LOCK_EX)
            except OSError as problem:
                if problem.errno != errno.EDEADLK:
                    self._shareable = False  # no record locks on pipes (macOS): PIPE_BUF is what the kernel keeps whole
                    return False
                # The kernel takes processes for threads: a cycle with another thread's lock (a database's) is none.
                time.sleep(0.001)
            else:
                return True
        return False

    def _fail(self, problem: Exception) -> None:
        self.lost += 1
        if self._told:
            return
        self._told = True
        try:
            os.write(2, f"obs_surface: sink {self.name} cannot write: {problem}; lines are lost and counted\n".encode())
        except OSError:
            pass


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
    return os.open(path, flags, 0o644)
