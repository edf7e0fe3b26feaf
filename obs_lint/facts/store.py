"""All facts of a run: scanned, extracted or remembered, each file once, fetched when somebody asks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from obs_lint.digests import blake2b
from obs_lint.discovery import ProjectFile
from obs_lint.facts.cache import Cache, key_of
from obs_lint.facts.imports import RawImport, to_import
from obs_lint.facts.model import FACTS_VERSION, Anchor, FileFacts, LexicalImport, Sought
from obs_lint.facts.pool import Pool, facts_of
from obs_lint.facts.scan import Profile, Scan, Scanner, matches, read

_RACY_NS = 50_000_000
"""A file changed so shortly before it was cached may have changed again within the clock's tick."""

_NO_EXCERPT: tuple[Sought, FileFacts | None, bool] = (Sought(()), None, False)

Problem = tuple[str, int, int, int]
"""Message, line, column, cell or 0."""


class Banned(NamedTuple):
    """An import of a banned root, as the lexical tier sees it."""

    statement: LexicalImport
    use: str
    """`runtime`: surely needed at run time; `unknown`: only FileFacts can tell."""
    within: str
    """Qualname of the enclosing function or class."""


class FactsStore:
    """Implements `obs_lint.project.FactsSource`."""

    def __init__(
        self,
        files: Sequence[ProjectFile],
        pool: Pool,
        cache: Cache,
        overlay: Mapping[str, bytes] | None = None,
    ) -> None:
        """`overlay`: contents that stand for those on disk (an editor's buffer, stdin), by path."""
        self._files = {file.path: file for file in files}
        self._pool = pool
        self._cache = cache
        self._overlay = overlay or {}
        self._scans: dict[str, Scan] = {}
        self._imports: dict[str, tuple[LexicalImport, ...]] = {}
        self._said: tuple[dict[bytes, list[int]], dict[str, list[int]]] | None = None
        self._digests: dict[str, bytes] = {}
        self._facts: dict[str, FileFacts | None] = {}
        self._blobs: dict[str, bytes] = {}
        self._remembered: dict[bytes, bytes] | None = None
        self._learned = False
        self._excerpts: dict[str, tuple[Sought, FileFacts | None, bool]] = {}
        self._fresh: dict[bytes, bytes] = {}
        """What was extracted by this process: key in the cache → facts."""
        self._scanned: dict[Anchor, int] = {}
        self.alone = False
        """True while other processes are busy, too: everything is done in this one."""
        self.problems: dict[str, Problem] = {}
        """Files that could not be read or parsed where somebody had to understand them."""
        self.unreadable: dict[str, str] = {}
        """Files that could not be opened: path → reason."""

    @property
    def jobs(self) -> int:
        """Processes that may be used, this one included."""
        return self._pool.jobs

    # -- the lexical tier
    def scan(self, profile: Profile) -> None:
        """Scan every file, or remember what an earlier run found."""
        name = f"scan-{key_of(profile)}"
        self._scanned = {anchor: 1 << bit for bit, anchor in enumerate(profile.anchors)}
        cached = self._cache.load(name)
        known: Mapping[str, tuple[int, int, bytes, tuple[object, ...]]] = {}
        trusted = 0
        if isinstance(cached, tuple) and len(cached) == 2:
            trusted, known = cached
        started = time.time_ns()
        todo: list[ProjectFile] = []
        scans, digests = self._scans, self._digests
        entries: dict[str, tuple[int, int, bytes, tuple[object, ...]]] = {}
        overlay = self._overlay
        for path, file in self._files.items():
            entry = known.get(path)
            if (
                entry is not None
                and entry[0] == file.size
                and entry[1] == file.mtime_ns
                and file.mtime_ns < trusted - _RACY_NS
                and path not in overlay
            ):
                scans[path] = Scan(*entry[3])  # type: ignore[arg-type]  # plain values, checked by digest
                digests[path] = entry[2]
                entries[path] = entry
            else:
                todo.append(file)
        disk = [file for file in todo if file.path not in overlay]
        results = self._pool.map(
            "scan",
            (self._cache.enabled, _plain(profile)),
            [(file.path, file.absolute) for file in disk],
            [file.size for file in disk],
        )
        for file, (digest, raw) in zip(disk, results, strict=True):
            if isinstance(raw, str):
                self.unreadable[file.path] = raw
                scans[file.path] = Scan((), (), 0, (), None)
                continue
            scans[file.path] = Scan(*raw)
            digests[file.path] = digest
            entries[file.path] = (file.size, file.mtime_ns, digest, raw)
        if overlay:
            scanner = Scanner(profile)
            for path, data in overlay.items():
                if path in self._files:
                    scans[path] = scanner.scan(path, data)
                    digests[path] = blake2b(data, digest_size=16).digest()
        if self._cache.enabled and not overlay and (disk or len(entries) != len(known)):
            self._cache.save(name, (started, entries))
            self._cache.keep_newest("scan-", 6)

    def anchored(self, bit: int) -> frozenset[str]:
        """Paths of the files that match any of the anchors in the mask."""
        return frozenset(path for path, scan in self._scans.items() if scan.anchors & bit)

    def matching(self, anchors: Iterable[Anchor], among: AbstractSet[str] | None = None) -> frozenset[str]:
        """Return the paths of the files (of those in `among`) that match any of the anchors.

        Those that the scan looked for cost nothing; for others every file is read again.
        """
        anchors = tuple(dict.fromkeys(anchors))
        mask = 0
        for anchor in anchors:
            mask |= self._scanned.get(anchor, 0)
        found = self.anchored(mask) if mask else frozenset()
        if among is not None:
            found &= among
        missing = tuple(anchor for anchor in anchors if anchor not in self._scanned)
        if not missing:
            return found
        profile = Profile((), any(anchor.modules for anchor in missing), False, missing)
        pool = Pool(1) if self.alone else self._pool
        scanner = Scanner(profile)
        wanted = self._files.keys() if among is None else self._files.keys() & among
        unsaved = [(path, data) for path, data in self._overlay.items() if path in wanted]
        more = {path for path, data in unsaved if scanner.scan(path, data).anchors}
        rest = [f for p, f in self._files.items() if p in wanted and p not in found and p not in self._overlay]
        results = pool.map(
            "scan",
            (False, _plain(profile)),
            [(file.path, file.absolute) for file in rest],
            [file.size for file in rest],
        )
        more |= {f.path for f, (_, raw) in zip(rest, results, strict=True) if not isinstance(raw, str) and raw[2]}
        return found | more

    def banned(self) -> Iterable[tuple[str, tuple[Banned, ...]]]:
        """Yield the files that import one of the profile's roots, with those imports."""
        for path, scan in self._scans.items():
            if scan.banned:
                yield path, tuple(Banned(to_import(scan.imports[i]), use, within) for i, use, within in scan.banned)

    def raw_imports(self) -> Iterable[tuple[str, tuple[RawImport, ...]]]:
        """Yield the imports of every file as they are stored: cheaper than `imports` where only modules are looked
        at.
        """
        for path, scan in self._scans.items():
            yield path, scan.imports

    def unmarked(self, path: str) -> bool:
        """True where a file surely holds no suppression."""
        scan = self._scans.get(path)
        return scan is not None and scan.unmarked

    def leaks(self, path: str) -> tuple[str, ...]:
        """Names that the file may bind by assignment to something that a banned import bound."""
        scan = self._scans.get(path)
        return scan.leaks if scan else ()

    def mentions(self, path: str, pattern: bytes) -> bool:
        """True where the bytes pattern is found in the file (re.MULTILINE)."""
        data = self.raw(path)
        return data is not None and re.search(pattern, data, re.MULTILINE) is not None

    def says(self, path: str, anchors: Iterable[Anchor]) -> bool:
        """True where the pattern of one of the anchors is found in the file, around what it is looked for around."""
        data = self.raw(path)
        return data is not None and any(next(matches(anchor, data), None) is not None for anchor in anchors)

    def _saying(self, names: Iterable[bytes], segments: Iterable[str] = ()) -> Iterable[tuple[str, Scan]]:
        """Yield the files whose imports have one of the names as it is written, or one of the segments in a module."""
        if self._said is None:
            self._said = _index(self._scans.values())
        by_name, by_segment = self._said
        wanted: set[int] = set()
        for name in names:
            wanted.update(by_name.get(name, ()))
        for segment in segments:
            wanted.update(by_segment.get(segment, ()))
        paths = list(self._scans)
        for number in sorted(wanted):
            yield paths[number], self._scans[paths[number]]

    def imports_of(self, roots: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield absolute imports whose first segment is one of `roots`."""
        for path, scan in self._scans.items():
            for raw in scan.imports:
                if raw[0].partition(".")[0] in roots:
                    yield path, to_import(raw)

    def imports_naming(self, names: frozenset[str]) -> Iterable[tuple[str, LexicalImport]]:
        """Yield `from` imports that import one of the names, or a star."""
        written = {b"*", *[name.encode("utf-8", "replace") for name in names]}
        for path, scan in self._saying(written):
            for raw in scan.imports:
                bound = raw[1]
                if bound is not None and bound[:1] != b"\0" and not written.isdisjoint(_WORD.findall(bound)):
                    statement = to_import(raw)
                    if any(name in names or name == "*" for name, _ in statement.names or ()):
                        yield path, statement

    def renaming_imports(self) -> Iterable[tuple[str, str]]:
        """Yield (name, bound as) of every renaming `from` import of the project."""
        for scan in self._scans.values():
            for raw in scan.imports:
                bound = raw[1]
                if bound is not None and b"as" in bound and bound[:1] != b"\0":
                    for name, asname in to_import(raw).names or ():
                        if name != asname:
                            yield name, asname

    def imports_mentioning(
        self, segments: frozenset[str], *, origins: bool = True
    ) -> Iterable[tuple[str, LexicalImport]]:
        """Yield the imports that have one of the segments in their module's name or among their names.

        Without `origins`, the module's name counts in plain imports only: it is bound by no other.
        """
        written = {segment.encode("utf-8", "replace") for segment in segments}
        outside = segments.isdisjoint
        for path, scan in self._saying(written, segments):
            for raw in scan.imports:
                names = raw[1]
                if (origins or names is None or names[:1] == b"\0") and not outside(raw[0].split(".")):
                    yield path, to_import(raw)
                elif names is not None and not written.isdisjoint(_WORD.findall(names)):
                    statement = to_import(raw)
                    if any(name in segments for name, _ in statement.names or ()):
                        yield path, statement

    def lexical_problems(self) -> Iterable[tuple[str, Problem]]:
        """Yield the files that could not be read as text though something in them is looked for."""
        for path, scan in self._scans.items():
            if scan.problem is not None:
                yield path, scan.problem

    # -- FactsSource
    def imports(self, path: str) -> tuple[LexicalImport, ...]:
        """Return the lexical imports of a file."""
        found = self._imports.get(path)
        if found is None:
            scan = self._scans.get(path)
            found = self._imports[path] = tuple(map(to_import, scan.imports)) if scan else ()
        return found

    def cells(self, path: str) -> tuple[tuple[int, int], ...]:
        """Return the cell table of a notebook."""
        scan = self._scans.get(path)
        return scan.cells if scan else ()

    def facts(self, path: str) -> FileFacts | None:
        """Return a file's facts; None where it can't be parsed, which `problems` then says."""
        if path in self._facts:
            return self._facts[path]
        from obs_lint.facts.extract import decode_facts

        blob = self._blobs.pop(path, None) or self._recall(path)
        facts: FileFacts | None = None
        if blob is None and not self._cache.enabled and path not in self._overlay:
            _, facts, whole = self._excerpts.get(path, _NO_EXCERPT)
            self._facts[path] = facts if whole else self._extract_plainly(path)
            return self._facts[path]
        if blob is None:
            blob = self._extract(path)
        if blob:
            facts = decode_facts(blob)
        self._facts[path] = facts
        return facts

    def prefetch(self, paths: Iterable[str]) -> None:
        """Extract the facts of several files at once, on every core."""
        if self.alone:
            return
        wanted: list[ProjectFile] = []
        for path in sorted(paths):
            if path in self._facts or path in self._blobs or path not in self._files:
                continue
            blob = self._recall(path)
            if blob is not None:
                self._blobs[path] = blob
            elif path not in self._overlay and path not in self.unreadable:
                wanted.append(self._files[path])
        if not wanted:
            return
        results = self._pool.map(
            "facts", None, [(file.path, file.absolute) for file in wanted], [file.size for file in wanted]
        )
        for file, (blob, problem) in zip(wanted, results, strict=True):
            self._keep(file.path, blob, problem)

    def _recall(self, path: str) -> bytes | None:
        if not self._cache.enabled:
            return None
        if self._remembered is None:
            stored = self._cache.load("facts")
            self._remembered = stored[1] if isinstance(stored, tuple) and stored[0] == FACTS_VERSION else {}
        digest = self._digests.get(path)
        return self._remembered.get(digest + _suffix(path)) if digest else None

    def _extract(self, path: str) -> bytes:
        if path in self._overlay:
            from obs_lint.facts.extract import encode, extract
            from obs_lint.source import SourceError, decode

            try:
                return encode(extract(decode(path, self._overlay[path])))
            except SourceError as error:
                self.problems[path] = (error.message, error.line, error.column, error.cell or 0)
                return b""
        if path not in self._files or path in self.unreadable:
            return b""
        blob, problem = facts_of(path, self._files[path].absolute)
        self._keep(path, blob, problem)
        return self._blobs.pop(path, b"")

    def excerpt(self, path: str, sought: Sought) -> FileFacts | None:
        """Return the facts of a file without the bodies of functions in which nothing of what is sought stands.

        All facts, where little would be left out and no cache is to keep them; None where they are at hand already or
        are to be asked for.
        """
        before = self._excerpts.get(path)
        if before is not None and (before[0] == sought or before[2]):
            return before[1]
        found: FileFacts | None = None
        whole = False
        known = path in self._facts or path in self._blobs or path in self._overlay or path in self.unreadable
        if not known and path in self._files and self._recall(path) is None:
            from obs_lint.facts.excerpt import excerpt
            from obs_lint.source import SourceError, decode

            try:
                found = excerpt(decode(path, read(self._files[path].absolute)), sought)
            except (SourceError, OSError):
                found = None
            if found is None and not self._cache.enabled:
                found, whole = self._extract_plainly(path), True
                if found is None:
                    self._facts[path] = None
        self._excerpts[path] = (sought, found, whole)
        return found

    def forget_excerpts(self) -> None:
        """Let go of all excerpts."""
        self._excerpts.clear()

    def at_hand(self, path: str) -> FileFacts | None:
        """Return the facts of a file, or of an excerpt of it, that somebody has asked for in this process."""
        return self._facts.get(path) or self._excerpts.get(path, _NO_EXCERPT)[1]

    def _extract_plainly(self, path: str) -> FileFacts | None:
        """Extract facts that nobody else will ask for."""
        from obs_lint.facts.extract import extract
        from obs_lint.source import SourceError, decode

        if path not in self._files or path in self.unreadable:
            return None
        try:
            return extract(decode(path, read(self._files[path].absolute)))
        except SourceError as error:
            self.problems[path] = (error.message, error.line, error.column, error.cell or 0)
        except OSError as error:
            self.problems[path] = (error.strerror or str(error), 1, 1, 0)
        return None

    def about_to_share(self) -> None:
        """Get ready what forks of this process will all need, and end the workers that none of them can use."""
        self._recall("")
        self._pool.close()

    def learned(self) -> tuple[dict[str, Problem], dict[bytes, bytes]]:
        """Return, as plain values, what a fork of this process has learned."""
        return self.problems, self._fresh

    def learn(self, learned: tuple[dict[str, Problem], dict[bytes, bytes]]) -> None:
        """Take over what a fork of this process has learned."""
        problems, fresh = learned
        self.problems |= problems
        self._facts |= dict.fromkeys(problems)
        if self._remembered is not None and fresh:
            self._remembered |= fresh
            self._learned = True

    def _keep(self, path: str, blob: bytes, problem: Problem | None) -> None:
        if problem is not None:
            self.problems[path] = problem
            self._facts[path] = None
            return
        self._blobs[path] = blob
        digest = self._digests.get(path)
        if self._remembered is not None and digest:
            self._remembered[digest + _suffix(path)] = self._fresh[digest + _suffix(path)] = blob
            self._learned = True

    # -- for suppressions, excerpts and fixes
    def raw(self, path: str) -> bytes | None:
        """Bytes of a file, None where it can't be read."""
        if path in self._overlay:
            return self._overlay[path]
        file = self._files.get(path)
        try:
            return read(file.absolute) if file else None
        except OSError:
            return None

    def text(self, path: str) -> bytes:
        """UTF-8 text of a file as the scan saw it; empty where it can't be read."""
        from obs_lint.source import SourceError, decode

        data = self.raw(path)
        try:
            return decode(path, data).text if data is not None else b""
        except SourceError:
            return b""

    def finish(self) -> None:
        """Save what was learned."""
        if self._learned and self._remembered is not None:
            current = {digest + _suffix(path) for path, digest in self._digests.items()}
            kept = self._remembered
            if len(kept) > 2 * len(current) + 100:
                kept = {key: blob for key, blob in kept.items() if key in current}
            self._cache.save("facts", (FACTS_VERSION, kept))
            self._learned = False


def _plain(profile: Profile) -> tuple[object, ...]:
    return (*profile[:3], tuple(tuple(anchor) for anchor in profile.anchors), profile.version)


_WORD = re.compile(rb"[\w\x80-\xff]+|\*")


def _index(scans: Iterable[Scan]) -> tuple[dict[bytes, list[int]], dict[str, list[int]]]:
    """Return (name as it is written in imports → numbers of the files, segment of a module → those)."""
    by_name: dict[bytes, list[int]] = {}
    by_segment: dict[str, list[int]] = {}
    for number, scan in enumerate(scans):
        if not scan.imports:
            continue
        names = b"\n".join([raw[1] for raw in scan.imports if raw[1] is not None])
        for name in set(_WORD.findall(names)):
            if name in by_name:
                by_name[name].append(number)
            else:
                by_name[name] = [number]
        for segment in set(".".join([raw[0] for raw in scan.imports]).split(".")):
            if segment in by_segment:
                by_segment[segment].append(number)
            else:
                by_segment[segment] = [number]
    return by_name, by_segment


def _suffix(path: str) -> bytes:
    return path[path.rfind(".") :].encode("utf-8", "surrogatepass")
