"""What a process writes to its standard output or error, read from the pipe or handed over line by line."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import IO

from obs_lint.smoke.captures.capture import CaptureEnd, CaptureError, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.reading import BlockReader, LineReader

_BLOCK = 1 << 16


class StdoutCapture:
    """Standard output (or error) of one process, its restarts included.

    `attach` a pipe after `start`: a thread reads it to its end, so the process never waits on a full pipe. Who reads
    the pipes anyway gives each line to `take` instead.
    """

    def __init__(
        self,
        process: str,
        *,
        stream: str = "stdout",
        fields: Fields | ObjectReader | None = None,
        on_block: Callable[[bytes], None] | None = None,
    ) -> None:
        """Prepare; `on_block` gets each block that was read from a pipe, from the thread that reads it, to echo it."""
        self.name = f"{stream}:{process}"
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._delivery = Delivery(self.name)
        self._lock = threading.Lock()
        self._lines = LineReader(self.name, self._objects)
        self._threads: list[threading.Thread] = []
        self._on_block = on_block
        self._started = False

    def start(self, put: Put) -> None:
        """Deliver to `put` what `attach` and `take` bring."""
        self._delivery.open(put)
        self._started = True

    def take(self, line: bytes) -> None:
        """Deliver the records of one line, with or without its end."""
        with self._lock:
            self._delivery(self._lines.take(line))

    def attach(self, pipe: IO[bytes]) -> None:
        """Read a pipe to its end in a thread of its own. Raises CaptureError before `start`."""
        if not self._started:
            raise CaptureError(f"{self.name}: a pipe is attached before the capture is started")
        thread = threading.Thread(target=self._read, args=(pipe,), name=f"capture:{self.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        reader = BlockReader(LineReader(self.name, self._objects))
        with self._lock:
            # The lines of a process that was started again are counted on.
            reader.lines.line = self._lines.line
        try:
            descriptor = pipe.fileno()
            while block := os.read(descriptor, _BLOCK):
                if self._on_block is not None:
                    self._on_block(block)
                self._delivery(reader.feed(block))
        except (OSError, ValueError) as error:
            self._delivery.note(f"the pipe could not be read to its end: {error}")
        self._delivery(reader.finish())
        with self._lock:
            self._lines.line = max(self._lines.line, reader.lines.line)

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Wait until every pipe has ended: its process is gone, and the tail is read."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self._delivery.note(
                    f"the pipe is still open after {timeout:g} s: a process that this one started holds it; "
                    "what that writes from now on is not seen"
                )
        self._threads.clear()
        with self._lock:
            self._delivery(self._lines.end())
        end = self._delivery.end()
        self._delivery.close()
        return end
