"""Structlog-like loggers: which objects are loggers, over `.bind()`, names, attributes and imports, and their calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from obs_lint.config.model import Config, LoggerConfig
from obs_lint.events.given import Place
from obs_lint.facts.model import Anchor, Binding, CallSite, Expr, FileFacts
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

METHODS = {
    "debug": "debug",
    "info": "info",
    "msg": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
"""Method of a logger → the severity that it stands for; `log` is told its severity. With an `a` before it: awaited."""
_BINDING = frozenset({"bind", "new"})
_KEEPING = frozenset({"unbind", "try_unbind", "opt"})
_STRUCTLOG = frozenset(
    {"structlog.get_logger", "structlog.getLogger", "structlog.stdlib.get_logger", "structlog.wrap_logger"}
)
"""One and the same, whichever of them is configured."""
_STRUCTLOG_CLASS = re.compile(r"structlog\.(?:\w+\.)*(?:\w*BoundLogger\w*|BindableLogger)")
_CHAIN = re.compile(r"\(\)\.(?:bind|new|unbind|try_unbind)(?=\(\)|$)|\(\)$")
_MAX_DEPTH = 12
_NO_FIELDS = frozenset({"exc_info", "stack_info", "stacklevel"})
"""Keywords of a log call that are no fields."""
_METHOD = rb"a?(?:debug|info|msg|warn(?:ing)?|error|exception|critical|fatal|log)"
_NAMED = rb"(?:[\w.]+\s*,\s*)?(?:[\"'][^\s\"'{}]+[\"']|(?:\w+\.)*[A-Z]\w*)"
_CALLS = tuple(b"info( error( warning( debug( exception( warn( critical( log( msg( fatal(".split())


class Logger(NamedTuple):
    """An object that is a logger."""

    config: LoggerConfig
    bound: tuple[Place, ...] = ()
    """The calls that bind fields to it, in order."""
    dropped: frozenset[str] = frozenset()
    """Fields that it lost again."""
    in_sight: bool = True
    """False where it may have bound more than can be seen from the file that asked."""


class LogCall(NamedTuple):
    """One call of a logger's method."""

    path: str
    site: CallSite
    logger: Logger
    severity: str
    event: Expr | None
    """What is logged; None where that is splatted or left out."""


def log_anchors(config: Config) -> tuple[Anchor, ...]:
    """Files in which a logger may be told an event: those that log a text without spaces, or a constant."""
    found: dict[Anchor, None] = {}
    for logger in config.loggers:
        if logger.events == "none":
            continue
        said = _NAMED if logger.events == "matching-naming" else b""
        found[Anchor(pattern=rb"\." + _METHOD + rb"\(\s*" + said, any_of=_CALLS)] = None
    return tuple(found)


