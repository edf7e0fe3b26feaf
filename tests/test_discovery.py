"""Discovery: which files belong, what git ignores, which names and roles they get, and what an import means."""

from __future__ import annotations

import importlib.machinery
import marshal
import ntpath
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from obs_lint import discovery, file_tree
from obs_lint.config.model import DEFAULT_ROLES, Config
from obs_lint.discovery import Discovery, ProjectFile, describe, discover, locate, select, survey
from obs_lint.file_tree import Excludes
from obs_lint.modules import ModuleIndex
from obs_lint.path_roles import PathRoles
from obs_lint.patterns import path_matches

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@pytest.fixture(autouse=True)
def _no_global_ignores(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The excludes file of whoever runs the tests must not matter."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def plant(root: Path, *paths: str, **contents: str) -> Path:
    """Make empty files, and folders where a path ends with `/`."""
    for path in paths:
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    for name, text in contents.items():
        (root / name).write_text(text)
    return root


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, newline="")


def paths_of(root: Path, **options: Any) -> list[str]:
    return [file.path for file in discover(Config(root=root, **options)).files]


def by_path(found: Discovery) -> dict[str, ProjectFile]:
    return {file.path: file for file in found.files}


# -- which files


def test_python_stubs_and_notebooks_belong_and_nothing_else(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "a.py",
        "b.pyi",
        "c.ipynb",
        "d.txt",
        "e.pyc",
        "f.PY",
        "py",
        "dot/.hidden.py",
        ".dot/g.py",
        "folder.py/h.py",
    )
    assert paths_of(tmp_path) == [".dot/g.py", "a.py", "b.pyi", "c.ipynb", "dot/.hidden.py", "folder.py/h.py"]


def test_size_time_and_absolute_path_are_those_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "pkg/a.py", "import os\n")
    (file,) = discover(Config(root=tmp_path)).files
    found = os.stat(tmp_path / "pkg" / "a.py")
    assert (file.size, file.mtime_ns, file.absolute) == (10, found.st_mtime_ns, str(tmp_path / "pkg" / "a.py"))


TREE = (
    "a.py",
    "gen/b.py",
    "gen/deep/c.py",
    "src/gen/d.py",
    "src/x_pb2.py",
    ".venv/e.py",
    "node_modules/f/g.py",
    "env/lib/h.py",
)


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({}, {".venv/e.py", "node_modules/f/g.py", "env/lib/h.py"}),
        ({"exclude": ()}, set()),
        ({"exclude": ("a.py",)}, {"a.py", "env/lib/h.py"}),
        ({"exclude": ("gen",)}, {"gen/b.py", "gen/deep/c.py", "src/gen/d.py", "env/lib/h.py"}),
        ({"exclude": ("./gen",)}, {"gen/b.py", "gen/deep/c.py", "env/lib/h.py"}),
        ({"exclude": ("gen/",)}, {"gen/b.py", "gen/deep/c.py", "env/lib/h.py"}),
        ({"exclude": ("src?gen", "g*c.py")}, {"gen/deep/c.py", "src/gen/d.py", "env/lib/h.py"}),
        ({"exclude": ("src/gen",)}, {"src/gen/d.py", "env/lib/h.py"}),
        ({"exclude": ("gen/*.py",)}, {"gen/b.py", "gen/deep/c.py", "env/lib/h.py"}),
        ({"exclude": ("**/gen/**",)}, {"gen/b.py", "gen/deep/c.py", "src/gen/d.py", "env/lib/h.py"}),
        ({"exclude": ("*_pb2.py",)}, {"src/x_pb2.py", "env/lib/h.py"}),
        ({"exclude": ("[ab].py",)}, {"a.py", "gen/b.py", "env/lib/h.py"}),
        (
            {"exclude": ("[!ax.]*.py",)},
            {
                "src/x_pb2.py",
                "gen/b.py",
                "gen/deep/c.py",
                "src/gen/d.py",
                ".venv/e.py",
                "node_modules/f/g.py",
                "env/lib/h.py",
            },
        ),
        ({"exclude": ("{a,c}.py",)}, {"a.py", "gen/deep/c.py", "env/lib/h.py"}),
        ({"exclude": ("[z-a]",)}, {"env/lib/h.py"}),
        ({"exclude": ("ROOT/gen",)}, {"gen/b.py", "gen/deep/c.py", "env/lib/h.py"}),
        (
            {"extend_exclude": ("gen/deep", "src")},
            {"gen/deep/c.py", "src/gen/d.py", "src/x_pb2.py", ".venv/e.py", "node_modules/f/g.py", "env/lib/h.py"},
        ),
        ({"cache_dir": "gen"}, {"gen/b.py", "gen/deep/c.py", ".venv/e.py", "node_modules/f/g.py", "env/lib/h.py"}),
    ],
)
def test_excludes(tmp_path: Path, options: dict[str, Any], left_out: set[str]) -> None:
    plant(tmp_path, *TREE, "env/pyvenv.cfg")
    if "exclude" in options:
        options = {"exclude": tuple(pattern.replace("ROOT", tmp_path.as_posix()) for pattern in options["exclude"])}
    assert set(TREE) - set(paths_of(tmp_path, **options)) == left_out


def test_a_root_that_is_a_virtual_environment_itself_is_linted(tmp_path: Path) -> None:
    plant(tmp_path, "pyvenv.cfg", "a.py")
    assert paths_of(tmp_path) == ["a.py"]


