def emit(event_name, payload=None, *, severity="info"):
    """Send an event."""
