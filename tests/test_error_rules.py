"""The rules about errors: what they say, the fixes that they offer, which files they open, and when they are silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.catalogue.options import OptionError, build
from obs_lint.checks import load
from obs_lint.checks.handlers import bodies, catches, handlers, spread
from obs_lint.checks.log_levels import is_below, level
from obs_lint.checks.run import Anchor
from obs_lint.checks.telling import is_log_method, looks_like_logger, words
from obs_lint.config import from_table
from obs_lint.config.model import Config
from obs_lint.diagnostic import Applicability, Diagnostic
from obs_lint.facts.extract import extract
from obs_lint.facts.model import Expr, FileFacts
from obs_lint.report import Report
from obs_lint.source import decode
from tests.support import project_of

RULES = [f"OBS50{number}" for number in range(1, 6)]
TRY = "try:\n    order.place()\nexcept {caught}:\n"


def run(root: Path, files: dict[str, str | bytes], *codes: str, **keys: object) -> Report:
    for name, text in {"shop/__init__.py": "", "shop/obs.py": "def emit(event_name): ...\n", **files}.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = {"surface": ["shop.obs"], "logging": "facade", "select": list(codes or RULES), **keys}
    report = engine.run(from_table(table, str(root)), cwd=str(root), use_cache=False, jobs=1)
    assert not report.failures, report.failures
    return report


def handled(body: str, caught: str = "Exception") -> str:
    """A module in which a handler does what `body` says."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return "import logging\n\nlog = logging.getLogger(__name__)\n\n" + TRY.format(caught=caught) + lines


def facts_of(text: str) -> FileFacts:
    return extract(decode("a.py", text.encode()))


def call_of(text: str) -> Expr:
    return facts_of(text).calls[0].expr


def fixed(source: bytes, diagnostic: Diagnostic) -> bytes:
    """Apply the only edit of a diagnostic's fix."""
    assert diagnostic.fix is not None
    (edit,) = diagnostic.fix.edits
    lines = source.decode().split("\n")
    (line, column), end = edit.span
    assert end.line == line
    text = lines[line - 1]
    lines[line - 1] = text[: column - 1] + edit.text + text[end.column - 1 :]
    return "\n".join(lines).encode()


# -- swallowed errors


@pytest.mark.parametrize(
    "body, said",
    [
        ("pass", "`except Exception` passes: nobody learns of the error"),
        ("...", "`except Exception` passes: nobody learns of the error"),
        ("x = 1", "`except Exception` sets a default and goes on: nobody learns of the error"),
    ],
)
def test_what_a_handler_does_instead(body: str, said: str, tmp_path: Path) -> None:
    (found,) = run(tmp_path, {"shop/a.py": handled(body)}, "OBS501").diagnostics
    assert found.message == said


@pytest.mark.parametrize(
    "body, does",
    [
        ("return", "returns nothing"),
        ("return None", "returns `None`"),
        ("return False", "returns `False`"),
        ("return ''", "returns `''`"),
        ("return []", "returns `[]`"),
        ("return {}", "returns `{}`"),
        ("return ()", "returns `()`"),
        ("return unchanged", "returns `unchanged`"),
        ("return 1, 2", "returns a default"),
        ("continue", "continues"),
        ("break", "breaks off"),
    ],
)
def test_what_a_handler_in_a_function_does_instead(body: str, does: str, tmp_path: Path) -> None:
    text = (
        f"def f(orders, unchanged):\n for order in orders:\n  try:\n   order.place()\n  except Exception:\n   {body}\n"
    )
    (found,) = run(tmp_path, {"shop/a.py": text}, "OBS501").diagnostics
    assert found.message == f"`except Exception` {does}: nobody learns of the error"
    assert found.symbol == "shop.a.f"