@POSIX
def test_links(tmp_path: Path) -> None:
    plant(tmp_path, "outside/real.py", "project/pkg/a.py")
    project = tmp_path / "project"
    (project / "linked.py").symlink_to(tmp_path / "outside" / "real.py")
    (project / "broken.py").symlink_to(project / "nothing")
    (project / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    (project / "folder.py").symlink_to(tmp_path / "outside", target_is_directory=True)
    (project / "pkg" / "loop").symlink_to(project, target_is_directory=True)
    (project / "self.py").symlink_to(project / "self.py")
    os.mkfifo(project / "pipe.py")
    found = discover(Config(root=project))
    assert [file.path for file in found.files] == ["linked.py", "pkg/a.py"]
    assert found.unreadable == ()


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take only Unicode")
def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    with open(os.path.join(os.fsencode(tmp_path), b"pkg", b"caf\xe9.py"), "wb") as file:
        file.write(b"x")
    (found,) = discover(Config(root=tmp_path)).files
    assert os.fsencode(found.path) == b"pkg/caf\xe9.py"
    assert os.stat(found.absolute).st_size == 1


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.py", "pkg/secret/b.py", "pkg/c.py")
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = discover(Config(root=tmp_path))
    assert found.unreadable == ("pkg/secret",)
    assert [file.path for file in found.files] == ["a.py", "pkg/c.py"]


@POSIX
def test_a_chain_of_two_thousand_folders(tmp_path: Path) -> None:
    depth = 2000 if len(str(tmp_path)) + 4010 < 4096 else (4070 - len(str(tmp_path))) // 2
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=handle)
            below = os.open("d", os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = below
        os.close(os.open("a.py", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    finally:
        os.close(handle)
    try:
        (found,) = discover(Config(root=tmp_path)).files
    finally:
        # pytest's own cleaning up is recursive.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
    assert found.path == "d/" * depth + "a.py"
    assert found.names == ("d." * depth + "a",)


@POSIX
def test_a_path_longer_than_the_system_takes_is_named(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    name = "d" * 200
    for _ in range(25):
        os.mkdir(name, dir_fd=handle)
        below = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    try:
        assert len(discover(Config(root=tmp_path)).unreadable) == 1
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / name)], check=True)


def test_a_wide_tree_gives_the_same_with_one_process_and_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(40):
        plant(
            tmp_path,
            f"p{index}/__init__.py",
            f"p{index}/sub/deep/m.py",
            f"p{index}/env/pyvenv.cfg",
            f"p{index}/env/x.py",
        )
    alone = discover(Config(root=tmp_path))
    assert len(alone.files) == 80
    if not hasattr(os, "fork"):
        return
    monkeypatch.setattr(file_tree, "_SHARED_LEVEL", 5)
    monkeypatch.setattr(file_tree, "_may_fork", lambda: True)
    assert discover(Config(root=tmp_path)) == alone
    # A second process that dies before it has answered costs time, not files.
    monkeypatch.setattr(marshal, "dumps", lambda _: b"")
    assert discover(Config(root=tmp_path)) == alone


def test_a_signature_changes_with_the_files_and_only_then(tmp_path: Path) -> None:
    config = Config(root=plant(tmp_path, "a.py", "pkg/b.py", "c.txt", "pkg/d.txt"))
    first = survey(config)
    assert first.discovery() == discover(config)
    assert first.signature() == survey(config).signature()
    assert first.newest() == max((tmp_path / path).stat().st_mtime_ns for path in ("a.py", "pkg/b.py"))
    seen = [first.signature()]

    def changes(*paths: str) -> bool:
        seen.append(survey(config, paths, str(tmp_path)).signature())
        return seen[-1] != seen[-2]

    write(tmp_path, "c.txt", "text")
    assert not changes()
    write(tmp_path, "a.py", "import os")
    assert changes()
    os.utime(tmp_path / "a.py", ns=(1, 1))
    assert changes()
    (tmp_path / "pkg" / "b.py").rename(tmp_path / "pkg" / "e.py")
    assert changes()
    plant(tmp_path, "pkg/__init__.py")
    assert changes()
    assert changes("pkg/d.txt")
    assert changes("nothing")


# -- what git ignores


def test_ignores_hold_only_inside_a_repository(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "b.py")
    write(tmp_path, ".gitignore", "a.py\n")
    assert paths_of(tmp_path) == ["a.py", "b.py"]
    (tmp_path / ".git").mkdir()
    assert paths_of(tmp_path) == ["b.py"]
    assert paths_of(tmp_path, respect_gitignore=False) == ["a.py", "b.py"]


def test_ignore_files_above_the_root_hold_too(tmp_path: Path) -> None:
    plant(tmp_path, ".git/", "services/api/a.py", "services/api/gen/b.py", "services/api/c_gen.py", "services/api/d.py")
    write(tmp_path, ".gitignore", "/services/*/gen\n*_gen.py\nd.py\n")
    write(tmp_path, "services/.gitignore", "!d.py\n/gen\n")
    assert paths_of(tmp_path / "services" / "api") == ["a.py", "d.py"]


def test_info_exclude_and_the_users_excludes_file(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "b.py", "c.py", "d.py")
    write(tmp_path, ".git/info/exclude", "a.py\nb.py\n")
    write(tmp_path, ".gitignore", "!b.py\n")
    write(Path(os.environ["HOME"]), ".config/git/ignore", "c.py\n")
    assert paths_of(tmp_path) == ["b.py", "d.py"]
    write(Path(os.environ["HOME"]), "mine", "d.py\n")
    write(Path(os.environ["HOME"]), ".gitconfig", '[user]\n\tname = x\n[core]\n\texcludesFile = "~/mine"\n')
    assert paths_of(tmp_path) == ["b.py", "c.py"]


def test_a_worktree_finds_the_excludes_of_its_repository(tmp_path: Path) -> None:
    plant(tmp_path, "main/.git/worktrees/wt/", "wt/a.py", "wt/b.py")
    write(tmp_path, "main/.git/info/exclude", "a.py\n")
    write(tmp_path, "main/.git/worktrees/wt/commondir", "../..\n")
    write(tmp_path, "wt/.git", "gitdir: ../main/.git/worktrees/wt\n")
    assert paths_of(tmp_path / "wt") == ["b.py"]


def test_a_repository_within_starts_anew(tmp_path: Path) -> None:
    plant(tmp_path, ".git/", "a.py", "sub/.git/", "sub/a.py", "sub/b.py")
    write(tmp_path, ".gitignore", "a.py\n")
    write(tmp_path, "sub/.gitignore", "b.py\n")
    assert paths_of(tmp_path) == ["sub/a.py"]


GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="git is not installed")


