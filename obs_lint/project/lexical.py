"""Questions about the whole project that the lexical tier answers, without FileFacts of any file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from obs_lint.facts.model import Anchor, FileFacts, LexicalImport, Sought
from obs_lint.facts.store import Banned


class FactsSource(Protocol):
    """Where the Project gets facts from: the store of a run, or a dict in tests."""

    def imports(self, path: str) -> tuple[LexicalImport, ...]:
        """Return the lexical imports of a file."""

    def facts(self, path: str) -> FileFacts | None:
        """Return a file's facts, None where it can't be parsed (which the source records as a failure)."""

    def excerpt(self, path: str, sought: Sought) -> FileFacts | None:
        """Return the facts of a file without the bodies of functions in which nothing of what is sought stands, None
        where all are at hand, or are to be asked for.
        """

    def prefetch(self, paths: Iterable[str]) -> None:
        """Get the facts of several files ready at once; those that are asked for later one by one take longer."""

    def cells(self, path: str) -> Sequence[tuple[int, int]]:
        """Return, for a notebook, (1-based first line in joined code, cell number) of each code cell; () for others."""

    def banned(self) -> Iterable[tuple[str, tuple[Banned, ...]]]:
        """Yield the files that import one of the banned roots, with those imports."""

    def leaks(self, path: str) -> tuple[str, ...]:
        """Names that the file may bind by assignment to something that a banned import bound."""

    def mentions(self, path: str, pattern: bytes) -> bool:
        """True where the bytes pattern is found in the file (re.MULTILINE)."""

    def text(self, path: str) -> bytes:
        """Return the UTF-8 text of a file, lines ending in a newline; empty where it can't be read."""
        return b""

    def says(self, path: str, anchors: Iterable[Anchor]) -> bool:
        """True where the pattern of one of the anchors is found in the file, around what it is looked for around."""
        return False

    def matching(self, anchors: Iterable[Anchor], among: AbstractSet[str] | None = None) -> frozenset[str]:
        """Return the paths of the files (of those in `among`) that match any of the anchors."""

    def imports_of(self, roots: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield absolute imports whose first segment is one of `roots`."""

    def imports_naming(self, names: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield `from` imports that import one of the names, or a star."""

    def renaming_imports(self) -> Iterable[tuple[str, str]]:
        """Yield (name, bound as) of every renaming `from` import of the project."""

    def imports_mentioning(
        self, segments: frozenset[str], *, origins: bool = True
    ) -> Iterable[tuple[str, LexicalImport]]:
        """Yield the imports that have one of the segments in their module's name or among their names.

        Without `origins`, the module's name counts in plain imports only.
        """


class LexicalQueries:
    """The part of a Project that needs no parser."""

    source: FactsSource

    def banned_imports(self) -> Iterable[tuple[str, tuple[Banned, ...]]]:
        """Yield (path, imports of banned roots) of each file that has any."""
        return self.source.banned()

    def prefetch(self, paths: Iterable[str]) -> None:
        """Say of which files the facts will be asked for: they are then extracted on every core."""
        self.source.prefetch(paths)

    def leaks(self, path: str) -> tuple[str, ...]:
        """Names that the file may bind by assignment, not by a call, to what a banned import bound. May hold too
        many.
        """
        return self.source.leaks(path)

    def excerpt(self, path: str, sought: Sought) -> FileFacts | None:
        """Return the facts of a file without the bodies of functions in which nothing of what is sought stands, for
        a first look through a `Glimpse`. None where all facts are at hand, or are to be asked for.
        """
        return self.source.excerpt(path, sought)

    def mentions(self, path: str, pattern: bytes) -> bool:
        """True where the bytes pattern is found in the file (re.MULTILINE)."""
        return self.source.mentions(path, pattern)

    def text(self, path: str) -> bytes:
        """Return the UTF-8 text of a file, lines ending in a newline, for what must be written as it stands there.

        Empty where it can't be read. Not for finding anything: facts are.
        """
        return self.source.text(path)

    def says(self, path: str, anchors: Iterable[Anchor]) -> bool:
        """True where the pattern of one of the anchors is found in the file, around what it is looked for around."""
        return self.source.says(path, anchors)

    def matching(self, anchors: Iterable[Anchor], among: AbstractSet[str] | None = None) -> frozenset[str]:
        """Return the paths of the files (of those in `among`) that match any of the anchors.

        Anchors that the run's scan looked for cost nothing.
        """
        return self.source.matching(anchors, among)

    def imports_of(self, roots: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield (path, import) of the absolute imports whose first segment is one of `roots`."""
        return self.source.imports_of(roots)

    def imports_naming(self, names: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield (path, import) of the `from` imports, of any module, that import one of the names or a star."""
        return self.source.imports_naming(names)

    def renaming_imports(self) -> Iterable[tuple[str, str]]:
        """Yield (name, bound as) of every `from … import name as bound` of the project."""
        return self.source.renaming_imports()

    def imports_mentioning(
        self, segments: frozenset[str], *, origins: bool = True
    ) -> Iterable[tuple[str, LexicalImport]]:
        """Yield (path, import) of the imports with one of the segments in their module's name or among their names.

        Without `origins`, the module's name counts in plain imports only: what a `from` import binds does not lie
        there.
        """
        return self.source.imports_mentioning(segments, origins=origins)
