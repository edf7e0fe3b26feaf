"""Classes that say which fields their objects have: dataclasses, attrs, pydantic, NamedTuple, TypedDict, msgspec."""

from __future__ import annotations

from typing import NamedTuple

from obs_lint.facts.model import Binding, Class, Expr, FileFacts, Pos
from obs_lint.project import Project
from obs_lint.project.thing import Thing

_BASES = {
    "pydantic.BaseModel": "pydantic",
    "pydantic.main.BaseModel": "pydantic",
    "pydantic.v1.BaseModel": "pydantic",
    "pydantic_settings.BaseSettings": "pydantic",
    "sqlmodel.SQLModel": "pydantic",
    "typing.NamedTuple": "namedtuple",
    "typing_extensions.NamedTuple": "namedtuple",
    "typing.TypedDict": "typeddict",
    "typing_extensions.TypedDict": "typeddict",
    "msgspec.Struct": "msgspec",
}
_HARMLESS_BASES = frozenset(
    {
        "builtins.object",
        "builtins.Exception",
        "typing.Generic",
        "typing_extensions.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "abc.ABC",
    }
)
_DECORATORS = {
    "dataclasses.dataclass": "dataclass",
    "pydantic.dataclasses.dataclass": "dataclass",
    **{f"attrs.{name}": "attrs" for name in ("define", "mutable", "frozen")},
    **{f"attr.{name}": "attrs" for name in ("s", "attrs", "attributes", "define", "mutable", "frozen", "dataclass")},
}
_FIELD_CALLS = frozenset("field Field ib attrib attr PrivateAttr".split())
_MAX_DEPTH = 30


class ClassField(NamedTuple):
    """One field of such a class."""

    name: str
    keyword: str
    """What the constructor calls it; "" where it takes none."""
    positional: bool
    default: Expr | None
    """The default's expression, None where there is none or it is made by a factory."""
    optional: bool
    """True where the constructor may do without."""
    required: bool
    """False for a key of a TypedDict that may be missing."""
    dumped: bool
    """False where it is left out when the object is turned into a dict."""
    converted: bool
    """True where the constructor may convert what it is given."""
    alias: str
    """Another name of it in data, "" where it has none."""
    path: str
    scope: int
    pos: Pos


class TypedClass(NamedTuple):
    """What a class says of its objects."""

    style: str
    """dataclass | attrs | pydantic | namedtuple | typeddict | msgspec"""
    fields: tuple[ClassField, ...]
    complete: bool
    """False where a base can't be told, or objects may have other fields as well."""
    ordered: bool
    """True where positional arguments can be told."""
    aliased: bool
    """True where the names in data are made by a function."""
    computed: tuple[tuple[str, tuple[str, int, Pos]], ...]
    """Names that turning an object into a dict adds to its fields, each with (path, scope, place)."""
    is_custom: bool
    """True where the class itself decides what is dumped."""


