"""What expressions come to in one run of a function: by what it was called with and what its object was made with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from obs_lint.correlation.written import Place, Sources, class_of
from obs_lint.facts.model import Binding, Block, Expr, FileFacts, Function, Pos, Statement
from obs_lint.project import Project

_MAX_ALTERNATIVES = 32
_MAX_DEPTH = 32
_MAX_EXPRESSIONS = 4_000
"""Looked into for one question."""
_PARTIAL = "functools.partial"
_PLAIN = (str, int, float, bool, type(None), tuple, dict)


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is told."""

    value: Any
    """A string, a number, a bool, None, or a tuple or dict of such."""


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """An object of a first-party class, with what its attributes were set to when it was made."""

    path: str
    index: int
    attributes: Mapping[str, Alternatives] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """A first-party function, with the object that it is a method of and what a partial gives it."""

    path: str
    function: int
    me: Thing | None = None


class _Unknown:
    """Anything else."""


UNKNOWN = _Unknown()
Alternative = Known | Thing | Work | _Unknown
Alternatives = tuple[Alternative, ...]
UNTOLD: Alternatives = (UNKNOWN,)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One run of a function, as far as it is known."""

    path: str
    function: int
    given: Mapping[str, Alternatives] = field(default_factory=dict)
    """Parameter → what it gets; those that are not in it may be anything."""
    me: Thing | None = None
    """The object whose method it is."""
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Answers about this run, by question."""

    @property
    def is_plain(self) -> bool:
        """True where nothing is known of it."""
        return self.me is None and not self.given


_COMPARING: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
    "is": lambda a, b: a is b,
    "is not": lambda a, b: a is not b,
}
_COMPUTING: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "%": operator.mod,
}
_METHODS = frozenset("index get lower upper strip removeprefix removesuffix replace join split keys values".split())
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"len": len, "str": str, "int": int}


