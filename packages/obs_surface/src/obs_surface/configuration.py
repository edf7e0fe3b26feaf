"""Set up once a process, compiled into one Surface: who emits, which registry holds, how strictly, where it goes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from obs_surface import encoding, notices
from obs_surface.actor import UNKNOWN, Actor
from obs_surface.envelope import Envelopes, timestamp
from obs_surface.errors import ConfigurationError
from obs_surface.redact import Redaction, hasher

if TYPE_CHECKING:
    from obs_surface.lock import Lock
    from obs_surface.sinks import Sink

MAX_LINE_BYTES = 256 * 1024
"""Default limit of a line; what is longer loses the largest parts of its payload."""
_LEAST_LINE_BYTES = 8 * 1024
_NO_RECORD: Mapping[str, Any] = {}
_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("", "0", "false", "no", "off"))


class Counter:
    """Counts up without a lock on the way that is hot."""

    __slots__ = ("_lock", "_reads", "add")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads = 0
        self.add: Callable[[], int] = count(0).__next__
        """One more. `next` of a count is one step of the interpreter: no thread's is lost."""

    def value(self) -> int:
        """Return how often `add` was called."""
        with self._lock:
            found = self.add() - self._reads
            self._reads += 1
            return found


class Surface:
    """A configuration as `emit` and loggers use it. Made by `configure`."""

    __slots__ = (
        "_exit",
        "_given",
        "_taps",
        "actor",
        "dumps",
        "emitted",
        "ended",
        "errors",
        "event_ids",
        "limit",
        "loads",
        "lock",
        "otel",
        "plans",
        "put",
        "redact_fields",
        "sentinel",
        "sink",
        "sink_errors",
        "strict",
        "truncated",
        "validates",
        "violations",
        "wants_record",
    )

    def __init__(
        self,
        actor: Actor,
        lock: Lock | None,
        sink: Sink,
        given: tuple[Sink, ...],
        *,
        strict: bool,
        validates: bool,
        otel: bool,
        hash_key: bytes,
        limit: int,
        sentinel: str,
    ) -> None:
        self.actor = actor
        self.lock = lock
        self.strict = strict
        self.validates = validates
        self.otel = otel
        self.limit = limit
        self.sentinel = sentinel
        """The name of the smoke run that waits for `obs.smoke.sentinel`, "" where none does."""
        self.ended = False
        self.dumps, self.loads = encoding.codec()
        redaction = Redaction(
            {} if lock is None else lock.classifications, () if lock is None else lock.sensitive_names, hasher(hash_key)
        )
        self.redact_fields = redaction.fields()
        """Rewrites fields that no schema describes, those of log lines; None where there is nothing to look for."""
        self.plans = Envelopes(lock, actor, redaction, validates=validates, strict=strict)
        self.event_ids = self.plans.event_ids
        self.sink = sink
        self._given = given
        self._taps: tuple[Sink, ...] = ()
        self._exit: Any = None
        self.put: Callable[[bytes, Mapping[str, Any]], None] = sink.write
        """Takes a line and, where `wants_record`, the object that it was made from. May raise anything."""
        self.wants_record = sink.wants_record
        self.renew_counters()

    def renew_counters(self) -> None:
        """Count from zero: at the start, and in a forked child."""
        self.emitted = Counter()
        self.violations = Counter()
        self.truncated = Counter()
        self.errors = Counter()
        self.sink_errors = Counter()

    def write(self, line: bytes, record: Mapping[str, Any] | None = None) -> None:
        """Give a line, its newline included, to the sinks. Raises nothing: what a sink raises is counted and said once.

        record: the object that it was made from; made from the line where a sink wants it and it is not given.
        """
        try:
            if record is None:
                record = encoding.loads_plain(line) if self.wants_record else _NO_RECORD
            self.put(line, record)
        except Exception as error:  # noqa: BLE001 - a sink is code of any kind, and no reason for a request to fail
            self.sink_failed(error)

    def sink_failed(self, error: Exception) -> None:
        """Count that a sink raised, and say so once a sink and kind of error."""
        self.sink_errors.add()
        name = getattr(self.sink, "name", type(self.sink).__name__)
        notices.say_once(
            f"sink {name}: {type(error).__name__}: {error}; more are counted only (stats())", key=f"sink:{name}"
        )

    def tap(self, sink: Sink) -> Callable[[], None]:
        """Give every line to one more sink, in the caller, until the function that is returned is called."""
        self._taps = (*self._taps, sink)
        self._rewire()

        return lambda: self.untap(sink)

    def untap(self, sink: Sink) -> None:
        """Give lines to that sink no more."""
        self._taps = tuple(each for each in self._taps if each is not sink)
        self._rewire()

    def _rewire(self) -> None:
        first, taps = self.sink, self._taps
        if not taps:
            self.wants_record, self.put = first.wants_record, first.write
            return

        def put(line: bytes, record: Mapping[str, Any]) -> None:
            try:
                for each in taps:
                    each.write(line, record)
            finally:
                first.write(line, record)

        self.wants_record, self.put = any(each.wants_record for each in (first, *taps)), put

    def stats(self) -> dict[str, Any]:
        """Return the counters since `configure` (in a forked child: since the fork)."""
        counted = getattr(self.sink, "stats", None)
        if counted is not None:
            sinks = counted()
        else:
            sinks = {
                self.sink.name: {
                    "delivered": int(getattr(self.sink, "written", 0)),
                    "dropped": int(getattr(self.sink, "lost", 0)),
                }
            }
        return {
            "emitted": self.emitted.value(),
            "violations": self.violations.value(),
            "truncated": self.truncated.value(),
            "errors": self.errors.value(),
            "sink_errors": self.sink_errors.value(),
            "sinks": sinks,
        }

    def install_exit(self, *, timeout: float, sigterm: bool) -> None:
        """See to it that what is queued goes out when the process ends. Nothing where nothing waits."""
        queued = not getattr(self.sink, "inline", False)
        if not queued and not self.sentinel:
            return
        from obs_surface.sinks.at_exit import ExitFlush

        self._exit = ExitFlush(_Ending(self), timeout=timeout, sigterm=sigterm)
        self._exit.install()

    def end(self, timeout: float) -> None:
        """Emit the sentinel of a smoke run, flush, and close the sinks. A second call does nothing."""
        if self.ended:
            return
        self.say_end()
        self.ended = True
        try:
            self.sink.close(timeout)
        except Exception as error:  # noqa: BLE001 - as in write
            self.sink_failed(error)

    def say_end(self) -> None:
        """Emit the sentinel, once, where a smoke run waits for it."""
        if not self.sentinel or self.ended:
            return
        from obs_surface.context import EMPTY
        from obs_surface.emit import emit_to
        from obs_surface.reserved import SMOKE_SENTINEL

        run, self.sentinel = self.sentinel, ""
        counts = self.stats()
        dropped = sum(each.get("dropped", 0) for each in counts["sinks"].values())
        payload = {"run": run, "emitted": counts["emitted"], "violations": counts["violations"], "dropped": dropped}
        emit_to(self, SMOKE_SENTINEL, payload, EMPTY)

    def replaced_by(self, other: Surface | None) -> None:
        """Stop: flush, and close the sinks unless the next configuration goes on with them."""
        if self._exit is not None:
            self._exit.uninstall()
        kept = () if other is None else other._given
        if any(mine is each for mine in self._given for each in kept):
            self.sink.flush(1.0)
        else:
            self.end(1.0)


