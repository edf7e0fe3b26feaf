from shop.obs import emit as send
from shop.obs.emit import emit


async def tell(name):  # error: OBS106
    send(name, {})


def rename(name):
    name = name.lower()
    emit(name, {})


def literal(name):
    emit("shop.a", {"name": name})


class A:
    @staticmethod
    def forward(payload, name="x"):  # error: OBS106
        return [emit(name, payload) for _ in "a"]
