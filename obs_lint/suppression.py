"""Suppressions: comments that take a Diagnostic out of the report, and what is wrong with such comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from obs_lint.catalogue.selection import ALWAYS
from obs_lint.config import Config, config_for
from obs_lint.config.suggest import nearest
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Span
from obs_lint.facts.comments import Comment, comments, head_end
from obs_lint.facts.model import Pos
from obs_lint.rule import Rule


class SuppressionComment(NamedTuple):
    """One directive in a comment; a comment may hold several."""

    kind: str
    """noqa: `# noqa`, `# noqa: CODE reason`
    ignore: `# obs: ignore[CODE] reason`
    file: `# obs: ignore-file[CODE] reason`"""
    line: int
    """1-based; in a notebook, in the joined code."""
    column: int
    """1-based, in code points, of the directive's `#`."""
    end_column: int
    """Behind the reason."""
    codes: tuple[str, ...]
    """As written; empty for a blanket `# noqa`."""
    code_columns: tuple[tuple[int, int], ...]
    """From and up to, not including, for each code."""
    reason: str
    problem: str = ""
    """Why the directive suppresses nothing at all; empty for a good one."""
    text: str = ""
    """The directive without its reason."""
    extent: Pos | tuple[()] = ()
    """What goes with it when it is taken away: the blanks before it, or the whole line, never another directive."""


_DIRECTIVE = re.compile(
    r"\#+[ \t]*(?:"
    r"(?P<noqa>(?i:noqa))(?P<end>[ \t]*:[ \t]*(?P<noqa_codes>[A-Z][A-Z0-9]*[0-9](?![A-Za-z0-9_])"
    r"(?:[, \t]+[A-Z][A-Z0-9]*[0-9](?![A-Za-z0-9_]))*)|[ \t]*:|(?=[ \t\#]|$))"
    r"|obs:[ \t]*ignore(?P<file>-file)?(?![\w-])(?:[ \t]*\[(?P<codes>[^\]\#]*)(?P<close>\])?)?"
    r")(?P<reason>[^\#]*)"
)
_CODE = re.compile(r"[A-Z]+[0-9]+")
_WORD = re.compile(r"[^\s,]+")
_CANDIDATE = re.compile(rb"#[ \t]*+(?:[nN][oO][qQ][aA]|obs:[ \t]*+ignore)")
_TRIM = " \t:;,.-–—()"


def may_suppress(text: bytes) -> bool:
    """Cheap test: False where a source can hold no suppression at all."""
    return b"obs:" in text or b"noqa" in text or b"NOQA" in text or b"oqa" in text.lower()


def find_suppressions(text: bytes) -> tuple[SuppressionComment, ...]:
    """Return the suppressions of a source, which is UTF-8 (a notebook's: joined code), in order."""
    if not may_suppress(text):
        return ()
    last = -1
    for found in _CANDIDATE.finditer(text):
        last = found.start()
    if last < 0:
        return ()
    head: int | None = None
    made: list[SuppressionComment] = []
    for comment in comments(text, last + 1):
        for directive in _directives(comment, text):
            if directive.kind == "file" and not directive.problem:
                head = head_end(text) if head is None else head
                if comment.offset >= head:
                    directive = directive._replace(problem="counts only in the first block of comments of a file")
            made.append(directive)
    return tuple(made)


