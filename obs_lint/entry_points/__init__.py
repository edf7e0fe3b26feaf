"""Entry points: the functions that something outside the code calls, found by where their registrars come from."""

from obs_lint.entry_points.found import EntryPoints, anchors, entry_points
from obs_lint.entry_points.model import EntryPoint

__all__ = ["EntryPoint", "EntryPoints", "anchors", "entry_points"]
