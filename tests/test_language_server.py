"""The language server, as a client on the other end of a pipe sees it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("CI"):
    import lsprotocol.types as types
    import pytest_lsp
else:
    types = pytest.importorskip("lsprotocol.types", reason="needs the extras `server` and `test`: pytest-lsp")
    pytest_lsp = pytest.importorskip("pytest_lsp", reason="needs the extra `test`: pytest-lsp")

from pygls.protocol import default_converter

DEADLINE = 40.0
"""Seconds to wait for anything: a machine may be busy, and what never comes is a failure."""

CONFIGURATION = """\
surface = ["shop.obs"]
logging = "facade"
registry = ["registry.yaml", "python:shop.names:Ev"]
extend-select = ["OBS201", "OBS204", "OBS209"]

[[emitters]]
function = "shop.obs.emit"
event = 0
event-name = "event_name"
payload = "payload"
severity = "severity"

[[emitters]]
function = "shop.obs.tell"
event = 0
payload = "**"

[rules.OBS102.replacements]
"logging.getLogger" = "shop.obs.get_logger"
"""
REGISTRY = """\
format: obs-registry/1
namespace: shop
events:
  shop.order.placed:
    summary: An order was placed.
    owner: team-orders
    severity: info
    correlation: {required: [request_id]}
    payload:
      type: object
      required: [items]
      properties:
        note: {type: string}
        items: {type: integer, minimum: 1, description: How many things}
  shop.order.opened:
    summary: Somebody began an order.
    severity: info
    deprecated: {since: "2", replaced-by: shop.order.placed}
"""
OBS = """\
import logging


def emit(event_name: str, payload: dict | None = None, *, severity: str = "info") -> None:
    logging.getLogger("shop").info(event_name)


def tell(event: str, **payload: object) -> None:
    logging.getLogger("shop").info(event)


def get_logger(name: str) -> object:
    return logging.getLogger(name)
"""
NAMES = """\
from enum import StrEnum


class Ev(StrEnum):
    PAID = "shop.payment.paid"
    \"\"\"A payment came in.\"\"\"
    REFUNDED = "shop.payment.refunded"
"""
ORDERS = """\
from shop import obs
from shop.names import Ev

PLACED = "shop.order.placed"


