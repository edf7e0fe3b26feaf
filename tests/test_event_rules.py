"""What the rules about events say: messages, trails and fixes; when they are silent; that PATHS change no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.checks.event_severity import level
from obs_lint.checks.likeness import Names
from obs_lint.config import from_table, load
from obs_lint.diagnostic import Applicability, Diagnostic
from obs_lint.report import Report

EVENT_RULES = [f"OBS{number}" for number in (201, 202, 203, 206, 209, 211)]
SURFACE = 'def emit(event_name, payload=None, *, ctx=None, severity="info"):\n    print(event_name, payload)\n'
REGISTRY = """\
format: obs-registry/1
namespace: shop
naming: "{namespace}.{area}.{action}"
events:
  shop.order.placed: {severity: info}
  shop.order.failed: {severity: error, producers: [api]}
  shop.order.created:
    deprecated: {since: "2.1", replaced-by: shop.order.placed, remove-after: "2027-01-31"}
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in {"shop/__init__.py": "", "shop/obs.py": SURFACE, "registry.yaml": REGISTRY, **files}.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def run(root: Path, files: dict[str, str], *paths: str, **keys: object) -> Report:
    write(root, files)
    emitter = {"function": "shop.obs.emit", "event": 0, "payload": "payload", "context": "ctx", "severity": "severity"}
    table = {
        "surface": ["shop.obs"],
        "logging": "facade",
        "registry": ["registry.yaml"],
        "emitters": [emitter],
        "select": EVENT_RULES,
        **keys,
    }
    return engine.run(from_table(table, str(root)), paths=paths, cwd=str(root), use_cache=False, jobs=1)


def one(root: Path, body: str, **keys: object) -> Diagnostic:
    """The only finding in a file that emits."""
    report = run(root, {"shop/use.py": f"from shop import obs\n\n{body}"}, **keys)
    assert not report.failures, report.failures
    (found,) = report.diagnostics
    return found


def steps(diagnostic: Diagnostic) -> list[tuple[str, int, str]]:
    return [(step.path, step.position.line, step.message) for step in diagnostic.trail]


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    found = one(tmp_path, 'obs.emit("shop.order.palced")\n')
    assert found.message == "`shop.order.palced` is not in the registry; did you mean `shop.order.placed`?"
    assert found.help.startswith("Emit `shop.order.placed`, or declare `shop.order.palced` in `registry.yaml`")
    assert found.target == "shop.order.palced"
    assert (found.span.start.line, found.span.start.column, found.span.end.column) == (3, 10, 29)


def test_without_a_near_name_nothing_is_suggested(tmp_path: Path) -> None:
    found = one(tmp_path, 'obs.emit("shop.basket.emptied_by_the_customer")\n')
    assert found.message == "`shop.basket.emptied_by_the_customer` is not in the registry"
    assert found.help.startswith("Emit a registered event, or declare")


@pytest.mark.parametrize("crowd", [0, 500])
@pytest.mark.parametrize(
    "written, meant",
    [
        ("shop.order.palced", "shop.order.placed"),
        ("shop.order.unpaid", "shop.order.paid"),
        ("shop.orders.placed", "shop.order.placed"),
        ("shop.order_placed", "shop.order.placed"),
        ("Shop/Order/Placed", "shop.order.placed"),
        ("OrderRefundd", "OrderRefunded"),
        ("ORDER_REFUNDED", "OrderRefunded"),
        ("shop.order.gone", ""),
        ("shop.basket.placed", ""),
        ("order", ""),
        ("", ""),
    ],
)
def test_what_was_meant(written: str, meant: str, crowd: int) -> None:
    others = [f"shop.stock{number}.counted" for number in range(crowd)]
    assert Names(["shop.order.placed", "shop.order.paid", "OrderRefunded", *others]).nearest(written) == meant


def test_each_alternative_has_a_diagnostic_of_its_own(tmp_path: Path) -> None:
    body = 'def tell(x):\n    obs.emit("shop.a.b" if x > 2 else "shop.order.placed" if x else "shop.c.d")\n'
    report = run(tmp_path, {"shop/use.py": f"from shop import obs\n\n\n{body}"})
    assert [d.target for d in report.diagnostics] == ["shop.a.b", "shop.c.d"]
    assert report.diagnostics[0].message == "`shop.a.b`, one of 3 events that may leave here, is not in the registry"
    assert len({d.fingerprint for d in report.diagnostics}) == 2


