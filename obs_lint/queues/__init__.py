"""A project's own queues: what the configuration says publishes on them, and what takes from them."""

from obs_lint.queues.found import Consumer, Publication, Queues, queue_anchors, queues

__all__ = ["Consumer", "Publication", "Queues", "queue_anchors", "queues"]
