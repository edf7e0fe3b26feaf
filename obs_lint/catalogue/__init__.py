"""The catalogue: rule files → Rules, selected and set up as the configuration says."""

from obs_lint.catalogue.catalogue import Catalogue, load_catalogue
from obs_lint.catalogue.error import CatalogueError

__all__ = ["Catalogue", "CatalogueError", "load_catalogue"]
