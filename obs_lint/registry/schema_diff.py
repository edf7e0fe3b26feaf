"""What differs between two JSON Schemas of the same thing, and whom each difference hurts.

The rule behind every verdict: a schema is tightened where something that was valid no longer is, and loosened where
something is valid that was not. Tightening hurts producers, whose code was right, and consumers of what was written
before. Loosening hurts consumers, who meet what they were told would not come. Fields that a schema does not declare
are in nobody's contract: producers do not send them, consumers skip them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from obs_lint.registry.schema_terms import (
    NOTES,
    WEIGHED,
    Fields,
    IncomparableError,
    alternatives,
    asserting,
    bound,
    few_values,
    json_text,
    listed,
    notes_of,
    number_of,
    number_text,
    short,
    shown_values,
    step,
    target,
    target_at,
    type_names,
    types_of,
    validity,
    word_of,
)
from obs_lint.registry.schema_words import MANY, NAMED, ONE, at_pointer, pointer

Direction = Literal["", "producers", "consumers", "both"]
"""Who is hurt: producers must change their code, consumers read what was written under the other version."""


class Difference(NamedTuple):
    """One difference between two schemas."""

    kind: str
    pointer: str
    """JSON pointer within the schema, references followed: `/properties/attempt`."""
    direction: Direction
    """"" for a compatible difference."""
    reason: str
    written: str = ""
    """JSON pointer to where the later schema says so: into `$defs`, where the way leads over a reference."""


def differences(
    before: Any,
    after: Any,
    *,
    what: str = "the payload",
    classified_before: Mapping[str, str] | None = None,
    classified_after: Mapping[str, str] | None = None,
) -> tuple[Difference, ...]:
    """Return what differs between two schemas of an object, in the order of the later one.

    `classified_…`: classification → allow | hash | forbid, as the registry has it on either side.
    """
    if json_text(before) == json_text(after):
        return ()
    comparison = _Comparison(before, after, classified_before or {}, classified_after or {})
    comparison.schemas(before, after, _At("", "", "", what, True))
    return tuple(dict.fromkeys(comparison.found))


_WIDER_FORMATS = {
    ("uri", "uri-reference"), ("uri", "iri"), ("uri", "iri-reference"), ("uri-reference", "iri-reference"),
    ("iri", "iri-reference"), ("email", "idn-email"), ("hostname", "idn-hostname"), ("uuid", "uri-reference"),
}  # fmt: skip
"""Each value of the first format is one of the second."""
_RULES = {"": 0, "allow": 0, "hash": 1, "forbid": 2}
_MOST_STEPS = 20_000


class _At(NamedTuple):
    pointer: str
    written: str
    label: str
    """Dotted name as people say it: `items[].price`, "" at the top."""
    top: str
    root: bool = False

    def within(self, *path: str | int) -> _At:
        """A place whose subject is the same."""
        return self._below(self.label, path)

    def field(self, name: str, *path: str | int) -> _At:
        return self._below(f"{self.label}.{name}" if self.label else name, path)

    def items(self, label: str, *path: str | int) -> _At:
        return self._below(f"{self.label}[{label}]", path)

    def _below(self, label: str, path: tuple[str | int, ...]) -> _At:
        more = pointer(path)
        return _At(self.pointer + more, self.written + more, label, self.top)

    def __str__(self) -> str:
        return f"`{self.label}`" if self.label else self.top


class _Comparison:
    """Collects the differences of one pair of schemas."""

    def __init__(
        self, before: Any, after: Any, classified_before: Mapping[str, str], classified_after: Mapping[str, str]
    ) -> None:
        self._before = before
        self._after = after
        self._classified = (classified_before, classified_after)
        self.found: list[Difference] = []
        self._open: set[tuple[int, int, bool]] = set()
        self._clean: set[tuple[int, int, bool]] = set()
        self._split: dict[int, list[Any]] = {}
        self._steps = 0

    def schemas(self, before: Any, after: Any, at: _At) -> None:
        """Compare what two schemas say of the same value."""
        count = len(self.found)
        self._notes(before, after, at)
        before = target(before, self._before)
        after, written = target_at(after, self._after, at.written)
        at = at._replace(written=written)
        pair = (id(before), id(after), at.root and not (_has_type(before) and _has_type(after)))
        if pair in self._open or pair in self._clean:
            return
        self._steps += 1
        if self._steps > _MOST_STEPS:
            if self._steps == _MOST_STEPS + 1:
                self._changed(at, "too large to be compared")
            return
        self._open.add(pair)
        try:
            self._assertions(before, after, at)
        finally:
            self._open.discard(pair)
        if len(self.found) == count:
            self._clean.add(pair)

    # -- saying what differs

    def _say(self, kind: str, at: _At, direction: Direction, reason: str) -> None:
        self.found.append(Difference(kind, at.pointer, direction, reason, at.written))

    def _tightened(self, kind: str, at: _At, what: str) -> None:
        self._say(kind, at, "both", f"{what}: producers that were right are refused now, and so is data written before")

    def _loosened(self, kind: str, at: _At, what: str) -> None:
        self._say(kind, at, "consumers", f"{what}: readers written for the earlier schema do not expect that")

    def _changed(self, at: _At, what: str) -> None:
        self._say("schema-changed", at, "both", f"{at}: {what}, so it is taken as breaking")

    # -- notes: what makes nothing valid or invalid, and matters all the same

    def _notes(self, before: Any, after: Any, at: _At) -> None:
        old, new = notes_of(before, self._before), notes_of(after, self._after)
        self._privacy(word_of(old.get("privacy")), word_of(new.get("privacy")), at)
        units = word_of(old.get("unit")), word_of(new.get("unit"))
        if units[0] != units[1]:
            if all(units):
                why = "its values mean something else to readers, and producers must convert"
                self._say("unit-changed", at, "both", f"{at} is in `{units[1]}` where it was in `{units[0]}`: {why}")
            else:
                said = f"is said to be in `{units[1]}`" if units[1] else f"no longer says that it is in `{units[0]}`"
                self._say("unit-changed", at, "", f"{at} {said}; its values stay as they are")
        if new.get("deprecated") and not old.get("deprecated"):
            named = new["deprecated"]
            instead = word_of(named.get("replaced-by")) if isinstance(named, Mapping) else ""
            use = f"; `{instead}` stands for it" if instead else ""
            self._say("field-deprecated", at, "", f"{at} is deprecated{use}: it can still be sent and read")

    def _privacy(self, old: str, new: str, at: _At) -> None:
        if old == new:
            return
        rules = [self._classified[0].get(old, ""), self._classified[1].get(new, "")]
        said = f"{at} is classified `{new or 'nothing'}` where it was `{old or 'nothing'}`"
        if (old and not rules[0]) or (new and not rules[1]) or not _RULES.keys() >= set(rules):
            why = "the registry does not say what that means for payloads"
            self._say("classification-changed", at, "both", f"{said}: {why}, so it is taken as breaking")
            return
        before, after = _RULES[rules[0]], _RULES[rules[1]]
        kind = "classification-changed"
        if before == after:
            self._say(kind, at, "", f"{said}: both mean {rules[1] or 'allow'}")
        elif before < after:
            do = "hash it" if after == 1 else "leave it out"
            lose = "find a hash in its place" if after == 1 else "no longer get it"
            self._say(kind, at, "both", f"{said}: producers must {do}, and readers {lose}")
        elif before == 1:
            self._say(kind, at, "consumers", f"{said}: readers that compare hashes meet plain values")
        else:
            self._say(kind, at, "", f"{said}: it may be sent now, which it was not")

    # -- assertions

    def _assertions(self, before: Any, after: Any, at: _At) -> None:
        before = {} if before is True else before
        after = {} if after is True else after
        if before is False or after is False:
            if after is not before:
                if after is False:
                    self._tightened("forbidden", at, f"{at} can have no value any more")
                else:
                    self._loosened("allowed", at, f"{at} can have a value now")
            return
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            if json_text(before) != json_text(after):
                self._changed(at, "what was or is no schema can't be compared")
            return
        was, will = alternatives(before, self._before), alternatives(after, self._after)
        if was and will and max(len(was), len(will)) > 1:
            self._choose(self._by_type(was, self._before), self._by_type(will, self._after), after, at)
            return
        self._unweighed(before, after, at)
        try:
            if self._values(before, after, at):
                return
        except IncomparableError as error:
            if not self._same(before, after):
                self._changed(at, f"its values can't be told ({error})")
            return
        common = self._types(before, after, at)
        if common & {"number", "integer"}:
            self._numbers(before, after, at, integers="number" not in common)
        if "string" in common:
            self._string(before, after, at)
        if "array" in common:
            self._array(before, after, at)
        if "object" in common:
            self._object(before, after, at)

    def _unweighed(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> None:
        """Keywords that are not weighed: the same, or else changed."""
        for word in dict.fromkeys([*after, *before]):
            if word in WEIGHED or word in NOTES or word.startswith("x-"):
                continue
            old, new = before.get(word), after.get(word)
            if word in before and word in after and self._same_under(word, old, new):
                self._notes_under(word, old, new, at.within(word))
            else:
                how = "changed" if word in before and word in after else "is new" if word in after else "is gone"
                self._changed(at.within(word), f"`{word}` {how}, which can't be weighed")

    def _notes_under(self, word: str, before: Any, after: Any, at: _At) -> None:
        """Look for notes in parts that are the same otherwise."""
        if word in ONE:
            self.schemas(before, after, at)
        elif word in MANY and isinstance(after, list):
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                self.schemas(old, new, at.within(index))
        elif word in NAMED and isinstance(after, Mapping):
            for name in after:
                self.schemas(before[name], after[name], at.within(name))

    # -- alternatives

    def _choose(self, before: list[Any], after: list[Any], schema: Mapping[str, Any], at: _At) -> None:
        """Compare lists of alternatives, of which one must hold: each must be covered by one of the other list."""
        old_types = [types_of(one, self._before, at.root) for one in before]
        new_types = [types_of(one, self._after, at.root) for one in after]
        strict = sum("object" in t for t in old_types) > 1 or sum("object" in t for t in new_types) > 1
        word = "anyOf" if "anyOf" in schema else "oneOf" if "oneOf" in schema else ""
        places = [at.within(word, index) if word else at for index in range(len(after))]
        lost = dict(enumerate(before))
        new = dict(enumerate(after))
        for i, old in enumerate(before):
            for j in list(new):
                if self._same(old, after[j]):
                    self.schemas(old, after[j], places[j])
                    del lost[i], new[j]
                    break
        for i in list(lost):
            if old_types.count(old_types[i]) == new_types.count(old_types[i]) == 1:
                j = new_types.index(old_types[i])
                if j in new and not (strict and "object" in old_types[i]):
                    self.schemas(lost.pop(i), new.pop(j), places[j])
        for i, old in list(lost.items()):
            if not (strict and "object" in old_types[i]) and any(
                "both" not in self._directions(old, one) for one in after
            ):
                del lost[i]
        for j, one in list(new.items()):
            if not (strict and "object" in new_types[j]) and any(not self._directions(old, one) for old in before):
                del new[j]
        had = frozenset[str]().union(*old_types)
        has = frozenset[str]().union(*new_types)
        self._types_differ(had, has, at)
        for i, old in lost.items():
            if not old_types[i] - has:
                self._tightened("alternative-removed", at, f"{at} lost an alternative, {short(old)}")
        for j, one in new.items():
            if not new_types[j] - had:
                self._loosened("alternative-added", places[j], f"{at} has a new alternative, {short(one)}")

    def _by_type(self, options: list[Any], root: Any) -> list[Any]:
        """One schema of several types as one alternative for each; made once, as schemas are known by identity."""
        said = options[0].get("type") if len(options) == 1 and isinstance(options[0], Mapping) else None
        if not isinstance(said, list) or len(types_of(options[0], root)) < 2:
            return options
        known = self._split.get(id(options[0]))
        if known is None:
            known = self._split[id(options[0])] = [{**options[0], "type": name} for name in dict.fromkeys(said)]
        return known

    def _directions(self, before: Any, after: Any) -> set[Direction]:
        """Whom it hurts if one alternative stands for another."""
        trial = _Comparison(self._before, self._after, *self._classified)
        trial._steps, trial._split = self._steps, self._split
        trial.schemas(before, after, _At("", "", "", ""))
        self._steps = trial._steps
        return {difference.direction for difference in trial.found if difference.direction}

    # -- values and types

    def _values(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> bool:
        """Compare where either side lists its values; True where that says everything."""
        old, new = listed(before), listed(after)
        if old is None and new is None:
            return False
        if old is None:
            old = few_values(before, self._before, at.root)
        if new is None:
            new = few_values(after, self._after, at.root)
        word = next((w for w in ("enum", "const") if w in after), "")
        place = at.within(word) if word else at
        was, will = validity(before, self._before), validity(after, self._after)
        if old is not None:
            held = [value for value in old if was(value)]
            if gone := [value for value in held if not will(value)]:
                self._tightened("enum-value-removed", place, f"{at} can no longer be {shown_values(gone)}")
            if new is None:
                self._loosened("enum-removed", at, f"{at} is no longer limited to {shown_values(held)}")
        if new is not None:
            holds = [value for value in new if will(value)]
            if come := [value for value in holds if not was(value)]:
                self._loosened("enum-value-added", place, f"{at} can now be {shown_values(come)}")
            if old is None:
                self._tightened("enum-added", place, f"{at} must now be one of {shown_values(holds)}")
        return True

    def _types(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> frozenset[str]:
        """Compare types and return those of both sides."""
        old, new = types_of(before, self._before, at.root), types_of(after, self._after, at.root)
        self._types_differ(old, new, at.within("type") if "type" in after else at)
        return old & new

    def _types_differ(self, old: frozenset[str], new: frozenset[str], at: _At) -> None:
        gone, come = old - new, new - old
        if gone and come and not old & new:
            said = f"{at} is {type_names(new)} where it was {type_names(old)}"
            why = "producers must change what they send, and neither side reads the other's data"
            self._say("type-changed", at, "both", f"{said}: {why}")
            return
        if gone:
            self._tightened("type-narrowed", at, f"{at} can be {type_names(new)} only, where it was {type_names(old)}")
        if come:
            self._loosened("type-widened", at, f"{at} can be {type_names(new)}, where it was {type_names(old)}")

    # -- numbers, strings, arrays

    def _limit(self, word: str, old: Fraction | None, new: Fraction | None, at: _At, *, upper: bool) -> None:
        """Compare two limits, None for none."""
        if old == new:
            return
        place = at.within(word)
        tightened = old is None or (new is not None and (new < old if upper else new > old))
        if old is None or new is None:
            said = f"{at} has a `{word}` now, {number_text(new)}" if old is None else f"{at} has no `{word}` any more"
        else:
            said = f"`{word}` of {at} is {number_text(new)} where it was {number_text(old)}"
        if tightened:
            self._tightened("limit-tightened", place, said)
        else:
            self._loosened("limit-loosened", place, said)

    def _count(self, words: tuple[str, str], before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> None:
        """Compare a least and a greatest count, such as `minLength` and `maxLength`."""
        least, greatest = words
        zero = Fraction(0)
        self._limit(least, number_of(before, least) or zero, number_of(after, least) or zero, at, upper=False)
        self._limit(greatest, number_of(before, greatest), number_of(after, greatest), at, upper=True)

    def _numbers(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At, *, integers: bool) -> None:
        for side, upper in (("inimum", False), ("aximum", True)):
            old, new = bound(before, side, integers), bound(after, side, integers)
            if old == new:
                continue
            word = f"exclusiveM{side}" if (new or old or (0, 0))[1] else f"m{side}"
            if old is not None and new is not None and old[0] == new[0]:
                tightened = new[1] > old[1]
                how = "itself is no longer allowed" if tightened else "itself is allowed now"
                said = f"the {'upper' if upper else 'lower'} limit of {at}, {number_text(new[0])}, {how}"
                if tightened:
                    self._tightened("limit-tightened", at.within(word), said)
                else:
                    self._loosened("limit-loosened", at.within(word), said)
                continue
            self._limit(word, old and old[0], new and new[0], at, upper=upper)
        self._multiple(step(before, integers), step(after, integers), at)

    def _multiple(self, old: Fraction | None, new: Fraction | None, at: _At) -> None:
        if old == new:
            return
        place = at.within("multipleOf")
        said = f"{at} must be a multiple of {number_text(new)}" if new else f"{at} need be no multiple any more"
        if old is not None:
            said += f", where it was of {number_text(old)}"
        if old is None or (new is not None and (new / old).denominator == 1):
            self._tightened("limit-tightened", place, said)
        elif new is None or (old / new).denominator == 1:
            self._loosened("limit-loosened", place, said)
        else:
            self._tightened("limit-changed", place, said)

    def _string(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> None:
        self._count(("minLength", "maxLength"), before, after, at)
        for word in ("pattern", "format"):
            old, new = before.get(word), after.get(word)
            if json_text(old) == json_text(new):
                continue
            place = at.within(word)
            formats = (word_of(old), word_of(new))
            if old is None:
                self._tightened(f"{word}-added", place, f"{at} must now have the {word} {short(new)}")
            elif new is None:
                self._loosened(f"{word}-removed", place, f"{at} need not have the {word} {short(old)} any more")
            elif word == "format" and formats in _WIDER_FORMATS:
                self._loosened("format-changed", place, f"{at} has the wider format {short(new)} for {short(old)}")
            elif word == "format" and formats[::-1] in _WIDER_FORMATS:
                self._tightened("format-changed", place, f"{at} has the narrower format {short(new)} for {short(old)}")
            else:
                said = f"{at} must have the {word} {short(new)} where it was {short(old)}, which can't be weighed"
                why = "so it is taken as breaking for producers and readers"
                self._say(f"{word}-changed", place, "both", f"{said}, {why}")

    def _array(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> None:
        self._count(("minItems", "maxItems"), before, after, at)
        unique = before.get("uniqueItems") is True, after.get("uniqueItems") is True
        if unique == (False, True):
            self._tightened("limit-tightened", at.within("uniqueItems"), f"items of {at} must now be unique")
        elif unique == (True, False):
            self._loosened("limit-loosened", at.within("uniqueItems"), f"items of {at} need not be unique any more")
        firsts = [one if isinstance(one, list) else [] for one in (before.get("prefixItems"), after.get("prefixItems"))]
        rests = [side.get("items", True) for side in (before, after)]
        for index in range(max(map(len, firsts))):
            old, new = (first[index] if index < len(first) else rest for first, rest in zip(firsts, rests, strict=True))
            place = ("prefixItems", index) if index < len(firsts[1]) else ("items",)
            self.schemas(old, new, at.items(str(index), *place))
        self.schemas(rests[0], rests[1], at.items("", "items"))

    # -- objects

    def _object(self, before: Mapping[str, Any], after: Mapping[str, Any], at: _At) -> None:
        self._count(("minProperties", "maxProperties"), before, after, at)
        old = Fields(before, self._before)
        new = Fields(after, self._after)
        if old.word != new.word and old.word and new.word and (old.is_mixed or new.is_mixed):
            self._changed(at.within(new.word), f"`{old.word}` gave way to `{new.word}`, which can't be weighed")
        if old.patterns.keys() != new.patterns.keys():
            self._changed(at.within("patternProperties"), "`patternProperties` changed, which can't be weighed")
        for pattern, schema in new.patterns.items():
            if pattern in old.patterns:
                self.schemas(old.patterns[pattern], schema, at.field(pattern, "patternProperties", pattern))
        for name in dict.fromkeys([*new.names, *old.names]):
            self._field(name, old, new, at)
        self._rest(old, new, at)

    def _field(self, name: str, old: Fields, new: Fields, at: _At) -> None:
        was, is_ = old.knows(name), new.knows(name)
        if not (was and is_) and not any(side.declares(name) for side in (old, new)):
            return
        in_after = name in new.properties
        here = at.field(name, "properties", name) if in_after else at.field(name, *(("required",) * new.demands(name)))
        if not was:
            if new.demands(name):
                why = "data written before lacks it, and producers must add it"
                self._say("field-added-required", here, "both", f"{here} is new and required: {why}")
            else:
                why = "data written before stays valid, and readers that do not know it skip it"
                self._say("field-added", here, "", f"{here} is new and optional: {why}")
            return
        if not is_:
            here = at.field(name, "properties", name)
            if new.rest is False:
                why = "readers no longer find it, and producers that still send it are refused, as the object is closed"
                self._say("field-removed", here, "both", f"{here} is gone: {why}")
            else:
                self._say("field-removed", here, "consumers", f"{here} is gone: readers no longer find it")
            return
        if new.demands(name) and not old.demands(name):
            why = "data written before may lack it, and producers must always send it"
            self._say("field-required", here, "both", f"{here} is required now: {why}")
        elif old.demands(name) and not new.demands(name):
            why = "readers that rely on it may not find it"
            self._say("field-optional", here, "consumers", f"{here} is optional now: {why}")
        self.schemas(old.schema(name), new.schema(name), here)

    def _rest(self, old: Fields, new: Fields, at: _At) -> None:
        """Compare what fields may be there that are not declared."""
        was, will = old.rest, new.rest
        place = at.within(new.word) if new.word else at
        if was is will:
            return
        if will is False:
            why = "producers that send some are refused, and so is data written before that has some"
            self._say("closed", place, "both", f"{at} is closed now, other fields than the declared are refused: {why}")
        elif was is False:
            why = "data written before stays valid, and readers skip what they do not know"
            self._say("opened", place, "", f"{at} is open now, other fields than the declared are allowed: {why}")
        elif was is True:
            self._tightened("closed", place, f"other fields of {at} than the declared must now be {short(will)}")
        elif will is True:
            self._loosened("opened", place, f"other fields of {at} than the declared can be anything now")
        else:
            self.schemas(was, will, at.field("*", new.word))

    # -- sameness

    def _same(self, before: Any, after: Any) -> bool:
        """True where two schemas mean the same, notes apart; references compare by what they refer to."""
        return self._alike(before, after, set())

    def _alike(self, before: Any, after: Any, assumed: set[tuple[int, int]]) -> bool:
        before, after = target(before, self._before), target(after, self._after)
        before = {} if before is True else before
        after = {} if after is True else after
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            return json_text(before) == json_text(after)
        pair = (id(before), id(after))
        if before and after:
            if pair in assumed:
                return True
            assumed.add(pair)
        old, new = asserting(before), asserting(after)
        return old == new and all(self._same_under(word, before[word], after[word], assumed) for word in new)

    def _same_under(self, word: str, before: Any, after: Any, assumed: set[tuple[int, int]] | None = None) -> bool:
        """True where two values of one keyword mean the same."""
        assumed = set() if assumed is None else assumed
        if word in ONE:
            return self._alike(before, after, assumed)
        if word in MANY and isinstance(before, list) and isinstance(after, list):
            return len(before) == len(after) and all(
                self._alike(old, new, assumed) for old, new in zip(before, after, strict=True)
            )
        if word in NAMED and isinstance(before, Mapping) and isinstance(after, Mapping):
            return before.keys() == after.keys() and all(
                self._alike(before[name], after[name], assumed) for name in before
            )
        if word in ("required", "type", "enum") and isinstance(before, list) and isinstance(after, list):
            return {json_text(one) for one in before} == {json_text(one) for one in after}
        if word in ("$ref", "$dynamicRef") and isinstance(after, str) and before == after:
            old, new = at_pointer(self._before, before), at_pointer(self._after, after)
            return old is None or new is None or self._alike(old, new, assumed)
        return json_text(before) == json_text(after)


def _has_type(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "type" in schema
