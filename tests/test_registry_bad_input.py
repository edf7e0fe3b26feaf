"""Whatever a registry's files hold: all that is wrong is said, at its place, and nothing is ever raised but that.

tests/registry/bad.txt holds registries and what is said of them, all of it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_lint.cli import main
from obs_lint.config.model import RegistrySource
from obs_lint.registry import index, metaschema, reader, structure, yaml_lines
from obs_lint.registry.contracts import duplicates_of, problems_of
from obs_lint.registry.model import Problem, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.structure_schema import events_schema, index_schema, schema_text

Block = tuple[str, Mapping[str, str], list[str]]
SCHEMAS = Path(index.__file__).parents[1] / "schemas"


def blocks() -> Iterator[Block]:
    """Yield (what is wrong, path → text, what is said)."""
    text = (Path(__file__).parent / "registry" / "bad.txt").read_text(encoding="utf-8")
    for block in re.split(r"(?m)^=== ", text)[1:]:
        title, _, rest = block.partition("\n")
        files, _, said = rest.rpartition("=>\n")
        parts = [part.partition("\n") for part in re.split(r"(?m)^--- ", files)[1:]]
        yield title, {path: body for path, _, body in parts}, said.splitlines()


BLOCKS = list(blocks())
each_block = pytest.mark.parametrize(("title", "files", "said"), BLOCKS, ids=[title for title, _, _ in BLOCKS])


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        tried.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    yield
    assert tried == []


def found_in(root: Path, files: Mapping[str, str | bytes], *, examples: bool = False) -> list[Problem]:
    """Return everything that is said of a project in which r.yaml is the registry."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        registry = index.read(RegistrySource("r.yaml"), Reader(str(root)))
        found = [*registry.problems, *problems_of(registry), *duplicates_of([registry])]
    except RegistryError as error:
        assert all(problem.fatal and problem.code == "registry" for problem in error.problems)
        return list(error.problems)
    assert not any(problem.fatal for problem in found)
    return [problem for problem in found if examples or problem.code != "OBS704"]


def shown(problem: Problem) -> str:
    place = problem.place
    advice = f" | {problem.help}" if problem.help else ""
    return f"{problem.code} {place.path}:{place.line}:{place.column}: {problem.message}{advice}"


@each_block
def test_what_is_said(tmp_path: Path, title: str, files: Mapping[str, str], said: list[str]) -> None:
    assert [shown(problem) for problem in found_in(tmp_path, files, examples=title == "Examples")] == said


@each_block
def test_without_libyaml_the_same_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str, files: Mapping[str, str], said: list[str]
) -> None:
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML has no libyaml here")
    monkeypatch.delattr(yaml, "CSafeLoader")
    found = [shown(problem) for problem in found_in(tmp_path, files, examples=title == "Examples")]
    if any("is not YAML" in line for line in said):
        # Each parser has words, and an idea of the place, of its own.
        assert [line.partition(":")[0] for line in found] == [line.partition(":")[0] for line in said]
        assert any("is not YAML" in line for line in found)
    else:
        assert found == said


@each_block
def test_the_json_schemas_agree(title: str, files: Mapping[str, str], said: list[str]) -> None:
    """A document that the table of keys accepts is one that editors accept, and the reverse; payloads apart."""
    for path, text in files.items():
        documents, problems = yaml_lines.parse_yaml(text, path)
        if path.endswith(".json") or problems:
            continue
        for document in documents:
            is_index = isinstance(document.value, dict) and "format" in document.value
            spec = structure.INDEX if is_index else structure.EVENT_FILE
            schema = index_schema() if is_index else events_schema()
            errors = [error for error in errors_of(schema, document.value) if not within_payload(error)]
            assert bool(structure.problems_of(document, spec)) == bool(errors), (path, errors)


def errors_of(schema: Any, value: Any) -> list[Any]:
    return list(jsonschema.Draft202012Validator(schema).iter_errors(value))


def within_payload(error: Any) -> bool:
    path = list(error.absolute_path)
    return path[:1] == ["events"] and path[2:3] == ["payload"] and (len(path) > 3 or isinstance(error.instance, dict))


@pytest.mark.parametrize("name", ["registry.schema.json", "registry-events.schema.json"])
def test_the_committed_schemas_are_current(name: str) -> None:
    schema = index_schema() if name == "registry.schema.json" else events_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (SCHEMAS / name).read_text(encoding="utf-8") == schema_text(schema), (
        'run python -c "from obs_lint.registry import structure_schema as s; '
        f"print(s.schema_text(s.{'index' if 'events' not in name else 'events'}_schema()), end='')\" "
        f"> obs_lint/schemas/{name}"
    )


