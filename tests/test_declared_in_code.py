"""What `python:` sources declare: each case in data/declared_in_code is a source, a project, and the events in it.

In the files of a case, `#> NAME SYMBOL` ends the line that an event is declared on, `#= NAME SYMBOL` one that has
another name of it, `#! here` the line that the source itself is at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from obs_lint.config import forms
from obs_lint.config.model import Config, RegistrySource
from obs_lint.discovery import discover
from obs_lint.events.declared_in_code import read
from obs_lint.facts.cache import Cache
from obs_lint.facts.pool import Pool
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project
from obs_lint.registry.model import Place, Registry, RegistryError
from tests.support import files_of

CASES = Path(__file__).parent / "data" / "declared_in_code"
_MARK = re.compile(r"#([>=!]) (\S+)(?: ([\w.]+))?")


class Case:
    """One file of the folder."""

    def __init__(self, text: str) -> None:
        head, _, rest = text.partition("--- ")
        self.head = {key: value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
        self.files = files_of(f"--- {rest}")
        self.events: set[tuple[str, str, str, int]] = set()
        self.aliases: set[tuple[str, str]] = set()
        self.here: tuple[str, int] | None = None
        for path, content in self.files.items():
            for number, line in enumerate(content.splitlines(), 1):
                for kind, name, symbol in _MARK.findall(line):
                    if kind == ">":
                        self.events.add((name, symbol, path, number))
                    elif kind == "=":
                        self.aliases.add((name, symbol))
                    else:
                        self.here = (path, number)

    @property
    def source(self) -> RegistrySource:
        return RegistrySource(self.head["source"], self.head.get("name"), self.head.get("call"))


def project_in(folder: Path, files: Mapping[str, str | bytes]) -> Project:
    """Write the files and return their Project, as a run of the linter has it."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
    discovery = discover(Config(root=folder))
    store = FactsStore(discovery.files, Pool(1), Cache(None))
    store.scan(Profile((), True, False, ()))
    return Project(discovery, store)


def read_from(
    folder: Path, files: Mapping[str, str | bytes], source: str, environment: str | None = None, **more: Any
) -> Registry:
    config = Config(root=folder, environment=environment)
    return read(RegistrySource(source, **more), project_in(folder, files), config)


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.txt")))
def test_case(name: str, tmp_path: Path) -> None:
    case = Case((CASES / f"{name}.txt").read_text(encoding="utf-8"))
    registry = read(case.source, project_in(tmp_path, case.files), Config(root=tmp_path))
    found = {(event.name, event.symbol, event.place.path, event.place.line) for event in registry.events}
    assert found == case.events
    assert len(registry.events) == len(case.events)
    assert {(event.name, alias) for event in registry.events for alias in event.aliases} == case.aliases
    assert registry.complete is ("incomplete" not in case.head)
    assert set(registry.exempt) == set(case.head.get("exempt", "").split())
    if case.here is not None:
        assert registry.place[:2] == case.here
    for event in registry.events:
        assert event.source == case.head["source"]
        line = case.files[event.place.path].splitlines()[event.place.line - 1]
        if event.symbol:
            word = line[event.place.column - 1 : event.place.end_column - 1]
            assert word.strip('"').rpartition(".")[2] == event.symbol.rpartition(".")[2]
    order = [event.place[:3] for event in registry.events]
    assert order == sorted(order)


def test_symbols_are_what_the_project_calls_the_same_things(tmp_path: Path) -> None:
    project = project_in(
        tmp_path,
        {
            "src/shop/events.py": "from enum import Enum, auto\nclass Ev(Enum):\n    PLACED = auto()\n"
            "class Base: ...\nclass Paid(Base): ...\n",
            "src/shop/use.py": "from shop import events as e\nuse(e.Ev.PLACED)\nuse(e.Paid)\n",
        },
    )
    config = Config(root=tmp_path)
    facts = project.facts("src/shop/use.py")
    assert facts is not None
    member, paid = (site.expr[2][0] for site in facts.calls)
    values = project.values("src/shop/use.py", 0, member)
    (origin,) = project.resolve("src/shop/use.py", 0, paid)
    members = read(RegistrySource("python:shop.events:Ev"), project, config)
    classes = read(RegistrySource("python:shop.events:Base"), project, config)
    assert [event.symbol for event in members.events] == [values.known[0].member]
    assert [event.symbol for event in classes.events] == [origin.name]