class _Ending:
    """What the end of a process does with a surface, laid out as the sink that ExitFlush takes."""

    durable = False
    wants_record = False

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.name = surface.sink.name

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        self._surface.write(line, record)

    def flush(self, timeout: float) -> bool:
        return self._surface.sink.flush(timeout)

    def settle(self, timeout: float) -> bool:
        """On SIGTERM. Where another handler goes on from here, its shutdown still emits: the sentinel comes at exit."""
        if not self._surface._exit.chained:
            self._surface.say_end()
        sink = self._surface.sink
        settle: Callable[[float], bool] = getattr(sink, "settle", sink.flush)
        return settle(timeout)

    def close(self, timeout: float) -> None:
        self._surface.end(timeout)


active: Surface | None = None
"""The configuration in force, None before `configure`. Replaced as a whole."""
_changing = threading.RLock()
_taps: tuple[Sink, ...] = ()
"""Sinks that get every line of whichever configuration is in force."""


def configure(
    service_name: str | None = None,
    service_version: str | None = None,
    env: str | None = None,
    *,
    host: str | None = None,
    registry: Any = None,
    sinks: Iterable[Sink] | Sink | None = None,
    strict: bool | None = None,
    validate: bool | None = None,
    otel: bool = False,
    hash_key: str | bytes | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    exit_timeout: float = 5.0,
    sigterm: bool = True,
) -> Surface:
    """Set up the surface of this process; a later call replaces an earlier one.

    service_name, service_version, env: who emits; default: OBS_SERVICE_NAME, OBS_SERVICE_VERSION, OBS_ENV.
    host: default OBS_HOST, else the name of this machine; "" leaves it out.
    registry: the registry's lock: a path, a resource of a package, or the dict itself; default OBS_REGISTRY. Without
        one, any event may be emitted.
    sinks: where lines go; default: JSON lines on standard output. Sinks that may wait get a queue and a thread each.
    strict: raise ContractViolation from `emit`; default OBS_VALIDATE_STRICT, else False (004 Issue 6.3).
    validate: check events at all; default OBS_VALIDATE, else True as far as a validator is installed.
    otel: make spans, and put the ids of the current span into envelopes (extra `otel`).
    hash_key: key of the hashes of pseudonymous fields, the same in all services of a deployment; default OBS_HASH_KEY.
        Without one, hashes can be compared within this process only.
    max_line_bytes: a longer line loses the largest parts of its payload; at least 8192.
    exit_timeout: seconds that the end of the process, and SIGTERM, wait for queues.
    sigterm: flush on SIGTERM, where a queue is in use.

    Raises ConfigurationError, and LockError for a registry that can't be used.
    """
    global active
    actor = Actor(
        _text(service_name, "service_name", "OBS_SERVICE_NAME"),
        _text(service_version, "service_version", "OBS_SERVICE_VERSION"),
        _text(env, "env", "OBS_ENV"),
        _host(host),
    )
    strict = _flag(strict, "strict", "OBS_VALIDATE_STRICT", False)
    validates = _flag(validate, "validate", "OBS_VALIDATE", True)
    if strict and not validates:
        raise ConfigurationError(
            "strict means that every event is validated: leave validate (OBS_VALIDATE) on, or strict off"
        )
    if type(max_line_bytes) is not int or max_line_bytes < _LEAST_LINE_BYTES:
        raise ConfigurationError(f"max_line_bytes={max_line_bytes!r}: an integer of at least {_LEAST_LINE_BYTES}")
    with _changing:
        made = _made(
            actor,
            registry if registry is not None else os.environ.get("OBS_REGISTRY") or None,
            sinks,
            strict=strict,
            validates=validates,
            otel=otel,
            hash_key=hash_key,
            limit=max_line_bytes,
        )
        made.install_exit(timeout=exit_timeout, sigterm=sigterm)
        before, active = active, made
    if before is not None:
        before.replaced_by(made)
    return made


