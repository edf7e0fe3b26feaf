"""Work that is shared out gives what one process gives, and a part of a file says of handlers what the whole says."""

from __future__ import annotations

import ast
import os
import sysconfig
import time
from pathlib import Path

import pytest

from obs_lint.checks.handlers import _WORDS, handlers
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.engine import run
from obs_lint.facts.excerpt import _shortened, excerpt
from obs_lint.facts.extract import extract
from obs_lint.facts.forks import can_fork, shared
from obs_lint.facts.model import Anchor, Sought
from obs_lint.facts.scan import Profile, Scanner
from obs_lint.report import Report
from obs_lint.source import decode

LIBRARY = Path(sysconfig.get_path("stdlib"))
MODULES = ("argparse.py", "subprocess.py", "tarfile.py", "inspect.py", "socketserver.py", "logging/handlers.py")

pytestmark = pytest.mark.skipif(not can_fork(), reason="no fork on this system")


# -- forks


def test_every_number_is_done_once() -> None:
    parent = os.getpid()
    order: list[str] = []
    mine, answers = shared(40, 3, lambda: order.append("first"), lambda n: n * n, lambda n: n, os.getpid)
    done = {**mine, **{n: value for answer in answers for n, value in answer.done.items()}}
    assert done == {n: n * n for n in range(40)}
    assert len(mine) + sum(len(answer.done) for answer in answers) == 40
    assert order == ["first"]
    assert parent not in {answer.closing for answer in answers}


def test_what_a_dead_fork_took_is_done_here() -> None:
    parent = os.getpid()

    def work(number: int) -> int:
        if os.getpid() != parent:
            os._exit(9)
        return -number

    mine, answers = shared(20, 2, lambda: time.sleep(0.2), work, lambda n: n, lambda: None)
    assert answers == []
    assert mine == {n: -n for n in range(20)}


# -- shared runs


def _project(folder: Path) -> Config:
    """Enough code to be worth a fork: every kind of finding, in files that ask for each other."""
    filler = "\n".join(f"def filler_{n}(value):\n    return value * {n} + {n}\n" for n in range(60))
    (folder / "app").mkdir()
    (folder / "app/__init__.py").write_text("")
    (folder / "app/tell.py").write_text(
        "import logging\n\nlog = logging.getLogger()\n\ndef tell(e):\n    log.error(e)\n"
    )
    for n in range(60):
        (folder / f"app/m{n}.py").write_text(
            f"import importlib, logging\nfrom app.tell import tell\nfrom app import m{(n * 7) % 60}\n\n"
            f"log = logging.getLogger('m{n}')\n\n{filler}\n"
            f"def swallow_{n}(a):\n    try:\n        return a.load()\n    except Exception:\n        pass\n\n"
            f"def tells_{n}(a):\n    try:\n        return a.load()\n    except Exception:\n        tell(1)\n\n"
            f"def logs_{n}(a):\n    try:\n        a.go()\n    except Exception as e:\n        log.error('no %s', e)\n\n"
            f"def suppressed_{n}(a):\n    try:\n        a.go()\n    except Exception:  # noqa: OBS501\n        pass\n\n"
            "importlib.import_module('opentelemetry.trace')\nlogging.basicConfig()\n"
        )
    return Config(root=folder, file=None, surface=("app.tell",), logging="facade")


def _plain(report: Report) -> tuple[list[tuple[object, ...]], object]:
    def row(d: Diagnostic) -> tuple[object, ...]:
        return (d.sort_key, d.symbol, d.help, d.trail, d.fix, d.fingerprint)

    return [row(d) for d in report.diagnostics], (report.failures, report.summary, report.inactive)


def test_processes_make_no_difference(tmp_path: Path) -> None:
    config = _project(tmp_path)
    alone = _plain(run(config, use_cache=False, jobs=1))
    assert {"OBS501", "OBS502", "OBS104", "OBS102", "OBS107"} <= {str(row[0][3]) for row in alone[0]}  # type: ignore[index]
    assert alone[1][1].suppressed == 60  # type: ignore[index]
    for jobs in (2, 5):
        assert _plain(run(config, use_cache=False, jobs=jobs)) == alone
    assert _plain(run(config, use_cache=True, jobs=2)) == alone
    (tmp_path / "app/m0.py").write_text((tmp_path / "app/m0.py").read_text() + "\n")
    assert _plain(run(config, use_cache=True, jobs=2)) == alone


# -- excerpts


@pytest.mark.parametrize("module", MODULES)
def test_an_excerpt_has_the_handlers_of_the_file(module: str) -> None:
    source = decode(module, (LIBRARY / module).read_bytes())
    whole, part = extract(source), excerpt(source, Sought(_WORDS))
    if part is None:
        pytest.skip("nearly all of it would be kept")
    assert len(part.uses) < len(whole.uses)
    places = [
        [(h.pos, h.caught, h.name, facts.scopes[h.scope].qualname, [s[-1] for s in h.body]) for h in handlers(facts)]
        for facts in (whole, part)
    ]
    assert sorted(places[0], key=repr) == sorted(places[1], key=repr)
    assert {name for name, rows in whole.scopes[0].bindings.items()} == set(part.scopes[0].bindings)
    assert [c.qualname for c in whole.classes if "<locals>" not in c.qualname] != []