def test_severity_summary_and_deprecation(tmp_path: Path) -> None:
    files = {
        "shop/events.py": '''\
from enum import Enum
from typing import ClassVar
from warnings import deprecated

class Event:
    level = "info"

class Placed(Event):
    """An order was
    placed.

    Details.
    """

class Lost(Event):
    r\'One line.\'
    level: ClassVar[str] = "WARNING"
    total = 1

@deprecated("use Placed")
class Ordered(Event):
    total = 1
    "no docstring"

class Names:
    # An order was placed.
    # By anybody.
    PLACED = "shop.placed"
    PAID = "shop.paid"  # An order was paid.
    LOST = "shop.lost"  # noqa: X1
    """An order was lost."""
    # ------
    SENT = (
        "shop.sent"  # Goods were sent.
    )

class Made:
    PLACED = make("shop.placed", severity="INFO", description="An order\\n was placed.", deprecated=True)
''',
    }
    events = {event.name: event for event in read_from(tmp_path, files, "python:shop.events:Event").events}
    assert {name: (e.severity, e.summary, e.is_deprecated) for name, e in events.items()} == {
        "Placed": ("info", "An order was placed.", False),
        "Lost": ("warning", "One line.", False),
        "Ordered": ("info", "", True),
    }
    names = read_from(tmp_path, files, "python:shop.events:Names").events
    assert [event.summary for event in names] == [
        "An order was placed. By anybody.",
        "An order was paid.",
        "An order was lost.",
        "Goods were sent.",
    ]
    (made,) = read_from(tmp_path, files, "python:shop.events:Made", call="make").events
    assert (made.severity, made.summary, made.is_deprecated) == ("info", "An order was placed.", True)


def test_places_count_code_points_and_any_line_ends(tmp_path: Path) -> None:
    text = "class Ev:\r\n    A = 'é'; PLACED = 'shop.plácéd'\r\n"
    registry = read_from(tmp_path, {"shop/events.py": text.encode()}, "python:shop.events:Ev")
    assert [(event.name, event.place) for event in registry.events] == [
        ("é", Place("shop/events.py", 2, 5, 2, 6)),
        ("shop.plácéd", Place("shop/events.py", 2, 14, 2, 20)),
    ]


# -- installed packages

PACKAGE = {
    "acme/__init__.py": "from acme.inner.types import Note as Remark, Level\n",
    "acme/inner/__init__.py": "from .types import *\n",
    "acme/inner/types.py": (
        "from enum import Enum\n"
        "class Event:\n"
        "    def code(self) -> str: raise NotImplementedError\n"
        "class Warn(Event): ...\n"
        "class Note(Event):\n"
        "    def code(self) -> str: return 'N1'\n"
        "class Level(Enum):\n"
        "    LOW = 'acme.low'\n"
    ),
    "acme/broken.py": "class (:\n",
    "space/part/__init__.py": "",
    "space/part/names.py": "STARTED = 'space.started'\n",
    "single.py": "STARTED = 'single.started'\n",
}
PROJECT = {
    "shop/__init__.py": "",
    "shop/names.py": "from acme import Level\nfrom absent import Gone\n",
    "shop/events.py": (
        "import acme.inner\nfrom acme.inner.types import Warn as W\n"
        "class Lost(W):\n    def code(self) -> str: return 'S1'\n"
        "class Sent(acme.inner.Event):\n    def code(self) -> str: return 'S2'\n"
    ),
}


@pytest.fixture(params=["env/lib/python3.12/site-packages", "env/Lib/site-packages", "elsewhere"])
def installed(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str, Path]:
    """(folder of the project, its `environment`, folder of the packages)."""
    place = Path(str(request.param))
    packages = tmp_path / "project" / place if place.parts[0] == "env" else tmp_path / place
    for path, text in PACKAGE.items():
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text(text, encoding="utf-8")
    if place.parts[0] == "env":
        (tmp_path / "project" / "env" / "pyvenv.cfg").touch()
    return tmp_path / "project", "env" if place.parts[0] == "env" else str(packages), packages


def test_installed_package(installed: tuple[Path, str, Path]) -> None:
    root, environment, packages = installed
    registry = read_from(root, PROJECT, "python:acme.inner.types", environment, name="method:code")
    path = (packages / "acme/inner/types.py").as_posix()
    (note,) = registry.events
    assert (note.name, note.symbol, note.place) == ("N1", "acme.inner.types.Note", Place(path, 5, 7, 5, 11))
    assert set(note.aliases) == {"acme.Remark", "acme.inner.Note"}
    assert set(registry.inputs) == {str(packages / "acme/inner/types.py")}
    assert set(registry.exempt) == {"acme.inner.types.Event", "acme.inner.types.Warn"}


def test_members_of_an_installed_enum_go_by_every_name(installed: tuple[Path, str, Path]) -> None:
    root, environment, _ = installed
    for source in ("python:acme:Level", "python:acme.inner:Level", "python:shop.names:Level"):
        (low,) = read_from(root, PROJECT, source, environment).events
        assert (low.name, low.symbol) == ("acme.low", "acme.inner.types.Level.LOW")
        assert set(low.aliases) == {"acme.Level.LOW", "acme.inner.Level.LOW"}


