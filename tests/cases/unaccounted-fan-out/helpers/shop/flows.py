import asyncio
from asyncio import gather as together
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from shop import obs


async def run_all(coroutines):
    return await asyncio.gather(*coroutines)


async def cancel_all(coroutines):
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def work(item):
    return await item.work()


async def aliased(items):
    return await together(*(work(item) for item in items))  # error: OBS307@18


async def close(client, server):
    await asyncio.gather(client.aclose(), server.aclose())


async def first(stop, item):
    doing = asyncio.create_task(work(item))
    done, pending = await asyncio.wait(
        [doing, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def one_after_the_other(loop, items):
    for item in items:
        await loop.run_in_executor(None, item.work)
        task = asyncio.create_task(work(item))
        await task


class Service:
    async def start(self):
        self._reading = asyncio.create_task(self.read())
        self._writing = asyncio.create_task(self.write())

    async def serve(self, queue):
        while True:
            item = await queue.get()
            asyncio.create_task(work(item))  # error: OBS307

    def threads(self, items):
        with ThreadPoolExecutor() as threads:
            threads.submit(partial(self.read, 1))  # error: OBS307
            threads.submit(partial(self.write, 2))

    def read(self):
        return self.queue.get()

    def write(self):
        obs.emit("service.wrote", {})
