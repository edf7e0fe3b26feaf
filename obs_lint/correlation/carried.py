"""Which correlation ids go along in headers, in arguments and in a payload."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from obs_lint.correlation.code import Code
from obs_lint.correlation.model import Canonical, snake
from obs_lint.correlation.written import Place, Sources, last_name, spelled
from obs_lint.facts.model import Attribute, CallSite, Expr, FileFacts
from obs_lint.facts.nested import children, nested
from obs_lint.project import Origin, Project

_MAX_DEPTH = 7
_MAX_TYPES = 3


class Carried(NamedTuple):
    """What is given along."""

    fields: frozenset[str] = frozenset()
    """Canonical names."""
    complete: bool = True
    """False where there may be others."""

    def __or__(self, other: Carried) -> Carried:
        """Both together."""
        return Carried(self.fields | other.fields, self.complete and other.complete)


NOTHING = Carried()
UNTOLD = Carried(complete=False)

_COPIES = frozenset(
    {"dict", "Headers", "CIMultiDict", "CIMultiDictProxy", "MultiDict", "HTTPHeaderDict", "OrderedDict"}
)
_SETTING = frozenset({"setdefault", "add", "add_header", "__setitem__", "add_unredirected_header"})
_MERGING = frozenset({"update", "extend", "merge", "__ior__"})
_MAKES_HEADERS = re.compile(r"inject|propagat|correl|trac|context|header|prepare|decorat|sign", re.IGNORECASE)
_SCALAR_CALLS = frozenset(
    "str int float bool len repr hash abs round min max sum id ord chr type uuid uuid1 uuid4 uuid7 UUID now "
    "utcnow today time monotonic isoformat timestamp timedelta datetime date strftime hexdigest token_hex "
    "token_urlsafe format join strip lower upper title replace getpid gethostname total_seconds Decimal range "
    "reverse count hex".split()
)
_WRAPPING_CALLS = frozenset(
    "dumps dump b64encode asdict jsonable_encoder list tuple set sorted packb bytes bytearray deepcopy "
    "compress cast filter reversed frozenset urlsafe_b64encode astuple dumps_json JSONEncoder dumps_str zip "
    "enumerate".split()
)
_WRAPPING_METHODS = frozenset(
    "encode decode model_dump model_dump_json dict json to_dict to_json as_dict copy SerializeToString items "
    "values keys serialize".split()
)
_SCALAR_NAMES = re.compile(
    r"(?:.*_)?(?:"
    r"id|ids|pk|pks|uuid|uuids|guid|name|names|at|count|url|urls|uri|path|key|keys|email|emails|status|state|"
    r"type|kind|slug|token|days|hours|minutes|seconds|limit|offset|force|index|idx|timestamp|date|time|"
    r"version|title|size|number|num|level|mode|language|locale|lang|code|hash|digest|host|port|flag|enabled|"
    r"dry_run|timeout|delay|attempt|retries|start|end|amount|total|page|domain|username|password|subject|"
    r"filename|suffix|prefix|channel|queue|topic|exchange|body_text|text|query|sql|cmd|command|address|phone|"
    r"currency|price|user_pk|sha|ref|branch|tag|label|year|month|day"
    r")"
    r"|(?:is|has|should|with|include)_.*|n|i|x|y|a|b"
)
_SCALAR_TYPES = frozenset(
    "int str float bool bytes uuid.UUID datetime.datetime datetime.date datetime.timedelta decimal.Decimal None "
    "builtins.int builtins.str builtins.float builtins.bool builtins.bytes enum.Enum pathlib.Path pydantic.EmailStr "
    "builtins.NoneType".split()
)


class Carrying:
    """Reads headers, arguments and payloads of one project."""

    def __init__(self, sources: Sources, canonical: Canonical, code: Code) -> None:
        """`code` tells which functions produce or pass on ids."""
        self._sources = sources
        self._project: Project = sources.project
        self._canonical = canonical
        self._code = code

    # -- headers

    def headers(self, place: Place | None, depth: int = 0) -> Carried:
        """Return what a mapping of headers carries; None stands for no headers."""
        if place is None:
            return NOTHING
        if depth > _MAX_DEPTH:
            return UNTOLD
        found = NOTHING
        for end in self._sources.ends(place):
            if any(each.expr[0] == "call" and self._code.is_propagating(each) for each in end.passed):
                return Carried(frozenset(self._canonical.names))
            found |= self._header_object(end.place, depth)
            for own, touch in self._sources.touched(end.passed):
                found |= self._header_touch(own, touch, depth)
        return found

    def _header_object(self, place: Place, depth: int) -> Carried:
        path, scope, expr = place
        tag = expr[0]
        if tag == "const":
            return NOTHING
        if tag == "dict":
            return self._header_rows(place, expr[1], depth)
        if tag == "seq":
            rows = [item[2] for item in expr[2] if item[0] == "seq" and len(item[2]) == 2]
            return self._header_rows(place, rows, depth) if len(rows) == len(expr[2]) else UNTOLD
        if tag == "binop" and expr[1] in ("|", "+"):
            return self.headers(Place(path, scope, expr[2]), depth + 1) | self.headers(
                Place(path, scope, expr[3]), depth + 1
            )
        if tag == "call":
            name = last_name(expr)
            if name in _COPIES:
                found = NOTHING
                for value in expr[2]:
                    found |= self.headers(Place(path, scope, value[1] if value[0] == "star" else value), depth + 1)
                for keyword, value, _ in expr[3]:
                    if keyword is None:
                        found |= self.headers(Place(path, scope, value), depth + 1)
                    else:
                        found |= Carried(frozenset(self._canonical.of_header(keyword)))
                return found
            if name == "copy" and expr[1][0] == "attr" and not expr[2]:
                return self.headers(Place(path, scope, expr[1][1]), depth + 1)
        return UNTOLD

    def _header_rows(self, place: Place, rows: Iterable[tuple[Expr | None, Expr]], depth: int) -> Carried:
        found = NOTHING
        for key, value in rows:
            if key is None:
                found |= self.headers(Place(place.path, place.scope, value), depth + 1)
            else:
                found |= self.header_key(Place(place.path, place.scope, key))
        return found

    def header_key(self, place: Place) -> Carried:
        """Return what a header carries, by the expression of its name."""
        values = self._project.values(*place)
        fields = {f for v in values.known if isinstance(v.value, str) for f in self._canonical.of_header(v.value)}
        if values.complete:
            return Carried(frozenset(fields))
        name = last_name(place.expr)
        fields |= set(self._canonical.of_header(name)) if name else set()
        return Carried(frozenset(fields), bool(fields) or name.isupper())

    def _header_touch(self, own: Place, touch: CallSite | Attribute, depth: int) -> Carried:
        text = spelled(own.expr)
        if not isinstance(touch, CallSite):
            target = touch.target
            if target[0] == "sub" and spelled(target[1]) == text:
                return self.header_key(Place(own.path, touch.scope, target[2]))
            return NOTHING
        func, path, scope = touch.expr[1], own.path, touch.scope
        if func[0] == "attr" and spelled(func[1]) == text:
            if func[2] in _SETTING and touch.expr[2]:
                return self.header_key(Place(path, scope, touch.expr[2][0]))
            if func[2] in _MERGING:
                found = NOTHING
                for value in (*touch.expr[2], *(value for name, value, _ in touch.expr[3] if name is None)):
                    found |= self.headers(Place(path, scope, value), depth + 1)
                for name, _, _ in touch.expr[3]:
                    if name is not None:
                        found |= Carried(frozenset(self._canonical.of_header(name)))
                return found
            return NOTHING
        if any(spelled(value) == text for value in _given(touch.expr)):
            return self.handed(Place(path, scope, touch.expr))
        return NOTHING

    def handed(self, call: Place) -> Carried:
        """Return what a call adds to headers, or to a client, that it is handed."""
        if self._code.is_propagating(call) or self._code.is_injection(call):
            return Carried(frozenset(self._canonical.names))
        origins = self._project.resolve(call.path, call.scope, call.expr[1])
        for origin in origins:
            if origin.kind == "function" and origin.path and self._code.carries(origin.path, origin.index):
                return Carried(frozenset(self._canonical.names))
        known = any(origin.kind not in ("parameter", "variable") for origin in origins)
        return NOTHING if known or not _MAKES_HEADERS.search(last_name(call.expr)) else UNTOLD

    # -- arguments and payloads

    def arguments(self, path: str, scope: int, call: Expr, skip: Iterable[str] = ()) -> Carried:
        """Return what the arguments and keywords of a call carry, keywords named in `skip` left out."""
        left_out = frozenset(skip)
        found = NOTHING
        for value in call[2]:
            found |= self.payload(Place(path, scope, value))
        for name, value, _ in call[3]:
            if name is not None and name in left_out:
                continue
            if name is not None and (fields := self._canonical.of_name(name)):
                found |= Carried(frozenset(fields))
            else:
                found |= self.payload(Place(path, scope, value))
        return found

    def payload(self, place: Place | None, depth: int = 0) -> Carried:
        """Return what a value carries: by its name, by its keys, by the fields of its class."""
        if place is None:
            return NOTHING
        if depth > _MAX_DEPTH:
            return UNTOLD
        path, scope, expr = place
        tag = expr[0]
        if tag in ("star", "await", "walrus", "fmt"):
            return self.payload(Place(path, scope, expr[2] if tag == "walrus" else expr[1]), depth)
        named = self._named(place)
        if named.fields:
            return named
        if tag in ("name", "attr", "call", "if", "bool"):
            return self._followed(place, depth)
        return self._value(place, depth)

    def _named(self, place: Place) -> Carried:
        """What the name of a value, or the key that it is read by, says."""
        expr = place.expr
        if expr[0] == "sub":
            key = expr[2]
            name = key[1] if key[0] == "const" and isinstance(key[1], str) else ""
        elif expr[0] == "call":
            name = last_name(expr)
            if name == "get" and expr[1][0] == "attr":  # `request_id_var.get()`, `row.get("request_id")`
                first = expr[2][0] if expr[2] else None
                text = first[1] if first is not None and first[0] == "const" else None
                name = text if isinstance(text, str) else last_name(expr[1][1])
        else:
            name = last_name(expr) if expr[0] in ("name", "attr") else ""
        return Carried(frozenset(self._canonical.of_name(name))) if name else NOTHING

    def _followed(self, place: Place, depth: int) -> Carried:
        typed = self._typed(place)
        if typed is not None:
            return typed
        found = NOTHING
        for end in self._sources.ends(place):
            named = NOTHING
            for each in end.passed:
                named |= self._named(each)
            if named.fields:
                found |= named
                continue
            for own, touch in self._sources.touched(end.passed):
                found |= self._payload_touch(own, touch, depth)
            if end.place.expr[0] in ("name", "attr"):
                typed = self._typed(end.place)
                found |= typed if typed is not None else self._unknown(end.place)
            else:
                found |= self._value(end.place, depth + 1)
        return found

    def _payload_touch(self, own: Place, touch: CallSite | Attribute, depth: int) -> Carried:
        text = spelled(own.expr)
        if not isinstance(touch, CallSite):
            target = touch.target
            if spelled(target[1]) != text:
                return NOTHING
            if target[0] == "sub":
                return self._key(Place(own.path, touch.scope, target[2]))
            return Carried(frozenset(self._canonical.of_name(target[2])))
        func = touch.expr[1]
        if func[0] == "attr" and spelled(func[1]) == text:
            if func[2] in ("setdefault", "__setitem__") and touch.expr[2]:
                return self._key(Place(own.path, touch.scope, touch.expr[2][0]))
            if func[2] in ("update", "append", "extend", "add", "insert"):
                return self.arguments(own.path, touch.scope, touch.expr)
            return NOTHING
        if any(spelled(value) == text for value in _given(touch.expr)):
            call = Place(own.path, touch.scope, touch.expr)
            if self._code.is_filling(call) or self._code.is_injection(call):
                return Carried(frozenset(self._canonical.names))
        return NOTHING

    def _key(self, place: Place) -> Carried:
        values = self._project.values(*place)
        fields = {f for v in values.known if isinstance(v.value, str) for f in self._canonical.of_name(v.value)}
        if not values.complete and (name := last_name(place.expr)):
            fields |= set(self._canonical.of_name(name))
        return Carried(frozenset(fields))

    def _value(self, place: Place, depth: int) -> Carried:
        path, scope, expr = place
        tag = expr[0]
        if tag in ("const", "lambda", "compare", "unary"):
            return NOTHING
        if tag == "dict":
            found = NOTHING
            for key, value in expr[1]:
                if key is not None and (own := self._key(Place(path, scope, key))).fields:
                    found |= own
                else:
                    found |= self.payload(Place(path, scope, value), depth + 1)
            return found
        if tag == "call":
            return self._called(place, depth)
        if tag == "fstr":
            return Carried(self._mentioned(place))
        if tag == "comp":
            found = NOTHING
            for value in expr[3]:
                found |= self.payload(Place(path, expr[2], value), depth + 1)
            return found
        if tag in ("seq", "binop", "other"):
            found = NOTHING
            for value in children(expr):
                found |= self.payload(Place(path, scope, value), depth + 1)
            return found
        if tag == "sub":
            key = expr[2]
            if key[:2] == ("const", None):  # a parameter, an element: its name tells
                return self._unknown(Place(path, scope, expr[1]))
            name = key[1] if key[0] == "const" and isinstance(key[1], str) else ""
            return NOTHING if name and _SCALAR_NAMES.fullmatch(snake(name)) else UNTOLD
        return self._unknown(place)

    def _called(self, place: Place, depth: int) -> Carried:
        path, scope, call = place
        name = last_name(call)
        if name in _SCALAR_CALLS:
            return Carried(self._mentioned(place))
        if self._code.is_propagating(place):
            return Carried(frozenset(self._canonical.names))
        found = NOTHING
        for keyword, value, _ in call[3]:
            if keyword is not None and (fields := self._canonical.of_name(keyword)):
                found |= Carried(frozenset(fields))
            else:
                found |= self.payload(Place(path, scope, value), depth + 1)
        for value in call[2]:
            found |= self.payload(Place(path, scope, value), depth + 1)
        if found.fields:
            return found
        if name in _WRAPPING_CALLS:
            return found
        if name in _WRAPPING_METHODS:
            if call[1][0] != "attr":
                return found
            receiver = Place(path, scope, call[1][1])
            of_module = any(o.kind in ("external", "module", "class") for o in self._project.resolve(*receiver))
            return found if of_module else found | self.payload(receiver, depth + 1)
        for origin in self._project.resolve(path, scope, call[1]):
            if origin.kind == "class" and origin.path:
                return found | self._fields(origin.path, origin.index, _MAX_TYPES)
            if origin.kind == "external" and name[:1].isupper():  # a message, a set of properties: its arguments tell
                return found
        return UNTOLD

    def _typed(self, place: Place) -> Carried | None:
        """What the class of an object carries, None where its class can't be told."""
        found: Carried | None = None
        for origin in self._project.resolve(*place):
            one = self._of_type(origin)
            if one is None:
                return None
            found = one if found is None else found | one
        return found

    def _of_type(self, origin: Origin) -> Carried | None:
        if origin.kind != "instance":
            return None
        if origin.path:
            return self._fields(origin.path, origin.index, _MAX_TYPES)
        return NOTHING if origin.name in _SCALAR_TYPES else None

    def _fields(self, path: str, index: int, depth: int) -> Carried:
        """Return what objects of a first-party class carry in their fields, and those of their fields' classes."""
        found = NOTHING
        for ancestor in self._project.ancestors(path, index):
            facts = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if facts is None or isinstance(ancestor, str):
                continue
            row = facts.classes[ancestor[1]]
            for name, bindings in facts.scopes[row.scope].bindings.items():
                if bindings[-1].kind not in ("def", "class"):
                    found |= Carried(frozenset(self._canonical.of_name(name)))
                    annotation = bindings[-1].annotation
                    if annotation is not None and depth > 0:
                        found |= self._annotated(ancestor[0], row.scope, annotation, depth)
            found |= self._assigned(facts, ancestor[1])
        return found

    def _annotated(self, path: str, scope: int, annotation: Expr, depth: int) -> Carried:
        found = NOTHING
        for origin in self._project.resolve_annotation(path, scope, annotation):
            if origin.kind == "instance" and origin.path:
                found |= self._fields(origin.path, origin.index, depth - 1)
        return found

    def _assigned(self, facts: FileFacts, index: int) -> Carried:
        scopes = {f.scope for f in facts.functions if f.owner == index}
        fields = {
            field
            for row in facts.attributes
            if row.scope in scopes and row.target[1][:2] == ("name", "self")
            for field in self._canonical.of_name(row.target[2])
        }
        return Carried(frozenset(fields))

    def _unknown(self, place: Place) -> Carried:
        """A value of which only the name is known: an id, a count and the like carry nothing else."""
        name = last_name(place.expr)
        return NOTHING if name and _SCALAR_NAMES.fullmatch(snake(name)) else UNTOLD

    def _mentioned(self, place: Place) -> frozenset[str]:
        return frozenset(
            field
            for expr in nested(place.expr)
            if expr[0] in ("name", "attr", "call", "sub")
            for field in self._named(Place(place.path, place.scope, expr)).fields
        )


def _given(call: Expr) -> list[Expr]:
    return [*call[2], *(value for _, value, _ in call[3])]