GOOD = """\
format: obs-registry/1
events:
  a.b:
    summary: x
"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD.encode("utf-16"), "registry r.yaml:1:1: is UTF-16 text; save it as UTF-8"),
        (
            GOOD.replace("x", "é").encode("latin-1"),
            "registry r.yaml:4:14: is not UTF-8 text: it has the byte 0xe9; save it as UTF-8",
        ),
        (
            b"format: obs-registry/1\r\nevents:\r\n  a.b: {x: 1}\r\n",
            "registry r.yaml:3:9: `a.b` has the unknown key `x`",
        ),
        (b"\xef\xbb\xbfformat: obs-registry/1\nevent: 1\n", "registry r.yaml:2:1: has the unknown key `event`"),
        (
            "format: obs-registry/1\nevents: {ä𝄞.b: {owner: 1}}".encode(),
            "registry r.yaml:2:17: `owner` of `ä𝄞.b` should be text, is 1",
        ),
        (b"format: obs-registry/1\nx: " + b"[" * 5000, "registry r.yaml:2:103: is nested more than 100 levels deep"),
        (
            b"format: obs-registry/1\nevents: {a.b: {version: " + b"9" * 5000 + b"}}",
            "registry r.yaml:2:25: has a number",
        ),
        (
            b'format: obs-registry/1\nevents: {"a\\ud800.b": {}}',
            "registry r.yaml:2:",
        ),
        (b"&a [*a, *a]", "registry r.yaml:1:5: has the alias `*a` inside what it stands for"),
        (b"format: obs-registry/1\n? |\n  a\n: 1\n", "registry r.yaml:2:3: has the unknown key `a\\x0a`"),
    ],
)
def test_bytes(tmp_path: Path, data: bytes, said: str) -> None:
    assert shown(found_in(tmp_path, {"r.yaml": data})[0]).startswith(said)


def test_a_file_of_any_line_ends_and_a_mark_at_its_start_is_read(tmp_path: Path) -> None:
    for text in (GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), "\ufeff" + GOOD):
        (tmp_path / "r.yaml").write_bytes(text.encode())
        registry = index.read(RegistrySource("r.yaml"), Reader(str(tmp_path)))
        assert [(event.name, event.place.line, event.place.column) for event in registry.events] == [("a.b", 3, 3)]


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 40)
    (problem,) = found_in(tmp_path, {"r.yaml": GOOD})
    assert "a registry's file may have 40" in problem.message
    assert problem.place.path == "", "the configuration names it: its line is not known here"


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = found_in(tmp_path, {})
    assert problem.place.path == ""
    assert problem.message == "`r.yaml` can't be read: No such file or directory"


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights")
def test_links_out_of_the_project_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "events").mkdir(parents=True)
    (tmp_path / "out.yaml").write_text("events: {out.of: }\n")
    (root / "events" / "a.yaml").symlink_to(tmp_path / "out.yaml")
    text = "format: obs-registry/1\ninclude: [events/*.yaml]\nevents: {a.b: {payload: {$ref: events/a.yaml}}}\n"
    (problem,) = found_in(root, {"r.yaml": text})
    assert shown(problem) == "registry r.yaml:2:11: `events/a.yaml` lies outside the project and is not read"
    problems = found_in(root, {"r.yaml": text.replace("include: [events/*.yaml]", "include: []")})
    assert [shown(problem) for problem in problems] == [
        "OBS701 r.yaml:3:26: `events/a.yaml` lies outside the project and is not read"
    ]


def test_a_cycle_of_folders_ends(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("symbolic links need rights")
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "again").symlink_to(tmp_path / "events")
    files = {"r.yaml": "format: obs-registry/1\ninclude: ['events/**/*.yaml']\n", "events/a.yaml": "events: {a.b: }\n"}
    assert found_in(tmp_path, files) == []


def test_a_schema_of_many_files_has_an_end(tmp_path: Path) -> None:
    files = {f"s{n}.json": json.dumps({"properties": {"x": {"$ref": f"s{n + 1}.json"}}}) for n in range(200)}
    files["s200.json"] = "{}"
    files["r.yaml"] = "format: obs-registry/1\nevents: {a.b: {payload: {$ref: s0.json}}}\n"
    (problem,) = found_in(tmp_path, files)
    assert problem.code == "OBS701"
    assert "nested more than" in problem.message


def test_a_long_chain_of_references_has_an_end(tmp_path: Path) -> None:
    schema: dict[str, Any] = {"$ref": "#/$defs/s0", "title": "x", "$defs": {}}
    for n in range(2000):
        schema["$defs"][f"s{n}"] = {"$ref": f"#/$defs/s{n + 1}"}
    schema["$defs"]["s2000"] = {}
    text = json.dumps({"format": "obs-registry/1", "events": {"a.b": {"payload": schema, "examples": [{}]}}})
    (problem,) = found_in(tmp_path, {"r.yaml": text})
    assert problem.code == "OBS701"


def test_a_bomb_of_schemas_is_defused(tmp_path: Path) -> None:
    definitions = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(40)}
    schema = {"properties": {"x": {"$ref": "#/$defs/s0"}}, "$defs": {**definitions, "s40": {}}}
    text = json.dumps({"format": "obs-registry/1", "events": {"a.b": {"payload": schema, "examples": [{"x": 1}]}}})
    (problem,) = found_in(tmp_path, {"r.yaml": text})
    assert shown(problem).partition(": ")[2] == "more than 10000 schemas are applied to one value"


def test_a_deep_example_is_no_traceback(tmp_path: Path) -> None:
    payload = "{type: object, properties: {x: {$ref: '#'}}}"
    example = "{x: " * 90 + "{}" + "}" * 90
    text = f"format: obs-registry/1\nevents: {{a.b: {{payload: {payload}, examples: [{example}]}}}}\n"
    assert found_in(tmp_path, {"r.yaml": text}) == []


def test_text_without_end(tmp_path: Path) -> None:
    text = GOOD + "    examples: ['" + "x" * 3_000_000 + "']\n"
    assert found_in(tmp_path, {"r.yaml": text}) == []


ALL_TEXTS = [text for _, files, _ in BLOCKS for text in files.values()] + [GOOD]
PIECES = [
    "\t",
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: *a",
    "$ref: '#'",
    '"',
    "!!x ",
    "\0",
    "---\n",
    "~",
    "é",
]


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(ALL_TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = (
            text[:start] + draw(st.sampled_from(PIECES) | st.sampled_from(ALL_TEXTS) | st.text(max_size=5)) + text[end:]
        )
    return text


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=broken_texts())
def test_no_text_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    found_in(tmp_path_factory.mktemp("fuzz"), {"r.yaml": data, "a.yaml": data, "x.json": data})


WORDS = [
    *(
        "type",
        "enum",
        "const",
        "minimum",
        "multipleOf",
        "maxLength",
        "required",
        "items",
        "prefixItems",
        "allOf",
        "not",
    ),
    *("properties", "patternProperties", "dependentRequired", "dependentSchemas", "additionalProperties", "$defs"),
    *("uniqueItems", "title", "examples", "deprecated", "format", "$comment", "$anchor", "$id", "$ref", "$vocabulary"),
    *("definitions", "dependencies", "if", "contains", "minContains", "propertyNames", "unknown", "$schema"),
]
LEAVES = st.sampled_from(
    ["string", "objekt", "a", "", "#", "x#y", 0, 1, -1, 2.0, 0.5, True, False, None, [], {}, ["a"], ["a", "a"]]
)


def schemas() -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES | st.dictionaries(st.sampled_from(WORDS), LEAVES, max_size=3),
        lambda inner: (
            st.dictionaries(st.sampled_from(WORDS), inner | st.lists(inner, max_size=2), max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
        ),
        max_leaves=8,
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(schema=schemas())
def test_what_is_a_schema_is_what_the_metaschema_says(schema: Any) -> None:
    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    assert bool(list(metaschema.problems_of(schema))) == (not meta.is_valid(schema)), list(
        metaschema.problems_of(schema)
    )


@pytest.mark.parametrize("code", ["OBS208", "OBS201"])
def test_a_registry_that_cant_be_used_is_said_whichever_rule_asks(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OBS208 works without a registry; where there is one it asks it, and must not take a broken one for none."""
    _shop(tmp_path, monkeypatch, "events: [\n")
    assert main(["check", "--select", code, "--output-format", "concise"]) == 2
    assert "r.yaml:" in capsys.readouterr().out


def test_a_remembered_run_ends_with_the_registry_that_it_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _shop(tmp_path, monkeypatch, "format: obs-registry/1\nevents: {shop.placed: }\n")
    command = ["check", "--select", "OBS208", "--output-format", "concise"]
    time.sleep(0.1)
    assert [main(command), main(command)] == [0, 0]
    (tmp_path / "r.yaml").write_text(
        "format: obs-registry/1\nsensitive-names: [badge]\nevents: {shop.placed: }\n", encoding="utf-8"
    )
    assert main(command) == 1
    assert "badge" in capsys.readouterr().out


def _shop(folder: Path, monkeypatch: pytest.MonkeyPatch, registry: str) -> None:
    (folder / "obs-lint.toml").write_text('surface = ["shop.obs"]\nregistry = ["r.yaml"]\n', encoding="utf-8")
    (folder / "r.yaml").write_text(registry, encoding="utf-8")
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").touch()
    (folder / "shop/obs.py").write_text("def emit(event_name, payload=None): ...\n", encoding="utf-8")
    (folder / "shop/orders.py").write_text(
        'from shop import obs\n\n\ndef place(order):\n    obs.emit("shop.placed", {"badge": order.badge})\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(folder)
