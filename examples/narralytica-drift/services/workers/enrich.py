"""The layers."""

import re
import threading
import uuid

from packages import observability as obs

log = obs.get_logger(__name__)


def topics(text: str) -> list[str]:
    """Return the words that are said most."""
    obs.emit("narralytica.layer.started", {"layer_name": "topics"})  # drift: OBS305
    words = re.findall(r"\w+", text)
    obs.emit("narralytica.layer.completed", {"layer_name": "topics"})
    return sorted(set(words), key=words.count)[-5:]


def mood(text: str) -> None:
    """Look for what is good."""
    log.info("mood told", good_count=text.count("good"))


@obs.instrument(fields=["job_id"])
def handle(job_id: str, text: str) -> None:
    """Enrich a document."""
    request_id = str(uuid.uuid4())  # drift: OBS403
    with obs.job_run(job_id=job_id, request_id=request_id):
        assert text, "nothing to enrich"  # drift: OBS504
        topics(text)
        threading.Thread(target=mood, args=(text,)).start()  # drift: OBS406


def run(messages: list[dict[str, str]]) -> None:
    """Handle what there is."""
    for message in messages:
        try:
            handle(**message)
        except Exception:  # drift: OBS501
            continue
