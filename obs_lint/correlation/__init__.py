"""Hops: the places where work leaves the process, and the correlation ids that go along."""

from obs_lint.correlation.found import Hops, anchors, hops
from obs_lint.correlation.model import Canonical, Hop

__all__ = ["Canonical", "Hop", "Hops", "anchors", "hops"]
