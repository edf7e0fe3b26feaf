"""How a Report is written down: one module a format, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from obs_lint.reporters.context import Cells, Context, Sources, no_cells, no_sources

if TYPE_CHECKING:
    from obs_lint.report import Report
    from obs_lint.reporters.supplement import Supplement

__all__ = [
    "DEFAULT_FORMAT",
    "FORMATS",
    "Context",
    "UnknownFormatError",
    "render",
    "render_first_run",
    "render_statistics",
]

FORMATS: Mapping[str, str] = {
    "full": "obs_lint.reporters.full",
    "concise": "obs_lint.reporters.concise",
    "grouped": "obs_lint.reporters.grouped",
    "json": "obs_lint.reporters.json_document",
    "json-lines": "obs_lint.reporters.json_lines",
    "github": "obs_lint.reporters.github",
    "gitlab": "obs_lint.reporters.gitlab",
    "html": "obs_lint.reporters.html",
    "junit": "obs_lint.reporters.junit",
    "markdown": "obs_lint.reporters.markdown",
    "rdjson": "obs_lint.reporters.rdjson",
    "sarif": "obs_lint.reporters.sarif",
}
"""Name of a format, as after `--output-format` → the module that holds it as `render`."""

DEFAULT_FORMAT = "full"


class UnknownFormatError(ValueError):
    """No format has that name; the message lists those there are."""


class _Reporter(Protocol):
    def render(self, report: Report, context: Context) -> str: ...


def render(
    format: str,  # noqa: A002 the word of the command line
    report: Report,
    *,
    color: bool = False,
    sources: Sources = no_sources,
    width: int = 100,
    cells: Cells = no_cells,
    unicode: bool = True,
    quiet: bool = False,
    prefix: str = "",
    source_url: str = "",
    supplement: Supplement | None = None,
) -> str:
    """Return a Report in a format, ending in a newline where it is not empty.

    `width` is in terminal columns; the other arguments are the fields of Context. Formats for machines ignore what
    concerns terminals. Raises UnknownFormatError.
    """
    module = FORMATS.get(format)
    if module is None:
        from difflib import get_close_matches

        near = get_close_matches(format, FORMATS, 1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise UnknownFormatError(f"there is no output format `{format}`: use one of {', '.join(FORMATS)}{hint}")
    context = _context(color, sources, width, cells, unicode, quiet, prefix, source_url, supplement)
    return _load(module).render(report, context)


def render_first_run(
    report: Report,
    *,
    color: bool = False,
    sources: Sources = no_sources,
    width: int = 100,
    cells: Cells = no_cells,
    unicode: bool = True,
) -> str:
    """Return the page for a run without configuration: at most 30 lines of at most 100 columns."""
    module = "obs_lint.reporters.first_run"
    return _load(module).render(report, _context(color, sources, width, cells, unicode, False, ""))


def render_statistics(
    report: Report,
    *,
    format: str = DEFAULT_FORMAT,  # noqa: A002 the word of the command line
    color: bool = False,
    unicode: bool = True,
) -> str:
    """Return counts by rule instead of findings: a table, or an array of objects where the format is a JSON one."""
    from obs_lint.reporters.rule_counts import render as render_counts

    return render_counts(report, Context(color=color, unicode=unicode), as_json=format.startswith("json"))


def _load(module: str) -> _Reporter:
    from importlib import import_module

    return cast("_Reporter", import_module(module))


def _context(
    color: bool,
    sources: Sources,
    width: int,
    cells: Cells,
    unicode: bool,
    quiet: bool,
    prefix: str,
    source_url: str = "",
    supplement: Supplement | None = None,
) -> Context:
    from functools import lru_cache

    remembered = lru_cache(maxsize=32)(sources)
    in_cells = lru_cache(maxsize=32)(cells)
    return Context(color, unicode, max(width, 40), quiet, prefix, remembered, in_cells, source_url, supplement)
