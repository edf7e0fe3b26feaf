from contextlib import contextmanager
from threading import Thread


def emit(event_name, payload=None, ctx=None):
    print(event_name, payload, ctx)


@contextmanager
def job_run(**fields):
    yield fields


def get_logger(name):
    return name


def replay():
    emit("shop.work", ctx={})


def later():
    emit("shop.work")


Thread(target=later).start()
