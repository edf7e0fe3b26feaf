"""Without configuration: which module looks like the surface, and how this project treats stdlib logging.

A module counts by how many modules import telemetry from it, times what it does: configuring logging or tracing, defining a logger, an
emitter or metrics. The first is taken where it is clear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from obs_lint.config.model import Config
from obs_lint.facts.model import Anchor, LexicalImport
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project
from obs_lint.report import Inference

_CONFIGURES = (
    rb"^[ \t]*(?:\w+[ \t]*=[ \t]*)?(?:[\w.]+\.)?(?:basicConfig|dictConfig|fileConfig|setLoggerClass|set_tracer_provider|set_meter_provider"
    rb"|set_logger_provider)[ \t]*\(|\bstructlog\.configure\(|\bsentry_sdk\.init\(|\blogfire\.configure\(|^[ \t]*[\w.]+\.addHandler\("
)
_DEFINES = (
    rb"^(?:async[ \t]+)?def[ \t]+(?:emit\w*|log_\w*event\w*|capture_event|track_event|record_event|fire_event|get_?[lL]ogger|get_tracer|get_meter"
    rb"|\w*_?metrics?|start_span|trace\w*)\b|^(?:logger|log|LOGGER|tracer|meter)[ \t]*(?::[^=\n]+)?=[ \t]*\w"
    rb"|^class[ \t]+\w*(?:Logger|Tracer|Telemetry|Tracker|EventManager|EventBus|Metrics)\w*\b"
    rb"|=[ \t]*(?:[\w.]+\.)?(?:Counter|Gauge|Histogram|LaterGauge)\("
)
EVIDENCE: tuple[Anchor, ...] = (
    Anchor(words=(b"onfig",), pattern=_CONFIGURES),
    Anchor(words=(b"_provider",), pattern=_CONFIGURES),
    Anchor(words=(b"addHandler",), pattern=_CONFIGURES),
    Anchor(words=(b"sentry_sdk",), pattern=_CONFIGURES),
    Anchor(words=(b"og",), pattern=_DEFINES, modules=("logging", "structlog", "loguru")),
    Anchor(pattern=_DEFINES, modules=("opentelemetry", "prometheus_client", "posthog", "statsd", "datadog", "ddtrace", "sentry_sdk")),
    Anchor(words=(b"emit",), pattern=_DEFINES),
    Anchor(words=(b"_event",), pattern=_DEFINES),
)
"""Anchors that the scan must carry for `infer`, in this order; the first four are configuration, the rest definitions."""
_CONFIGURATION_BITS = 0b1111

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
_FEW = 3
_CLEAR = 1.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A module that may be the surface."""

    name: str
    importers: int
    """Modules outside it that import it or something below it."""
    configures: int
    """Files in it that configure telemetry."""
    defines: int
    """Files in it that define a logger, an emitter or metrics."""

    @property
    def score(self) -> float:
        """Importers times evidence."""
        named = 2.0 if _TELEMETRY_SEGMENT.search(self.name.rpartition(".")[2]) else 1.0
        return self.importers * named * (1 + (2 if self.configures else 0) + (1 if self.defines else 0))


def wanting(config: Config) -> bool:
    """True where nobody has said what the surface is."""
    return config.file is None and config.surface is None


def infer(config: Config, project: Project, store: FactsStore, *, first_bit: int) -> tuple[Config, Inference]:
    """Return the configuration with surface and logging mode filled in, and the reasons.

    `first_bit` is the position of EVIDENCE among the scan's anchors.
    """
    configures = store.anchored(_CONFIGURATION_BITS << first_bit)
    defines = store.anchored(((1 << len(EVIDENCE)) - 1 & ~_CONFIGURATION_BITS) << first_bit)
    production = {path for path, file in project.files.items() if not file.roles}
    candidates = _candidates(project, store, production, configures, defines)
    chosen = _clear(candidates)
    surface = chosen.name if chosen else None
    logging = _logging_mode(project, store, production, chosen)
    resolved = replace(config, surface=(surface,) if surface else (), logging=config.logging or logging)
    reasons: list[str] = []
    if chosen:
        reasons.append(f"{chosen.importers} modules import it")
        if chosen.configures:
            reasons.append("it configures logging or tracing")
        if chosen.defines:
            reasons.append("it defines loggers, emitters or metrics")
    places = sorted(path for path in configures & production)
    return resolved, Inference(
        surface=surface,
        reasons=tuple(reasons),
        candidates=tuple((candidate.name, candidate.importers) for candidate in candidates[:3]),
        logging=resolved.logging or logging,
        configured_in=tuple(_with_line(path, store) for path in places),
    )


def _with_line(path: str, store: FactsStore) -> str:
    data = store.raw(path) or b""
    match = re.search(_CONFIGURES, data, re.MULTILINE)
    line = data.count(b"\n", 0, match.end()) + 1 if match else 1
    return f"{path}:{line}"


def _candidates(
    project: Project, store: FactsStore, production: set[str], configures: frozenset[str], defines: frozenset[str]
) -> list[Candidate]:
    evidence = (configures | defines) & production
    importers: dict[str, set[str]] = {}
    for target in evidence:
        named = _TELEMETRY_SEGMENT.search(_last(project, target))
        for importer in project.importers(target):
            if importer in production and importer != target and (
                named or _takes_telemetry(project, importer, target)
            ):
                importers.setdefault(target, set()).add(importer)
    groups: dict[str, list[str]] = {}
    for path in importers:
        groups.setdefault(_group(project.files[path].symbol), []).append(path)
    found: list[Candidate] = []
    for name, paths in groups.items():
        inside = {path for path, file in project.files.items() if file.symbol == name or file.symbol.startswith(name + ".")}
        from_outside = set().union(*(importers[path] for path in paths)) - inside
        candidate = Candidate(name, len(from_outside), len(inside & configures), len(inside & defines))
        if candidate.importers >= _FEW:
            found.append(candidate)
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.name))


def _last(project: Project, path: str) -> str:
    return project.files[path].symbol.rpartition(".")[2]


def _group(symbol: str) -> str:
    """The outermost package named like telemetry that a module lies in, else the module itself."""
    parts = symbol.split(".")
    for index, part in enumerate(parts[1:], 1):
        if _TELEMETRY_SEGMENT.search(part):
            return ".".join(parts[: index + 1])
    return symbol


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
    if not candidates:
        return None
    first, rest = candidates[0], [c for c in candidates[1:] if not c.name.startswith(candidates[0].name + ".")]
    if not (first.configures or first.defines) or not _TELEMETRY_SEGMENT.search(first.name) and not first.configures:
        return None
    return first if not rest or first.score >= _CLEAR * rest[0].score else None


def _logging_mode(project: Project, store: FactsStore, production: set[str], chosen: Candidate | None) -> str:
    """`facade` where modules get their loggers from the surface, not from `logging`."""
    if chosen is None:
        return "central"
    inside = chosen.name + "."
    direct = {
        path
        for path, statements in _direct(store)
        if path in production and not (project.files[path].symbol + ".").startswith(inside)
    }
    return "facade" if len(direct) * 4 <= chosen.importers else "central"


def _direct(store: FactsStore) -> Iterable[tuple[str, LexicalImport]]:
    return store.imports_of(frozenset({"logging"}))
