def emit(event_name, payload=None, *, ctx=None, severity="info"):
    print(event_name, payload, ctx, severity)


emit("obs.operation.started")
emit("obs.operation.begun")  # error: OBS201
