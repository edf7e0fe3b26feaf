"""The lock: all registries of a project compiled into one canonical JSON file, which needs no YAML parser to load."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import (
    ChainLink,
    CorrelationField,
    Deprecation,
    Event,
    Example,
    Lifecycle,
    Naming,
    Place,
    Problem,
    Registry,
    RegistryError,
)
from obs_lint.registry.reader import Reader

FORMAT = "obs-registry-lock/1"
DEFAULT_NAME = "obs-registry.lock.json"
_HASH = re.compile(rb'^"hash": "(sha256:[0-9a-f]{64})",\n', re.MULTILINE)
_FLAGS = (("a", re.ASCII), ("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL), ("x", re.VERBOSE))


# -- writing


def compiled(registries: Sequence[Registry]) -> dict[str, Any]:
    """Return the document that a lock holds, without its hash.

    Events of all registries are one table; each says its source, whose entry in `sources` holds what is declared
    beside events. Of a name in several sources the first counts, one in a copy (`mirror`) last. Examples and
    counterexamples are in it, so that who reads a lock from elsewhere can hand everything on. Places are not: a lock
    changes only where what is declared does.
    """
    events: dict[str, dict[str, Any]] = {}
    for registry in sorted(registries, key=lambda registry: registry.mirror):
        source = _portable(registry.source)
        for event in registry.events:
            if event.name not in events:
                events[event.name] = _event(event, source)
    sources = {_portable(registry.source): _source(registry) for registry in registries}
    return {"events": events, "format": FORMAT, "sources": sources}


def _portable(source: str) -> str:
    """A source as every machine writes it: what lies outside the project has another absolute path elsewhere."""
    from os.path import isabs

    kind, colon, path = ("", "", source) if isabs(source) else source.partition(":")
    if not isabs(path):
        return source
    parts = path.replace("\\", "/").split("/")
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return "package:" + "/".join(parts[parts.index(folder) + 1 :])
    if "obs_lint" in parts:
        return "package:" + "/".join(parts[len(parts) - 1 - parts[::-1].index("obs_lint") :])
    return f"{kind}{colon}…/{'/'.join(parts[-2:])}"


def lock_text(document: Mapping[str, Any]) -> str:
    """Return a document as text: sorted keys, one event and one source a line, ASCII, LF.

    The hash is SHA-256 over the text without the line of the hash itself. Raises RegistryError where a value can't be
    written as JSON.
    """
    before = f'{{\n"events": {{{_entries(document["events"])}\n}},\n"format": {_json(document["format"], "format")},\n'
    after = f'"sources": {{{_entries(document["sources"])}\n}}\n}}\n'
    return f'{before}"hash": "{_digest((before + after).encode())}",\n{after}'


def hash_of(text: str) -> str:
    """Return the hash that a lock's text says it has, "" where it says none."""
    found = _HASH.search(text.encode("ascii", "replace"))
    return found[1].decode() if found else ""


def _digest(data: bytes) -> str:
    from hashlib import sha256

    return "sha256:" + sha256(data).hexdigest()


def _entries(table: Mapping[str, Any]) -> str:
    return ",".join(f"\n{_json(name, name)}: {_json(table[name], name)}" for name in sorted(table))


def _json(value: Any, name: str) -> str:
    from json import dumps

    try:
        return dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"`{name}` can't be written to a lock: {error}"
        raise RegistryError((Problem("registry", message, Place(""), target=name, fatal=True),)) from None


def _given(**entries: Any) -> dict[str, Any]:
    """Keep what says something; `_` in a key stands for `-`."""
    return {
        key.replace("_", "-"): list(value) if isinstance(value, tuple) else value
        for key, value in entries.items()
        if value is not None and value is not False and value != "" and value != () and value != {}
    }


def _event(event: Event, source: str) -> dict[str, Any]:
    deprecated = event.deprecated
    entry = _given(
        source=source,
        symbol=event.symbol,
        aliases=event.aliases,
        summary=event.summary,
        owner=event.owner,
        stability=event.stability,
        severity=event.severity,
        correlation=_given(required=event.required, optional=event.optional),
        producers=event.producers,
        smoke=event.smoke,
    )
    entry["version"] = event.version
    if deprecated is not None:
        entry["deprecated"] = _given(
            since=deprecated.since, replaced_by=deprecated.replaced_by, remove_after=deprecated.remove_after
        )
    if event.payload is not None:
        entry["payload"] = event.payload
    if event.examples:
        entry["examples"] = [example.payload for example in event.examples]
    if event.counterexamples:
        entry["counterexamples"] = [
            {"payload": example.payload, **_given(because=example.because)} for example in event.counterexamples
        ]
    return entry


