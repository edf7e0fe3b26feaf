"""Every request gets an id, and every answer shows it."""

from uuid import UUID, uuid4

from packages import observability as obs


def _wellformed(value: bytes) -> str | None:
    try:
        return str(UUID(value.decode("ascii")))
    except ValueError:
        return None


class RequestContext:
    """ASGI middleware that binds `request_id`."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = _wellformed(given) or str(uuid4())

        async def send_with_id(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with obs.bind(request_id=request_id):
            await self.app(scope, receive, send_with_id)