class Evaluator:
    """Evaluates expressions of a project."""

    def __init__(self, project: Project) -> None:
        """Answers that no run changes are kept."""
        self._project = project
        self._sources = Sources(project)
        self._open: set[tuple[int, int]] = set()
        self._left = 0
        self._cuts = 0
        """How often something was not looked into; what depends on that is not kept."""
        self._always: dict[Any, Any] = {}

    def of(self, place: Place, frame: Frame | None) -> Alternatives:
        """Return everything that an expression may come to; UNKNOWN is among it where that can't be told."""
        memory = self._always if frame is None else frame.memory
        known = memory.get((place.path, place.scope, id(place.expr)))
        if known is not None and known[0] is place.expr:
            return known[1]  # type: ignore[no-any-return]
        key = (id(place.expr), id(frame))
        if not self._open:
            self._left = _MAX_EXPRESSIONS
        self._left -= 1
        if key in self._open or len(self._open) > _MAX_DEPTH or self._left < 0:
            self._cuts += 1
            return UNTOLD
        self._open.add(key)
        cuts = self._cuts
        try:
            found = _distinct(self._of(place, frame)) or UNTOLD
        finally:
            self._open.discard(key)
        if cuts == self._cuts:
            memory[place.path, place.scope, id(place.expr)] = (place.expr, found)
        return found

    def truth(self, place: Place, frame: Frame) -> bool | None:
        """Return whether a test holds in a run, None where that can't be told."""
        found = {_truth(each) for each in self.of(place, frame)}
        return found.pop() if len(found) == 1 else None

    def _of(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        tag = expr[0]
        if tag == "const":
            return (Known(expr[1]),)
        if tag == "name":
            return self._name(place, frame)
        if tag == "attr":
            return self._attribute(place, frame)
        if tag == "call":
            return self._call(place, frame)
        if tag == "lambda":
            return (Work(path, expr[1], frame.me if frame is not None else None),)
        if tag in ("await", "walrus"):
            return self.of(Place(path, scope, expr[1 if tag == "await" else 2]), frame)
        if tag == "if":
            return self._either(place, frame)
        if tag == "bool":
            return self._bool(place, frame)
        if tag == "unary" and expr[1] == "not":
            return _applied(lambda a: not a, [self.of(Place(path, scope, expr[2]), frame)])
        if tag == "compare":
            return self._compare(place, frame)
        if tag == "binop":
            compute = _COMPUTING.get(expr[1])
            parts = [self.of(Place(path, scope, each), frame) for each in expr[2:4]]
            return UNTOLD if compute is None else _applied(compute, parts)
        if tag == "seq":
            return _applied(lambda *items: items, [self.of(Place(path, scope, each), frame) for each in expr[2]])
        if tag == "dict" and all(key is not None for key, _ in expr[1]):
            parts = [self.of(Place(path, scope, each), frame) for row in expr[1] for each in row]
            return _applied(lambda *flat: dict(zip(flat[::2], flat[1::2], strict=True)), parts)
        if tag == "sub":
            parts = [self.of(Place(path, scope, each), frame) for each in expr[1:3]]
            return _applied(operator.getitem, parts)
        if tag == "fstr":
            return _applied(lambda *texts: "".join(map(str, texts)), [self._part(place, p, frame) for p in expr[1]])
        return self._told(place)

    def _part(self, place: Place, part: Expr, frame: Frame | None) -> Alternatives:
        if part[0] == "fmt" and (part[2] or part[3] is not None):
            return UNTOLD
        return self.of(Place(place.path, place.scope, part[1] if part[0] == "fmt" else part), frame)

    def _either(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        tests = {_truth(each) for each in self.of(Place(path, scope, expr[1]), frame)}
        found: list[Alternative] = []
        if tests != {False}:
            found += self.of(Place(path, scope, expr[2]), frame)
        if tests != {True}:
            found += self.of(Place(path, scope, expr[3]), frame)
        return tuple(found)

    def _bool(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        stops = expr[1] == "or"
        found: list[Alternative] = []
        for number, value in enumerate(expr[2]):
            each = self.of(Place(path, scope, value), frame)
            if number == len(expr[2]) - 1:
                found += each
                break
            found += [one for one in each if _truth(one) in (stops, None)]
            if all(_truth(one) is stops for one in each):
                break
        return tuple(found)

    def _compare(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        if len(expr[2]) != 1 or expr[2][0] not in _COMPARING:
            return UNTOLD
        left, right = (self.of(Place(path, scope, each), frame) for each in (expr[1], expr[3][0]))
        if expr[2][0] in ("is", "is not") and right == (Known(None),):
            found: list[Alternative] = []
            for each in left:
                if isinstance(each, _Unknown):
                    return UNTOLD
                found.append(Known((isinstance(each, Known) and each.value is None) == (expr[2][0] == "is")))
            return tuple(found)
        return _applied(_COMPARING[expr[2][0]], [left, right])

    # -- names and attributes

    def _name(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        bound = self._project.bound(path, scope, expr[1])
        facts = self._project.facts(path)
        if bound is None or facts is None:
            return self._told(place)
        owner, bindings = bound
        if frame is not None and path == frame.path and facts.functions[frame.function].scope == owner:
            found: list[Alternative] = []
            for binding in bindings:
                found += self._binding(place, facts, owner, binding, frame)
            return tuple(found)
        if facts.scopes[owner].kind == "comprehension":
            return self._told(place)
        if facts.scopes[owner].kind == "function":
            return self._local(place, facts, owner, bindings, frame)
        return self._told(place)

    def _local(
        self, place: Place, facts: FileFacts, owner: int, bindings: tuple[Binding, ...], frame: Frame | None
    ) -> Alternatives:
        """A local of a function around or in the one that runs, given once."""
        if len(bindings) == 1 and bindings[0].kind == "assign":
            return tuple(self._binding(place, facts, owner, bindings[0], frame))
        return self._told(place)

    def _binding(
        self, place: Place, facts: FileFacts, owner: int, binding: Binding, frame: Frame | None
    ) -> Alternatives:
        if binding.kind == "param" and frame is not None:
            if frame.me is not None and binding.item == 0 and _is_method(facts.functions[frame.function]):
                return (frame.me,)
            return frame.given.get(binding.name) or self._told(place)
        if binding.kind in ("assign", "walrus") and binding.value is not None:
            found = self.of(Place(place.path, binding.scope if binding.scope >= 0 else owner, binding.value), frame)
            return found if found != UNTOLD else self._told(place)
        return self._told(place)

    def _attribute(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, expr = place
        found: list[Alternative] = []
        for base in self.of(Place(path, scope, expr[1]), frame):
            if not isinstance(base, Thing):
                return self._told(place)
            if expr[2] in base.attributes:
                found += base.attributes[expr[2]]
                continue
            methods = self.methods(base, expr[2])
            if not methods:
                return self._told(place)
            found += methods
        return tuple(found)

    def methods(self, thing: Thing, name: str) -> tuple[Work, ...]:
        """Return the method of an object."""
        for ancestor in self._project.ancestors(thing.path, thing.index):
            facts = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if facts is None or isinstance(ancestor, str):
                continue
            rows = facts.scopes[facts.classes[ancestor[1]].scope].bindings.get(name, ())
            if rows:
                return tuple([Work(ancestor[0], row.index, thing) for row in rows[-1:] if row.kind == "def"])
        return ()

    def _told(self, place: Place) -> Alternatives:
        """What an expression is in every run."""
        values = self._project.values(*place)
        if values.known and values.complete:
            return tuple([Known(each.value) for each in values.known])
        origins = self._project.resolve(*place)
        if origins and all(origin.kind == "function" and origin.path for origin in origins):
            return tuple([Work(origin.path, origin.index) for origin in origins])
        found: list[Alternative] = []
        for end in self._sources.ends(place) if place.expr[0] in ("name", "attr") else ():
            if end.place.expr[0] not in ("seq", "dict", "call", "binop"):
                return UNTOLD
            found += self.of(end.place, None)
        return tuple(found) or UNTOLD

    # -- calls

    def _call(self, place: Place, frame: Frame | None) -> Alternatives:
        path, scope, call = place
        func = call[1]
        plain = self._builtin(place, frame)
        if plain is not None:
            return plain
        origins = self._project.resolve(path, scope, func)
        if len(origins) == 1 and origins[0].kind == "class" and origins[0].path:
            return (self._made(place, origins[0].path, origins[0].index, frame),)
        if origins and all(origin.name == _PARTIAL for origin in origins) and call[2]:
            return self.of(Place(path, scope, call[2][0]), frame)
        found: list[Alternative] = []
        for work in self.of(Place(path, scope, func), frame):
            if not isinstance(work, Work):
                return self._told(place)
            found += self._returned(self.entered(place, work, frame))
        return tuple(found) or self._told(place)

    def _builtin(self, place: Place, frame: Frame | None) -> Alternatives | None:
        path, scope, call = place
        func = call[1]
        if call[3] or any(each[0] == "star" for each in call[2]):
            return None
        if func[0] == "attr" and func[2] in _METHODS:
            parts = [self.of(Place(path, scope, each), frame) for each in (func[1], *call[2])]
            if all(isinstance(each, Known) for each in parts[0]):
                return _applied(lambda it, *given: _plainly(getattr(it, func[2])(*given)), parts)
        if func[0] == "name" and func[1] in _FUNCTIONS and len(call[2]) == 1:
            if self._project.bound(path, scope, func[1]) is None:
                return _applied(_FUNCTIONS[func[1]], [self.of(Place(path, scope, call[2][0]), frame)])
        return None

    def _made(self, place: Place, path: str, index: int, frame: Frame | None) -> Thing:
        """Return the object that a constructor makes."""
        attributes: dict[str, Alternatives] = {}
        for ancestor in reversed(self._project.ancestors(path, index)):
            facts = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if facts is None or isinstance(ancestor, str):
                continue
            scope = facts.classes[ancestor[1]].scope
            inits = [row for row in facts.scopes[scope].bindings.get("__init__", ()) if row.kind == "def"]
            if inits:
                made = self.entered(place, Work(ancestor[0], inits[-1].index, Thing(path, index)), frame)
                attributes |= self._set(facts, made)
            else:
                attributes |= self._fields(place, facts, scope, frame)
        return Thing(path, index, attributes)

    def _set(self, facts: FileFacts, made: Frame) -> dict[str, Alternatives]:
        """What `__init__` sets on `self`."""
        function = facts.functions[made.function]
        me = function.parameters[0].name if function.parameters else ""
        found: dict[str, Alternatives] = {}
        changed = {
            row.target[2]
            for row in facts.attributes
            if row.target[1][:2] == ("name", me)
            and (row.scope != function.scope or row.kind != "assign")
            and row.value is not None
            and class_of(facts, row.scope) == function.owner
        }
        for row in facts.attributes:
            if (
                row.target[2] not in changed
                and row.scope == function.scope
                and row.target[1][:2] == ("name", me)
                and row.value is not None
            ):
                each = self.of(Place(made.path, row.scope, row.value), made)
                found[row.target[2]] = _distinct((*found.get(row.target[2], ()), *each))
        return {name: each for name, each in found.items() if each != UNTOLD}

    def _fields(self, place: Place, facts: FileFacts, scope: int, frame: Frame | None) -> dict[str, Alternatives]:
        """What the constructor of a dataclass or a NamedTuple is given."""
        call = place.expr
        rows = facts.scopes[scope].bindings
        names = [name for name, bindings in rows.items() if bindings[-1].annotation is not None]
        given = dict(zip(names, call[2], strict=False))
        if any(each[0] == "star" for each in call[2]):
            given = {}
        given |= {name: value for name, value, _ in call[3] if name in names}
        found = {name: self.of(Place(place.path, place.scope, value), frame) for name, value in given.items()}
        return {name: each for name, each in found.items() if each != UNTOLD}

    def entered(self, place: Place, work: Work, frame: Frame | None, arguments: Expr | None = None) -> Frame:
        """Return the run of a function that a call begins; `arguments` is a call in place of the one there."""
        memory = self._always if frame is None else frame.memory
        key = ("entered", place.path, place.scope, place.expr[-1], work.path, work.function, id(work.me))
        if key not in memory:
            cuts = self._cuts
            found = self._entered(place, work, frame, arguments)
            if cuts != self._cuts:
                return found
            memory[key] = found
        entered: Frame = memory[key]
        return entered

    def _entered(self, place: Place, work: Work, frame: Frame | None, arguments: Expr | None) -> Frame:
        path, scope, _ = place
        call = arguments or place.expr
        facts = self._project.facts(work.path)
        if facts is None:
            return Frame(work.path, work.function, {}, work.me)
        function = facts.functions[work.function]
        parameters = list(function.parameters)
        if parameters and _is_method(function) and not self._is_through_class(place, work):
            parameters = parameters[1:]
        written: dict[str, Expr] = {}
        for parameter, value in zip([p for p in parameters if "positional" in p.kind], call[2], strict=False):
            if value[0] == "star":
                break
            written[parameter.name] = value
        names = {p.name for p in parameters}
        written |= {name: value for name, value, _ in call[3] if name in names}
        given = {name: self.of(Place(path, scope, value), frame) for name, value in written.items()}
        if not any(name is None for name, _, _ in call[3]) and not any(each[0] == "star" for each in call[2]):
            for parameter in parameters:
                if parameter.name not in given and parameter.default is not None:
                    given[parameter.name] = self.of(Place(work.path, function.parent, parameter.default), None)
        return Frame(work.path, work.function, {n: each for n, each in given.items() if each != UNTOLD}, work.me)

    def _is_through_class(self, place: Place, work: Work) -> bool:
        """True for `Worker.run(worker)`."""
        func = place.expr[1] if place.expr[0] == "call" else place.expr
        if work.me is not None or func[0] != "attr":
            return False
        through = self._project.resolve(place.path, place.scope, func[1])
        return bool(through) and all(origin.kind == "class" for origin in through)

    def _returned(self, frame: Frame) -> Alternatives:
        facts = self._project.facts(frame.path)
        if facts is None:
            return UNTOLD
        function = facts.functions[frame.function]
        if function.is_generator:
            return UNTOLD
        values: list[Expr | None]
        if not function.block:
            values = [result.value for result in function.returns]
        else:
            dead = self.dead(frame)
            values = [s[1] for s in within(function.block) if s[0] == "return" and s[-1] not in dead]
        found: list[Alternative] = []
        for value in values:
            found += (Known(None),) if value is None else self.of(Place(frame.path, function.scope, value), frame)
        return tuple(found) or UNTOLD

    # -- statements

    def dead(self, frame: Frame) -> frozenset[Pos]:
        """Return the places of the statements that a run does not come to."""
        if "dead" not in frame.memory:
            frame.memory["dead"] = self._dead(frame)
        found: frozenset[Pos] = frame.memory["dead"]
        return found

    def _dead(self, frame: Frame) -> frozenset[Pos]:
        facts = self._project.facts(frame.path)
        found: set[Pos] = set()
        if facts is not None and not frame.is_plain:
            function = facts.functions[frame.function]
            self._leaves(function.block, function.scope, frame, found)
        return frozenset(found)

    def _leaves(self, block: Block, scope: int, frame: Frame, dead: set[Pos]) -> bool:
        """True where a run does not come to what follows a block; `dead` gets what it passes over."""
        for number, statement in enumerate(block):
            if statement[0] == "if":
                left = self._branches(statement, scope, frame, dead)
            else:
                left = statement[0] in ("return", "raise", "continue", "break")
                for inner in blocks(statement):
                    ended = self._leaves(inner, scope, frame, dead)
                    left = left or (ended and statement[0] == "with")
            if left:
                dead |= _places(block[number + 1 :])
                return True
        return False

    def _branches(self, statement: Statement, scope: int, frame: Frame, dead: set[Pos]) -> bool:
        """As `_leaves`, of an `if`."""
        ways: list[bool] = []
        rest = list(statement[1])
        while rest:
            test, body, _ = rest.pop(0)
            holds = self.truth(Place(frame.path, scope, test), frame)
            if holds is False:
                dead |= _places(body)
                continue
            ways.append(self._leaves(body, scope, frame, dead))
            if holds:
                for _, other, place in rest:
                    dead |= {place, *_places(other)}
                dead |= _places(statement[2])
                return all(ways)
        ways.append(self._leaves(statement[2], scope, frame, dead))
        return all(ways)


def _places(block: Block) -> set[Pos]:
    """Return the places of the statements of a block and of those in them."""
    found: set[Pos] = set()
    for statement in within(block):
        found.add(statement[-1])
        if statement[0] == "if":
            found |= {place for _, _, place in statement[1]}
    return found


def within(block: Block) -> Iterator[Statement]:
    """Yield the statements of a block and those in them, in source order; not those of functions and classes."""
    for statement in block:
        yield statement
        for inner in blocks(statement):
            yield from within(inner)


def blocks(statement: Statement) -> tuple[Block, ...]:
    """Return the blocks of a compound statement, those of functions and classes apart."""
    kind = statement[0]
    if kind == "if":
        return (*(body for _, body, _ in statement[1]), statement[2])
    if kind in ("while", "for"):
        return (statement[2], statement[3])
    if kind == "with":
        return (statement[2],)
    if kind == "try":
        return (statement[1], *(body for _, _, body, _ in statement[2]), statement[3], statement[4])
    if kind == "match":
        return tuple([body for _, _, body, _ in statement[2]])
    return ()


def _is_method(function: Function) -> bool:
    return function.owner >= 0 and not any(d[:2] == ("name", "staticmethod") for d in function.decorators)


def _truth(alternative: Alternative) -> bool | None:
    if isinstance(alternative, Known):
        return bool(alternative.value)
    return None


def _plainly(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else tuple(value)


def _applied(compute: Callable[..., Any], parts: list[Alternatives]) -> Alternatives:
    """What an operation gives, for each combination of what its parts may be."""
    found: list[Alternative] = []
    for combination in islice(product(*parts), _MAX_ALTERNATIVES + 1):
        values = [each.value for each in combination if isinstance(each, Known)]
        if len(values) < len(combination):
            found.append(UNKNOWN)
            continue
        try:
            found.append(Known(compute(*values)))
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
            continue
    return _distinct(tuple(found)) or UNTOLD


def _distinct(alternatives: Alternatives) -> Alternatives:
    found: list[Alternative] = []
    for each in alternatives:
        if not any(_is_same(each, other) for other in found):
            found.append(each)
    return tuple(found) if len(found) <= _MAX_ALTERNATIVES else UNTOLD


def _is_same(first: Alternative, second: Alternative) -> bool:
    if isinstance(first, Known) and isinstance(second, Known):
        return type(first.value) is type(second.value) and bool(first.value == second.value)
    return first is second or (isinstance(first, Work) and first == second)