LEFT_OUT = "".join(f"    value = {n}  # long enough to be left out\n" for n in range(12))


@pytest.mark.parametrize(
    ("before", "body", "kept"),
    [
        ("def f():\n", LEFT_OUT, False),
        ("async def f(\n    a=(1, 2),\n) -> int:  # so\n", LEFT_OUT, False),
        ("def f():\n", "    try:\n        x()\n    except ValueError:\n        y()\n" + LEFT_OUT, True),
        ("def f():\n", "    global x\n" + LEFT_OUT, True),
        ("def f():\n", '    """a\nb"""\n' + LEFT_OUT, True),
        ("def f():\n", '    """a\n    b"""\n' + LEFT_OUT, False),
        ("def f():\n", "# not indented\n" + LEFT_OUT, False),
    ],
)
def test_what_is_left_out(before: str, body: str, kept: bool) -> None:
    rest = "x = 1\n\nclass C:\n    y = 2\n"
    text = f"{before}{body}{rest}".encode()
    shortened = _shortened(text, Sought((b"except ",)))
    if kept:
        assert shortened is None
        return
    assert shortened is not None
    assert shortened.count(b"\n") == text.count(b"\n")
    assert shortened.endswith(rest.encode())
    assert b"value" not in shortened
    tree = ast.parse(shortened)
    assert [type(node).__name__ for node in tree.body[1:]] == ["Assign", "ClassDef"]


_SILENT = Anchor(words=(b"except",), pattern=rb"[ \t]*except:\n[ \t]+pass", at_line=True)
_RENAMED = Anchor(any_of=(b"Exception",), pattern=rb"\w+[ \t]*=[ \t]*Exception", at_line=True)


@pytest.mark.parametrize(
    ("first", "handler", "kept"),
    [
        ("", "except:\n        pass", True),
        ("", "except:\n        raise", False),
        ("ERRORS = Exception\n", "except ERRORS:\n        return", True),
        ("ERRORS = ValueError\n", "except ERRORS:\n        return", False),
        ("", "finally:\n        pass", False),
    ],
)
def test_a_function_is_kept_where_an_anchor_matches_in_it(first: str, handler: str, kept: bool) -> None:
    text = f"{first}def f():\n{LEFT_OUT}\n    try:\n        x()\n    {handler}\n\ndef g():\n{LEFT_OUT * 3}\n"
    shortened = _shortened(text.encode(), Sought((b"except",), (_SILENT,), _RENAMED))
    assert shortened is not None
    assert (b"x()" in shortened) is kept


def test_handlers_of_renamed_types_are_judged_beside_plain_ones(tmp_path: Path) -> None:
    body = "    try:\n        return a()\n    except {}:\n        return None\n\n"
    code = "ERRORS = (ValueError, Exception)\n\n"
    code += "".join(f"def f{n}():\n{LEFT_OUT}\n" for n in range(4))
    code += "".join(
        f"def {n}(a):\n{LEFT_OUT}{body.format(t)}" for n, t in (("plain", "Exception"), ("named", "ERRORS"))
    )
    code += f"def narrow(a):\n{LEFT_OUT}{body.format('KeyError')}"
    (tmp_path / "a.py").write_text(code)
    config = Config(root=tmp_path, file=None, surface=(), logging="facade")
    found = [d.symbol for d in run(config, use_cache=False).diagnostics if d.code == "OBS501"]
    assert found == ["a.plain", "a.named"]


def test_what_an_excerpt_does_not_tell_is_looked_up(tmp_path: Path) -> None:
    """A handler that calls what logs elsewhere is none that swallows, though its function alone does not say so."""
    (tmp_path / "note.py").write_text("import logging\n\ndef remark():\n    logging.getLogger().error('no')\n")
    handler = "    try:\n        return a()\n    except Exception:\n        {}\n\n"
    code = "from note import remark\n\n"
    code += "".join(f"def f{n}():\n{LEFT_OUT}\n" for n in range(4))
    code += "def quiet(a):\n" + handler.format("pass") + "def tells(a):\n" + handler.format("remark()")
    (tmp_path / "a.py").write_text(code)
    config = Config(root=tmp_path, file=None, surface=(), logging="facade")
    found = [d for d in run(config, use_cache=False).diagnostics if d.code == "OBS501"]
    assert [d.symbol for d in found] == ["a.quiet"]


# -- anchors


@pytest.mark.parametrize(
    "words",
    [
        (b".error(", b".aerror(", b".critical(", b".acritical(", b".log(", b".alog("),
        (b"REQUEST_ID", b"Request-ID", b"Request-Id", b"request-id", b"request_id", b"correlation_id"),
        (b"emit_event", b"log_event", b"track_event", b"capture_"),
        (b"eval(", b"= eval\n", b"exec("),
    ],
)
def test_words_that_have_a_piece_in_common(words: tuple[bytes, ...]) -> None:
    scanner = Scanner(Profile((), True, False, (Anchor(any_of=words), Anchor(any_of=words, pattern=rb"[\w.= ]{3}"))))
    for word in words:
        for text in (word, word[1:], word[:-1], word.swapcase(), b"_" + word, word[1:] + word, word + word[1:]):
            data = b"x = 1\n  y" + text + b" z\n"
            wanted = 3 if any(each in data for each in words) else 0
            assert scanner.scan("a.py", data).anchors == wanted, (word, text)
