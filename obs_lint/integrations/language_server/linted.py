"""One project as it was last linted: runs the engine over what is open, and keeps what it said, file by file."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from obs_lint import engine
from obs_lint.catalogue.error import CatalogueError
from obs_lint.config import ConfigError, load
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Position, Span
from obs_lint.discovery import discover, locate
from obs_lint.integrations.language_server.documents import Document, text_on_disk
from obs_lint.integrations.language_server.roots import CONFIGURATION, located
from obs_lint.integrations.language_server.text import Text, line_edits
from obs_lint.report import Failure, Report

_SUFFIXES = (".py", ".pyi")


class Explanation(NamedTuple):
    """What there is to read about a rule in a sentence or two."""

    why: str
    url: str
    summary: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What is known of one file."""

    text: Text
    """What the file held when it was linted."""
    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What one run says."""

    files: Mapping[str, FileResult]
    """By absolute path: every file that something is to be said of, and every file that was asked for."""
    failures: tuple[Failure, ...] = ()
    """Those that keep more than one file from being linted: of the configuration, a registry, a baseline, a check."""
    warnings: tuple[str, ...] = ()
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    """By code."""
    inputs: frozenset[str] = frozenset()
    """Files and folders beside the sources that the result depends on, absolute: registries, presets, own rules, the
    baseline."""


class LintedProject:
    """A project, by its root. All of it belongs to the one thread that runs the engine."""

    def __init__(self, root: str, encoding: str) -> None:
        """Nothing is read before the first run."""
        self.root = root
        self.encoding = encoding
        self.config: Config | None = None
        self._wants_config = True
        self._files: frozenset[str] | None = None
        self._folders: frozenset[str] = frozenset()
        self._strangers: set[str] = set()
        """Files that exist and are none of the project's."""
        self._results: dict[str, FileResult] = {}
        self._wide: tuple[Failure, ...] = ()
        self._explained: dict[str, Explanation] = {}
        self._inputs: frozenset[str] = frozenset()
        self._is_warm = False

    def reload(self) -> None:
        """Read the configuration again before the next run."""
        self._wants_config = True
        self.relist()

    def relist(self) -> None:
        """Look again which files there are before the next run."""
        self._files = None
        self._strangers.clear()

    def relative(self, path: str) -> str:
        """Return an absolute path as the engine writes it."""
        return locate(path, self.root, self.root)[0]

    def absolute(self, path: str) -> str:
        """Return the absolute path of what the engine names, relative to the root or absolute."""
        return os.path.normpath(os.path.join(self.root, path))

    def lint(self, documents: Iterable[Document], asked: frozenset[str] | None) -> Result:
        """Run the engine: over the whole project, or for the documents whose absolute paths are `asked`.

        Whatever is wrong is in the Result.
        """
        try:
            if self._wants_config:
                self.config = None
                self.config = load(self.root)
                self._wants_config = False
                self._is_warm = False
            if self.config is None:
                raise ConfigError("there is no configuration")
            return self._lint(self.config, documents, asked)
        except ConfigError as error:
            self._wants_config = True
            hint = f" ({error.hint})" if error.hint else ""
            text = f"{error.table} {error.message}{hint}" if error.table else f"{error.message}{hint}"
            failure = Failure("config", error.file or self._configuration(), text, error.line or 1)
        except CatalogueError as error:
            failure = Failure("config", error.path or self._configuration(), error.message, error.line or 1)
        except Exception as error:  # noqa: BLE001 - a server that ends is worse than one that says what went wrong
            what = f"internal error, {type(error).__name__}: {error}; please report it"
            failure = Failure("internal", self._configuration(), what)
        self._results = {}
        self._wide = (failure,)
        return self._result()

    def _configuration(self) -> str:
        if self.config is not None and self.config.file is not None:
            return str(self.config.file)
        for name in CONFIGURATION:
            if os.path.isfile(os.path.join(self.root, name)):
                return name
        return CONFIGURATION[0]

    def _lint(self, config: Config, documents: Iterable[Document], asked: frozenset[str] | None) -> Result:
        mine = {path: document for document in documents if (path := self._member(document, config)) is not None}
        unsaved = {path: data for path, document in mine.items() if (data := document.unsaved()) is not None}
        named = None if asked is None else {path for path, document in mine.items() if document.path in asked}
        if named is not None and not named:
            return self._result()
        collecting = gc.isenabled()
        gc.disable()
        try:
            if unsaved and not self._is_warm:
                # A run with an overlay leaves no scan in the cache: without one, every later run would scan all files.
                engine.run(config, cwd=self.root, jobs=1)
                some = next((path for path in sorted(mine) if os.path.exists(mine[path].path)), None)
                if some is not None:
                    engine.run(config, paths=[mine[some].path], cwd=self.root, jobs=1)
            self._is_warm = True
            paths = [] if named is None else [mine[path].path for path in sorted(named)]
            report = engine.run(config, paths=paths, cwd=self.root, overlay=unsaved or None, jobs=1)
        finally:
            if collecting:
                gc.enable()
        if named is None:
            self._take_whole(report, mine)
        else:
            self._take_some(report, mine, named)
        return self._result(report.warnings)

    def _member(self, document: Document, config: Config) -> str | None:
        """The path of a document in the project, None for one that is excluded, ignored or no module."""
        if not document.path.endswith(_SUFFIXES):
            return None
        if self._files is None:
            found = discover(config)
            self._files = frozenset(file.path for file in found.files)
            self._folders = frozenset(folder for file in self._files for folder in _folders_above(file))
        path = self.relative(document.path)
        if path in self._files:
            return path
        if os.path.exists(document.path):
            if path not in self._strangers:
                # Written since the files were listed, or not of the project: looked at once.
                self._files = None
                self._strangers.add(path)
                return self._member(document, config)
            return None
        # A buffer that was never saved: it belongs to the project where its folder does.
        return path if path.rpartition("/")[0] in self._folders else None

    def _text(self, path: str, documents: Mapping[str, Document]) -> Text:
        document = documents.get(path)
        return document.text if document is not None else text_on_disk(self.absolute(path), self.encoding)

    def _take_whole(self, report: Report, documents: Mapping[str, Document]) -> None:
        found: dict[str, list[Diagnostic]] = {path: [] for path in documents}
        failed: dict[str, list[Failure]] = {}
        for diagnostic in report.diagnostics:
            found.setdefault(diagnostic.path, []).append(diagnostic)
        for failure in report.failures:
            if failure.code == "OBS900":
                failed.setdefault(failure.path, []).append(failure)
        self._results = {
            path: FileResult(self._text(path, documents), tuple(found.get(path, ())), tuple(failed.get(path, ())))
            for path in sorted({*found, *failed})
        }
        self._keep_the_rest(report)

    def _take_some(self, report: Report, documents: Mapping[str, Document], named: Iterable[str]) -> None:
        """Take what a run over some files says. What only whole runs find stays, moved with its line."""
        judged = frozenset(report.judged)
        for path in named:
            text = documents[path].text
            fresh = [d for d in report.diagnostics if d.path == path]
            failures = tuple(f for f in report.failures if f.path == path and f.code == "OBS900")
            old = self._results.get(path)
            if old is not None:
                # In a file that can't be parsed just now nothing else can be told: what was there stays until it can.
                same = {(d.code, d.message) for d in fresh}
                stays = [
                    d
                    for d in old.diagnostics
                    if (d.code not in judged if not failures else (d.code, d.message) not in same)
                ]
                fresh = sorted([*fresh, *_moved(stays, old.text, text)], key=lambda d: d.sort_key)
            self._results[path] = FileResult(text, tuple(fresh), failures)
        self._keep_the_rest(report)

    def _keep_the_rest(self, report: Report) -> None:
        self._inputs = frozenset(map(os.path.normpath, report.inputs))
        self._wide = tuple(f for f in report.failures if f.code not in ("OBS900", "path"))
        for code, (why, url) in report.rules.items():
            self._explained[code] = Explanation(why, url, report.summaries.get(code, ""))

    def _result(self, warnings: tuple[str, ...] = ()) -> Result:
        files = {self.absolute(path): result for path, result in self._results.items()}
        placed = []
        for failure in self._wide:
            path = located(failure.path or self._configuration(), self.root)
            known = files.get(path) or FileResult(text_on_disk(path, self.encoding))
            files[path] = replace(known, failures=(*known.failures, failure))
            placed.append(failure._replace(path=path))
        return Result(files, tuple(placed), warnings, dict(self._explained), self._inputs | self._named())

    def _named(self) -> frozenset[str]:
        """Files and folders that the configuration names, where they can be named."""
        config = self.config
        if config is None:
            return frozenset()
        sources = (source.source.rpartition(":")[2] for source in config.registry)
        names = (config.baseline, *config.extends, *config.rule_paths, *sources)
        return frozenset(self.absolute(name) for name in names if name)


def _folders_above(path: str) -> Iterable[str]:
    folder = path.rpartition("/")[0]
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _moved(diagnostics: Iterable[Diagnostic], old: Text, new: Text) -> Iterable[Diagnostic]:
    """Yield diagnostics of an older text where their lines are now; without those on lines that were changed."""
    head, tail, by = line_edits(old, new)
    for diagnostic in diagnostics:
        (first, column), (last, end) = diagnostic.span
        if last <= head:
            yield diagnostic
        elif first >= tail:
            span = Span(Position(first + by, column), Position(last + by, end))
            lines = None if diagnostic.lines is None else (diagnostic.lines[0] + by, diagnostic.lines[1] + by)
            yield replace(diagnostic, span=span, lines=lines, fix=None if by else diagnostic.fix)
