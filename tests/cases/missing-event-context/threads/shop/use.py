import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Process

from shop import obs
from shop.obs import emit
from shop.threads import defer


class Worker:
    def __init__(self):
        self.pool = ThreadPoolExecutor()

    def start(self, job):
        threading.Thread(target=self._loop).start()
        threading.Timer(5, self._late).start()
        Process(target=self._process).start()
        self.pool.submit(self._submitted, job)
        threading.Thread(target=contextvars.copy_context().run, args=(self._copied,)).start()
        threading.Thread(target=defer(self._deferred)).start()

    def _loop(self):
        emit("shop.work")  # error: OBS210

    def _late(self):
        emit("shop.work")  # error: OBS210

    def _process(self):
        emit("shop.work")  # error: OBS210

    def _submitted(self, job):
        emit("shop.work")  # error: OBS210

    def _copied(self):
        emit("shop.work")

    def _deferred(self):
        emit("shop.work")


def in_executor():
    emit("shop.work")  # error: OBS210


def to_thread():
    emit("shop.work")


def with_job():
    with obs.job_run(job_id="1"):
        emit("shop.work")


def splat(*args, **options):
    emit("shop.work", *args)
    emit("shop.work", **options)


async def main(loop):
    await loop.run_in_executor(None, in_executor)
    await asyncio.to_thread(to_thread)
    threading.Thread(target=with_job).start()
    threading.Thread(target=splat).start()


def literal(job, fields):
    emit("shop.layer", {"layer_name": "a"}, ctx={"job_id": job})
    emit("shop.layer", {"other": "a"}, ctx={"job_id": job})  # error: OBS210@44
    emit("shop.layer", {**fields}, ctx={"job_id": job})
    emit("shop.layer", {"layer_name": "a"}, {"request_id": job})  # error: OBS210@45
