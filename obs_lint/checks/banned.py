"""Which outside names are banned: telemetry libraries, less what the configuration makes part of the surface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from obs_lint.config.model import Config
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Expr, FileFacts
from obs_lint.patterns import dotted


@dataclass(frozen=True, slots=True)
class BannedModules:
    """The options that say what is banned, shared by the checks that need them."""

    modules: tuple[str, ...] = ()
    """Dotted names that are banned, with all below them; `logging` only where `logging = "facade"`."""
    library_modules: tuple[str, ...] = ()
    """Banned instead of `modules` where `kind = "library"`: SDKs and exporters."""
    allow: tuple[str, ...] = ()
    """Dotted names below banned ones that are free."""


@dataclass(frozen=True, slots=True)
class Banned:
    """What one configuration bans."""

    modules: frozenset[str]
    """Dotted names; each covers what lies below it."""
    roots: frozenset[str]
    """First segments of `modules`."""
    listed: tuple[str, ...]
    """Dotted patterns of the names that surface, emitters, loggers, decorators and the option `allow` list."""

    @classmethod
    def of(
        cls,
        config: Config,
        modules: Iterable[str],
        library_modules: Iterable[str] = (),
        files: Iterable[ProjectFile] = (),
        allow: Iterable[str] = (),
    ) -> Banned:
        """Return what `config` bans.

        A library (`kind = "library"`) may use telemetry APIs: `library_modules` hold instead of `modules`. Under
        `logging = "central"` stdlib logging is free. A module that is the project's own (one of `files` is its package)
        is no outside library; the standard library's `logging` always is.
        """
        names = set(library_modules if config.kind == "library" else modules)
        if config.logging != "facade" and config.kind != "library":
            names = {name for name in names if name.partition(".")[0] != "logging"}
        roots = {name.partition(".")[0] for name in names}
        own = {file.symbol for file in files if file.is_package and file.symbol in roots} - {"logging"}
        names = {name for name in names if name.partition(".")[0] not in own}
        listed = (
            *allow,
            *(config.surface or ()),
            *(emitter.function for emitter in config.emitters),
            *(factory for logger in config.loggers for factory in logger.factory),
            *config.instrument.decorators,
            *config.instrument.class_decorators,
        )
        return cls(frozenset(names), frozenset(name.partition(".")[0] for name in names), listed)

    def module_of(self, name: str) -> str:
        """Return the longest banned module that `name` is or lies below; "" where there is none or it is listed."""
        if name.partition(".")[0] not in self.roots:
            return ""
        prefix = name
        while prefix:
            if prefix in self.modules:
                return "" if self.lists(name) else prefix
            prefix = prefix.rpartition(".")[0]
        return ""

    def lists(self, name: str) -> bool:
        """True for a name that the configuration lists, what lies below it, and the modules that lead to it."""
        return any(dotted(pattern).fullmatch(name) or pattern.startswith(name + ".") for pattern in self.listed)


def banned_by(options: BannedModules, config: Config, files: Iterable[ProjectFile] = ()) -> Banned:
    """Return what the options of a check ban under a configuration."""
    return Banned.of(config, options.modules, options.library_modules, files, options.allow)


def root_name(expr: Expr) -> str:
    """Return the name that a chain of attributes starts with; "" where it starts with something else."""
    while expr[0] == "attr":
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else ""


def annotations_only(facts: FileFacts, name: str) -> bool:
    """True where `name` is used, and in annotations alone."""
    uses = [use for use in facts.uses if root_name(use.expr) == name]
    return bool(uses) and all(use.annotation for use in uses)