def test_what_a_helper_emits_is_reported_where_the_configuration_says_so(tmp_path: Path) -> None:
    configuration = (
        'surface = ["shop.obs"]\nlogging = "facade"\nregistry = ["registry.yaml"]\nselect = ["OBS201"]\n\n'
        '[[emitters]]\nfunction = "shop.obs.run"\nemits = ["shop.order.placed", "shop.order.palced"]\n'
    )
    files = {"obs-lint.toml": configuration, "shop/obs.py": SURFACE + "\n\ndef run():\n    print()\n"}
    write(tmp_path, {**files, "shop/use.py": "from shop import obs\n\nobs.run()\nobs.run()\n"})
    (found,) = engine.run(load(str(tmp_path)), cwd=str(tmp_path), use_cache=False, jobs=1).diagnostics
    assert (found.path, found.span.start.line, found.target) == ("obs-lint.toml", 8, "shop.order.palced")


def test_a_class_that_a_test_makes_up_stays(tmp_path: Path) -> None:
    files = {
        "shop/types.py": "class Event:\n    pass\n\n\nclass Placed(Event):\n    pass\n\n\nclass Lost:\n    pass\n",
        "tests/test_it.py": (
            "from shop.obs import emit\nfrom shop.types import Lost, Placed\n\n\nclass Double:\n    pass\n\n\n"
            "def test_it():\n    emit(Placed())\n    emit(Double())\n    emit(Lost())\n"
        ),
    }
    emitters = [{"function": "shop.obs.emit", "event": "class"}]
    sources = [{"source": "python:shop.types:Event", "name": "class"}]
    (found,) = run(tmp_path, files, emitters=emitters, registry=sources).diagnostics
    assert found.message == "`shop.types.Lost` is not in the registry"
    assert '"python:shop.types"' in found.help


def test_the_trail_shows_where_the_name_is_written(tmp_path: Path) -> None:
    files = {
        "shop/names.py": 'LOST = "shop.order.lost"\n',
        "shop/use.py": "from shop import names, obs\n\nobs.emit(names.LOST)\n",
    }
    (found,) = run(tmp_path, files).diagnostics
    assert found.path == "shop/use.py"
    assert steps(found) == [("shop/names.py", 1, "`shop.order.lost` is written here")]


def test_the_trail_shows_the_wrappers(tmp_path: Path) -> None:
    files = {
        "shop/notify.py": "from shop import obs\n\n\ndef notify(name):\n    obs.emit(name)\n",
        "shop/use.py": 'from shop.notify import notify\n\nnotify("shop.order.lost")\n',
    }
    (found,) = run(tmp_path, files).diagnostics
    assert (found.path, found.span.start.line) == ("shop/use.py", 3)
    assert [(path, line) for path, line, _ in steps(found)] == [("shop/notify.py", 5)]


@pytest.mark.parametrize(
    "registry",
    [
        "format: obs-registry/1\nnamespace: shop\n",
        "format: obs-registry/1\nnamespace: shop\nevents: {}\n",
        "format: obs-registry/1\nnamespace: shop\nnaming: '{namespace}.{area}'\n",
    ],
)
def test_a_registry_without_events_declares_no_list(tmp_path: Path, registry: str) -> None:
    files = {"registry.yaml": registry, "shop/use.py": 'from shop import obs\n\nobs.emit("shop.lost")\n'}
    report = run(tmp_path, files)
    assert not report.diagnostics
    assert not report.failures


def test_a_broken_registry_is_no_list_either(tmp_path: Path) -> None:
    files = {"shop/use.py": 'from shop import obs\n\nobs.emit("shop.order.lost")\n'}
    report = run(tmp_path, files, registry=["registry.yaml", "missing.yaml"])
    assert not [d for d in report.diagnostics if d.code == "OBS201"]


def test_without_a_registry_the_rules_are_inactive(tmp_path: Path) -> None:
    report = run(tmp_path, {"shop/use.py": 'from shop import obs\n\nobs.emit("x")\n'}, registry=[])
    assert {(i.code, i.needs) for i in report.inactive} == {(code, "registry") for code in EVENT_RULES}