def _source(registry: Registry) -> dict[str, Any]:
    naming = registry.naming
    chain = [
        {
            "field": link.field,
            **_given(parent=link.parent, root=link.root, many=link.many),
            **{key: value for key in ("introduced_by", "new_per") if (value := getattr(link, key))},
        }
        for link in registry.chain
    ]
    fields = {
        field.name: {"type": field.type, **_given(header=field.header, aliases=field.aliases, at=field.at)}
        for field in registry.correlation
    }
    entry = _given(
        namespace=registry.namespace,
        naming=None if naming is None else {"text": naming.text, "pattern": _pattern(naming.pattern)},
        correlation=_given(fields=fields, chain=tuple(chain)),
        classifications={name: {"payload": rule} for name, rule in registry.classifications.items()},
        sensitive_names=registry.sensitive_names,
        lifecycles={lifecycle.name: _lifecycle(lifecycle) for lifecycle in registry.lifecycles},
        schemas=dict(registry.schemas),
        mirror=registry.mirror,
        exempt=registry.exempt,
    )
    if not registry.complete:
        entry["complete"] = False
    return entry


def _pattern(pattern: re.Pattern[str]) -> str:
    """The expression with its flags in it."""
    flags = "".join(letter for letter, flag in _FLAGS if pattern.flags & flag)
    written = re.match(r"\(\?[aimsux]+\)", pattern.pattern)
    return f"(?{flags}){pattern.pattern}" if flags and not written else pattern.pattern


def _lifecycle(one: Lifecycle) -> dict[str, Any]:
    return {
        "key": one.key,
        "start": one.start,
        "terminal": list(one.terminal),
        "exactly-one-terminal": one.exactly_one_terminal,
        **_given(
            deadline=one.deadline,
            retry=dict(one.retry),
            states=_given(field=one.states_field, transitions={k: list(v) for k, v in one.transitions.items()}),
            compensation=dict(one.compensation),
        ),
    }


