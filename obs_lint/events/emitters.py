"""Emitters: the callables through which events leave, found by where they come from."""

from __future__ import annotations

from collections.abc import Iterable

from obs_lint.config.model import Config, EmitterConfig
from obs_lint.facts.model import Expr, Function
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_NO_CALLABLE = frozenset(("parameter", "variable", "result", "member", "module"))


def declared(config: Config) -> tuple[EmitterConfig, ...]:
    """Return the emitters of a configuration; where it names none, each surface's `emit(event_name, payload, ctx)`."""
    return config.emitters or tuple(
        EmitterConfig(f"{surface}.emit", event=0, event_name="event_name", payload="payload", context="ctx")
        for surface in config.surface or ()
    )


def spelled(expr: Expr) -> str:
    """Return a chain of names and attributes as it is written, calls and subscripts left out; "" where it is none."""
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        inner = spelled(expr[1])
        return f"{inner}.{expr[2]}" if inner else str(expr[2])
    if expr[0] in ("call", "sub", "await"):
        return spelled(expr[1])
    return ""


class Emitters:
    """The emitters that one configuration declares, in one project."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked up before it is asked for."""
        self._project = project
        self.configs = declared(config)
        self._last: dict[str, list[EmitterConfig]] = {}
        for emitter in self.configs:
            self._last.setdefault(emitter.function.rpartition(".")[2], []).append(emitter)
        self._canonical: dict[str, dict[str, EmitterConfig]] | None = None

    @property
    def last_names(self) -> frozenset[str]:
        """Last segments of the declared functions: how most calls spell them."""
        return frozenset(self._last)

    def matching(self, origins: Iterable[Origin]) -> EmitterConfig | None:
        """Return the emitter that one of the origins is."""
        canonical = self._names()
        for origin in origins:
            for name in origin.via:
                if name in canonical[""]:
                    return canonical[""][name]
            if origin.kind in _NO_CALLABLE:
                continue
            found = canonical["instance" if origin.kind == "instance" else ""].get(origin.name)
            if found is not None:
                return found
            if origin.kind != "instance":
                names = self._project.names(origin)
                for emitter in self._last.get(origin.name.rpartition(".")[2], ()):
                    if names_match(emitter.function, names, below=False):
                        return emitter
        return None

    def of_call(self, path: str, scope: int, func: Expr) -> EmitterConfig | None:
        """Return the emitter that `func`, the callee of a call, is: by its origin, its object's class, its receiver."""
        found = self.matching(self._project.resolve(path, scope, func))
        if found is not None or func[0] != "attr":
            return found
        candidates = self._last.get(func[2], ())
        if not candidates:
            return None
        receiver = spelled(func[1])
        for emitter in candidates:
            if emitter.receiver and receiver and _receives(emitter.receiver, receiver):
                return emitter
        owners = [o for o in self._project.resolve(path, scope, func[1]) if o.kind in ("instance", "class", "result")]
        for emitter in candidates:
            owner = emitter.function.rpartition(".")[0]
            for origin in owners:
                if names_match(owner, self._project.names(origin), below=False):
                    return emitter
        return None

    def is_declared(self, path: str, function: Function) -> EmitterConfig | None:
        """Return the emitter that a function of a file is itself declared as."""
        candidates = self._last.get(function.name, ())
        if not candidates:
            return None
        file = self._project.files[path]
        names = tuple(f"{module}.{function.qualname}" for module in dict.fromkeys((file.symbol, *file.names)))
        canonical = self._names()[""]
        for name in names:
            if name in canonical:
                return canonical[name]
        return next((e for e in candidates if names_match(e.function, names, below=False)), None)

    def _names(self) -> dict[str, dict[str, EmitterConfig]]:
        """Canonical name → emitter, under ""; class → emitter where its instances are emitters, under `instance`."""
        if self._canonical is None:
            self._canonical = {"": {}, "instance": {}}
            for emitter in self.configs:
                self._canonical[""][emitter.function] = emitter
                for origin in self._origins(emitter.function):
                    if origin.kind not in _NO_CALLABLE:
                        self._canonical["instance" if origin.kind == "instance" else ""][origin.name] = emitter
        return self._canonical

    def _origins(self, name: str) -> tuple[Origin, ...]:
        """What a declared name is; where a package has a module and a function of that name, the function is meant."""
        found = self._project.lookup(name)
        if any(origin.kind != "module" for origin in found):
            return found
        package, _, last = name.rpartition(".")
        functions = [
            origin
            for path in self._project.find_module(package, "")
            for origin in self._project.resolve(path, 0, ("name", last, (1, 1, 1, 1)))
        ]
        for origin in found:
            functions += self._project.resolve_attribute(origin, last)
        return tuple(functions)


def _receives(pattern: str, receiver: str) -> bool:
    """`*.event_logger` covers `self.event_logger`, `self.app.event_logger` and the bare `event_logger`."""
    if names_match(pattern, (receiver,), below=False):
        return True
    rest = pattern[2:]
    return pattern.startswith("*.") and (receiver == rest or receiver.endswith("." + rest))