@pytest.mark.parametrize(
    "event, reason",
    [
        ("row['name']", "it is looked up in `row`"),
        ("make(row)['name']", "it is looked up in `make()`"),
        ("'shop.{}'.format(row.name)", "the name is put together from parts that are known only at run time"),
        ("row.name", "`row.name` is set at run time"),
        ("make(row)", "what `make()` returns is known only at run time"),
        ("row", "`row` runs over `rows`"),
        ("f'shop.{row}.x'", "`row` runs over `rows`"),
        ("'shop.' + row", "`row` runs over `rows`"),
        ("kept", "`kept` comes from `make()`"),
        ("*row", "it is looked up in `row`"),
    ],
)
def test_what_can_not_be_told_is_named(tmp_path: Path, event: str, reason: str) -> None:
    body = "from shop import obs\nfrom acme import make\n\n\ndef tell(rows):\n    kept = make()\n    for row in rows:\n"
    (found,) = run(tmp_path, {"shop/use.py": f"{body}        obs.emit({event})\n"}).diagnostics
    assert found.code == "OBS202"
    assert found.message == f"Which event leaves here can't be told: {reason}"
    assert found.severity == "warning"


def test_what_can_not_be_told_is_reported_in_the_first_line_of_the_call(tmp_path: Path) -> None:
    body = "\ndef tell(row):\n    obs.emit(\n        event_name=row.name,\n        payload={},\n    )\n"
    found = one(tmp_path, body)
    assert (found.span.start, found.span.end) == ((5, 5), (5, 13))


def test_a_known_value_beside_an_unknown_one_is_named(tmp_path: Path) -> None:
    body = 'def tell(row):\n    obs.emit("shop.order.placed" if row else row.name)\n'
    found = one(tmp_path, f"\n{body}")
    assert found.message.startswith("Which event leaves here can't be told, beside `shop.order.placed`: ")


def test_a_registered_name_is_reported_at_its_declaration_alone(tmp_path: Path) -> None:
    files = {
        "registry.yaml": REGISTRY + "  shop.lost: {}\n",
        "shop/use.py": 'from shop import obs\n\nobs.emit("shop.lost")\n',
    }
    (found,) = run(tmp_path, files).diagnostics
    assert (found.code, found.path, found.span.start) == ("OBS203", "registry.yaml", (9, 3))
    assert found.message == "`shop.lost` is not made as `shop.<area>.<action>`"
    assert not run(tmp_path, files, "shop/use.py").diagnostics


def test_the_name_of_a_class_is_not_judged(tmp_path: Path) -> None:
    use = "from shop.obs import emit\n\n\nclass Lost:\n    pass\n\n\nemit(Lost())\n"
    emitters = [{"function": "shop.obs.emit", "event": "class"}]
    report = run(tmp_path, {"shop/use.py": use}, emitters=emitters)
    assert [d.code for d in report.diagnostics] == ["OBS201"]


def test_names_that_a_package_declares_are_not_ours(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "registry.yaml").write_text(REGISTRY + "  shop.lost: {}\n", encoding="utf-8")
    assert not run(tmp_path / "project", {}, registry=[str(package / "registry.yaml")]).diagnostics
    assert not run(tmp_path / "project", {}, registry=["../package/registry.yaml"]).diagnostics


def test_scopes_that_share_a_registry_report_a_declaration_once(tmp_path: Path) -> None:
    files = {"registry.yaml": REGISTRY + "  shop.lost: {}\n"}
    report = run(tmp_path, files, scopes=[{"paths": ["shop/**"]}, {"paths": ["other/**"]}])
    assert [d.target for d in report.diagnostics] == ["shop.lost"]


@pytest.mark.parametrize(
    "name, fault",
    [
        ("Shop.order.lost", " (it has capitals: `shop.order.lost` would fit)"),
        ("shop.order-list.lost", " (`shop.order_list.lost` would fit)"),
        ("shop.order._lost", " (the segment `_lost` begins with an underscore)"),
        ("shop.order.lost ", " (it has white space around it)"),
        ("shop.lost", ""),
    ],
)
def test_what_is_wrong_with_a_name(tmp_path: Path, name: str, fault: str) -> None:
    pattern = "shop\\\\.[a-z][a-z_]*\\\\.[a-z][a-z_]*"
    registry = f'format: obs-registry/1\nnaming: {{pattern: "{pattern}"}}\n'
    files = {"registry.yaml": registry, "shop/use.py": f'from shop import obs\n\nobs.emit("{name}")\n'}
    (found,) = run(tmp_path, files).diagnostics
    assert found.message.endswith(f"`{fault}")


def test_severities_point_at_both_sides(tmp_path: Path) -> None:
    found = one(tmp_path, 'obs.emit("shop.order.failed", severity="INFO")\n')
    assert found.code == "OBS206"
    assert found.message == "`shop.order.failed` leaves as `info`; the registry says `error`"
    assert found.span.start.column == 40
    assert steps(found)[-1][:2] == ("registry.yaml", 6)


