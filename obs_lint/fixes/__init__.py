"""Fixes: from the edits that checks propose to files that are written, every other byte left as it is."""

from __future__ import annotations

from obs_lint.fixes.apply import Change, Outcome, apply_fixes, proposed
from obs_lint.fixes.difference import difference
from obs_lint.fixes.files import write_changes

__all__ = ["Change", "Outcome", "apply_fixes", "difference", "proposed", "write_changes"]