def kept_by_git(root: Path) -> list[str]:
    assert GIT is not None
    command = [GIT, "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(path for path in listed if path.endswith(".py"))


def make_repository(root: Path) -> None:
    assert GIT is not None
    subprocess.run([GIT, "init", "-q", str(root)], check=True, capture_output=True)


IGNORE_LINES = (
    "# comment", "\\#a.py", "\\!a.py", "a.py", "/a.py", "b/", "b/a.py", "/b/*.py", "**/c", "b/**", "b/**/a.py", "**",
    "*", "!*.py", "!b/", "a.py ", "a.py\\ ", "[ab].py", "[!a].py", "[^a].py", "?.py", "*.p[xy]", "[[:alpha:]].py",
    "[]a].py", "[a-", "a\\", "b//", "/", "!", "c/../a.py", "*a*", "a*", "*a.py", "b*/c", "/*/c/", "!/b/c/a.py", "[a-c]",
    "[c-a]", "b/?", "**/b/*", "***", "a**.py", "b/**/", "/**/c", "\\a.py", "c\r", "!c/a.py\r", "[b/]a.py",
    "b ", "b\\ ", "b\\  ", "b\\ \\ ", "b\\\\ ", "[[:bogus:]]", "[\\]a].py", " a.py", "\ta.py", "a b.py", "b[/]a.py",
)  # fmt: skip

GIT_TREE = tuple(
    f"{folder}{name}"
    for folder in ("", "b/", "b/c/", "c/", "b/b/", "c/b/c/", *(("b /", "b  /") if os.name != "nt" else ()))
    for name in ("a.py", "b.py", "#a.py", "!a.py", "a b.py", "ab.py", "z.py")
)

_ALPHABET = "ab/*?[]!\\-. c"


@needs_git
@pytest.mark.parametrize("line", IGNORE_LINES)
def test_one_pattern_ignores_what_git_ignores(tmp_path: Path, line: str) -> None:
    plant(tmp_path, *GIT_TREE)
    make_repository(tmp_path)
    write(tmp_path, ".gitignore", line + "\n")
    assert paths_of(tmp_path) == kept_by_git(tmp_path)
    write(tmp_path, ".gitignore", "*\n!*/\n" + line.replace("!", "", 1) + "\n!" + line)
    assert paths_of(tmp_path) == kept_by_git(tmp_path)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    if GIT is not None:
        make_repository(plant(root, *GIT_TREE))
    return root


_LINES = st.lists(st.one_of(st.sampled_from(IGNORE_LINES), st.text(_ALPHABET, max_size=8)), max_size=6)


@needs_git
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=_LINES, nested=_LINES, excluded=_LINES)
@example(top=["b/**"], nested=["!b/"], excluded=[])
@example(top=[], nested=[], excluded=["/**", "!b/"])
def test_files_kept_are_those_that_git_keeps(
    repository: Path, top: list[str], nested: list[str], excluded: list[str]
) -> None:
    for path, lines in ((".gitignore", top), ("b/.gitignore", nested), (".git/info/exclude", excluded)):
        write(repository, path, "\n".join(lines))
    assert paths_of(repository) == kept_by_git(repository)


# -- names, symbols and source roots

LAYOUTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "flat package": (
        ("shop/__init__.py", "shop/api/__init__.py", "shop/api/views.py", "setup.py"),
        ("",),
        {"shop/__init__.py": ("shop",), "shop/api/views.py": ("shop.api.views",), "setup.py": ("setup",)},
    ),
    "src layout": (
        ("pyproject.toml", "src/shop/__init__.py", "src/shop/views.py", "tests/test_views.py"),
        ("src", ""),
        {"src/shop/views.py": ("src.shop.views", "shop.views"), "tests/test_views.py": ("tests.test_views",)},
    ),
    "src that is a package": (
        ("src/__init__.py", "src/app/__init__.py", "src/app/main.py"),
        ("src", ""),
        {"src/app/main.py": ("src.app.main", "app.main"), "src/__init__.py": ("src",)},
    ),
    "namespace package": (
        ("src/acme/shop/views.py", "src/acme/shop/models/__init__.py"),
        ("src/acme/shop", "src", ""),
        {"src/acme/shop/views.py": ("src.acme.shop.views", "acme.shop.views", "views")},
    ),
    "services": (
        ("services/api/src/jobs.py", "services/workers/ocr/src/ocr/__init__.py"),
        (
            "services/workers/ocr/src",
            "services/workers/ocr",
            "services/api/src",
            "services/workers",
            "services/api",
            "",
        ),
        {
            "services/api/src/jobs.py": ("services.api.src.jobs", "services.api.jobs", "src.jobs", "jobs"),
            "services/workers/ocr/src/ocr/__init__.py": (
                "services.workers.ocr.src.ocr",
                "services.workers.ocr.ocr",
                "ocr.src.ocr",
                "src.ocr",
                "ocr",
            ),
        },
    ),
    "packages": (
        ("packages/a/pyproject.toml", "packages/a/a/__init__.py", "packages/b/b/m.py", "packages/b/setup.cfg"),
        ("packages/a", "packages/b", ""),
        {"packages/a/a/__init__.py": ("packages.a.a", "a"), "packages/b/b/m.py": ("packages.b.b.m", "b.m")},
    ),
    "packages that are packages": (
        ("packages/obs/__init__.py", "packages/obs/emit.py"),
        ("packages", ""),
        {"packages/obs/emit.py": ("packages.obs.emit", "obs.emit")},
    ),
    "a namespace folder inside a package is no root": (
        ("shop/__init__.py", "shop/plugins/tax/__init__.py", "shop/setup.py"),
        ("",),
        {"shop/plugins/tax/__init__.py": ("shop.plugins.tax",)},
    ),
    "a src inside a package is no root": (
        ("shop/__init__.py", "shop/src/__init__.py", "shop/src/x.py"),
        ("",),
        {"shop/src/x.py": ("shop.src.x", "shop.x")},
    ),
    "metadata without Python": (
        ("a.py", "web/pyproject.toml", "web/src/x.js", "docs/setup.cfg"),
        ("",),
        {"a.py": ("a",)},
    ),
    "awkward names": (
        (
            "my-app/run.me.py",
            ".ci/x.py",
            "v1.2/y.pyi",
            "nb/z.ipynb",
            "__init__.py",
            "lib/__init__.pyi",
            "nb/__init__.ipynb",
        ),
        ("",),
        {
            "my-app/run.me.py": ("my-app.run_me",),
            ".ci/x.py": ("_ci.x",),
            "v1.2/y.pyi": ("v1_2.y",),
            "nb/z.ipynb": ("nb.z",),
            "__init__.py": ("__init__",),
            "lib/__init__.pyi": ("lib",),
            "nb/__init__.ipynb": ("nb.__init__",),
        },
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_roots_and_names(tmp_path: Path, layout: str) -> None:
    planted, roots, names = LAYOUTS[layout]
    found = discover(Config(root=plant(tmp_path, *planted)))
    assert found.source_roots == roots
    files = by_path(found)
    assert {path: files[path].names for path in names} == names


def test_symbol_source_root_and_package(tmp_path: Path) -> None:
    plant(tmp_path, "services/api/src/jobs.py", "src/__init__.py", "src/src/app.py", "src/pkg/__init__.py", "main.py")
    files = by_path(discover(Config(root=tmp_path)))
    assert {path: (file.symbol, file.source_root, file.is_package) for path, file in files.items()} == {
        "main.py": ("main", "", False),
        "services/api/src/jobs.py": ("services.api.jobs", "services/api/src", False),
        "src/__init__.py": ("src", "src", True),
        "src/pkg/__init__.py": ("pkg", "src", True),
        "src/src/app.py": ("app", "src/src", False),
    }


@pytest.mark.parametrize(
    ("patterns", "roots"),
    [
        (("services/*/src", "packages"), ("services/ocr/src", "services/api/src", "packages", "")),
        (("./services/*/src/",), ("services/ocr/src", "services/api/src", "")),
        (("**/src",), ("services/ocr/src", "services/api/src", "")),
        ((".",), ("",)),
        (("nowhere",), ("",)),
        ((), ("",)),
        (("web",), ("",)),
    ],
)
def test_configured_roots_replace_those_found(
    tmp_path: Path, patterns: tuple[str, ...], roots: tuple[str, ...]
) -> None:
    plant(
        tmp_path, "services/api/src/a.py", "services/ocr/src/pkg/__init__.py", "packages/x/__init__.py", "web/index.js"
    )
    found = discover(Config(root=tmp_path, source_roots=patterns))
    assert sorted(found.source_roots) == sorted(roots)
    assert found.source_roots[-1] == ""
    assert list(map(len, found.source_roots)) == sorted(map(len, found.source_roots), reverse=True)


def test_names_have_no_duplicates_and_follow_the_same_order_each_time(tmp_path: Path) -> None:
    for planted, _, _ in LAYOUTS.values():
        plant(tmp_path, *planted)
    first, second = discover(Config(root=tmp_path)), discover(Config(root=tmp_path))
    assert first == second
    assert [file.path for file in first.files] == sorted(file.path for file in first.files)
    assert all(len(set(file.names)) == len(file.names) > 0 for file in first.files)
    assert all(file.symbol and all(file.names) for file in first.files)


# -- roles


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("shop/views.py", set()),
        ("tests/a.py", {"tests"}),
        ("shop/tests/deep/a.py", {"tests"}),
        ("shop/test_a.py", {"tests"}),
        ("shop/a_test.py", {"tests"}),
        ("shop/tests.py", {"tests"}),
        ("shop/conftest.py", {"tests"}),
        ("shop/contest.py", set()),
        ("shop/latest.py", set()),
        ("scripts/a.py", {"scripts"}),
        ("shop/scripts/a.py", set()),
        ("tools/tests/a.py", {"scripts", "tests"}),
        ("shop/migrations/0001.py", {"migrations"}),
        ("shop/api_pb2.py", {"generated"}),
        ("docs/tests/api_pb2.py", {"generated", "examples", "tests"}),
        ("shop/test_data.py/a.py", {"tests"}),
        ("shop/data_test.py/a.py", {"tests"}),
    ],
)
def test_default_roles(tmp_path: Path, path: str, roles: set[str]) -> None:
    (file,) = discover(Config(root=plant(tmp_path, path))).files
    assert file.roles == roles


