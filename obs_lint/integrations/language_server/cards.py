"""What is shown of an event, a field or a rule, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from obs_lint.diagnostic import Diagnostic
from obs_lint.integrations.language_server.linted import Explanation
from obs_lint.registry.model import Event
from obs_lint.registry.payload_shape import FieldShape, Shape, shape

_MOST_FIELDS = 30


def event_card(event: Event) -> str:
    """Return what the registry says of an event."""
    head = f"**`{event.name}`**"
    if event.is_deprecated:
        head += f" · **deprecated**{_replacement(event)}"
    parts = [head]
    if event.summary:
        parts.append(_plain(event.summary))
    parts.append(" · ".join(_facts(event)))
    table = _fields(shape(event.payload))
    if table:
        parts.append(table)
    parts.append(f"declared in `{event.place.path}:{event.place.line}`" if event.place.path else f"of `{event.source}`")
    return "\n\n".join(part for part in parts if part)


def _replacement(event: Event) -> str:
    said = event.deprecated
    if said is None:
        return ""
    since = f" since {_plain(said.since)}" if said.since else ""
    instead = f", use `{said.replaced_by}`" if said.replaced_by else ""
    gone = f", to be removed after {_plain(said.remove_after)}" if said.remove_after else ""
    return since + instead + gone


def _facts(event: Event) -> Iterable[str]:
    if event.severity:
        yield f"severity `{event.severity}`"
    if event.owner:
        yield f"owner {_plain(event.owner)}"
    if event.producers:
        yield "producers " + ", ".join(f"`{name}`" for name in event.producers)
    if event.required:
        yield "requires " + ", ".join(f"`{name}`" for name in event.required)
    if event.version != 1:
        yield f"version {event.version}"
    if event.stability and event.stability != "deprecated":
        yield _plain(event.stability)


def _fields(found: Shape | None) -> str:
    if found is None or not found.fields:
        return ""
    names = ordered(found)
    rows = [f"| `{name}` | {_cell(type_of(found.fields[name]))} | {_note(found, name)} |" for name in names]
    more = len(rows) - _MOST_FIELDS
    rows = rows[:_MOST_FIELDS] + ([f"| … | | {more} more |"] if more > 0 else [])
    return "| payload | type | |\n|---|---|---|\n" + "\n".join(rows)


def ordered(found: Shape) -> list[str]:
    """Return the names of a payload's fields, required ones first, each part in the order of declaration."""
    names = [name for name in found.fields if found.fields[name].schema is not False]
    required = frozenset(found.required)
    return [n for n in names if n in required] + [n for n in names if n not in required]


def type_of(field: FieldShape) -> str:
    """Return a field's type in a few words: `integer`, `"queued" | "running"`, `string, null`."""
    if field.enum is not None:
        from json import dumps

        values = [dumps(value, ensure_ascii=False) for value in field.enum[:6]]
        return " | ".join(values) + (" | …" if len(field.enum) > 6 else "")
    text = " | ".join(field.types) or "any"
    return f"{text} ({field.unit})" if field.unit else text


def _note(found: Shape, name: str) -> str:
    field = found.fields[name]
    notes = ["required"] if name in found.required else []
    if field.deprecated:
        notes.append("deprecated" + (f", use `{field.replaced_by}`" if field.replaced_by else ""))
    if field.privacy not in ("", "none"):
        notes.append(_plain(field.privacy))
    text = description(field)
    if text:
        notes.append(_plain(text))
    return _cell(", ".join(notes))


def description(field: FieldShape) -> str:
    """Return what a field's schema says it is, "" where it says nothing."""
    schema: Any = field.schema
    text = schema.get("description", "") if isinstance(schema, dict) else ""
    return " ".join(text.split()) if isinstance(text, str) else ""


def rule_card(found: Diagnostic, explanation: Explanation | None) -> str:
    """Return why a Diagnostic was made and what to do."""
    parts = [f"**{found.code} {found.slug}**"]
    if found.help:
        parts.append(_plain(found.help))
    if explanation is not None:
        if explanation.why:
            parts.append(_plain(explanation.why))
        parts.append(f"[{explanation.url}]({explanation.url})")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Text of the project's own, in which Markdown may stand but no HTML."""
    return text.strip().replace("<", "&lt;")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
