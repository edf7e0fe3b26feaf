"""The one table of all configuration keys; validation, the JSON Schema and `obs-lint config` are derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from obs_lint.config import forms
from obs_lint.config.forms import Form
from obs_lint.config.model import (
    DEFAULT_EXCLUDE,
    DEFAULT_ROLES,
    Config,
    ConsumerConfig,
    CorrelationConfig,
    EmitterConfig,
    EntryPoint,
    InstrumentConfig,
    LoggerConfig,
    QueueConfig,
    RegistrySource,
    RuleSettings,
    Scope,
)
from obs_lint.diagnostic import Severity


class Text(NamedTuple):
    """A string of some form."""

    form: Form = forms.TEXT


class Choice(NamedTuple):
    """One of some words."""

    words: tuple[str, ...]
    of: type[Severity] | None = None
    """The enumeration that the value becomes; None: it stays a string."""


class Flag(NamedTuple):
    """true or false."""

    doc: str = "true or false"


class Position(NamedTuple):
    """An argument: its position from 0, or a word that says how it is found."""

    words: tuple[str, ...] = ()
    form: Form | None = None
    """Form of any other string; None: no other string is good."""
    hint: str = ""


class Items(NamedTuple):
    """A list; `{ extend = […] }` and `{ remove = […] }` work on its default."""

    item: Kind


class Entries(NamedTuple):
    """A table whose keys are the user's own."""

    key: Form
    value: Kind


class Table(NamedTuple):
    """A table with known keys."""

    keys: tuple[Key, ...]
    cls: type[Any] | None = None
    """What it becomes; None: a mapping."""
    required: tuple[str, ...] = ()
    short: str = ""
    """A string in place of the table stands for this key of it."""
    rest: str = ""
    """The field that takes all other keys as they are; empty: there are none."""
    one_of: tuple[str, ...] = ()
    """Exactly one of these must be given."""


Kind = Text | Choice | Flag | Position | Items | Entries | Table


class Key(NamedTuple):
    """One key of a table."""

    name: str
    kind: Kind
    doc: str
    attribute: str = ""
    """Of the value that the table becomes; empty: the name with `_` for `-`."""
    run_wide: bool = False
    """True where it can't differ between parts of a project; not allowed in a scope."""
    unset: str = ""
    """What holds where nothing is said and the default is None."""

    @property
    def field(self) -> str:
        """The attribute that takes the value."""
        return self.attribute or self.name.replace("-", "_")


_DOTTED = Items(Text(forms.DOTTED))
_NAMES = Items(Text(forms.NAME))
_GLOBS = Items(Text(forms.GLOB))
_TEXTS = Items(Text())
_PATHS = Items(Text(forms.PATH))
_SELECTORS = Items(Text(forms.SELECTOR))
_SEVERITY = Choice(tuple(Severity), Severity)

_REGISTRY_SOURCE = Table(
    (
        Key(
            "source", Text(forms.REGISTRY), "A path, or kind:rest with python, schemas, yaml, lock, package or weaver."
        ),
        Key(
            "name",
            Text(),
            "Where names are. python: value, member, class, or attribute:, method:, keyword:, decorator:NAME; "
            "yaml: a pattern.",
            unset="the source's own way",
        ),
        Key("call", Text(forms.NAME), "The call that declares an event, for declarations made by calls.", unset="none"),
        Key("mirror", Flag(), "A copy of another source: it may repeat that one's events."),
    ),
    RegistrySource,
    required=("source",),
    short="source",
)

_EMITTER = Table(
    (
        Key("function", Text(forms.DOTTED), "Function, method, class (constructing it emits) or callable instance."),
        Key("receiver", Text(forms.DOTTED), "Which objects, where types don't tell: `*.event_logger`.", unset="any"),
        Key(
            "event",
            Position(("class", "method"), hint='a keyword goes to event-name: event-name = "…"'),
            "Position of the event's name; `class`: the argument's class is the event; `method`: the method's name is.",
        ),
        Key("event-name", Text(forms.KEYWORD), "Keyword of the event's name.", unset="found in the definition"),
        Key(
            "payload",
            Position((), forms.KEYWORD_OR_REST),
            "Keyword or position of the payload, or `**` for all other keywords.",
            unset="none",
        ),
        Key("context", Text(forms.KEYWORD), "Keyword of the context.", unset="none"),
        Key("severity", Text(forms.KEYWORD), "Keyword of the severity.", unset="none"),
        Key("emits", _TEXTS, "Events that it emits by itself (helpers)."),
        Key("lifecycle", Text(), "The registry's lifecycle whose events it emits.", unset="none"),
    ),
    EmitterConfig,
    required=("function",),
)