def _made(
    actor: Actor,
    registry: Any,
    sinks: Iterable[Sink] | Sink | None,
    *,
    strict: bool,
    validates: bool,
    otel: bool = False,
    hash_key: str | bytes | None = None,
    limit: int = MAX_LINE_BYTES,
) -> Surface:
    from obs_surface import otel as tracing

    lock = None
    if registry is not None:
        from obs_surface.lock import Lock as _Lock

        lock = registry if isinstance(registry, _Lock) else _Lock.load(registry)
    if strict:
        from obs_surface.validate import backend

        if not backend():
            raise ConfigurationError(
                "strict validation needs a validator, and none is installed: "
                "pip install 'obs-surface[fast]' (jsonschema-rs) or 'obs-surface[validate]' (jsonschema)"
            )
    given = _sinks(sinks)
    sink = _joined(given)
    surface = Surface(
        actor,
        lock,
        sink,
        given,
        strict=strict,
        validates=validates,
        otel=otel,
        hash_key=_hash_key(hash_key),
        limit=limit,
        sentinel=os.environ.get("OBS_SMOKE_RUN", "")[:200],
    )
    for each in _taps:
        surface.tap(each)
    if hasattr(sink, "render"):
        sink.render = _renderer(surface)
    if otel:
        tracing.enable()
    else:
        tracing.disable()
    return surface


def _renderer(surface: Surface) -> Callable[[str, dict[str, Any], str], tuple[bytes, Mapping[str, Any]]]:
    def render(event_name: str, payload: dict[str, Any], severity: str) -> tuple[bytes, Mapping[str, Any]]:
        from obs_surface.emit import line_of

        line = line_of(surface, event_name, payload, severity)
        return line, encoding.loads_plain(line)

    return render


def _sinks(sinks: Iterable[Sink] | Sink | None) -> tuple[Sink, ...]:
    from obs_surface.sinks import Sink as _Sink

    if sinks is None:
        from obs_surface.sinks.json_lines import JsonLinesSink

        return (JsonLinesSink(),)
    if isinstance(sinks, _Sink):
        return (sinks,)
    try:
        given: tuple[Any, ...] = tuple(sinks)
    except TypeError:
        given = (sinks,)
    if not given:
        raise ConfigurationError("sinks=[]: events must go somewhere; leave it out for JSON lines on standard output")
    for each in given:
        lacking = [
            name for name in ("name", "durable", "wants_record", "write", "flush", "close") if not hasattr(each, name)
        ]
        if lacking:
            raise ConfigurationError(f"sinks: {type(each).__name__} is no sink, it lacks {', '.join(lacking)}")
    return given