def place(count: int) -> None:
    obs.emit("shop.order.placed", {"items": count})
    obs.emit(PLACED, {"items": count})
    obs.emit(Ev.PAID, {})
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small project, in a folder whose name needs escaping in a URI."""
    root = tmp_path / "a shop, 100%"
    (root / "shop").mkdir(parents=True)
    for name, text in {
        "obs-lint.toml": CONFIGURATION,
        "registry.yaml": REGISTRY,
        "shop/__init__.py": "",
        "shop/obs.py": OBS,
        "shop/names.py": NAMES,
        "shop/orders.py": ORDERS,
    }.items():
        (root / name).write_bytes(text.encode())
    return root


class Client:
    """A client that remembers everything it was sent, and waits for what is to come."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.lsp = pytest_lsp.LanguageClient(converter_factory=default_converter)
        self.folders = list(folders)
        self.versioned = True
        self.published: list[Any] = []
        self.messages: list[str] = []
        self.logged: list[str] = []
        self.watched: list[str] = []
        self.opened_pages: list[str] = []
        self.versions: dict[str, int] = {}
        self._news = asyncio.Event()

        @self.lsp.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: Any) -> None:
            self._heard(self.published, params)

        @self.lsp.feature(types.WINDOW_SHOW_MESSAGE)
        def message(params: Any) -> None:
            self._heard(self.messages, params.message)

        @self.lsp.feature(types.WINDOW_LOG_MESSAGE)
        def logged(params: Any) -> None:
            self._heard(self.logged, params.message)

        @self.lsp.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(params: Any) -> None:
            for one in params.registrations:
                self._heard(self.watched, one.method)

        @self.lsp.feature(types.WINDOW_SHOW_DOCUMENT)
        def page(params: Any) -> Any:
            self._heard(self.opened_pages, params.uri)
            return types.ShowDocumentResult(success=True)

    def _heard(self, where: list[Any], what: Any) -> None:
        where.append(what)
        self._news.set()

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + DEADLINE
        while not (found := condition()):
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(end - time.monotonic(), 0.01))
            except TimeoutError:
                shown = [(p.uri, p.version, [d.code for d in p.diagnostics]) for p in self.published]
                raise AssertionError(f"no {what}; published: {shown}, messages: {self.messages}") from None
        return found

    async def start(self, encodings: list[str] | None = None, options: Any = None) -> Any:
        await self.lsp.start_io(sys.executable, "-m", "obs_lint", "server")
        general = types.GeneralClientCapabilities(position_encodings=encodings) if encodings else None
        capabilities = types.ClientCapabilities(
            general=general,
            workspace=types.WorkspaceClientCapabilities(
                workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=self.versioned),
                did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
            ),
            text_document=types.TextDocumentClientCapabilities(
                hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.Markdown]),
                completion=types.CompletionClientCapabilities(
                    completion_item=types.ClientCompletionItemOptions(documentation_format=[types.MarkupKind.Markdown])
                ),
            ),
            window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True)),
        )
        return await self.lsp.initialize_session(
            types.InitializeParams(
                capabilities=capabilities,
                workspace_folders=[types.WorkspaceFolder(f.as_uri(), f.name) for f in self.folders],
                initialization_options=options,
            )
        )

    def open(self, path: Path, text: str | None = None) -> str:
        uri = path.as_uri()
        content = path.read_bytes().decode() if text is None else text
        self.versions[uri] = 1
        self.lsp.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, content))
        )
        return uri

    def change(self, uri: str, text: str) -> int:
        version = self.versions[uri] = self.versions[uri] + 1
        self.lsp.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=version, uri=uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )
        return version

    def touched(self, path: Path, kind: Any = None) -> None:
        kind = kind or types.FileChangeType.Changed
        self.lsp.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams([types.FileEvent(path.as_uri(), kind)])
        )

    def last(self, uri: str) -> Any:
        return next((each for each in reversed(self.published) if each.uri == uri), None)

    def codes(self, uri: str) -> list[str] | None:
        last = self.last(uri)
        return None if last is None else [d.code for d in last.diagnostics]

    async def answer(self, uri: str, version: int) -> list[Any]:
        """Wait for what is published of a version of a document."""
        found = await self.until(
            lambda: (last := self.last(uri)) is not None and last.version == version and last, f"answer to {version}"
        )
        return list(found.diagnostics)

    async def shows(self, uri: str, codes: list[str]) -> list[Any]:
        await self.until(lambda: self.codes(uri) == codes, f"{codes} for {uri}")
        return list(self.last(uri).diagnostics)

    async def actions(self, uri: str, where: Any, only: list[str] | None = None) -> list[Any]:
        # The client's converter takes an action with a command for a command: ask for plain values.
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri), where, types.CodeActionContext([], only=only)
        )
        return list(await self.lsp.text_document_code_action_async(params) or [])

    async def hover(self, uri: str, position: Any) -> str:
        found = await self.lsp.text_document_hover_async(types.HoverParams(types.TextDocumentIdentifier(uri), position))
        return found.contents.value if found is not None else ""

    async def complete(self, uri: str, position: Any) -> list[Any]:
        found = await self.lsp.text_document_completion_async(
            types.CompletionParams(types.TextDocumentIdentifier(uri), position)
        )
        return sorted(found.items, key=lambda item: item.sort_text)

    async def stop(self) -> int:
        await self.lsp.shutdown_session()
        code = self.lsp._server.returncode
        await self.lsp.stop()
        return int(code)


@asynccontextmanager
async def session(*folders: Path, **options: Any) -> AsyncIterator[Client]:
    client = Client(folders)
    await client.start(**options)
    try:
        yield client
    finally:
        assert await client.stop() == 0


def run(story: Awaitable[None]) -> None:
    async def main() -> None:
        await asyncio.wait_for(story, 2 * DEADLINE)

    asyncio.run(main())


def position(text: str, words: str, offset: int = 0) -> Any:
    """The UTF-16 position of some words, counted as the protocol says."""
    at = text.index(words) + offset
    before = text[:at].replace("\r\n", "\n")
    line = before[before.rfind("\n") + 1 :]
    return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)


