def emit(event_name, payload=None, *, ctx=None, severity="info"):
    """Send an event."""
