r"""Sources of events that are data: files in, events and problems with their places out.

A case is the configured source (and its `name` after ` | `), the files, and after `===` what comes of it, a line each:
`name path:line:column` with what else is known of the event, and `! CODE path:line:column message` for a problem, `!!`
for a fatal one, `raises` in front of those of a source that can't be used. `\t` stands for a tab.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Event, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import read
from obs_lint.registry.yaml_lines import place_of

SITE = "env/lib/python3.11/site-packages"
CASES = {
    "schemas: $id, else title, else path": """
schemas:events
--- events/README.md
Not a schema.
--- events/user/created.json
{
\\t"type": "object",
\\t"$id": "https://acme.example/user/created/v2",
\\t"title": "User created"
}
--- events/user/deleted.yml
type: object
title: user.deleted
version: "3"
--- events/order/placed.schema.json
{"type": "object", "description": "An order was placed.\\n\\nMore of it.", "deprecated": true}
===
order.placed events/order/placed.schema.json:1:1 'An order was placed.' deprecated
https://acme.example/user/created/v2 events/user/created.json:3:2 v2 'User created'
user.deleted events/user/deleted.yml:2:1 v3
""",
    "schemas: by path, the newest of several versions": """
schemas:events | path
--- events/user/created/v1.yaml
{type: object, $id: a}
--- events/user/created/v2.yaml
{type: object, $id: b}
--- events/job.done.v4.json
{"type": "object"}
--- events/v1.json
{"type": "object"}
===
job.done events/job.done.v4.json:1:1 v4
v1 events/v1.json:1:1
user.created events/user/created/v2.yaml:1:1 v2
""",
    "schemas: by a pointer": """
schemas:events | /properties/event/const
--- events/a.json
{"properties": {
  "event": {"const": "user.created"}}}
--- events/b.json
{"properties": {"event": {"type": "string"}}}
===
user.created events/a.json:2:13
!! registry events/b.json:1:17 `events/b.json` has no text at `/properties/event/const`, which is configured to name \
its event
""",
    "schemas: by title, which one lacks": """
schemas:events/a.json | title
--- events/a.json
{"type": "object", "$id": "a"}
===
raises !! registry events/a.json:1:1 `events/a.json` has no `title`, which is configured to name its event
""",
    "schemas: a rule that is none": """
schemas:events | name
--- events/a.json
{"type": "object"}
===
raises !! registry - `name = 'name'` is nothing that names a schema
""",
    "schemas: one $id twice, both kept": """
schemas:events
--- events/a.json
{"type": "object", "$id": "x"}
--- events/b.json
{"type": "object", "$id": "x"}
===
x events/a.json:1:20
x events/b.json:1:20
""",
    "schemas: parts are no events": """
schemas:events
--- events/_actor.json
{"type": "object"}
--- events/defs.json
{"$defs": {"id": {"type": "string"}}, "title": "Shared"}
--- events/.hidden.json
{"type": "object"}
--- events/a.json
{"properties": {"by": {"$ref": "_actor.json"}, "id": {"$ref": "defs.json#/$defs/id"}}}
===
a events/a.json:1:1 {"properties": {"by": {"$ref": "#/$defs/_actor"}, "id": {"$ref": "#/$defs/defs.id"}}, "$defs": \
{"_actor": {"type": "object"}, "defs.id": {"type": "string"}}}
""",
    "schemas: $ref by $id": """
schemas:events
--- events/common/actor.json
{"$id": "https://acme.example/schemas/actor.json", "$defs": {"id": {"type": "integer"}}}
--- events/a.json
{"$id": "https://acme.example/schemas/a.json", "type": "object",
 "properties": {"by": {"$ref": "actor.json#/$defs/id"}, "at": {"$ref": \
"https://acme.example/schemas/a.json#/$defs/t"}},
 "$defs": {"t": {"type": "number"}}}
===
https://acme.example/schemas/a.json events/a.json:1:2 {"type": "object", "properties": {"by": {"$ref": \
"#/$defs/actor.id"}, "at": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"type": "number"}, "actor.id": {"type": \
"integer"}}}
""",
    "schemas: a remote $ref, one out of the project, one to nothing": """
schemas:events
--- events/a.json
{"title": "a", "properties": {
  "x": {"$ref": "https://elsewhere.example/x.json"}}}
--- events/b.json
{"title": "b", "properties": {
  "x": {"$ref": "../../outside.json"}}}
