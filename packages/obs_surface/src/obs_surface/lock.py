"""The registry's lock: what `obs-lint registry build` compiled, read without a YAML parser, and only as built."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from obs_surface.errors import LockError

FORMAT = "obs-registry-lock/1"
_HASH = re.compile(rb'^"hash": "(sha256:[0-9a-f]{64})",\n', re.MULTILINE)
_ADVICE = "write it anew with `obs-lint registry build`, or take a fresh copy of it"


class Lock:
    """What a registry declares, all sources of the lock joined; of a name in several of them the first counts."""

    __slots__ = (
        "chain",
        "classifications",
        "correlation_fields",
        "events",
        "hash",
        "lifecycles",
        "path",
        "schemas",
        "sensitive_names",
    )

    def __init__(self, path: str, document: Mapping[str, Any]) -> None:
        self.path = path
        """Where it was read, "" for one that was given as a dict."""
        self.hash: str = document.get("hash", "")
        """`sha256:…` over the file without the line of the hash."""
        self.events: Mapping[str, Mapping[str, Any]] = document["events"]
        """Name → event, as registry-lock.schema.json lays it out."""
        self.correlation_fields: dict[str, Mapping[str, Any]] = {}
        """Name → {type, header, aliases, at}."""
        self.chain: dict[str, Mapping[str, Any]] = {}
        """Field → {field, parent, root, introduced_by, new_per, many}."""
        self.lifecycles: dict[str, Mapping[str, Any]] = {}
        """Name → {key, start, terminal, …}."""
        self.classifications: dict[str, str] = {}
        """Privacy class → allow, hash or forbid."""
        self.schemas: dict[str, Any] = {}
        """`envelope`, `correlation` → JSON Schema."""
        sensitive: dict[str, None] = {}
        for source in document["sources"].values():
            correlation = source.get("correlation", {})
            for name, field in correlation.get("fields", {}).items():
                self.correlation_fields.setdefault(name, field)
            for link in correlation.get("chain", ()):
                self.chain.setdefault(link["field"], link)
            for name, lifecycle in source.get("lifecycles", {}).items():
                self.lifecycles.setdefault(name, lifecycle)
            for name, rule in source.get("classifications", {}).items():
                self.classifications.setdefault(name, rule["payload"])
            for name, schema in source.get("schemas", {}).items():
                self.schemas.setdefault(name, schema)
            sensitive |= dict.fromkeys(source.get("sensitive-names", ()))
        self.sensitive_names = tuple(sensitive)
        """Names of fields that are redacted wherever nothing else is declared; `*_x` covers words before it."""
        for name, event in self.events.items():
            if not isinstance(event, dict) or type(event["version"]) is not int:
                raise TypeError(f"the version of {name} is no integer")

    @classmethod
    def load(cls, source: str | os.PathLike[str] | Mapping[str, Any] | Any) -> Lock:
        """Return a lock from a path, from anything with `read_bytes()` (a resource of a package), or from its dict.

        Of a file, format and hash are verified, with LF or CRLF as line ends. Raises LockError, which names the path
        and says what to do.
        """
        if isinstance(source, Mapping):
            document: Any = source
            shown = "the registry's lock"
            _check_format(document, shown)
        else:
            shown, data = _read(source)
            document = _parsed(data, shown)
            _verify(data, document, shown)
        try:
            return cls("" if isinstance(source, Mapping) else shown, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _refuse(shown, f"is not laid out as a lock ({type(error).__name__}: {error})")

    def __repr__(self) -> str:
        return f"Lock({self.path!r}, {len(self.events)} events)"


def _refuse(shown: str, what: str, advice: str = _ADVICE) -> NoReturn:
    raise LockError(f"`{shown}` {what}: {advice}") from None


def _read(source: Any) -> tuple[str, bytes]:
    try:
        if isinstance(source, (str, os.PathLike)):
            shown = os.fspath(source)
            with open(shown, "rb") as file:
                data = file.read()
        elif hasattr(source, "read_bytes"):
            shown = str(source)
            data = source.read_bytes()
        else:
            raise LockError(f"registry={type(source).__name__}: give the path of the lock, or its content as a dict")
    except FileNotFoundError:
        where = os.path.abspath(shown)
        _refuse(shown, "is not there", f"looked for {where}; `obs-lint registry build` writes it")
    except OSError as error:
        _refuse(
            shown,
            f"can't be read: {error.strerror or type(error).__name__}",
            "check its permissions and that it is a file",
        )
    except ValueError as error:  # a path with a NUL
        _refuse(repr(source), f"is no path: {error}", "give the path of the lock")
    return shown, data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def _parsed(data: bytes, shown: str) -> dict[str, Any]:
    from json import JSONDecodeError, loads

    try:
        document = loads(data.decode("utf-8"))
    except JSONDecodeError as error:
        _refuse(shown, f"is cut off or was changed (line {error.lineno}: {error.msg})")
    except UnicodeDecodeError as error:
        _refuse(shown, f"is no text in UTF-8 (byte {error.start})")
    except (RecursionError, ValueError) as error:
        _refuse(shown, f"can't be read ({type(error).__name__}: {error})")
    _check_format(document, shown)
    assert isinstance(document, dict)
    return document


def _check_format(document: Any, shown: str) -> None:
    found = document.get("format") if isinstance(document, Mapping) else None
    if found == FORMAT:
        return
    said = f"its format is {found!r}" if isinstance(found, str) else "it names no format"
    advice = _ADVICE
    if isinstance(found, str) and found.startswith("obs-registry/"):
        advice = "it is the registry itself: build its lock with `obs-lint registry build` and name that"
    elif isinstance(found, str) and found.startswith("obs-registry-lock/"):
        advice = "it was written for another version of obs_surface: use versions that belong together"
    _refuse(shown, f"is no lock of this kind, {FORMAT} ({said})", advice)


def _verify(data: bytes, document: Mapping[str, Any], shown: str) -> None:
    from hashlib import sha256

    said = _HASH.search(data)
    if said is None or document.get("hash") != said[1].decode():
        _refuse(shown, "has no hash of its own on a line as it was written")
    found = sha256(data[: said.start()] + data[said.end() :]).hexdigest()
    if document["hash"] != f"sha256:{found}":
        _refuse(shown, "was changed after it was built: its content does not have its hash")
