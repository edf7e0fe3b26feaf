"""Expressions over constants: concatenation, formatting, f-strings, over every combination of alternatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr, Pos
from obs_lint.project import folding
from obs_lint.project.folding import Constant, UnfoldableError
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import MAX_ALTERNATIVES, Thing, Things, iterable, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_MAX_OPERANDS = 400


class Constants:
    """Folds with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates the operands."""
        self._resolver = resolver

    def plain(self, things: Things, *, text: bool = False) -> tuple[list[Constant], bool]:
        """Return the constants that the things are as operands, and whether these are all.

        With `text`, as they are in an f-string: an enum member shows its value only there where its class is a StrEnum.
        """
        values: list[Constant] = []
        complete = True
        classes = self._resolver.classes
        for thing in things:
            if thing.kind == "const":
                values.append(thing.at[2][1])
                continue
            if thing.kind == "instance" and thing.path:
                kind = classes.enum_kind(thing.path, thing.index)
                if kind in ("StrEnum", "TextChoices") or (kind == "str Enum" and not text):
                    members = (thing,) if thing.member else classes.members(thing.path, thing.index)
                    for member in members or ():
                        found, whole = self.plain(classes.member_values(member))
                        values += found
                        complete = complete and whole
                    if members:
                        continue
            complete = False
        return list(dict.fromkeys(values)) if len(values) > 1 else values, complete

    def _combined(
        self,
        view: FileView,
        scope: int,
        pos: Pos,
        expr: Expr,
        operands: Sequence[tuple[list[Constant], bool]],
        fold: Callable[[Sequence[Constant]], Constant],
    ) -> Things:
        if any(whole and not values for values, whole in operands):
            return ()
        complete = all(whole for _, whole in operands)
        count = 1
        for values, _ in operands:
            count *= len(values)
            if count > MAX_ALTERNATIVES:
                return (Thing("unknown", at=(view.path, scope, expr)),)
        folded: dict[tuple[type, Constant], Thing] = {}
        for combination in product(*[values for values, _ in operands]):
            try:
                value = fold(combination)
            except UnfoldableError:
                complete = False
                continue
            folded.setdefault((value.__class__, value), Thing("const", at=(view.path, scope, ("const", value, pos))))
        if complete and folded:
            return tuple(folded.values())
        return (*folded.values(), Thing("unknown", at=(view.path, scope, expr)))

    def binary(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Evaluate `left operator right`."""
        operator = expr[1]
        if operator == "%":
            return self._percent(view, scope, expr)
        if operator == "|":
            return self._either(view, scope, expr)
        operands: list[Expr] = []
        left = expr
        while left[0] == "binop" and left[1] == operator and operator == "+":
            operands.append(left[3])
            left = left[2]
            if len(operands) > _MAX_OPERANDS:
                return (Thing("unknown", at=(view.path, scope, expr)),)
        if not operands:
            operands.append(expr[3])
            left = expr[2]
        result = self._resolver.evaluate(view, scope, left)
        for operand in reversed(operands):
            if result and not any(thing.kind in ("const", "instance", "display", "elements") for thing in result):
                return (Thing("unknown", at=(view.path, scope, expr)),)
            right = self._resolver.evaluate(view, scope, operand)
            if operator == "+" and any(t.kind in ("display", "elements") for t in (*result, *right)):
                elements = self._resolver.containers.elements
                result = (iterable(union((elements(result), elements(right)))),)
                continue
            result = self._combined(
                view,
                scope,
                expr[-1],
                expr,
                (self.plain(result), self.plain(right)),
                lambda v: folding.binary(operator, v[0], v[1]),
            )
        return result

    def _either(self, view: FileView, scope: int, expr: Expr) -> Things:
        """`A | B` is a type where its sides are; two dicts are one."""
        left = expr
        while left[0] == "binop" and left[1] == "|":
            left = left[2]
        things = self._resolver.evaluate(view, scope, left)
        if any(
            t.kind in ("class", "alias", "typevar") or (t.kind == "external" and not t.name.islower()) for t in things
        ):
            return (Thing("alias", at=(view.path, scope, expr)),)
        if any(t.kind == "const" and t.at[2][1] is None for t in things):
            return (Thing("alias", at=(view.path, scope, expr)),)
        return (Thing("unknown", at=(view.path, scope, expr)),)

    def _percent(self, view: FileView, scope: int, expr: Expr) -> Things:
        template = self.plain(self._resolver.evaluate(view, scope, expr[2]))
        right = expr[3]
        if right[0] == "seq" and right[1] == "tuple":
            parts = [self.plain(self._resolver.evaluate(view, scope, item), text=True) for item in right[2]]
            return self._combined(view, scope, expr[-1], expr, [template, *parts], lambda v: _percent(v[0], v[1:]))
        if right[0] == "dict" and all(key is not None and key[0] == "const" for key, _ in right[1]):
            names = [key[1] for key, _ in right[1]]
            parts = [self.plain(self._resolver.evaluate(view, scope, value), text=True) for _, value in right[1]]
            return self._combined(
                view,
                scope,
                expr[-1],
                expr,
                [template, *parts],
                lambda v: _percent_named(v[0], dict(zip(names, v[1:], strict=True))),
            )
        given = self.plain(self._resolver.evaluate(view, scope, right), text=True)
        return self._combined(view, scope, expr[-1], expr, [template, given], lambda v: folding.binary("%", v[0], v[1]))

    def fstring(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Evaluate an f-string."""
        operands: list[tuple[list[Constant], bool]] = []
        formats: list[tuple[str, str] | None] = []
        for part in expr[1]:
            if part[0] == "const":
                operands.append(([part[1]], True))
                formats.append(None)
                continue
            spec = ""
            if part[3] is not None:
                specs = self.plain(self._resolver.evaluate(view, scope, part[3]))
                if len(specs[0]) != 1 or not specs[1] or not isinstance(specs[0][0], str):
                    return (Thing("unknown", at=(view.path, scope, part[1])),)
                spec = specs[0][0]
            things = self._resolver.evaluate(view, scope, part[1])
            values = self.plain(things, text=True)
            if not values[0] and not values[1]:
                at = next(
                    (t.at for t in things if t.kind == "unknown" and t.at is not None), (view.path, scope, part[1])
                )
                return (Thing("unknown", at=at),)
            operands.append(values)
            formats.append((part[2], spec))

        def fold(values: Sequence[Constant]) -> Constant:
            pieces = []
            for value, how in zip(values, formats, strict=True):
                pieces.append(str(value) if how is None else folding.formatted(value, how[0], how[1]))
            return folding.join("", pieces)

        return self._combined(view, scope, expr[-1], expr, operands, fold)

    def formatted(self, view: FileView, scope: int, expr: Expr, pos: Pos) -> Things:
        """Evaluate `str(expr)`."""
        operand = self.plain(self._resolver.evaluate(view, scope, expr), text=True)
        return self._combined(view, scope, pos, expr, [operand], lambda v: folding.formatted(v[0], "s", ""))

    def method(self, thing: Thing, name: str, view: FileView, scope: int, call: Expr) -> Things:
        """Evaluate a call of a string's method."""
        value = thing.at[2][1]
        unknown = (Thing("unknown", at=(view.path, scope, call)),)
        if not isinstance(value, str) or any(a[0] == "star" for a in call[2]) or any(k is None for k, _, _ in call[3]):
            return unknown
        if name == "join":
            return self._join(value, view, scope, call)
        resolver = self._resolver
        text = name == "format"
        parts = [self.plain(resolver.evaluate(view, scope, a), text=text) for a in call[2]]
        parts += [self.plain(resolver.evaluate(view, scope, a), text=text) for _, a, _ in call[3]]
        names = [k for k, _, _ in call[3]]
        count = len(call[2])
        return self._combined(
            view,
            scope,
            call[-1],
            call,
            parts,
            lambda v: folding.method(value, name, v[:count], dict(zip(names, v[count:], strict=True))),
        )

    def _join(self, separator: str, view: FileView, scope: int, call: Expr) -> Things:
        unknown = (Thing("unknown", at=(view.path, scope, call)),)
        if len(call[2]) != 1 or call[3]:
            return unknown
        groups: list[Things] = []
        for joined in self._resolver.evaluate(view, scope, call[2][0]):
            if joined.kind != "display" or joined.open or joined.at[2][0] != "seq" or joined.at[2][1] == "set":
                groups.append(unknown)
                continue
            path, inner, expr = joined.at
            home = self._resolver.view(path)
            if home is None or any(item[0] == "star" for item in expr[2]):
                groups.append(unknown)
                continue
            parts = [self.plain(self._resolver.evaluate(home, inner, item)) for item in expr[2]]
            groups.append(self._combined(view, scope, call[-1], call, parts, lambda v: folding.join(separator, v)))
        return union(groups)


def _percent(template: Constant, values: Sequence[Constant]) -> str:
    if not isinstance(template, str):
        raise UnfoldableError
    return folding.percent(template, tuple(values))


def _percent_named(template: Constant, values: dict[str | int | float | bool | None, Constant]) -> str:
    if not isinstance(template, str):
        raise UnfoldableError
    return folding.percent(template, {str(key): value for key, value in values.items()})
