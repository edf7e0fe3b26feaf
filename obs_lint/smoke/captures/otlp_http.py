"""What exporters send to a receiver of OTLP/HTTP on loopback."""

from __future__ import annotations

from obs_lint.smoke.captures.capture import CaptureEnd, CaptureError, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.receiver import Receiver, ReceiverError
from obs_lint.smoke.records import Record


class OtlpHttpCapture:
    """A receiver as a capture; `endpoint` is what processes get as OTEL_EXPORTER_OTLP_ENDPOINT, once it is started."""

    def __init__(self, port: int = 0, *, fields: Fields | ObjectReader | None = None) -> None:
        self.name = f"otlp-http:{port or 'auto'}"
        self._delivery = Delivery(self.name)
        self._receiver = Receiver(self._one, port=port, fields=fields)

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before `start`."""
        return self._receiver.port

    @property
    def endpoint(self) -> str:
        """The URL without a path."""
        return self._receiver.endpoint

    def _one(self, record: Record) -> None:
        self._delivery((record,))

    def start(self, put: Put) -> None:
        """Listen. Raises CaptureError where the port is taken."""
        self._delivery.open(put)
        try:
            self._receiver.start()
        except ReceiverError as error:
            raise CaptureError(f"{self.name}: {error}") from error

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Let requests under way finish, then close."""
        counts = self._receiver.stop(timeout)
        if counts.cut:
            self._delivery.note(f"{counts.cut} requests were cut off; what they carried is lost")
        for reason, times in self._receiver.refusals.items():
            self._delivery.note(f"{times} requests were refused: {reason}")
        self._delivery.dropped = counts.cut + counts.refused
        end = self._delivery.end()
        self._delivery.close()
        return end