def test_project_classes_with_an_installed_base(installed: tuple[Path, str, Path]) -> None:
    root, environment, packages = installed
    registry = read_from(root, PROJECT, "python:acme.inner:Event", environment, name="method:code")
    assert [(event.name, event.symbol) for event in registry.events] == [
        ("N1", "acme.inner.types.Note"),
        ("S1", "shop.events.Lost"),
        ("S2", "shop.events.Sent"),
    ]
    named = read_from(root, PROJECT, "python:acme.inner.types:Event", environment)
    assert [event.name for event in named.events] == ["Note", "Lost", "Sent"]
    assert set(named.exempt) == {"acme.inner.types.Event", "acme.inner.types.Warn"}
    assert str(root / "shop/events.py") in named.inputs
    assert str(packages / "acme/inner/types.py") in named.inputs


def test_namespace_packages_and_single_modules(installed: tuple[Path, str, Path]) -> None:
    root, environment, _ = installed
    for source, name in (("python:space.part.names", "space.started"), ("python:single:*", "single.started")):
        assert [event.name for event in read_from(root, PROJECT, source, environment).events] == [name]


def test_nothing_is_imported(installed: tuple[Path, str, Path]) -> None:
    root, environment, packages = installed
    (packages / "acme/inner/types.py").write_text("raise SystemExit\nclass Ev:\n    A = 'acme.a'\n", encoding="utf-8")
    assert len(read_from(root, PROJECT, "python:acme.inner.types:Ev", environment).events) == 1


# -- what can't be used

UNUSABLE = {
    "shop.event:Ev": ("there is no module `shop.event`", "did you mean `shop.events`?"),
    "acme.iner.types:Level": ("there is no module `acme.iner.types`", "did you mean `acme.inner.types`?"),
    "acm.inner.types": ("there is no module `acm.inner.types`", "did you mean `acme.inner.types`?"),
    "quite.different": ("there is no module `quite.different`", "looked in "),
    "other.*": ("no module of this project matches `other.*`", ""),
    "shop.events:Losd": ("`shop/events.py` defines no `Losd`", "did you mean `Lost`?"),
    "shop.*:Losd": ("none of 2 modules defines `Losd`", "did you mean `Lost`?"),
    "acme.inner.types:Notes": ("acme/inner/types.py` defines no `Notes`", "did you mean `Note`?"),
    "acme.broken": ("acme/broken.py` can't be parsed", ""),
    "shop.names:Gone": ("`Gone` in `shop/names.py` is nothing that could declare events", ""),
    "shop.events:Lost": ("`shop.events.Lost` declares no events", "`name` says where names are"),
    "shop": ("`shop` declares no events", "`name` says"),
}


@pytest.mark.parametrize("source", UNUSABLE)
def test_unusable_sources_say_why(installed: tuple[Path, str, Path], source: str) -> None:
    root, environment, packages = installed
    with pytest.raises(RegistryError) as caught:
        read_from(root, PROJECT, f"python:{source}", environment)
    (problem,) = caught.value.problems
    message, advice = UNUSABLE[source]
    assert message in problem.message
    assert advice in problem.help
    assert bool(advice) is bool(problem.help)
    assert (problem.code, problem.place, problem.fatal) == ("registry", Place(""), True)
    assert str(packages) in caught.value.inputs


@pytest.mark.parametrize("source", ["acme.inner.types", "shop.names:Level"])
def test_missing_environment(tmp_path: Path, source: str) -> None:
    with pytest.raises(RegistryError) as caught:
        read_from(tmp_path, PROJECT, f"python:{source}", ".nowhere")
    (problem,) = caught.value.problems
    assert problem.message == "`environment` names `.nowhere`, which is no folder"
    assert caught.value.inputs[-1] == str(tmp_path / ".nowhere")


