"""A scenario file → Scenario: YAML or JSON, all that is wrong with it told at once, each with line and column."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from obs_lint.registry.schema_words import Path as Keys
from obs_lint.registry.yaml_lines import Document, decoded, parse_json, parse_yaml
from obs_lint.smoke import scenario as model
from obs_lint.smoke.scenario import Place, ScenarioError
from obs_lint.smoke.templates import HEADS, names_in, problem_of

_T = TypeVar("_T")

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?\Z")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_STATUS = re.compile(r"[1-5](?:\d\d|xx)\Z")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", "STOP", "CONT")
_CODE = re.compile(r"OBS8\d\d\Z")
_SAVES = ("body", "header", "status", "sent")
MAX_REPEAT = 100_000


def load(path: str | Path) -> model.Scenario:
    """Read a scenario file. Raises ScenarioError, also where it can't be read."""
    file = Path(path)
    shown = str(path).replace("\\", "/")
    try:
        data = file.read_bytes()
    except OSError as error:
        what = "is a folder; name the scenario's file" if file.is_dir() else f"can't be read: {error.strerror or error}"
        raise ScenarioError(shown, ((1, 1, what),)) from None
    return parse(data, file.absolute(), shown)


def parse(data: bytes, file: Path, shown: str) -> model.Scenario:
    """Make a Scenario of a file's bytes. Raises ScenarioError."""
    text = decoded(data, shown)
    if not isinstance(text, str):
        raise ScenarioError(shown, ((text.place.line, text.place.column, f"the file {text.message}"),))
    read = parse_json if file.suffix == ".json" else parse_yaml
    documents, problems = read(text, shown)
    if problems:
        told = ((p.place.line, p.place.column, f"the file {p.message}") for p in problems)
        raise ScenarioError(shown, tuple(told))
    if not documents:
        message = f"the file is empty; a scenario begins with `format: {model.FORMAT}`"
        raise ScenarioError(shown, ((1, 1, message),))
    if len(documents) > 1:
        line, column, *_ = documents[1].marks
        raise ScenarioError(shown, ((line, column, "there is a second document; one file is one scenario"),))
    reading = _Reading(documents[0])
    scenario = reading.scenario(file, shown)
    if reading.told:
        raise ScenarioError(shown, tuple(sorted(set(reading.told))))
    return scenario


def seconds(text: str | float) -> float | None:
    """The seconds that `10s`, `500ms`, `2m` or a number of seconds say; None where it is none of these."""
    if isinstance(text, bool):
        return None
    if isinstance(text, (int, float)):
        return float(text) if text >= 0 else None
    found = _DURATION.match(text.strip())
    return float(found[1]) * _UNITS[found[2]] if found else None


