"""What a call gives to what it calls: arguments by position and by keyword, those of partials first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from obs_lint.facts.model import Expr, Pos


class Place(NamedTuple):
    """An expression, and where it is evaluated."""

    path: str
    scope: int
    expr: Expr


class Argument(NamedTuple):
    """What is given for one parameter."""

    place: Place
    key: int | str | None = None
    """Where it comes out of a splat, which is `place` then: its index in `*place`, its key in `**place`."""
    pos: Pos = (1, 1, 1, 1)
    """Of the argument, or of the splat."""


class Given(NamedTuple):
    """The arguments of one call."""

    positional: tuple[tuple[Place, bool], ...] = ()
    """Each with whether it is splatted (`*x`)."""
    keywords: tuple[tuple[str | None, Place], ...] = ()
    """None for `**x`."""

    @property
    def is_whole(self) -> bool:
        """True where nothing is splatted: what is not here is not given."""
        return not any(starred for _, starred in self.positional) and all(name is not None for name, _ in self.keywords)

    def find(self, position: int | None, keyword: str = "") -> Argument | None:
        """Return what is given for a parameter, None where nothing is; where splats may hold it, the first that may."""
        return next(iter(self.candidates(position, keyword)), None)

    def candidates(self, position: int | None, keyword: str = "") -> list[Argument]:
        """Return what may be given for a parameter: one argument that is written, or the splats that may hold it."""
        found: list[Argument] = []
        written = self.keyword(keyword) if keyword else None
        if written is not None:
            return [Argument(written, None, written.expr[-1])]
        if position is not None:
            for index, (place, starred) in enumerate(self.positional):
                if starred:
                    found.append(Argument(place, position - index, place.expr[-1]))
                    break
                if index == position:
                    return [Argument(place, None, place.expr[-1])]
        if keyword:
            found += [Argument(place, keyword, place.expr[-1]) for name, place in self.keywords if name is None]
        return found

    def keyword(self, name: str) -> Place | None:
        """Return the argument that is written with that keyword."""
        return next((place for written, place in self.keywords if name and written == name), None)

    def after(self, positional: Iterable[tuple[Place, bool]], keywords: Iterable[tuple[str | None, Place]]) -> Given:
        """Return these arguments behind others, as a partial puts them; keywords of these prevail."""
        mine = {name for name, _ in self.keywords}
        earlier = tuple([row for row in keywords if row[0] is None or row[0] not in mine])
        return Given((*positional, *self.positional), (*earlier, *self.keywords))


def given_by(path: str, scope: int, call: Expr, partials: Iterable[tuple[str, int, Expr]] = (), skip: int = 0) -> Given:
    """Return what a call gives, with what the partials it goes through gave before; without its first `skip`."""
    positional, keywords = _written(path, scope, call)
    given = Given(positional[skip:], keywords)
    for where, inside, partial in partials:
        first, named = _written(where, inside, partial)
        given = given.after(first[1:], named)
    return given


def _written(
    path: str, scope: int, call: Expr
) -> tuple[tuple[tuple[Place, bool], ...], tuple[tuple[str | None, Place], ...]]:
    positional: list[tuple[Place, bool]] = []
    for argument in call[2]:
        if argument[0] != "star":
            positional.append((Place(path, scope, argument), False))
        elif argument[1][0] == "seq" and all(item[0] != "star" for item in argument[1][2]):
            positional += [(Place(path, scope, item), False) for item in argument[1][2]]
        else:
            positional.append((Place(path, scope, argument[1]), True))
    keywords: list[tuple[str | None, Place]] = []
    for name, value, _ in call[3]:
        if name is None and value[0] == "dict" and all(_is_text(key) for key, _ in value[1]):
            keywords += [(key[1], Place(path, scope, item)) for key, item in value[1]]
        else:
            keywords.append((name, Place(path, scope, value)))
    return tuple(positional), tuple(keywords)


def _is_text(key: Expr | None) -> bool:
    return key is not None and key[0] == "const" and isinstance(key[1], str)