_ROLE_PATTERNS = st.lists(
    st.one_of(
        st.sampled_from([pattern for patterns in DEFAULT_ROLES.values() for pattern in patterns]),
        st.lists(
            st.sampled_from(["**", "*", "a", "b", "a*", "*.py", "a?.py", "[ab]*", "ab.py"]), min_size=1, max_size=4
        ).map("/".join),
    ),
    max_size=4,
)
_SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "tests", "scripts", "test_a.py", "a_test.py"]), max_size=4)


@settings(max_examples=400, deadline=None)
@given(
    roles=st.dictionaries(st.sampled_from(["x", "y", "z"]), _ROLE_PATTERNS),
    folder=_SEGMENTS.map("/".join),
    name=st.sampled_from(["a.py", "ab.py", "test_a.py", "b.py", "a_test.py", "a"]),
)
def test_roles_are_what_matching_each_glob_says(roles: dict[str, list[str]], folder: str, name: str) -> None:
    path = f"{folder}/{name}" if folder else name
    expected = {role for role, patterns in roles.items() if any(path_matches(pattern, path) for pattern in patterns)}
    sorted_out = PathRoles(roles)
    folder_roles = sorted_out.of_folder(folder)
    found = sorted_out.of_file(folder_roles, folder, name) if sorted_out.names_that_differ()(name) else folder_roles
    assert found == expected


# -- PATHS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    plant(
        root,
        "a.py",
        "src/b.py",
        "src/pkg/c.py",
        "srcs/d.py",
        ".venv/e.py",
        "gen/f.py",
        "gen/deep/g.py",
        "bin/tool",
        "web/x.js",
    )
    plant(tmp_path, "other/pkg/__init__.py", "other/pkg/sub/__init__.py", "other/pkg/sub/h.py", "other/i.py")
    return root


@pytest.mark.parametrize(
    ("paths", "cwd", "options", "expected"),
    [
        ([], "", {}, None),
        (["."], "", {}, None),
        (["ROOT"], "src", {}, None),
        ([".."], "src", {}, None),
        (["a.py", "."], "", {}, None),
        (["a.py"], "", {}, {"a.py"}),
        (["./a.py"], "", {}, {"a.py"}),
        (["../a.py"], "src", {}, {"a.py"}),
        (["ROOT/a.py"], "src", {}, {"a.py"}),
        (["src"], "", {}, {"src/b.py", "src/pkg/c.py"}),
        (["src/"], "", {}, {"src/b.py", "src/pkg/c.py"}),
        (["src//pkg/./../"], "", {}, {"src/b.py", "src/pkg/c.py"}),
        (["src", "a.py", "src/b.py"], "", {}, {"src/b.py", "src/pkg/c.py", "a.py"}),
        (["web"], "", {}, set()),
        (["gen/f.py"], "", {"exclude": ("gen",)}, {"gen/f.py"}),
        (["gen/f.py"], "", {"exclude": ("gen",), "force_exclude": True}, set()),
        (["gen"], "", {"exclude": ("gen",)}, {"gen/f.py", "gen/deep/g.py"}),
        (["gen"], "", {"exclude": ("gen",), "force_exclude": True}, set()),
        (["gen"], "", {"extend_exclude": ("gen/deep",)}, {"gen/f.py"}),
        (["gen"], "", {"exclude": ("gen", "deep")}, {"gen/f.py"}),
        (["gen/deep", "gen"], "", {"exclude": ("gen", "deep")}, {"gen/f.py", "gen/deep/g.py"}),
        ([".venv/e.py"], "", {}, {".venv/e.py"}),
        ([".venv"], "", {}, {".venv/e.py"}),
        ([".venv"], "", {"force_exclude": True}, set()),
        (["bin/tool"], "", {}, {"bin/tool"}),
        (["../other/i.py"], "", {}, {"../other/i.py"}),
        (["../other/pkg/sub"], "", {}, {"../other/pkg/sub/__init__.py", "../other/pkg/sub/h.py"}),
    ],
)  # fmt: skip
def test_paths_select(
    project: Path, paths: list[str], cwd: str, options: dict[str, Any], expected: set[str] | None
) -> None:
    config = Config(root=project, **options)
    given_paths = [path.replace("ROOT", str(project)) for path in paths]
    found = discover(config, given_paths, str(project / cwd))
    selected, missing = select(found, config, given_paths, str(project / cwd))
    assert (selected, missing, found.missing) == (expected, (), ())
    if selected is not None:
        assert selected <= set(by_path(found))
    assert len(by_path(found)) == len(found.files)


@pytest.mark.parametrize("path", ["nothing.py", "src/nothing", "", "a\0.py", "a.py/b.py"])
def test_missing_paths_are_named_as_they_were_written(project: Path, path: str) -> None:
    config = Config(root=project)
    found = discover(config, [path, "a.py"], str(project))
    assert found.missing == (path,)
    assert select(found, config, [path, "a.py"], str(project)) == (frozenset({"a.py"}), (path,))
    assert select(found, config, [path, "."], str(project)) == (None, (path,))


