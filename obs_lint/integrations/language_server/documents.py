"""Documents that a client has open, and the files that they stand for."""

from __future__ import annotations

import io
import os
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from obs_lint.integrations.language_server.text import Text


def path_of(uri: str) -> str | None:
    """Return the file, absolute, that a URI means; None for one that is no file."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    if sys.platform == "win32":
        from pygls.uris import to_fs_path

        return to_fs_path(uri)
    return os.path.normpath(os.fsdecode(unquote_to_bytes(parts.path)))


def uri_of(path: str) -> str:
    """Return the URI of an absolute path; bytes that are no UTF-8 are escaped one by one."""
    return Path(path).as_uri()


@dataclass(frozen=True, slots=True)
class Document:
    """One open document, as the client last sent it."""

    uri: str
    path: str
    """Absolute."""
    version: int
    text: Text

    @property
    def data(self) -> bytes:
        """The bytes that a file of this text has: in the encoding that it declares (PEP 263), else in UTF-8."""
        characters = self.text.characters
        raw = characters.encode("utf-8", "surrogatepass")
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            return raw if encoding in ("utf-8", "utf-8-sig") else characters.encode(encoding)
        except (SyntaxError, UnicodeEncodeError, LookupError):
            return raw

    def unsaved(self) -> bytes | None:
        """Return its bytes where the file does not hold the same, None where it does."""
        data = self.data
        try:
            with open(self.path, "rb") as stream:
                on_disk = stream.read()
        except OSError:
            return data
        return None if on_disk in (data, b"\xef\xbb\xbf" + data) else data


def text_on_disk(path: str, encoding: str) -> Text:
    """Return the text of a file, as an editor would show it; empty where it can't be read."""
    from obs_lint.source import SourceError, decode

    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except (OSError, ValueError):
        return Text("", encoding)
    codec = "utf-8"
    if path.endswith((".py", ".pyi")):
        try:
            codec = decode(path, data).codec
        except SourceError:
            pass
    return Text(data.removeprefix(b"\xef\xbb\xbf").decode(codec, "replace"), encoding)