def _directives(comment: Comment, text: bytes) -> Iterator[SuppressionComment]:
    """Yield what a comment says, `# noqa: E501  # obs: ignore[OBS102] why` being two."""
    for found in _DIRECTIVE.finditer(comment.text):
        problem = ""
        if found["noqa"]:
            kind, group, written = "noqa", "noqa_codes", found["noqa_codes"]
            spans = [(m.start(), m.end()) for m in _CODE.finditer(written or "")]
            if not written and found["end"]:
                problem = "names no code after the colon; codes are in capitals, as in OBS102"
            words = comment.text[found.start() : found.end("end")]
        else:
            kind, group, written = ("file" if found["file"] else "ignore"), "codes", found["codes"]
            spans = [(m.start(), m.end()) for m in _WORD.finditer(written or "")]
            if written is None:
                problem = "names no code"
            elif not found["close"]:
                problem = "lacks the closing bracket"
            elif not spans:
                problem = "names no code"
            words = comment.text[found.start() : found.start("reason")]
        offset = comment.column + found.start(group) if written else 0
        reason = found["reason"]
        yield SuppressionComment(
            kind=kind,
            line=comment.line,
            column=comment.column + found.start(),
            end_column=comment.column + found.start() + len(found.group().rstrip()),
            codes=tuple(written[start:end] for start, end in spans) if written else (),
            code_columns=tuple((offset + start, offset + end) for start, end in spans),
            reason=reason.strip(_TRIM),
            problem=problem,
            text=words.strip(),
            extent=_extent(comment, found, text),
        )


def _extent(comment: Comment, found: re.Match[str], text: bytes) -> Pos:
    line, column = comment.line, comment.column
    if found.end() < len(comment.text):
        return (line, column + found.start(), line, column + found.end())
    start = text.rfind(b"\n", 0, comment.offset) + 1
    before = text[start : comment.offset].decode("utf-8", "replace") + comment.text[: found.start()]
    bare = before.rstrip(" \t\f")
    if not bare:
        return (line, 1, line + 1, 1)
    return (line, column + found.start() - len(before) + len(bare), line, column + len(comment.text))


class Use(NamedTuple):
    """One suppression that took at least one Diagnostic out."""

    path: str
    comment: SuppressionComment
    code: str
    """The code that it took out; for a blanket `# noqa` too."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Diagnostics, parted by the suppressions."""

    kept: tuple[Diagnostic, ...]
    suppressed: tuple[Diagnostic, ...]
    used: frozenset[Use]


class _Index:
    """Where the suppressions of one file count."""

    def __init__(self, found: Iterable[SuppressionComment], *, blanket: bool) -> None:
        self.whole: list[SuppressionComment] = []
        self.lines: dict[int, list[SuppressionComment]] = {}
        for comment in found:
            if comment.problem or (not comment.codes and not blanket):
                continue
            if comment.kind == "file":
                self.whole.append(comment)
            else:
                self.lines.setdefault(comment.line, []).append(comment)

    def covering(self, code: str, first: int, last: int) -> list[SuppressionComment]:
        """Return what suppresses a code on these lines; all of it, so that none of it counts as unused."""
        found = [comment for comment in self.whole if code in comment.codes]
        for line in range(first, last + 1) if last - first < len(self.lines) else sorted(self.lines):
            if first <= line <= last:
                for comment in self.lines.get(line, ()):
                    if not comment.codes or code in comment.codes:
                        found.append(comment)
        return found


def apply(
    diagnostics: Iterable[Diagnostic],
    comments_by_path: Mapping[str, Collection[SuppressionComment]],
    extent: Callable[[Diagnostic], tuple[int, int]],
    config: Config,
) -> Suppressed:
    """Part the diagnostics into those that a comment suppresses and the others.

    `extent` gives the first and last physical line of a diagnostic's statement (of its header, where it is compound),
    in a notebook in the joined code like the comments' own. OBS900 can't be suppressed.
    """
    indices: dict[str, _Index] = {}
    kept: list[Diagnostic] = []
    suppressed: list[Diagnostic] = []
    used: set[Use] = set()
    for diagnostic in diagnostics:
        path = diagnostic.path
        found = comments_by_path.get(path)
        if not found or diagnostic.code in ALWAYS:
            kept.append(diagnostic)
            continue
        if path not in indices:
            indices[path] = _Index(found, blanket=config_for(config, path).blanket_noqa == "honour")
        covering = indices[path].covering(diagnostic.code, *extent(diagnostic))
        if covering:
            suppressed.append(diagnostic)
            used.update(Use(path, comment, diagnostic.code) for comment in covering)
        else:
            kept.append(diagnostic)
    return Suppressed(tuple(kept), tuple(suppressed), frozenset(used))


