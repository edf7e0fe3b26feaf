"""Where a URL leads: its text as far as it can be told, and the names that unknown parts of it are built from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from obs_lint.correlation.written import Place, Sources, last_name, spelled
from obs_lint.facts.model import Expr

Address = tuple[str | tuple[str, ...] | frozenset[str], ...]
"""The parts of a URL in order: known text; as a tuple, the names that an unknown part goes by; as a set, names by which
what follows was reached."""

_MAX_ADDRESSES = 16
_MAX_DEPTH = 8
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_FIELD = re.compile(r"\{[^{}]*\}|%\(\w+\)[sd]|%[sd]")
_END_OF_HOST = re.compile(r"[/?#]")
_ENVIRONMENT = frozenset({"getenv", "get", "env", "config", "str", "url", "require", "secret", "get_secret", "getattr"})
_TRANSPARENT = frozenset(
    "rstrip lstrip strip str URL Url parse_obj AnyHttpUrl AnyUrl HttpUrl quote unquote with_path with_query human_repr "
    "unicode_string encode decode lower geturl copy_with join_path joinpath get_secret_value _replace".split()
)


class Addresses:
    """Reads URLs of a project."""

    def __init__(self, sources: Sources) -> None:
        """`sources` follows names to where they are written."""
        self._sources = sources
        self._project = sources.project

    def of(self, place: Place, depth: int = 0) -> tuple[Address, ...]:
        """Return what a URL may be."""
        if depth > _MAX_DEPTH:
            return (_hole(place.expr),)
        values = self._project.values(*place)
        texts = [value.value for value in values.known if isinstance(value.value, str)]
        names = self._names(place)
        found: dict[Address, None] = {}
        for text in texts:
            found[(frozenset(names), text) if names else (text,)] = None
        if not (values.complete and texts):
            for end in self._sources.ends(place):
                passed = frozenset((*names, *end.names))
                for address in self._built(end.place, depth):
                    found[(passed, *address) if passed else address] = None
        return tuple(found)[:_MAX_ADDRESSES] or (_hole(place.expr),)

    def _names(self, place: Place) -> tuple[str, ...]:
        """The names passed on the way to a value that is known: they may be configured too."""
        if place.expr[0] not in ("name", "attr", "call"):
            return ()
        return tuple(dict.fromkeys(name for end in self._sources.ends(place) for name in end.names))

    def _built(self, place: Place, depth: int) -> tuple[Address, ...]:
        path, scope, expr = place
        tag = expr[0]
        if tag == "const":
            return ((expr[1],),) if isinstance(expr[1], str) else ()
        if tag == "fstr":
            return self._concatenated([Place(path, scope, part) for part in expr[1]], depth)
        if tag == "fmt":
            return self.of(Place(path, scope, expr[1]), depth + 1)
        if tag == "binop" and expr[1] in ("+", "/"):
            return self._concatenated([Place(path, scope, expr[2]), Place(path, scope, expr[3])], depth)
        if tag == "binop" and expr[1] == "%":
            given = expr[3][2] if expr[3][0] == "seq" else (expr[3],)
            return self._formatted(Place(path, scope, expr[2]), [Place(path, scope, each) for each in given], depth)
        if tag == "sub":
            return (self._item(expr),)
        if tag == "call":
            return self._called(place, depth)
        return (_hole(expr),)

    def _item(self, expr: Expr) -> Address:
        key = expr[2]
        names = [spelled(expr[1])] if spelled(expr[1]) else []
        if key[0] == "const" and isinstance(key[1], str):
            names = [key[1], *names]
        return (tuple(names),)

    def _called(self, place: Place, depth: int) -> tuple[Address, ...]:
        path, scope, call = place
        func, name = call[1], last_name(call)
        if name == "urljoin" and call[2]:
            base = self.of(Place(path, scope, call[2][0]), depth + 1)
            rest = self.of(Place(path, scope, call[2][1]), depth + 1) if len(call[2]) > 1 else ()
            return self.joined(base, rest)
        if func[0] == "attr" and name in ("format", "format_map", "join", "with_path", "copy_with"):
            if name == "format":
                given = [Place(path, scope, each) for each in (*call[2], *(value for _, value, _ in call[3]))]
                return self._formatted(Place(path, scope, func[1]), given, depth)
            return self.of(Place(path, scope, func[1]), depth + 1)
        if func[0] == "attr" and name in _TRANSPARENT and not (call[2] and name in ("URL", "Url")):
            return self.of(Place(path, scope, func[1]), depth + 1)
        if name in _TRANSPARENT and call[2]:
            return self.of(Place(path, scope, call[2][0]), depth + 1)
        if name == "URL" or name == "build":
            host = next((value for keyword, value, _ in call[3] if keyword == "host"), None)
            if host is not None:
                return tuple([("http://", *address) for address in self.of(Place(path, scope, host), depth + 1)])
        names = [spelled(func)] if spelled(func) else []
        found: list[Address] = []
        if name in _ENVIRONMENT:
            texts = [each[1] for each in call[2] if each[0] == "const" and isinstance(each[1], str)]
            if texts:
                names = [texts[0], *names]
            default = call[2][1] if len(call[2]) > 1 else next((v for k, v, _ in call[3] if k == "default"), None)
            if default is not None and name != "getattr":
                found += [(frozenset(names), *rest) for rest in self.of(Place(path, scope, default), depth + 1)]
        return (*found, (tuple(names),))

    def _formatted(self, template: Place, given: Sequence[Place], depth: int) -> tuple[Address, ...]:
        found: list[Address] = []
        for address in self.of(template, depth + 1):
            text = address[-1]
            if len(address) > 2 or not isinstance(text, str):
                found.append(address)
                continue
            rest = list(given)
            parts: list[tuple[Address, ...]] = [(address[:-1],)]
            at = 0
            for field in _FIELD.finditer(text):
                parts.append(((text[at : field.start()],),))
                parts.append(self.of(rest.pop(0), depth + 1) if rest else (((field.group().strip("{}"),),),))
                at = field.end()
            parts.append(((text[at:],),))
            found += _product(parts)
        return tuple(found)

    def _concatenated(self, places: Iterable[Place], depth: int) -> tuple[Address, ...]:
        return _product([self.of(place, depth + 1) for place in places])

    def joined(self, bases: Sequence[Address], rests: Sequence[Address]) -> tuple[Address, ...]:
        """Return URLs as a client with a base makes them: a URL that has a host of its own replaces the base."""
        if not bases:
            return tuple(rests)
        if not rests:
            return tuple(bases)
        found: dict[Address, None] = {}
        for rest in rests:
            text = _text(rest)
            if _SCHEME.match(text) or (text.startswith("//")):
                found[rest] = None
            else:
                for base in bases:
                    found[(*base, *(("/",) if not text.startswith("/") else ()), *rest)] = None
        return tuple(found)[:_MAX_ADDRESSES]


def _hole(expr: Expr) -> Address:
    return ((spelled(expr),) if spelled(expr) else (),)


def _product(parts: Iterable[Sequence[Address]]) -> tuple[Address, ...]:
    found: list[Address] = [()]
    for alternatives in parts:
        found = [(*before, *each) for before in found for each in alternatives][:_MAX_ADDRESSES]
    return tuple(found)


def _text(address: Address) -> str:
    """An address as text, unknown parts as NUL."""
    return "".join(part if isinstance(part, str) else "\0" for part in address if not isinstance(part, frozenset))


def shown(addresses: Iterable[Address]) -> str:
    """Return the first address for people: unknown parts as `<NAME>`."""
    for address in addresses:
        parts = [part for part in address if not isinstance(part, frozenset)]
        if any(parts) and (
            text := "".join(part if isinstance(part, str) else f"<{part[-1]}>" if part else "…" for part in parts)
        ):
            return text.replace("{", "<").replace("}", ">")
    return ""


def is_internal(address: Address, hosts: Iterable[str]) -> bool:
    """True where the host is one of the patterns, or is built from a setting of that name."""
    names = tuple(_host_names(address))
    host, port = _host(_text(address))
    for pattern in hosts:
        plain = _SCHEME.sub("", pattern).rstrip("/")
        if host and (_fits(host, plain) or (port and _fits(f"{host}:{port}", plain))):
            return True
        for name in names:
            if fnmatchcase(name, plain) or fnmatchcase(name.rpartition(".")[2], plain) or name.endswith("." + plain):
                return True
    return False


def _fits(host: str, pattern: str) -> bool:
    return fnmatchcase(host.lower(), pattern.lower()) and host.strip("\0.:") != ""


def _host_names(address: Address) -> Iterator[str]:
    """Yield the names of the parts that the host is made of: those before the first slash behind the scheme."""
    text = ""
    for part in address:
        if not isinstance(part, str):
            yield from part
            text += "\0" if isinstance(part, tuple) else ""
            continue
        text += part
        rest = text[found.end() :] if (found := _SCHEME.search(text)) else text
        if _END_OF_HOST.search(rest):
            return


def _host(text: str) -> tuple[str, str]:
    """Return host and port of a URL; an unknown part that stands where the scheme would be is no host."""
    found = _SCHEME.match(text)
    rest = text[found.end() :] if found else text if "\0" not in text and "." in text.split("/", 1)[0] else ""
    authority = _END_OF_HOST.split(rest, maxsplit=1)[0].rpartition("@")[2]
    host, _, port = authority.partition(":")
    return host, port
