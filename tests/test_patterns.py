"""Dotted patterns and path globs: what they cover, and that no pattern is slow or breaks."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obs_lint import patterns
from obs_lint.patterns import braces, dotted, glob, is_path_glob, names_match, path_matcher, path_matches

NAMES = {
    "shop.obs": {
        True: ["shop.obs", "shop.obs.x", "shop.obs.x.y"],
        False: ["shop", "shop.obs_helpers", "shop.observability", "my.shop.obs", "obs", "", "shop_obs", "shopxobs"],
    },
    "services.*.use_cases.*UseCase.execute": {
        True: [
            "services.billing.use_cases.PayUseCase.execute",
            "services.b.use_cases.UseCase.execute",
            "services.b.use_cases.PayUseCase.execute.inner",
        ],
        False: [
            "services.use_cases.PayUseCase.execute",
            "services.a.b.use_cases.PayUseCase.execute",
            "services.b.use_cases.Pay.execute",
            "services.b.use_cases.PayUseCaseX.execute",
            "services.b.use_cases.PayUseCase.run",
            "services.b.use_cases.x.PayUseCase.execute",
        ],
    },
    "shop.services.**": {
        True: ["shop.services", "shop.services.a", "shop.services.a.b"],
        False: ["shop", "shop.services_a", "x.shop.services"],
    },
    "**.obs": {True: ["obs", "a.obs", "a.b.obs", "a.obs.x"], False: ["a.obs_x", "aobs", "a.xobs", "a"]},
    "a.**.b": {True: ["a.b", "a.x.b", "a.x.y.b", "a.b.c"], False: ["a", "b", "a.xb", "ax.b", "x.a.b"]},
    "a.**.b.**.c": {True: ["a.b.c", "a.b.x.b.c", "a.x.b.y.z.c"], False: ["a.c", "a.b.b", "a.c.b"]},
    "**": {True: ["a", "a.b", "__main__"], False: []},
    "*": {True: ["a", "a.b"], False: [""]},
    "*.*": {True: ["a.b", "a.b.c"], False: ["a"]},
    "services.*": {True: ["services.a", "services.a.b"], False: ["services", "services_a"]},
    "*.event_logger": {True: ["self.event_logger", "x.event_logger.y"], False: ["event_logger", "a.b.event_logger"]},
    "a.**.**.b": {True: ["a.b", "a.x.b"], False: ["a"]},
    "jobs?": {True: ["jobs1", "jobs2.x"], False: ["jobs", "jobs.a", "jobs12"]},
    "a.on_*_done": {True: ["a.on_x_done", "a.on__done"], False: ["a.on_done", "a.on_x_done_", "a.on_x.y_done"]},
    "services.api-gateway.jobs": {True: ["services.api-gateway.jobs"], False: ["services.apixgateway.jobs"]},
}

PATHS = {
    "**/tests/**": {
        True: ["tests/a.py", "a/tests/b.py", "a/tests/b/c.py", "tests/tests/a.py"],
        False: ["tests", "a/tests", "a/mytests/b.py", "tests.py", "a/tests.py", "a/test/b.py"],
    },
    "scripts/**": {
        True: ["scripts/a.py", "scripts/a/b.py"],
        False: ["scripts", "a/scripts/b.py", "scripts2/a.py", "scripts.py"],
    },
    "scripts/otel/*.py": {
        True: ["scripts/otel/a.py"],
        False: ["scripts/otel/a/b.py", "scripts/otel/a.pyi", "x/scripts/otel/a.py", "scripts/otel/a.txt"],
    },
    "**/test_*.py": {
        True: ["test_a.py", "a/test_b.py", "a/b/test_.py"],
        False: ["test.py", "a/mytest_b.py", "test_a.pyi", "test_a/b.py", "a/test_b.pyc"],
    },
    "**/*_test.py": {
        True: ["a_test.py", "x/_test.py", "x/y/b_test.py"],
        False: ["test.py", "a_test.pyx", "a_tests.py"],
    },
    "t*t.py": {True: ["tt.py", "a/tot.py"], False: ["t.py", "a/t.py"]},
    "**/conftest.py": {True: ["conftest.py", "a/b/conftest.py"], False: ["a/myconftest.py", "conftest.pyi"]},
    "conftest.py": {True: ["conftest.py", "a/b/conftest.py"], False: ["myconftest.py", "a/conftest.pyc"]},
    "*_pb2.py": {True: ["a_pb2.py", "x/y/a_pb2.py"], False: ["a_pb2.pyi", "pb2.py"]},
    "**/*_pb2.py": {True: ["a_pb2.py", "x/y/a_pb2.py"], False: ["a_pb2_grpc.py"]},
    "build": {
        True: ["build", "build/x.py", "a/build/x.py", "a/b/build/c/d.py"],
        False: ["builds/x.py", "rebuild/x.py", "build.py", "a/build.py"],
    },
    "build/": {True: ["build/x.py", "a/build/x.py"], False: ["build", "a/build", "builds/x.py"]},
    "/build": {True: ["build", "build/x.py"], False: ["a/build/x.py", "builds/x.py"]},
    "./scripts/**": {True: ["scripts/a.py"], False: ["a/scripts/a.py"]},
    "./build": {True: ["build/a.py"], False: ["a/build/a.py"]},
    "services/legacy": {
        True: ["services/legacy", "services/legacy/a.py", "services/legacy/b/c.py"],
        False: ["services/legacy2/a.py", "x/services/legacy/a.py", "services/legacy.py"],
    },
    "services/*/src": {
        True: ["services/api/src", "services/api/src/a/b.py"],
        False: ["services/src/a.py", "services/a/b/src/c.py", "services/api/srcs/a.py"],
    },
    "services/**/jobs/*.py": {
        True: ["services/jobs/a.py", "services/a/jobs/b.py", "services/a/b/jobs/c.py"],
        False: ["services/jobs/a/b.py", "services/myjobs/a.py", "jobs/a.py"],
    },
    "a/**/b/**/c.py": {True: ["a/b/c.py", "a/b/x/b/c.py", "a/x/b/y/c.py"], False: ["a/c.py", "a/b/cc.py", "b/c.py"]},
    "**": {True: ["a.py", "a/b/c.py"], False: []},
    "**/*": {True: ["a.py", "a/b/c.py"], False: []},
    "*": {True: ["a.py", "a/b/c.py"], False: []},
    "*.py": {True: ["a.py", "a/b/c.py"], False: ["a.pyi", "apy"]},
    "**.py": {True: ["a.py", "a/b/c.py"], False: ["a.pyi"]},
    "file?.py": {True: ["file1.py", "x/fileä.py"], False: ["file.py", "file12.py", "file/.py"]},
    "a?b/c": {True: ["axb/c"], False: ["a/b/c", "ab/c"]},
    "v[0-9].py": {True: ["v1.py", "x/v9.py"], False: ["va.py", "v10.py", "v.py"]},
    "[a-cx]/m.py": {True: ["a/m.py", "x/m.py"], False: ["d/m.py", "-/m.py", "q/a/m.py"]},
    "[!a].py": {True: ["b.py", "x/c.py"], False: ["a.py", "x/a.py", ".py"]},
    "[^a].py": {True: ["b.py"], False: ["a.py"]},
    "x[]].py": {True: ["x].py"], False: ["x.py", "x[.py"]},
    "x[!]].py": {True: ["xa.py"], False: ["x].py"]},
    "x[a-].py": {True: ["xa.py", "x-.py"], False: ["xb.py"]},
    "x[[].py": {True: ["x[.py"], False: ["xx.py"]},
    "x[.py": {True: ["x[.py"], False: ["x.py", "xa.py"]},
    "x[z-a].py": {True: [], False: ["xz.py", "xa.py", "xm.py", "x-.py"]},
    "a[!b]c": {True: ["axc"], False: ["a/c", "abc"]},
    "a[+-9]c/d": {True: ["a1c/d"], False: ["a/c/d"]},
    "a[\\]]b": {True: [], False: ["a]b"]},
    r"a\*b.py": {True: ["a*b.py"], False: ["axb.py", "a\\b.py"]},
    "{a,b}/c.py": {True: ["a/c.py", "b/c.py"], False: ["c/c.py", "{a,b}/c.py", "x/a/c.py"]},
    "*.{py,pyi}": {True: ["a.py", "x/a.pyi"], False: ["a.pyc", "a.{py,pyi}"]},
    "**/{tests,docs/{a,b}}/*": {True: ["tests/x", "q/docs/a/x", "docs/b/x"], False: ["docs/x", "docs/c/x"]},
    "{{cookiecutter.name}}/*.py": {True: ["{{cookiecutter.name}}/a.py"], False: ["cookiecutter.name/a.py"]},
    "{a,b": {True: ["{a,b", "x/{a,b"], False: ["a", "b"]},
    "a.b+c(d)|e$^/x": {True: ["a.b+c(d)|e$^/x"], False: ["axb+c(d)|e$^/x"]},
    "a//b": {True: ["a/b"], False: ["a/x/b"]},
    "docs/*/index": {True: ["docs/a/index", "docs/a/index/b"], False: ["docs/index", "docs/a/b/index"]},
    "": {True: [], False: ["a", "a/b"]},
    "/": {True: [], False: ["a", "a/b"]},
}


@pytest.mark.parametrize(
    ("pattern", "name", "covered"), [(p, n, c) for p in NAMES for c in NAMES[p] for n in NAMES[p][c]]
)
def test_dotted_pattern(pattern: str, name: str, covered: bool) -> None:
    assert (dotted(pattern).fullmatch(name) is not None) is covered
    assert names_match(pattern, ["no-such.name", name]) is (covered or names_match(pattern, ["no-such.name"]))


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("shop.obs.emit", "shop.obs.emit", True),
        ("shop.obs.emit", "shop.obs.emit.inner", False),
        ("*.emit", "obs.emit", True),
        ("*.emit", "obs.emit.x", False),
        ("**.emit", "a.b.emit", True),
        ("**.emit", "a.b.emit.x", False),
        ("shop.**", "shop.a.b", True),
        ("a.**.b", "a.x.b.y.b", True),
        ("a.**.b", "a.b.c", False),
    ],
)
def test_dotted_pattern_without_what_is_below(pattern: str, name: str, covered: bool) -> None:
    assert (dotted(pattern, below=False).fullmatch(name) is not None) is covered
    assert names_match(pattern, [name], below=False) is covered


@pytest.mark.parametrize(
    ("pattern", "path", "covered"), [(p, n, c) for p in PATHS for c in PATHS[p] for n in PATHS[p][c]]
)
def test_path_glob(pattern: str, path: str, covered: bool) -> None:
    assert path_matches(pattern, path) is covered
    assert (glob(pattern).fullmatch(path) is not None) is covered


def test_an_anchored_glob_starts_at_the_root() -> None:
    assert glob("packages", anchored=True).fullmatch("packages/a.py")
    assert not glob("packages", anchored=True).fullmatch("x/packages/a.py")
    assert glob("**/packages", anchored=True).fullmatch("x/packages/a.py")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("services.*.wiring", False),
        ("scripts/otel/*.py", True),
        ("scripts", False),
        ("telemetry.py", True),
        ("stubs.pyi", True),
        ("analysis.ipynb", True),
        ("**", False),
    ],
)
def test_a_slash_or_an_ending_makes_a_path_glob(pattern: str, expected: bool) -> None:
    assert is_path_glob(pattern) is expected


def test_braces() -> None:
    assert braces("a") == ("a",)
    assert braces("{a,b}{c,d}") == ("ac", "ad", "bc", "bd")
    assert braces("x{a,{b,c}}y") == ("xay", "xby", "xcy")
    assert braces("{a,}") == ("a", "")
    assert braces("{}") == ("{}",)
    assert braces("{a}") == ("{a}",)
    assert braces(r"\{a,b}") == (r"\{a,b}",)
    assert braces("{a,b}" * 8) is not None
    assert braces("{a,b}" * 9) is None
    assert braces("{a,b}" * 10_000) is None


PATHOLOGICAL_GLOBS = [
    "**/" * 200 + "x.py",
    "/".join(["**/a"] * 40) + "/x",
    "/".join(["**/a*b"] * 30) + "/x",
    "*a" * 60 + "b",
    "*" * 500 + "x",
    "**/" + "*a" * 60 + "/**/" + "*a" * 60 + "/q",
    "a/*" * 60 + "/q",
    "[a-z]*" * 60 + "0",
    "?*" * 100 + "0",
    "**/*/" * 50 + "q",
    "{a*,*a}" * 8 + "0",
]


@pytest.mark.parametrize("pattern", PATHOLOGICAL_GLOBS, ids=lambda p: p[:12])
@pytest.mark.parametrize("path", ["a" * 3000, "a/" * 1500 + "a", "ab/" * 1000 + "b", "aab" * 1000], ids=lambda p: p[:6])
def test_no_glob_takes_long(pattern: str, path: str) -> None:
    glob.cache_clear()
    started = time.process_time()
    glob(pattern).fullmatch(path)
    path_matches(pattern, path)
    path_matcher((pattern,))(path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "pattern",
    [
        "**." * 200 + "x",
        ".".join(["**.a"] * 40) + ".x",
        "*a" * 60 + "b",
        ".".join(["**.*a*b"] * 30) + ".x",
        "**.*." * 50 + "q",
    ],
    ids=lambda p: p[:12],
)
@pytest.mark.parametrize("name", ["a" * 3000, "a." * 1500 + "a", "ab." * 1000 + "b"], ids=lambda p: p[:6])
def test_no_dotted_pattern_takes_long(pattern: str, name: str) -> None:
    started = time.process_time()
    dotted(pattern).fullmatch(name)
    dotted(pattern, below=False).fullmatch(name)
    assert time.process_time() - started < 2


# -- against a definition that is obviously right and slow


def _segment_fits(pattern: str, text: str) -> bool:
    return (
        re.fullmatch("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), text)
        is not None
    )


def _fits(pattern: list[str], segments: list[str], *, below: bool) -> bool:
    if not pattern:
        return below or not segments
    if pattern[0] == "**":
        return any(_fits(pattern[1:], segments[skip:], below=below) for skip in range(len(segments) + 1))
    return bool(segments) and _segment_fits(pattern[0], segments[0]) and _fits(pattern[1:], segments[1:], below=below)


SEGMENTS = st.sampled_from(["a", "b", "ab", "**", "*", "a*", "*b", "a*b", "?", "*a*b*"])
PARTS = st.sampled_from(["a", "b", "ab", "ba", "aab", "abb", "c"])


@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.lists(PARTS, min_size=1, max_size=6), st.booleans())
@settings(max_examples=600, deadline=None)
def test_dotted_is_the_definition(pattern: list[str], name: list[str], below: bool) -> None:
    expected = _fits(pattern, name, below=below or pattern[-1] == "**")
    assert names_match(".".join(pattern), [".".join(name)], below=below) is expected
    assert (dotted(".".join(pattern), below=below).fullmatch(".".join(name)) is not None) is expected


@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.lists(PARTS, min_size=1, max_size=6))
@settings(max_examples=600, deadline=None)
def test_glob_is_the_definition(pattern: list[str], path: list[str]) -> None:
    whole = [*pattern, "*"] if pattern[-1] == "**" else pattern
    if len(pattern) == 1:
        whole = ["**", *whole]
    expected = _fits(whole, path, below=True)
    text, place = "/".join(pattern), "/".join(path)
    assert (glob(text).fullmatch(place) is not None) is expected
    assert path_matches(text, place) is expected


@given(st.lists(st.sampled_from(sorted(PATHS)), max_size=5), st.lists(PARTS, min_size=1, max_size=4))
@settings(deadline=None)
def test_many_globs_are_any_of_them(globs: list[str], path: list[str]) -> None:
    place = "/".join(path)
    assert bool(path_matcher(tuple(globs))(place)) is any(path_matches(each, place) for each in globs)


REAL_PATHS = st.lists(st.text(st.sampled_from("ab[]^-{},. \n&"), min_size=1, max_size=4), min_size=1, max_size=4)


@given(st.text(st.sampled_from("ab*?[]!^-\\{},/. \n|()$+#~&"), max_size=20), REAL_PATHS.map("/".join))
@example("[[a]]", "x")
@example("[a--b]", "a")
@example("[a&&b]", "&")
@example("[\\", "\\")
@settings(max_examples=600, deadline=None)
@pytest.mark.filterwarnings("error")
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    glob.cache_clear()
    assert path_matches(pattern, path) is (glob(pattern).fullmatch(path) is not None)
    assert bool(path_matcher((pattern,))(path)) is path_matches(pattern, path)
    dotted(pattern).fullmatch(path)
    names_match(pattern, [path])


def test_ordinary_globs_compile_no_regular_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled")

    patterns._matcher.cache_clear()
    path_matcher.cache_clear()
    monkeypatch.setattr(patterns, "glob", refuse)
    test = path_matcher(
        ("**/tests/**", "**/test_*.py", "**/*_test.py", "**/tests.py", "scripts/**", "**/*_pb2.py", "docs")
    )
    assert test("a/test_b.py")
    assert not test("a/b.py")