def _joined(given: tuple[Sink, ...]) -> Sink:
    """One sink, which may be written in the caller, as it is; any others behind a FanOut."""
    only = given[0]
    if len(given) == 1 and (getattr(only, "inline", False) or hasattr(only, "render")):
        return only
    from obs_surface.sinks.fan_out import FanOut

    try:
        return FanOut(given)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _text(given: str | None, name: str, variable: str) -> str:
    value = given if given is not None else os.environ.get(variable, "")
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}={value!r}: a text")
    value = value.strip()
    if not value:
        raise ConfigurationError(f"{name} is missing: every event says it; give it to configure() or set {variable}")
    if len(value) > 256 or not value.isprintable():
        raise ConfigurationError(f"{name}: at most 256 printable characters")
    return value


def _host(given: str | None) -> str | None:
    name = given if given is not None else os.environ.get("OBS_HOST")
    if name is None:
        name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    name = str(name).strip()[:256]
    return name if name and name.isprintable() else None


def _flag(given: bool | None, name: str, variable: str, default: bool) -> bool:
    if given is not None:
        return bool(given)
    text = os.environ.get(variable)
    if text is None:
        return default
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ConfigurationError(f"{variable}={text!r}: true or false (it is the default of {name})")


def _hash_key(given: str | bytes | None) -> bytes:
    key = given if given is not None else os.environ.get("OBS_HASH_KEY")
    if isinstance(key, str):
        key = key.encode("utf-8", "surrogatepass")
    return key or _process_key


_process_key = os.urandom(32)
"""Without a key of the deployment: a hash that anybody can compute again is none."""


def unconfigured() -> Surface:
    """Return the surface of a process that called no `configure`: what the environment says, standard output."""
    global active  # noqa: PLW0603 - as in configure
    with _changing:
        if active is not None:
            return active
        name = os.environ.get("OBS_SERVICE_NAME", "").strip()
        told = f"service_name {name or 'unknown'!r}, JSON lines on standard output"
        notices.say_once(f"emit before configure(): {told}; call configure(service_name, service_version, env) first")
        actor = Actor(
            name or UNKNOWN.service_name,
            os.environ.get("OBS_SERVICE_VERSION", "").strip() or UNKNOWN.service_version,
            os.environ.get("OBS_ENV", "").strip() or UNKNOWN.env,
            _host(None),
        )
        strict = _flag(None, "strict", "OBS_VALIDATE_STRICT", False)
        registry = os.environ.get("OBS_REGISTRY") or None
        try:
            made = _made(actor, registry, None, strict=strict, validates=True)
        except ConfigurationError as error:
            if strict:
                raise
            notices.say_once(str(error))
            made = _made(actor, None, None, strict=False, validates=True)
        active = made
        return made


def current_surface() -> Surface | None:
    """Return the configuration in force, None before `configure` and before the first event."""
    return active


def surface() -> Surface:
    """Return the configuration in force; where there is none yet, that of a process without `configure`."""
    return active or unconfigured()


def current_lock() -> Lock | None:
    """Return the registry in force, None without one."""
    return None if active is None else active.lock


def flush(timeout: float = 5.0) -> bool:
    """Wait up to `timeout` seconds for the sinks to take what was emitted before. False where some did not."""
    return True if active is None else active.sink.flush(timeout)


def shutdown(timeout: float = 5.0) -> None:
    """Flush for up to `timeout` seconds and close the sinks. The end of the process does it too."""
    if active is not None:
        active.end(timeout)


def stats() -> dict[str, Any]:
    """Return the counters since `configure` (in a forked child: since the fork).

    emitted: events written. violations: events that broke their contract. truncated: lines that were too long.
    errors: events lost inside obs_surface. sink_errors: what sinks raised. sinks: by name {delivered, dropped, …}.
    """
    return {} if active is None else active.stats()


def tap(sink: Sink) -> Callable[[], None]:
    """Give every line to one more sink, in the caller, until the function that is returned is called.

    Whatever `configure` is called in between: for tests, which look at what is emitted without a hand in that.
    """
    global _taps  # noqa: PLW0603 - as in configure
    with _changing:
        _taps = (*_taps, sink)
        if active is not None:
            active.tap(sink)

    def undo() -> None:
        global _taps  # noqa: PLW0603 - as in configure
        with _changing:
            _taps = tuple(each for each in _taps if each is not sink)
            if active is not None:
                active.untap(sink)

    return undo


def reset() -> None:
    """Forget the configuration, as if `configure` had not been called: for tests."""
    global active
    with _changing:
        before, active = active, None
    if before is not None:
        before.replaced_by(None)
    from obs_surface import otel

    otel.disable()
    notices.forget()


def _after_fork_in_child() -> None:
    global _changing  # noqa: PLW0603 - a thread of the parent may have held it
    _changing = threading.RLock()
    if active is not None:
        active.renew_counters()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = [
    "Surface",
    "configure",
    "current_lock",
    "current_surface",
    "flush",
    "reset",
    "shutdown",
    "stats",
    "surface",
    "tap",
    "timestamp",
    "unconfigured",
]