def applied(text: str, edits: Iterable[Any]) -> str:
    """A text with edits, columns in UTF-16."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(place: Any) -> int:
        rest = text[starts[place.line] :].encode("utf-16-le")
        return starts[place.line] + len(rest[: 2 * place.character].decode("utf-16-le"))

    for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


def of_action(found: Iterable[Any], title: str) -> list[Any]:
    action = next(each for each in found if each.title.startswith(title))
    return [edit for change in action.edit.document_changes for edit in change.edits]


# -- diagnostics


def test_a_document_is_linted_when_opened_changed_and_mended(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            assert await client.answer(uri, 1) == []
            (found,) = await client.answer(uri, client.change(uri, ORDERS + "import logging\n"))
            assert found.code == "OBS102"
            assert found.source == "obs-lint"
            assert found.severity == types.DiagnosticSeverity.Error
            assert found.code_description.href.startswith("https://")
            line = ORDERS.count("\n")
            assert found.range == types.Range(types.Position(line, 7), types.Position(line, 14))
            assert await client.answer(uri, client.change(uri, ORDERS)) == []

    run(story())


def test_a_flurry_of_changes_is_one_run(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, 1)
            await client.shows(uri, [])
            await client.until(lambda: any("linted the project" in text for text in client.logged), "whole run")
            before = sum("linted 1 file(s)" in text for text in client.logged)
            for number in range(20):
                version = client.change(uri, f"{ORDERS}import logging  # {number}\n")
                await client.hover(uri, types.Position(0, 0))  # An answer later, as a typist is: still within a pause.
            await client.answer(uri, version)
            runs = sum("linted 1 file(s)" in text for text in client.logged) - before
            assert 1 <= runs <= 2  # One, but on a machine that pauses by itself.

    run(story())


def test_columns_are_those_of_the_encoding_that_was_agreed_on(shop: Path) -> None:
    text = 'x = "😀漢"; import logging\n'

    async def story(encodings: list[str] | None, start: int) -> None:
        async with session(shop, encodings=encodings) as client:
            uri = client.open(shop / "shop/wide.py", text)
            (found,) = await client.answer(uri, 1)
            assert (found.range.start.character, found.range.end.character) == (start, start + 7)

    for encodings, start in ((None, 18), (["utf-8", "utf-16"], 22), (["utf-32"], 17)):
        run(story(encodings, start))


def test_saving_shows_what_changed_in_other_files(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            orders, registry = shop / "shop/orders.py", shop / "registry.yaml"
            uri = client.open(orders)
            await client.answer(uri, 1)
            registry.write_text(REGISTRY.replace("shop.order.placed:", "shop.order.sent:"))
            client.touched(registry)
            found = await client.shows(uri, ["OBS201", "OBS201"])
            assert "shop.order.placed" in found[0].message
            registry.write_text(REGISTRY)
            client.touched(registry)
            await client.shows(uri, [])

    run(story())


def test_saving_a_module_shows_what_it_means_for_others(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            orders, names = shop / "shop/orders.py", shop / "shop/names.py"
            uri, other = client.open(orders), client.open(names)
            await client.shows(other, ["OBS207"])
            text = NAMES.replace('PAID = "shop.payment.paid"', 'PAYED = "shop.payment.paid"')
            await client.answer(other, client.change(other, text))
            assert client.codes(uri) == []
            names.write_text(text)
            client.lsp.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(other)))
            await client.until(lambda: client.codes(uri), "finding in the other file")

    run(story())


def test_a_new_file_is_linted_before_and_after_it_is_saved(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            new = shop / "shop/new.py"
            uri = client.open(new, "import logging\n")
            await client.shows(uri, ["OBS102"])
            new.write_text("import logging\n")
            client.lsp.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
            assert await client.answer(uri, client.change(uri, "x = 1\n")) == []
            found = await client.answer(uri, client.change(uri, "import logging\nx = 1\n"))
            assert [each.code for each in found] == ["OBS102"]

    run(story())


def test_files_that_nobody_opened_are_shown_and_taken_back_when_deleted_or_renamed(shop: Path) -> None:
    async def story() -> None:
        bad, other = shop / "shop/bad.py", shop / "shop/worse.py"
        bad.write_text("import logging\n")
        async with session(shop) as client:
            await client.shows(bad.as_uri(), ["OBS102"])
            bad.rename(other)
            client.lsp.workspace_did_change_watched_files(
                types.DidChangeWatchedFilesParams(
                    [
                        types.FileEvent(bad.as_uri(), types.FileChangeType.Deleted),
                        types.FileEvent(other.as_uri(), types.FileChangeType.Created),
                    ]
                )
            )
            await client.shows(bad.as_uri(), [])
            await client.shows(other.as_uri(), ["OBS102"])
            other.unlink()
            client.touched(other, types.FileChangeType.Deleted)
            await client.shows(other.as_uri(), [])

    run(story())


def test_only_open_files_where_the_client_wants_that(shop: Path) -> None:
    async def story() -> None:
        bad = shop / "shop/bad.py"
        bad.write_text("import logging\n")
        async with session(shop, options={"diagnostics": "open-files"}) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, 1)
            await client.shows(client.open(bad), ["OBS102"])
            client.lsp.text_document_did_close(
                types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(bad.as_uri()))
            )
            await client.shows(bad.as_uri(), [])

    run(story())


def test_what_was_not_saved_is_gone_when_a_document_is_closed(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, client.change(uri, ORDERS + "import logging\n"))
            client.lsp.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
            await client.shows(uri, [])

    run(story())


def test_a_file_outside_any_project_and_one_that_is_excluded_are_let_be(shop: Path, tmp_path: Path) -> None:
    async def story() -> None:
        outside, inside = tmp_path / "elsewhere" / "x.py", shop / ".venv/lib/x.py"
        for path in (outside, inside):
            path.parent.mkdir(parents=True)
            path.write_text("import logging\n")
        async with session(shop) as client:
            outer, inner = client.open(outside), client.open(inside)
            uri = client.open(shop / "shop/orders.py", "import logging\n")
            await client.shows(uri, ["OBS102"])
            await client.answer(uri, client.change(uri, ORDERS))
            assert client.codes(outer) is None
            assert not client.codes(inner)
            assert await client.hover(outer, types.Position(0, 8)) == ""

    run(story())


def test_several_projects_each_with_its_own_configuration(shop: Path, tmp_path: Path) -> None:
    async def story() -> None:
        inner = shop / "inner"
        inner.mkdir()
        (inner / "obs-lint.toml").write_text('surface = []\nlogging = "central"\n')
        (inner / "x.py").write_text("import logging\n")
        other = tmp_path / "other"
        other.mkdir()
        (other / "pyproject.toml").write_text('[tool.obs-lint]\nsurface = []\nlogging = "facade"\n')
        (other / "y.py").write_text("import logging\n")
        async with session(shop, other) as client:
            await client.shows((other / "y.py").as_uri(), ["OBS102"])
            uri = client.open(inner / "x.py")
            assert await client.answer(uri, 1) == []
            outer = client.open(shop / "shop/orders.py", "import logging\n")
            await client.shows(outer, ["OBS102"])
            assert not client.codes(uri)

    run(story())


def test_findings_of_whole_runs_stay_while_typing_and_move_with_their_lines(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/names.py")
            (found,) = await client.shows(uri, ["OBS207"])
            line = found.range.start.line
            assert "refunded" in NAMES.splitlines()[line]
            (found,) = await client.answer(uri, client.change(uri, "# a line\n" + NAMES))
            assert (found.code, found.range.start.line) == ("OBS207", line + 1)

    run(story())


def test_a_syntax_error_hides_nothing_that_was_known(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, 1)
            text = ORDERS.replace('"shop.order.placed", {', '"shop.order.lost", {')
            await client.answer(uri, client.change(uri, text))
            await client.shows(uri, ["OBS201"])
            found = await client.answer(uri, client.change(uri, text + "def (:\n"))
            assert [each.code for each in found] == ["OBS900", "OBS201"]

    run(story())


# -- what keeps a project from being linted


def test_a_broken_configuration_is_shown_once_and_again_when_it_breaks_again(shop: Path) -> None:
    async def story() -> None:
        file = shop / "obs-lint.toml"
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py", "import logging\n")
            await client.shows(uri, ["OBS102"])
            for time_ in (1, 2):
                file.write_text(CONFIGURATION.replace("surface", "surfaces"))
                client.touched(file)
                (found,) = await client.shows(file.as_uri(), ["config"])
                assert "surfaces" in found.message
                assert found.range.start.line == 0
                await client.until(lambda: len(client.messages) == time_, "message")  # noqa: B023
                assert "obs-lint.toml" in client.messages[-1]
                client.touched(file)
                await client.answer(uri, client.change(uri, "import logging\n\n"))
                assert len(client.messages) == time_
                file.write_text(CONFIGURATION)
                client.touched(file)
                await client.shows(file.as_uri(), [])
                await client.shows(uri, ["OBS102"])

    run(story())


def test_a_registry_that_is_broken_is_shown_in_its_file(shop: Path) -> None:
    async def story() -> None:
        registry = shop / "registry.yaml"
        async with session(shop) as client:
            client.open(shop / "shop/orders.py")
            registry.write_text(REGISTRY + "  shop.order.x: [\n")
            client.touched(registry)
            await client.shows(registry.as_uri(), ["registry"])
            await client.until(lambda: client.messages, "message")
            assert "registry.yaml" in client.messages[0]
            registry.write_text(REGISTRY)
            client.touched(registry)
            await client.until(lambda: "registry" not in (client.codes(registry.as_uri()) or []), "mended registry")

    run(story())


def test_a_check_that_crashes_is_told_and_the_others_go_on(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server's process finds this before anything else and breaks one check.
    folder = shop / ".broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import obs_lint.checks.unregistered_event as check\n"
        "import dataclasses\n"
        "def crash(run):\n    raise ZeroDivisionError('out of order')\n    yield\n"
        "check.CHECK = dataclasses.replace(check.CHECK, run=crash)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path(__file__).parent.parent)]))

    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py", ORDERS + "import logging\n")
            await client.shows(uri, ["OBS102"])
            await client.until(lambda: client.messages, "message")
            assert "out of order" in client.messages[0]
            await client.until(lambda: client.codes((shop / "obs-lint.toml").as_uri()) == ["internal"], "internal")
            await client.answer(uri, client.change(uri, ORDERS))

    run(story())


def test_a_configuration_that_appears_makes_a_project(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "x.py").write_text("import logging\n")
        async with session(tmp_path) as client:
            uri = client.open(tmp_path / "x.py")
            file = tmp_path / "obs-lint.toml"
            file.write_text('surface = []\nlogging = "facade"\n')
            client.touched(file, types.FileChangeType.Created)
            await client.shows(uri, ["OBS102"])
            file.unlink()
            client.touched(file, types.FileChangeType.Deleted)
            await client.shows(uri, [])

    run(story())


# -- what can be done


def test_a_fix_is_applied_with_the_lines_ends_of_the_document(shop: Path) -> None:
    text = "import logging\r\n\r\nx = '😀'; log = logging.getLogger('a')\r\n"

    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/fixed.py", text)
            (found,) = await client.answer(uri, 1)
            actions = await client.actions(uri, found.range)
            for edits in (
                of_action(actions, "Apply all safe fixes"),
                of_action(await client.actions(uri, found.range, ["source.fixAll"]), "Apply"),
            ):
                fixed = applied(text, edits)
                assert fixed.count("\r\n") == fixed.count("\n") == 3
                assert "logging" not in fixed
                assert "x = '😀'; log = get_logger('a')\r\n" in fixed
            quick = [a for a in actions if getattr(a, "is_preferred", False)]
            assert applied(text, of_action(quick, "")) == fixed
            assert await client.answer(uri, client.change(uri, fixed)) == []
            assert await client.actions(uri, found.range, ["source.fixAll"]) == []

    run(story())


SUPPRESSED = [
    ("import logging\r\n", "import logging  # obs: ignore[OBS102]\r\n"),
    ("import logging", "import logging  # obs: ignore[OBS102]"),
    ("x = '漢😀'; import logging\n", "x = '漢😀'; import logging  # obs: ignore[OBS102]\n"),
    ("import logging  # noqa: E401\n", "import logging  # noqa: E401  # obs: ignore[OBS102]\n"),
    ("import logging  # obs: ignore[OBS101]\n", "import logging  # obs: ignore[OBS101, OBS102]\n"),
    ("from logging import \\\n    INFO\n", "from logging import \\\n    INFO  # obs: ignore[OBS102]\n"),
    ('import logging; x = """\n"""\n', None),
]
"""A source, and what it is with OBS102 suppressed; None where no line of the statement can bear a comment."""


def test_suppressing_is_one_comment_that_counts(shop: Path) -> None:
    async def story() -> None:
        (shop / "obs-lint.toml").write_text(CONFIGURATION + '[per-file-ignores]\n"**" = ["OBS901"]\n')
        async with session(shop) as client:
            uri = client.open(shop / "shop/quiet.py", "")
            for text, suppressed in SUPPRESSED:
                (found,) = await client.answer(uri, client.change(uri, text))
                actions = await client.actions(uri, found.range)
                if suppressed is None:
                    assert not any(each.title.startswith("Suppress") for each in actions)
                    continue
                assert applied(text, of_action(actions, "Suppress OBS102")) == suppressed
                assert await client.answer(uri, client.change(uri, suppressed)) == []

    run(story())


def test_a_client_without_versioned_edits_gets_plain_ones(shop: Path) -> None:
    async def story() -> None:
        client = Client([shop])
        client.versioned = False
        await client.start()
        uri = client.open(shop / "shop/x.py", "import logging\n")
        (found,) = await client.answer(uri, 1)
        action = next(a for a in await client.actions(uri, found.range) if a.title.startswith("Suppress"))
        assert action.edit.document_changes is None
        assert applied("import logging\n", action.edit.changes[uri]) == "import logging  # obs: ignore[OBS102]\n"
        assert await client.stop() == 0

    run(story())


def test_a_rule_is_explained(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/x.py", "import logging\n")
            (found,) = await client.answer(uri, 1)
            titles = [each.title for each in await client.actions(uri, found.range)]
            assert "Explain OBS102 (direct-telemetry-import)" in titles
            await client.lsp.workspace_execute_command_async(
                types.ExecuteCommandParams("obs-lint.explain", arguments=["OBS102"])
            )
            assert client.opened_pages == [found.code_description.href]
            text = await client.hover(uri, found.range.start)
            assert text.startswith("**OBS102 direct-telemetry-import**")
            assert found.code_description.href in text

    run(story())


# -- events


HOVERED = [
    ('"shop.order.placed", {', 6, "shop.order.placed"),
    ("emit(PLACED", 7, "shop.order.placed"),
    ("PLACED =", 2, "shop.order.placed"),
    ('"shop.order.placed"\n', 3, "shop.order.placed"),
    ("Ev.PAID", 4, "shop.payment.paid"),
    ("count: int", 2, ""),
    ("import obs", 8, ""),
]
"""Words of ORDERS, where in them, and the event that is meant."""


def test_hovering_on_an_event(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, 1)
            for words, offset, name in HOVERED:
                text = await client.hover(uri, position(ORDERS, words, offset))
                assert (text.partition("\n")[0], words) == (f"**`{name}`**" if name else "", words)
                if name == "shop.order.placed":
                    for part in ("An order was placed.", "team-orders", "`info`", "`request_id`", "registry.yaml:4"):
                        assert part in text
                    assert "| `items` | integer | required, How many things |" in text

    run(story())


def test_hovering_on_a_deprecated_event_names_the_replacement(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            text = 'from shop import obs\nobs.emit("shop.order.opened")\n'
            uri = client.open(shop / "shop/old.py", text)
            (found,) = await client.shows(uri, ["OBS209"])
            assert list(found.tags) == [types.DiagnosticTag.Deprecated]
            assert found.related_information[0].location.uri == (shop / "registry.yaml").as_uri()
            card = await client.hover(uri, position(text, "order.opened"))
            assert "**deprecated** since 2, use `shop.order.placed`" in card

    run(story())


HEAD = "from shop import obs\nfrom shop.names import Ev\n\n\ndef place(count):\n    "


COMPLETED = [
    ('obs.emit("|', ["shop.order.placed", "shop.payment.paid", "shop.payment.refunded", "shop.order.opened"]),
    ('obs.emit("|")', ["shop.order.placed", "shop.payment.paid", "shop.payment.refunded", "shop.order.opened"]),
    ('obs.emit("shop.order.|', ["shop.order.placed", "shop.order.opened"]),
    ('obs.emit(\n        "shop.order.pl|\n        {"items": 1},\n    )', ["shop.order.placed"]),
    ("obs.emit(event_name='shop.pay|', payload={})", ["shop.payment.paid", "shop.payment.refunded"]),
    ("obs.emit(Ev.|", ["PAID", "REFUNDED"]),
    ("obs.emit(Ev.|)", ["PAID", "REFUNDED"]),
    ("obs.emit(Ev.re|, {})", ["REFUNDED"]),
    ('obs.emit("shop.order.placed", {"|', ["items", "note"]),
    ('obs.emit("shop.order.placed", {"|"})', ["items", "note"]),
    ('obs.emit("shop.order.placed", {"items": count, "|"})', ["note"]),
    ('obs.emit("shop.order.placed", {"items": "|"})', []),
    ('obs.tell("shop.order.placed", |', ["items", "note"]),
    ('obs.tell("shop.order.placed", it|)', ["items"]),
    ('obs.emit("shop.order.placed", {}, severity="|', ["info"]),
    ('print("|', []),
    ('# obs.emit("|', []),
    ('"""obs.emit(\'|"""', []),
]
"""What is typed, with a bar for the cursor, and what is offered."""


