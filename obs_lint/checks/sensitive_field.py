"""Reports fields of payloads that hold what must not leave: by the registry's classification, by name, by value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, emitted, may_emit, shown
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Expr, Pos

if TYPE_CHECKING:
    from obs_lint.events.model import Emission, Field, Payload
    from obs_lint.events.registries import Registries
    from obs_lint.registry.payload_shape import FieldShape, Shape

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ARITHMETIC = frozenset({"-", "*", "/", "//", "**", "&", ">>", "<<"})


@dataclass(frozen=True, slots=True)
class Options:
    """What `sensitive-field` may be told. Names are compared by their words: `apiKey` is `api_key`."""

    names: tuple[str, ...] = ()
    """Names of fields that hold secrets or personal data. `*_password` also covers any words before it; without the
    star the whole name must be it."""
    raw_text: tuple[str, ...] = ()
    """Names of fields that hold what a person wrote or said, in the same form."""
    programs: tuple[str, ...] = ()
    """Words in the name of a value that say that a program wrote the text, no person: `query: sql_query`."""
    harmless_first: tuple[str, ...] = ()
    """First words of names that tell of a flag, a number or a limit: `has_password`, `max_tokens`."""
    harmless_values: tuple[str, ...] = ()
    """Last words of values that are no content: with `query: query.id` it is an id that leaves."""
    hashers: tuple[str, ...] = ()
    """Words in the name of a callable whose result no longer tells what it was given."""


class _Finding(NamedTuple):
    reason: str
    help: str = ""
    """What to do, where it is not what the rule advises."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a field, at its name."""
    if not may_emit(run.config):
        return
    from obs_lint.checks.payload_field import placed
    from obs_lint.events.registries import registries

    judge = _Judge(run, registries(run.project, run.config))
    seen: set[tuple[str, Pos, str]] = set()
    for file, emission in emitted(run):
        if emission.payload is None:
            continue
        for field, label, finding in judge.findings(emission.payload, emission):
            pos, scope, lines, steps = placed(run, file, emission, emission.payload, field)
            if (file.path, pos, label) in seen:
                continue
            seen.add((file.path, pos, label))
            event = shown(emission.alternatives[0]) if emission.alternatives else ""
            callee = spelled(emission.call[1] if emission.call[0] == "call" else emission.call)
            yield run.report(
                file,
                pos,
                target=label,
                scope=scope,
                lines=lines,
                trail=(*steps, *emission.trail),
                field=label,
                event=f"`{event}`" if event else f"an event that leaves through `{callee}`",
                reason=finding.reason,
                help=finding.help,
            )


