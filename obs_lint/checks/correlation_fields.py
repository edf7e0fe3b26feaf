"""The canonical correlation fields of a configuration, as rules about outbound work ask for them."""

from __future__ import annotations

from obs_lint.config.model import Config
from obs_lint.correlation import Canonical
from obs_lint.correlation.model import DEFAULT_FIELDS
from obs_lint.events.registries import registries
from obs_lint.project import Project
from obs_lint.registry.model import CorrelationField


def canonical(project: Project, config: Config) -> Canonical:
    """Return the correlation fields that the registry declares, the common ones where it declares none."""
    return project.once(
        ("canonical", config.registry, config.environment), lambda: Canonical(_declared(project, config))
    )


def expected(project: Project, config: Config) -> CorrelationField:
    """Return the field that messages name: the first that has a header, with one made of its name where none has."""
    fields = _declared(project, config) or DEFAULT_FIELDS
    for field in fields:
        if field.header:
            return field
    name = fields[0].name
    return CorrelationField(name, header="X-" + name.replace("_", "-").title())


def _declared(project: Project, config: Config) -> tuple[CorrelationField, ...]:
    return tuple(field for registry in registries(project, config).sources for field in registry.correlation)
