SINKS = []


def emit(event_name, payload=None):
    for sink in SINKS:
        sink.write(event_name, payload)


def replay(rows):
    for row in rows:
        emit(row["name"], row["payload"])