def test_completing(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/typing.py", HEAD + "pass\n")
            await client.answer(uri, 1)
            for typed, labels in COMPLETED:
                before, _, after = typed.partition("|")
                text = f"{HEAD}{before}{after}\n\n\nx = 1\n"
                client.change(uri, text)
                items = await client.complete(uri, position(text, before, len(before)))
                assert (typed, [item.label for item in items]) == (typed, labels)

    run(story())


def test_what_is_completed_replaces_what_was_typed(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            text = HEAD + 'x = "😀"; obs.emit("shop.order.op")\n'
            uri = client.open(shop / "shop/typing.py", text)
            await client.answer(uri, 1)
            (item,) = await client.complete(uri, position(text, "order.op", 8))
            assert item.detail == "Somebody began an order."
            assert list(item.tags) == [types.CompletionItemTag.Deprecated]
            assert applied(text, [item.text_edit]) == text.replace("order.op", "order.opened")

    run(story())


def test_from_an_event_to_its_declaration_and_back(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            uri = client.open(shop / "shop/orders.py")
            await client.answer(uri, 1)

            async def declared(words: str) -> list[tuple[str, int]]:
                params = types.DefinitionParams(types.TextDocumentIdentifier(uri), position(ORDERS, words, 4))
                found = await client.lsp.text_document_definition_async(params)
                return [(each.uri, each.range.start.line) for each in found]

            registry, names = (shop / "registry.yaml").as_uri(), (shop / "shop/names.py").as_uri()
            assert await declared('"shop.order.placed", {') == [(registry, 3)]
            assert await declared("Ev.PAID") == [(names, 4)]
            client.open(shop / "registry.yaml")
            where = types.Position(3, 6)
            params = types.ReferenceParams(types.ReferenceContext(True), types.TextDocumentIdentifier(registry), where)
            found = await client.lsp.text_document_references_async(params)
            assert [(each.uri, each.range.start.line) for each in found] == [(uri, 7), (uri, 8)]

    run(story())


# -- the connection


def test_configuration_files_are_watched(shop: Path) -> None:
    async def story() -> None:
        async with session(shop) as client:
            await client.until(lambda: client.watched, "registration")
            assert client.watched == ["workspace/didChangeWatchedFiles"]

    run(story())


def test_exit_without_shutdown_is_1(shop: Path) -> None:
    async def story() -> None:
        client = Client([shop])
        await client.start()
        client.lsp.exit(None)
        assert await asyncio.wait_for(client.lsp._server.wait(), DEADLINE) == 1
        await client.lsp.stop()

    run(story())


def test_the_server_ends_with_its_input(shop: Path) -> None:
    command = [sys.executable, "-m", "obs_lint", "server"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=DEADLINE, check=False)
    assert done.stdout == b""
    assert done.returncode == 1


@pytest.mark.parametrize("given", [["--tcp", "nonsense"], ["--tcp", "127.0.0.1:99999"], ["--stdio", "--tcp", "h:1"]])
def test_wrong_arguments(given: list[str]) -> None:
    command = [sys.executable, "-m", "obs_lint", "server", *given]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_on_a_socket(shop: Path) -> None:
    async def story() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "obs_lint", "server", "--tcp", f"127.0.0.1:{port}"
        )
        client = Client([shop])
        end = time.monotonic() + DEADLINE
        while True:
            try:
                await client.lsp.start_tcp("127.0.0.1", port)
                break
            except OSError:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
        result = await client.lsp.initialize_session(types.InitializeParams(capabilities=types.ClientCapabilities()))
        assert result.server_info.name == "obs-lint"
        uri = client.open(shop / "shop/x.py", "import logging\n")
        await client.shows(uri, ["OBS102"])
        await client.lsp.shutdown_async(None)
        client.lsp.exit(None)
        assert await asyncio.wait_for(server.wait(), DEADLINE) == 0
        await client.lsp.stop()

    run(story())
