"""The configuration as values; `load` makes them from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from obs_lint.diagnostic import Severity

DEFAULT_ROLES: Mapping[str, tuple[str, ...]] = {
    "tests": ("**/tests/**", "**/test_*.py", "**/*_test.py", "**/tests.py", "**/conftest.py"),
    "scripts": ("scripts/**", "bin/**", "tools/**"),
    "migrations": ("**/migrations/**", "**/alembic/**"),
    "generated": ("**/*_pb2.py",),
    "examples": ("examples/**", "docs/**"),
}
"""Path globs, relative to the project's root, of each role."""

DEFAULT_EXCLUDE: tuple[str, ...] = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".obs-lint-cache",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""What `exclude` means where nothing is said: ruff's default excludes and our own cache; each at any depth."""


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """Where event names come from."""

    source: str
    """A path, or `kind:rest`: python:, schemas:, yaml:, lock:, package:, weaver:."""
    name: str | None = None
    call: str | None = None
    mirror: bool = False


@dataclass(frozen=True, slots=True)
class EmitterConfig:
    """One callable through which events leave."""

    function: str
    """Dotted name of a function, method (`pkg.Class.method`), class or callable instance."""
    receiver: str | None = None
    event: int | str | None = 0
    """Position of the event's name, or `class`, `method`."""
    event_name: str | None = None
    """Keyword of the event's name."""
    payload: int | str | None = None
    """Keyword or position of the payload, or `**` for all other keywords."""
    context: str | None = None
    severity: str | None = None
    emits: tuple[str, ...] = ()
    lifecycle: str | None = None


@dataclass(frozen=True, slots=True)
class LoggerConfig:
    """What a logger is."""

    factory: tuple[str, ...]
    event: int | str | None = 0
    payload: str | None = "**"
    severity: str | None = "method"
    events: Literal["matching-naming", "all", "none"] = "matching-naming"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A kind of entry point: by decorator, or by base class and method patterns."""

    decorator: str | None = None
    base: str | None = None
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """`[tool.obs-lint.instrument]`."""

    decorators: tuple[str, ...] = ()
    class_decorators: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    routes: bool = False
    accept_span: bool = True


@dataclass(frozen=True, slots=True)
class CorrelationConfig:
    """`[tool.obs-lint.correlation]`."""

    boundary: tuple[str, ...] = ()
    internal_hosts: tuple[str, ...] = ()
    propagating: tuple[str, ...] = ()
    preserving: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """What registers the function that gets the messages of a queue."""

    function: str
    """Dotted name of a function, method or class."""
    topic: int | str = 0
    """Position or keyword of the topic."""
    handler: int | str = 1
    """Position or keyword of the function; `decorated`: the call is a decorator of it."""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """A queue of the project's own: what puts messages on it, and what takes them."""

    publish: str
    """Dotted name of a function or method (`pkg.Class.method`)."""
    topic: int | str = 0
    """Position or keyword of the topic; `none`: all messages go to all consumers."""
    payload: int | str | None = None
    """Position or keyword of what may hold ids; None: all arguments but the topic."""
    carries: Literal["arguments", "context"] = "arguments"
    """`context`: the ids of the current context go along by themselves."""
    consume: tuple[ConsumerConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """`[tool.obs-lint.rules.CODE]`: overrides of one rule."""

    severity: Severity | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Option name (as in YAML) → value; a value may be `{"extend": […]}` or `{"remove": […]}`."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `[tool.obs-lint]` and the command line decide. All paths and globs use `/`."""

    root: Path
    """Absolute; paths in output are relative to it."""
    file: Path | None = None
    """Where it was read from, None where no configuration exists."""
    kind: Literal["service", "library"] = "service"
    surface: tuple[str, ...] | None = None
    """Dotted module patterns; None: not said, to be inferred; (): there is none."""
    wiring: tuple[str, ...] = ()
    """Dotted module patterns or path globs."""
    logging: Literal["facade", "central"] | None = None
    """None: not said; detected, `central` where nothing tells."""
    registry: tuple[RegistrySource, ...] = ()
    source_roots: tuple[str, ...] | None = None
    orchestration: tuple[str, ...] = ()
    rule_paths: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    environment: str | None = None
    select: tuple[str, ...] | None = None
    """Codes, prefixes (`OBS1`), slugs or `ALL`; None: the rules marked default."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: Severity = Severity.ERROR
    type_checking_imports: Literal["allow", "forbid"] = "allow"
    blanket_noqa: Literal["honour", "ignore"] = "honour"
    require_reason: bool = False
    require_code: bool = False
    exclude: tuple[str, ...] | None = None
    """None: the default excludes."""
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    baseline: str = ".obs-lint-baseline.json"
    target_version: str | None = None
    cache_dir: str = ".obs-lint-cache"
    output_format: str | None = None
    strict_dynamic: bool = False
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT_ROLES))
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    emitters: tuple[EmitterConfig, ...] = ()
    loggers: tuple[LoggerConfig, ...] = ()
    instrument: InstrumentConfig = field(default_factory=InstrumentConfig)
    correlation: CorrelationConfig = field(default_factory=CorrelationConfig)
    queues: tuple[QueueConfig, ...] = ()
    rules: Mapping[str, RuleSettings] = field(default_factory=dict)
    """Keyed by code."""
    scopes: tuple[Scope, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Dotted key → where its value comes from: `pyproject.toml`, `--select`, `inferred`; absent for defaults.

    A list that one place gives and another extends names both: `default + pyproject.toml`."""
    sources: Mapping[str, tuple[str, tuple[str | int, ...]]] = field(default_factory=dict, repr=False, compare=False)
    """Where a place named in `provenance` is: the absolute path of its file, and the keys that lead to its table."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One of several surfaces in a repository: `config` holds for the files that `paths` match."""

    paths: tuple[str, ...]
    config: Config
    """The whole configuration with the scope's own keys laid over it; its own `scopes` are empty."""


def wanting(config: Config) -> bool:
    """True where nobody has said what the surface is."""
    return config.file is None and config.surface is None