def test_how_handlers_are_called(tmp_path: Path) -> None:
    text = (
        "from contextlib import suppress\n"
        "try:\n    x()\nexcept:\n    pass\n"
        "try:\n    x()\nexcept (OSError, BaseException):\n    pass\n"
        "with suppress(Exception):\n    x()\n"
    )
    found = run(tmp_path, {"shop/a.py": text}, "OBS501").diagnostics
    assert [each.message.partition(" passes")[0] for each in found] == [
        "A bare `except`",
        "`except BaseException`",
        "`suppress(Exception)`",
    ]


@pytest.mark.parametrize(
    "body, opened",
    [
        ("pass", True),
        ("log.error('not placed')", False),
        ("raise", False),
        ("raise ValueError from None", False),
        ("# log.error('not placed')\npass", True),
        ("x = 1\n\nlog.exception('not placed')", False),
        ("if x:\n    raise", False),
        ("x = 'raise'", True),
        ("pass  # raise", True),
    ],
)
def test_files_whose_handlers_plainly_tell_are_not_opened(body: str, opened: bool) -> None:
    assert is_anchored("swallowed-error", handled(body)) is opened
    assert is_anchored("swallowed-error", handled(body).replace("\n", "\r\n")) is opened


@pytest.mark.parametrize(
    "body, opened",
    [
        ("failures.append(e)", False),
        ("x = f'{e}'", False),
        ("x = 'e'", True),
        ("del e", True),
        ("x = e2", True),
        ("e = None", True),
        ("x = [\n    e,\n]", False),
        ("x = 1\n" * 8 + "failures.append(e)", True),
    ],
)
def test_files_whose_handlers_plainly_use_the_exception_are_not_opened(body: str, opened: bool) -> None:
    assert is_anchored("swallowed-error", handled(body, "Exception as e")) is opened


def is_anchored(kind: str, text: str, config: Config | None = None) -> bool:
    check = load(kind)
    anchors: tuple[Anchor, ...] = () if check.anchors is None else check.anchors(options_of(kind), config or CONFIG)
    return bool(project_of({"a.py": text}).matching(anchors))


def options_of(kind: str) -> object:
    from obs_lint.checks.error_detail import Options as Detail

    return Detail(methods=("error", "critical")) if kind == "error-detail" else load(kind).options()


CONFIG = Config(root=Path())


