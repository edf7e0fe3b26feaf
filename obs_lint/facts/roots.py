"""Every outermost expression that a file's facts hold."""

from __future__ import annotations

from collections.abc import Iterator

from obs_lint.facts.model import Block, Expr, FileFacts


def roots(facts: FileFacts) -> Iterator[Expr]:
    """Yield the outermost expressions: of statements, decorators, defaults, bases and keywords of classes.

    Annotations are left out. The body of a lambda is a root of its own.
    """
    yield from of_block(facts.body)
    for function in facts.functions:
        yield from of_block(function.block)
        yield from function.decorators
        yield from (p.default for p in function.parameters if p.default is not None)
        if not function.block:
            yield from (result.value for result in function.returns)
    for scope in facts.scopes:
        if scope.kind == "comprehension":
            yield from (b.value for rows in scope.bindings.values() for b in rows if b.value is not None)
    for row in facts.classes:
        yield from row.bases
        yield from row.decorators
        yield from (value for _, value, _ in row.keywords)


def of_block(block: Block) -> Iterator[Expr]:
    """Yield the outermost expressions of statements and of those within them, in source order."""
    for statement in block:
        kind = statement[0]
        if kind in ("expr", "assign", "return"):
            if statement[1] is not None:
                yield statement[1]
        elif kind in ("raise", "assert"):
            yield from (part for part in statement[1:3] if part is not None)
        elif kind == "if":
            for test, body, _ in statement[1]:
                yield test
                yield from of_block(body)
            yield from of_block(statement[2])
        elif kind in ("while", "for"):
            yield statement[1]
            yield from of_block(statement[2])
            yield from of_block(statement[3])
        elif kind == "with":
            yield from statement[1]
            yield from of_block(statement[2])
        elif kind == "try":
            yield from of_block(statement[1])
            for caught, _, body, _ in statement[2]:
                if caught is not None:
                    yield caught
                yield from of_block(body)
            yield from of_block(statement[3])
            yield from of_block(statement[4])
        elif kind == "match":
            yield statement[1]
            for _, guard, body, _ in statement[2]:
                if guard is not None:
                    yield guard
                yield from of_block(body)
        elif kind == "class":
            yield from of_block(statement[2])
