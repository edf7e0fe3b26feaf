"""What is still queued goes out when the process ends: at its exit, in children of multiprocessing, and on SIGTERM."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from obs_surface.sinks import Sink, forking
from obs_surface.sinks.deferred import deferred

_CHAINED_WAIT = 1.0
"""Seconds that a handler which shuts down gracefully waits for us at most: it flushes again when the process exits."""

_SINKS = ("obs_surface.sinks.",)
_OURS = (
    *_SINKS,
    "obs_surface.emit",
    "obs_surface.envelope",
    "obs_surface.loggers",
    "obs_surface.configuration",
)
"""Modules in which the main thread may hold a lock of a sink or be in the middle of a line."""


class ExitFlush:
    """Flushes a sink when the process ends.

    - At exit, `sink.close(timeout)` runs by `atexit`. Children of multiprocessing and billiard (Celery) leave without
      `atexit`; there a finalizer of theirs does the same. `os._exit` runs nothing: call `flush` before it.
    - On SIGTERM, with the default disposition, the sink is flushed for up to `timeout` seconds, then the process ends
      by the signal as it would have without us (exit code -15). Where a handler was installed before (gunicorn, Celery,
      an application), the sink is flushed for up to a second and then that handler runs, with its arguments; whatever
      it raises or returns is its own. A handler installed later replaces this one; servers that leave by `sys.exit`
      flush at exit. An ignored SIGTERM stays ignored.

    Where the signal comes while the main thread is itself writing, it finishes its line first.
    """

    def __init__(self, sink: Sink, *, timeout: float = 5.0, sigterm: bool = True) -> None:
        """`timeout` in seconds; `sigterm=False` leaves signals alone."""
        self._sink = sink
        self._timeout = timeout
        self._sigterm = sigterm
        self._previous: Callable[[int, FrameType | None], Any] | None = None
        self._handles = False
        self._busy = False
        self._deferred_until = 0.0
        self._ending = False
        self._installed = False

    @property
    def chained(self) -> bool:
        """True where SIGTERM goes on to a handler that was there before: the process may live on for a while."""
        return self._previous is not None

    def install(self) -> None:
        """Register at exit and, in the main thread only, for SIGTERM. A second call does nothing."""
        if self._installed:
            return
        self._installed = True
        atexit.register(self._close)
        forking.renew_in_child(self)
        if self._sigterm and threading.current_thread() is threading.main_thread():
            self._install_handler()

    def uninstall(self) -> None:
        """Take both back; a SIGTERM handler that somebody installed over ours stays."""
        if not self._installed:
            return
        self._installed = False
        atexit.unregister(self._close)
        if self._handles and threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
                signal.signal(signal.SIGTERM, self._previous or signal.SIG_DFL)
                self._handles = False

    def after_fork_in_child(self) -> None:
        """Forked children of multiprocessing leave by os._exit: hook into what they do before."""
        self._busy = self._ending = False
        self._deferred_until = 0.0
        deferred.call = None
        if not self._installed:
            return
        # billiard keeps its finalizers in multiprocessing's module, which it may import only in the child.
        if "multiprocessing.util" in sys.modules or "billiard" in sys.modules:
            from multiprocessing.util import register_after_fork

            # The child forgets its parent's finalizers first and calls this afterwards.
            register_after_fork(self, ExitFlush._close_with_the_child)

    def _close_with_the_child(self) -> None:
        from multiprocessing.util import Finalize

        Finalize(None, self._close, exitpriority=-100)

    def _close(self) -> None:
        if self._installed:
            self._sink.close(self._timeout)

    def _install_handler(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        if before is signal.SIG_IGN or before is None:  # None: a handler of C code, which cannot be called from here
            return
        self._previous = before if callable(before) else None  # the default disposition is no callable
        try:
            signal.signal(signal.SIGTERM, self._on_sigterm)
        except ValueError:  # the main thread of a subinterpreter
            return
        self._handles = True

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        interrupted = not self._busy and _is_writing(frame)
        if previous is not None:
            if not self._busy:
                self._settle(0.0 if interrupted else min(self._timeout, _CHAINED_WAIT))
            previous(number, frame)
            return
        if interrupted and self._defer(number):
            return
        if not self._busy and not interrupted:
            self._settle(self._timeout)
        self._ending = True
        deferred.call = None
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Still here: process 1 of a container, for which the default is to go on.
        self._ending = False
        self._deferred_until = 0.0
        signal.signal(number, self._on_sigterm)

    def _settle(self, timeout: float) -> None:
        """Flush beside this thread, so that a sink which blocks costs no more than `timeout` seconds."""
        settle = getattr(self._sink, "settle", self._sink.flush)
        self._busy = True  # a second SIGTERM does not wait for this
        try:
            thread = threading.Thread(target=settle, args=(timeout,), name="obs-exit-flush", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending: `_close` is next, or was there already
                return
            thread.join(timeout)
        finally:
            self._busy = False

    def _defer(self, number: int) -> bool:
        """Go on when the main thread has written its line, or is elsewhere; False where that took too long."""
        now = time.monotonic()
        if not self._deferred_until:
            self._deferred_until = now + self._timeout
        if now >= self._deferred_until:
            return False
        main = threading.main_thread().ident
        if main is None or not hasattr(signal, "pthread_kill"):
            return False

        def at_the_end_of_a_line() -> None:
            # Called by `write`; not by one that a finalizer makes in the middle of another.
            above = sys._getframe(2)
            if threading.get_ident() == main and not _is_writing(above, _SINKS):
                deferred.call = None
                self._on_sigterm(number, None)

        def again() -> None:
            while time.monotonic() < self._deferred_until and _is_writing(sys._current_frames().get(main)):
                time.sleep(0.001)
            if not self._ending:
                signal.pthread_kill(main, number)

        deferred.call = at_the_end_of_a_line

        try:
            threading.Thread(target=again, name="obs-exit-signal", daemon=True).start()
        except RuntimeError:
            pass  # the end of the line will do
        return True


def _is_writing(frame: FrameType | None, modules: tuple[str, ...] = _OURS) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(modules):
            return True
        frame = frame.f_back
    return False
