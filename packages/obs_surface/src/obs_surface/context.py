"""The context of what is going on: the ids that tie events to a request, a job, an attempt; in a contextvar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token, copy_context
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from obs_surface.ids import is_request_id, is_span_id, is_trace_id

if TYPE_CHECKING:
    from obs_surface.actor import Actor

_P = ParamSpec("_P")
_R = TypeVar("_R")

IDS = (
    "request_id",
    "correlation_id",
    "parent_correlation_id",
    "job_id",
    "job_run_id",
    "layer_name",
    "trace_id",
    "span_id",
    "parent_trace_id",
    "parent_span_id",
)
"""The ids that a context knows by name; others, such as project_id, are further fields."""
_KNOWN = frozenset((*IDS, "attempt", "job_type"))
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_FIELD = "field."
_HEADERS = (
    ("request_id", "X-Request-Id"),
    ("correlation_id", "X-Correlation-Id"),
    ("parent_correlation_id", "X-Parent-Correlation-Id"),
    ("job_id", "X-Job-Id"),
    ("job_run_id", "X-Job-Run-Id"),
)
_set = object.__setattr__


class ObsContext:
    """The ids of one flow and who acts (004 Issue 6.3). Immutable: each `with_…` gives a new one.

    Ids are str; a UUID or an int is written as text. What is None is not set.
    """

    __slots__ = ("_actor", "_cache", "_fields", "_values")

    _values: dict[str, Any]
    _fields: Mapping[str, Any]
    _actor: Actor | None
    _cache: Any
    """What the envelope keeps here: (surface, the correlation and actor as JSON, …). Never compared, never copied."""

    def __init__(
        self,
        *,
        request_id: str | None = None,
        correlation_id: str | None = None,
        parent_correlation_id: str | None = None,
        job_id: str | None = None,
        job_run_id: str | None = None,
        layer_name: str | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        parent_trace_id: str | None = None,
        parent_span_id: str | None = None,
        attempt: int | None = None,
        job_type: str | None = None,
        actor: Actor | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        values: dict[str, Any] = {}
        if request_id is not None:
            values["request_id"] = request_id if type(request_id) is str else str(request_id)
        if correlation_id is not None:
            values["correlation_id"] = correlation_id if type(correlation_id) is str else str(correlation_id)
        if parent_correlation_id is not None:
            values["parent_correlation_id"] = str(parent_correlation_id)
        if job_id is not None:
            values["job_id"] = job_id if type(job_id) is str else str(job_id)
        if job_run_id is not None:
            values["job_run_id"] = job_run_id if type(job_run_id) is str else str(job_run_id)
        if layer_name is not None:
            values["layer_name"] = str(layer_name)
        if trace_id is not None:
            values["trace_id"] = str(trace_id)
        if span_id is not None:
            values["span_id"] = str(span_id)
        if parent_trace_id is not None:
            values["parent_trace_id"] = str(parent_trace_id)
        if parent_span_id is not None:
            values["parent_span_id"] = str(parent_span_id)
        if attempt is not None:
            values["attempt"] = attempt
        if job_type is not None:
            values["job_type"] = str(job_type)
        _set(self, "_values", values)
        _set(self, "_fields", MappingProxyType(dict(fields)) if fields else _NOTHING)
        _set(self, "_actor", actor)
        _set(self, "_cache", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an ObsContext does not change: use .replace({name}=…) and its result")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an ObsContext does not change: use .replace({name}=None) and its result")

    @property
    def request_id(self) -> str | None:
        """The HTTP request that began the flow."""
        return self._values.get("request_id")

    @property
    def correlation_id(self) -> str | None:
        """The flow as a whole, over services (001, 003)."""
        return self._values.get("correlation_id")

    @property
    def parent_correlation_id(self) -> str | None:
        """The flow that started this one (003)."""
        return self._values.get("parent_correlation_id")

    @property
    def job_id(self) -> str | None:
        """The job; the same over its attempts."""
        return self._values.get("job_id")

    @property
    def job_run_id(self) -> str | None:
        """One attempt at the job."""
        return self._values.get("job_run_id")

    @property
    def layer_name(self) -> str | None:
        """The layer of the run."""
        return self._values.get("layer_name")

    @property
    def trace_id(self) -> str | None:
        """W3C Trace Context, 32 hex digits."""
        return self._values.get("trace_id")

    @property
    def span_id(self) -> str | None:
        """W3C Trace Context, 16 hex digits."""
        return self._values.get("span_id")

    @property
    def parent_trace_id(self) -> str | None:
        """The trace that started this one (002)."""
        return self._values.get("parent_trace_id")

    @property
    def parent_span_id(self) -> str | None:
        """The span of the caller, 16 hex digits."""
        return self._values.get("parent_span_id")

    @property
    def attempt(self) -> int | None:
        """Number of the attempt, from 1."""
        return self._values.get("attempt")

    @property
    def job_type(self) -> str | None:
        """Kind of the job."""
        return self._values.get("job_type")

    @property
    def actor(self) -> Actor | None:
        """Who acts, where it is not the configured service."""
        return self._actor

    @property
    def fields(self) -> Mapping[str, Any]:
        """Further fields such as project_id: in log lines, and in envelopes where the registry declares them."""
        return self._fields

    # -- other contexts

    @classmethod
    def new(cls, **ids: Any) -> ObsContext:
        """Return a context of these ids; names that it does not know are further fields."""
        return EMPTY.replace(**ids)

    def replace(self, **changes: Any) -> ObsContext:
        """Return a context with these ids in place of those that it has; None takes one away.

        Names that it does not know are further fields; `fields={…}` replaces all of those.
        """
        values = self._values.copy()
        fields = self._fields
        actor = self._actor
        for name, value in changes.items():
            if name in _KNOWN:
                if value is None:
                    values.pop(name, None)
                elif name == "attempt" or type(value) is str:
                    values[name] = value
                else:
                    values[name] = str(value)
            elif name == "actor":
                actor = value
            elif name == "fields":
                fields = MappingProxyType(dict(value or {}))
            else:
                known = dict(fields)
                if value is None:
                    known.pop(name, None)
                else:
                    known[name] = value
                fields = MappingProxyType(known)
        return _made(values, fields, actor)

    def with_request_id(self, request_id: str) -> ObsContext:
        """Return this context under another request (004 Issue 6.3)."""
        return self.replace(request_id=request_id)

    def with_job(self, job_id: str) -> ObsContext:
        """Return this context for a job; run, attempt and layer are those of no job yet where it is another one."""
        if self._values.get("job_id") == str(job_id):
            return self
        return self.replace(job_id=job_id, job_run_id=None, attempt=None, layer_name=None)

    def with_job_run(self, job_run_id: str, *, attempt: int = 1) -> ObsContext:
        """Return this context for one attempt at its job, numbered from 1 (004 Issue 6.3)."""
        return self.replace(job_run_id=job_run_id, attempt=attempt, layer_name=None)

    def with_layer(self, layer_name: str) -> ObsContext:
        """Return this context for one layer of its run."""
        return self.replace(layer_name=layer_name)

    def with_span(self, trace_id: str, span_id: str) -> ObsContext:
        """Return this context for one span of a trace; the span that it had becomes the parent."""
        return self.replace(trace_id=trace_id, span_id=span_id, parent_span_id=self._values.get("span_id"))

    def with_fields(self, **fields: Any) -> ObsContext:
        """Return this context with further fields."""
        return _made(self._values, MappingProxyType({**self._fields, **fields}), self._actor)

    def with_actor(self, actor: Actor) -> ObsContext:
        """Return this context for another actor than the configured service."""
        return _made(self._values, self._fields, actor)

    # -- the names of 004 Issue 6.5

    def start_job_run(self, *args: Any, **kwargs: Any) -> ObsContext:
        """Emit the start of a job run in this context: see `obs_surface.start_job_run`."""
        from obs_surface.jobs import start_job_run

        return start_job_run(self, *args, **kwargs)

    def end_job_run_success(self, *args: Any, **kwargs: Any) -> Any:
        """Emit the end of this job run: see `obs_surface.end_job_run_success`."""
        from obs_surface.jobs import end_job_run_success

        return end_job_run_success(self, *args, **kwargs)

    def end_job_run_failure(self, *args: Any, **kwargs: Any) -> Any:
        """Emit the failure of this job run: see `obs_surface.end_job_run_failure`."""
        from obs_surface.jobs import end_job_run_failure

        return end_job_run_failure(self, *args, **kwargs)

    # -- out of the process and in again

    def correlation(self) -> dict[str, str]:
        """Return the ids that are set, by name."""
        values = self._values
        return {name: values[name] for name in IDS if name in values}

    def to_headers(self) -> dict[str, str]:
        """Return the ids as HTTP headers; `traceparent` where trace and span are known."""
        values = self._values
        headers = {header: values[name] for name, header in _HEADERS if name in values and is_request_id(values[name])}
        trace_id, span_id = values.get("trace_id", ""), values.get("span_id") or values.get("parent_span_id", "")
        if is_trace_id(trace_id) and is_span_id(span_id):
            headers["traceparent"] = f"00-{trace_id}-{span_id}-01"
        return headers

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> ObsContext:
        """Return the context of headers, whose names are compared without case. What is malformed is left out."""
        given = {name.lower(): value for name, value in headers.items()}
        values: dict[str, Any] = {}
        for name, header in _HEADERS:
            value = given.get(header.lower())
            if isinstance(value, str) and is_request_id(value):
                values[name] = value
        parts = given.get("traceparent", "").strip().split("-")
        if (
            len(parts) >= 4
            and len(parts[0]) == 2
            and parts[0] != "ff"
            and is_trace_id(parts[1])
            and is_span_id(parts[2])
        ):
            values["trace_id"], values["parent_span_id"] = parts[1], parts[2]
        return _made(values, _NOTHING, None)

    def to_carrier(self) -> dict[str, str]:
        """Return the context as strings for a message of a queue: ids by name, further fields as `field.<name>`.

        Of the further fields only str, bool, int and float go along, as JSON.
        """
        from json import dumps

        carrier = {name: str(value) for name, value in self._values.items()}
        for name, value in self._fields.items():
            if isinstance(value, (str, bool, int, float)):
                carrier[_FIELD + name] = dumps(value)
        return carrier

    @classmethod
    def from_carrier(cls, carrier: Mapping[Any, Any]) -> ObsContext:
        """Return the context of a message. Other keys are ignored, what is malformed is left out."""
        from json import loads

        values: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        for key, value in carrier.items():
            name = _decoded(key)
            text = _decoded(value)
            if name is None or text is None:
                continue
            if name == "attempt":
                if text.isascii() and text.isdigit() and len(text) < 10:
                    values[name] = int(text)
            elif name in _KNOWN:
                if is_request_id(text) or (name in ("layer_name", "job_type") and _is_name(text)):
                    values[name] = text
            elif name.startswith(_FIELD):
                try:
                    fields[name[len(_FIELD) :]] = loads(text)
                except ValueError:
                    continue
        return _made(values, MappingProxyType(fields) if fields else _NOTHING, None)

    # -- as a value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObsContext):
            return NotImplemented
        return self._values == other._values and self._fields == other._fields and self._actor == other._actor

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        told = [f"{name}={value!r}" for name, value in self._values.items()]
        if self._fields:
            told.append(f"fields={sorted(self._fields)}")
        if self._actor is not None:
            told.append(f"actor={self._actor.service_name!r}")
        return f"ObsContext({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self._values, dict(self._fields), self._actor)

    def __copy__(self) -> ObsContext:
        return self

    def __deepcopy__(self, memo: object) -> ObsContext:
        return self


def _made(values: dict[str, Any], fields: Mapping[str, Any], actor: Actor | None) -> ObsContext:
    made = ObsContext.__new__(ObsContext)
    _set(made, "_values", values)
    _set(made, "_fields", fields)
    _set(made, "_actor", actor)
    _set(made, "_cache", None)
    return made


def _unpickled(values: dict[str, Any], fields: dict[str, Any], actor: Actor | None) -> ObsContext:
    return _made(values, MappingProxyType(fields) if fields else _NOTHING, actor)


def _decoded(value: Any) -> str | None:
    """A key or a value of a message as text; Redis gives bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else str(value) if type(value) is int else None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 128 and text.isprintable()