class TypedClasses:
    """Reads such classes in one project."""

    def __init__(self, project: Project) -> None:
        """Nothing is looked up before it is asked for."""
        self._project = project
        self._known: dict[tuple[str, int], TypedClass | None] = {}

    def of(self, path: str, index: int, depth: int = 0) -> TypedClass | None:
        """Return what a first-party class says of its fields; None where it is of no such kind."""
        key = (path, index)
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._read(path, index, depth) if depth < _MAX_DEPTH else None
        return self._known[key]

    def _read(self, path: str, index: int, depth: int) -> TypedClass | None:
        facts = self._project.facts(path)
        if facts is None:
            return None
        row = facts.classes[index]
        style, complete, ordered = self._decorated(path, row), True, True
        inherited: list[TypedClass] = []
        for base in row.bases:
            things = self._project.evaluate(path, row.parent, base)
            if len(things) != 1 or things[0].kind not in ("class", "external", "alias"):
                complete = False
                continue
            thing = things[0]
            if thing.kind == "class":
                above = self.of(thing.path, thing.index, depth + 1)
                if above is not None:
                    inherited.append(above)
                    complete = complete and above.complete
                elif self._may_have_fields(thing, depth):
                    complete = False
            elif thing.name in _BASES:
                style = style or _BASES[thing.name]
            elif thing.name not in _HARMLESS_BASES:
                complete = False
        own = style
        style = style or next((above.style for above in inherited), "")
        if not style:
            return None
        has_own = bool(own) or style in ("pydantic", "msgspec", "typeddict")
        fields: dict[str, ClassField] = {}
        aliased, custom = False, False
        computed: tuple[tuple[str, tuple[str, int, Pos]], ...] = ()
        for above in reversed(inherited):
            fields |= {field.name: field for field in above.fields}
            aliased, custom = aliased or above.aliased, custom or above.is_custom
            computed += above.computed
            ordered = ordered and above.ordered
        if len(inherited) > 1:
            ordered = False
        bodies = facts.scopes[row.scope].bindings
        if has_own:
            options = _options(row, bodies, facts)
            aliased = aliased or options.get("alias_generator") is not None
            if style == "pydantic" and _is_text(options.get("extra"), "allow"):
                complete = False
            if style == "pydantic" and options.get("unreadable") is not None:
                complete, aliased = False, True
            for field in self._fields(path, row, facts, style, options):
                fields[field.name] = field
            if style == "attrs" and _has_plain_fields(bodies):
                complete = ordered = False
        made = "__init__" in bodies or "__new__" in bodies or "__attrs_init__" in bodies
        if made or "__post_init__" in bodies or "__attrs_post_init__" in bodies or _validates(bodies, facts):
            fields = {name: field._replace(converted=True) for name, field in fields.items()}
        if made and style != "namedtuple":
            complete = ordered = False
        custom = custom or any(name in bodies for name in ("model_dump", "dict", "_asdict", "model_dump_json", "json"))
        custom = custom or "model_serializer" in _decorator_names(bodies, facts)
        computed += tuple([(name, (path, row.scope, pos)) for name, pos in _computed(bodies, facts)])
        return TypedClass(style, tuple(fields.values()), complete, ordered, aliased, computed, custom)

    def _may_have_fields(self, thing: Thing, depth: int) -> bool:
        """True where a base that is of no such kind may be one after all, through a base that can't be told."""
        facts = self._project.facts(thing.path)
        if facts is None or depth > _MAX_DEPTH:
            return True
        row = facts.classes[thing.index]
        for base in row.bases:
            things = self._project.evaluate(thing.path, row.parent, base)
            if len(things) != 1:
                return True
            if things[0].kind == "class":
                if self._may_have_fields(things[0], depth + 1):
                    return True
            elif things[0].kind != "external" or things[0].name not in _HARMLESS_BASES:
                return True
        return False

    def _decorated(self, path: str, row: Class) -> str:
        for decorator in row.decorators:
            expr = decorator[1] if decorator[0] == "call" else decorator
            for thing in self._project.evaluate(path, row.parent, expr):
                style = _DECORATORS.get(thing.name) if thing.kind == "external" else None
                if style:
                    return style
        return ""

    def _fields(
        self, path: str, row: Class, facts: FileFacts, style: str, options: dict[str, Expr | None]
    ) -> list[ClassField]:
        found: list[tuple[Pos, ClassField]] = []
        keyword_only = _is_true(options.get("kw_only"))
        marker: Pos | None = None
        total = not _is_false(options.get("total"))
        for name, bindings in facts.scopes[row.scope].bindings.items():
            annotated = next((b for b in bindings if b.annotation is not None), None)
            if annotated is None or annotated.annotation is None:
                continue
            if _mentions(annotated.annotation, "KW_ONLY"):
                marker = annotated.pos
                continue
            if _mentions(annotated.annotation, "ClassVar") or _mentions(annotated.annotation, "InitVar"):
                continue
            if style == "pydantic" and (name.startswith("_") or name == "model_config"):
                continue
            field = self._field(path, row, style, name, bindings, annotated.annotation, total)
            found.append((annotated.pos, field))
        found.sort(key=lambda pair: pair[0])
        return [
            field._replace(
                positional=field.positional
                and not keyword_only
                and style not in ("pydantic", "typeddict")
                and (marker is None or pos < marker)
            )
            for pos, field in found
        ]

    def _field(
        self,
        path: str,
        row: Class,
        style: str,
        name: str,
        bindings: tuple[Binding, ...],
        annotation: Expr,
        total: bool,
    ) -> ClassField:
        bound = next((b for b in reversed(bindings) if b.value is not None), None)
        value = None if bound is None else bound.value
        default, optional = value, value is not None
        keyword, positional, dumped, converted, alias = name, True, True, style == "pydantic", ""
        if value is not None and value[0] == "call" and _last(value[1]) in _FIELD_CALLS:
            given = {key: expr for key, expr, _ in value[3] if key is not None}
            default = given.get("default")
            optional = default is not None or "default_factory" in given or "factory" in given
            if style == "pydantic" and value[2]:
                default = value[2][0]
                optional = not _is_ellipsis(default)
            if style == "pydantic" and default is not None and _is_ellipsis(default):
                default, optional = None, False
            if _is_false(given.get("init")):
                keyword, optional = "", True
            if _is_true(given.get("kw_only")):
                positional = False
            dumped = not (style == "pydantic" and given.get("exclude") is not None)
            converted = converted or "converter" in given
            for key in ("alias", "serialization_alias", "validation_alias", "name"):
                written = given.get(key)
                if written is not None:
                    alias = str(written[1]) if written[0] == "const" else "?"
        if style == "attrs":
            keyword = alias or (keyword and name.lstrip("_"))
        required = total
        if style == "typeddict":
            required = (total and not _mentions(annotation, "NotRequired")) or _mentions(annotation, "Required", True)
        pos = bindings[0].pos if bound is None else bound.pos
        return ClassField(
            name, keyword, positional, default, optional, required, dumped, converted, alias, path, row.scope, pos
        )


