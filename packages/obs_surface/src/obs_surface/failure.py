"""What the payload of a failed operation, job run or layer says of the exception that ended it."""

from __future__ import annotations

from typing import Any

MAX_MESSAGE = 200
"""Characters of `error_message` (004 Issue 6.2: a short message)."""
_CANCELLATIONS = frozenset({"CancelledError", "Cancelled"})


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return `error_type` (the class's name) and, where the error says something, `error_message`."""
    fields: dict[str, Any] = {"error_type": type(error).__name__}
    message = short_message(error)
    if message:
        fields["error_message"] = message
    return fields


def short_message(error: BaseException) -> str:
    """Return the error's text in one line of at most 200 characters, "" where it has none or can't be asked."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ of somebody's exception must not hide the exception
        return ""
    if len(text) > MAX_MESSAGE or not text.isprintable():
        text = " ".join(text[: 4 * MAX_MESSAGE].split())
        if len(text) > MAX_MESSAGE:
            text = text[: MAX_MESSAGE - 1] + "…"
    return text


def is_cancellation(error: BaseException) -> bool:
    """True for the cancellation of asyncio, concurrent.futures, anyio and trio, known by name: none is imported."""
    return any(each.__name__ in _CANCELLATIONS for each in type(error).__mro__)
