"""Payloads: which fields an emission carries, told from the expressions that carry them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from obs_lint.config.model import Config
from obs_lint.events.emitters import declared
from obs_lint.events.model import Field, Payload
from obs_lint.events.shapes import EMPTY, UNTOLD, Shape, join
from obs_lint.events.typed_classes import TypedClasses
from obs_lint.events.variable_events import Evaluator, FileRows, Local, Now
from obs_lint.events.variables import UNKNOWN_FLOW, Flow, follow
from obs_lint.facts.model import Binding, Block, Expr, Pos, Statement
from obs_lint.project import Project
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import Thing, Things

_MAX_DEPTH = 40
_MAX_CALLS = 6
_MAX_OPEN = 24
"""Functions, variables and constants that are looked into while others wait for them."""
_MAX_FLOWS = 300
"""Variables that are followed for one payload."""
_DICTS = frozenset({"builtins.dict", "collections.OrderedDict"})
_COPIES = frozenset({"copy.copy", "copy.deepcopy"})
_JSON = frozenset(
    {
        "json.dumps",
        "orjson.dumps",
        "ujson.dumps",
        "simplejson.dumps",
        "rapidjson.dumps",
        "msgspec.json.encode",
        "msgspec.to_builtins",
    }
)
_AS_DICT = frozenset({"dataclasses.asdict", "attrs.asdict", "attr.asdict", "msgspec.structs.asdict"})
_DUMPS = frozenset({"model_dump", "dict", "model_dump_json", "json", "_asdict"})
_CASTS = frozenset({"typing.cast", "typing_extensions.cast"})
_READERS = frozenset(
    {
        *(f"builtins.{name}" for name in "len str repr print bool isinstance type id hash format".split()),
        *_JSON,
        *_AS_DICT,
        "copy.deepcopy",
        "json.dump",
        "pprint.pprint",
        "pprint.pformat",
    }
)
"""Callables that neither change nor keep what they are given."""
_COPIERS = frozenset(
    {
        *(f"builtins.{name}" for name in "list tuple set frozenset sorted dict any all enumerate iter".split()),
        "collections.OrderedDict",
        "copy.copy",
    }
)
"""Callables that keep only what is inside of what they are given."""
_LOG_METHODS = frozenset("debug info warning warn error exception critical log msg".split())
_HARMLESS_DECORATORS = frozenset({"builtins.staticmethod", "builtins.classmethod", "typing.override", "typing.final"})


def payloads(project: Project, config: Config) -> Payloads:
    """Return what reads the payloads of a project under one configuration; made once a run."""
    return project.once(("payloads", id(config)), lambda: Payloads(project, config))


class Payloads:
    """Reads payloads in one project, under one configuration."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked up before it is asked for."""
        self._project = project
        self._emitters = frozenset(emitter.function.rpartition(".")[2] for emitter in declared(config))
        self._classes = TypedClasses(project)
        self._views: dict[str, FileView | None] = {}
        self._rows: dict[str, FileRows] = {}
        self._flows: dict[Local, Flow] = {}
        self._active: set[object] = set()
        self._cycles: set[object] = set()
        """What was asked for while it was being looked into: answers that depend on it are not kept."""
        self._left = _MAX_FLOWS
        self._depth = 0
        self._known_emissions: set[tuple[str, Pos]] = set()
        self._evaluator = Evaluator(
            self._shape, self._names, self._is_fresh, self._is_constant, self._keeps, self._parameter
        )

    def of(self, path: str, scope: int, expr: Expr, *, call: Expr | None = None) -> Payload:
        """Return what the payload `expr`, evaluated in `scope` of the file, holds.

        `call` is the emission's own call, where there is one: that it gets the payload does not count as passing the
        payload on. `expr` may be a dict, a constructor's call, a variable, JSON text, a splat's value.
        """
        if call is not None:
            self._known_emissions.add((path, call[-1]))
        self._left = _MAX_FLOWS
        return _payload(self._shape(path, scope, expr, None), path, expr[-1])

    def of_keywords(self, path: str, scope: int, call: Expr, taken: Collection[str] = ()) -> Payload:
        """Return what the keywords of a call carry (`payload = "**"`), without those in `taken` (event, context,
        severity); `**` parts are looked into.
        """
        self._known_emissions.add((path, call[-1]))
        self._left = _MAX_FLOWS
        shape = self._keywords(path, scope, call[3], EMPTY, None)
        return _payload(shape.renamed(lambda name: "" if name in taken else name), path, call[-1])

    def of_nothing(self, pos: Pos) -> Payload:
        """Return the payload of an emission that gives none though its emitter takes one; `pos` is the callee's."""
        return Payload((), True, pos)

    # -- expressions

    def _shape(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        """Return what an expression holds; `now` is a variable in the middle of whose statement it is evaluated."""
        if self._depth > _MAX_DEPTH:
            return UNTOLD
        self._depth += 1
        try:
            return self._evaluated(path, scope, expr, now)
        finally:
            self._depth -= 1

    def _evaluated(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        tag = expr[0]
        if tag == "dict":
            return self._display(path, scope, expr, now)
        if tag == "name":
            return self._name(path, scope, expr, now)
        if tag == "const":
            return EMPTY if expr[1] is None else UNTOLD
        if tag == "call":
            return self._call(path, scope, expr, now, awaited=False)
        if tag == "await" and expr[1][0] == "call":
            return self._call(path, scope, expr[1], now, awaited=True)
        if tag == "walrus":
            return self._shape(path, scope, expr[2], now)
        if tag == "if":
            return self._either(path, scope, (expr[2], expr[3]), now)
        if tag == "bool" and expr[1] == "or":
            return self._either(path, scope, expr[2], now)
        if tag == "binop" and expr[1] == "|":
            left = self._shape(path, scope, expr[2], now)
            return left.updated(self._shape(path, scope, expr[3], now)).as_mapping()
        if tag == "comp" and expr[1] == "dict":
            return self._comprehension(path, scope, expr, now)
        if tag in ("attr", "sub"):
            return self._constant(path, scope, expr)
        return UNTOLD

    def _either(self, path: str, scope: int, options: Iterable[Expr], now: Now | None) -> Shape:
        return join([self._shape(path, scope, option, now) for option in options]) or UNTOLD

    def _display(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        shape = EMPTY
        for key, value in expr[1]:
            if key is None:
                shape = shape.updated(self._shape(path, scope, value, now))
                continue
            names, complete = self._names(path, scope, key)
            if not complete:
                shape = shape.overwritten()
            for name in names:
                field = Field(name, value, path, scope, key[-1])
                shape = shape.with_field(field, certain=complete and len(names) == 1)
        return shape

    def _keywords(
        self, path: str, scope: int, keywords: Iterable[tuple[str | None, Expr, Pos]], shape: Shape, now: Now | None
    ) -> Shape:
        for name, value, pos in keywords:
            if name is None:
                shape = shape.updated(self._shape(path, scope, value, now))
            else:
                shape = shape.with_field(Field(name, value, path, scope, _of_word(pos, name)))
        return shape

    def _names(self, path: str, scope: int, key: Expr) -> tuple[tuple[str, ...], bool]:
        """Return the names that a key can be, and whether there are no others."""
        if key[0] == "const":
            return ((key[1],), True) if isinstance(key[1], str) else ((), False)
        values = self._project.values(path, scope, key)
        names: dict[str, None] = {}
        complete = values.complete
        for value in values.known:
            if not isinstance(value.value, str) or (value.member and not self._is_text(path, scope, key)):
                complete = False
            else:
                names[value.value] = None
        return tuple(names), complete and bool(names)

    def _is_text(self, path: str, scope: int, key: Expr) -> bool:
        """True where an enum's member is the string itself."""
        kinds = {
            self._project.enum_kind(thing.path, thing.index)
            for thing in self._project.evaluate(path, scope, key)
            if thing.kind == "instance" and thing.path
        }
        return kinds <= {"StrEnum", "str Enum", "TextChoices"}

    def _comprehension(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        """`{k: v for k, v in known.items() if …}` has fields of what is known; other keys are folded."""
        view = self._view(path)
        inner: int = expr[2]
        key, *rest = expr[3]
        if view is None or not rest:
            return UNTOLD
        value = rest[0]
        loops = [b for rows in view.scopes[inner].bindings.values() for b in rows if b.kind == "for"]
        if key[0] == "name" and value[0] == "name" and len(loops) == 2:
            first, second = (next((b for b in loops if b.name == part[1]), None) for part in (key, value))
            if first is not None and second is not None and (first.item, second.item) == (0, 1):
                source = first.value
                if source is second.value and source is not None and _is_items(source):
                    where = first.scope if first.scope >= 0 else scope
                    return self._shape(path, where, source[1][1], now).as_mapping().uncertain()
        names, complete = self._names(path, inner, key)
        shape = EMPTY if complete else UNTOLD
        for name in names:
            shape = shape.with_field(Field(name, value, path, inner, key[-1]), certain=False)
        return shape

    # -- names

    def _view(self, path: str) -> FileView | None:
        if path not in self._views:
            facts = self._project.facts(path)
            self._views[path] = None if facts is None else FileView(path, "", facts)
        return self._views[path]

    def _name(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        view = self._view(path)
        found = None if view is None else view.find(scope, expr[1])
        if view is None or found is None:
            return UNTOLD
        owner, bindings = found
        local = Local(path, owner, expr[1])
        here = view.function_scope(scope) == owner
        if now is not None and now.local == local and here:
            return now.shape
        kind = view.scopes[owner].kind
        if kind not in ("function", "module", "lambda"):
            return UNTOLD
        if owner == 0 and not here and any(b.kind in ("import", "star") for b in bindings):
            return self._constant(path, scope, expr)
        flow = self._flow(view, local)
        if here:
            return flow.at.get(expr[-1]) or (self._constant(path, scope, expr) if owner == 0 else UNTOLD)
        if owner == 0 and (flow.settled is None or self._is_changed_elsewhere(path, expr[1])):
            return self._constant(path, scope, expr).shared()
        return flow.settled or UNTOLD

    def _flow(self, view: FileView, local: Local) -> Flow:
        known = self._flows.get(local)
        if known is not None:
            return known
        if self._is_open(local) or self._left <= 0:
            return UNKNOWN_FLOW
        self._left -= 1
        if local.path not in self._rows:
            self._rows[local.path] = FileRows(view)
        outer, self._cycles = self._cycles, set()
        self._active.add(local)
        try:
            known = follow(self._rows[local.path], local, self._evaluator)
        finally:
            self._active.discard(local)
            self._cycles.discard(local)
            final = not self._cycles and self._left > 0
            self._cycles |= outer
        if final:
            self._flows[local] = known
        return known

    def _is_open(self, key: object) -> bool:
        """True where the answer to a question depends on itself."""
        if key not in self._active:
            return False
        self._cycles.add(key)
        return True

    def _constant(self, path: str, scope: int, expr: Expr) -> Shape:
        """Return what a constant of a module or a class holds, wherever it is defined."""
        shapes: list[Shape] = []
        things = self._project.evaluate(path, scope, expr)
        for thing in things:
            if thing.kind == "const" and thing.at[2][1] is None:
                shapes.append(EMPTY)
                continue
            if thing.kind == "instance" and thing.path:
                shapes.append(self._object(thing))
                continue
            if thing.kind != "display" or thing.at is None or thing.at[2][0] != "dict":
                return UNTOLD
            shapes.append(self._shown(thing))
        return join(shapes) or UNTOLD

    def _shown(self, thing: Thing) -> Shape:
        """Return what a dict holds, given where it is written."""
        path, scope, display = thing.at
        view = self._view(path)
        if view is None:
            return UNTOLD
        key = ("shown", path, display[-1])
        if self._is_open(key):
            return UNTOLD
        self._active.add(key)
        try:
            shape = self._shape(path, scope, display, None)
        finally:
            self._active.discard(key)
        if thing.open:
            return shape.shared()
        if scope == 0:
            for name, rows in view.scopes[0].bindings.items():
                if any(row.value is display for row in rows):
                    flow = self._flow(view, Local(path, 0, name))
                    if len(rows) > 1 or flow.changes or self._is_changed_elsewhere(path, name):
                        return shape.shared()
        elif view.scopes[scope].kind not in ("class", "module"):
            return shape.shared()
        return shape

    def _is_changed_elsewhere(self, path: str, name: str) -> bool:
        """True where a file that imports the module may change one of its dicts in place."""
        word = name.encode()
        pattern = (
            rb"(?<![\w])" + word + rb"[ \t]*(?:\[[^\]\n]*\][ \t]*(?:=[^=]|[-+|*/]=)|\|=|"
            rb"\.(?:update|pop|popitem|clear|setdefault|__setitem__)[ \t]*\()|del[ \t]+[\w.]*" + word + rb"[ \t]*\["
        )
        return any(
            importer != path and self._project.mentions(importer, pattern) for importer in self._project.importers(path)
        )

    def _object(self, thing: Thing) -> Shape:
        """Return what an object of a typed class holds of which no more is known than its class."""
        typed = self._classes.of(thing.path, thing.index)
        if typed is None:
            return UNTOLD
        shape = EMPTY if typed.style == "typeddict" else Shape({}, True, (thing.path, thing.index))
        for field in typed.fields:
            shape = shape.with_field(
                Field(field.name, None, field.path, field.scope, field.pos), certain=field.required
            )
        return shape.open()

    def _parameter(self, path: str, binding: Binding) -> Shape:
        """Return what a parameter's annotation says of it."""
        view = self._view(path)
        if view is None or binding.annotation is None:
            return UNTOLD
        row = view.functions[binding.index]
        parameter = row.parameters[binding.item]
        if parameter.kind in ("vararg", "kwarg"):
            return UNTOLD
        scope = binding.scope if binding.scope >= 0 else row.parent
        origins = self._project.resolve_annotation(path, scope, binding.annotation)
        if len(origins) != 1 or origins[0].kind != "instance" or not origins[0].path:
            return UNTOLD
        return self._object(Thing("instance", origins[0].name, origins[0].path, origins[0].index))

    # -- calls

    def _call(self, path: str, scope: int, call: Expr, now: Now | None, *, awaited: bool) -> Shape:
        func = call[1]
        things = self._project.evaluate(path, scope, func)
        if func[0] == "attr":
            own = self._method(path, scope, call, things, now)
            if own is not None:
                return own
        if len(things) != 1:
            return UNTOLD
        thing = things[0]
        if thing.partial is not None:
            return UNTOLD
        if thing.kind == "external":
            if thing.name.rpartition(".")[2][:1].isupper() and thing.name not in _DICTS:
                return self._made(path, scope, call, now)
            return self._external(path, scope, call, thing.name, now)
        if thing.kind == "class" and thing.path:
            return self._constructed(path, scope, call, thing, now)
        if thing.kind == "function":
            return self._returned(thing, awaited=awaited)
        return UNTOLD

    def _external(self, path: str, scope: int, call: Expr, name: str, now: Now | None) -> Shape:
        arguments, keywords = call[2], call[3]
        if any(argument[0] == "star" for argument in arguments):
            return UNTOLD
        if name in _CASTS:
            return self._shape(path, scope, arguments[1], now) if len(arguments) == 2 else UNTOLD
        if name in _DICTS:
            if len(arguments) > 1:
                return UNTOLD
            shape = self._mapped(path, scope, arguments[0], now) if arguments else EMPTY
            return self._keywords(path, scope, keywords, shape.as_mapping(), now)
        if name == "builtins.dict.fromkeys":
            return self._from_keys(path, scope, call)
        if name in _COPIES and len(arguments) == 1:
            return self._shape(path, scope, arguments[0], now)._replace(held=False)
        if name in _AS_DICT and len(arguments) == 1:
            shape = self._dumped(self._shape(path, scope, arguments[0], now), ())
            return shape if not keywords else shape.uncertain().open()
        if name in _JSON and len(arguments) == 1:
            return self._shape(path, scope, arguments[0], now).as_mapping()
        return UNTOLD

    def _mapped(self, path: str, scope: int, expr: Expr, now: Now | None) -> Shape:
        """Return what `dict(expr)` holds: of a mapping, or of a list of pairs."""
        if expr[0] != "seq":
            return self._shape(path, scope, expr, now)
        shape = EMPTY
        for item in expr[2]:
            if item[0] != "seq" or item[1] == "set" or len(item[2]) != 2 or item[2][0][0] == "star":
                return UNTOLD
            names, complete = self._names(path, scope, item[2][0])
            if not complete:
                shape = shape.overwritten()
            for name in names:
                field = Field(name, item[2][1], path, scope, item[2][0][-1])
                shape = shape.with_field(field, certain=complete and len(names) == 1)
        return shape

    def _from_keys(self, path: str, scope: int, call: Expr) -> Shape:
        arguments = call[2]
        if not arguments or arguments[0][0] != "seq" or call[3]:
            return UNTOLD
        value = arguments[1] if len(arguments) > 1 else ("const", None, call[-1])
        shape = EMPTY
        for item in arguments[0][2]:
            names, complete = ((), False) if item[0] == "star" else self._names(path, scope, item)
            if not complete:
                shape = shape.overwritten()
            for name in names:
                field = Field(name, value, path, scope, item[-1])
                shape = shape.with_field(field, certain=complete and len(names) == 1)
        return shape

    def _method(self, path: str, scope: int, call: Expr, things: Things, now: Now | None) -> Shape | None:
        """Return what a method of a dict or of an object of a typed class gives; None where it is another's."""
        func = call[1]
        name = func[2]
        if name in ("decode", "encode") and func[1][0] == "call":
            return self._shape(path, scope, func[1], now)
        if name == "copy" and not call[2] and not call[3]:
            shape = self._shape(path, scope, func[1], now)
            if shape.told:
                return shape._replace(held=False)
            return None
        if name not in _DUMPS or any(thing.kind == "function" for thing in things):
            return None
        shape = self._shape(path, scope, func[1], now)
        if shape.of is None:
            return None
        if any(key is None for key, _, _ in call[3]) or call[2]:
            return self._dumped(shape, ()).uncertain().open()
        return self._dumped(shape, call[3])

    def _dumped(self, shape: Shape, keywords: Iterable[tuple[str | None, Expr, Pos]]) -> Shape:
        """Return the dict that an object is turned into, as the keywords of `model_dump` say."""
        if shape.of is None:
            return UNTOLD
        typed = self._classes.of(*shape.of)
        if typed is None or typed.is_custom:
            return UNTOLD
        given = {key: value for key, value, _ in keywords if key is not None}
        by_alias = given.pop("by_alias", None)
        left_out = {field.name for field in typed.fields if not field.dumped}
        aliases: dict[str, str] = {}
        if by_alias is not None and by_alias[:2] != ("const", False):
            if typed.aliased or any(field.alias == "?" for field in typed.fields) or by_alias[:2] != ("const", True):
                return UNTOLD
            aliases = {field.name: field.alias for field in typed.fields if field.alias}
        harmless = {"mode", "indent", "round_trip", "warnings", "context", "encoder", "ensure_ascii"}
        if any(key not in harmless for key in given):
            shape = shape.uncertain()
        names = {name: aliases.get(name, name) for name in shape.entries if name not in left_out}
        result = shape.renamed(lambda name: names.get(name, "")).as_mapping()
        if typed.style == "pydantic":
            for name, place in typed.computed:
                result = result.with_field(Field(name, None, *place), certain=not given)
        return result

    def _constructed(self, path: str, scope: int, call: Expr, thing: Thing, now: Now | None) -> Shape:
        """Return what the object holds that a class makes."""
        typed = self._classes.of(thing.path, thing.index)
        arguments, keywords = call[2], call[3]
        if typed is None:
            return self._made(path, scope, call, now)
        if typed.style == "typeddict":
            if len(arguments) > 1 or any(argument[0] == "star" for argument in arguments):
                return UNTOLD
            shape = self._mapped(path, scope, arguments[0], now) if arguments else EMPTY
            return self._keywords(path, scope, keywords, shape.as_mapping(), now)
        given = self._keywords(path, scope, keywords, EMPTY, now)
        starred = any(argument[0] == "star" for argument in arguments)
        shape = Shape({}, typed.complete and not thing.open, (thing.path, thing.index))
        positions = [field for field in typed.fields if field.positional and field.keyword]
        for field in typed.fields:
            entry = given.entries.get(field.keyword) if field.keyword else None
            if entry is None and typed.style == "pydantic":
                entry = next((given.entries[n] for n in (field.alias, field.name) if n in given.entries), None)
            place = Field(field.name, None, field.path, field.scope, field.pos, converted=field.converted)
            index = positions.index(field) if field in positions else -1
            if entry is not None:
                for number, value in enumerate(entry.values):
                    row = value._replace(name=field.name, converted=value.converted or field.converted)
                    shape = shape.with_field(row, certain=not number)
                if not entry.certain:
                    shape = shape.with_field(place, certain=False)
                continue
            if 0 <= index < len(arguments):
                if typed.ordered and not starred:
                    argument = arguments[index]
                    place = Field(field.name, argument, path, scope, argument[-1], converted=field.converted)
            elif field.optional and given.complete and not starred and not typed.aliased and field.alias != "?":
                place = place._replace(value=field.default)
            shape = shape.with_field(place)
        if not typed.complete:
            known = {name for f in typed.fields for name in (f.name, f.keyword, f.alias)}
            for name, entry in given.entries.items():
                if name not in known:
                    shape = shape.with_field(entry.values[-1], certain=False)
        if typed.aliased or any(field.alias for field in typed.fields if typed.style == "pydantic"):
            return shape.open()
        return shape

    def _made(self, path: str, scope: int, call: Expr, now: Now | None) -> Shape:
        """Return what an object of any other class may hold: what its constructor is given by name."""
        given = self._keywords(path, scope, call[3], EMPTY, now)
        shape = UNTOLD
        for entry in given.entries.values():
            for field in entry.values:
                shape = shape.with_field(field._replace(converted=True), certain=False)
        return shape

    def _returned(self, thing: Thing, *, awaited: bool) -> Shape:
        """Return what a first-party function returns, whatever it is called with."""
        facts = self._project.facts(thing.path)
        key = ("returned", thing.path, thing.index)
        if facts is None or len(self._active) > _MAX_OPEN or self._is_open(key):
            return UNTOLD
        row = facts.functions[thing.index]
        if row.is_generator or row.is_stub or not row.returns or row.is_async != awaited:
            return UNTOLD
        for decorator in row.decorators:
            found = self._project.evaluate(thing.path, row.parent, decorator)
            if len(found) != 1 or found[0].name not in _HARMLESS_DECORATORS:
                return UNTOLD
        self._active.add(key)
        try:
            shapes = [self._shape(thing.path, row.scope, returned.value, None) for returned in row.returns]
        finally:
            self._active.discard(key)
        if row.block and not _ends(row.block):
            shapes.append(EMPTY)
        if row.owner >= 0 and self._project.is_overridden(thing.path, thing.index):
            shapes.append(UNTOLD)
        return join(shapes) or UNTOLD

    # -- what variables ask

    def _is_fresh(self, path: str, scope: int, expr: Expr, depth: int = 0) -> bool:
        """True where nobody else holds the object."""
        tag = expr[0]
        if tag in ("dict", "comp", "const", "binop"):
            return True
        if tag == "if":
            return self._is_fresh(path, scope, expr[2], depth) and self._is_fresh(path, scope, expr[3], depth)
        if tag == "bool":
            return all(self._is_fresh(path, scope, part, depth) for part in expr[2])
        if tag == "await":
            return self._is_fresh(path, scope, expr[1], depth)
        if tag != "call" or depth > _MAX_CALLS:
            return False
        if expr[1][0] == "attr" and expr[1][2] in ("copy", *_DUMPS):
            return True
        things = self._project.evaluate(path, scope, expr[1])
        if len(things) != 1:
            return False
        thing = things[0]
        if thing.kind == "external":
            return thing.name in _DICTS or thing.name in _COPIES | _AS_DICT | _JSON
        if thing.kind == "class":
            return True
        view = self._view(thing.path) if thing.kind == "function" else None
        if view is None:
            return False
        row = view.functions[thing.index]
        for returned in row.returns:
            value = returned.value
            found = view.find(row.scope, value[1]) if value[0] == "name" else None
            if found is not None and found[0] == row.scope and found[1][0].kind != "param":
                continue
            if not self._is_fresh(thing.path, row.scope, value, depth + 1):
                return False
        return True

    def _is_constant(self, path: str, scope: int, expr: Expr) -> bool:
        if expr[0] in ("attr", "sub"):
            return True
        view = self._view(path)
        found = view.find(scope, expr[1]) if view is not None and expr[0] == "name" else None
        return found is not None and found[0] == 0 and scope != 0

    def _keeps(self, path: str, scope: int, call: Expr, inside: bool) -> bool:
        """True where a callee may keep or change what it is given, `inside` of something else or by itself."""
        func = call[1]
        last = func[1] if func[0] == "name" else func[2] if func[0] == "attr" else ""
        if last in self._emitters or (func[0] == "attr" and last in _LOG_METHODS):
            return False
        if (path, call[-1]) in self._known_emissions:
            return False
        if func[0] not in ("name", "attr"):
            return True
        if func[0] == "attr" and last == "update" and func[1][0] == "name":
            return inside
        harmless = _READERS if inside else _READERS | _COPIERS
        things = self._project.evaluate(path, scope, func)
        return not things or any(thing.kind != "external" or thing.name not in harmless for thing in things)


def _payload(shape: Shape, path: str, pos: Pos) -> Payload:
    certain = all(entry.certain for entry in shape.entries.values())
    return Payload(shape.fields(), shape.complete, pos, certain, path)


def _of_word(pos: Pos, name: str) -> Pos:
    """Return the place of a keyword's own name, given that of the whole argument."""
    return (pos[0], pos[1], pos[0], pos[1] + len(name))


def _is_items(expr: Expr) -> bool:
    return bool(expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] == "items" and not expr[2] and not expr[3])


def _ends(block: Block) -> bool:
    """True where a block certainly ends with a return or an exception."""
    return bool(block) and _leaves(block[-1])


def _leaves(statement: Statement) -> bool:
    kind = statement[0]
    if kind in ("return", "raise"):
        return True
    if kind == "if":
        return _ends(statement[2]) and all(_ends(body) for _, body, _ in statement[1])
    if kind == "with":
        return _ends(statement[2])
    if kind == "try":
        if _ends(statement[4]):
            return True
        return (_ends(statement[1]) or _ends(statement[3])) and all(_ends(handler[2]) for handler in statement[2])
    if kind == "match":
        return all(_ends(case[2]) for case in statement[2]) and any(case[0] for case in statement[2])
    return False
