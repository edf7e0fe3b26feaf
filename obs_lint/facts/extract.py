"""FileFacts from a source, and as bytes for a cache or another process."""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from itertools import repeat
from typing import Any, NamedTuple, TypeVar, cast

from obs_lint.facts import expressions as _expressions  # noqa: F401 - fills the table of the walk
from obs_lint.facts import statements as _statements  # noqa: F401 - likewise
from obs_lint.facts.model import (
    Attribute,
    Binding,
    CallSite,
    Class,
    FileFacts,
    Function,
    Import,
    ImportedName,
    Parameter,
    Return,
    Scope,
    Use,
)
from obs_lint.facts.syntax import parse
from obs_lint.facts.walk import Raw, Walk
from obs_lint.source import SourceFile

_N = TypeVar("_N", bound=NamedTuple)


def extract(source: SourceFile) -> FileFacts:
    """Return what the file says. Raises SourceError where it is no Python of any version."""
    return _named_facts(_extract(source))


def extract_encoded(source: SourceFile) -> bytes:
    """Return `encode(extract(source))`, sooner. Raises SourceError."""
    return marshal.dumps(_extract(source))


def encode(facts: FileFacts) -> bytes:
    """Return the facts as bytes, for this version of Python."""
    return marshal.dumps(
        (
            tuple([_plain_scope(scope) for scope in facts.scopes]),
            tuple([(*row[:2], _plain(row.names), *row[3:]) for row in facts.imports]),
            tuple([_plain_function(function) for function in facts.functions]),
            _plain(facts.classes),
            _plain(facts.calls),
            _plain(facts.uses),
            _plain(facts.attributes),
            facts.exports,
            facts.main_guard,
            facts.statements,
            _plain(facts.subscripts),
            facts.body,
        )
    )


def decode_facts(data: bytes) -> FileFacts:
    """Return the facts that `encode` wrote. Raises ValueError, EOFError or TypeError for other bytes."""
    return _named_facts(marshal.loads(data))


def _extract(source: SourceFile) -> Raw:
    tree = parse(source)
    walk = Walk(source.text.decode("utf-8"))
    try:
        walk.body = walk.block(tree.body)
        walk.finish_deferred()
    except RecursionError:
        raise source.error("nested too deeply", *walk.statement[:2]) from None
    return walk.result()


def _plain(rows: Iterable[Raw]) -> tuple[Raw, ...]:
    return tuple(map(tuple, rows))


def _plain_scope(scope: Scope) -> Raw:
    return (*scope[:3], {name: _plain(rows) for name, rows in scope.bindings.items()}, *scope[4:])


def _plain_function(function: Function) -> Raw:
    parameters, returns = _plain(function.parameters), _plain(function.returns)
    return (*function[:6], parameters, *function[7:9], returns, *function[10:])


def _named(kind: type[_N], rows: Iterable[Raw]) -> tuple[_N, ...]:
    return cast("tuple[_N, ...]", tuple(map(tuple.__new__, repeat(kind), rows)))


def _named_facts(raw: Any) -> FileFacts:
    scopes, imports, functions, classes, calls, uses, attributes, exports, main_guard, statements, subscripts, body = (
        raw
    )
    return FileFacts(
        _named(Scope, [(*s[:3], {name: _named(Binding, rows) for name, rows in s[3].items()}, *s[4:]) for s in scopes]),
        _named(Import, [(*i[:2], _named(ImportedName, i[2]), *i[3:]) for i in imports]),
        _named(
            Function, [(*f[:6], _named(Parameter, f[6]), *f[7:9], _named(Return, f[9]), *f[10:]) for f in functions]
        ),
        _named(Class, classes),
        _named(CallSite, calls),
        _named(Use, uses),
        _named(Attribute, attributes),
        exports,
        main_guard,
        statements,
        _named(Attribute, subscripts),
        body,
    )