--- events/c.json
{"title": "c", "properties": {
  "x": {"$ref": "missing.json"}, "y": {"$ref": "#/$defs/y"}}}
===
a events/a.json:1:2
b events/b.json:1:2
c events/c.json:1:2
! OBS701 events/a.json:2:9 `https://elsewhere.example/x.json`
! OBS701 events/b.json:2:9 `{outside}/outside.json`
! OBS701 events/c.json:2:9 `events/missing.json`
! OBS701 events/c.json:2:40 `#/$defs/y`
""",
    "schemas: older drafts become 2020-12": """
schemas:events
--- events/a.json
{"$schema": "http://json-schema.org/draft-04/schema#", "id": "old", "properties": {
  "a": {"items": [{"type": "string"}], "additionalItems": false},
  "b": {"minimum": 1, "exclusiveMinimum": true}, "c": {"maximum": 1, "exclusiveMaximum": false}},
 "dependencies": {"a": ["b"], "b": {"required": ["c"]}}}
===
old events/a.json:1:56 {"id": "old", "properties": {"a": {"prefixItems": [{"type": "string"}], "items": false}, "b": \
{"exclusiveMinimum": 1}, "c": {"maximum": 1}}, "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": \
{"required": ["c"]}}}
""",
    "schemas: files that are none": """
schemas:events
--- events/a.json
{"type": "object"}
--- events/broken.json
{"type":
 "object" 1}
--- events/broken.yaml
type: object
 required: [a]
--- events/empty.yaml
# nothing
--- events/list.json
[1]
--- events/package.json
{"name": "x",
 "dependencies": []}
--- events/twice.yaml
type: object
type: array
--- events/two.yaml
type: object
---
type: object
===
a events/a.json:1:1
!! registry events/broken.json:2:11 `events/broken.json` is not JSON
!! registry events/broken.yaml:2:10 `events/broken.yaml` is not YAML
!! registry events/empty.yaml:1:1 `events/empty.yaml` is empty; one JSON Schema is expected
!! registry events/list.json:1:1 `events/list.json` is no JSON Schema: it does not hold a mapping
!! registry events/package.json:1:1 `events/package.json` is no JSON Schema: it has no keyword of JSON Schema
!! registry events/twice.yaml:2:1 `events/twice.yaml` has the key `type` twice, first on line 1
!! registry events/two.yaml:3:1 `events/two.yaml` has 2 YAML documents; one JSON Schema is expected
""",
    "schemas: only broken files": """
