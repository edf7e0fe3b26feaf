"""Which hosts may be given ids: what is not named gets none."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit


class Hosts:
    """Hosts by exact name (`api.internal`, `10.0.0.7`, `localhost:8080`) or by suffix (`*.svc.local`).

    `*.svc.local` stands for every name below svc.local, not for svc.local itself. A name without a port stands for all
    ports. Case and a trailing dot don't count.

    Raises TypeError for what is no list of texts; ValueError for an empty list, a URL, or a pattern that would let ids
    go to everybody or to a whole top-level domain.
    """

    __slots__ = ("_exact", "_suffixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        if isinstance(patterns, str):
            raise TypeError(f"hosts={patterns!r} is a text: give a list, hosts=[{patterns!r}]")
        exact: set[str] = set()
        suffixes: set[str] = set()
        for each in patterns:
            if not isinstance(each, str):
                raise TypeError(f"hosts: {each!r} is no text")
            pattern = _plain(each)
            if "/" in pattern or not pattern or any(letter.isspace() for letter in pattern):
                raise ValueError(f"hosts: {each!r} is no host; give a name such as api.internal or *.svc.local")
            if "*" not in pattern:
                exact.add(pattern)
                continue
            suffix = pattern[1:]
            if not pattern.startswith("*.") or "*" in suffix or suffix.count(".") < 2 or suffix.startswith(".."):
                raise ValueError(
                    f"hosts: {each!r} is too wide or no pattern: `*.` goes before a name of two or more parts"
                )
            suffixes.add(suffix)
        if not exact and not suffixes:
            raise ValueError("hosts=[]: name the hosts that may be given ids; ids must not go anywhere else")
        self._exact = frozenset(exact)
        self._suffixes = tuple(sorted(suffixes))

    def allow(self, host: str | None, port: int | None = None) -> bool:
        """True where a host, as a URL names it, may be given ids."""
        if not host:
            return False
        name = _plain(host)
        if name in self._exact or (port is not None and f"{name}:{port}" in self._exact):
            return True
        return any(name.endswith(suffix) and len(name) > len(suffix) for suffix in self._suffixes)

    def allow_url(self, url: str) -> bool:
        """True where the host of an absolute URL may be given ids; False for a URL that can't be read."""
        try:
            parts = urlsplit(url)
            return self.allow(parts.hostname, parts.port or _PORTS.get(parts.scheme))
        except ValueError:
            return False


_PORTS = {"http": 80, "https": 443}


def _plain(host: str) -> str:
    name = host.strip().lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name.removesuffix(".")
