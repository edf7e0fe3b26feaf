"""`@instrument`: one event when an operation starts, exactly one when it ends, with duration, error, arguments."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from time import perf_counter_ns
from typing import Any, TypeVar, overload

from obs_surface import otel as _otel
from obs_surface.context import current
from obs_surface.emit import emit
from obs_surface.failure import error_fields

T = TypeVar("T")
C = TypeVar("C", bound=type)
Extract = Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]

STARTED = "obs.operation.started"
COMPLETED = "obs.operation.completed"
FAILED = "obs.operation.failed"
"""The events of an operation. Payload: operation, fields; at the end duration_ms (milliseconds); failed: error_type,
error_message (at most 200 characters)."""
ALL = "*"
"""`fields=ALL`: every argument but `self`, `cls` and those in `skip`."""

_MISSING: Any = object()
_MARK = "__obs_instrumented__"
_PLAIN = frozenset({str, int, float, bool, type(None), list, tuple, dict})
_BASES: tuple[Any, ...] = (str, int, float, list, tuple, dict)
_ITERABLE_COROUTINE = inspect.CO_ITERABLE_COROUTINE


@overload
def instrument(target: T, /) -> T: ...


@overload
def instrument(
    *,
    name: str | None = None,
    fields: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    emit_events: bool = True,
    span: bool | str | None = None,
) -> Callable[[T], T]: ...


def instrument(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    fields: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    emit_events: bool = True,
    span: bool | str | None = None,
) -> Any:
    """Emit `obs.operation.started` and exactly one of `completed` and `failed` round each call (000; 003 Phase 2).

    Works bare and called, on functions, coroutine functions, generators and asynchronous generators (started when the
    iteration starts, ended when it is exhausted, closed or thrown away), static and class methods on either side of
    their decorator, properties, and classes (`instrument_class`). The signature, the annotations and the kind of the
    function stay as they are; errors, cancellation included, are raised again as they came.

    name: the operation; default `module.qualname`, under `python -m` too.
    fields: arguments that both events carry, by parameter name, `"job.id"` for an attribute or a key of one;
        `"*"` for all but `self` and `cls`. None are carried by default.
    skip: parameters that are never carried, whatever `fields` says.
    emit_events: False makes spans only.
    span: name of the OpenTelemetry span; False for none. Spans exist only with `configure(otel=True)`.

    Raises ValueError where `fields` or `skip` name what the function does not take, TypeError for what can't be
    instrumented.
    """
    wanted = _names("fields", fields)
    left_out = _names("skip", skip) or ()
    if target is None:
        return lambda each: _apply(each, name, wanted, left_out, emit_events, span)
    return _apply(target, name, wanted, left_out, emit_events, span)


@overload
def instrument_class(target: C, /) -> C: ...


@overload
def instrument_class(
    *,
    methods: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    emit_events: bool = True,
    span: bool | None = None,
) -> Callable[[C], C]: ...


def instrument_class(
    target: Any = None,
    /,
    *,
    methods: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    emit_events: bool = True,
    span: bool | None = None,
) -> Any:
    """Instrument the public methods that a class defines itself: plain, static and class methods (000).

    methods: their names, where not all public ones are meant; private and `__call__` may be named.
    fields, skip: as for `instrument`; each method gives those that it takes.

    Inherited methods, properties and what is instrumented already stay as they are. Raises ValueError for names that
    match nothing, TypeError for what is no class.
    """
    chosen = _names("methods", methods)
    wanted = _names("fields", fields)
    left_out = _names("skip", skip) or ()
    if target is None:
        return lambda each: _instrument_class(each, chosen, wanted, left_out, emit_events, span)
    return _instrument_class(target, chosen, wanted, left_out, emit_events, span)


def _names(what: str, names: Iterable[Any] | None) -> tuple[str, ...] | None:
    if names is None or names == ALL:
        return None if names is None else (ALL,)
    if isinstance(names, str):
        raise TypeError(f"{what}={names!r} is a text: give a list of names, {what}=[{names!r}]")
    listed = tuple(names)
    for each in listed:
        if not (isinstance(each, str) and each):
            raise TypeError(f"{what} has {each!r}, which is no name of a parameter")
    return listed


def _apply(
    target: Any,
    name: str | None,
    fields: tuple[str, ...] | None,
    skip: tuple[str, ...],
    emit_events: bool,
    span: bool | str | None,
) -> Any:
    if isinstance(target, (staticmethod, classmethod)):
        return type(target)(_apply(target.__func__, name, fields, skip, emit_events, span))
    if isinstance(target, property):
        if target.fget is None:
            raise TypeError("instrument: the property has no getter")
        return target.getter(_apply(target.fget, name, fields, skip, emit_events, span))
    if isinstance(target, functools.cached_property):
        return functools.cached_property(_apply(target.func, name, fields, skip, emit_events, span))
    if isinstance(target, type):
        if name is not None or isinstance(span, str):
            raise TypeError(f"instrument: {target.__qualname__} is a class; its methods are named by themselves")
        return _instrument_class(target, None, fields, skip, emit_events, span)
    if not callable(target):
        hint = (
            "decorate the implementations" if isinstance(target, functools.singledispatchmethod) else "pass a function"
        )
        raise TypeError(f"instrument: {target!r} can't be called; {hint}")
    return _wrap(target, name or _operation(target), fields, skip, emit_events, span)


def _instrument_class(
    target: Any,
    methods: tuple[str, ...] | None,
    fields: tuple[str, ...] | None,
    skip: tuple[str, ...],
    emit_events: bool,
    span: bool | None,
) -> Any:
    if not isinstance(target, type):
        raise TypeError(f"instrument_class: {target!r} is no class")
    found: list[tuple[str, Any, Any]] = []
    for attribute, value in list(vars(target).items()):
        inner = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if not isinstance(inner, types.FunctionType):
            continue
        if (attribute in methods) if methods is not None else not attribute.startswith("_"):
            found.append((attribute, value, inner))
    for missing in set(methods or ()) - {attribute for attribute, _, _ in found}:
        raise ValueError(f"instrument_class: {target.__qualname__} defines no method {missing!r}")
    unused = {*(fields or ()), *skip} - {ALL}
    for attribute, value, inner in found:
        takes = _parameters(inner)
        roots = {each: each.partition(".")[0] for each in (*(fields or ()), *skip)}
        its = tuple(each for each in fields if each == ALL or roots[each] in takes) if fields is not None else None
        unused -= {each for each, root in roots.items() if root in takes}
        if hasattr(inner, _MARK):
            continue
        left_out = tuple(each for each in skip if roots[each] in takes)
        setattr(target, attribute, _apply(value, None, its, left_out, emit_events, span))
    for each in sorted(unused):
        raise ValueError(f"instrument_class: no instrumented method of {target.__qualname__} takes {each!r}")
    return target


def _operation(target: Any) -> str:
    inner = target
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    return f"{_module(inner)}.{inner.__qualname__}"


def _module(target: Any) -> str:
    """The module by its name, for the one that `python -m` runs too; a script by its path has none but `__main__`."""
    name: str = target.__module__
    if name not in ("__main__", "__mp_main__"):
        return name
    # multiprocessing's spawn runs the main module once more, as `__mp_main__`.
    known = getattr(target, "__globals__", None) or vars(sys.modules.get(name, sys))
    spec = known.get("__spec__")
    return name if spec is None or known is vars(sys) else str(spec.name)


# -- which arguments


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def extractor(function: Any, fields: tuple[str, ...] | None, skip: tuple[str, ...]) -> Extract | None:
    """Return what takes the named arguments out of a call, as (args, kwargs) → {field: value}.

    None where there is nothing to take. Raises ValueError for names that the function does not take.
    """
    if not fields and not skip:
        return None
    parameters = _parameters(function)
    rest = next((each.name for each in parameters.values() if each.kind is each.VAR_KEYWORD), None)
    for what, given in (("fields", fields or ()), ("skip", skip)):
        for each in given:
            if each != ALL and each.partition(".")[0] not in parameters and rest is None:
                raise ValueError(
                    f"instrument: {_operation(function)} takes no {each.partition('.')[0]!r} ({what});"
                    f" it takes: {', '.join(parameters) or 'nothing that can be told'}"
                )
    wanted = list(dict.fromkeys(fields or ()))
    if ALL in wanted:
        first = next(iter(parameters), "")
        named = [each for each in parameters if not (each == first and first in ("self", "cls"))]
        wanted = named + [each for each in wanted if each != ALL and each not in named]
    wanted = [each for each in wanted if each not in skip and each.partition(".")[0] not in skip]
    return _compiled(parameters, wanted, rest, frozenset({*parameters, *skip})) if wanted else None


def _compiled(
    parameters: Mapping[str, inspect.Parameter], wanted: list[str], rest: str | None, named: frozenset[str]
) -> Extract:
    """Build a function of the same parameters that returns the wanted ones: the interpreter binds the arguments.

    `inspect.Signature.bind` takes longer than all else that `instrument` does; attrs and dataclasses build their
    `__init__` in this way.
    """
    names: dict[str, Any] = {"__obs_plain": _PLAIN, "__obs_shown": _shown, "__obs_followed": _followed}
    names |= {"__obs_missing": _MISSING, "__obs_named": named, "__obs_type": type}
    head: list[str] = []
    previous: Any = None
    starred: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    for index, each in enumerate(parameters.values()):
        if previous is each.POSITIONAL_ONLY and each.kind is not previous:
            head.append("/")
        if each.kind is each.KEYWORD_ONLY and previous not in (each.VAR_POSITIONAL, each.KEYWORD_ONLY):
            head.append("*")
        previous = each.kind
        stars = starred.get(each.kind, "")
        if each.default is each.empty:
            head.append(stars + each.name)
        else:
            names[f"__obs_default_{index}"] = each.default
            head.append(f"{each.name}=__obs_default_{index}")
    if previous is inspect.Parameter.POSITIONAL_ONLY:
        head.append("/")
    body = ["__obs_found = {}"]
    for key in wanted:
        root, *path = key.split(".")
        parameter = parameters.get(root)
        value = root
        if parameter is None:
            value = f"{rest}.get({root!r}, __obs_missing)"
        elif parameter.kind is parameter.VAR_POSITIONAL:
            value = f"[__obs_shown(__obs_each) for __obs_each in {root}]"
        elif parameter.kind is parameter.VAR_KEYWORD and not path:
            value = (
                f"{{__obs_key: __obs_shown({root}[__obs_key]) for __obs_key in {root} if __obs_key not in __obs_named}}"
            )
        if path:
            value = f"__obs_followed({value}, {tuple(path)!r})"
        shown = "__obs_value if __obs_type(__obs_value) in __obs_plain else __obs_shown(__obs_value)"
        kept = f"__obs_found[{key!r}] = {shown}"
        if path or parameter is None:
            body += [f"__obs_value = {value}", f"if __obs_value is not __obs_missing: {kept}"]
        elif value is root:
            body.append(kept.replace("__obs_value", root))
        else:
            body.append(f"__obs_found[{key!r}] = {value}")
    source = "\n    ".join((f"def take({', '.join(head)}):", *body, "return __obs_found"))
    exec(compile(source, "<obs_surface.instrument>", "exec"), names)
    take = names["take"]

    def extract(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = take(*args, **kwargs)
        except TypeError:
            return {}  # the call itself fails in the same way, and is the one to say so
        return found

    return extract


def _followed(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if value is _MISSING:
            break
        try:
            value = value[step] if isinstance(value, Mapping) else getattr(value, step)
        except Exception:  # noqa: BLE001 - a property of the caller's may raise anything; the field is then absent
            return _MISSING
    return value


def _shown(value: Any) -> Any:
    """Return what may stand in JSON for an argument: an object that is no plain value shows its type only."""
    if type(value) in _PLAIN:
        return value
    import datetime as dt
    import decimal
    import enum
    import pathlib
    import uuid

    if isinstance(value, enum.Enum):
        return _shown(value.value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal, pathlib.PurePath)):
        return str(value)
    try:
        for plain in _BASES:
            if isinstance(value, plain):
                return plain(value)
        if isinstance(value, Mapping):
            return dict(value)
    except Exception:  # noqa: BLE001 - a subclass of the caller's may raise anything; its type is told instead
        pass
    return f"<{type(value).__qualname__}>"


# -- round the call


def _wrap(
    function: Any,
    operation: str,
    fields: tuple[str, ...] | None,
    skip: tuple[str, ...],
    emit_events: bool,
    span: bool | str | None,
) -> Any:
    extract = extractor(function, fields, skip)
    title = "" if span is False else span if isinstance(span, str) else operation
    called = (
        function if hasattr(function, "__code__") or isinstance(function, functools.partial) else _call_of(function)
    )
    if inspect.iscoroutinefunction(called):
        make = _coroutine
    elif inspect.isasyncgenfunction(called):
        make = _async_generator
    elif inspect.isgeneratorfunction(called):
        make = _generator
    else:
        make = _plain
    made = make(function, operation, extract, title, emit_events)
    wrapper: Any = types.FunctionType(
        made.__code__,
        # Those who resolve annotations written as text look into the globals of what they are given, not all of them
        # into those of __wrapped__ (FastAPI before 0.120); the code itself reads closures only.
        getattr(inspect.unwrap(function), "__globals__", made.__globals__),
        made.__name__,
        None,
        made.__closure__,
    )
    functools.update_wrapper(wrapper, function)
    if make is _generator and getattr(getattr(called, "__code__", None), "co_flags", 0) & _ITERABLE_COROUTINE:
        wrapper = types.coroutine(wrapper)
    setattr(wrapper, _MARK, operation)
    return wrapper


def _call_of(function: Any) -> Any:
    method = getattr(type(function), "__call__", None)  # noqa: B004 - which kind of function it is, not whether
    return method if isinstance(method, types.FunctionType) else function


def _begin(operation: str, fields: dict[str, Any] | None, ctx: Any = None) -> None:
    emit(STARTED, {"operation": operation} if fields is None else {"operation": operation, "fields": fields}, ctx)


def _completed(operation: str, fields: dict[str, Any] | None, nanoseconds: int, ctx: Any = None) -> None:
    payload: dict[str, Any] = {"operation": operation, "duration_ms": nanoseconds / 1e6}
    if fields is not None:
        payload["fields"] = fields
    emit(COMPLETED, payload, ctx)


def _failed(
    operation: str, fields: dict[str, Any] | None, nanoseconds: int, error: BaseException, ctx: Any = None
) -> None:
    payload: dict[str, Any] = {"operation": operation, "duration_ms": nanoseconds / 1e6, **error_fields(error)}
    if fields is not None:
        payload["fields"] = fields
    try:
        emit(FAILED, payload, ctx, severity="error")
    except Exception as violation:  # noqa: BLE001 - strict: what the operation raised is what its caller must see
        error.add_note(f"obs_surface: {FAILED} of {operation} could not be emitted: {violation}")


def _plain(function: Any, operation: str, extract: Extract | None, title: str, emit_events: bool) -> Any:
    clock, send, otel, failed, begun, done = perf_counter_ns, emit, _otel, _failed, STARTED, COMPLETED

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        fields = None if extract is None else extract(args, kwargs)
        scope = None if otel.tracer is None or not title else otel.start(title)
        started = 0
        try:
            if emit_events:
                send(begun, {"operation": operation} if fields is None else {"operation": operation, "fields": fields})
            started = clock()
            result = function(*args, **kwargs)
            elapsed = clock() - started
        except BaseException as error:
            if started and emit_events:
                failed(operation, fields, clock() - started, error)
            if scope is not None:
                scope.end(error)
            raise
        try:
            if emit_events:
                payload: dict[str, Any] = {"operation": operation, "duration_ms": elapsed / 1e6}
                if fields is not None:
                    payload["fields"] = fields
                send(done, payload)
        finally:
            if scope is not None:
                scope.end(None)
        return result

    return wrapper


def _coroutine(function: Any, operation: str, extract: Extract | None, title: str, emit_events: bool) -> Any:
    clock, send, otel, failed, begun, done = perf_counter_ns, emit, _otel, _failed, STARTED, COMPLETED

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        fields = None if extract is None else extract(args, kwargs)
        scope = None if otel.tracer is None or not title else otel.start(title)
        started = 0
        try:
            if emit_events:
                send(begun, {"operation": operation} if fields is None else {"operation": operation, "fields": fields})
            started = clock()
            result = await function(*args, **kwargs)
            elapsed = clock() - started
        except BaseException as error:
            if started and emit_events:
                failed(operation, fields, clock() - started, error)
            if scope is not None:
                scope.end(error)
            raise
        try:
            if emit_events:
                payload: dict[str, Any] = {"operation": operation, "duration_ms": elapsed / 1e6}
                if fields is not None:
                    payload["fields"] = fields
                send(done, payload)
        finally:
            if scope is not None:
                scope.end(None)
        return result

    return wrapper


class _Iteration:
    """One iteration of a generator: its context is that of its start, whoever ends it and wherever.

    A generator that is collected is closed in the context of whatever code runs at that moment, an asynchronous one in
    a task of its own; between two steps the consumer's context must be the consumer's.
    """

    __slots__ = ("context", "emits", "fields", "operation", "scope", "started")

    def __init__(self, operation: str, fields: dict[str, Any] | None, title: str, emits: bool) -> None:
        self.operation = operation
        self.fields = fields
        self.emits = emits
        self.context = current()
        self.scope = None if _otel.tracer is None or not title else _otel.start(title, attach=False)
        self.started = 0
        if self.scope is not None:
            self.context = self.scope.pinned(self.context)

    def begin(self) -> None:
        if self.emits:
            _begin(self.operation, self.fields, self.context)
        self.started = perf_counter_ns()

    def end(self, error: BaseException | None) -> None:
        """Emit the terminal event; a consumer that stops early has ended the operation, not failed it."""
        elapsed = perf_counter_ns() - self.started
        closed = isinstance(error, GeneratorExit)
        try:
            if not self.emits or not self.started or (closed and sys.is_finalizing()):
                return
            if error is None or closed:
                _completed(self.operation, self.fields, elapsed, self.context)
            else:
                _failed(self.operation, self.fields, elapsed, error, self.context)
        finally:
            if self.scope is not None:
                self.scope.end(None if closed else error)


def _generator(function: Any, operation: str, extract: Extract | None, title: str, emit_events: bool) -> Any:
    begin = _Iteration

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        iteration = begin(operation, None if extract is None else extract(args, kwargs), title, emit_events)
        try:
            iteration.begin()
            inner = function(*args, **kwargs)
            result = yield from inner if iteration.scope is None else iteration.scope.steps(inner)
        except BaseException as error:
            iteration.end(error)
            raise
        iteration.end(None)
        return result

    return wrapper


def _async_generator(function: Any, operation: str, extract: Extract | None, title: str, emit_events: bool) -> Any:
    begin = _Iteration

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        iteration = begin(operation, None if extract is None else extract(args, kwargs), title, emit_events)
        try:
            iteration.begin()
            inner = function(*args, **kwargs)
            step = inner.__anext__()
            while True:
                try:
                    value = await (step if iteration.scope is None else iteration.scope.step(step))
                except StopAsyncIteration:
                    break
                try:
                    sent = yield value
                except GeneratorExit:
                    closing = inner.aclose()
                    await (closing if iteration.scope is None else iteration.scope.step(closing))
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it goes to the generator, whatever it is
                    step = inner.athrow(thrown)
                else:
                    step = inner.__anext__() if sent is None else inner.asend(sent)
        except BaseException as error:
            iteration.end(error)
            raise
        iteration.end(None)

    return wrapper
