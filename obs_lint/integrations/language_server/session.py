"""One session with a client: when what is linted, and what of it is sent.

One thread runs the engine, one answers questions about names; the loop only passes messages on. Runs are never side by
side: what changes during one is looked at by the next.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from obs_lint.config.model import DEFAULT_EXCLUDE
from obs_lint.diagnostic import Diagnostic
from obs_lint.integrations.language_server import published
from obs_lint.integrations.language_server.documents import Document, path_of, text_on_disk, uri_of
from obs_lint.integrations.language_server.linted import FileResult, LintedProject, Result
from obs_lint.integrations.language_server.questions import Questions
from obs_lint.integrations.language_server.roots import CONFIGURATION, Roots
from obs_lint.integrations.language_server.text import Text

Answer = TypeVar("Answer")

DEBOUNCE = 0.3
"""Seconds of silence after a change before it is linted."""
_EXCLUDED = frozenset(DEFAULT_EXCLUDE)
_SETUP = (*CONFIGURATION, ".gitignore", ".ignore")


@dataclass(slots=True)
class _Wanted:
    """What the next run of a project has to do."""

    whole: bool = False
    then_whole: bool = False
    """Whether the whole project is to be linted once that is done."""
    paths: set[str] = field(default_factory=set)
    reload: bool = False
    relist: bool = False
    due: float = 0.0
    """In the loop's time."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client was sent of a file, and what it was made of."""

    result: FileResult
    diagnostics: tuple[types.Diagnostic, ...]
    """Failures first, then the result's diagnostics, in their order."""

    def pairs(self) -> Iterable[tuple[types.Diagnostic, Diagnostic]]:
        """Yield the diagnostics of rules with what they were made of."""
        return zip(self.diagnostics[len(self.result.failures) :], self.result.diagnostics, strict=True)


