"""What is written to files while the system runs: globs, files that appear later, rotation and truncation."""

from __future__ import annotations

import glob
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from obs_lint.smoke.captures.capture import CaptureEnd, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.reading import BlockReader, LineReader

POLL: Final = 0.05
"""Seconds between two looks at the files."""
_BLOCK: Final = 1 << 18
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")
# Elsewhere a file can't be renamed or deleted while somebody has it open, so it is opened for each look.
_KEEPS_OPEN: Final = sys.platform != "win32"

_Identity = tuple[int, int]


@dataclass(slots=True)
class _Followed:
    """One file that is followed, under whatever name."""

    path: str
    identity: _Identity
    position: int
    reader: BlockReader
    stream: BinaryIO | None = None
    gone: bool = field(default=False)
    """Its path now leads to another file, or to none."""


class FileCapture:
    """Files of one glob (`**` for any folders), followed like `tail -F`.

    What stood in a file before `start` belongs to an earlier run: it is left out and noted, unless `existing` is True.
    A file that is renamed is read to its end; one that is truncated is read from its beginning again.
    """

    def __init__(
        self,
        pattern: str,
        *,
        root: str | os.PathLike[str] = ".",
        fields: Fields | ObjectReader | None = None,
        existing: bool = False,
    ) -> None:
        self.name = f"file:{pattern}"
        self._pattern = pattern
        self._root = Path(root)
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._existing = existing
        self._delivery = Delivery(self.name)
        self._files: dict[_Identity, _Followed] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._matched = False

    def start(self, put: Put) -> None:
        """Note where the files end now, and follow them from there."""
        self._delivery.open(put)
        skipped = self._look(first=True)
        if skipped:
            self._delivery.note(f"{skipped} bytes of earlier runs were left out")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._follow, name=f"capture:{self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Read every file to its present end."""
        thread, self._thread = self._thread, None
        if thread is None:
            return self._delivery.end()
        self._stopping.set()
        thread.join(timeout)
        if thread.is_alive():
            self._delivery.note(f"the files could not be read to their ends within {timeout:g} s")
        else:
            self._read_all()
            for file in self._files.values():
                self._delivery(file.reader.finish())
                if file.stream is not None:
                    file.stream.close()
            self._files.clear()
        if not self._matched:
            self._delivery.note(f"no file matched `{self._pattern}` in {self._root}")
        end = self._delivery.end()
        self._delivery.close()
        return end

    def _follow(self) -> None:
        while not self._stopping.wait(POLL):
            self._read_all()

    def _read_all(self) -> None:
        self._look(first=False)
        for identity, file in list(self._files.items()):
            self._read(file)
            if file.gone:
                # Its writer may still hold it; a rotated file is dropped at the look after the one that found it quiet.
                if (file.stream is not None and os.fstat(file.stream.fileno()).st_nlink == 0) or file.stream is None:
                    self._let_go(identity)

    def _let_go(self, identity: _Identity) -> None:
        file = self._files.pop(identity)
        self._delivery(file.reader.finish())
        if file.stream is not None:
            file.stream.close()

    def _look(self, *, first: bool) -> int:
        """Find files that are new under the pattern; return the bytes left out in them."""
        skipped = 0
        seen: set[_Identity] = set()
        for name in sorted(glob.glob(self._pattern, root_dir=self._root, recursive=True)):
            path = self._root / name
            try:
                status = path.stat()
            except OSError:
                continue
            if not path.is_file():
                continue
            identity = (status.st_dev, status.st_ino)
            seen.add(identity)
            shown = name.replace(os.sep, "/")
            known = self._files.get(identity)
            if known is not None:
                known.gone = False
                continue
            self._matched = True
            if name.endswith(_COMPRESSED):
                if not first:
                    self._delivery.note(f"{shown} is compressed: what it holds was read before it was, or not at all")
                continue
            position = status.st_size if first and not self._existing else 0
            skipped += position
            reader = BlockReader(LineReader(shown, self._objects))
            self._files[identity] = _Followed(str(path), identity, position, reader)
        for identity, file in self._files.items():
            if identity not in seen:
                file.gone = True
        return skipped

    def _read(self, file: _Followed) -> None:
        try:
            stream = file.stream or open(file.path, "rb")  # noqa: SIM115 kept open to follow a rotated file
        except OSError as error:
            if not file.gone:
                self._delivery.note(f"{file.path} could not be read: {error.strerror or error}")
            return
        try:
            status = os.fstat(stream.fileno())
            if (status.st_dev, status.st_ino) != file.identity:
                file.gone = True
                return
            if status.st_size < file.position:
                self._delivery(file.reader.finish())
                self._delivery.note(f"{file.path} was truncated; what was written just before may be lost")
                file.position = 0
            if status.st_size > file.position:
                stream.seek(file.position)
                while block := stream.read(_BLOCK):
                    file.position += len(block)
                    self._delivery(file.reader.feed(block))
        except OSError as error:
            self._delivery.note(f"{file.path} could not be read: {error.strerror or error}")
        finally:
            if _KEEPS_OPEN:
                file.stream = stream
            else:
                stream.close()
