def emit(event_name, payload=None):
    print(event_name, payload)
