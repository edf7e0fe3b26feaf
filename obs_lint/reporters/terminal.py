"""What the place that output goes to can show, and how to write there without an error."""

from __future__ import annotations

import os
import sys
from typing import Literal, NamedTuple, TextIO

from obs_lint.diagnostic import Severity

ColorFlag = Literal["auto", "always", "never"]


class Palette(NamedTuple):
    """The escape sequences that a text format uses; all empty without colour."""

    error: str = ""
    warning: str = ""
    info: str = ""
    good: str = ""
    frame: str = ""
    strong: str = ""
    dim: str = ""
    reset: str = ""

    def severity(self, severity: Severity) -> str:
        """The sequence for a severity."""
        if severity is Severity.ERROR:
            return self.error
        return self.warning if severity is Severity.WARNING else self.info


PLAIN = Palette()
ANSI = Palette(
    error="\x1b[1;31m",
    warning="\x1b[1;33m",
    info="\x1b[1;36m",
    good="\x1b[1;32m",
    frame="\x1b[94m",
    strong="\x1b[1m",
    dim="\x1b[2m",
    reset="\x1b[0m",
)


class Symbols(NamedTuple):
    """The few characters beyond ASCII that the text formats use."""

    ellipsis: str
    dash: str
    """Between the ends of a range."""
    dot: str
    """Between items of one line."""
    times: str


UNICODE = Symbols("…", "–", "·", "×")
ASCII = Symbols("...", "-", "|", "x")


def supports_unicode(stream: TextIO) -> bool:
    """True where the stream is written in a Unicode encoding; a legacy one is often read as another than it is."""
    from codecs import lookup

    try:
        return lookup(getattr(stream, "encoding", None) or "ascii").name.startswith("utf")
    except LookupError:
        return False


def resolve_color(flag: ColorFlag, stream: TextIO) -> bool:
    """Whether to write ANSI sequences to a stream.

    `always` and `never` decide. `auto` asks, in this order: NO_COLOR (set, not empty: no), FORCE_COLOR (set, not empty,
    not 0 or false: yes), TERM=dumb (no), whether the stream is a terminal that understands the sequences.
    """
    if flag == "never":
        return False
    terminal = _is_terminal(stream)
    if flag == "always":
        if terminal:
            _enable_virtual_terminal(stream)
        return True
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    if forced:
        if terminal:
            _enable_virtual_terminal(stream)
        return forced.lower() not in {"0", "false"}
    if os.environ.get("TERM") == "dumb" or not terminal:
        return False
    return _enable_virtual_terminal(stream)


def resolve_width(stream: TextIO, default: int = 100) -> int:
    """Columns to use: COLUMNS, or the terminal's, 40 at least and 160 at most; `default` where it is no terminal."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else 0
    if width <= 0 and _is_terminal(stream):
        try:
            width = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            width = 0
    return max(40, min(width, 160)) if width > 0 else default


def write(stream: TextIO, text: str) -> bool:
    r"""Write and flush; False where nobody reads any more (a closed pipe, as in `obs-lint check | head`).

    Characters that the stream's encoding lacks are written as `\xe9`, `\u2026`. Raises OSError for what the user must
    know of, such as a full disk.
    """
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        if not _reader_is_gone(error):
            raise
        _discard(stream)
        return False
    return True


def _reader_is_gone(error: OSError) -> bool:
    """Windows says EINVAL where POSIX says EPIPE."""
    from errno import EINVAL

    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == EINVAL)


def _discard(stream: TextIO) -> None:
    """Point the stream at nowhere, so that the flush at the interpreter's exit does not fail a second time."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
    except (OSError, ValueError):
        return


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _enable_virtual_terminal(stream: TextIO) -> bool:
    """Switch a Windows console to ANSI sequences; True where it understands them."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        enable_processed_output, enable_virtual_terminal_processing = 0x0001, 0x0004
        try:
            handle = msvcrt.get_osfhandle(stream.fileno())
        except (OSError, ValueError):
            return False
        kernel32 = ctypes.windll.kernel32
        mode = ctypes.c_ulong()
        if not kernel32.GetConsoleMode(ctypes.c_void_p(handle), ctypes.byref(mode)):
            return bool(os.environ.get("TERM"))
        wanted = mode.value | enable_processed_output | enable_virtual_terminal_processing
        return bool(kernel32.SetConsoleMode(ctypes.c_void_p(handle), ctypes.c_ulong(wanted)))
    return True
