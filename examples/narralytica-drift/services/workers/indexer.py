"""The index."""

from packages import observability as obs

log = obs.get_logger(__name__)


@obs.instrument  # drift: OBS302
def handle(job_id: str, segments: list[str]) -> None:
    """Index a document."""
    try:
        count = sum(len(segment.split()) > 0 for segment in segments)
    except Exception as error:
        log.error("not indexed: %s" % error)  # drift: OBS502
        return
    obs.emit("narralytica.index.synced", {"segments_count": count})
    obs.emit("narralytica.layer.completed", {"layer_name": "index"})  # drift: OBS211
