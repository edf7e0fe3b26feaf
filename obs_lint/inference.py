"""Without configuration: which module looks like the surface, and how this project treats stdlib logging.

A module counts by how many modules import telemetry from it, times what it does: configuring logging or tracing,
defining a logger, an
emitter or metrics. The first is taken where it is clear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from obs_lint.config.model import Config, RuleSettings
from obs_lint.facts.model import Anchor, LexicalImport
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project
from obs_lint.report import Inference

_CONFIGURES = (
    rb"^[^#\n]*?(?<![\w\"'])(?:basicConfig|dictConfig|fileConfig|setLoggerClass|set_tracer_provider|set_meter_provider|set_logger_provider"
    rb"|structlog\.configure|sentry_sdk\.init|logfire\.configure|\.addHandler)[ \t]*\("
)
_CALLS = (
    b"basicConfig", b"dictConfig", b"fileConfig", b"setLoggerClass", b"_provider(",
    b"structlog.configure", b"sentry_sdk.init", b"logfire.configure", b".addHandler(",
)  # fmt: skip
_DEFINES = (
    rb"^(?:async[ \t]+)?def[ \t]+(?:emit\w*|log_\w*event\w*|capture_event|track_event|record_event|fire_event"
    rb"|get_?[lL]ogger|get_tracer|get_meter|\w*_?metrics?|start_span|trace\w*)\b"
    rb"|^(?:logger|log|LOGGER|tracer|meter)[ \t]*(?::[^=\n]+)?=[ \t]*\w"
    rb"|^class[ \t]+\w*(?:Logger|Tracer|Telemetry|Tracker|EventManager|EventBus|Metrics)\w*\b"
    rb"|=[ \t]*(?:[\w.]+\.)?(?:Counter|Gauge|Histogram|LaterGauge)\("
)
_LIBRARIES = (
    "logging",
    "structlog",
    "loguru",
    "opentelemetry",
    "prometheus_client",
    "posthog",
    "statsd",
    "datadog",
    "ddtrace",
    "sentry_sdk",
)
EVIDENCE: tuple[Anchor, ...] = (
    Anchor(any_of=_CALLS, pattern=_CONFIGURES),
    Anchor(pattern=_DEFINES, modules=_LIBRARIES),
    Anchor(
        any_of=(
            b"def emit",
            b"def log_",
            b"def capture_event",
            b"def track_event",
            b"def record_event",
            b"def fire_event",
        ),
        pattern=_DEFINES,
    ),
)
"""Anchors that the scan must carry for `infer`, in this order; the first is configuration, the rest definitions."""
_CONFIGURATION_BITS = 0b1

_TELEMETRY_SEGMENT = re.compile(
    r"(?:^|_)(?:log|logs|logger|loggers|logging|telemetry|tracing|trace|observability|obs|metrics|instrumentation|otel|monitoring|tracking"
    r"|analytics)(?:$|_)|^root_logger$"
)
_TELEMETRY_NAME = re.compile(
    r"^(?:get_?)?(?:root_?)?(?:logger|log|tracer|meter|telemetry|metrics?)$|^(?:emit|log|track|capture|record|fire|send)_\w*event\w*$|^emit\w*$"
    r"|^(?:setup|configure|init|get)_(?:logging|logger|telemetry|tracing|observability)$|^(?:make_)?(?:trace|span|start_\w*span|traced|instrument\w*)$"
    r"|^(?:Counter|Gauge|Histogram|LaterGauge)$|^\w*(?:LoggingContext|LoggerAdapter|Telemetry)\w*$|^logging$",
    re.IGNORECASE,
)
_CLEAR = 1.5
"""How far the first candidate must be ahead of the second."""
_CENTRAL = 5
"""Importers from which on a second module named like telemetry is taken for a part of the surface."""
_GENERAL_USE = 8
"""A library that more modules than this import directly is, today, free in practice."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A module, or a package named like telemetry, that may be the surface."""

    name: str
    importers: frozenset[str]
    """Paths of the modules outside it that import telemetry from it."""
    members: frozenset[str]
    """Paths of its own modules."""
    configures: int
    """How many of them configure telemetry."""
    defines: int
    """How many of them define a logger, an emitter or metrics."""

    @property
    def named(self) -> bool:
        """True where its own name says telemetry."""
        return _TELEMETRY_SEGMENT.search(self.name.rpartition(".")[2]) is not None

    @property
    def score(self) -> float:
        """Importers times evidence."""
        return len(self.importers) * (2 if self.named else 1) * (1 + 2 * bool(self.configures) + bool(self.defines))


def infer(
    config: Config, project: Project, store: FactsStore, modules: Iterable[str], *, first_bit: int
) -> tuple[Config, Inference]:
    """Return the configuration with surface, logging mode and free libraries filled in, and the reasons.

    `modules` are those that OBS102 bans by default; `first_bit` is the position of EVIDENCE among the scan's anchors.
    """
    configures = store.anchored(_CONFIGURATION_BITS << first_bit)
    defines = store.anchored(((1 << len(EVIDENCE)) - 1 & ~_CONFIGURATION_BITS) << first_bit)
    production = {path for path, file in project.files.items() if not file.roles}
    candidates = _candidates(project, production, configures, defines)
    chosen = _clear(candidates)
    related = _related(chosen, candidates) if chosen else []
    inside = frozenset[str]().union(*(c.members for c in ([chosen] if chosen else []) + related))
    outsiders = production - inside
    logging = config.logging or _logging_mode(store, outsiders, chosen)
    free = _in_general_use(store, outsiders, modules)
    surface = (chosen.name, *(c.name for c in related)) if chosen else ()
    settings = dict(config.rules)
    if free and "OBS102" not in settings:
        settings["OBS102"] = RuleSettings(options={"modules": {"remove": tuple(name for name, _ in free)}})
    resolved = replace(config, surface=surface, logging=logging, rules=settings)
    places = sorted(configures & production)
    return resolved, Inference(
        surface=chosen.name if chosen else None,
        reasons=_reasons(chosen) if chosen else (),
        candidates=tuple((c.name, len(c.importers)) for c in candidates[:3] if c.importers),
        logging=logging,
        related=surface[1:],
        free=free,
        configured_in=tuple(_with_line(path, store) for path in places),
    )