EMPTY = ObsContext()
"""The context of code that nobody gave one."""

_current: ContextVar[ObsContext] = ContextVar("obs_surface_context", default=EMPTY)


def current() -> ObsContext:
    """Return the context of the code that runs, an empty one where nothing set it."""
    return _current.get()


def attach(ctx: ObsContext) -> Token[ObsContext]:
    """Make a context the current one until `detach(token)`. `with context(ctx):` is the better way where it fits."""
    return _current.set(ctx)


def detach(token: Token[ObsContext]) -> None:
    """Make the context current again that was before `attach`. A token of another thread or task changes nothing."""
    try:
        _current.reset(token)
    except ValueError:  # a generator or a callback that ends elsewhere: that context is not ours to change
        pass


def bind(ctx: ObsContext) -> Token[ObsContext]:
    """Alias of `attach`."""
    return _current.set(ctx)


class context:  # noqa: N801 - used like a function: `with context(request_id=…):`
    """Set the context for a block: the given one, or the current one, with these ids in it. Nests, and restores.

    `with context(request_id=rid):`, `with context(ctx, job_id=…) as ctx:`. Names that ObsContext does not know are
    further fields. One object serves one block at a time.
    """

    __slots__ = ("_changes", "_ctx", "_tokens")

    def __init__(self, ctx: ObsContext | None = None, /, **ids: Any) -> None:
        self._ctx = ctx
        self._changes = ids
        self._tokens: list[Token[ObsContext]] = []

    def __enter__(self) -> ObsContext:
        ctx = self._ctx
        if ctx is None:
            ctx = _current.get()
        if self._changes:
            ctx = ctx.replace(**self._changes)
        self._tokens.append(_current.set(ctx))
        return ctx

    def __exit__(self, *exc: object) -> None:
        detach(self._tokens.pop())

    async def __aenter__(self) -> ObsContext:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__()


def run_in_context(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Wrap a callable so that it runs in the context of now, wherever it is called: a thread, an executor, a timer.

    `executor.submit(run_in_context(work), x)`. It may be called more than once, and by several threads at a time.
    """
    captured = copy_context()

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A copy each: a Context can be entered only once at a time.
        return captured.copy().run(function, *args, **kwargs)

    return run
