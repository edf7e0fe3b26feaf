"""Functions whose whole body runs in one span."""

from __future__ import annotations

from obs_lint import runtime
from obs_lint.config.model import Config
from obs_lint.facts.model import Block, Expr, Function, Statement
from obs_lint.facts.nested import nested
from obs_lint.project import Origin, Project
from obs_lint.queues.named import Named

_TRACING = frozenset(
    {
        "opentelemetry",
        "ddtrace",
        "sentry_sdk",
        "logfire",
        "langfuse",
        "elasticapm",
        "newrelic",
        "opentracing",
        "opencensus",
        "aws_xray_sdk",
    }
)
_OPENING = frozenset(
    {
        "start_as_current_span",
        "start_as_current_observation",
        "start_as_current_generation",
        "start_active_span",
        "start_span",
        "start_transaction",
        "start_child",
        "start_operation",
        "start_trace",
        "span",
        "trace",
        "operation",
        "transaction",
        "capture_span",
        "in_segment",
        "in_subsegment",
        "use_span",
    }
)
_UNMISTAKABLE = "start_as_current_span"
"""Opens a span, whatever the object is that it is read from."""
_GETTERS = frozenset({"get_tracer", "get_logger", "getLogger"})
_MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_MAX_DEPTH = 4


class Spans:
    """Tells what opens a span, in one project under one configuration."""

    def __init__(self, project: Project, config: Config) -> None:
        """The surface's functions named like a span's count too."""
        self._project = project
        self._config = config
        self._managers: dict[tuple[str, int], bool] = {}
        self._lifecycles = [Named(project, each.function) for each in config.emitters if each.lifecycle]

    def covers(self, path: str, function: Function) -> bool:
        """True where all that the function does happens in one `with` that opens a span, or that emits the events of a
        lifecycle.

        What may stand before it are a docstring, imports and plain assignments, after it a `return` of something that
        is known already.
        """
        return self._covers(path, function.scope, function.block)

    def _covers(self, path: str, scope: int, block: Block) -> bool:
        start = 0
        while start < len(block) and _is_preamble(block[start]):
            start += 1
        if start == len(block) or not all(_is_ending(statement) for statement in block[start + 1 :]):
            return False
        statement = block[start]
        if statement[0] == "with":
            return any(self.opens(path, scope, context) for context in statement[1]) or (
                len(block) == start + 1 and self._covers(path, scope, statement[2])
            )
        return statement[0] == "try" and self._covers(path, scope, statement[1])

    def opens(self, path: str, scope: int, expr: Expr, depth: int = 0) -> bool:
        """True where entering what `expr` gives opens a span; a bare name counts as what it is called."""
        callee = expr[1] if expr[0] == "call" else expr
        if callee[0] not in ("name", "attr"):
            return False
        origins = self._project.resolve(path, scope, callee)
        if any(self._is_opening(origin, depth) or self._is_lifecycle(origin) for origin in origins):
            return True
        last = callee[1] if callee[0] == "name" else callee[2]
        return last == _UNMISTAKABLE and all(o.kind in ("parameter", "variable") for o in origins)

    def _is_lifecycle(self, origin: Origin) -> bool:
        """True for what emits the start when it is entered, and the end when it is left."""
        return runtime.is_one_of(origin.name, runtime.SPANNING) or any(
            named.is_meant(origin) for named in self._lifecycles
        )

    def _is_opening(self, origin: Origin, depth: int) -> bool:
        last = origin.name.rpartition(".")[2]
        if origin.kind in ("external", "member", "result"):
            return last in _OPENING and origin.name.partition(".")[0] in _TRACING
        if origin.kind == "function" and origin.path:
            file = self._project.files.get(origin.path)
            if last in _OPENING and file is not None and self._project.is_surface(file, self._config):
                return True
            return depth < _MAX_DEPTH and self._is_manager(origin.path, origin.index, depth)
        return False

    def _is_manager(self, path: str, index: int, depth: int) -> bool:
        """True for a function under `@contextmanager` that opens a span, or one that returns what does."""
        key = (path, index)
        if key not in self._managers:
            self._managers[key] = False
            facts = self._project.facts(path)
            row = None if facts is None else facts.functions[index]
            if row is not None:
                is_manager = any(
                    origin.name in _MANAGERS
                    for decorator in row.decorators
                    for origin in self._project.resolve(path, row.parent, decorator)
                )
                self._managers[key] = (is_manager and self.enters(path, row, depth + 1)) or any(
                    found.value[0] == "call" and self.opens(path, row.scope, found.value, depth + 1)
                    for found in row.returns
                )
        return self._managers[key]

    def enters(self, path: str, function: Function, depth: int = 0) -> bool:
        """True where the function opens a span anywhere."""
        return any(
            self.opens(path, function.scope, context, depth)
            for statement in _statements(function.block)
            if statement[0] == "with"
            for context in statement[1]
        )


def _statements(block: Block) -> list[Statement]:
    found: list[Statement] = []
    todo = list(block)
    while todo:
        statement = todo.pop()
        found.append(statement)
        kind = statement[0]
        if kind == "if":
            for _, body, _ in statement[1]:
                todo += body
            todo += statement[2]
        elif kind in ("while", "for"):
            todo += (*statement[2], *statement[3])
        elif kind == "with":
            todo += statement[2]
        elif kind == "try":
            todo += (*statement[1], *statement[3], *statement[4])
            for handler in statement[2]:
                todo += handler[2]
        elif kind == "match":
            for case in statement[2]:
                todo += case[2]
    return found


def _is_preamble(statement: Statement) -> bool:
    kind = statement[0]
    if kind == "other":
        return True
    if kind == "expr":
        return bool(statement[1][0] == "const")
    return kind == "assign" and (statement[1] is None or _is_quiet(statement[1]))


def _is_quiet(expr: Expr) -> bool:
    """True for an expression that calls nothing but what gets a tracer or a logger."""
    for part in nested(expr):
        if part[0] in ("await", "yield", "comp", "lambda"):
            return False
        if part[0] == "call":
            callee = part[1]
            last = callee[1] if callee[0] == "name" else callee[2] if callee[0] == "attr" else ""
            if last not in _GETTERS:
                return False
    return True


def _is_ending(statement: Statement) -> bool:
    if statement[0] == "return":
        return statement[1] is None or _is_quiet(statement[1])
    return bool(statement[0] == "other")