def test_a_folder_that_holds_the_root_adds_what_is_beside_it(project: Path) -> None:
    config = Config(root=project)
    found = discover(config, [".."], str(project))
    selected, _ = select(found, config, [".."], str(project))
    assert selected == frozenset(file.path for file in found.files)
    assert {"a.py", "src/b.py", "../other/pkg/sub/h.py"} <= selected
    assert not any(path.startswith("../project") for path in selected)


def test_a_file_outside_gets_its_names_from_the_package_around_it(project: Path) -> None:
    found = discover(Config(root=project), ["../other/pkg/sub/h.py"], str(project))
    file = by_path(found)["../other/pkg/sub/h.py"]
    assert (file.names, file.symbol, file.source_root) == (("pkg.sub.h",), "pkg.sub.h", "../other")
    assert found.source_roots[-1] == "" and "../other" in found.source_roots
    assert by_path(found)["src/b.py"].names == ("src.b", "b")
    index = ModuleIndex(found)
    assert index.find_relative("h", 1, file) == (file,)


def test_ignored_files_are_linted_when_named(tmp_path: Path) -> None:
    plant(tmp_path, ".git/", "gen/a.py", "gen/b_tmp.py", "c.py")
    write(tmp_path, ".gitignore", "/gen/\n*_tmp.py\n")
    config = Config(root=tmp_path)
    assert paths_of(tmp_path) == ["c.py"]
    for paths, expected in ((["gen"], {"gen/a.py"}), (["gen/b_tmp.py"], {"gen/b_tmp.py"})):
        found = discover(config, paths, str(tmp_path))
        assert set(select(found, config, paths, str(tmp_path))[0] or ()) == expected <= set(by_path(found))


@POSIX
def test_a_root_reached_through_a_link_is_the_same_root(project: Path) -> None:
    link = project.parent / "link"
    link.symlink_to(project, target_is_directory=True)
    config = Config(root=project)
    found = discover(config, [str(link / "src")], "/")
    assert select(found, config, [str(link / "src")], "/")[0] == frozenset({"src/b.py", "src/pkg/c.py"})
    assert select(found, config, [str(link)], "/")[0] is None
    assert locate(str(link / "src" / "b.py"), "/", str(project)) == ("src/b.py", str(project / "src" / "b.py"))


@pytest.mark.parametrize(
    ("given_path", "cwd", "expected"),
    [
        ("src\\a.py", r"C:\work", "src/a.py"),
        ("src/a.py", r"C:\work", "src/a.py"),
        (r".\a.py", r"C:\work\src", "src/a.py"),
        (r"..\src\a.py", r"C:\work\src", "src/a.py"),
        (r"c:\WORK\src\a.py", r"D:\x", "src/a.py"),
        (r"\work\src\a.py", r"C:\x", "src/a.py"),
        ("C:\\work\\", r"C:\x", ""),
        (".", r"C:\work", ""),
        (r"C:\other\a.py", r"C:\work", "../other/a.py"),
        (r"D:\other\a.py", r"C:\work", "D:/other/a.py"),
        (r"\\server\share\a.py", r"C:\work", "//server/share/a.py"),
    ],
)
def test_paths_of_windows(monkeypatch: pytest.MonkeyPatch, given_path: str, cwd: str, expected: str) -> None:
    fake = SimpleNamespace(path=ntpath, sep="\\", fspath=os.fspath)
    monkeypatch.setattr(ntpath, "realpath", ntpath.normpath)
    monkeypatch.setattr(discovery, "os", fake)
    assert locate(given_path, cwd, r"C:\work")[0] == expected


def test_case_does_not_matter_where_the_system_ignores_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(root=project)
    found = discover(config)
    real = os.stat
    monkeypatch.setattr(os.path, "normcase", str.lower)
    monkeypatch.setattr(discovery, "_stat", lambda given_path, absolute: real(absolute.lower().replace("/src", "/src")))
    lowered = Config(root=Path(str(project).lower()))
    if str(project).lower() != str(project):
        pytest.skip("the temporary folder's own name has capitals")
    assert select(found, lowered, ["SRC/B.py"], str(project))[0] == frozenset({"src/b.py"})
    assert select(found, lowered, ["SRC"], str(project))[0] == frozenset({"src/b.py", "src/pkg/c.py"})


def test_describe_needs_no_file(project: Path) -> None:
    config = Config(root=project)
    found = discover(config)
    assert describe(found, config, "src/b.py", str(project)) == by_path(found)["src/b.py"]
    new = describe(found, config, "tests/new.py", str(project / "src"))
    assert (new.path, new.names, new.roles) == (
        "src/tests/new.py",
        ("src.tests.new", "tests.new"),
        frozenset({"tests"}),
    )
    outside = describe(found, config, "../other/pkg/new.py", str(project))
    assert (outside.path, outside.names) == ("../other/pkg/new.py", ("pkg.new",))


# -- what an import means


def index_of(root: Path, *paths: str, **options: Any) -> tuple[ModuleIndex, dict[str, ProjectFile]]:
    found = discover(Config(root=plant(root, *paths), **options))
    return ModuleIndex(found), by_path(found)


