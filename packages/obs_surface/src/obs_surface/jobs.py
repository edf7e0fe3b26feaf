"""Job runs, layers and other lifecycles: a start, exactly one terminal event whatever happens, and the ids between."""

from __future__ import annotations

import functools
import inspect
import secrets
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from time import perf_counter_ns
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from obs_surface import configuration
from obs_surface import otel as _otel
from obs_surface.context import ObsContext, attach, current, detach
from obs_surface.emit import emit
from obs_surface.failure import MAX_MESSAGE, error_fields, is_cancellation
from obs_surface.ids import uuid7
from obs_surface.instrument import extractor

F = TypeVar("F", bound=Callable[..., Any])

MAX_OPEN = 65_536
"""Runs begun by `start_job_run` whose start is remembered until they end, the oldest forgotten first."""
MAX_ENDED = 4_096
"""Runs of `start_job_run` that are remembered after their end, so that a second end is told from a foreign one."""

_COMPLETED = ("completed", "complete", "succeeded", "success", "finished", "done")
_FAILED = ("failed", "fail", "error", "errored", "failure")
_CANCELLED = ("cancelled", "canceled", "cancel")
_RETRIED = ("retry_scheduled", "retried", "retry")


class LifecycleError(RuntimeError):
    """A run was used against its lifecycle: entered twice, or ended twice."""


# -- what the registry declares


class _Events(NamedTuple):
    """The events of a lifecycle and the names that their payloads use (registry.md, `lifecycles`)."""

    key: str
    started: str
    terminals: Mapping[str, str]
    """completed | failed | cancelled | retried → event; the first two always."""
    statuses: Mapping[str, str]
    status: str
    attempt: str
    duration: str
    error_type: str
    error_message: str
    properties: frozenset[str]
    """What the payload of the start event declares."""


_known: dict[str, tuple[Any, _Events]] = {}


def _events(lifecycle: str) -> _Events:
    lock = configuration.current_lock()
    found = _known.get(lifecycle)
    if found is None or found[0] is not lock:
        found = _known[lifecycle] = (lock, _read(lifecycle, lock))
    return found[1]


def _read(lifecycle: str, lock: Any) -> _Events:
    declared: Mapping[str, Any] = {} if lock is None else lock.lifecycles.get(lifecycle, {})
    started = declared.get("start") or f"{lifecycle}.started"
    terminals = _by_role(declared.get("terminal") or [f"{lifecycle}.completed", f"{lifecycle}.failed"])
    ends = _properties(lock, terminals["completed"]) | _properties(lock, terminals["failed"])
    states = declared.get("states") or {}
    words = {each.lower(): each for pair in (states.get("transitions") or {}).items() for each in (pair[0], *pair[1])}
    return _Events(
        key=declared.get("key") or {"job_run": "job_run_id", "layer": "layer_name"}.get(lifecycle, f"{lifecycle}_id"),
        started=started,
        terminals=terminals,
        statuses={each: words.get(each, each) for each in ("running", "completed", "failed", "cancelled", "retried")},
        status=states.get("field") or "status",
        attempt=str((declared.get("retry") or {}).get("attempt") or "attempt").removeprefix("payload."),
        duration=_first(ends, "latency_ms", "duration_ms"),
        error_type=_first(ends, "error_type", "error.type"),
        error_message=_first(ends, "error_message", "error.message", "error"),
        properties=_properties(lock, started),
    )


def _by_role(names: list[str]) -> dict[str, str]:
    """Tell terminal events by their last word: `job_run.failed`, `job.lifecycle.fail`, `saga:compensation_failed`."""
    roles: dict[str, str] = {}
    for role, words in (
        ("retried", _RETRIED),
        ("cancelled", _CANCELLED),
        ("failed", _FAILED),
        ("completed", _COMPLETED),
    ):
        for name in names:
            last = name.replace(":", ".").rpartition(".")[2]
            if name not in roles.values() and (last in words or last.endswith(tuple(f"_{word}" for word in words))):
                roles.setdefault(role, name)
    rest = [name for name in names if name not in roles.values()] or names
    roles.setdefault("completed", rest[0])
    roles.setdefault("failed", rest[-1])
    return roles


