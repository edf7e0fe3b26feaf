"""Reports errors that a handler logs or emits without saying which error it was: no stack, no type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from obs_lint.checks import Check
from obs_lint.checks.handlers import BROAD, Handler, by_handlers, catches, evaluated, handlers, own_statements, spread
from obs_lint.checks.log_levels import level, severity_of
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.checks.telling import is_logger, words
from obs_lint.config.model import Config
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Span
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import declared, last_name, spelled
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.facts.nested import children, nested

if TYPE_CHECKING:
    from obs_lint.events.model import Emission


@dataclass(frozen=True, slots=True)
class Options:
    """What `error-detail` may be told."""

    handlers: Literal["logged", "broad", "any"] = "logged"
    """Of which handlers: `broad` are those of every Exception, `logged` those and narrow ones that log the exception
    itself, `any` all of them."""
    methods: tuple[str, ...] = ()
    """Methods of a logger that log an error."""
    keys: tuple[str, ...] = ()
    """Keywords, keys of `extra` and fields of a payload that say which error it was."""
    failure_words: tuple[str, ...] = ()
    """An event with one of these words in its name tells of an error."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files with a handler that call such a method of something, or an emitter."""
    methods = "|".join(re.escape(method) for method in options.methods)
    calls = tuple(f".{prefix}{method}(".encode() for method in options.methods for prefix in ("", "a"))
    named = rf"\.a?(?:{methods})\((?![^\n]*\bexc_info\b)|\.a?log\([^\n]*(?i:error|critical|fatal)"
    found = [Anchor(words=(b"except",), pattern=named.encode(), any_of=(*calls, b".log(", b".alog("))]
    for emitter in declared(config):
        name = emitter.function.rpartition(".")[2]
        if name.isidentifier():
            called = rf"(?<!def )(?<!\w){re.escape(name)}[ \t]*\(".encode()
            found.append(Anchor(words=(b"except", name.encode()), pattern=called))
    return tuple(dict.fromkeys(found))


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a call."""
    yield from by_handlers(run, lambda part: _Judge(part).in_file, anchors(run.options, run.config))


class _Judge:
    """Decides on the calls of a handler, by their spelling before anything is resolved."""

    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._methods = frozenset(run.options.methods) | {f"a{method}" for method in run.options.methods}
        self._keys = frozenset(_plain(key) for key in run.options.keys)
        self._words = frozenset(run.options.failure_words)
        self._emitters = frozenset(emitter.function.rpartition(".")[2] for emitter in declared(run.config))

    def in_file(self, file: ProjectFile, facts: FileFacts) -> Iterator[Diagnostic]:
        """Yield what there is to say of a file's handlers."""
        for handler in handlers(facts):
            if not handler.is_suppress:
                yield from self.of_handler(file, facts, handler)

    def of_handler(self, file: ProjectFile, facts: FileFacts, handler: Handler) -> Iterator[Diagnostic]:
        """At most one diagnostic a handler, where nothing in it keeps the detail: at what logs the exception itself,
        else at the first call.
        """
        placed = [
            (s[-1], part) for s in own_statements(handler.body) for e in evaluated(s) for part in spread(facts, e)
        ]
        calls = [(statement, part) for statement, part in placed if part[0] == "call"]
        logged = [(statement, call) for statement, call in calls if self._logs_error(call)]
        emitted = [call for _, call in calls if last_name(call[1]) in self._emitters]
        if not (logged or emitted) or self._keeps_detail(handler, [call for _, call in calls]):
            return
        if logged and self._concerns(file, facts, handler, [call for _, call in logged]):
            logged.sort(key=lambda row: not _logs_itself(row[1], handler.name))
            for statement, call in logged:
                by_logger = is_logger(self._run.project, file.path, handler.scope, call[1][1])
                if by_logger and not _is_raised_after(handler, call):
                    shown = f"`{spelled(call[1])}` logs an error"
                    yield self._report(file, handler, statement, call, shown, self._fix(file, handler, call))
                    return
        if emitted:
            yield from self._events(file, handler, emitted)

    # -- log calls

    def _logs_error(self, call: Expr) -> bool:
        """True for a call of a method for errors that says nothing of which error it is."""
        func = call[1]
        if func[0] != "attr":
            return False
        if func[2] in ("log", "alog"):
            if level(call) not in ("error", "critical"):
                return False
        elif func[2] not in self._methods:
            return False
        return not any(name is None or _plain(name) in self._keys for name, _, _ in call[3])

    def _concerns(self, file: ProjectFile, facts: FileFacts, handler: Handler, calls: list[Expr]) -> bool:
        which = self._run.options.handlers
        if which == "any" or (which == "logged" and any(_logs_itself(call, handler.name) for call in calls)):
            return True
        return bool(catches(self._run.project, file.path, facts, handler, BROAD))

    def _keeps_detail(self, handler: Handler, calls: list[Expr]) -> bool:
        """True where the handler says elsewhere which error it was, or hands the exception itself on."""
        name = handler.name
        for call in calls:
            last = last_name(call[1])
            if last in _DETAILED or not words(last).isdisjoint(_CAPTURING):
                return True
            if any(_plain(key) in self._keys and value[:2] not in _NOTHING for key, value, _ in call[3] if key):
                return True
            for part in (*call[2], *[value for _, value, _ in call[3]]):
                if _tells_type(part, name, call) or _has_key(part, self._keys):
                    return True
            if name and _hands_on(call, name, positions=last not in _SPELLING and not self._logs_error(call)):
                return True
        if not name:
            return False
        for statement in own_statements(handler.body):
            if statement[0] in ("assign", "return") and statement[1] is not None and _is_itself(statement[1], name):
                return True
        return False

    # -- events

    def _events(self, file: ProjectFile, handler: Handler, calls: list[Expr]) -> Iterator[Diagnostic]:
        from obs_lint.events.emissions import emissions

        run = self._run
        places = {call[-1] for call in calls}
        for emission in emissions(run.project, run.config).in_file(file.path):
            if emission.call[-1] not in places or not self._tells_failure(emission) or self._has_detail(emission):
                continue
            if handler.name and any(_is_itself(part, handler.name) for part in nested(emission.call)):
                continue
            if _is_raised_after(handler, emission.call):
                continue
            name = emission.alternatives[0].name
            shown = f"`{name}` tells of an error"
            yield self._report(file, handler, emission.statement, emission.call, shown, None)
            return

    def _tells_failure(self, emission: Emission) -> bool:
        if not emission.alternatives or not emission.complete:
            return False
        if emission.severity:
            return severity_of(emission.severity) in ("error", "critical")
        return all(not words(each.name.replace(".", "_")).isdisjoint(self._words) for each in emission.alternatives)

    def _has_detail(self, emission: Emission) -> bool:
        """True where the payload says which error it was, can't be told, or may by its schema not say it."""
        payload = emission.payload
        if payload is None or not payload.complete:
            return True
        if any(_plain(field.name) in self._keys or _plain(field.name) in _SHORT for field in payload.fields):
            return True
        if not self._run.config.registry:
            return False
        from obs_lint.events.registries import registries

        known = registries(self._run.project, self._run.config)
        for alternative in emission.alternatives:
            event = known.of(alternative)
            properties = (event.payload or {}).get("properties") if event is not None else None
            if properties and not any(_plain(key) in self._keys for key in properties):
                return True
        return False

    # -- what is reported

    def _report(
        self, file: ProjectFile, handler: Handler, statement: Pos, call: Expr, shown: str, fix: Fix | None
    ) -> Diagnostic:
        return self._run.report(
            file,
            call[1][-1],
            target=spelled(call[1]),
            scope=handler.scope,
            lines=(statement[0], max(statement[2], call[-1][2])),
            fix=fix,
            call=shown,
        )

    def _fix(self, file: ProjectFile, handler: Handler, call: Expr) -> Fix | None:
        """Add `exc_info=True`; for loguru, which knows no such keyword, call `exception`."""
        project = self._run.project
        if project.cell_of(file.path, 1)[0] is not None:
            return None
        names = [origin.name for origin in project.resolve(file.path, handler.scope, call[1][1])]
        if any(name.startswith("loguru") for name in names):
            line, column = call[1][-1][2:]
            if call[1][2] != "error":
                return None
            span = Span(Position(line, column - len("error")), Position(line, column))
            return Fix("Log with `exception`", Applicability.SAFE, (Edit(file.path, span, "exception"),))
        known = bool(names) and all(_TAKES_EXC_INFO.match(name) for name in names)
        parts = [*[a[-1] for a in call[2]], *[pos for _, _, pos in call[3]]]
        parts += [value[-1] for _, value, _ in call[3]]
        end = max((part[2:] for part in parts), default=None)
        if end is None or not self._ends_call(file.path, end, call[-1][2:]):
            return None
        place = Position(*end)
        edit = Edit(file.path, Span(place, place), ", exc_info=True")
        return Fix("Add `exc_info=True`", Applicability.SAFE if known else Applicability.UNSAFE, (edit,))

    def _ends_call(self, path: str, end: tuple[int, int], close: tuple[int, int]) -> bool:
        """True where nothing but a comma and comments stands between an argument's end and the call's bracket."""
        if end == (close[0], close[1] - 1):
            return True
        line, column = end
        point = rf"\A(?:[^\n]*\n){{{line - 1}}}(?:[\x00-\x7f\xc0-\xff][\x80-\xbf]*){{{column - 1}}}"
        if line == close[0]:
            between = rf"[ \t,]{{{close[1] - 1 - column}}}"
        else:
            between = rf"(?:[ \t,]*(?:#[^\n]*)?\r?\n){{{close[0] - line}}}[ \t,]{{{close[1] - 2}}}"
        return self._run.project.mentions(path, rf"{point}{between}\)".encode("latin-1"))


