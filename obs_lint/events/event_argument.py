"""Which argument of an emitter's call is the event, which the payload, the severity and the context."""

from __future__ import annotations

from typing import NamedTuple

from obs_lint.config.model import EmitterConfig
from obs_lint.events.emitters import Match, Signature
from obs_lint.events.given import Argument, Given


class Roles(NamedTuple):
    """What a call of an emitter gives in each role but the event; None where nothing is given."""

    payload: Argument | None
    severity: Argument | None
    context: Argument | None


def roles(given: Given, emitter: EmitterConfig, signature: Signature | None) -> Roles:
    """Tell the arguments of a call apart."""
    payload = emitter.payload
    return Roles(
        None if payload is None or payload == "**" else given.find(*_place(payload, signature, payload_guess(emitter))),
        _named(given, emitter.severity, signature),
        _named(given, emitter.context, signature),
    )


def event_place(emitter: EmitterConfig, signature: Signature | None) -> tuple[int | None, str]:
    """Return the position and the keyword of the event; one tells the other where the definition is in sight."""
    event, keyword = emitter.event, emitter.event_name or ""
    if event == "method" or emitter.emits or emitter.lifecycle:
        return None, ""
    if event is None:
        return None, keyword
    if isinstance(event, str) and event != "class":
        keyword, position = keyword or event, None
    else:
        position = event if isinstance(event, int) else 0
    if signature is None:
        return position, keyword
    if keyword in signature.keywords:
        return signature.position(keyword), keyword
    if not keyword and position is not None and position < len(signature.positional):
        keyword = signature.positional[position]
    return position, keyword


def payload_guess(emitter: EmitterConfig) -> int | None:
    """Return the position of a payload that is declared by keyword, where the definition is not in sight."""
    return 1 if emitter.event in (0, "class") else None


def taken(match: Match) -> frozenset[str]:
    """Return the keywords of a call that are no payload though `payload = "**"`: event, context and severity."""
    emitter, signature = match.emitter, match.signature
    names = {event_place(emitter, signature)[1], emitter.severity or "", emitter.context or ""}
    return frozenset(names - {""})


def _place(where: int | str, signature: Signature | None, guess: int | None) -> tuple[int | None, str]:
    if isinstance(where, int):
        keyword = signature.positional[where] if signature is not None and where < len(signature.positional) else ""
        return where, keyword
    if signature is None:
        return guess, where
    return signature.position(where), where


def _named(given: Given, name: str | None, signature: Signature | None) -> Argument | None:
    if not name:
        return None
    found = given.find(*_place(name, signature, None))
    return None if found is not None and found.key is not None else found
