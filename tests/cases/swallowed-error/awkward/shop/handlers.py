"""Handlers whose first lines mislead."""

import gc
import logging

from shop.errors import Exception as Mine
from shop.errors import Expected

log = logging.getLogger(__name__)
FEW = (ValueError,)
MANY = (*FEW, Exception)


def one_line(order):
    try: order.place()
    except Exception: pass  # error: OBS501


def comment(order):
    try:
        order.place()
    except Exception as error:  # error: OBS501
        # log.error(error) would say it
        pass  # error is ignored


def text(order):
    try:
        order.place()
    except Exception as error:  # error: OBS501
        order.note = "log.warning(e)"


def deleted(order):
    try:
        order.place()
    except Exception as error:  # error: OBS501
        del error


def bound_again(order):
    try:
        order.place()
    except Exception as error:  # error: OBS501
        try:
            gc.collect()
        except ValueError as error:
            pass


def several_lines(order):
    try:
        order.place()
    except (  # error: OBS501
        ValueError,
        Exception,
    ):
        pass


def collected(order):
    try:
        order.place()
    except MANY:  # error: OBS501
        pass
    try:
        order.place()
    except FEW:
        pass
    try:
        order.place()
    except (KeyError, *MANY):  # error: OBS501
        pass


def own(order):
    try:
        order.place()
    except Mine:
        pass
    except Expected:
        pass


def later(order):
    try:
        order.place()
    except Exception as error:
        def tell():
            log.error(error)

        order.later = tell


def raised_elsewhere(order):
    try:
        order.place()
    except Exception:  # error: OBS501
        def tell():
            raise ValueError

        order.place = tell


def secondary(order):
    try:
        order.place()
    except Exception:
        try:
            order.reset()
        except Exception:
            pass
        log.exception("not placed")


def counted(orders):
    failed = 0
    for order in orders:
        try:
            order.place()
        except Exception:
            failed += 1
    return failed


def status(order):
    try:
        order.place()
    except Exception:
        return order.Status.FAILED
    try:
        order.place()
    except Exception:
        order.last_error = True


def in_finally(order):
    try:
        order.place()
    finally:
        try:
            return order.done()
        except Exception:  # error: OBS501
            return None


def generated(orders):
    for order in orders:
        try:
            yield order.place()
        except Exception:  # error: OBS501
            yield None


def telemetry(order, tracer):
    try:
        detail = order.detail()
        log.info("placed %s", detail)
    except Exception:
        pass


def math(order):
    import math

    try:
        order.place()
    except Exception:  # error: OBS501
        order.size = math.log(2)


async def streamed(orders):
    async for order in orders:
        async with order.lock:
            try:
                await order.place()
            except Exception:  # error: OBS501
                break
    else:
        return True


class Orders:
    try:
        from shop import fast
    except Exception:
        fast = None

    try:
        size = fast.size()
    except Exception:  # error: OBS501
        size = 0

    def __repr__(self):
        try:
            return self.name()
        except Exception:
            return "<Orders>"


try:
    one_line(None)
except Exception:  # error: OBS501
    pass


def comprehended(order, report_all):
    try:
        order.place()
    except Exception as error:
        return [str(part) for part in error.args]
    try:
        order.place()
    except Exception as error:
        return [part for part in order.parts if error]
    try:
        order.place()
    except Exception as error:
        order.then(lambda: order.told(error))