def statement_lines(statements: Iterable[Pos], line: int, column: int) -> tuple[int, int] | None:
    """Return the first and last line of the innermost of `FileFacts.statements` that covers a place; None without."""
    best: Pos | None = None
    for statement in statements:
        if (
            statement[:2] <= (line, column)
            and (line, column) <= statement[2:]
            and (best is None or statement[:2] >= best[:2])
        ):
            best = statement
    return (best[0], best[2]) if best else None


class Places(Protocol):
    """What a Diagnostic at a comment needs to know of the project; `Project` is one."""

    def cell_of(self, path: str, line: int) -> tuple[int | None, int]:
        """(cell, lines before it) of a line of a notebook; (None, 0) elsewhere."""

    def symbol(self, path: str, scope: int = -1) -> str:
        """Dotted name of a module."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Finds what is wrong with suppressions; it needs the result of a run, so no check can."""

    comments_by_path: Mapping[str, Collection[SuppressionComment]]
    """Of the files that were analysed."""
    used: frozenset[Use]
    config: Config
    codes: Mapping[str, str]
    """Code → slug of every rule there is, selected or not."""
    places: Places

    def unused(
        self, rule: Rule, ran: Callable[[str, str], bool], within: Collection[str] | None = None
    ) -> tuple[Diagnostic, ...]:
        """Return a Diagnostic for each code that suppresses nothing, and for each directive that is written wrong.

        `ran(code, path)` is False for a rule that did not run on the file: it is not judged. Nor is a blanket `# noqa`,
        nor a code of another tool. A code that is no rule's is reported where it must be ours: within `obs: ignore[…]`,
        or with the letters of our codes. `within`: paths of the files to judge, such as those of a scope; None: all.
        """
        families = {code.rstrip("0123456789") for code in self.codes}

        def found() -> Iterator[Diagnostic]:
            for path, written in self.comments_by_path.items():
                for comment in written if within is None or path in within else ():
                    idle = tuple(self._idle_codes(rule, path, comment, families, ran))
                    known = frozenset(span for code, span, _ in idle if code in self.codes and not comment.problem)
                    for code, span, problem in idle:
                        fix = self._removal(path, comment, span, known) if span in known else None
                        yield self._report(rule, path, comment, span, code, problem, fix)

        return self._suppressible(found())

    def _removal(
        self, path: str, comment: SuppressionComment, span: tuple[int, int], idle: frozenset[tuple[int, int]]
    ) -> Fix | None:
        """Take the code away, or the whole directive where none of its codes does anything; not in a notebook."""
        if not comment.extent or self.places.cell_of(path, comment.line)[0] is not None:
            return None
        spans = comment.code_columns
        if idle.issuperset(spans):
            first, column, last, end = comment.extent
            gone = Span(Position(first, column), Position(last, end))
            return Fix("Remove the suppression", Applicability.SAFE, (Edit(path, gone, ""),))
        index = spans.index(span)
        column, end = (spans[index - 1][1], span[1]) if index else (span[0], spans[1][0])
        gone = Span(Position(comment.line, column), Position(comment.line, end))
        return Fix(f"Remove `{comment.codes[index]}`", Applicability.SAFE, (Edit(path, gone, ""),))

    def _idle_codes(
        self,
        rule: Rule,
        path: str,
        comment: SuppressionComment,
        families: set[str],
        ran: Callable[[str, str], bool],
    ) -> Iterator[tuple[str, tuple[int, int], str]]:
        """Yield (code, its columns, why it suppresses nothing)."""
        if comment.problem:
            if comment.kind != "noqa" or self._means_us(comment):
                code = next((code for code in comment.codes if code in self.codes), "")
                yield code, (comment.column, comment.end_column), f"it {comment.problem}"
            return
        for code, span in zip(comment.codes, comment.code_columns, strict=True):
            if Use(path, comment, code) not in self.used:
                problem = self._idle(rule, path, comment, code, families, ran)
                if problem:
                    yield code, span, problem

    def _idle(
        self,
        rule: Rule,
        path: str,
        comment: SuppressionComment,
        code: str,
        families: set[str],
        ran: Callable[[str, str], bool],
    ) -> str:
        """Say why a code suppresses nothing; empty where that can't be told or is as it should be."""
        if code in self.codes:
            if code in ALWAYS:
                return f"{code} can't be suppressed; exclude the file"
            if code == rule.code or not ran(code, path):
                return ""
            return f"{code} finds nothing in this file" if comment.kind == "file" else f"{code} finds nothing here"
        if comment.kind == "noqa" and code.rstrip("0123456789") not in families:
            return ""
        for known, slug in self.codes.items():
            if slug == code:
                return f"`{code}` is no code; write {known}"
        guess = nearest(code, self.codes)
        return f"`{code}` is no rule" + (f"; did you mean {guess}?" if guess else "")

    def bare(self, rule: Rule, within: Collection[str] | None = None) -> tuple[Diagnostic, ...]:
        """Return a Diagnostic for each suppression without a code or a reason, where the configuration requires one.

        A blanket `# noqa` is one of ours only where it did suppress something of ours. `within` as for `unused`.
        """
        return self._suppressible(
            self._report(rule, path, comment, (comment.column, comment.end_column), code, problem)
            for path, found in self.comments_by_path.items()
            if within is None or path in within
            for comment in found
            if not comment.problem
            for code, problem in self._lacks(path, comment)
        )

    def _lacks(self, path: str, comment: SuppressionComment) -> Iterator[tuple[str, str]]:
        """Yield (code to suggest, what is missing), at most once."""
        config = config_for(self.config, path)
        if comment.codes:
            ours = next((code for code in comment.codes if code in self.codes), "")
            if config.require_reason and not comment.reason and (ours or comment.kind != "noqa"):
                yield ours, "gives no reason"
            return
        taken = min((use.code for use in self.used if use.path == path and use.comment == comment), default="")
        if taken and config.require_code:
            yield taken, "names no code"
        elif taken and config.require_reason and not comment.reason:
            yield taken, "gives no reason"

    def _means_us(self, comment: SuppressionComment) -> bool:
        """True for `# noqa: obs102`, which means one of our codes and misses it."""
        words = re.findall(r"[A-Za-z]+[0-9]+", comment.reason)
        return any(word not in self.codes and word.upper() in self.codes for word in words)

    def _report(
        self,
        rule: Rule,
        path: str,
        comment: SuppressionComment,
        columns: tuple[int, int],
        code: str,
        problem: str,
        fix: Fix | None = None,
    ) -> Diagnostic:
        cell, before = self.places.cell_of(path, comment.line)
        line = comment.line - before
        fields = {"problem": problem, "code": code or "OBS102", "comment": comment.text}
        return Diagnostic(
            code=rule.code,
            slug=rule.slug,
            severity=rule.severity,
            message=rule.message.format_map(fields),
            path=path,
            span=Span(Position(line, columns[0]), Position(line, columns[1])),
            symbol=self.places.symbol(path),
            target=code,
            help=rule.help.format_map(fields),
            fix=fix,
            cell=cell,
        )

    def _suppressible(self, made: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        """Leave out what a comment names by its code: `# obs: ignore[OBS901] kept for the old release`."""
        return tuple(diagnostic for diagnostic in made if not self._named(diagnostic))

    def _named(self, diagnostic: Diagnostic) -> bool:
        for comment in self.comments_by_path[diagnostic.path]:
            if diagnostic.code in comment.codes and not comment.problem:
                cell, before = self.places.cell_of(diagnostic.path, comment.line)
                here = (cell, comment.line - before) == (diagnostic.cell, diagnostic.span.start.line)
                if comment.kind == "file" or here:
                    return True
        return False
