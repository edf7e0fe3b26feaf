"""What may be written at a cursor: the name of an event, a field of its payload, a severity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lsprotocol import types

from obs_lint.diagnostic import Position
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries
from obs_lint.facts.model import Pos
from obs_lint.integrations.language_server.cards import description, event_card, ordered, type_of
from obs_lint.integrations.language_server.documents import Document
from obs_lint.integrations.language_server.lexical import Around, around, mended
from obs_lint.integrations.language_server.questions import (
    Questions,
    View,
    emission_at,
    severity_keyword,
    takes_keywords,
)
from obs_lint.integrations.language_server.text import Text
from obs_lint.registry.model import Event
from obs_lint.registry.payload_shape import shape

_SEVERITIES = ("debug", "info", "warning", "error", "critical")


class _Here(NamedTuple):
    """A cursor in a text that parses."""

    view: View
    path: str
    text: Text
    """Of the document, as it is."""
    cursor: int
    place: Position
    around: Around
    declared: Registries
    emissions: tuple[Emission, ...]
    kind: types.MarkupKind


def complete(
    questions: Questions,
    document: Document,
    documents: tuple[Document, ...],
    position: types.Position,
    kind: types.MarkupKind,
) -> list[types.CompletionItem]:
    """Return what may stand at a position of a document; what is said of an event is marked as `kind`."""
    text = document.text
    cursor = text.offset(position)
    here = around(text.characters, cursor)
    if here.in_comment or not (here.brackets or here.string):
        return []
    path = questions.relative(document.path)
    for candidate in mended(text.characters, cursor, here):
        changed = Document(document.uri, document.path, document.version, Text(candidate, text.encoding))
        view = questions.view(documents, {path: changed.data})
        if view is None:
            return []
        found = view.emissions_in(path)
        if found:
            at = _Here(view, path, text, cursor, text.place(position), here, view.registries_of(path), found, kind)
            items = _items(at)
            if items:
                return items
    return []


def _items(here: _Here) -> list[types.CompletionItem]:
    severity = emission_at(here.emissions, lambda e: e.severity_pos, here.place)
    if here.around.string is not None and severity is not None and severity_keyword(severity):
        return list(_severities(here, severity))
    named = emission_at(here.emissions, lambda e: e.event[-1] if e.event is not None else None, here.place)
    if named is not None and named.event is not None:
        if here.around.string is not None:
            return list(_names(here))
        return list(_members(here, named))
    carrying = emission_at(here.emissions, _payload_pos, here.place)
    if carrying is not None:
        return list(_fields(here, carrying))
    return []


def _payload_pos(emission: Emission) -> Pos | None:
    if takes_keywords(emission):
        pos: Pos = emission.call[-1]
        return pos
    payload = emission.payload
    return payload.pos if payload is not None and payload.path in ("", emission.path) else None


def _written(here: _Here) -> tuple[int, int]:
    """What a string that the cursor is in holds: what a name chosen there replaces."""
    string = here.around.string
    assert string is not None
    if string.closed or string.end == here.cursor:
        return string.start, string.end
    return string.start, here.cursor


def _names(here: _Here) -> Iterator[types.CompletionItem]:
    start, end = _written(here)
    typed = here.text.characters[start : here.cursor]
    for event in _distinct(here.declared):
        if event.name.startswith(typed) or typed.lower() in event.name.lower():
            yield _item(here, event, event.name, start, end, first=event.name.startswith(typed))


def _members(here: _Here, emission: Emission) -> Iterator[types.CompletionItem]:
    """Members of the enum, the class or the module whose name stands before the dot."""
    expr = emission.event
    if expr is None or expr[0] != "attr":
        return
    owners = {
        name
        for origin in here.view.project.resolve(here.path, emission.scope, expr[1])
        for name in here.view.project.names(origin)
    }
    start = here.text.characters.rfind(".", 0, here.cursor) + 1
    typed = here.text.characters[start : here.cursor]
    if typed.strip() and not typed.isidentifier():
        return
    for event in here.declared.events:
        for symbol in (event.symbol, *event.aliases):
            owner, _, last = symbol.rpartition(".")
            if owner in owners and last.lower().startswith(typed.lower()):
                yield _item(here, event, last, start, here.cursor, kind=types.CompletionItemKind.EnumMember)
                break


def _distinct(declared: Registries) -> Iterator[Event]:
    seen: set[str] = set()
    for event in declared.events:
        found = declared.find(event.name)
        if event.name not in seen and found is not None:
            seen.add(event.name)
            yield found


def _item(
    here: _Here,
    event: Event,
    label: str,
    start: int,
    end: int,
    *,
    kind: types.CompletionItemKind = types.CompletionItemKind.Event,
    first: bool = True,
) -> types.CompletionItem:
    old = event.is_deprecated
    return types.CompletionItem(
        label=label,
        kind=kind,
        detail=event.summary or None,
        documentation=types.MarkupContent(here.kind, event_card(event)),
        tags=[types.CompletionItemTag.Deprecated] if old else None,
        sort_text=f"{int(old)}{int(not first)}{label}",
        filter_text=label,
        text_edit=types.TextEdit(here.text.between(start, end), label),
    )


def _fields(here: _Here, emission: Emission) -> Iterator[types.CompletionItem]:
    as_keywords = takes_keywords(emission)
    if not here.around.brackets:
        return
    bracket = here.around.brackets[-1]
    characters = here.text.characters
    string = here.around.string
    start = string.start if string is not None else _start_of_word(characters, here.cursor)
    quoted = start if string is None else start - len(string.quote)
    before = characters[bracket:quoted].rstrip()
    if as_keywords:
        pos = emission.call[-1]
        inside = string is None and characters[bracket] == "(" and _is_call(here, bracket, pos)
    else:
        payload = emission.payload
        assert payload is not None
        opened = here.text.starts[payload.pos[0] - 1] + payload.pos[1] - 1
        inside = string is not None and characters[bracket] == "{" and bracket == opened
    if not inside or before[-1:] not in ("{", ",", "("):
        return
    fields = emission.payload.fields if emission.payload is not None else ()
    given = {field.name for field in fields}
    typed = characters[start : here.cursor]
    end = _written(here)[1] if string is not None else here.cursor
    given.discard(characters[start:end])
    seen: set[str] = set()
    for alternative in emission.alternatives:
        event = here.declared.of(alternative)
        found = shape(event.payload) if event is not None else None
        if found is None:
            continue
        for number, name in enumerate(ordered(found)):
            if name in seen or name in given or typed.lower() not in name.lower():
                continue
            if as_keywords and not name.isidentifier():
                continue
            seen.add(name)
            field = found.fields[name]
            required = name in found.required
            yield types.CompletionItem(
                label=name,
                kind=types.CompletionItemKind.Field,
                detail=type_of(field) + (", required" if required else ""),
                documentation=description(field) or None,
                tags=[types.CompletionItemTag.Deprecated] if field.deprecated else None,
                sort_text=f"{int(field.deprecated)}{int(not required)}{number:03}",
                filter_text=name,
                text_edit=types.TextEdit(here.text.between(start, end), f"{name}=" if as_keywords else name),
            )


def _is_call(here: _Here, bracket: int, pos: Pos) -> bool:
    """True where a bracket is that of the call: the first behind what is called, on the outermost level."""
    start = here.text.starts[pos[0] - 1] + pos[1] - 1
    outer = [offset for offset in here.around.brackets if offset >= start]
    return outer[:1] == [bracket]


def _start_of_word(characters: str, cursor: int) -> int:
    while cursor > 0 and (characters[cursor - 1].isalnum() or characters[cursor - 1] == "_"):
        cursor -= 1
    return cursor


def _severities(here: _Here, emission: Emission) -> Iterator[types.CompletionItem]:
    start, end = _written(here)
    declared = [
        event.severity for alternative in emission.alternatives if (event := here.declared.of(alternative)) is not None
    ]
    used = {event.severity for event in here.declared.events if event.severity}
    values = dict.fromkeys([*filter(None, declared), *[s for s in _SEVERITIES if s in used or not used], *sorted(used)])
    for number, value in enumerate(values):
        yield types.CompletionItem(
            label=value,
            kind=types.CompletionItemKind.EnumMember,
            detail="as the registry says" if value in declared else None,
            sort_text=f"{number:02}",
            filter_text=value,
            text_edit=types.TextEdit(here.text.between(start, end), value),
        )