class Session:
    """The state of one connection; every method is called in the loop's thread."""

    def __init__(self, server: LanguageServer) -> None:
        """Nothing happens before a document is opened."""
        self._server = server
        self.documents: dict[str, Document] = {}
        """By absolute path."""
        self.encoding = "utf-16"
        self.open_files_only = False
        self._roots = Roots()
        self._projects: dict[str, LintedProject] = {}
        self._questions: dict[str, Questions] = {}
        self._results: dict[str, Result] = {}
        self._shown: dict[str, dict[str, Shown]] = {}
        self._wanted: dict[str, _Wanted] = {}
        self._told: dict[str, set[str]] = {}
        self._engine = ThreadPoolExecutor(1, "obs-lint-engine")
        self._answers = ThreadPoolExecutor(1, "obs-lint-questions")
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._current: LintedProject | None = None
        self._ended = False

    # -- what the client says

    def open_folder(self, path: str) -> None:
        """Lint the project that a workspace folder lies in, or is."""
        root = self._roots.of_folder(path)
        if root is not None:
            self._want(root, whole=True, delay=0.1)

    def opened(self, uri: str, version: int, characters: str) -> None:
        """Lint a document at once, and its whole project where that was not done yet."""
        document = self._put(uri, version, characters)
        root = None if document is None else self._roots.of_file(document.path)
        if document is None or root is None:
            return
        is_new = root not in self._projects
        self._want(root, paths=(document.path,), then_whole=is_new, delay=0.0)

    def changed(self, uri: str, version: int, characters: str) -> None:
        """Lint a document when nothing more has been typed for a moment."""
        document = self._put(uri, version, characters)
        root = None if document is None else self._roots.of_file(document.path)
        if document is not None and root is not None:
            self._want(root, paths=(document.path,), delay=DEBOUNCE)

    def saved(self, uri: str) -> None:
        """Lint the whole project: what others see of the file may have changed."""
        path = path_of(uri)
        if path is not None:
            self.files_changed([(path, types.FileChangeType.Changed)], delay=0.0, saved=True)

    def closed(self, uri: str) -> None:
        """Let a document go; what was not saved of it no longer counts."""
        path = path_of(uri)
        document = self.documents.pop(path, None) if path is not None else None
        root = None if document is None else self._roots.of_file(document.path)
        if document is None or root is None:
            return
        if document.unsaved() is not None:
            self._want(root, whole=True, delay=0.0)
        elif self.open_files_only:
            self._publish(root, ())

    def files_changed(
        self, changes: Iterable[tuple[str, types.FileChangeType]], *, delay: float = DEBOUNCE, saved: bool = False
    ) -> None:
        """Lint the projects again that depend on files which were written, made or deleted: absolute paths, and what
        happened. `saved`: by this client's user.
        """
        for path, kind in changes:
            is_setup = os.path.basename(path) in _SETUP
            if is_setup:
                self._roots.forget()
                self._reassign()
            root = self._roots.of_file(path)
            for other in list(self._projects):
                result = self._results.get(other)
                if _concerns(path, other, result, is_source=other == root, saved=saved):
                    self._want(
                        other,
                        whole=True,
                        reload=is_setup or not path.endswith((".py", ".pyi", ".ipynb")),
                        relist=kind != types.FileChangeType.Changed,
                        delay=delay,
                    )
            if root is not None and root not in self._projects and is_setup:
                self._want(root, whole=True, delay=delay)

    def _reassign(self) -> None:
        """Drop projects whose configuration is gone, and lint open documents in the ones that they now belong to."""
        for root in list(self._projects):
            if self._roots.of_folder(root) != root:
                self._drop(root)
        for document in self.documents.values():
            nearest = self._roots.of_file(document.path)
            if nearest is not None and nearest not in self._projects:
                self._want(nearest, whole=True, delay=DEBOUNCE)

    def _drop(self, root: str) -> None:
        for uri, shown in self._shown.pop(root, {}).items():
            if shown.diagnostics:
                self._send(uri, (), None)
        self._projects.pop(root, None)
        self._questions.pop(root, None)
        self._results.pop(root, None)
        self._wanted.pop(root, None)
        self._told.pop(root, None)

    def end(self) -> None:
        """Stop: a run that is under way is the last."""
        self._ended = True
        if self._runner is not None:
            self._runner.cancel()
        self._engine.shutdown(wait=False, cancel_futures=True)
        self._answers.shutdown(wait=False, cancel_futures=True)

    def _put(self, uri: str, version: int, characters: str) -> Document | None:
        path = path_of(uri)
        if path is None:
            return None
        document = Document(uri, path, version, Text(characters, self.encoding))
        self.documents[path] = document
        return document

    # -- runs

    def _want(
        self,
        root: str,
        *,
        whole: bool = False,
        paths: Iterable[str] = (),
        then_whole: bool = False,
        reload: bool = False,
        relist: bool = False,
        delay: float,
    ) -> None:
        if self._ended:
            return
        if root not in self._projects:
            self._projects[root] = LintedProject(root, self.encoding)
            self._questions[root] = Questions(root, self.encoding)
        wanted = self._wanted.setdefault(root, _Wanted())
        wanted.whole |= whole
        wanted.then_whole |= then_whole
        wanted.reload |= reload
        wanted.relist |= relist
        wanted.paths.update(paths)
        wanted.due = asyncio.get_running_loop().time() + delay
        self._wake.set()
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())
            self._runner.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A runner that fails is an error of ours: say so, and start again with the next change."""
        self._runner = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say(f"internal error, {type(error).__name__}: {error}; please report it", types.MessageType.Error)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            if not self._wanted:
                await self._wake.wait()
                continue
            root, wanted = min(self._wanted.items(), key=lambda item: item[1].due)
            wait = wanted.due - loop.time()
            if wait > 0:
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except TimeoutError:
                    pass
                continue
            del self._wanted[root]
            await self._lint(root, wanted)
            await loop.run_in_executor(self._engine, gc.collect)

    async def _lint(self, root: str, wanted: _Wanted) -> None:
        project = self._projects[root]
        documents = [d for d in self.documents.values() if self._roots.of_file(d.path) == root]
        if wanted.whole and wanted.paths and root not in self._results:
            # Somebody waits for a document that was just opened: it comes first, and the project behind it.
            wanted.whole, wanted.then_whole = False, True
        asked = None if wanted.whole else frozenset(wanted.paths)
        questions = self._questions[root]
        if wanted.whole:
            questions.forget()

        def work() -> Result:
            if wanted.reload:
                project.reload()
            if wanted.relist:
                project.relist()
            return project.lint(documents, asked)

        loop = asyncio.get_running_loop()
        started = loop.time()
        result = await loop.run_in_executor(self._engine, work)
        what = f"{len(asked)} file(s)" if asked is not None else "the project"
        self.log(f"linted {what} of {root} in {loop.time() - started:.3f} s", types.MessageType.Log)
        if self._projects.get(root) is not project:
            return
        questions.config = project.config
        self._results[root] = result
        self._publish(root, asked if asked is not None else {d.path for d in documents}, documents)
        self._tell(root, result)
        if wanted.then_whole and not wanted.whole:
            self._want(root, whole=True, delay=0.0)

    # -- what the client is sent
    def _publish(self, root: str, asked: Iterable[str], documents: Iterable[Document] = ()) -> None:
        result = self._results.get(root)
        if result is None:
            return
        before = self._shown.setdefault(root, {})
        texts: dict[str, tuple[str, Text]] = {}
        project = self._projects[root]

        def locate(path: str) -> tuple[str, Text]:
            if path not in texts:
                absolute = project.absolute(path)
                known = result.files.get(absolute)
                document = self.documents.get(absolute)
                there = known.text if known is not None else document.text if document is not None else None
                texts[path] = self._uri(absolute), there or text_on_disk(absolute, self.encoding)
            return texts[path]

        now: dict[str, Shown] = {}
        linted = {document.path: document for document in documents}
        for path, found in result.files.items():
            if path.endswith(".ipynb") or self._foreign(path, root):
                continue
            if self.open_files_only and path not in self.documents:
                continue
            shown = published.of_file(found, result.explanations, locate)
            now[self._uri(path)] = Shown(found, tuple(shown))
        wanted = {self._uri(path): path for path in asked}
        for uri in sorted({*before, *now, *wanted}):
            old, new = before.get(uri), now.get(uri)
            path = wanted.get(uri) or path_of(uri) or ""
            current, then = self.documents.get(path), linted.get(path)
            if current is not None and then is not None and current.version != then.version:
                continue  # It was changed meanwhile: the next run is on its way.
            if new is not None:
                before[uri] = new
            else:
                before.pop(uri, None)
            after = new.diagnostics if new is not None else ()
            if uri in wanted or after != (old.diagnostics if old is not None else ()):
                self._send(uri, after, current.version if current is not None else None)

    def _foreign(self, path: str, root: str) -> bool:
        """True for a file of another project inside this one: its own configuration is the nearest."""
        return path.endswith((".py", ".pyi")) and self._roots.of_file(path) not in (root, None)

    def _uri(self, path: str) -> str:
        document = self.documents.get(path)
        return document.uri if document is not None else uri_of(path)

    def _send(self, uri: str, diagnostics: Iterable[types.Diagnostic], version: int | None) -> None:
        self._server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=list(diagnostics), version=version)
        )

    def _tell(self, root: str, result: Result) -> None:
        """Say once, in a window, what keeps the project from being linted; again only where it was mended between."""
        told = self._told.get(root, set())
        now = {}
        for failure in result.failures:
            place = f"{failure.path}:{failure.line}" if failure.path else root
            now[f"{failure.code} {failure.path} {failure.message}"] = f"obs-lint: {place}: {failure.message}"
        for key, text in now.items():
            if key not in told:
                self._say(text, types.MessageType.Error)
        self._told[root] = set(now)
        for warning in result.warnings:
            self.log(warning)

    def log(self, text: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        """Write to the client's log."""
        self._server.window_log_message(types.LogMessageParams(kind, f"obs-lint: {text}"))

    def _say(self, text: str, kind: types.MessageType) -> None:
        self._server.window_show_message(types.ShowMessageParams(kind, text))

    # -- what the client asks

    def shown(self, uri: str) -> tuple[Document, Shown] | None:
        """Return an open document and what was last sent of it, None where it was changed since."""
        document = self.document(uri)
        root = None if document is None else self._roots.of_file(document.path)
        shown = self._shown.get(root, {}).get(document.uri) if document is not None and root is not None else None
        if document is None or shown is None or shown.result.text.characters != document.text.characters:
            return None
        return document, shown

    def document(self, uri: str) -> Document | None:
        """Return an open document."""
        path = path_of(uri)
        return None if path is None else self.documents.get(path)

    def project_of(self, path: str) -> tuple[LintedProject, Result | None] | None:
        """Return the project that a file belongs to, and what was last found in it."""
        root = self._roots.of_file(path)
        project = self._projects.get(root) if root is not None else None
        return None if root is None or project is None else (project, self._results.get(root))

    def results(self) -> Iterable[Result]:
        """Return what was last found in each project."""
        return tuple(self._results.values())

    def text_of(self, path: str) -> tuple[str, Text]:
        """Return the URI and the text of a file, absolute: the open document, else what is on the disk."""
        document = self.documents.get(path)
        return self._uri(path), document.text if document is not None else text_on_disk(path, self.encoding)

    async def ask(
        self, uri: str, question: Callable[[Questions, Document, tuple[Document, ...]], Answer], nothing: Answer
    ) -> Answer:
        """Answer a question about an open document in the thread for questions; `nothing` outside of any project."""
        document = self.document(uri)
        root = None if document is None else self._roots.of_file(document.path)
        questions = self._questions.get(root) if root is not None else None
        if document is None or questions is None:
            return nothing
        here = tuple(d for d in self.documents.values() if self._roots.of_file(d.path) == root)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._answers, lambda: question(questions, document, here))
        except Exception as error:  # noqa: BLE001 - no answer is better than an editor full of errors; the log has it
            self.log(f"no answer for {uri}: {type(error).__name__}: {error}")
            return nothing


def _concerns(path: str, root: str, result: Result | None, *, is_source: bool, saved: bool) -> bool:
    """True where a change of a file may change what is said of a project; `is_source`: where it lies in it."""
    if result is not None and not result.inputs.isdisjoint((path, os.path.dirname(path))):
        return True
    if not is_source:
        return False
    if os.path.basename(path) in _SETUP or saved:
        return True
    if result is not None and any(path.startswith(folder + os.sep) for folder in result.inputs):
        return True
    inside = path[len(root) :].replace(os.sep, "/").split("/")[:-1]
    if not _EXCLUDED.isdisjoint(inside):
        return False
    # What keeps a project from being linted may be mended by any file.
    return path.endswith((".py", ".pyi", ".ipynb")) or result is None or bool(result.failures)


def settings(options: Any) -> bool:
    """Read `initializationOptions`: whether only open files are to be shown (`{"diagnostics": "open-files"}`)."""
    return isinstance(options, dict) and options.get("diagnostics") == "open-files"