schemas:events
--- events/broken.json
{
===
raises !! registry events/broken.json:2:1 `events/broken.json` is not JSON
""",
    "schemas: no folder": """
schemas:nowhere
===
raises !! registry - the folder `nowhere` does not exist
""",
    "schemas: an empty folder": """
schemas:events/
--- events/README.md
Soon.
===
raises !! registry - the folder `events` has no JSON Schema that describes an event
""",
    "schemas: nothing named": """
schemas:
===
raises !! registry - `schemas:` names no folder
""",
    "schemas: examples, and where they are": """
schemas:events
--- events/a.yaml
title: a
type: object
examples:
  - {x: 1}
  - {x: 2}
===
a events/a.yaml:1:1 examples {"x": 1} at 4, {"x": 2} at 5
""",
    "yaml: keys of two levels": """
yaml:metrics.yaml | {category}.{name}
--- metrics.yaml
$schema: moz://mozilla.org/schemas/glean/metrics/2-0-0
version: 7
email:
  sent: &sent
    type: event
    description: >
      An e-mail
      was sent.
    extra_keys: &keys
      to: {type: string, description: Whom}
      count: {type: quantity}
  dropped:
    <<: *sent
    description: None was sent.
    extra_keys:
      <<: *keys
      why: {type: boolean}
phone:
  rung: {type: counter}
===
email.sent metrics.yaml:4:3 'An e-mail was sent.' {"type": "object", "properties": {"to": {"type": "string", \
"description": "Whom"}, "count": {"type": "integer"}}} at 10
email.dropped metrics.yaml:12:3 'None was sent.' {"type": "object", "properties": {"why": {"type": "boolean"}, "to": \
{"type": "string", "description": "Whom"}, "count": {"type": "integer"}}} at 17
phone.rung metrics.yaml:19:3
""",
    "yaml: only what has a type, and a name put together otherwise": """
yaml:*.yaml | {category}.{name}[type=event] -> acme/{category}/{name}
--- a.yaml
email: {sent: {type: event}, size: {type: counter}}
--- b.yaml
phone:
  rung: {type: event}
--- sub/c.yaml
deep: {down: {type: event}}
===
acme/email/sent a.yaml:1:9
acme/phone/rung b.yaml:2:3
""",
    "yaml: below literal keys, with attributes": """
yaml:events.yaml | events.{name}
--- events.yaml
defaults: {x: 1}
events:
  job.done:
    severity: error
    owner: team-jobs
    version: 2
    stability: experimental
    payload: {type: object, properties: {id: {type: string}}}
    deprecated: {since: "1.2", replaced_by: job.finished}
  job.lost: What a pity.
  job.odd: {deprecated: true, stability: shaky, version: -1, payload: {$ref: x.json, type: object}}
===
job.done events.yaml:3:3 v2 error experimental by team-jobs deprecated since 1.2 for job.finished {"type": "object", \
"properties": {"id": {"type": "string"}}} at 8
job.lost events.yaml:10:3 'What a pity.'
job.odd events.yaml:11:3 deprecated
""",
    "yaml: lists": """
yaml:events/**/*.yaml | groups.*.events[].{.id}
--- events/a.yaml
groups:
  one:
    events:
      - {id: a.one, level: warning}
      - {title: no id}
  two: {events: [{id: a.two}]}
--- events/deep/er/b.yaml
groups: {three: {events: [{id: b.one}]}}
--- events/node_modules/c.yaml
groups: {three: {events: [{id: no.one}]}}
===
a.one events/a.yaml:4:10 warning
a.two events/a.yaml:6:19
b.one events/deep/er/b.yaml:1:28
""",
    "yaml: a list of names": """
yaml:names.yaml | events[]
--- names.yaml
events:
  - user.created
  - {not: text}
  - user.deleted
===
user.created names.yaml:2:5
user.deleted names.yaml:4:5
!! registry names.yaml:3:5 an event's name is expected here, as text
""",
    "yaml: without a pattern, top-level keys": """
yaml:{a,b}.yaml
--- a.yaml
# comment
user.created: it was
"yes":
--- b.yaml
$schema: x
no: {description: The word is no boolean.}
===
user.created a.yaml:2:1 'it was'
yes a.yaml:3:1
no b.yaml:2:1 'The word is no boolean.'
""",
    "yaml: without a pattern, a list": """
yaml:names.json
--- names.json
[\\t"user.created",
\\t"user.deleted"]
===
user.created names.json:1:3
user.deleted names.json:2:2
""",
    "yaml: names twice and empty": """
yaml:names.yaml
--- names.yaml
- a
- a
- ""
- " "
===
a names.yaml:1:3
a names.yaml:2:3
!! registry names.yaml:3:3 an event's name is empty
!! registry names.yaml:4:3 an event's name is empty
""",
    "yaml: broken beside whole": """
yaml:*.yaml
--- a.yaml
x: {}
--- b.yaml
x: [
--- c.yaml
just text
===
x a.yaml:1:1
!! registry b.yaml:2:1 `b.yaml` is not YAML
!! registry c.yaml:1:1 `c.yaml` is neither a mapping nor a list
""",
    "yaml: a bomb": """
yaml:a.yaml
--- a.yaml
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
===
raises !! registry a.yaml:5:36 `a.yaml` has aliases that stand for more than 100000 nodes; write the values out
""",
    "yaml: no file": """
yaml:nowhere.yaml
===
raises !! registry - the file `nowhere.yaml` does not exist
""",
    "yaml: no file fits": """
yaml:events/*.yaml
--- events/a.json
{}
===
raises !! registry - no file matches `events/*.yaml`
""",
    "yaml: a folder": """
yaml:events
--- events/a.yaml
a: 1
===
raises !! registry - `events` is a folder
""",
    "yaml: no name fits": """
yaml:a.yaml | events.{name}
--- a.yaml
a: 1
===
raises !! registry - no name fits `events.{name}` in `a.yaml`
""",
    "package: lock before index": """
package:acme.events
--- {site}/acme/__init__.py
raise SystemExit("imported")
--- {site}/acme/events/__init__.py
--- {site}/acme/events/obs-registry.yaml
format: obs-registry/1
events: {acme.written: {}}
--- {site}/acme/events/x.lock.json
LOCK acme.locked
===
acme.locked {site}/acme/events/x.lock.json:3:1 of package:acme.events
""",
    "package: an index, confined to the package": """
package:acme/contracts/registry.yaml
--- {site}/acme/__init__.py
--- {site}/acme/schemas/ok.json
{"properties": {"id": {}}}
--- {site}/acme/contracts/registry.yaml
format: obs-registry/1
events:
  acme.ok: {payload: {$ref: ../schemas/ok.json}}
  acme.out: {payload: {$ref: ../../other.json}}
--- {site}/other.json
{}
===
acme.ok {site}/acme/contracts/registry.yaml:3:3 {"properties": {"id": {}}} of package:acme/contracts/registry.yaml
acme.out {site}/acme/contracts/registry.yaml:4:3 of package:acme/contracts/registry.yaml
! OBS701 {site}/acme/contracts/registry.yaml:4:24 `{site}/other.json`
""",
    "package: out of it": """
package:acme/../other.yaml
--- {site}/acme/__init__.py
--- {site}/other.yaml
format: obs-registry/1
===
raises !! registry - `../other.yaml` leads out of the package `acme`
""",
    "package: without a registry": """
package:acme
--- {site}/acme/__init__.py
===
raises !! registry - there is no registry in it; looked in {site}/acme
""",
    "package: with several locks": """
package:acme
--- {site}/acme/a.lock.json
--- {site}/acme/b.lock.json
===
raises !! registry - a.lock.json, b.lock.json: it can't be told which is meant
""",
    "package: no lock and no index": """
package:acme/notes.txt
--- {site}/acme/notes.txt
===
raises !! registry {site}/acme/notes.txt:1:1 `{site}/acme/notes.txt` is neither a lock (.json) nor an index (.yaml)
""",
    "package: a module": """
package:acme
--- {site}/acme.py
===
raises !! registry - `acme` is a module, not a package
""",
    "package: not installed": """
package:no_such_package_at_all
--- {site}/acme.py
===
raises !! registry - `no_such_package_at_all` is not installed
""",
    "package: no name": """
package:
--- {site}/acme.py
===
raises !! registry - `` names no package
""",
}

WRONG_PATTERNS = {
    "": None,
    "events": "takes no name",
    "events.": "ends in a dot",
    "{a}..{b}": "is not understood at `.{b}`",
    "{a}{b}": "is not understood at `{a}{b}`",
    "{a}.{a}": "has one placeholder twice",
    "{a}[b]": "[b]",
    "{a": "is not understood at `{a`",
    "events[": "is not understood at `events[`",
    "{a} -> x": "is not made of the placeholders",
    "{a} -> {b}": "is not made of the placeholders",
}


def test_every_case_is_as_it_says(case: str, tmp_path: Path) -> None:
    text = CASES[case].strip("\n")
    body, _, expected = text.rpartition("===\n") if not text.endswith("===") else (text[:-3], "", "")
    configured, *files = ("\n" + body).replace("\\t", "\t").split("\n--- ")
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.json").write_text("{}")
    for file in files:
        path, _, content = file.partition("\n")
        write(root / path.replace("{site}", SITE), content)
    found = outcome(configured.strip(), root)
    places = {"{outside}": tmp_path.as_posix(), "{site}": SITE}
    for mark, path in places.items():
        expected = expected.replace(mark, path)
    assert found == expected.rstrip("\n").split("\n")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES)


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content.startswith("LOCK "):
        from obs_lint.registry.lock import compiled, lock_text
        from obs_lint.registry.model import Place

        event = Event(content.split()[1], Place("x"))
        content = lock_text(compiled([Registry("x", Place("x"), (event,))]))
    path.write_text(content + ("" if content.endswith("\n") else "\n"), encoding="utf-8", newline="\n")


def outcome(configured: str, root: Path) -> list[str]:
    """What comes of reading a source, as lines."""
    source, _, name = configured.partition(" | ")
    environment = "env" if (root / "env").is_dir() else None
    reader = Reader(str(root), environment)
    try:
        registry = read(RegistrySource(source, name or None), reader)
    except RegistryError as error:
        return [f"raises {problem_line(problem)}" for problem in error.problems]
    assert registry.source == source
    assert all(os.path.isabs(path) for path in registry.inputs)
    return [event_line(event, source) for event in registry.events] + [
        problem_line(problem) for problem in sorted(registry.problems, key=lambda problem: problem.place)
    ]


def event_line(event: Event, source: str) -> str:
    parts = [event.name, f"{event.place.path}:{event.place.line}:{event.place.column}"]
    parts += [f"v{event.version}"] if event.version != 1 else []
    parts += [event.severity, event.stability, f"by {event.owner}" if event.owner else ""]
    parts += [repr(event.summary)] if event.summary else []
    if event.deprecated is not None:
        since, instead = event.deprecated.since, event.deprecated.replaced_by
        parts.append("deprecated" + (f" since {since}" if since else "") + (f" for {instead}" if instead else ""))
    if event.payload is not None and payload_says_more(event.payload):
        parts.append(json.dumps(event.payload))
        properties = [f"/payload/properties/{key}" for key in event.payload.get("properties", {})]
        at = place_of(event.places, properties[0], event.place) if properties else event.place
        parts += [f"at {at.line}"] if at.line != event.place.line and source.startswith("yaml:") else []
    if event.examples:
        said = ", ".join(f"{json.dumps(example.payload)} at {example.place.line}" for example in event.examples)
        parts.append(f"examples {said}")
    parts += [f"of {event.source}"] if source.startswith("package:") else []
    assert event.source == source
    return " ".join(part for part in parts if part)


def payload_says_more(payload: Mapping[str, object]) -> bool:
    return any(word in json.dumps(payload) for word in ("$ref", "properties", "$defs")) and "const" not in json.dumps(
        payload
    )


def problem_line(problem: Problem) -> str:
    place = problem.place
    at = f"{place.path}:{place.line}:{place.column}" if place.path else "-"
    message = problem.message.partition("; looked in /")[0]
    message = re.sub(r"(is not (JSON|YAML)): .*", r"\1", message)  # the parser's words, which change with its version
    if problem.code == "OBS701" and message.startswith("`"):
        message = message[: message.index("`", 1) + 1]  # how the reader of schemas goes on is its own affair
    return f"{'!!' if problem.fatal else '!'} {problem.code} {at} {message}"


@pytest.mark.parametrize("pattern", [pattern for pattern, why in WRONG_PATTERNS.items() if why])
def test_a_wrong_pattern_is_told_with_what_is_right(pattern: str, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "a: {b: 1}")
    with pytest.raises(RegistryError) as raised:
        read(RegistrySource("yaml:a.yaml", pattern), Reader(str(tmp_path)))
    [problem] = raised.value.problems
    assert WRONG_PATTERNS[pattern] in problem.message
    assert problem.fatal
    assert problem.place.path == "", "the configuration's line is meant"


def test_a_package_of_this_interpreter_is_found_without_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "site" / "acme_events_here" / "__init__.py", "raise SystemExit('imported')")
    index = "format: obs-registry/1\nevents: {acme.here: {}}"
    write(tmp_path / "site" / "acme_events_here" / "obs-registry.yaml", index)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    registry = read(RegistrySource("package:acme_events_here"), Reader(str(tmp_path / "project")))
    [event] = registry.events
    path = (tmp_path / "site" / "acme_events_here" / "obs-registry.yaml").as_posix()
    assert (event.name, event.place.path, registry.place.path) == ("acme.here", path, path)
    assert "acme_events_here" not in sys.modules


def test_what_was_read_and_listed_is_remembered(tmp_path: Path) -> None:
    write(tmp_path / "events" / "a" / "b.json", '{"type": "object"}')
    registry = read(RegistrySource("schemas:events"), Reader(str(tmp_path)))
    seen = {Path(path).relative_to(tmp_path).as_posix() for path in registry.inputs}
    assert seen == {"events", "events/a", "events/a/b.json"}


def test_a_circle_of_folders_ends(tmp_path: Path) -> None:
    write(tmp_path / "events" / "a.json", '{"type": "object"}')
    try:
        (tmp_path / "events" / "again").symlink_to(tmp_path / "events", target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    for source in ("schemas:events", "yaml:events/**/*.json"):
        registry = read(RegistrySource(source), Reader(str(tmp_path)))
        assert len(registry.events) == 1


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path / "events" / "a.json", '{"type": "object"}')
    (tmp_path / "events" / "latin.yaml").write_bytes(b"title: caf\xe9\ntype: object\n")
    (tmp_path / "events" / "wide.json").write_bytes('{"type": "object"}'.encode("utf-16"))
    lines = outcome("schemas:events", tmp_path)
    assert [line.partition(" `")[0] for line in lines[1:]] == [
        "!! registry events/latin.yaml:1:11",
        "!! registry events/wide.json:1:1",
    ]
    try:
        (tmp_path / "events" / "gone.json").symlink_to(tmp_path / "nothing.json")
    except OSError:
        pytest.skip("no symbolic links here")
    lines = outcome("schemas:events", tmp_path)
    assert "`events/gone.json` can't be read" in lines[1]
