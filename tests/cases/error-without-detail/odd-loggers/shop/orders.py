"""Loggers that are not called so, and others that only look like it."""

import logging

import structlog
from django.contrib import messages
from rich.console import Console

audit = logging.getLogger("audit")
trail = structlog.get_logger().bind(area="orders")
console = Console()


def place(order, request, form):
    try:
        order.place()
    except Exception as error:
        audit.error("not placed: %s", error)  # error: OBS502
    try:
        order.place()
    except Exception as error:
        trail.error("not_placed", reason=str(error))  # error: OBS502
    try:
        order.place()
    except Exception as error:
        trail.error("not_placed", error=error)
    try:
        order.place()
    except Exception as error:
        messages.error(request, str(error))
        console.error(str(error))
        form.error(str(error))
    try:
        order.place()
    except Exception as error:
        log_error = audit.error
        log_error("not placed: %s", error)
    try:
        order.place()
    except Exception as error:
        audit.error("first")
        audit.error("second: %s", error)  # error: OBS502
    try:
        order.place()
    except Exception as error:
        audit.error("not placed", **order.fields(error))
    try:
        order.place()
    except Exception:
        if order.is_open:
            audit.error("open")  # error: OBS502
        else:
            return None
    try:
        order.place()
    except Exception as error:
        return {"problem": error, "log": audit.error("not placed: %s", error)}