_LOGGER = Table(
    (
        Key("factory", _DOTTED, "Functions that return such a logger."),
        Key(
            "event",
            Position(("class", "method"), hint="the position of the message, from 0"),
            "Position of the message or the event's name.",
        ),
        Key("payload", Text(forms.KEYWORD_OR_REST), "Keyword of the payload, or `**` for all other keywords."),
        Key("severity", Text(forms.KEYWORD), "`method`: the method's name is the severity; else its keyword."),
        Key(
            "events",
            Choice(("matching-naming", "all", "none")),
            "Which messages are events: those that fit the registry's naming, all, or none.",
        ),
    ),
    LoggerConfig,
    required=("factory",),
)

_ENTRY_POINT = Table(
    (
        Key("decorator", Text(forms.DOTTED), "What is decorated with it is an entry point.", unset="none"),
        Key("base", Text(forms.DOTTED), "Methods of classes with this base are entry points.", unset="none"),
        Key("methods", _TEXTS, "Which methods of such a class: `on_*`."),
    ),
    EntryPoint,
    one_of=("decorator", "base"),
)

_INSTRUMENT = Table(
    (
        Key("decorators", _DOTTED, "The decorators that instrument a function."),
        Key("class-decorators", _DOTTED, "The decorators that instrument all methods of a class."),
        Key("targets", _DOTTED, "Functions and methods that must be instrumented; `*` one segment, `**` any number."),
        Key("entry-points", Items(_ENTRY_POINT), "Further entry points, by decorator or by base class."),
        Key("routes", Flag(), "Web routes and queue tasks anywhere must be instrumented; auto-instrumentation counts."),
        Key("accept-span", Flag(), "A `with span(…)` round the whole body counts as instrumented."),
    ),
    InstrumentConfig,
)

_CORRELATION = Table(
    (
        Key("boundary", _DOTTED, "Modules where ids may be minted (OBS403)."),
        Key("internal-hosts", _TEXTS, "Calls to these hosts or settings carry ids (OBS401)."),
        Key("propagating", _DOTTED, "Clients, hooks and middlewares that carry ids."),
        Key("preserving", _DOTTED, "Functions that keep the context (OBS406)."),
    ),
    CorrelationConfig,
)

_CONSUMER = Table(
    (
        Key("function", Text(forms.DOTTED), "The function, method or class that is given the topic and the handler."),
        Key("topic", Position((), forms.KEYWORD), "Position or keyword of the topic."),
        Key(
            "handler",
            Position(("decorated",), forms.KEYWORD),
            "Position or keyword of the function that gets the messages; `decorated`: the call is its decorator.",
        ),
    ),
    ConsumerConfig,
    required=("function",),
    short="function",
)

_QUEUE = Table(
    (
        Key("publish", Text(forms.DOTTED), "The function or method that puts a message on the queue."),
        Key(
            "topic",
            Position(("none",), forms.KEYWORD),
            "Position or keyword of the topic; `none`: every consumer gets every message.",
        ),
        Key(
            "payload",
            Position((), forms.KEYWORD),
            "Position or keyword of what may hold ids.",
            unset="all arguments but the topic",
        ),
        Key(
            "carries",
            Choice(("arguments", "context")),
            "context: the ids of the current context go along by themselves; arguments: ids are looked for there.",
        ),
        Key("consume", Items(_CONSUMER), "Calls that register which function gets the messages of a topic."),
    ),
    QueueConfig,
    required=("publish",),
)

_RULE = Table(
    (Key("severity", _SEVERITY, "How bad its findings are.", unset="the rule's own"),),
    RuleSettings,
    rest="options",
)

_ROLE_DOCS = {
    "tests": "Test code.",
    "scripts": "Scripts; for OBS108 also files with argparse, click, typer or, outside services, a __main__ guard.",
    "migrations": "Database migrations.",
    "generated": "Generated code.",
    "examples": "Examples and documentation.",
}
_ROLES = Table(tuple(Key(role, _GLOBS, _ROLE_DOCS[role]) for role in DEFAULT_ROLES))

