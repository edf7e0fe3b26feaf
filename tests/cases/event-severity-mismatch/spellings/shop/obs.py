def emit(event_name, payload=None, severity="info"):
    print(event_name, payload, severity)
