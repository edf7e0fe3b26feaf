from shop import exported, ids
from shop.exported import make_id


class Runner:
    def begin(self):
        self.request_id = make_id()

    def resume(self, order):
        self.request_id = make_id()  # error: OBS403
        order["correlation_id"] = exported.token(8)  # error: OBS403
        self.other = ids.short()
        self.request_id = ids.either(order.request_id)
        return dict(request_id=ids.short())  # error: OBS403

    async def twice(self, send):
        fresh = ids.new_id()
        await send(headers={"x-request-id": fresh})  # error: OBS403
        await send(headers={"x-request-id": fresh})
        request_id = correlation_id = ids.new_id()  # error: OBS403
        return [{"request_id": request_id, "correlation_id": correlation_id} for _ in range(2)]
