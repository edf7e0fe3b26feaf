from shop.obs import emit

if emit:

    def emit_telemetry(name):  # error: OBS105
        return name

else:
    emit_telemetry = emit

with open("x") as emit_log_event:
    pass
for emit_trace_event in ():
    pass


def outer():
    def send(name):
        return name

    local = {"emit_event": send}
    return local


class Flags:
    emit_event = False
    emit_log_event: bool = True


class Orders:
    def __init__(self, settings):
        self.emit_event = settings.emit_event

    async def _emit_event(self, name):  # error: OBS105
        await self.queue.put(name)

    _emit_telemetry = staticmethod(lambda name: name)  # error: OBS105
