"""`{uuid}`, `{port.api}`, `{canary.email}`: the places of a scenario that are filled in while it runs."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

_WORDS = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
# `{{uuid}}` is the text `{uuid}`; braces of other kinds, such as those of JSON in a text, stand for themselves.
_PLACE = re.compile(rf"\{{(\{{{_WORDS}\}})\}}|\{{({_WORDS})\}}")

HEADS = (
    "uuid", "port", "free_port", "canary", "env", "sent", "text", "n", "step", "run", "redis", "folder", "scratch",
    "python",
)  # fmt: skip
"""The first words of what can be filled in; any other word is one that a step has saved."""
_NEEDS_NAME = frozenset({"port", "canary", "env", "text"})
_NO_NAME = frozenset({"free_port", "n", "step", "run", "folder", "scratch", "python"})


class TemplateError(Exception):
    """A place that can't be filled in; the message says which, and what could be meant."""


def names_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield (head, rest without its dot) of each place in a text: `{canary.email}` is ("canary", "email")."""
    for found in _PLACE.finditer(text):
        if found[2]:
            yield _parted(found[2])


def problem_of(head: str, rest: str, *, saved: frozenset[str], canaries: Mapping[str, str]) -> str:
    """What is wrong with a place, known before anything runs; empty where nothing is."""
    from obs_lint.config.suggest import nearest

    if head in _NEEDS_NAME and not rest:
        return f"`{{{head}}}` lacks a name: write `{{{head}.NAME}}`"
    if head in _NO_NAME and rest:
        return f"`{{{head}.{rest}}}` takes no name: write `{{{head}}}`"
    if head == "canary" and rest not in canaries:
        near = nearest(rest, canaries)
        hint = f"; did you mean `{near}`?" if near else f": `canaries` has {', '.join(canaries) or 'none'}"
        return f"`{{canary.{rest}}}`: there is no canary `{rest}`{hint}"
    if head == "redis" and rest not in ("url", "port"):
        return f"`{{redis.{rest}}}` is neither `{{redis.url}}` nor `{{redis.port}}`"
    if head == "text" and not rest.isdecimal():
        return f"`{{text.{rest}}}` lacks its length: `{{text.5000}}` is 5,000 characters"
    if head not in HEADS and head not in saved:
        near = nearest(head, (*HEADS, *saved))
        hint = f"; did you mean `{{{near}}}`?" if near else f"; known are {', '.join(HEADS)} and what a step saves"
        return f"`{{{head}}}` is nothing that can be filled in{hint} (for the text itself write `{{{{{head}}}}}`)"
    return ""


class Ports:
    """Free ports of the loopback interface: one for each name, none given twice."""

    __slots__ = ("_given", "_lock")

    def __init__(self) -> None:
        self._given: dict[str, int] = {}
        self._lock = threading.Lock()

    def named(self, name: str) -> int:
        """The port of that name, the same for the whole run."""
        with self._lock:
            port = self._given.get(name)
            if port is None:
                port = self._given[name] = self.fresh()
            return port

    def fresh(self) -> int:
        """A free port that this run has not given away. Raises OSError where there is none."""
        taken = set(self._given.values())
        for _ in range(100):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in taken:
                return port
        raise OSError("no free port on 127.0.0.1")

    def claim(self, name: str, port: int) -> None:
        """Know a port that something else has bound under a name."""
        self._given[name] = port


class Values:
    """What places are filled in with. A step gets a copy of its own, on which `sent` and `n` may be set."""

    __slots__ = (
        "canaries", "environment", "folder", "n", "ports", "redis", "run", "saved", "scratch", "sent", "step",
        "uuids",
    )  # fmt: skip

    def __init__(
        self,
        *,
        ports: Ports,
        canaries: Mapping[str, str],
        run: str,
        folder: str = "",
        scratch: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.ports = ports
        self.canaries = canaries
        self.run = run
        self.folder = folder
        self.scratch = scratch
        """A folder that is there for the run and gone afterwards."""
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        self.redis: tuple[str, int] | None = None
        """(url, port) of the scenario's Redis."""
        self.saved: dict[str, Any] = {}
        """Shared by all steps."""
        self.uuids: dict[str, str] = {}
        """`{uuid.NAME}`: one for the whole run."""
        self.sent: list[tuple[str, str]] = []
        """Headers that the step has sent."""
        self.n = 1
        self.step = ""

    def of_step(self, step: str, n: int) -> Values:
        """These values for one step (or one repetition of it)."""
        made = Values.__new__(Values)
        for name in ("canaries", "environment", "folder", "ports", "redis", "run", "saved", "scratch", "uuids"):
            setattr(made, name, getattr(self, name))
        made.sent, made.n, made.step = [], n, step
        return made

    def fill(self, value: Any, *, header: str = "") -> Any:
        """Fill in a text, or all texts of a list or mapping. A text that is one place keeps the value's type.

        `header` is what `{sent}` alone refers to. Raises TemplateError.
        """
        if isinstance(value, str):
            if "{" not in value and "}" not in value:
                return value
            whole = _PLACE.fullmatch(value)
            if whole and whole[2]:
                return self._value(*_parted(whole[2]), header)
            return self.text(value, header=header)
        if isinstance(value, list):
            return [self.fill(item, header=header) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.fill(item, header=header) for key, item in value.items()}
        return value

    def text(self, text: str, *, header: str = "") -> str:
        """Fill in a text. Raises TemplateError."""

        def one(found: re.Match[str]) -> str:
            if found[1]:
                return found[1]
            value = self._value(*_parted(found[2]), header)
            return value if isinstance(value, str) else _plain(value)

        return _PLACE.sub(one, text)

    def _value(self, head: str, rest: str, header: str) -> Any:
        if head == "uuid":
            return self.uuids.setdefault(rest, str(uuid4())) if rest else str(uuid4())
        if head == "port":
            return self.ports.named(rest)
        if head == "free_port":
            return self.ports.fresh()
        if head == "canary":
            return self.canaries[rest]
        if head == "env":
            if rest not in self.environment:
                raise TemplateError(f"`{{env.{rest}}}`: the environment has no variable {rest}; set it")
            return self.environment[rest]
        if head == "sent":
            return self._sent(rest or header)
        if head == "text":
            return "x" * int(rest)
        if head == "redis":
            if self.redis is None:
                raise TemplateError(f"`{{redis.{rest}}}`: no process of the scenario is of the kind `redis: {{}}`")
            return self.redis[0] if rest == "url" else self.redis[1]
        if head == "python":
            return sys.executable
        if head in ("n", "step", "run", "folder", "scratch"):
            return getattr(self, head)
        if head not in self.saved:
            raise TemplateError(f"`{{{head}}}` is not there: the step that saves it did not get that far")
        value = self.saved[head]
        return at_path(value, rest) if rest else value

    def _sent(self, name: str) -> str:
        for given, value in self.sent:
            if given.lower() == name.lower():
                return value
        what = f"the header {name}" if name else "a header"
        raise TemplateError(f"`{{sent}}`: the step did not send {what}")


def at_path(value: Any, path: str) -> Any:
    """What stands at a dotted path of a JSON value (`items.0.id`). Raises TemplateError."""
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise TemplateError(f"there is nothing at `{path}`")
    return value


def _parted(words: str) -> tuple[str, str]:
    head, _, rest = words.partition(".")
    return head, rest


def _plain(value: Any) -> str:
    import json

    return str(value) if isinstance(value, int) and not isinstance(value, bool) else json.dumps(value)