def test_without_an_environment_the_advice_names_it(tmp_path: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        read_from(tmp_path, PROJECT, "python:acme_that_nobody_has.types")
    assert "`environment`" in caught.value.problems[0].help


DECLARING_NOTHING = {
    ("Numbers", "value", None): 'name = "member"',
    ("Numbers", "attribute:code", None): "can be told",
    ("Plain", "attribute:code", None): "attribute `code`",
    ("Plain", "method:code", None): "method `code`",
    ("Plain", "keyword:code", None): "keyword `code`",
    ("Plain", "decorator:code", None): "decorated with `code`",
    ("Made", None, None): 'call = "Kind.create"',
    ("Made", None, "Kind.make"): "declared by a call of `Kind.make`",
    ("Computed", None, None): "can be told",
    ("EMPTY", None, None): "`name` says",
}


@pytest.mark.parametrize(("name", "kind", "call"), DECLARING_NOTHING)
def test_sources_that_declare_nothing(tmp_path: Path, name: str, kind: str | None, call: str | None) -> None:
    text = (
        "import os\nfrom enum import Enum\n"
        "class Numbers(Enum):\n    A = 1\n"
        "class Plain: ...\n"
        "class Made:\n    A = Kind.create('shop.a')\n"
        "class Computed:\n    A = 'shop' + os.environ['A']\n"
        "EMPTY = []\n"
    )
    with pytest.raises(RegistryError) as caught:
        read_from(tmp_path, {"shop/events.py": text}, f"python:shop.events:{name}", name=kind, call=call)
    (problem,) = caught.value.problems
    assert DECLARING_NOTHING[name, kind, call] in f"{problem.message} {problem.help}"


AWKWARD = [
    "class Ev(Ev): A = 'x'\n",
    "class Ev(P): A = 'x'\nclass P(Ev): ...\n",
    "Ev = [Ev]\n",
    "Ev = Other\nOther = Ev\n",
    "Ev = [*Ev, 'x', 1, None, lambda: 0, f'{x}', {**Ev}]\n",
    "Ev = {**Ev, 'a': 'x', 1: 2}\n",
    "Ev = " + "(" * 60 + "'x'," + "),".join([""] * 61).rstrip(",") + "\n",
    "Ev = Literal[Ev, 'x']\n",
    "Ev = Enum('Ev', names)\n",
    "Ev = Enum('Ev', [('A', 'x'), 'B', 3, (1,), ()])\n",
    "def f():\n    class Ev:\n        A = 'x'\n    return Ev\nEv = f()\n",
    "from enum import Enum\nclass Ev(Enum):\n    A = B\n    B = A\n    C, D = 'c', 'd'\n    E = E\n",
    "class Ev:\n    A, *B = 'x', 'y'\n    for C in 'ab': D = C\n    del A\n",
    "class Ev:\n    def __init__(self, *a, **k): super().__init__(*a, **k)\nclass A(Ev, **k): ...\n",
    "class Ev: ...\n@Ev(*a)\n@Ev\n@Ev()(1)\nclass B(Ev): ...\n",
    "Ev: int\n",
    "Ev = 'x' if y else Ev\n",
    "global Ev\n",
    "import Ev\n",
    "from . import Ev\nfrom .. import *\n",
]


KINDS = (None, "value", "member", "class", "attribute:a", "method:a", "keyword:a", "decorator:Ev")


@pytest.mark.parametrize("text", AWKWARD, ids=map(str, range(len(AWKWARD))))
def test_awkward_code_ends_in_events_or_a_message(tmp_path: Path, text: str) -> None:
    project = project_in(tmp_path, {"shop/events.py": text})
    assert project.facts("shop/events.py") is not None
    for source, kind, call in product(("python:shop.events:Ev", "python:shop.events"), KINDS, (None, "Ev")):
        try:
            registry = read(RegistrySource(source, kind, call), project, Config(root=tmp_path))
        except RegistryError as error:
            assert error.problems[0].message
        else:
            assert all(event.name for event in registry.events)


def test_alternatives_make_an_event_each_and_know_their_declaration(tmp_path: Path) -> None:
    text = "import os\nclass Ev:\n    A = 'shop.a' if os.name else 'shop.b'\n"
    events = read_from(tmp_path, {"shop/events.py": text}, "python:shop.events:Ev").events
    assert [(event.name, event.symbol) for event in events] == [
        ("shop.a", "shop.events.Ev.A"),
        ("shop.b", "shop.events.Ev.A"),
    ]


# -- the configuration


@pytest.mark.parametrize("source", ["python:shop.events", "python:shop.events:*", "python:shop.*.events:Ev.Orders"])
def test_forms_of_a_source(source: str) -> None:
    assert forms.REGISTRY.problem(source) is None


@pytest.mark.parametrize("source", ["python:shop/events.py", "python:shop.events:", "python:shop:E*", "python::Ev"])
def test_what_is_no_source(source: str) -> None:
    assert forms.REGISTRY.problem(source) is not None


@pytest.mark.parametrize("name", ["value", "keyword:name", "decorator:shop.event", "method:code", "attribute:code"])
def test_forms_of_a_name(name: str) -> None:
    assert forms.registry_name(name) is None


@pytest.mark.parametrize("name", ["", "values", "keyword:", "keyword:a.b", "decorator:", "decorator:*", "attribute:1"])
def test_what_is_no_name(name: str) -> None:
    assert forms.registry_name(name) is not None
