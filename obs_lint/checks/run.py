"""What a check is given: one rule, its options, and the files it may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Fix, Position, Span, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Anchor, Pos
from obs_lint.rule import Rule

if TYPE_CHECKING:
    from obs_lint.project import Project
    from obs_lint.registry.model import Place

__all__ = ["Anchor", "RuleRun"]

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class RuleRun(Generic[OptionsT]):
    """One rule bound to a project."""

    rule: Rule
    options: OptionsT
    config: Config
    """The configuration that holds for `files` (a scope's own, where they lie in one)."""
    project: Project
    files: Sequence[ProjectFile]
    """What the rule may report on: role, surface and PATHS filters are the check's own where it says so; roles that the
    rule leaves alone are out already."""
    anchored: Sequence[ProjectFile]
    """Those of `files` that match one of the check's anchors."""

    def report(
        self,
        file: ProjectFile,
        pos: Pos,
        *,
        target: str = "",
        scope: int = -1,
        within: str = "",
        lines: tuple[int, int] | None = None,
        trail: tuple[TrailStep, ...] = (),
        fix: Fix | None = None,
        **fields: Any,
    ) -> Diagnostic:
        """Make a Diagnostic; `fields` fill the rule's message and help.

        `scope` (of FileFacts) or `within` (a qualname) say what the finding stands in. `lines` are the first and
        last line of its
        statement, on which a suppression counts, where no FileFacts are to be asked.
        """
        rule = self.rule
        fields.setdefault("surface", (self.config.surface or ("the observability surface",))[0])
        fields.setdefault("module", target)
        symbol = self.project.symbol(file.path, scope)
        cell, first = self.project.cell_of(file.path, pos[0])
        return Diagnostic(
            code=rule.code,
            slug=rule.slug,
            severity=rule.severity,
            message=rule.message.format_map(fields),
            path=file.path,
            span=Span(Position(pos[0] - first, pos[1]), Position(pos[2] - first, pos[3])),
            symbol=f"{symbol}.{within}" if within else symbol,
            target=target,
            help=fields.get("help") or rule.help.format_map(fields),
            lines=lines,
            trail=trail,
            fix=fix,
            cell=cell,
        )

    def report_at(
        self,
        place: Place,
        *,
        target: str = "",
        within: str = "",
        trail: tuple[TrailStep, ...] = (),
        fix: Fix | None = None,
        **fields: Any,
    ) -> Diagnostic:
        """Make a Diagnostic for a place that need not lie in a Python file of the project: the YAML of a registry.

        `fields` fill the message and the help, as in `report`; `target` and `within` tell findings in one file apart.
        """
        rule = self.rule
        fields.setdefault("surface", (self.config.surface or ("the observability surface",))[0])
        fields.setdefault("module", target)
        symbol, cell, first = "", None, 0
        if place.path in self.project.files:
            symbol = self.project.symbol(place.path, -1)
            cell, first = self.project.cell_of(place.path, place.line)
        end = (place.end_line, place.end_column) if place.end_line else (place.line, place.column + 1)
        return Diagnostic(
            code=rule.code,
            slug=rule.slug,
            severity=rule.severity,
            message=rule.message.format_map(fields),
            path=place.path,
            span=Span(Position(place.line - first, place.column), Position(end[0] - first, end[1])),
            symbol=".".join(part for part in (symbol, within) if part),
            target=target,
            help=fields.get("help") or rule.help.format_map(fields),
            trail=trail,
            fix=fix,
            cell=cell,
        )

    def is_surface(self, file: ProjectFile) -> bool:
        """True for the surface's own modules."""
        return self.project.is_surface(file, self.config)

    def is_wiring(self, file: ProjectFile) -> bool:
        """True for modules that may configure telemetry and touch the surface's internals."""
        return self.project.is_wiring(file, self.config)