class _Reading:
    """Walks one document, and tells what is wrong instead of stopping at it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.told: list[tuple[int, int, str]] = []
        self.canaries: dict[str, str] = {}
        self.processes: dict[str, Any] = {}
        self.saved: frozenset[str] = frozenset()
        self.places: dict[str, Place] = {}

    # what every key needs

    def place(self, at: Keys) -> Place:
        found = self.document.place(at)
        return Place(found.line, found.column)

    def tell(self, at: Keys, message: str) -> None:
        self.told.append((*self.place(at), message))

    def table(
        self, value: Any, at: Keys, known: Iterable[str], required: Iterable[str] = (), *, what: str = ""
    ) -> Mapping[str, Any]:
        """`value` where it is a mapping with keys that are known, else what can be used of it."""
        what = what or _called(at)
        if not isinstance(value, dict):
            known = tuple(known)
            self.tell(at, f"{what} should be a mapping ({_listed(known)}), is {_shown(value)}")
            return {}
        from obs_lint.config.suggest import nearest

        known = tuple(known)
        for key in value:
            if key not in known:
                near = nearest(key, known) if isinstance(key, str) else None
                hint = f"; did you mean `{near}`?" if near else f"; known keys are {_listed(known)}"
                self.tell((*at, key), f"{what} has the unknown key `{key}`{hint}")
        for key in required:
            if key not in value:
                self.tell(at, f"{what} lacks `{key}`")
        return value

    def text(self, value: Any, at: Keys, *, empty: bool = False, templates: bool = True, otherwise: str = "") -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            quoted = f'; write "{str(value).lower()}"' if isinstance(value, bool) else ""
            if isinstance(value, dict) and len(value) == 1 and None in value.values():
                # YAML takes `{port.api}` without quotes for a mapping.
                quoted = f'; write "{{{next(iter(value))}}}", in quotes'
            self.tell(at, f"{_called(at)} should be text, is {_shown(value)}{quoted}")
            return otherwise
        if not value and not empty:
            self.tell(at, f"{_called(at)} is empty")
            return otherwise
        if templates:
            self.templates(value, at)
        return value

    def templates(self, value: Any, at: Keys) -> None:
        """Tell of places that could never be filled in, also in lists and mappings."""
        if isinstance(value, str):
            for head, rest in names_in(value):
                if message := problem_of(head, rest, saved=self.saved, canaries=self.canaries):
                    self.tell(at, message)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.templates(item, (*at, index))
        elif isinstance(value, dict):
            for key, item in value.items():
                self.templates(key, (*at, key))
                self.templates(item, (*at, key))

    def flag(self, value: Any, at: Keys, otherwise: bool) -> bool:
        if isinstance(value, bool):
            return value
        self.tell(at, f"{_called(at)} should be true or false, is {_shown(value)}")
        return otherwise

    def whole(self, value: Any, at: Keys, otherwise: int, least: int = 1, most: int = MAX_REPEAT) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.tell(at, f"{_called(at)} should be a whole number from {least} to {most}, is {_shown(value)}")
        return otherwise

    def seconds(self, value: Any, at: Keys, otherwise: float) -> float:
        found = seconds(value) if isinstance(value, (str, int, float)) else None
        if found is not None:
            return found
        self.tell(at, f"{_called(at)} should be a duration such as `10s`, `500ms` or `2m`, is {_shown(value)}")
        return otherwise

    def several(self, value: Any, at: Keys, one: Callable[[Any, Keys], _T]) -> tuple[_T, ...]:
        """A list, or what may stand in place of a list of one."""
        if isinstance(value, list):
            return tuple(one(item, (*at, index)) for index, item in enumerate(value))
        return (one(value, at),)

    def texts(self, value: Any, at: Keys) -> tuple[str, ...]:
        return self.several(value, at, self.text)

    def named(self, value: Any, at: Keys, one: Callable[[str, Any, Keys], _T], *, what: str) -> dict[str, _T]:
        """A mapping whose keys are names that the author chooses."""
        if not isinstance(value, dict):
            self.tell(at, f"{_called(at)} should be a mapping from {what} on, is {_shown(value)}")
            return {}
        made = {}
        for name, item in value.items():
            if not isinstance(name, str) or not NAME.match(name):
                self.tell((*at, name), f"`{name}` can't be {what}: use letters, digits, `_`, `-` and `.`")
                continue
            made[name] = one(name, item, (*at, name))
        return made

    # the file

    def scenario(self, file: Path, shown: str) -> model.Scenario:
        value = self.document.value
        keys = (
            "format", "registry", "env", "processes", "capture", "canaries", "steps", "coverage", "checks", "settle",
        )  # fmt: skip
        top = self.table(value, (), keys, what="the scenario")
        if isinstance(value, dict) and top.get("format") != model.FORMAT:
            said = f", is {_shown(top['format'])}" if "format" in top else ""
            self.tell(("format",) if "format" in top else (), f"`format` should be `{model.FORMAT}`{said}")
        processes = top.get("processes", {})
        self.processes = processes if isinstance(processes, dict) else {}
        if "canaries" in top:
            self.canaries = self.named(top["canaries"], ("canaries",), self.canary, what="a canary's name")
        steps = top.get("steps", [])
        self.saved = frozenset(_saved_names(steps))
        for name in ("processes", "capture", "canaries", "steps", "coverage"):
            self.places[name] = self.place((name,)) if name in top else Place()
        specs = (
            tuple(self.named(processes, ("processes",), self.process, what="a process's name").values())
            if "processes" in top
            else ()
        )
        self.order(specs)
        made = self.steps(steps, ("steps",)) if "steps" in top else ()
        self.unique(made)
        captures = self.captures(top["capture"], ("capture",)) if "capture" in top else _default_captures(specs)
        if isinstance(value, dict) and not captures and not self.told:
            self.tell((), "nothing is captured: name sources under `capture`, such as `- {stdout: api}`")
        return model.Scenario(
            path=file,
            shown=shown,
            registry=self.texts(top["registry"], ("registry",)) if "registry" in top else (),
            processes=specs,
            captures=captures,
            canaries=self.canaries,
            steps=made,
            coverage=self.coverage(top["coverage"], ("coverage",)) if "coverage" in top else model.Coverage(),
            checks=self.checks(top["checks"], ("checks",)) if "checks" in top else model.Checks(),
            env=self.environment(top["env"], ("env",)) if "env" in top else {},
            settle=self.seconds(top["settle"], ("settle",), 2.0) if "settle" in top else 2.0,
            places=self.places,
        )

    def canary(self, name: str, value: Any, at: Keys) -> str:
        text = self.text(value, at, templates=False, otherwise="-" * 8)
        if len(text) < 6:
            self.tell(at, f"the canary `{name}` is so short that it occurs by chance; use 6 characters or more")
        return text

    def environment(self, value: Any, at: Keys) -> dict[str, str | None]:
        if not isinstance(value, dict):
            self.tell(at, f"{_called(at)} should be a mapping from variables to text, is {_shown(value)}")
            return {}
        made: dict[str, str | None] = {}
        for name, item in value.items():
            if not name or "=" in name or "\0" in name:
                self.tell((*at, name), f"`{name}` can't be the name of a variable")
                continue
            made[name] = None if item is None else self.text(item, (*at, name), empty=True)
        return made

    # processes

    def process(self, name: str, value: Any, at: Keys) -> model.ProcessSpec:
        self.places[f"processes.{name}"] = self.place(at)
        keys = ("command", "cwd", "env", "ready", "after", "stop", "sentinel", "exit", "redis")
        table = self.table(value, at, keys)
        redis = "redis" in table
        if redis:
            self.table(table["redis"] or {}, (*at, "redis"), ())
            if "command" in table:
                self.tell((*at, "command"), f"{_called(at)} is `redis: {{}}` and has a `command`; keep one of them")
        elif "command" not in table and isinstance(value, dict):
            self.tell(at, f"{_called(at)} lacks `command` (a list: `[python, -m, services.api]`)")
        stop: Mapping[str, Any] = {}
        if "stop" in table:
            stop = self.table(table["stop"], (*at, "stop"), ("within", "signal"))
        default_signal = "INT" if redis else "TERM"
        return model.ProcessSpec(
            name=name,
            command=self.command(table["command"], (*at, "command")) if "command" in table else (),
            cwd=self.text(table["cwd"], (*at, "cwd")) if "cwd" in table else "",
            env=self.environment(table["env"], (*at, "env")) if "env" in table else {},
            ready=self.ready(table["ready"], (*at, "ready")) if "ready" in table else model.Ready(),
            after=self.others(table["after"], (*at, "after"), name) if "after" in table else (),
            stop_within=self.seconds(stop["within"], (*at, "stop", "within"), model.STOP_WITHIN)
            if "within" in stop
            else model.STOP_WITHIN,
            stop_signal=self.signal(stop["signal"], (*at, "stop", "signal")) if "signal" in stop else default_signal,
            sentinel=self.flag(table["sentinel"], (*at, "sentinel"), True) if "sentinel" in table else not redis,
            exit_codes=self.several(table["exit"], (*at, "exit"), self.exit_code) if "exit" in table else None,
            redis=redis,
            place=self.place(at),
        )

    def exit_code(self, value: Any, at: Keys) -> int:
        return self.whole(value, at, 0, -255, 255)

    def command(self, value: Any, at: Keys) -> tuple[str, ...]:
        if isinstance(value, str):
            self.templates(value, at)
            try:
                words = tuple(shlex.split(value))
            except ValueError as error:
                self.tell(at, f"{_called(at)} can't be split into words ({error}); write it as a list")
                return ("?",)
        elif isinstance(value, list):
            words = tuple(self.text(item, (*at, index), empty=True) for index, item in enumerate(value))
        else:
            self.tell(at, f"{_called(at)} should be a list such as `[python, -m, services.api]`, is {_shown(value)}")
            return ("?",)
        if not words or not words[0]:
            self.tell(at, f"{_called(at)} names no program")
            return ("?",)
        return words

    def ready(self, value: Any, at: Keys) -> model.Ready:
        table = self.table(value, at, ("http", "log", "tcp", "within"))
        chosen = [key for key in ("http", "log", "tcp") if key in table]
        if len(chosen) != 1 and isinstance(value, dict):
            self.tell(at, f"{_called(at)} should have one of `http`, `log`, `tcp`, has {_listed(chosen) or 'none'}")
        within = self.seconds(table["within"], (*at, "within"), model.READY_WITHIN) if "within" in table else None
        found = {key: self.text(table[key], (*at, key)) for key in chosen}
        if (url := found.get("http")) and not re.match(r"https?://|\{", url):
            self.tell(
                (*at, "http"), f"{_called((*at, 'http'))} should be a URL such as `http://127.0.0.1:{{port.api}}/`"
            )
        if (address := found.get("tcp")) and ":" not in address:
            self.tell((*at, "tcp"), f"{_called((*at, 'tcp'))} should be `host:port`, is `{address}`")
        return model.Ready(**found, within=model.READY_WITHIN if within is None else within)

    def others(self, value: Any, at: Keys, name: str) -> tuple[str, ...]:
        return self.several(value, at, lambda item, inner: self.other(item, inner, name))

    def other(self, value: Any, at: Keys, name: str) -> str:
        found = self.text(value, at, templates=False)
        if found == name:
            self.tell(at, f"process `{name}` can't wait for itself")
            return found
        return self.known_process(found, at)

    def known_process(self, name: str, at: Keys) -> str:
        if name not in self.processes:
            from obs_lint.config.suggest import nearest

            near = nearest(name, [str(key) for key in self.processes])
            hint = f"; did you mean `{near}`?" if near else f"; there are {_listed(self.processes) or 'none'}"
            self.tell(at, f"there is no process `{name}`{hint}")
        return name

    def order(self, specs: tuple[model.ProcessSpec, ...]) -> None:
        """Tell of processes that wait for each other."""
        after = {spec.name: spec.after for spec in specs}
        done: set[str] = set()
        for spec in specs:
            trail: list[str] = []
            name = spec.name
            stack = [(name, iter(after.get(name, ())))]
            trail.append(name)
            while stack:
                current, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    stack.pop()
                    trail.pop()
                    done.add(current)
                elif following in trail:
                    circle = " → ".join([*trail[trail.index(following) :], following])
                    self.tell(("processes", spec.name, "after"), f"processes wait for each other: {circle}")
                    return
                elif following not in done and following in after:
                    trail.append(following)
                    stack.append((following, iter(after[following])))

    # captures

    def captures(self, value: Any, at: Keys) -> tuple[model.CaptureSpec, ...]:
        if not isinstance(value, list):
            self.tell(at, f"`capture` should be a list such as `[{{stdout: api}}]`, is {_shown(value)}")
            return ()
        return tuple(self.capture(item, (*at, index)) for index, item in enumerate(value))

    def capture(self, value: Any, at: Keys) -> model.CaptureSpec:
        kinds = ("stdout", "stderr", "file", "otlp-http", "redis-stream")
        table = self.table(value, at, (*kinds, "sentinel", "url"))
        chosen = [kind for kind in kinds if kind in table]
        if len(chosen) != 1:
            if isinstance(value, dict):
                self.tell(at, f"a capture is one of {_listed(kinds)}; this has {_listed(chosen) or 'none of them'}")
            return model.CaptureSpec("file", "?")
        kind: Any = chosen[0]
        target = self.text(table[kind], (*at, kind))
        if kind in ("stdout", "stderr") and target:
            self.known_process(target, (*at, kind))
        if kind == "otlp-http" and "{" not in target and target != "auto":
            if not (target.isdecimal() and 0 < int(target) < 65536):
                self.tell((*at, kind), f"`otlp-http` should be a port, `auto` or `{{port.NAME}}`, is `{target}`")
        if "url" in table and kind != "redis-stream":
            self.tell((*at, "url"), f"`url` belongs to `redis-stream`, not to `{kind}`")
        return model.CaptureSpec(
            kind,
            target,
            url=self.text(table["url"], (*at, "url")) if "url" in table else "",
            sentinel=self.flag(table["sentinel"], (*at, "sentinel"), True) if "sentinel" in table else None,
            place=self.place(at),
        )

    # steps

    def steps(self, value: Any, at: Keys) -> tuple[model.Step, ...]:
        if not isinstance(value, list):
            self.tell(at, f"{_called(at)} should be a list, is {_shown(value)}")
            return ()
        return tuple(self.step(item, (*at, index), index) for index, item in enumerate(value))

    def unique(self, steps: tuple[model.Step, ...]) -> None:
        seen: dict[str, Place] = {}
        for step in _all_steps(steps):
            if step.name in seen:
                self.told.append(
                    (*step.place, f"there are two steps `{step.name}` (the other in line {seen[step.name].line})")
                )
            seen.setdefault(step.name, step.place)
            self.places[f"steps.{step.name}"] = step.place

    def step(self, value: Any, at: Keys, index: int) -> model.Step:
        actions = ("http", "parallel", "run", "stop", "kill", "signal", "start")
        table = self.table(value, at, ("name", *actions, "env", "cwd", "repeat", "concurrency", "save", "expect"))
        chosen = [key for key in actions if key in table]
        if len(chosen) > 1:
            self.tell(at, f"a step does one thing; this has {_listed(chosen)}: make them steps of their own")
        if not chosen and "expect" not in table and isinstance(value, dict):
            self.tell(at, f"a step does or expects something: give it one of {_listed((*actions, 'expect'))}")
        if "name" in table:
            name = self.text(table["name"], (*at, "name"), templates=False)
            if name and ("\n" in name or len(name) > 100):
                self.tell((*at, "name"), "a step's name is one line of at most 100 characters")
        else:
            name = f"step {index + 1}"
        signal = ("", "")
        for key, which in (("stop", "TERM"), ("kill", "KILL")):
            if key in table:
                signal = (self.known_process(self.text(table[key], (*at, key)), (*at, key)), which)
        if "signal" in table:
            inner = self.table(table["signal"], (*at, "signal"), ("process", "name"), ("process", "name"))
            if "process" in inner and "name" in inner:
                process = self.known_process(self.text(inner["process"], (*at, "signal", "process")), (*at, "signal"))
                signal = (process, self.signal(inner["name"], (*at, "signal", "name")))
        if "save" in table and "http" not in table:
            self.tell((*at, "save"), "`save` takes from a response; this step sends no `http`")
        return model.Step(
            name=name,
            http=self.http(table["http"], (*at, "http")) if "http" in table else None,
            parallel=self.steps(table["parallel"], (*at, "parallel")) if "parallel" in table else (),
            command=self.command(table["run"], (*at, "run")) if "run" in table else (),
            env=self.environment(table["env"], (*at, "env")) if "env" in table else {},
            cwd=self.text(table["cwd"], (*at, "cwd")) if "cwd" in table else "",
            signal=signal,
            start=self.known_process(self.text(table["start"], (*at, "start")), (*at, "start"))
            if "start" in table
            else "",
            repeat=self.whole(table["repeat"], (*at, "repeat"), 1) if "repeat" in table else 1,
            concurrency=self.whole(table["concurrency"], (*at, "concurrency"), 1, 1, 1000)
            if "concurrency" in table
            else 1,
            save=self.saves(table["save"], (*at, "save")) if "save" in table else {},
            expect=self.expect(table["expect"], (*at, "expect")) if "expect" in table else model.Expect(),
            place=self.place(at),
        )

    def signal(self, value: Any, at: Keys) -> str:
        name = self.text(value, at, templates=False).upper().removeprefix("SIG")
        if name not in _SIGNALS:
            self.tell(at, f"{_called(at)} should be one of {_listed(_SIGNALS)}, is {_shown(value)}")
            return "TERM"
        return name

    def saves(self, value: Any, at: Keys) -> dict[str, str]:
        if not isinstance(value, dict):
            self.tell(at, f"`save` should be a mapping such as `{{job_id: body.job_id}}`, is {_shown(value)}")
            return {}
        made = {}
        for name, item in value.items():
            if not _VARIABLE.match(str(name)) or name in HEADS:
                taken = "it is filled in by itself" if name in HEADS else "use letters, digits, `_` and `-`"
                self.tell((*at, name), f"`{name}` can't be the name of what is saved: {taken}")
            text = self.text(item, (*at, name), templates=False)
            head, _, rest = text.partition(".")
            if text and (head not in _SAVES or (head in ("header", "sent") and not rest)):
                known = "`body.PATH`, `header.NAME`, `sent.NAME` or `status`"
                self.tell((*at, name), f"`{text}` is nothing that a response has; write {known}")
            made[str(name)] = text
        return made

    def http(self, value: Any, at: Keys) -> model.Http:
        keys = ("method", "url", "headers", "json", "body", "form", "timeout")
        table = self.table(value, at, keys, ("url",))
        bodies = [key for key in ("json", "body", "form") if key in table]
        if len(bodies) > 1:
            self.tell((*at, bodies[1]), f"a request has one body; this has {_listed(bodies)}")
        headers = list(self.headers(table["headers"], (*at, "headers"))) if "headers" in table else []
        body: Any = None
        if "json" in table:
            body = table["json"]
            self.templates(body, (*at, "json"))
        elif "body" in table:
            body = self.text(table["body"], (*at, "body"), empty=True)
        elif "form" in table:
            body = self.form(table["form"], (*at, "form"))
            if not any(name.lower() == "content-type" for name, _ in headers):
                headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        method = self.text(table["method"], (*at, "method")) if "method" in table else "POST" if bodies else "GET"
        if method and not _FIELD_NAME.match(method) and "{" not in method:
            self.tell((*at, "method"), f"`{method}` is no HTTP method")
        url = self.text(table["url"], (*at, "url")) if "url" in table else ""
        if url and not re.match(r"https?://|\{", url):
            self.tell((*at, "url"), f"`url` should begin with `http://` or `https://`, is `{url[:60]}`")
        return model.Http(
            method=method,
            url=url,
            headers=tuple(headers),
            body=body,
            as_json="json" in table,
            timeout=self.seconds(table["timeout"], (*at, "timeout"), model.REQUEST_WITHIN)
            if "timeout" in table
            else model.REQUEST_WITHIN,
        )

    def headers(self, value: Any, at: Keys) -> Iterable[tuple[str, str]]:
        """A mapping (a list of values repeats the header), or a list of `[name, value]`."""
        if isinstance(value, dict):
            for name, item in value.items():
                self.field_name(name, (*at, name))
                for one in self.several(item, (*at, name), self.header_value):
                    yield str(name), one
        elif isinstance(value, list):
            for index, pair in enumerate(value):
                if not (isinstance(pair, list) and len(pair) == 2):
                    self.tell((*at, index), f"a header is `[name, value]`, this is {_shown(pair)}")
                    continue
                name = self.text(pair[0], (*at, index, 0))
                self.field_name(name, (*at, index, 0))
                yield name, self.header_value(pair[1], (*at, index, 1))
        else:
            self.tell(at, f"`headers` should be a mapping or a list of `[name, value]`, is {_shown(value)}")

    def header_value(self, value: Any, at: Keys) -> str:
        return self.text(value, at, empty=True)

    def field_name(self, name: Any, at: Keys) -> None:
        if not isinstance(name, str) or not _FIELD_NAME.match(name):
            self.tell(at, f"{_shown(name)} can't be the name of a header")

    def form(self, value: Any, at: Keys) -> str:
        from urllib.parse import quote_plus

        if not isinstance(value, dict):
            self.tell(at, f"`form` should be a mapping, is {_shown(value)}")
            return ""
        parts = []
        for name, item in value.items():
            text = self.text(item, (*at, name), empty=True)
            parts.append(f"{quote_plus(name, safe='{}')}={quote_plus(text, safe='{}')}")
        return "&".join(parts)

    # expectations

    def expect(self, value: Any, at: Keys) -> model.Expect:
        keys = (
            "status", "header", "body", "body-has", "events", "no-events", "flow", "lifecycle", "within", "exit",
        )  # fmt: skip
        table = self.table(value, at, keys)
        flow = self.texts(table["flow"], (*at, "flow")) if "flow" in table else ()
        if "flow" in table and len(flow) < 2:
            self.tell((*at, "flow"), "`flow` names two correlation fields or more, from the root on")
        body: Any = {}
        if "body" in table:
            body = table["body"]
            self.templates(body, (*at, "body"))
            if not isinstance(body, dict):
                self.tell(
                    (*at, "body"),
                    f"`body` should be a mapping from dotted paths to values, is {_shown(body)}; text is `body-has`",
                )
                body = {}
            for path, wanted in body.items():
                if isinstance(wanted, dict) and set(wanted) == {"matches"}:
                    self.regex(wanted["matches"], (*at, "body", path, "matches"))
        return model.Expect(
            status=self.several(table["status"], (*at, "status"), self.status) if "status" in table else (),
            headers=self.expected_headers(table["header"], (*at, "header")) if "header" in table else (),
            body=body,
            body_text=self.text(table["body-has"], (*at, "body-has")) if "body-has" in table else "",
            events=self.several(table["events"], (*at, "events"), self.event) if "events" in table else (),
            no_events=self.texts(table["no-events"], (*at, "no-events")) if "no-events" in table else (),
            flow=flow,
            lifecycle=self.texts(table["lifecycle"], (*at, "lifecycle")) if "lifecycle" in table else (),
            within=self.seconds(table["within"], (*at, "within"), model.STEP_WITHIN)
            if "within" in table
            else model.STEP_WITHIN,
            exit_codes=self.several(table["exit"], (*at, "exit"), self.exit_code) if "exit" in table else (0,),
            place=self.place(at),
        )

    def status(self, value: Any, at: Keys) -> str:
        text = str(value).lower() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not _STATUS.match(text):
            self.tell(at, f"{_called(at)} should be a status such as 200 or 4xx, is {_shown(value)}")
            return "200"
        return text

    def expected_headers(self, value: Any, at: Keys) -> tuple[model.ExpectedHeader, ...]:
        if not isinstance(value, dict):
            self.tell(at, f"`header` should be a mapping such as `{{X-Request-Id: '{{sent}}'}}`, is {_shown(value)}")
            return ()
        made = []
        for name, item in value.items():
            self.field_name(name, (*at, name))
            if item is None or isinstance(item, bool):
                made.append(model.ExpectedHeader(str(name), present=item is True))
            elif isinstance(item, dict):
                inner = self.table(item, (*at, name), ("matches",), ("matches",))
                pattern = self.regex(inner["matches"], (*at, name, "matches")) if "matches" in inner else ""
                made.append(model.ExpectedHeader(str(name), matches=pattern))
            else:
                made.append(model.ExpectedHeader(str(name), self.text(item, (*at, name), empty=True)))
        return tuple(made)

    def regex(self, value: Any, at: Keys) -> str:
        pattern = self.text(value, at, templates=False)
        try:
            re.compile(pattern)
        except re.error as error:
            self.tell(at, f"{_called(at)} is no regular expression: {error}")
            return ""
        return pattern

    def event(self, value: Any, at: Keys) -> model.ExpectedEvent:
        if not isinstance(value, dict):
            return model.ExpectedEvent(self.text(value, at), place=self.place(at))
        table = self.table(value, at, ("name", "count", "payload", "anywhere"), ("name",))
        payload = table.get("payload", {})
        self.templates(payload, (*at, "payload"))
        if not isinstance(payload, dict):
            self.tell(
                (*at, "payload"), f"`payload` should be a mapping from dotted paths to values, is {_shown(payload)}"
            )
            payload = {}
        return model.ExpectedEvent(
            self.text(table["name"], (*at, "name")) if "name" in table else "?",
            count=self.whole(table["count"], (*at, "count"), 1) if "count" in table else None,
            payload=payload,
            anywhere=self.flag(table["anywhere"], (*at, "anywhere"), False) if "anywhere" in table else False,
            place=self.place(at),
        )

    # coverage and checks

    def coverage(self, value: Any, at: Keys) -> model.Coverage:
        table = self.table(value, at, ("fail-under", "ignore"))
        bar = table.get("fail-under")
        if bar is not None and (isinstance(bar, bool) or not isinstance(bar, (int, float)) or not 0 <= bar <= 100):
            self.tell((*at, "fail-under"), f"`fail-under` should be a percentage from 0 to 100, is {_shown(bar)}")
            bar = None
        return model.Coverage(
            fail_under=None if bar is None else float(bar),
            ignore=self.texts(table["ignore"], (*at, "ignore")) if "ignore" in table else (),
        )

    def checks(self, value: Any, at: Keys) -> model.Checks:
        texts, counts = ("profiles", "log-fields", "plain-sources"), ("max-bytes", "window", "in-flight", "grace")
        table = self.table(value, at, ("ignore", "skew", "services", *texts, *counts))
        options: dict[str, Any] = {}
        for key in texts:
            if key in table:
                options[key.replace("-", "_")] = self.texts(table[key], (*at, key))
        for profile in options.get("profiles", ()):
            if profile not in model.PROFILES:
                self.tell((*at, "profiles"), f"there is no profile `{profile}`; known are {_listed(model.PROFILES)}")
        for key in counts:
            if key in table:
                options[key.replace("-", "_")] = self.whole(table[key], (*at, key), 1000, 1, 1 << 40)
        if "skew" in table:
            options["skew"] = self.seconds(table["skew"], (*at, "skew"), 5.0)
        if "services" in table:
            services = table["services"]
            if isinstance(services, dict):
                options["services"] = {
                    str(name): self.texts(item, (*at, "services", name)) for name, item in services.items()
                }
            else:
                self.tell((*at, "services"), f"`services` should be a mapping from producers on, is {_shown(services)}")
        return model.Checks(self.ignored(table["ignore"], (*at, "ignore")) if "ignore" in table else {}, options)

    def ignored(self, value: Any, at: Keys) -> dict[str, str]:
        made: dict[str, str] = {}
        if not isinstance(value, dict):
            self.tell(at, f"`ignore` should give each code its reason: `{{OBS805: why}}`, is {_shown(value)}")
            return made
        for code, reason in value.items():
            if not _CODE.match(str(code)):
                self.tell((*at, code), f"`{code}` is none of the codes of the smoke checks, OBS801 to OBS891")
            made[str(code)] = self.text(reason, (*at, code), templates=False)
        return made


def _default_captures(specs: tuple[model.ProcessSpec, ...]) -> tuple[model.CaptureSpec, ...]:
    """The standard output of every process that is the system's own."""
    return tuple(model.CaptureSpec("stdout", spec.name, place=spec.place) for spec in specs if not spec.redis)


def _all_steps(steps: Iterable[model.Step]) -> Iterable[model.Step]:
    for step in steps:
        yield step
        yield from _all_steps(step.parallel)


def _saved_names(steps: Any) -> Iterable[str]:
    if isinstance(steps, list):
        for step in steps:
            if isinstance(step, dict):
                if isinstance(step.get("save"), dict):
                    yield from map(str, step["save"])
                yield from _saved_names(step.get("parallel"))


def _called(at: Keys) -> str:
    """`url` of the step's `http`; process `api`; item 2 of `capture`."""
    if not at:
        return "the scenario"
    last = at[-1]
    if isinstance(last, int):
        return f"step {last + 1}" if at[-2] in ("steps", "parallel") else f"item {last + 1} of `{at[-2]}`"
    if len(at) == 2 and at[0] == "processes":
        return f"process `{last}`"
    above = at[-2] if len(at) > 1 and isinstance(at[-2], str) else ""
    return f"`{last}` of `{above}`" if above else f"`{last}`"


def _listed(words: Iterable[Any]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _shown(value: Any) -> str:
    from obs_lint.registry.structure import shown

    return shown(value)
