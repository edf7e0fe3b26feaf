"""All facts together: where a name really comes from, and which values an expression can have."""

from obs_lint.project.lexical import FactsSource
from obs_lint.project.origin import Origin
from obs_lint.project.project import Project
from obs_lint.project.values import Value, Values

__all__ = ["FactsSource", "Origin", "Project", "Value", "Values"]
