"""A contract type for import-linter: telemetry is reached through the surface alone, whatever way the names take."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from importlinter import Contract, ContractCheck, fields, output
from importlinter.application.contract_utils import AlertLevel, remove_ignored_imports

if TYPE_CHECKING:
    from grimp import ImportGraph

    from obs_lint.config.model import Config
    from obs_lint.diagnostic import Diagnostic
    from obs_lint.report import Report

RULES = ("OBS102", "OBS103", "OBS104")
"""Direct, laundered and dynamic imports of telemetry."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line that telemetry passes on its way past the surface."""

    importer: str
    imported: str
    line: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way past the surface."""

    message: str
    steps: tuple[Step, ...]
    """From the module that uses the telemetry to the library."""
    edges: frozenset[tuple[str, str]]
    """The same as importer and imported module in import-linter's graph, which knows libraries by their first name."""


class SingleSurfaceContract(Contract):
    """Telemetry libraries are imported by the surface only, and no other module gets at them through a third.

    Configuration options:
        - surface: the modules that are the surface, with all below them; `*` is one segment, `**` any number.
          Default: that of obs-lint's own configuration.
        - wiring: modules that may configure telemetry. Default: as above.
        - telemetry_modules: what is reserved to the surface, submodules of external packages included
          (`opentelemetry.sdk`). Default: what OBS102 bans.
        - ignore_imports, unmatched_ignore_imports_alerting: as in import-linter's own contracts.
    """

    type_name = "single_observability_surface"

    surface = fields.ListField(subfield=fields.StringField(), required=False, default=None)
    wiring = fields.ListField(subfield=fields.StringField(), required=False, default=None)
    telemetry_modules = fields.ListField(subfield=fields.StringField(), required=False, default=None)
    ignore_imports = fields.SetField(subfield=fields.ImportExpressionField(), required=False)
    unmatched_ignore_imports_alerting = fields.EnumField(AlertLevel, default=AlertLevel.ERROR)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return what breaks the contract. Raises ValueError for a module that nobody knows, and for what could not be
        analysed: import-linter shows it and fails.
        """
        if str(self.session_options.get("include_external_packages")).lower() != "true":
            raise ValueError(
                "The top level configuration must have include_external_packages=True: telemetry is external."
            )
        config = self._config()
        self._require_known(config, graph)
        output.verbose_print(verbose, f"Looking for telemetry outside {', '.join(config.surface or ())}...")
        before = _edges(graph)
        alerting: Any = self.unmatched_ignore_imports_alerting
        warnings = remove_ignored_imports(graph, self._ignored(), alerting)
        ignored = before - _edges(graph)
        violations = [
            found for found in _violations(_report(config), config, graph) if not ignored.intersection(found.edges)
        ]
        return ContractCheck(kept=not violations, warnings=list(warnings), metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each way past the surface, line by line."""
        for found in check.metadata["violations"]:
            output.print_error(_escaped(found.message))
            for number, step in enumerate(found.steps):
                if number:
                    output.indent_cursor()
                text = _escaped(f"{step.importer} -> {step.imported} (l. {step.line})")
                output.print_error(text if number else f"-   {text}", bold=False)
            output.new_line()

    def _ignored(self) -> list[Any]:
        expressions: Any = self.ignore_imports
        return list(expressions or ())

    def _given(self, name: str) -> tuple[str, ...] | None:
        """What the contract says of a field, None for nothing; import-linter has put the value in the field's place."""
        value = getattr(self, name)
        return None if value is None else tuple(value)

    def _config(self) -> Config:
        """Obs-lint's own configuration for this folder, with what the contract says in its place."""
        from obs_lint.config import ConfigError, load
        from obs_lint.config.model import RuleSettings

        try:
            config = load(os.getcwd(), overrides={"select": ",".join(RULES)})
        except ConfigError as error:
            raise ValueError(f"obs-lint: {error}") from None
        changes: dict[str, Any] = {
            name: given for name in ("surface", "wiring") if (given := self._given(name)) is not None
        }
        modules = self._given("telemetry_modules")
        if modules is not None:
            rules = dict(config.rules)
            own = rules.pop("direct-telemetry-import", None) or rules.get("OBS102") or RuleSettings()
            options = {**own.options, "modules": modules, "library-modules": modules}
            changes["rules"] = {**rules, "OBS102": replace(own, options=options)}
        if config.logging is None or any(name.partition(".")[0] == "logging" for name in modules or ()):
            changes["logging"] = "facade"
        config = replace(config, **changes, scopes=() if changes.keys() & {"surface", "wiring"} else config.scopes)
        if not config.surface:
            raise ValueError(
                "Nothing says what the surface is: give the contract a `surface`, or the project a [tool.obs-lint]."
            )
        return config

    def _require_known(self, config: Config, graph: ImportGraph) -> None:
        """Raise for a module that is nowhere to be found: a contract on it would guard nothing."""
        from obs_lint.patterns import is_path_glob, names_match

        modules = sorted(graph.modules)
        for key in ("surface", "wiring"):
            for pattern in self._given(key) or ():
                if not is_path_glob(pattern) and not names_match(pattern, modules):
                    raise ValueError(f"Module '{pattern}' of `{key}` does not exist.{_nearest(pattern, modules)}")
        known = {*modules, *sys.stdlib_module_names, *_shipped(config)}
        for name in self._given("telemetry_modules") or ():
            if name not in known and not _is_installed(name, known):
                raise ValueError(
                    f"Module '{name}' of `telemetry_modules` is not imported, not installed and no telemetry library "
                    f"that obs-lint knows.{_nearest(name, known)}"
                )


