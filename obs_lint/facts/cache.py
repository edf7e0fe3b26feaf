"""Stores what was learned, so that the next run need not learn it again.

A file is a magic line, a digest over the payload, and the payload: plain values in marshal's format. A file whose
magic or digest is
wrong is discarded. Writing goes to a temporary name and is then renamed, so that runs side by side see whole files
only.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import Any

from obs_lint import __version__
from obs_lint.digests import blake2b

_MAGIC = f"obs-lint {__version__} python {sys.version_info[0]}.{sys.version_info[1]} {marshal.version}\n".encode()
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by obs-lint; may be deleted at any time.\n"


class Cache:
    """A folder of cached values. With `folder` None nothing is kept."""

    def __init__(self, folder: str | None) -> None:
        """`folder` is made when something is written."""
        self._folder = folder
        self.warning: str | None = None
        """Set when the folder can't be written."""

    @property
    def enabled(self) -> bool:
        """False for a cache that keeps nothing."""
        return self._folder is not None

    def load(self, name: str) -> Any:
        """Return what was saved under `name`, None where there is nothing or it is damaged."""
        if self._folder is None:
            return None
        try:
            with open(os.path.join(self._folder, name), "rb") as stream:
                data = stream.read()
        except OSError:
            return None
        start = len(_MAGIC) + 16
        if data[: len(_MAGIC)] != _MAGIC or blake2b(data[start:], digest_size=16).digest() != data[len(_MAGIC) : start]:
            return None
        try:
            return marshal.loads(memoryview(data)[start:])
        except (ValueError, TypeError, EOFError):
            return None

    def save(self, name: str, value: Any) -> None:
        """Keep a plain value. A folder that can't be written sets `warning` and changes nothing else."""
        if self._folder is None or self.warning is not None:
            return
        payload = marshal.dumps(value)
        data = _MAGIC + blake2b(payload, digest_size=16).digest() + payload
        temporary = os.path.join(self._folder, f".{name}.{os.getpid()}")
        try:
            self._make()
            with open(temporary, "wb") as stream:
                stream.write(data)
            os.replace(temporary, os.path.join(self._folder, name))
        except OSError as error:
            self.warning = (
                f"cache {self._folder} can't be written: {error.strerror or error}; use --cache-dir or --no-cache"
            )
            try:
                os.unlink(temporary)
            except OSError:
                pass

    def _make(self) -> None:
        assert self._folder is not None
        if not os.path.isdir(self._folder):
            os.makedirs(self._folder, exist_ok=True)
            for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
                with open(os.path.join(self._folder, name), "w", encoding="utf-8") as stream:
                    stream.write(text)

    def keep_newest(self, prefix: str, count: int) -> None:
        """Delete all but the `count` newest files whose names begin with `prefix`."""
        if self._folder is None or self.warning is not None:
            return
        try:
            found = [entry for entry in os.scandir(self._folder) if entry.name.startswith(prefix)]
            if len(found) > count:
                found.sort(key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
                for entry in found[count:]:
                    os.unlink(entry.path)
        except OSError:
            return


def key_of(*parts: Any) -> str:
    """A name for a combination of plain values."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
