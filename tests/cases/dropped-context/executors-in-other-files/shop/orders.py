import threading as th
from functools import partial

from shop import pools
from shop.pools import Inline, Named, carrying, pool
from shop.work import Steps, step


def place(loop):
    pools.shared.submit(step)  # error: OBS406
    pool().submit(Steps())  # error: OBS406
    Named().submit(Steps.every)  # error: OBS406
    Inline().submit(step)
    pool().submit(carrying(step))
    th.Thread(daemon=True, target=partial(step)).start()  # error: OBS406
    loop.run_in_executor(None, step)  # error: OBS406
    loop.run_in_executor(None, partial(carrying(step)))
    loop.call_soon(step)
    return step()


def map_all(orders):
    with pools.Named() as executor:
        return list(executor.map(lambda order: step(), orders))  # error: OBS406


async def nested(loop):
    def inner():
        step()

    await loop.run_in_executor(None, inner)  # error: OBS406


def main():
    th.Thread(target=step).start()