def _edges(graph: ImportGraph) -> frozenset[tuple[str, str]]:
    return frozenset(
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )


def _report(config: Config) -> Report:
    from obs_lint import engine
    from obs_lint.catalogue.error import CatalogueError
    from obs_lint.config import ConfigError

    try:
        report = engine.run(config, cwd=os.getcwd())
    except (ConfigError, CatalogueError) as error:
        raise ValueError(f"obs-lint: {error}") from None
    if report.failures:
        shown = [f"{f.path}:{f.line}: {f.message}" if f.path else f.message for f in report.failures]
        raise ValueError("obs-lint could not analyse everything:\n" + "\n".join(shown))
    return report


def _violations(report: Report, config: Config, graph: ImportGraph) -> Iterator[Violation]:
    """Yield what was found in modules of the graph, in the order of their names."""
    from obs_lint.discovery import discover

    names = {
        file.path: next((name for name in file.names if name in graph.modules), file.symbol)
        for file in discover(config).files
    }
    found = [d for d in report.diagnostics if d.code in RULES and names.get(d.path) in graph.modules]
    made = {_violation(d, names, graph) for d in found}
    yield from sorted(made, key=lambda v: (v.steps[0].importer, v.steps[0].line, v.message))


def _violation(found: Diagnostic, names: Mapping[str, str], graph: ImportGraph) -> Violation:
    """Make the chain of modules that a finding's trail goes through; it ends at the library."""
    places = [(found.path, found.span.start.line), *((step.path, step.position.line) for step in found.trail)]
    hops: list[tuple[str, int]] = []
    for path, line in places:
        module = names.get(path, path)
        if not hops or hops[-1][0] != module:
            hops.append((module, line))
    following = [module for module, _ in hops[1:]]
    last = hops[-1][0]
    steps = [Step(module, after, line) for (module, line), after in zip(hops, following, strict=False)]
    edges = frozenset([*((step.importer, step.imported) for step in steps), (last, _in_graph(found.target, graph))])
    steps.append(Step(last, found.target, hops[-1][1]))
    return Violation(f"{hops[0][0]}: {found.message}", tuple(steps), edges)


def _in_graph(target: str, graph: ImportGraph) -> str:
    """The longest part of a dotted name that the graph has as a module; externals are there by their first segment."""
    name = target
    while name and name not in graph.modules:
        name = name.rpartition(".")[0]
    return name or target


def _shipped(config: Config) -> Iterable[str]:
    from obs_lint.catalogue.shipped import documents

    [rule] = (document for _, document in documents() if document["code"] == "OBS102")
    return [*rule["with"]["modules"], *rule["with"]["library-modules"]]


def _is_installed(name: str, known: Iterable[str]) -> bool:
    """True where the package is installed, or what is known lies around it; nothing of it is executed."""
    from importlib.machinery import PathFinder

    if any(name.startswith(other + ".") or other.startswith(name + ".") for other in known):
        return True
    return PathFinder.find_spec(name.partition(".")[0]) is not None


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), 1, 0.7)
    return f" Did you mean '{near[0]}'?" if near else ""


def _escaped(text: str) -> str:
    """Keep Rich from reading what stands in brackets as its markup."""
    from rich.markup import escape

    return escape(text)


__all__: Sequence[str] = ["SingleSurfaceContract"]