# -- reading


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read `lock:path`. Raises RegistryError where there is no lock, or one that is not as it was built.

    Several sources in one lock are one Registry: what they declare beside events is joined, and a naming is kept
    where every one of them has one.
    """
    path = source.source.partition(":")[2]
    shown = reader.shown(path)
    data = reader.read(path).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    document = _parsed(data, shown)
    _verify(data, document, shown)
    try:
        return _registry(source, shown, document, data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, re.error) as error:
        what = f"{type(error).__name__}: {error}"
        _refuse(f"`{shown}` is not laid out as a lock ({what})", Place(shown))


def _refuse(message: str, place: Place, advice: str = "") -> NoReturn:
    advice = advice or "write it anew with `obs-lint registry build`, or take a fresh copy of it"
    raise RegistryError((Problem("registry", message, place, advice, fatal=True),)) from None


def _parsed(data: bytes, shown: str) -> dict[str, Any]:
    from json import JSONDecodeError, loads

    try:
        document = loads(data)
    except JSONDecodeError as error:
        _refuse(f"`{shown}` is cut off or was changed: {error.msg}", Place(shown, error.lineno, error.colno))
    except UnicodeDecodeError as error:
        _refuse(f"`{shown}` is no text in UTF-8", Place(shown, data.count(b"\n", 0, error.start) + 1))
    except RecursionError:
        _refuse(f"`{shown}` is nested too deeply", Place(shown))
    except ValueError as error:
        _refuse(f"`{shown}` can't be read: {error}", Place(shown))
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        said = f"its format is {found!r}" if found is not None else "it names no `format`"
        advice = ""
        if isinstance(found, str) and found.startswith("obs-registry/"):
            advice = f"it is an index: name it as `{shown}`, without `lock:`"
        elif isinstance(found, str) and found.startswith("obs-registry-lock/"):
            advice = "it was written by another version of obs-lint: use the same here and there"
        _refuse(f"`{shown}` is no lock of this kind, `{FORMAT}`: {said}", Place(shown), advice)
    assert isinstance(document, dict)
    return document


def _verify(data: bytes, document: Mapping[str, Any], shown: str) -> None:
    said = _HASH.search(data)
    if said is None or document.get("hash") != said[1].decode():
        _refuse(f"`{shown}` has no hash of its own on a line as it was written", Place(shown))
    line = data.count(b"\n", 0, said.start()) + 1
    if _digest(data[: said.start()] + data[said.end() :]) != document["hash"]:
        _refuse(f"`{shown}` was changed after it was built: its content does not have its hash", Place(shown, line))


def _lines(data: bytes, key: bytes) -> int:
    """The line after that of a top-level key: the first of its entries."""
    return data.count(b"\n", 0, data.index(b'\n"' + key + b'": {') + 1) + 2


def _registry(source: RegistrySource, shown: str, document: Mapping[str, Any], data: bytes) -> Registry:
    line = _lines(data, b"events")
    name = source.source
    events = tuple(
        [
            _event_of(event, entry, Place(shown, number, 1, number, len(event) + 3), name)
            for number, (event, entry) in enumerate(document["events"].items(), line)
        ]
    )
    entries: dict[str, Mapping[str, Any]] = document["sources"]
    line = _lines(data, b"sources")
    starts = {key: Place(shown, number, 1) for number, key in enumerate(entries, line)}
    namespaces = {entry.get("namespace", "") for entry in entries.values()}
    correlation: dict[str, CorrelationField] = {}
    chain: dict[str, ChainLink] = {}
    lifecycles: dict[str, Lifecycle] = {}
    classifications: dict[str, str] = {}
    schemas: dict[str, Any] = {}
    places: dict[str, Place] = {}
    sensitive: dict[str, None] = {}
    for key, entry in entries.items():
        part = entry.get("correlation", {})
        for field, value in part.get("fields", {}).items():
            correlation.setdefault(field, _field(field, value))
        for link in part.get("chain", ()):
            chain.setdefault(link["field"], ChainLink(**link))
        for lifecycle, value in entry.get("lifecycles", {}).items():
            lifecycles.setdefault(lifecycle, _lifecycle_of(lifecycle, value, starts[key]))
        for label, value in entry.get("classifications", {}).items():
            classifications.setdefault(label, value["payload"])
        for schema, value in entry.get("schemas", {}).items():
            schemas.setdefault(schema, value)
            places.setdefault(f"/schemas/{schema}", starts[key])
        sensitive |= dict.fromkeys(entry.get("sensitive-names", ()))
    return Registry(
        source=name,
        place=Place(shown),
        events=events,
        namespace=namespaces.pop() if len(namespaces) == 1 else "",
        naming=_naming(entries.values()),
        correlation=tuple(correlation.values()),
        chain=tuple(chain.values()),
        lifecycles=tuple(lifecycles.values()),
        classifications=classifications,
        sensitive_names=tuple(sensitive),
        schemas=schemas,
        places=places,
        mirror=source.mirror,
        complete=all(entry.get("complete", True) for entry in entries.values()),
        exempt=tuple(dict.fromkeys(name for entry in entries.values() for name in entry.get("exempt", ()))),
    )


def _event_of(name: str, entry: Mapping[str, Any], place: Place, source: str) -> Event:
    get = entry.get
    correlation = get("correlation")
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    if correlation:
        required, optional = tuple(correlation.get("required", ())), tuple(correlation.get("optional", ()))
    deprecated = get("deprecated")
    if deprecated is not None:
        deprecated = Deprecation(
            deprecated.get("since", ""), deprecated.get("replaced-by", ""), deprecated.get("remove-after", "")
        )
    return Event(
        name,
        place,
        source,
        get("symbol", ""),
        entry["version"],
        get("summary", ""),
        get("owner", ""),
        get("stability", ""),
        get("severity", ""),
        required,
        optional,
        tuple(get("producers", ())),
        get("smoke", ""),
        deprecated,
        get("payload"),
        tuple([Example(payload, place) for payload in get("examples", ())]),
        tuple([Example(one["payload"], place, one.get("because", "")) for one in get("counterexamples", ())]),
        aliases=tuple(get("aliases", ())),
    )


def _field(name: str, entry: Mapping[str, Any]) -> CorrelationField:
    return CorrelationField(
        name, entry["type"], entry.get("header", ""), tuple(entry.get("aliases", ())), entry.get("at", "")
    )


def _lifecycle_of(name: str, entry: Mapping[str, Any], place: Place) -> Lifecycle:
    states = entry.get("states", {})
    return Lifecycle(
        name,
        entry["key"],
        entry["start"],
        tuple(entry["terminal"]),
        entry["exactly-one-terminal"],
        entry.get("deadline", ""),
        entry.get("retry", {}),
        states.get("field", ""),
        {state: tuple(after) for state, after in states.get("transitions", {}).items()},
        entry.get("compensation", {}),
        place,
    )


def _naming(entries: Iterable[Mapping[str, Any]]) -> Naming | None:
    """The naming that all have; where they differ, a name may be made as any of them says."""
    found = {(naming["text"], naming["pattern"]): None for entry in entries if (naming := entry.get("naming"))}
    if not found or any("naming" not in entry for entry in entries):
        return None
    if len(found) == 1:
        [(text, pattern)] = found
        return Naming(text, re.compile(pattern))
    alternatives = "|".join(f"(?:{_scoped(pattern)})" for _, pattern in found)
    return Naming(" or ".join(text for text, _ in found), re.compile(alternatives))


def _scoped(pattern: str) -> str:
    """Flags at the start of an expression hold for all of it; in an alternative they must say where they end."""
    flags = re.match(r"\(\?([aimsx]+)\)", pattern)
    return f"(?{flags[1]}:{pattern[flags.end() :]})" if flags else pattern
