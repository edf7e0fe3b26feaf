from contextvars import ContextVar

request_id = ContextVar("request_id")


def emit(event_name, payload=None):
    return event_name, request_id.get(None)