class Loggers:
    """The loggers that one configuration declares, in one project."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked up before it is asked for."""
        self._project = project
        self._configs = config.loggers
        self._known: dict[tuple[str, int, str], Logger | None] = {}
        self._attributes: dict[tuple[str, int, str], Logger | None] = {}
        self._made: dict[tuple[str, str], LoggerConfig] | None = None
        self._depth = 0

    def calls(self, path: str) -> Iterator[LogCall]:
        """Yield the log calls of a file, in source order."""
        facts = self._project.facts(path)
        if facts is None or not self._configs:
            return
        for call in facts.calls:
            func = call.expr[1]
            if func[0] != "attr":
                continue
            method = func[2]
            plain = method[1:] if method[:1] == "a" and (method[1:] in METHODS or method[1:] == "log") else method
            if plain not in METHODS and plain != "log":
                continue
            logger = self.logger(path, call.scope, func[1])
            if logger is not None:
                yield self._read(path, call, logger, plain)

    def _read(self, path: str, call: CallSite, logger: Logger, method: str) -> LogCall:
        arguments = call.expr[2]
        severity = METHODS.get(method, "")
        if method == "log":
            severity = _level(arguments[0]) if arguments else ""
            arguments = arguments[1:]
        event: Expr | None = None
        place = logger.config.event if isinstance(logger.config.event, int) else None
        if place is not None and place < len(arguments) and all(a[0] != "star" for a in arguments[: place + 1]):
            event = arguments[place]
        else:
            keyword = logger.config.event if isinstance(logger.config.event, str) else "event"
            event = next((value for name, value, _ in call.expr[3] if name == keyword), None)
        if logger.config.severity != "method":
            severity = next((_level(v) for n, v, _ in call.expr[3] if n and n == logger.config.severity), "")
        return LogCall(path, call, logger, severity, event)

    @staticmethod
    def taken(config: LoggerConfig) -> frozenset[str]:
        """Return the keywords of a log call that are no fields."""
        event = config.event if isinstance(config.event, str) else "event"
        return _NO_FIELDS | {event, config.severity or "event"}

    # -- what is a logger

    def logger(self, path: str, scope: int, expr: Expr) -> Logger | None:
        """Return what is known of an expression as a logger, None where it is none."""
        if self._depth > _MAX_DEPTH:
            return None
        self._depth += 1
        try:
            return self._logger(path, scope, expr)
        finally:
            self._depth -= 1

    def _logger(self, path: str, scope: int, expr: Expr) -> Logger | None:
        tag = expr[0]
        if tag == "call":
            return self._called(path, scope, expr)
        if tag == "name":
            return self._named(path, scope, expr)
        if tag == "attr":
            return self._attribute(path, scope, expr)
        if tag in ("if", "bool"):
            parts = (expr[2], expr[3]) if tag == "if" else expr[2]
            return next((found for part in parts if (found := self.logger(path, scope, part)) is not None), None)
        if tag in ("await", "walrus"):
            return self.logger(path, scope, expr[1] if tag == "await" else expr[2])
        return None

    def _called(self, path: str, scope: int, call: Expr) -> Logger | None:
        func = call[1]
        if func[0] == "attr" and (func[2] in _BINDING or func[2] in _KEEPING):
            base = self.logger(path, scope, func[1])
            if base is not None:
                return _bound(base, func[2], path, scope, call)
        origins = self._project.resolve(path, scope, func)
        for config in self._configs:
            if any(self._is_factory(config, origin) for origin in origins):
                initial = any(o.kind == "external" and o.name in _STRUCTLOG for o in origins)
                return Logger(config, (Place(path, scope, call),) if initial else ())
        for origin in origins:
            facts = self._project.facts(origin.path) if origin.kind == "function" else None
            if facts is None:
                continue
            function = facts.functions[origin.index]
            for result in function.returns:
                found = self.logger(origin.path, function.scope, result.value)
                if found is not None:
                    return found if origin.path == path else found._replace(in_sight=False)
        return self._by_origin(self._project.resolve(path, scope, call))

    def _is_factory(self, config: LoggerConfig, origin: Origin) -> bool:
        names = self._project.names(origin)
        for factory in config.factory:
            if factory in origin.via or names_match(factory, names, below=False):
                return True
            if origin.kind == "external" and factory in _STRUCTLOG and origin.name in _STRUCTLOG:
                return True
        return False

    def _named(self, path: str, scope: int, expr: Expr) -> Logger | None:
        found = self._project.bound(path, scope, expr[1])
        if found is None:
            return self._by_origin(self._project.resolve(path, scope, expr))
        owner, bindings = found
        key = (path, owner, expr[1])
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._of_bindings(path, owner, bindings, expr)
        return self._known[key]

    def _of_bindings(self, path: str, owner: int, bindings: tuple[Binding, ...], expr: Expr) -> Logger | None:
        found: list[Logger] = []
        for binding in bindings:
            if binding.kind in ("assign", "walrus", "with") and binding.value is not None:
                scope = binding.scope if binding.scope >= 0 else owner
                logger = self.logger(path, scope, binding.value)
                if logger is not None:
                    found.append(logger)
        if found:
            longest = max(found, key=lambda logger: len(logger.bound))
            return longest if len(found) == 1 else longest._replace(in_sight=all(f.in_sight for f in found))
        return self._by_origin(self._project.resolve(path, owner, expr))

    def _attribute(self, path: str, scope: int, expr: Expr) -> Logger | None:
        facts = self._project.facts(path)
        if facts is None:
            return None
        if expr[1][0] == "name" and expr[1][1] in ("self", "cls"):
            index = _enclosing_class(facts, scope)
            key = (path, index, expr[2])
            if index >= 0:
                if key not in self._attributes:
                    self._attributes[key] = None
                    self._attributes[key] = self._assigned(path, facts, index, expr[2])
                if self._attributes[key] is not None:
                    return self._attributes[key]
        return self._by_origin(self._project.resolve(path, scope, expr))

    def _assigned(self, path: str, facts: FileFacts, index: int, name: str) -> Logger | None:
        row = facts.classes[index]
        for binding in facts.scopes[row.scope].bindings.get(name, ()):
            if binding.value is not None:
                found = self.logger(path, row.scope, binding.value)
                if found is not None:
                    return found
        for attribute in facts.attributes:
            if attribute.target[2] == name and attribute.value is not None and attribute.target[1][0] == "name":
                if _enclosing_class(facts, attribute.scope) == index:
                    found = self.logger(path, attribute.scope, attribute.value)
                    if found is not None:
                        return found
        return None

    # -- loggers that come from elsewhere

    def _by_origin(self, origins: tuple[Origin, ...]) -> Logger | None:
        for origin in origins:
            if origin.kind in ("result", "member", "instance") and not origin.path:
                plain = _CHAIN.sub("", origin.name)
                while plain != (shorter := _CHAIN.sub("", plain)):
                    plain = shorter
                for config in self._configs:
                    for factory in config.factory:
                        if plain == factory or (plain in _STRUCTLOG and factory in _STRUCTLOG):
                            return Logger(config, in_sight=False)
                        if factory in _STRUCTLOG and _STRUCTLOG_CLASS.fullmatch(plain):
                            return Logger(config, in_sight=False)
            made = self._made_by_factories().get((origin.kind, origin.name))
            if made is not None:
                return Logger(made, in_sight=False)
            if origin.kind == "variable" and origin.path:
                found = self._variable(origin)
                if found is not None:
                    return found._replace(in_sight=False)
        return None

    def _variable(self, origin: Origin) -> Logger | None:
        """Return the logger that a module's variable is, whose value could not be told otherwise."""
        facts = self._project.facts(origin.path)
        name = origin.name.rpartition(".")[2]
        if facts is None or name not in facts.scopes[0].bindings:
            return None
        return self.logger(origin.path, 0, ("name", name, (1, 1, 1, 1)))

    def _made_by_factories(self) -> dict[tuple[str, str], LoggerConfig]:
        """What first-party factories return, by kind and name."""
        if self._made is None:
            self._made = {}
            for config in self._configs:
                for factory in config.factory:
                    for origin in self._project.lookup(factory):
                        if origin.kind == "function":
                            self._made |= dict.fromkeys(self._returned(origin), config)
                        elif origin.kind == "class":
                            self._made["instance", origin.name] = config
        return self._made

    def _returned(self, origin: Origin) -> Iterator[tuple[str, str]]:
        facts = self._project.facts(origin.path)
        if facts is None:
            return
        function = facts.functions[origin.index]
        pos = function.name_pos
        call = ("call", ("name", function.name, pos), (), (), pos)
        for made in self._project.resolve(origin.path, function.parent, call):
            if made.kind in ("result", "instance"):
                yield made.kind, made.name


