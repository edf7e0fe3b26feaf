"""Root causes: one fault trips several checks; what follows from another finding hangs below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from obs_lint.smoke.findings import Finding

_ORDER: Final = (
    "OBS801 OBS803 OBS802 OBS824 OBS821 OBS822 OBS823 OBS811 OBS814 OBS805 OBS863 OBS834 OBS831 OBS841 OBS833 OBS836 "
    "OBS832 OBS842 OBS843 OBS851 OBS852 OBS854 OBS853 OBS855 OBS835 OBS837 OBS862 OBS861 OBS865 OBS864 OBS812 OBS813 "
    "OBS815 OBS817 OBS818 OBS816 OBS872 OBS874 OBS871 OBS873 OBS804 OBS806 OBS882 OBS881 OBS883 OBS891"
).split()
"""From what causes to what follows: a finding can only follow from one that stands before it."""
_RANK: Final[Mapping[str, int]] = {code: rank for rank, code in enumerate(_ORDER)}

_ABSENT: Final = frozenset("OBS804 OBS806 OBS833 OBS835 OBS842 OBS851 OBS852 OBS855 OBS861".split())
"""Codes that tell of something that was not seen."""

ANY, FLOW, EVENT, FAMILY, SERVICE = "any", "flow", "event", "family", "service"
"""How cause and consequence must be related: not at all, by an id, by event and producer, by the event's prefix and
producer, by the producer."""

_CAUSES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "OBS802": (("OBS801", SERVICE),),
    "OBS804": (("OBS805", FAMILY), ("OBS851", FAMILY), ("OBS852", FAMILY), ("OBS833", FLOW)),
    "OBS806": (("OBS804", ANY),),
    "OBS812": (("OBS811", EVENT),),
    "OBS831": (("OBS811", EVENT),),
    "OBS832": (("OBS824", FLOW), ("OBS841", FLOW), ("OBS836", FLOW), ("OBS832", FLOW)),
    "OBS833": (("OBS834", FLOW), ("OBS831", FLOW), ("OBS834", SERVICE), ("OBS831", SERVICE), ("OBS824", FLOW),
               ("OBS822", FLOW), ("OBS821", FLOW)),
    "OBS834": (("OBS811", EVENT),),
    "OBS835": (("OBS834", FLOW), ("OBS834", SERVICE), ("OBS833", FLOW)),
    "OBS842": (("OBS841", FLOW),),
    "OBS843": (("OBS841", FLOW),),
    "OBS851": (("OBS834", FAMILY), ("OBS805", FAMILY), ("OBS833", FLOW), ("OBS842", FLOW), ("OBS851", FLOW)),
    "OBS852": (("OBS834", FAMILY), ("OBS805", FAMILY), ("OBS833", FLOW), ("OBS842", FLOW)),
    "OBS853": (("OBS842", FLOW), ("OBS843", FLOW)),
    "OBS854": (("OBS814", SERVICE), ("OBS842", FLOW), ("OBS843", FLOW)),
    "OBS855": (("OBS851", FLOW), ("OBS852", FLOW)),
    "OBS837": (("OBS863", FLOW),),
    "OBS861": (("OBS863", SERVICE), ("OBS863", FLOW)),
    "OBS862": (("OBS863", FLOW),),
    "OBS865": (("OBS833", FLOW),),
    "OBS871": (("OBS872", EVENT), ("OBS874", EVENT)),
    "OBS873": (("OBS872", EVENT), ("OBS871", EVENT)),
}  # fmt: skip
"""Consequence → what it may follow from, and how they are related then; the first that is found counts."""


def arranged(findings: Iterable[Finding], hops: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Return the root causes, in order, each with its consequences below it.

    `hops`: the labels of the chain's hops from the root on: the first broken hop comes first. The same findings give
    the same tree, in whatever order they come.
    """
    depth = {label: at for at, label in enumerate(hops)}
    ordered = sorted(findings, key=lambda finding: _key(finding, depth))
    by_code: dict[str, list[Finding]] = defaultdict(list)
    below: dict[int, list[Finding]] = defaultdict(list)
    roots: list[Finding] = []
    for finding in ordered:
        cause = _cause(finding, by_code)
        (roots if cause is None else below[id(cause)]).append(finding)
    return tuple(_tree(root, below) for root in sorted(roots, key=lambda root: (root.inconclusive, _key(root, depth))))


def _key(finding: Finding, depth: Mapping[str, int]) -> tuple[int, int, int, str, int, str, str]:
    rank = _RANK.get(finding.code, len(_RANK))
    hop = depth.get(finding.field, len(depth))
    return (rank, hop, finding.time, finding.source, finding.line, finding.target, finding.message)


def _tree(finding: Finding, below: Mapping[int, list[Finding]]) -> Finding:
    consequences = below.get(id(finding))
    if not consequences:
        return finding
    return replace(finding, consequences=tuple(_tree(each, below) for each in consequences))


def _cause(finding: Finding, by_code: dict[str, list[Finding]]) -> Finding | None:
    """The finding that this one follows from, among those that stand before it; and remember this one."""
    found: Finding | None = None
    for code, relation in _CAUSES.get(finding.code, ()):
        found = next((one for one in by_code.get(code, ()) if _related(one, finding, relation)), None)
        if found is not None:
            break
    if found is None and finding.inconclusive and finding.code in _ABSENT:
        found = next((one for code in ("OBS801", "OBS803", "OBS802") for one in by_code.get(code, ())), None)
    by_code[finding.code].append(finding)
    return found


def _related(cause: Finding, finding: Finding, relation: str) -> bool:
    if cause.inconclusive and not finding.inconclusive:
        return False  # what is certain does not follow from what is not
    if relation == ANY:
        return True
    if relation == FLOW:
        mine = {value for value in finding.ids.values() if value}
        return any(value in mine for value in cause.ids.values())
    if relation == EVENT:
        return (cause.event, cause.producer) == (finding.event, finding.producer)
    if relation == FAMILY:
        if _prefix(cause.event) != _prefix(finding.event) or not _prefix(cause.event):
            return False
        return cause.producer == finding.producer or not finding.producer
    return _bare(cause.producer) == _bare(finding.producer)


def _prefix(name: str) -> str:
    return name[: max(name.rfind("."), name.rfind(":")) + 1]


def _bare(producer: str) -> str:
    """`stdout:api` and `api` are one producer."""
    return producer.rpartition(":")[2]
