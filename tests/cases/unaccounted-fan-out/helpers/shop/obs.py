def emit(event_name, payload=None):
    """Send an event."""