def _options(row: Class, bodies: dict[str, tuple[Binding, ...]], facts: FileFacts) -> dict[str, Expr | None]:
    """Return the keywords that a class gives to its decorator, its metaclass or its configuration."""
    found: dict[str, Expr | None] = {key: value for key, value, _ in row.keywords if key is not None}
    for decorator in row.decorators:
        if decorator[0] == "call":
            found |= {key: value for key, value, _ in decorator[3] if key is not None}
    for binding in bodies.get("model_config", ()):
        value = binding.value
        if value is not None and value[0] == "call":
            found |= {key or "unreadable": item for key, item, _ in value[3]}
            if value[2]:
                found["unreadable"] = value
        elif value is not None and value[0] == "dict":
            for key, item in value[1]:
                found[key[1] if key is not None and key[0] == "const" else "unreadable"] = item
        elif value is not None:
            found["unreadable"] = value
    for binding in bodies.get("Config", ()):
        if binding.kind == "class":
            inner = facts.scopes[facts.classes[binding.index].scope].bindings
            found |= {key: rows[-1].value for key, rows in inner.items() if rows[-1].value is not None}
            if facts.classes[binding.index].bases:
                found["unreadable"] = facts.classes[binding.index].bases[0]
    return found


def _validates(bodies: dict[str, tuple[Binding, ...]], facts: FileFacts) -> bool:
    return not _decorator_names(bodies, facts).isdisjoint(
        {"validator", "field_validator", "root_validator", "model_validator", "field_serializer", "validates"}
    )


def _decorator_names(bodies: dict[str, tuple[Binding, ...]], facts: FileFacts) -> frozenset[str]:
    return frozenset(
        _last(decorator[1] if decorator[0] == "call" else decorator)
        for rows in bodies.values()
        for binding in rows
        if binding.kind == "def"
        for decorator in facts.functions[binding.index].decorators
    )


def _computed(bodies: dict[str, tuple[Binding, ...]], facts: FileFacts) -> list[tuple[str, Pos]]:
    """Return the names of pydantic's computed fields, and where they stand."""
    return [
        (name, rows[-1].pos)
        for name, rows in bodies.items()
        if rows[-1].kind == "def"
        and any(
            _last(decorator[1] if decorator[0] == "call" else decorator) == "computed_field"
            for decorator in facts.functions[rows[-1].index].decorators
        )
    ]


def _has_plain_fields(bodies: dict[str, tuple[Binding, ...]]) -> bool:
    """True where attrs finds fields without an annotation."""
    return any(
        binding.annotation is None
        and binding.value is not None
        and binding.value[0] == "call"
        and _last(binding.value[1]) in _FIELD_CALLS
        for rows in bodies.values()
        for binding in rows
    )


def _last(expr: Expr) -> str:
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _mentions(annotation: Expr, word: str, outermost: bool = False) -> bool:
    """True where the annotation is `word`, `word[…]`, or has it inside `Annotated[…]`."""
    if annotation[0] == "sub":
        if _last(annotation[1]) == word:
            return True
        inner = annotation[2]
        parts = inner[2] if inner[0] == "seq" else (inner,)
        return (
            not outermost
            and _last(annotation[1]) in ("Annotated", "ReadOnly", "Required")
            and any(_mentions(part, word) for part in parts[:1])
        )
    return _last(annotation) == word


def _is_true(expr: Expr | None) -> bool:
    return expr is not None and expr[:2] == ("const", True)


def _is_false(expr: Expr | None) -> bool:
    return expr is not None and expr[:2] == ("const", False)


def _is_text(expr: Expr | None, text: str) -> bool:
    if expr is None:
        return False
    return expr[:2] == ("const", text) or (expr[0] == "attr" and expr[2] == text)


def _is_ellipsis(expr: Expr) -> bool:
    return expr[0] == "other" and not expr[1]