class _Judge:
    """Decides about fields, and remembers what the registry says."""

    def __init__(self, run: RuleRun[Options], declared: Registries) -> None:
        from obs_lint.events.payloads import payloads

        self._run = run
        self._declared = declared
        self._payloads = payloads(run.project, run.config)
        self._shapes: dict[int, Shape | None] = {}
        options = run.options
        named = {name for registry in declared.sources for name in registry.sensitive_names}
        self._secrets = SensitiveNames((*options.names, *sorted(named)))
        self._texts = SensitiveNames(options.raw_text)
        self._programs = frozenset(options.programs)
        self._first = frozenset((word,) for word in options.harmless_first)
        self._last = frozenset((word,) for word in options.harmless_values)
        self._hashers = frozenset(options.hashers)

    def findings(self, payload: Payload, emission: Emission) -> Iterator[tuple[Field, str, _Finding]]:
        """Yield (field, how to call it, what is wrong) of a payload, and of the dicts directly in it."""
        shapes = self._shapes_of(emission)
        for field in payload.fields:
            if field.converted and not field.certain and not self._is_given(field, emission):
                continue
            known = [(s.field(field.name), rule) for s, rule in shapes]
            found = self._finding(field, known)
            if found is not None:
                yield field, field.name, found
                continue
            if field.value is None or field.value[0] not in ("dict", "call"):
                continue
            inner = self._payloads.of(field.path, field.scope, field.value)
            for part in inner.fields:
                below = [
                    (None if outer is None or outer.inner is None else outer.inner.field(part.name), rule)
                    for outer, rule in known
                ]
                found = self._finding(part, below)
                if found is not None:
                    yield part, f"{field.name}.{part.name}", found

    def _is_given(self, field: Field, emission: Emission) -> bool:
        """True where the emission itself makes the object that has the field: of others it may not be what leaves."""
        from obs_lint.checks.payload_field import encloses

        return field.path == emission.path and encloses(emission.statement, field.pos)

    def _shapes_of(self, emission: Emission) -> list[tuple[Shape, dict[str, str]]]:
        """The schemas of the events that an emission may be, each with what its registry's classifications allow."""
        from obs_lint.registry.payload_shape import shape

        result = []
        for alternative in emission.alternatives:
            event = self._declared.of(alternative)
            if event is None or event.payload is None:
                continue
            if id(event) not in self._shapes:
                self._shapes[id(event)] = shape(event.payload)
            known = self._shapes[id(event)]
            if known is not None:
                result.append((known, dict(self._declared.registry_of(event).classifications)))
        return result

    def _finding(self, field: Field, known: list[tuple[FieldShape | None, dict[str, str]]]) -> _Finding | None:
        if field.value is not None and field.value[:2] == ("const", None):
            return None
        allowed = False
        for declared, classifications in known:
            if declared is None or not declared.privacy:
                continue
            rule = classifications.get(declared.privacy, "")
            if rule == "forbid":
                return _Finding(
                    f"which the registry classifies as `{declared.privacy}`",
                    "Leave it out; emit a flag, a count, an id or a hash in its place.",
                )
            if rule == "hash" and self._is_raw(field):
                return _Finding(
                    f"which the registry classifies as `{declared.privacy}`, unhashed",
                    "Hash the value before it is emitted.",
                )
            allowed = True
        if allowed or self._is_flag(field.name) or (field.value is not None and self._is_harmless(field, field.value)):
            return None
        if self._secrets.cover(field.name):
            return _Finding("which is named like a secret or personal data")
        if self._texts.cover(field.name) and not self._is_of_a_program(field.value):
            return _Finding("which is named like text that a person wrote or said")
        carried = "" if field.value is None else self._carried(field.value)
        return _Finding(f"whose value is `{carried}`") if carried else None

    # -- names

    def _is_flag(self, name: str) -> bool:
        words = words_of(name)
        return self._hashed(words) or words[:-1][:1] in self._first

    def _tells_little(self, words: tuple[str, ...]) -> bool:
        return self._hashed(words) or words[-1:] in self._last or words[:-1][:1] in self._first

    # -- values

    def _is_of_a_program(self, value: Expr | None) -> bool:
        """True for text that a program wrote, by the last name of what it is read from: `sql_query`, `self.graphql`."""
        if value is None:
            return False
        return not self._programs.isdisjoint(words_of(spelled(value).rpartition(".")[2]))

    def _is_harmless(self, field: Field, value: Expr) -> bool:
        """True for what tells nothing: literals, flags, numbers, hashes, ids of what the field is named after."""
        tag = value[0]
        if tag == "const":
            return True
        if tag in ("compare", "other", "lambda") or (tag == "unary" and value[1] in ("not", "-")):
            return True
        if tag == "binop":
            return value[1] in _ARITHMETIC
        if tag == "if":
            return self._is_harmless(field, value[2]) and self._is_harmless(field, value[3])
        if tag == "bool":
            return all(self._is_harmless(field, part) for part in value[2])
        if tag == "await":
            return self._is_harmless(field, value[1])
        if tag == "walrus":
            return self._is_harmless(field, value[2])
        if tag == "call":
            return self._is_hashing(value)
        if tag == "attr":
            words = words_of(value[2])
            return self._tells_little(words)
        if tag == "name":
            words = words_of(value[1])
            if self._tells_little(words) or self._is_made_harmless(field, value):
                return True
        if tag in ("name", "sub"):
            return self._run.project.values(field.path, field.scope, value).complete
        return False

    def _is_made_harmless(self, field: Field, name: Expr) -> bool:
        """True for a local variable all of whose values are harmless by themselves."""
        found = self._run.project.bound(field.path, field.scope, name[1])
        if found is None:
            return False
        values = [binding.value for binding in found[1] if binding.kind in ("assign", "walrus")]
        if not values or len(values) < len([b for b in found[1] if b.kind != "declare"]):
            return False
        return all(
            value is not None and value[0] != "name" and self._is_harmless(field._replace(scope=found[0]), value)
            for value in values
        )

    def _is_hashing(self, call: Expr) -> bool:
        """True for a call of a hash function, a redaction, a count, however it is reached."""
        func = call[1]
        while func[0] in ("attr", "call"):
            if func[0] == "attr" and self._hashed(words_of(func[2])):
                return True
            func = func[1]
        return func[0] == "name" and self._hashed(words_of(func[1]))

    def _hashed(self, words: Iterable[str]) -> bool:
        return not self._hashers.isdisjoint(words)

    def _is_raw(self, field: Field) -> bool:
        """True where a value is read as it is, and neither it nor what it is read from was hashed."""
        value = field.value
        if value is None or self._hashed(words_of(field.name)):
            return False
        if value[0] == "name":
            found = self._run.project.bound(field.path, field.scope, value[1])
            bindings = [] if found is None else [b for b in found[1] if b.kind != "declare"]
            if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].value is None:
                return False
            value = bindings[0].value
        if value[0] != "attr":
            return False
        return not any(self._hashed(words_of(part)) for part in spelled(value).split("."))

    def _carried(self, value: Expr) -> str:
        """Return the secret that a value is, read by its own name; "" where it is none.

        Only names that may have words before them count: `token` by itself is a word in a sentence as well.
        """
        if value[0] == "name" and self._secrets.end(value[1]):
            return str(value[1])
        if value[0] == "attr" and self._secrets.end(value[2]):
            return spelled(value)
        if value[0] == "sub" and value[2][0] == "const" and isinstance(value[2][1], str):
            if self._secrets.end(value[2][1]):
                return f'{spelled(value[1])}["{value[2][1]}"]'
        return ""


class SensitiveNames:
    """A list of names, some of which may have words before them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._whole: set[tuple[str, ...]] = set()
        self._ends: set[tuple[str, ...]] = set()
        for name in names:
            words = words_of(name)
            (self._ends if name.startswith("*") else self._whole).add(words)

    def cover(self, name: str) -> bool:
        """True where the name is one of the list, or one of its starred ones with words before it."""
        return words_of(name) in self._whole or self.end(name)

    def end(self, name: str) -> bool:
        """True where the name is, or ends with, one that is starred."""
        words = words_of(name)
        return any(words[start:] in self._ends for start in range(len(words)))


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `accessToken` is (`access`, `token`)."""
    return tuple(word.lower() for word in _WORD.findall(name))


CHECK = Check("sensitive-field", Options, run, anchors)
