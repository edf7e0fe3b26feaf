import functools
import threading

from acme import carried
from shop import obs
from shop.obs import emit

log = obs.get_logger(__name__)
emit("shop.work")  # error: OBS210
emit("shop.step")  # error: OBS210
emit("shop.step", {"layer_name": "a"})


def tell(name):
    with obs.job_run(job_id="1"):
        emit(name)


tell("shop.work")


@carried
def decorated():
    emit("shop.work")


def ambient():
    with carried():
        emit("shop.work")


def bare():
    log.info("not a context")
    emit("shop.work")  # error: OBS210


for work in (decorated, ambient, functools.partial(bare)):
    threading.Thread(target=work).start()