SCOPED: tuple[Key, ...] = (
    Key(
        "kind",
        Choice(("service", "library")),
        "library: telemetry APIs allowed; SDKs, configuration, exporters banned.",
    ),
    Key(
        "surface",
        _DOTTED,
        "The modules that are the surface, and all below them; may be third-party. []: there is none.",
        unset="inferred",
    ),
    Key(
        "wiring",
        Items(Text(forms.DOTTED_OR_GLOB)),
        "Modules or path globs that may configure telemetry and touch internals.",
    ),
    Key(
        "logging",
        Choice(("facade", "central")),
        "facade: stdlib logging is banned outside the surface; central: only configuring it is (OBS107).",
        unset="detected",
    ),
    Key("registry", Items(_REGISTRY_SOURCE), "Where event names are declared."),
    Key("orchestration", _DOTTED, "Modules where OBS307 and OBS503–505 apply."),
    Key("extends", Items(Text(forms.EXTENDS)), "Configuration to build on: a shipped preset, a path, package:name."),
    Key("environment", Text(forms.PATH), "Virtual environment whose packages may be looked into.", unset="none"),
    Key("select", _SELECTORS, "Rules to run: codes, prefixes, slugs, ALL.", unset="the rules marked default"),
    Key("extend-select", _SELECTORS, "Rules to run beside the selected ones."),
    Key("ignore", _SELECTORS, "Rules not to run."),
    Key("type-checking-imports", Choice(("allow", "forbid")), "Imports that are used in annotations only."),
    Key("blanket-noqa", Choice(("honour", "ignore")), "What a `# noqa` without codes does."),
    Key("require-reason", Flag(), "Suppressions must say why."),
    Key("require-code", Flag(), "Suppressions must name codes."),
    Key("target-version", Text(forms.VERSION), "The oldest Python that the code runs on.", unset="none"),
    Key("strict-dynamic", Flag(), "Name what can't be told statically."),
    Key("services", Entries(forms.TEXT, _GLOBS), "Which code is which service."),
    Key("per-file-ignores", Entries(forms.GLOB, _SELECTORS), "Rules not to run on some files."),
    Key("emitters", Items(_EMITTER), "Through what events leave.", unset="the surface's emit"),
    Key("loggers", Items(_LOGGER), "What a logger is."),
    Key("instrument", _INSTRUMENT, "Instrumentation."),
    Key("correlation", _CORRELATION, "Correlation of requests and jobs."),
    Key("queues", Items(_QUEUE), "The project's own queues: what publishes, and what consumes."),
    Key("rules", Entries(forms.SELECTOR, _RULE), "Severity and options of single rules."),
)
"""Keys that a scope may set too."""

_RUN_WIDE: tuple[Key, ...] = (
    Key("source-roots", _GLOBS, "Folders that imports start from.", run_wide=True, unset="found"),
    Key("rule-paths", _PATHS, "Folders with the team's own rules.", run_wide=True),
    Key("fail-on", _SEVERITY, "The mildest severity that makes exit code 1.", run_wide=True),
    Key("exclude", _GLOBS, "Files and folders to leave out.", run_wide=True, unset="the default excludes"),
    Key("extend-exclude", _GLOBS, "Files and folders to leave out beside `exclude`.", run_wide=True),
    Key(
        "force-exclude",
        Flag(),
        "Leave out excluded files even where they are named on the command line.",
        run_wide=True,
    ),
    Key("respect-gitignore", Flag(), "Leave out what git ignores.", run_wide=True),
    Key("baseline", Text(forms.PATH), "The file with the diagnostics that are known.", run_wide=True),
    Key("cache-dir", Text(forms.PATH), "The folder of the cache.", run_wide=True),
    Key(
        "output-format",
        Choice(
            (
                "full",
                "concise",
                "json",
                "json-lines",
                "github",
                "gitlab",
                "sarif",
                "junit",
                "markdown",
                "rdjson",
                "grouped",
                "html",
            ),
        ),
        "How results are printed.",
        run_wide=True,
        unset="full",
    ),
    Key("paths", _ROLES, "Roles of files; rules say which roles they leave alone.", "roles", run_wide=True),
)

SCOPE = Table(
    (Key("paths", _GLOBS, "The files that the scope's other keys hold for."), *SCOPED),
    Scope,
    required=("paths",),
)
CONFIG = Table(
    (*SCOPED, *_RUN_WIDE, Key("scopes", Items(SCOPE), "Keys for some paths only.", run_wide=True)),
    Config,
)
"""The whole of `[tool.obs-lint]`."""

UNSET_BASES: Mapping[str, tuple[str, ...]] = {"exclude": DEFAULT_EXCLUDE}
"""What `{ extend }` and `{ remove }` work on for keys whose default is None."""


def default(table: Table, key: Key) -> Any:
    """Return the value that holds where nothing is said; None where that is decided later (`Key.unset`)."""
    if table is _ROLES:
        return DEFAULT_ROLES[key.name]
    if table.cls is None or table.cls is Scope:
        return None
    from dataclasses import MISSING

    field = table.cls.__dataclass_fields__[key.field]
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None