def _properties(lock: Any, event: str) -> frozenset[str]:
    declared = None if lock is None else lock.events.get(event)
    payload = (declared or {}).get("payload") or {}
    return frozenset(payload.get("properties") or ())


def _first(declared: frozenset[str], usual: str, *others: str) -> str:
    return next((each for each in (usual, *others) if each in declared), usual)


# -- one run


class Run:
    """One run through a lifecycle: a context manager (`with`, `async with`) and a decorator of functions.

    Made by `job_run`, `layer` and `lifecycle`. On entering it sets the context and emits the start; on leaving it
    emits the terminal event that fits (completed; failed; cancelled where the lifecycle has one), unless `complete`,
    `fail` or `cancel` has been called before. One object is one run: entering it again raises LifecycleError.
    """

    __slots__ = (
        "_added",
        "_events",
        "_failure",
        "_lifecycle",
        "_open",
        "_payload",
        "_resolve",
        "_scope",
        "_started",
        "_token",
        "context",
    )

    context: ObsContext
    """The ids within the run; before it is entered, those around the place where it was made."""

    def __init__(self, lifecycle: str, resolve: Resolve) -> None:
        """`resolve` gives context and payload when the run begins."""
        self._lifecycle = lifecycle
        self._resolve = resolve
        self._open: list[bool] | None = None
        self._added: dict[str, Any] = {}
        self._payload: dict[str, Any] = {}
        self._token: Any = None
        self._scope: Any = None
        self._failure: BaseException | str | None = None
        self._started = 0
        self.context = current()

    @property
    def job_id(self) -> str | None:
        """The job, the same over all attempts."""
        return self.context.job_id

    @property
    def job_run_id(self) -> str | None:
        """This attempt at the job."""
        return self.context.job_run_id

    @property
    def attempt(self) -> int | None:
        """The number of the attempt, from 1."""
        return self.context.attempt

    @property
    def ended(self) -> bool:
        """True once the terminal event has been emitted."""
        return self._open == []

    def set(self, **payload: Any) -> None:
        """Add to the payload of the terminal event, such as `tokens_in` and `tokens_out` of a layer."""
        self._added.update(payload)

    def complete(self, **payload: Any) -> None:
        """End the run as completed, before the block ends. Raises LifecycleError where it has ended."""
        self._explicit("completed", None, payload)

    def fail(self, error: BaseException | None = None, **payload: Any) -> None:
        """End the run as failed, with an exception or with `error_type=…`, `error_message=…`; nothing is raised.

        Raises LifecycleError where it has ended.
        """
        self._explicit("failed", error, payload)

    def cancel(self, **payload: Any) -> None:
        """End the run as cancelled (failed, where the lifecycle knows no cancellation).

        Raises LifecycleError where it has ended.
        """
        self._explicit("cancelled", None, payload)

    def __enter__(self) -> Self:
        self._begin({}, entering=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave(error)

    async def __aenter__(self) -> Self:
        self._begin({}, entering=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._leave(error)

    def __call__(self, function: F) -> F:
        """Make every call of a function a run of its own.

        What `job_run` was not told (job_id, job_run_id, attempt, job_type) is taken from the function's arguments of
        that name. Raises TypeError for generators: `with` inside them says where the run ends.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{self._lifecycle}: {function.__qualname__} is a generator, whose run would end wherever its consumer"
                f" stops; use `with {self._lifecycle}(…)` inside it"
            )
        lifecycle, resolve = self._lifecycle, self._resolve
        taken = [each for each in _FROM_ARGUMENTS if each in inspect.signature(function).parameters]
        extract = extractor(function, tuple(taken), ()) if lifecycle == "job_run" or taken else None

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            run = Run(lifecycle, resolve)
            run._begin({} if extract is None else extract(args, kwargs), entering=True)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                run._leave(error)
                raise
            run._leave(None)
            return result

        @functools.wraps(function)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            run = Run(lifecycle, resolve)
            run._begin({} if extract is None else extract(args, kwargs), entering=True)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                run._leave(error)
                raise
            run._leave(None)
            return result

        chosen: Any = async_wrapper if inspect.iscoroutinefunction(function) else wrapper
        return chosen  # type: ignore[no-any-return]

    def _begin(self, arguments: Mapping[str, Any], *, entering: bool) -> None:
        if self._open is not None:
            raise LifecycleError(
                f"this {self._lifecycle} {'has ended' if self.ended else 'is running'} and can't begin again:"
                f" make a new one with {_MAKERS.get(self._lifecycle, 'lifecycle')}(…) for each attempt"
            )
        self._events = events = _events(self._lifecycle)
        self.context, payload = self._resolve(current(), events, arguments)
        self._payload = payload
        self._open = [True]
        if _otel.tracer is not None:
            self._scope = _otel.start(self._title(), self._attributes(), attach=entering)
            self.context = self._scope.pinned(self.context)
        if entering:
            self._token = attach(self.context)
        try:
            emit(events.started, {**payload, events.status: events.statuses["running"]}, self.context)
        except BaseException as error:
            self._open.clear()
            self._restore(error)
            raise
        self._started = perf_counter_ns()

    def _title(self) -> str:
        what = self.context.layer_name if self._lifecycle == "layer" else self.context.job_type
        return f"{self._lifecycle} {what}" if what else self._lifecycle

    def _attributes(self) -> dict[str, Any]:
        ids = {key: value for key, value in self.context.correlation().items() if key not in ("trace_id", "span_id")}
        return {**ids, **({} if self.attempt is None else {self._events.attempt: self.attempt})}

    def _leave(self, error: BaseException | None) -> None:
        if self._open is None:
            raise LifecycleError(f"this {self._lifecycle} was left without having been entered")
        try:
            if self._closes():
                self._terminal(_role(error), _cause(error), {})
        finally:
            self._restore(error)

    def _explicit(self, role: str, error: BaseException | None, payload: Mapping[str, Any]) -> None:
        if self._open is None:
            raise LifecycleError(f"this {self._lifecycle} has not begun: use it in a `with` statement")
        if not self._closes():
            raise LifecycleError(f"this {self._lifecycle} has ended already: a run has exactly one terminal event")
        self._terminal(role, error, payload, raising=True)

    def _closes(self) -> bool:
        """True for the one caller, of however many threads, that may emit the terminal event."""
        try:
            return bool(self._open and self._open.pop())
        except IndexError:
            return False

    def _terminal(
        self, role: str, error: BaseException | None, payload: Mapping[str, Any], *, raising: bool = False
    ) -> None:
        events = self._events
        name = events.terminals.get(role)
        if name is None:
            name, role = events.terminals["failed"], "failed"
        if role != "completed":
            self._failure = error or str(payload.get(events.error_type) or role)
        whole = {**self._payload, events.status: events.statuses[role]}
        if self._started:
            whole[events.duration] = (perf_counter_ns() - self._started) / 1e6
        if error is not None:
            fields = error_fields(error)
            whole[events.error_type] = fields["error_type"]
            # 004 Issue 6.2 requires the message of a layer that failed: an exception without text gives its name.
            whole[events.error_message] = fields.get("error_message", fields["error_type"])
        whole.update(self._added)
        whole.update(payload)
        try:
            emit(name, whole, self.context, severity="error" if role == "failed" else None)
        except Exception as violation:  # strict: what the block raised is what its caller must see
            if error is None or raising:
                raise
            error.add_note(f"obs_surface: {name} could not be emitted: {violation}")

    def _restore(self, error: BaseException | None) -> None:
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.end(error or self._failure)
        token, self._token = self._token, None
        if token is not None:
            detach(token)


Resolve = Callable[[ObsContext, _Events, Mapping[str, Any]], tuple[ObsContext, dict[str, Any]]]
"""(context around, events, arguments of the decorated function) → context within, payload of all events."""
_FROM_ARGUMENTS = ("job_id", "job_run_id", "attempt", "job_type")
_MAKERS = {"job_run": "job_run", "layer": "layer"}


def _role(error: BaseException | None) -> str:
    if error is None:
        return "completed"
    if is_cancellation(error):
        return "cancelled"
    if type(error).__name__ == "Retry" and type(error).__module__.startswith(("celery.", "arq.")):
        return "retried"
    return "failed"


def _cause(error: BaseException | None) -> BaseException | None:
    """Return what a queue's request for a retry was raised for, where it says so; else the error itself."""
    inner = getattr(error, "exc", None) if type(error).__name__ == "Retry" else None
    return inner if isinstance(inner, BaseException) else error


def job_run(
    job_id: str | None = None,
    job_run_id: str | None = None,
    attempt: int | None = None,
    job_type: str | None = None,
    *,
    lifecycle: str = "job_run",
    ctx: ObsContext | None = None,
    **fields: Any,
) -> Run:
    """Return one attempt at a job, for `with`, `async with` or as a decorator (004 Issue 6.5).

    job_id: the job; default: that of the context. It and `request_id` stay the same over retries.
    job_run_id: this attempt; default: the one that the queue's integration announced, else a new UUIDv7.
    attempt: from 1; default: that of the context, else 1.
    job_type: kind of job; default: that of the context.
    lifecycle: which lifecycle of the registry names the events; without a registry `job_run.started`,
        `job_run.completed` and `job_run.failed`.
    ctx: the context to start from instead of the current one.
    fields: further payload of all its events; ids of the context (`request_id=…`) go to the context instead.

    Payload: job_type, status, attempt; at the end latency_ms (milliseconds); failed: error_type, error_message (at most
    200 characters). Cancellation ends it as cancelled where the lifecycle has such an event, else as failed; so do
    SystemExit, KeyboardInterrupt and GeneratorExit as failed. The exception goes on.
    """
    given = {"job_id": job_id, "job_run_id": job_run_id, "attempt": attempt, "job_type": job_type}
    told = {name: value for name, value in given.items() if value is not None}
    if attempt is not None and attempt < 1:
        raise ValueError(f"attempt={attempt}: the first attempt is 1")
    ids, payload = _split(fields)

    def resolve(around: ObsContext, events: _Events, arguments: Mapping[str, Any]) -> tuple[ObsContext, dict[str, Any]]:
        base = (ctx or around).replace(**ids) if ids else (ctx or around)
        known = {**arguments, **told}
        job = _text(known.get("job_id")) or base.job_id
        number = int(known.get("attempt") or (base.attempt if job == base.job_id else None) or 1)
        kind = _text(known.get("job_type")) or base.job_type
        run_id = _text(known.get("job_run_id")) or _announced(base) or uuid7()
        within = base.replace(job_id=job, job_run_id=run_id, attempt=number, job_type=kind, layer_name=None)
        whole: dict[str, Any] = {} if kind is None else {"job_type": kind}
        whole[events.attempt] = number
        whole.update(payload)
        return within, whole

    return Run(lifecycle, resolve)


def layer(
    name: str,
    version: str | int | None = None,
    model_id: str | None = None,
    model_provider: str | None = None,
    *,
    lifecycle: str = "layer",
    ctx: ObsContext | None = None,
    **fields: Any,
) -> Run:
    """Return one layer of a job run, for `with`, `async with` or as a decorator (004 Issues 6.2 and 6.5).

    Payload: layer_name, layer_version, status, attempt of the job run, model_provider, model_id and `fields`; at the
    end latency_ms (milliseconds) and what `Run.set` was given (tokens_in, tokens_out); failed: error_type,
    error_message.

    Raises ValueError for an empty name.
    """
    if not name:
        raise ValueError("a layer needs a name")
    named = {
        "layer_version": None if version is None else str(version),
        "model_provider": model_provider,
        "model_id": model_id,
    }
    ids, payload = _split(fields)
    told = {key: value for key, value in named.items() if value is not None} | payload

    def resolve(around: ObsContext, events: _Events, arguments: Mapping[str, Any]) -> tuple[ObsContext, dict[str, Any]]:
        within = (ctx or around).replace(layer_name=name, **ids)
        whole: dict[str, Any] = {"layer_name": name, **told}
        if within.attempt is not None:
            whole.setdefault(events.attempt, within.attempt)
        return within, whole

    return Run(lifecycle, resolve)


def lifecycle(name: str, key: str | None = None, *, ctx: ObsContext | None = None, **fields: Any) -> Run:
    """Return one run through any lifecycle of the registry, such as `step` or `index_sync`.

    key: value of the lifecycle's key field; default: a new id. It goes to the context, and into the payload where the
    start event declares it.

    Without such a lifecycle in the registry its events are `<name>.started`, `<name>.completed` and `<name>.failed`.
    """
    ids, payload = _split(fields)

    def resolve(around: ObsContext, events: _Events, arguments: Mapping[str, Any]) -> tuple[ObsContext, dict[str, Any]]:
        base = ctx or around
        value = key or _text(fields.get(events.key)) or _new(events.key)
        within = base.replace(**ids)
        within = (
            within.replace(**{events.key: value}) if events.key in _IDS else within.with_fields(**{events.key: value})
        )
        whole: dict[str, Any] = dict(payload)
        if events.key in events.properties:
            whole[events.key] = value
        if within.attempt is not None and events.attempt in events.properties:
            whole.setdefault(events.attempt, within.attempt)
        return within, whole

    return Run(name, resolve)


_IDS = frozenset(
    "request_id correlation_id parent_correlation_id job_id job_run_id layer_name trace_id span_id parent_trace_id"
    " parent_span_id".split()
)


def _split(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    ids = {name: value for name, value in fields.items() if name in _IDS}
    return ids, {name: value for name, value in fields.items() if name not in _IDS}


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else str(value)


def _new(field: str) -> str:
    return {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8)}.get(field) or uuid7()


# -- attempts that a queue announces

_announcement: ContextVar[list[str] | None] = ContextVar("obs_surface_announced_run", default=None)


def announce_attempt(ctx: ObsContext, attempt: int) -> tuple[ObsContext, Token[list[str] | None]]:
    """Return the context of one more attempt at its job, with a new job_run_id, which the next `job_run` takes over.

    For integrations of queues, whose log lines before the `job_run` then belong to the same attempt. Whatever starts
    a second run gets an id of its own. The token is for `withdraw_attempt`.
    """
    run_id = uuid7()
    # A list, so that whoever takes it over in a copy of this context, a task or a thread, takes it from all.
    return ctx.with_job_run(run_id, attempt=attempt), _announcement.set([run_id])


def withdraw_attempt(token: Token[list[str] | None]) -> None:
    """End what `announce_attempt` announced, whether or not a job run took it over."""
    try:
        _announcement.reset(token)
    except ValueError:
        pass  # of another context, which is not ours to change


def _announced(ctx: ObsContext) -> str | None:
    box = _announcement.get()
    if not box or ctx.job_run_id != box[0]:
        return None
    try:
        return box.pop()
    except IndexError:
        return None


# -- start and end as functions (004 Issue 6.5)

_open_runs: dict[str, Run] = {}
_ended_runs: dict[str, None] = {}
_guard = threading.RLock()  # a generator that is collected meanwhile may end a run of its own


def start_job_run(
    ctx: ObsContext | None = None,
    job_run_id: str | None = None,
    job_id: str | None = None,
    attempt: int | None = None,
    *,
    job_type: str | None = None,
    lifecycle: str = "job_run",
    **fields: Any,
) -> ObsContext:
    """Emit the start of a job run and return its context, for `with context(ctx):` and `end_job_run_…(ctx)`.

    Prefer `with job_run(…)`, which can't forget the end. Arguments as there.
    """
    run = job_run(job_id, job_run_id, attempt, job_type, lifecycle=lifecycle, ctx=ctx, **fields)
    run._begin({}, entering=False)
    with _guard:
        while len(_open_runs) >= MAX_OPEN:
            del _open_runs[next(iter(_open_runs))]
        _open_runs[run.context.job_run_id or ""] = run
        _ended_runs.pop(run.context.job_run_id or "", None)
    return run.context


def end_job_run_success(
    ctx: ObsContext | None = None, *, latency_ms: float | None = None, lifecycle: str = "job_run", **payload: Any
) -> None:
    """Emit the completed event of a run that `start_job_run` began.

    latency_ms: milliseconds; default: since its start, where that was in this process. Raises LifecycleError where the
    run has ended already or `ctx` has no job_run_id.
    """
    run = _closing(ctx or current(), lifecycle)
    if latency_ms is not None:
        payload[run._events.duration] = latency_ms
    try:
        run.complete(**payload)
    finally:
        run._restore(None)


def end_job_run_failure(
    ctx: ObsContext | None = None,
    error: BaseException | None = None,
    *,
    error_type: str | None = None,
    error_message: str | None = None,
    latency_ms: float | None = None,
    lifecycle: str = "job_run",
    **payload: Any,
) -> None:
    """Emit the failed event of a run that `start_job_run` began, with an exception or a type and a short message.

    latency_ms and errors as `end_job_run_success`; a cancellation ends it as cancelled where the lifecycle has that.
    """
    run = _closing(ctx or current(), lifecycle)
    names = run._events
    if error_type is not None:
        payload[names.error_type] = error_type
    if error_message is not None:
        payload[names.error_message] = error_message[:MAX_MESSAGE]
    if latency_ms is not None:
        payload[names.duration] = latency_ms
    try:
        run._explicit("failed" if error is None else _role(error), _cause(error), payload)
    finally:
        run._restore(error)


def _closing(ctx: ObsContext, lifecycle: str) -> Run:
    run_id = ctx.job_run_id
    if not run_id:
        raise LifecycleError("the context has no job_run_id: pass the one that start_job_run returned")
    with _guard:
        run = _open_runs.pop(run_id, None)
        if run is None and run_id in _ended_runs:
            raise LifecycleError(f"job run {run_id} has ended already: a run has exactly one terminal event")
        while len(_ended_runs) >= MAX_ENDED:
            del _ended_runs[next(iter(_ended_runs))]
        _ended_runs[run_id] = None
    if run is not None:
        return run
    # Begun in another process: its ids are known, when it began is not.
    run = job_run(lifecycle=lifecycle)
    run._events = _events(lifecycle)
    run.context = ctx
    run._payload = {} if ctx.job_type is None else {"job_type": ctx.job_type}
    run._payload[run._events.attempt] = ctx.attempt or 1
    run._open = [True]
    return run


# -- flows that start others


def start_flow(
    ctx: ObsContext | None = None, *, correlation_id: str | None = None, trace_id: str | None = None, **ids: str
) -> ObsContext:
    """Return the context of a flow that this one starts: ids of its own, and who its parent is.

    `parent_correlation_id` is the correlation id of `ctx` (003 Phase 1.1), `parent_trace_id` its trace id (002, linking
    traces across workflows); request_id stays, the job, its run and the layer are the parent's and are left behind.

    ctx: the starting flow, default the current context. correlation_id, trace_id: of the new one, default new
    (a UUIDv7; 32 hex digits, only where the parent has a trace).
    """
    parent = ctx or current()
    trace = parent.trace_id
    at = _otel.current_ids() if ctx is None else None
    if at is not None:
        trace = at[0]
    return parent.replace(
        correlation_id=correlation_id or uuid7(),
        parent_correlation_id=parent.correlation_id or parent.request_id,
        trace_id=trace_id or (secrets.token_hex(16) if trace else None),
        parent_trace_id=trace,
        span_id=None,
        parent_span_id=None,
        job_id=None,
        job_run_id=None,
        job_type=None,
        attempt=None,
        layer_name=None,
    ).replace(**ids)