_TAKES_EXC_INFO = re.compile(r"(?:logging|structlog)(?:\.|$)")
_DETAILED = frozenset({"exc_info", "format_exc", "print_exc", "format_exception", "print_exception", "exception"})
_CAPTURING = frozenset({"capture", "sentry", "rollbar", "bugsnag", "traceback"})
_SPELLING = frozenset({"str", "format", "isinstance", "getattr", "hasattr", "print", "len", "bool"})
_NOTHING = (("const", None), ("const", False))
_SHORT = frozenset({"error", "exception", "exc", "err"})


def _plain(key: str) -> str:
    return key.replace(".", "_").lower()


def _is_raised_after(handler: Handler, call: Expr) -> bool:
    return any(s[0] == "raise" and s[-1][:2] > call[-1][:2] for s in own_statements(handler.body))


def _logs_itself(call: Expr, name: str | None) -> bool:
    """True for a call that is given the exception or its text, not only something of it: `error`, `str(error)`."""
    stack = [*call[2], *[value for _, value, _ in call[3]]]
    while stack:
        part = stack.pop()
        if part[:2] == ("name", name):
            return True
        if part[0] not in ("attr", "sub"):
            stack += children(part)
    return False


def _mentions(parts: tuple[Expr, ...], name: str) -> bool:
    return any(part[:2] == ("name", name) for root in parts for part in nested(root))