IMPORTS: dict[str, tuple[tuple[str, ...], list[tuple[str, str, list[str]]]]] = {
    "the standard library is never ours": (
        ("logging.py", "utils/logging.py", "src/json/__init__.py", "a.py", "utils/b.py"),
        [
            ("a.py", "logging", []),
            ("utils/b.py", "logging", []),
            ("a.py", "json", []),
            ("a.py", "utils.logging", ["utils/logging.py"]),
            ("a.py", "src.json", ["src/json/__init__.py"]),
        ],
    ),
    "own root, project's root, others": (
        (
            "services/api/src/config.py",
            "services/api/src/main.py",
            "services/ocr/src/config.py",
            "services/ocr/src/queue_client.py",
            "shared/__init__.py",
            "services/pay/src/main.py",
            "a.py",
        ),
        [
            ("services/api/src/main.py", "config", ["services/api/src/config.py"]),
            ("services/api/src/main.py", "shared", ["shared/__init__.py"]),
            ("services/api/src/main.py", "queue_client", ["services/ocr/src/queue_client.py"]),
            ("services/pay/src/main.py", "config", ["services/api/src/config.py", "services/ocr/src/config.py"]),
            ("a.py", "services.api.src.config", ["services/api/src/config.py"]),
            ("a.py", "services.api.config", ["services/api/src/config.py"]),
            ("a.py", "requests", []),
        ],
    ),
    "one tree by two names": (
        ("src/__init__.py", "src/app/__init__.py", "src/app/core/logger.py", "src/app/main.py", "tests/test_a.py"),
        [
            ("src/app/main.py", "app.core.logger", ["src/app/core/logger.py"]),
            ("src/app/main.py", "src.app.core.logger", ["src/app/core/logger.py"]),
            ("tests/test_a.py", "src.app.core.logger", ["src/app/core/logger.py"]),
            ("tests/test_a.py", "app.core.logger", ["src/app/core/logger.py"]),
        ],
    ),
    "a module in the way ends the search": (
        (
            "a/src/config.py",
            "a/src/main.py",
            "b/src/config/__init__.py",
            "b/src/config/settings.py",
            "c/src/config/__init__.py",
            "c/src/x.py",
        ),
        [
            ("a/src/main.py", "config.settings", []),
            ("c/src/x.py", "config.settings", []),
            ("b/src/config/__init__.py", "config.settings", ["b/src/config/settings.py"]),
        ],
    ),
    "namespace packages spread over roots": (
        ("packages/a/pyproject.toml", "packages/a/acme/a.py", "packages/b/pyproject.toml", "packages/b/acme/b.py"),
        [
            ("packages/a/acme/a.py", "acme.b", ["packages/b/acme/b.py"]),
            ("packages/a/acme/a.py", "acme", []),
        ],
    ),
    "package before module before stub": (
        ("p.py", "p/__init__.py", "q.py", "q.pyi", "r.pyi", "s.ipynb", "t/__init__.pyi", "u.py"),
        [
            ("u.py", "p", ["p/__init__.py"]),
            ("u.py", "q", ["q.py"]),
            ("u.py", "r", ["r.pyi"]),
            ("u.py", "s", []),
            ("u.py", "t", ["t/__init__.pyi"]),
        ],
    ),
    "a script's folder is a root for its own files": (
        ("jobs/run.py", "jobs/helper.py", "jobs/lib/x.py", "a.py", "jobs/lib/y.py", "helper/__init__.py"),
        [
            ("jobs/run.py", "helper", ["jobs/helper.py"]),
            ("jobs/run.py", "lib.x", ["jobs/lib/x.py"]),
            ("jobs/lib/y.py", "x", ["jobs/lib/x.py"]),
            ("a.py", "lib.x", []),
            ("a.py", "x", []),
            ("a.py", "helper", ["helper/__init__.py"]),
        ],
    ),
    "a folder of tests is a root for its own files": (
        ("shop/__init__.py", "shop/tests/test_a.py", "shop/tests/helper.py", "shop/data/a.py", "shop/data/b.py"),
        [
            ("shop/tests/test_a.py", "helper", ["shop/tests/helper.py"]),
            ("shop/data/a.py", "b", []),
        ],
    ),
    "a package's folder is no root": (
        ("shop/__init__.py", "shop/redis.py", "shop/cache.py", "src/app/infra/redis.py", "src/app/infra/cache.py"),
        [
            ("shop/cache.py", "redis", []),
            ("src/app/infra/cache.py", "redis", []),
            ("src/app/infra/cache.py", "app.infra.redis", ["src/app/infra/redis.py"]),
        ],
    ),
    "who sees fixtures depends on the importer": (
        ("main.py", "tests/__init__.py", "tests/test_a.py", "tests/data/p/pyproject.toml", "tests/data/p/structlog.py"),
        [
            ("main.py", "structlog", []),
            ("tests/test_a.py", "structlog", ["tests/data/p/structlog.py"]),
        ],
    ),
    "fixtures and applications keep to themselves": (
        (
            "main.py",
            "tests/fixtures/structlog/__init__.py",
            "tests/test_a.py",
            "services/api/redis.py",
            "services/api/main.py",
            "services/ocr/main.py",
        ),
        [
            ("main.py", "structlog", []),
            ("tests/test_a.py", "structlog", ["tests/fixtures/structlog/__init__.py"]),
            ("services/ocr/main.py", "redis", []),
            ("services/api/main.py", "redis", ["services/api/redis.py"]),
        ],
    ),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_absolute_imports(tmp_path: Path, case: str) -> None:
    planted, imports = IMPORTS[case]
    index, files = index_of(tmp_path, *planted)
    for importer, name, expected in imports:
        found = [file.path for file in index.find(name, files[importer])]
        assert (importer, name, sorted(found)) == (importer, name, sorted(expected))
        assert [file.path for file in index.find(name, files[importer])] == found


_MODULES = st.lists(
    st.tuples(
        st.sampled_from(["", "lib/", "lib/extra/"]),
        st.lists(st.sampled_from(["a", "b", "c"]), max_size=2).map(
            lambda folders: "".join(f"{name}/" for name in folders)
        ),
        st.sampled_from(["__init__.py", "a.py", "b.py", "c.py"]),
    ).map("".join),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(
    planted=_MODULES,
    name=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(".".join),
    importer=st.sampled_from(["lib/extra/app/__init__.py", "lib/app/__init__.py", "lib/extra/app/m.py"]),
)
def test_imports_lead_where_pythons_own_finder_goes(planted: list[str], name: str, importer: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder).resolve(), *planted, "lib/extra/app/__init__.py", importer)
        found = discover(Config(root=root, source_roots=("lib", "**/extra")))
        files = by_path(found)
        search = [root / "lib" / "extra", root / "lib", root] if "extra" in importer else [root / "lib", root]
        expected = python_finds(name, [str(path) for path in search])
        own = [file.absolute for file in ModuleIndex(found).find(name, files[importer])]
        if expected is None and "extra" not in importer:
            # What Python does not find may be in the root that does not hold the importer.
            expected = python_finds(name, [str(path) for path in (*search, root / "lib" / "extra")])
        assert own == ([expected] if expected else [])


def python_finds(name: str, path: list[str] | None) -> str | None:
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()
    spec = None
    for segment in name.split("."):
        if path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(segment, path)
        if spec is None:
            return None
        if spec.submodule_search_locations is None:
            path = None
        else:
            path = list(getattr(spec.submodule_search_locations, "_path", spec.submodule_search_locations))
    return spec.origin if spec is not None and spec.has_location else None


def test_old_namespace_packages_do_not_stand_in_the_way(tmp_path: Path) -> None:
    for root in ("a/src/", "b/src/", ""):
        write(tmp_path, f"{root}acme/__init__.py", '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n')
    index, files = index_of(tmp_path, "a/src/acme/x.py", "b/src/acme/y.py", "acme/z.py")
    assert index.find("acme.y", files["a/src/acme/x.py"]) == (files["b/src/acme/y.py"],)
    assert index.find("acme.z", files["a/src/acme/x.py"]) == (files["acme/z.py"],)


def test_old_namespace_packages_that_all_hold_the_importer(tmp_path: Path) -> None:
    for root in ("src/", ""):
        write(tmp_path, f"{root}acme/__init__.py", '__import__("pkg_resources").declare_namespace(__name__)\n')
    index, files = index_of(tmp_path, "src/acme/x.py", "acme/z.py")
    assert index.find("acme.z", files["src/acme/x.py"]) == (files["acme/z.py"],)


def test_relative_imports(tmp_path: Path) -> None:
    index, files = index_of(tmp_path, "p/__init__.py", "p/a.py", "p/q/__init__.py", "p/q/b.py", "p/ns/c.py", "top.py")
    cases = [
        ("p/a.py", 1, "", ["p/__init__.py"]),
        ("p/a.py", 1, "q", ["p/q/__init__.py"]),
        ("p/__init__.py", 1, "a", ["p/a.py"]),
        ("p/q/b.py", 2, "a", ["p/a.py"]),
        ("p/q/__init__.py", 2, "a", ["p/a.py"]),
        ("p/q/b.py", 2, "ns.c", ["p/ns/c.py"]),
        ("p/q/b.py", 3, "top", ["top.py"]),
        ("p/q/b.py", 4, "top", []),
        ("p/a.py", 1, "logging", []),
        ("top.py", 1, "p", ["p/__init__.py"]),
    ]
    found = [
        (path, level, module, [f.path for f in index.find_relative(module, level, files[path])])
        for path, level, module, _ in cases
    ]
    assert found == cases


def test_prefixes_submodules_and_configured_names(tmp_path: Path) -> None:
    index, files = index_of(
        tmp_path, "src/acme/shop/a.py", "src/acme/pkg/__init__.py", "src/acme/pkg/b.py", "logging/x.py", "m.py"
    )
    importer = files["m.py"]
    prefixes = ["acme", "acme.shop", "acme.pkg", "src.acme", "acme.shop.a", "nothing", "logging", "src"]
    assert [name for name in prefixes if index.is_package_prefix(name, importer)] == [
        "acme",
        "acme.shop",
        "acme.pkg",
        "src.acme",
        "src",
    ]
    package = files["src/acme/pkg/__init__.py"]
    assert index.submodule(package, "b") == files["src/acme/pkg/b.py"]
    assert index.submodule(package, "c") is None
    assert index.submodule(files["m.py"], "b") is None
    assert index.named("acme.shop.a") == index.named("src.acme.shop.a") == (files["src/acme/shop/a.py"],)
    assert index.named("nothing") == ()


def test_excludes_cover_what_is_below() -> None:
    excludes = Excludes(["gen", "src/*.py", "*_x"], "/root")
    covered = ["gen", "a/gen/b.py", "src/a/b.py", "a_x/b/c.py"]
    assert [path for path in (*covered, "agen/b.py", "lib/src/a.py", "") if excludes.covers(path)] == covered


def _only(modules: Iterable[str]) -> str:
    return ", ".join(sorted(modules))


def test_discovery_imports_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import obs_lint.modules; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"subprocess", "multiprocessing", "json", "tempfile", "shutil", "threading", "yaml"}
    assert _only(heavy.intersection(re.split(r"\s+", done.stdout))) == ""
