"""The html format: one page that needs nothing but itself, for people who look at a report in a browser.

It loads nothing (a content security policy forbids it), says everything without its script, which adds filters,
grouping and a choice of colours, and is the same bytes for the same input. What it shows beside the Report (who owns
what, the surface's users, the event catalogue) comes as a `Supplement`.
"""

from __future__ import annotations

from obs_lint.report import Report
from obs_lint.reporters.context import Context
from obs_lint.reporters.html.page import page

__all__ = ["render"]


def render(report: Report, context: Context) -> str:
    """Return the whole Report as one HTML page, in ASCII."""
    from obs_lint.reporters.supplement import Supplement

    return page(report, context, context.supplement or Supplement())