def test_a_narrow_handler_is_opened_only_where_the_rule_is_told_so(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop/a.py": handled("pass", "KeyError")}
    assert not run(tmp_path, files, "OBS501").diagnostics
    told = run(tmp_path, files, "OBS501", rules={"OBS501": {"types": ["KeyError"]}})
    assert [found.target for found in told.diagnostics] == ["KeyError"]


def test_fallbacks_are_found_where_the_rule_is_told_so(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop/a.py": handled("x = str(order)")}
    assert not run(tmp_path, files, "OBS501").diagnostics
    assert run(tmp_path, files, "OBS501", rules={"OBS501": {"fallbacks": True}}).diagnostics


def test_every_way_through_a_handler_may_be_asked_for(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop/a.py": handled("if x:\n    log.error('no')\nelse:\n    y = 1")}
    assert not run(tmp_path, files, "OBS501").diagnostics
    assert run(tmp_path, files, "OBS501", rules={"OBS501": {"paths": "some"}}).diagnostics


def test_a_handler_that_ends_in_a_raise_by_any_way(tmp_path: Path) -> None:
    body = "    try:\n        return order.place()\n    except Exception:\n        pass\n"
    ways = [
        ("", "    raise ValueError\n", 0),
        ("", "    import sys\n    sys.exit(1)\n", 0),
        ("", "    if order:\n        return 1\n    raise ValueError\n", 1),
        ("    if order: raise ValueError\n", "", 1),
    ]
    for before, after, count in ways:
        text = f"def f(order):\n{before}{body}{after}"
        assert len(run(tmp_path, {"shop/a.py": text}, "OBS501").diagnostics) == count, text


# -- errors without detail


@pytest.mark.parametrize(
    "call, expected",
    [
        ("log.error('x')", "log.error('x', exc_info=True)"),
        ("log.error('x: %s', error)", "log.error('x: %s', error, exc_info=True)"),
        ("log.error('x', extra={'a': 1})", "log.error('x', extra={'a': 1}, exc_info=True)"),
        ("log.error('é: %s', error)", "log.error('é: %s', error, exc_info=True)"),
        ("log.error('é', error,)", "log.error('é', error, exc_info=True,)"),
        ("log.error('x', error , )", "log.error('x', error, exc_info=True , )"),
        (
            "log.error(\n    'é: %s',  # é\n    error,  # why )\n)",
            "log.error(\n    'é: %s',  # é\n    error, exc_info=True,  # why )\n)",
        ),
        ("log.error(\n    'x'\n    'y'\n)", "log.error(\n    'x'\n    'y', exc_info=True\n)"),
        ("log.critical(\n    'x',\n\n)", "log.critical(\n    'x', exc_info=True,\n\n)"),
        ("log.log(logging.ERROR, str(error))", "log.log(logging.ERROR, str(error), exc_info=True)"),
        ("log.error(('x'))", None),
        ("log.error(\n    ('x')\n)", None),
        ("log.error()", None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_fix(call: str, expected: str | None, newline: str, tmp_path: Path) -> None:
    text = handled(call, "Exception as error").replace("\n", newline)
    (found,) = run(tmp_path, {"shop/a.py": text.encode()}, "OBS502").diagnostics
    if expected is None:
        assert found.fix is None
        return
    assert found.fix is not None
    assert found.fix.applicability is Applicability.SAFE
    after = fixed(text.encode(), found)
    assert after.decode() == handled(expected, "Exception as error").replace("\n", newline)
    compile(after, "a.py", "exec")
    assert not run(tmp_path, {"shop/a.py": after}, "OBS502").diagnostics


def test_fix_for_loggers_that_are_told_by_their_name_is_unsafe(tmp_path: Path) -> None:
    text = "def f(logger):\n    try:\n        x()\n    except Exception:\n        logger.error('no')\n"
    (found,) = run(tmp_path, {"shop/a.py": text}, "OBS502").diagnostics
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE


def test_fix_for_loguru(tmp_path: Path) -> None:
    text = b"from loguru import logger\n\ntry:\n    x()\nexcept Exception:\n    logger.error('no')\n"
    (found,) = run(tmp_path, {"shop/a.py": text}, "OBS502").diagnostics
    after = fixed(text, found)
    assert after == text.replace(b".error(", b".exception(")
    assert not run(tmp_path, {"shop/a.py": after}, "OBS502").diagnostics
    (found,) = run(tmp_path, {"shop/a.py": text.replace(b"error", b"critical")}, "OBS502").diagnostics
    assert found.fix is None


@pytest.mark.parametrize(
    "text, opened",
    [
        (handled("log.error('no')"), True),
        (handled("log.error('no', exc_info=True)"), False),
        (handled("log.exception('no')"), False),
        ("log.error('no')\n", False),
    ],
)
def test_files_that_log_no_error_without_detail_are_not_opened(text: str, opened: bool) -> None:
    assert is_anchored("error-detail", text) is opened


def test_an_event_whose_schema_has_no_place_for_it(tmp_path: Path) -> None:
    schema = "{type: object, additionalProperties: false, properties: {order: {type: string}%s}}"
    registry = "format: obs-registry/1\nnamespace: shop\nevents:\n  shop.order.failed:\n    payload: " + schema + "\n"
    text = (
        "from shop import obs\n\ntry:\n    x()\nexcept Exception:\n    obs.emit('shop.order.failed', {'order': 'a'})\n"
    )
    keys: dict[str, object] = {
        "registry": ["registry.yaml"],
        "emitters": [{"function": "shop.obs.emit", "event": 0, "payload": 1}],
    }
    surface = "def emit(event_name, payload=None): ...\n"
    closed: dict[str, str | bytes] = {"shop/a.py": text, "registry.yaml": registry % "", "shop/obs.py": surface}
    assert not run(tmp_path, closed, "OBS502", **keys).diagnostics
    open_: dict[str, str | bytes] = {**closed, "registry.yaml": registry % ", error_type: {type: string}"}
    (found,) = run(tmp_path, open_, "OBS502", **keys).diagnostics
    assert found.message == "`shop.order.failed` tells of an error without its type or stack"


# -- orchestration


def test_rules_for_orchestration_are_inactive_without_it(tmp_path: Path) -> None:
    report = run(tmp_path, {"shop/a.py": "assert x\nraise Exception\n"}, "OBS503", "OBS504", "OBS505")
    assert not report.diagnostics
    assert [(each.code, each.needs) for each in report.inactive] == [
        ("OBS503", "orchestration"),
        ("OBS504", "orchestration"),
        ("OBS505", "orchestration"),
    ]


def test_orchestration_is_matched_by_module(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "shop/workflows/a.py": "raise Exception\n",
        "shop/workflows_old.py": "raise Exception\n",
        "shop/workflows/a.pyi": "raise Exception\n",
        "tests/test_a.py": "raise Exception\n",
    }
    found = run(tmp_path, files, "OBS504", orchestration=["shop.workflows.**", "tests.**"]).diagnostics
    assert [each.path for each in found] == ["shop/workflows/a.py"]


@pytest.mark.parametrize(
    "policy, said",
    [
        ({}, "`log.debug` at debug: a failure belongs at warning, error or critical"),
        ({"failure-levels": ["error"]}, "`log.debug` at debug: a failure belongs at error"),
        ({"failure-levels": ["debug"]}, None),
        ({"failure-levels": []}, None),
    ],
)
def test_policy_of_levels(policy: dict[str, object], said: str | None, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop/a.py": handled("log.debug('no')")}
    found = run(tmp_path, files, "OBS503", orchestration=["shop"], rules={"OBS503": policy}).diagnostics
    assert [each.message for each in found] == ([said] if said else [])


def test_a_level_that_is_none() -> None:
    with pytest.raises(OptionError, match="must be `debug`"):
        build(load("level").options, {"failure-levels": ["warnig"]})


def test_the_trail_says_where_it_is_logged_again(tmp_path: Path) -> None:
    inner = "import logging\nlog = logging.getLogger()\ndef place(order):\n" + "".join(
        f"    {line}\n" for line in (TRY.format(caught="OSError") + "    log.error('no')\n    raise").splitlines()
    )
    outer = "from shop.inner import log, place\ntry:\n    place(1)\nexcept Exception:\n    log.error('no')\n"
    (found,) = run(
        tmp_path, {"shop/inner.py": inner, "shop/outer.py": outer}, "OBS505", orchestration=["shop.inner"]
    ).diagnostics
    assert found.path == "shop/inner.py"
    assert [(step.path, step.position.line, step.message) for step in found.trail] == [
        ("shop/outer.py", 5, "logged again here")
    ]
    assert found.message.endswith("logged again in shop/outer.py:5")


# -- the ground


def test_handlers_of_a_file_are_yielded_once_with_their_surroundings() -> None:
    facts = facts_of(
        "try: a()\n"
        "except A:\n"
        "    try: b()\n"
        "    except B: pass\n"
        "class K:\n"
        "    with suppress(C): c()\n"
        "    def m(self):\n"
        "        while d:\n"
        "            match e:\n"
        "                case 1:\n"
        "                    try: f()\n"
        "                    except* (D, E) as g: pass\n"
        "                    else:\n"
        "                        try: h()\n"
        "                        except: pass\n"
        "                    finally:\n"
        "                        async def n():\n"
        "                            try: i()\n"
        "                            except F: pass\n"
    )
    found = {
        handler.pos[0]: (facts.scopes[handler.scope].qualname, handler.function >= 0, len(handler.within), handler.name)
        for handler in handlers(facts)
    }
    assert found == {
        2: ("", False, 0, None),
        4: ("", False, 1, None),
        6: ("K", False, 0, None),
        12: ("K.m", True, 0, "g"),
        15: ("K.m", True, 0, None),
        19: ("K.m.n", True, 0, None),
    }
    assert len(list(handlers(facts))) == len(found)
    assert [facts.scopes[body.scope].qualname for body in bodies(facts)] == ["", "K", "K.m", "K.m.n"]


@pytest.mark.parametrize(
    "before, caught, expected",
    [
        ("", "Exception", "Exception"),
        ("", "(KeyError, BaseException)", "BaseException"),
        ("", "KeyError", ""),
        ("import builtins", "builtins.Exception", "Exception"),
        ("E = Exception", "E", "Exception"),
        ("E = (KeyError, Exception)", "(OSError, *E)", "Exception"),
        ("A = KeyError,\nE = A + (Exception,)", "E", "Exception"),
        ("E = KeyError", "E", ""),
        ("class Exception(ValueError): pass", "Exception", ""),
        ("E = E", "E", ""),
        ("", "shop.Exception", ""),
    ],
)
def test_what_a_handler_catches(before: str, caught: str, expected: str) -> None:
    project = project_of({"a.py": f"{before}\ntry: x()\nexcept {caught}: pass\n"})
    facts = project.facts("a.py")
    assert facts is not None
    (handler,) = handlers(facts)
    assert catches(project, "a.py", facts, handler, ("Exception", "BaseException")) == expected


def test_spread_goes_into_comprehensions_and_where_asked_into_lambdas() -> None:
    facts = facts_of("x = [a for b in c(d) for f in g], lambda: h\n")
    (value,) = [s[1] for s in facts.body]
    plain = {part[1] for part in spread(facts, value) if part[0] == "name"}
    assert plain == set("acdg")
    assert {part[1] for part in spread(facts, value, lambdas=True) if part[0] == "name"} == plain | {"h"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("log.info(x)", True),
        ("self.logger.aerror(x)", True),
        ("anything.warning(x)", True),
        ("math.log(x)", False),
        ("np.log(x)", False),
        ("info(x)", False),
        ("log.infos(x)", False),
    ],
)
def test_log_methods(text: str, expected: bool) -> None:
    assert is_log_method(call_of(text)[1]) is expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("log", True),
        ("self._logger", True),
        ("cls.LOG", True),
        ("audit_log", True),
        ("request.app.logger", True),
        ("logging.getLogger('x')", True),
        ("structlog.get_logger().bind(a=1)", True),
        ("log.bind(a=1).new()", True),
        ("blog", False),
        ("dialog", False),
        ("messages", False),
        ("log.handlers", False),
        ("make().x", False),
    ],
)
def test_what_looks_like_a_logger(text: str, expected: bool) -> None:
    (statement,) = facts_of(f"x = {text}").body
    assert looks_like_logger(statement[1]) is expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("log.debug(1)", "debug"),
        ("log.awarning(1)", "warn"),
        ("log.exception(1)", "error"),
        ("log.msg(1)", "info"),
        ("log.log(logging.WARNING, 1)", "warn"),
        ("log.log(40, 1)", "error"),
        ("log.log('INFO', 1)", "info"),
        ("log.log(level, 1)", ""),
        ("log.log()", ""),
    ],
)
def test_level_of_a_call(text: str, expected: str) -> None:
    assert level(call_of(text)) == expected


def test_levels_in_order() -> None:
    order = ["debug", "info", "warning", "error", "critical"]
    assert all(is_below(a, b) is (order.index(a) < order.index(b)) for a in order for b in order)
    assert not is_below("", "critical")
    assert is_below("WARN", "error")


def test_words_of_names() -> None:
    assert words("sendHTTPError_now2") == {"send", "http", "error", "now"}
    assert words("LAST_ERROR") == {"last", "error"}
    assert words("mirror") == {"mirror"}