@pytest.mark.parametrize(
    "spelling, severity",
    [
        ("WARN", "warn"),
        ("logging.WARNING", "warn"),
        ("exception", "error"),
        ("FATAL", "critical"),
        ("loud", ""),
        ("", ""),
        ("20", ""),
    ],
)
def test_spellings_of_severities(spelling: str, severity: str) -> None:
    assert level(spelling) == severity


def test_a_deprecated_event_and_its_fix(tmp_path: Path) -> None:
    found = one(tmp_path, "obs.emit('shop.order.created')\n")
    assert found.code == "OBS209"
    assert found.message == (
        "`shop.order.created` is deprecated since 2.1; `shop.order.placed` replaces it and it goes after 2027-01-31"
    )
    assert found.help == "Emit `shop.order.placed` instead, before 2027-01-31."
    assert found.fix is not None
    assert found.fix.applicability is Applicability.SAFE
    (edit,) = found.fix.edits
    line = (tmp_path / edit.path).read_text(encoding="utf-8").splitlines()[edit.span.start.line - 1]
    fixed = line[: edit.span.start.column - 1] + edit.text + line[edit.span.end.column - 1 :]
    assert fixed == "obs.emit('shop.order.placed')"


def test_the_fix_of_a_member_is_its_sibling(tmp_path: Path) -> None:
    names = (
        "from enum import StrEnum\n\n\nclass Ev(StrEnum):\n"
        '    OLD = "shop.order.created"\n    NEW = "shop.order.placed"\n'
    )
    use = "from shop import obs\nfrom shop.names import Ev\n\n\nobs.emit(Ev.OLD.value)\n"
    sources = ["registry.yaml", {"source": "python:shop.names:Ev", "name": "value", "mirror": True}]
    (found,) = run(tmp_path, {"shop/names.py": names, "shop/use.py": use}, registry=sources).diagnostics
    assert found.fix is not None
    (edit,) = found.fix.edits
    assert (edit.text, edit.span) == ("NEW", ((5, 13), (5, 16)))


@pytest.mark.parametrize(
    "body",
    [
        'NAME = "shop.order.created"\nobs.emit(NAME)\n',
        'obs.emit("shop.order." "created")\n',
        'obs.emit(r"shop.order.created")\n',
        'obs.emit("shop.order\\x2ecreated")\n',
        'obs.emit(f"shop.order.created")\n',
        'obs.emit("""shop.order.created""")\n',
    ],
)
def test_no_fix_where_the_text_is_not_plain(tmp_path: Path, body: str) -> None:
    found = one(tmp_path, body)
    assert found.code == "OBS209"
    assert found.fix is None


def test_a_fix_is_unsafe_where_the_payload_differs(tmp_path: Path) -> None:
    registry = REGISTRY.replace(
        "shop.order.placed: {severity: info}",
        "shop.order.placed: {severity: info, payload: {type: object, required: [items]}}",
    )
    files = {"registry.yaml": registry, "shop/use.py": 'from shop import obs\n\nobs.emit("shop.order.created")\n'}
    (found,) = run(tmp_path, files).diagnostics
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE


def test_a_foreign_producer_is_named(tmp_path: Path) -> None:
    found = one(tmp_path, 'obs.emit("shop.order.failed")\n', services={"api": ["api/**"], "worker": ["shop/**"]})
    assert found.code == "OBS211"
    assert found.message == "`shop.order.failed` leaves from `worker`; the registry lists `api` as its producers"
    assert steps(found)[-1][:2] == ("registry.yaml", 6)


def test_paths_change_no_result(tmp_path: Path) -> None:
    files = {
        "shop/names.py": 'LOST = "shop.order.lost"\nBAD = "Shop.order"\n',
        "shop/notify.py": "from shop import obs\n\n\ndef notify(name):\n    obs.emit(name)\n",
        "shop/a.py": "from shop import names, obs\n\nobs.emit(names.LOST)\nobs.emit(names.BAD)\n",
        "shop/b.py": 'from shop.notify import notify\n\nnotify("shop.order.other")\nnotify("shop.order.created")\n',
        "shop/c.py": "from shop import obs\n\n\ndef tell(row):\n    obs.emit(row.name, severity='error')\n",
    }
    whole = run(tmp_path, files).diagnostics
    assert {d.code for d in whole} == {"OBS201", "OBS202", "OBS203", "OBS209"}
    for path in files:
        assert run(tmp_path, files, path).diagnostics == tuple(d for d in whole if d.path == path)