def _tells_type(expr: Expr, name: str | None, call: Expr) -> bool:
    """True where an argument says of which type the exception is: its repr, its class."""
    for part in nested(expr):
        tag = part[0]
        if tag == "call" and last_name(part[1]) in ("repr", "type") and part[2] and part[2][0][:2] == ("name", name):
            return True
        if tag == "attr" and part[2] in ("__class__", "__traceback__") and part[1][:2] == ("name", name):
            return True
        if tag == "fmt" and part[2] == "r" and part[1][:2] == ("name", name):
            return True
        if tag == "const" and isinstance(part[1], str) and "%r" in part[1] and name and _mentions(call[2][1:], name):
            return True
    return False


def _has_key(expr: Expr, keys: frozenset[str]) -> bool:
    given = [key[1] for key, _ in expr[1] if key is not None and key[0] == "const"] if expr[0] == "dict" else []
    return any(isinstance(key, str) and _plain(key) in keys for key in given)


def _hands_on(call: Expr, name: str, *, positions: bool) -> bool:
    """True for a call that is given the exception itself, alone or in a display; in a text it is not itself."""
    if any(_is_itself(value, name) for _, value, _ in call[3]):
        return True
    return any(_is_itself(part, name) for part in call[2] if positions or part[0] == "dict")


def _is_itself(expr: Expr, name: str) -> bool:
    if expr[0] == "seq":
        return any(_is_itself(part, name) for part in expr[2])
    if expr[0] == "dict":
        return any(_is_itself(value, name) for _, value in expr[1])
    return bool(expr[:2] == ("name", name))


CHECK = Check("error-detail", Options, run, anchors, parts="files")
