"""Whether a JSON Schema is one: what each keyword of draft 2020-12 may hold, and that its patterns can be used.

It says what the draft's own metaschema says, in a hundredth of the time and in plainer words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from obs_lint.registry import regexes
from obs_lint.registry.schema_words import MANY, NAMED, ONE, Path

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

Found = tuple[Path, str]
"""Where in the schema, and what is wrong there."""

_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*\Z")
_NOTES = {"privacy": "text", "unit": "text", "semconv": "text"}
_NOTE_KEYS = (*_NOTES, "deprecated")


def problems_of(schema: Any, *, older: bool = False) -> Iterator[Found]:
    """Yield what keeps a schema from being one, with the path of the keyword.

    `older`: it may be of a draft before 2020-12, as schemas that were not written for a registry often are.
    """
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, bool):
            continue
        if not isinstance(one, Mapping):
            yield path, f"{_at(path)} should be a schema, is {_kind(one)}"
            continue
        for word, value in one.items():
            if older and _is_older(word, value):
                continue
            rule = _RULES.get(word)
            if rule is not None:
                problem = rule(value)
                if problem:
                    yield (*path, word), f"`{word}` {problem}"
            elif word in _ONE:
                waiting.append(((*path, word), value))
            elif word in _NAMED:
                if not isinstance(value, Mapping):
                    yield (*path, word), f"`{word}` should be a mapping of schemas, is {_kind(value)}"
                    continue
                for name, inner in value.items():
                    if word == "patternProperties" and (problem := regexes.problem_of(name)):
                        yield (*path, word, name), f"the pattern `{_cut(name)}` {problem}"
                    if word == "dependencies" and isinstance(inner, list):
                        if problem := _names(inner):
                            yield (*path, word, name), f"`{name}` {problem}"
                    else:
                        waiting.append(((*path, word, name), inner))
            elif word in _MANY:
                if not isinstance(value, list) or not value:
                    what = "is empty" if isinstance(value, list) else f"is {_kind(value)}"
                    yield (*path, word), f"`{word}` should be a list of schemas, {what}"
                    continue
                waiting += [((*path, word, index), inner) for index, inner in enumerate(value)]
            elif word == "x-obs":
                yield from _notes(value, (*path, word))


def _notes(value: Any, path: Path) -> Iterator[Found]:
    from obs_lint.config.suggest import nearest

    if not isinstance(value, Mapping):
        yield path, f"`x-obs` should be a mapping, is {_kind(value)}"
        return
    for key, said in value.items():
        if key in _NOTES:
            if not isinstance(said, str) or not said:
                yield (*path, key), f"`{key}` of `x-obs` should be text, is {_kind(said)}"
        elif key == "deprecated":
            if not isinstance(said, (Mapping, bool)):
                yield (*path, key), f"`deprecated` of `x-obs` should be a mapping or true, is {_kind(said)}"
            elif isinstance(said, Mapping):
                for word, text in said.items():
                    if not isinstance(text, str):
                        yield (*path, key, word), f"`{word}` of `deprecated` should be text, is {_kind(text)}"
        elif near := nearest(key, _NOTE_KEYS):
            yield (*path, key), f"`x-obs` has the unknown key `{_cut(key)}`; did you mean `{near}`?"


def _is_older(word: str, value: Any) -> bool:
    """True for what drafts 3 to 7 have in another form."""
    if word == "items":
        return isinstance(value, list)
    return word in ("exclusiveMinimum", "exclusiveMaximum", "required") and isinstance(value, bool)


def _type(value: Any) -> str:
    given = value if isinstance(value, list) else [value]
    for name in given:
        if not isinstance(name, str) or name not in TYPES:
            from obs_lint.config.suggest import nearest

            near = nearest(name, TYPES) if isinstance(name, str) else None
            hint = f"; did you mean `{near}`?" if near else f"; types are {', '.join(TYPES)}"
            shown = f"`{_cut(name)}`" if isinstance(name, str) else _kind(name)
            return f"should be the name of a type, is {shown}{hint}"
    if not given:
        return "should be the name of a type, is an empty list"
    return "names a type twice" if len(set(given)) < len(given) else ""


def _number(value: Any) -> str:
    return (
        ""
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else f"should be a number, is {_kind(value)}"
    )


def _step(value: Any) -> str:
    return _number(value) or ("" if value > 0 else f"should be more than 0, is {value}")


def _count(value: Any) -> str:
    if _number(value) or value < 0 or (isinstance(value, float) and not value.is_integer()):
        return f"should be a whole number, 0 or more, is {value if not _number(value) else _kind(value)}"
    return ""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"should be text, is {_kind(value)}"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else f"should be true or false, is {_kind(value)}"


def _list(value: Any) -> str:
    return "" if isinstance(value, list) else f"should be a list, is {_kind(value)}"


def _names(value: Any) -> str:
    if not isinstance(value, list) or any(not isinstance(name, str) for name in value):
        return (
            f"should be a list of names, is {_kind(value) if not isinstance(value, list) else 'a list of other things'}"
        )
    twice = next((name for index, name in enumerate(value) if name in value[:index]), None)
    return f"names `{_cut(twice)}` twice" if twice is not None else ""


def _names_by_name(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"should be a mapping from names to lists of names, is {_kind(value)}"
    return next((f"`{_cut(name)}` {problem}" for name, names in value.items() if (problem := _names(names))), "")


def _pattern(value: Any) -> str:
    return _text(value) or regexes.problem_of(value)


def _anchor(value: Any) -> str:
    return _text(value) or ("" if _ANCHOR.match(value) else f"should be a word, is `{_cut(value)}`")


def _identity(value: Any) -> str:
    return _text(value) or ("" if "#" not in value[:-1] else "may not have a fragment")


def _vocabularies(value: Any) -> str:
    fits = isinstance(value, Mapping) and all(isinstance(flag, bool) for flag in value.values())
    return "" if fits else "should be a mapping from URIs to true or false"


_RULES: Mapping[str, Callable[[Any], str]] = {
    "type": _type,
    "enum": _list,
    "multipleOf": _step,
    **dict.fromkeys(("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"), _number),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), _count),
    **dict.fromkeys(("maxContains", "minContains"), _count),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), _flag),
    "required": _names,
    "dependentRequired": _names_by_name,
    "pattern": _pattern,
    "examples": _list,
    **dict.fromkeys(
        ("format", "contentEncoding", "contentMediaType", "title", "description", "$comment", "$ref", "$schema"), _text
    ),
    **dict.fromkeys(("$dynamicRef", "$recursiveRef"), _text),
    **dict.fromkeys(("$anchor", "$dynamicAnchor", "$recursiveAnchor"), _anchor),
    "$id": _identity,
    "$vocabulary": _vocabularies,
}
_ONE, _MANY, _NAMED = frozenset(ONE), frozenset(MANY), frozenset(NAMED) | {"dependencies"}


def _at(path: Path) -> str:
    return f"`{_cut(str(path[-1]))}`" if path else "the schema"


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"`{_cut(value)}`" if value else "empty"
    if isinstance(value, (int, float)):
        return _cut(str(value))
    return "a list" if isinstance(value, list) else "a mapping"


def _cut(text: str) -> str:
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= 60 else text[:59] + "…"