def _bound(base: Logger, method: str, path: str, scope: int, call: Expr) -> Logger:
    if method in _BINDING:
        before = base.bound if method == "bind" else ()
        again = frozenset(name for name, _, _ in call[3] if name is not None)
        return base._replace(bound=(*before, Place(path, scope, call)), dropped=base.dropped - again)
    if method in _KEEPING:
        names = {a[1] for a in call[2] if a[0] == "const" and isinstance(a[1], str)}
        return base._replace(dropped=base.dropped | names)
    return base


def _level(expr: Expr) -> str:
    """Return the severity that an expression names: `logging.ERROR`, `"error"`."""
    if expr[0] == "const":
        return expr[1].lower() if isinstance(expr[1], str) else _NUMBERS.get(expr[1], "")
    last = expr[1] if expr[0] == "name" else expr[2] if expr[0] == "attr" else ""
    return last.lower() if isinstance(last, str) and last.lower() in METHODS else ""


_NUMBERS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def _enclosing_class(facts: FileFacts, scope: int) -> int:
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind in ("function", "lambda") and facts.functions[row.owner].owner >= 0:
            return facts.functions[row.owner].owner
        if row.kind == "class":
            return row.owner
        scope = row.parent
    return -1


def fitting(project: Project, config: Config) -> Callable[[str], bool]:
    """Return the test whether a text that is logged is an event's name rather than prose.

    It is where it is declared, or made as a source that declares a naming says. Sources that declare none vouch for
    names of their own kind: dotted, in lower case, in a namespace (the first segment) of one of their events.
    """
    from obs_lint.events.registries import registries

    declared = registries(project, config)
    namings = declared.namings
    spaces = {
        event.name.partition(".")[0]
        for registry in declared.sources
        if registry.naming is None
        for event in registry.events
        if "." in event.name
    }

    def fits(text: str) -> bool:
        if declared.find(text) is not None or any(naming.fits(text) for naming in namings):
            return True
        return _DOTTED.fullmatch(text) is not None and text.partition(".")[0] in spaces

    return fits


_DOTTED = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+")