def _reasons(chosen: Candidate) -> tuple[str, ...]:
    count = len(chosen.importers)
    reasons = [f"{count} module{'s' if count != 1 else ''} import{'s' if count == 1 else ''} it"]
    if chosen.configures:
        reasons.append("it configures logging or tracing")
    if chosen.defines:
        reasons.append("it defines loggers, emitters or metrics")
    return tuple(reasons)


def _with_line(path: str, store: FactsStore) -> str:
    data = store.text(path)
    match = re.search(_CONFIGURES, data, re.MULTILINE)
    line = data.count(b"\n", 0, match.end()) + 1 if match else 1
    return f"{path}:{line}"


def _candidates(
    project: Project, production: set[str], configures: frozenset[str], defines: frozenset[str]
) -> list[Candidate]:
    importers: dict[str, set[str]] = {}
    for target in sorted((configures | defines) & production):
        named = _TELEMETRY_SEGMENT.search(_last(project, target)) or _grouped(project.files[target].symbol)
        found = importers.setdefault(target, set())
        for importer in project.importers(target):
            if importer in production and importer != target and (named or _takes_telemetry(project, importer, target)):
                found.add(importer)
    groups: dict[str, list[str]] = {}
    for path in importers:
        symbol = project.files[path].symbol
        groups.setdefault(_grouped(symbol) or symbol, []).append(path)
    made: list[Candidate] = []
    for name, paths in groups.items():
        members = frozenset(p for p in production if (project.files[p].symbol + ".").startswith(name + "."))
        outside = frozenset().union(*(importers[path] for path in paths)) - members
        candidate = Candidate(name, outside, members, len(members & configures), len(members & defines))
        if outside or (candidate.named and candidate.configures):
            made.append(candidate)
    return sorted(made, key=lambda candidate: (-candidate.score, candidate.name))


def _last(project: Project, path: str) -> str:
    return project.files[path].symbol.rpartition(".")[2]


def _grouped(symbol: str) -> str:
    """The outermost package or module named like telemetry that a module is or lies in, "" where there is none."""
    parts = symbol.split(".")
    for index, part in enumerate(parts):
        if _TELEMETRY_SEGMENT.search(part) and (index or len(parts) == 1):
            return ".".join(parts[: index + 1])
    return ""


def _takes_telemetry(project: Project, importer: str, target: str) -> bool:
    """True where what is imported from the module is named like telemetry."""
    last = _last(project, target)
    return any(
        _TELEMETRY_NAME.match(name)
        for statement in project.imports(importer)
        if statement.names is not None and _ends_with(statement, last)
        for name, _ in statement.names
    )


def _ends_with(statement: LexicalImport, last: str) -> bool:
    return statement.module.rpartition(".")[2] == last or not statement.module


def _clear(candidates: list[Candidate]) -> Candidate | None:
    """The first candidate, where it is far enough ahead and does what a surface does."""
    fit = [c for c in candidates if (c.configures or c.defines) and (c.named or c.configures or len(c.importers) >= 3)]
    if not fit or fit[0] is not candidates[0]:
        return None
    first = fit[0]
    rest = [
        c
        for c in fit[1:]
        if not c.name.startswith(first.name + ".") and not c.importers & first.members and (c.named or not first.named)
    ]
    return first if not rest or first.score >= _CLEAR * rest[0].score else None


def _related(chosen: Candidate, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates named like telemetry that the surface itself uses, or that are nearly as central as it is."""
    related: list[Candidate] = []
    members = set(chosen.members)
    central = max(_CENTRAL, len(chosen.importers) // 5)
    waiting = [c for c in candidates if c is not chosen and c.named]
    grew = True
    while grew:
        grew = False
        for candidate in list(waiting):
            if candidate.importers & members or len(candidate.importers) >= central:
                related.append(candidate)
                waiting.remove(candidate)
                members |= candidate.members
                grew = True
    return related


def _logging_mode(store: FactsStore, outsiders: set[str], chosen: Candidate | None) -> Literal["facade", "central"]:
    """`facade` where modules get their loggers from the surface, not from `logging`."""
    if chosen is None:
        return "central"
    direct = {path for path, _ in store.imports_of(frozenset({"logging"})) if path in outsiders}
    return "facade" if len(direct) * 4 <= len(chosen.importers) else "central"


def _in_general_use(store: FactsStore, outsiders: set[str], modules: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Libraries other than logging that so many modules import directly that nobody would call it drift."""
    users: dict[str, set[str]] = {}
    known = sorted((m for m in modules if m != "logging"), key=len, reverse=True)
    for path, statement in store.imports_of(frozenset(m.partition(".")[0] for m in known)):
        if path not in outsiders:
            continue
        full = [statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names or ())]
        for module in known:
            if any(name == module or name.startswith(module + ".") for name in full):
                users.setdefault(module, set()).add(path)
                break
    found = [(module, len(paths)) for module, paths in users.items() if len(paths) > _GENERAL_USE]
    return tuple(sorted(found, key=lambda item: (-item[1], item[0])))
