"""A fingerprint is what a Diagnostic is known by from one state of the code to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from obs_lint.diagnostic import Diagnostic
from obs_lint.digests import blake2b

_LASTING = 12
"""Hexadecimal digits of the part that does not depend on the path; eight more stand for the path."""


def fingerprinted(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Give each Diagnostic its fingerprint: rule, path, symbol, target, and its number among equals.

    Lines are not in it: code that is moved or reformatted keeps its fingerprint, a second violation of the same kind
    in the same function gets one of its own.
    """
    seen: dict[tuple[str, str, str, str], int] = {}
    made: list[Diagnostic] = []
    for diagnostic in diagnostics:
        key = (diagnostic.code, diagnostic.path, diagnostic.symbol, diagnostic.target)
        number = seen[key] = seen.get(key, 0) + 1
        inside = _within_module(diagnostic.symbol, diagnostic.path)
        rest = "\0".join((diagnostic.code, inside, diagnostic.target, str(number)))
        made.append(replace(diagnostic, fingerprint=_digest(rest, 6) + _digest(diagnostic.path, 4)))
    return made


def lasting(fingerprint: str) -> str:
    """Return the part of a fingerprint that stays when the file is renamed."""
    return fingerprint[:_LASTING]


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def _within_module(symbol: str, path: str) -> str:
    """Return a symbol without the module that its path gives it: `services.api.jobs.Jobs.run` → `Jobs.run`."""
    stem = path.rpartition(".")[0] or path
    parts = [part for part in stem.split("/") if part != "src"]
    if parts and parts[-1] == "__init__":
        parts.pop()
    module = ".".join(parts)
    if symbol == module:
        return ""
    return symbol[len(module) + 1 :] if module and symbol.startswith(module + ".") else symbol
