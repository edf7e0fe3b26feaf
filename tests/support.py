"""Makes a Project of sources that are given as text."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from obs_lint.config.model import Config
from obs_lint.discovery import discover
from obs_lint.facts.extract import extract
from obs_lint.facts.imports import find_imports, to_import
from obs_lint.facts.model import Anchor, FileFacts, LexicalImport
from obs_lint.facts.scan import Profile, Scanner
from obs_lint.project import FactsSource, Project
from obs_lint.source import SourceError, SourceFile, decode


class Sources(FactsSource):
    """A FactsSource over texts; counts which files were asked for."""

    def __init__(self, texts: Mapping[str, str | bytes]) -> None:
        self.texts = texts
        self.asked: list[str] = []

    def _source(self, path: str) -> SourceFile:
        text = self.texts[path]
        return decode(path, text.encode() if isinstance(text, str) else text)

    def imports(self, path: str) -> tuple[LexicalImport, ...]:
        return tuple(to_import(raw) for raw in find_imports(self._source(path).text))

    def facts(self, path: str) -> FileFacts | None:
        self.asked.append(path)
        try:
            return extract(self._source(path))
        except SourceError:
            return None

    def matching(self, anchors: Iterable[Anchor], among: AbstractSet[str] | None = None) -> frozenset[str]:
        scanner = Scanner(Profile((), True, False, tuple(anchors)))
        paths = self.texts.keys() if among is None else self.texts.keys() & among
        return frozenset(path for path in paths if scanner.scan(path, self._source(path).text).anchors)

    def imports_mentioning(
        self, segments: frozenset[str], *, origins: bool = True
    ) -> Iterable[tuple[str, LexicalImport]]:
        for path in self.texts:
            for row in self.imports(path):
                names = [name for name, _ in row.names or ()]
                modules = row.module.split(".") if origins or row.names is None else []
                if not segments.isdisjoint([*modules, *names]):
                    yield path, row

    def imports_of(self, roots: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        for path in self.texts:
            for row in self.imports(path):
                if not row.level and row.module.partition(".")[0] in roots:
                    yield path, row

    def renaming_imports(self) -> Iterable[tuple[str, str]]:
        for path in self.texts:
            for row in self.imports(path):
                yield from ((name, bound) for name, bound in row.names or () if name != bound)

    def mentions(self, path: str, pattern: bytes) -> bool:
        return re.search(pattern, self._source(path).text, re.MULTILINE) is not None

    def prefetch(self, paths: Iterable[str]) -> None:
        self.prefetched = [*paths]

    def cells(self, path: str) -> tuple[tuple[int, int], ...]:
        return self._source(path).cells


def project_of(texts: Mapping[str, str | bytes], **config: Any) -> Project:
    """Return the Project of these files; `config` are fields of Config."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode() if isinstance(text, str) else text)
        discovery = discover(Config(root=Path(folder), **config))
    return Project(discovery, Sources(texts))


def files_of(text: str) -> dict[str, str]:
    """Split a text into files: a line `--- path` begins each."""
    files: dict[str, str] = {}
    path = ""
    for line in text.strip("\n").splitlines():
        if line.startswith("--- "):
            path = line[4:].strip()
            files[path] = ""
        else:
            files[path] += line + "\n"
    return files
