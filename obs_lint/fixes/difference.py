"""What a fix would change, as a unified diff that `patch` can apply."""

from __future__ import annotations

import os

_NO_LINE_END = b"\\ No newline at end of file\n"


def difference(path: str, before: bytes, after: bytes) -> bytes:
    """Return the unified diff of a file in its own encoding and with its own line ends; empty where nothing differs."""
    from difflib import diff_bytes, unified_diff

    name = os.fsencode(path)
    lines = diff_bytes(unified_diff, _lines(before), _lines(after), name, name)
    return b"".join(line if line.endswith(b"\n") else line + b"\n" + _NO_LINE_END for line in lines)


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])
