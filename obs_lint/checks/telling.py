"""Whether code tells anybody of an error: it logs, emits, prints, leaves, or hands the exception on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from obs_lint.checks.handlers import inner_blocks, spread_block, statements
from obs_lint.config.model import Config
from obs_lint.events.emitters import declared, last_name, spelled
from obs_lint.events.loggers import METHODS
from obs_lint.facts.model import Block, Expr
from obs_lint.facts.nested import nested
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

LOG_METHODS = frozenset((*METHODS, "log"))
"""Methods of a logger; with an `a` before it: awaited."""
TELEMETRY = frozenset(
    """
    logging structlog loguru logbook eliot warnings traceback faulthandler sentry_sdk raven rollbar bugsnag airbrake
    honeybadger opentelemetry ddtrace datadog statsd prometheus_client newrelic elasticapm appsignal logfire posthog
    google.cloud.logging google.cloud.error_reporting azure.monitor aws_lambda_powertools
    """.split()
)
"""Packages whose functions tell somebody of what happened."""
_LEAVING = frozenset(
    """
    sys.exit os._exit os.abort os.kill builtins.exit builtins.quit builtins.print pytest.fail pytest.skip flask.abort
    """.split()
)
_MATHS = frozenset({"math", "np", "numpy", "torch", "jnp", "tf", "cmath", "mpmath", "sympy", "pl", "xp", "F", "K"})
_EXCEPTION_INFO = frozenset({"exc_info", "format_exc", "print_exc", "format_exception", "print_exception", "exception"})
_LOGGER = re.compile(r"(?:\w*_)?(?:log|logs|logger|logging)\d?", re.ASCII | re.IGNORECASE)
_FACTORIES = frozenset({"getLogger", "get_logger"})
_DERIVING = frozenset({"bind", "new", "opt", "getChild", "unbind", "patch"})
_STATUS = re.compile(r"(?<!\d)[45]\d\d(?!\d)")
_COMPLAINT = re.compile(
    r"\b(?:errors?|fail(?:s|ed|ure|ures|ing)?|exceptions?|invalid|unable|could not|couldn't|cannot|can't|unavailable"
    r"|unhealthy|degraded|not found|bad request|unauthori[sz]ed|forbidden)\b",
    re.IGNORECASE,
)
_MAX_HOPS = 2


class Told(Enum):
    """What is known of whether a call tells anybody."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """What is called is not in sight."""


class Telling:
    """Judges expressions, in one project under one configuration."""

    def __init__(self, project: Project, config: Config, telling: Iterable[str], failing: Iterable[str]) -> None:
        """A function with one of the words in its name is taken to tell somebody; a value whose name has one of those
        `failing` says that something failed.
        """
        self._project = project
        self._failing = frozenset(failing)
        self._words = self._failing.union(telling)
        self._surface = config.surface or ()
        self._emitters = frozenset(emitter.function.rpartition(".")[2] for emitter in declared(config))
        self._told: dict[tuple[str, int], Told] = {}

    # -- by names alone

    def by_name(self, parts: Iterable[Expr], caught: str | None) -> bool:
        """True where names tell: something logs or reports, or the caught exception is handed on."""
        for part in parts:
            tag = part[0]
            if tag == "name":
                if part[1] == caught:
                    return True
            elif tag == "call" and self.is_telling_name(part[1]):
                return True
        return False

    def is_telling_name(self, func: Expr) -> bool:
        """True for the callee of a call that logs or, by the words of its name, reports."""
        name = last_name(func)
        if is_log_method(func) or (func[0] == "attr" and name in _EXCEPTION_INFO):
            return True
        is_math = name == "log" and func[0] == "attr"
        return name in self._emitters or not (is_math or words(name).isdisjoint(self._words))

    def shows_failure(self, expr: Expr) -> bool:
        """True for a value that says by itself that something went wrong: an error response, `Status.FAILED`, a
        text that complains.
        """
        for part in nested(expr):
            tag = part[0]
            if tag == "const" and isinstance(part[1], str):
                if _COMPLAINT.search(part[1].replace("_", " ")):
                    return True
            elif tag == "const" and part[1].__class__ is int:
                if 400 <= part[1] < 600:
                    return True
            elif tag in ("name", "attr"):
                name = part[1] if tag == "name" else part[2]
                if self._speaks(name) or _STATUS.search(name):
                    return True
            elif tag == "call" and any(name and self._speaks(name) for name, _, _ in part[3]):
                return True
        return False

    def _speaks(self, name: str) -> bool:
        return not words(name).isdisjoint(self._failing)

    # -- by what is called

    def by_origin(self, path: str, scope: int, parts: Iterable[Expr]) -> Told:
        """Judge every call among expressions by what is called: a telemetry library, the surface, a function that
        tells or that always raises.
        """
        known = Told.NO
        for part in parts:
            if part[0] == "call":
                origins = self._project.resolve(path, scope, part[1])
                found = [self._origin(origin, 0) for origin in origins] or [Told.UNKNOWN]
                if Told.YES in found:
                    return Told.YES
                if Told.UNKNOWN in found:
                    known = Told.UNKNOWN
        return known

    def is_telemetry(self, path: str, scope: int, call: Expr) -> bool:
        """True for a call of a logger, of a telemetry library or of the surface."""
        func = call[1]
        if (is_log_method(func) and looks_like_logger(func[1])) or last_name(func) in self._emitters:
            return True
        found = self._project.bound(path, scope, first_name(func))
        if found is None or all(binding.kind not in _GIVEN for binding in found[1]):
            return False
        return any(
            self._is_library(origin) or self._is_surface(origin) for origin in self._project.resolve(path, scope, func)
        )

    def _is_surface(self, origin: Origin) -> bool:
        names = self._project.names(origin)
        return any(names_match(pattern, names) for pattern in self._surface)

    @staticmethod
    def _is_library(origin: Origin) -> bool:
        return not origin.path and not _prefixes(origin.name.replace("()", "")).isdisjoint(TELEMETRY)

    def _origin(self, origin: Origin, hops: int) -> Told:
        if self._is_surface(origin) or self._is_library(origin) or origin.name in _LEAVING:
            return Told.YES
        if origin.kind in ("external", "class"):
            return Told.NO
        if origin.kind != "function":
            return Told.UNKNOWN
        if hops >= _MAX_HOPS:
            return Told.NO
        key = (origin.path, origin.index)
        if key not in self._told:
            self._told[key] = Told.NO
            self._told[key] = self._function(origin, hops)
        return self._told[key]

    def _function(self, origin: Origin, hops: int) -> Told:
        facts = self._project.facts(origin.path)
        if facts is None:
            return Told.UNKNOWN
        function = facts.functions[origin.index]
        if function.is_stub:
            return Told.UNKNOWN
        parts = tuple(spread_block(facts, function.block))
        if self.by_name(parts, None) or always_raises(function.block):
            return Told.YES
        for part in parts:
            if part[0] == "call":
                for other in self._project.resolve(origin.path, function.scope, part[1]):
                    if self._origin(other, hops + 1) is Told.YES:
                        return Told.YES
        return Told.NO


_GIVEN = frozenset({"import", "assign", "with", "def", "class"})


def first_name(expr: Expr) -> str:
    """Return the name that a chain of attributes and calls begins with, "" where it begins with none."""
    while expr[0] in ("attr", "call", "sub", "await"):
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else ""


def is_log_method(func: Expr) -> bool:
    """True for the callee of what is, by its name, a call of a logger: `x.error`, `x.awarning`; not `math.log`."""
    if func[0] != "attr":
        return False
    name = func[2]
    return (name in LOG_METHODS or (name[:1] == "a" and name[1:] in LOG_METHODS)) and not (
        name == "log" and spelled(func[1]) in _MATHS
    )


def looks_like_logger(expr: Expr) -> bool:
    """True for what is spelled like a logger: `log`, `self.logger`, `cls._LOG`, `structlog.get_logger()`."""
    while expr[0] == "call":
        if last_name(expr[1]) in _FACTORIES:
            return True
        if expr[1][0] != "attr" or expr[1][2] not in _DERIVING:
            return False
        expr = expr[1][1]
    return _LOGGER.fullmatch(last_name(expr)) is not None


def is_logger(project: Project, path: str, scope: int, expr: Expr) -> bool:
    """True for what is spelled like a logger, or made by a logging library."""
    if looks_like_logger(expr):
        return True
    found = project.bound(path, scope, first_name(expr))
    if found is None or all(binding.kind not in ("assign", "import") for binding in found[1]):
        return False
    return any(_LIBRARIES.match(origin.name) for origin in project.resolve(path, scope, expr))


_LIBRARIES = re.compile(r"(?:logging|structlog|loguru|logbook|twisted\.logger)(?:\.|$)")


def always_raises(block: Block) -> bool:
    """True for a block that ends by raising, where nothing before that returns."""
    if not block or any(statement[0] == "return" for statement in statements(block)):
        return False
    last = block[-1]
    if last[0] == "raise":
        return True
    if last[0] == "if":
        return bool(last[2]) and all(always_raises(inner) for inner in inner_blocks(last))
    return last[0] == "with" and always_raises(last[2])


@lru_cache(maxsize=4096)
def words(name: str) -> frozenset[str]:
    """Return the words of a name, in lower case: `lastError` and `last_error` have two."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return frozenset(re.findall(r"[a-z]+", parted.lower()))


@lru_cache(maxsize=4096)
def _prefixes(name: str) -> frozenset[str]:
    parts = name.split(".")
    return frozenset(".".join(parts[:count]) for count in range(1, len(parts) + 1))
