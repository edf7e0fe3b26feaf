"""What can be done about a diagnostic: fix it, suppress it, read about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs
from lsprotocol import types

from obs_lint.catalogue.selection import ALWAYS
from obs_lint.diagnostic import Applicability, Diagnostic
from obs_lint.fixes.choose import Proposal, choose
from obs_lint.fixes.text import EditableText, Replacement, UneditableError
from obs_lint.integrations.language_server.documents import Document
from obs_lint.integrations.language_server.text import Text

FIX_ALL = "source.fixAll.obs-lint"
EXPLAIN = "obs-lint.explain"
"""A command; its argument is a rule's code."""

Open = Callable[[str], tuple[str, Document | None, bytes | None]]
"""From a path as a Diagnostic has it to the file's URI, the document where it is open, and its bytes."""


def code_actions(
    document: Document,
    found: Iterable[tuple[types.Diagnostic, Diagnostic]],
    where: types.Range,
    only: Iterable[str] | None,
    opened: Open,
) -> list[types.CodeAction]:
    """Return what can be done in a range: for each diagnostic there its fix, a suppression, the explanation; and one
    action that applies all safe fixes of the document.
    """
    kinds = tuple(only) if only is not None else None

    def wanted(kind: str) -> bool:
        return kinds is None or any(kind == each or kind.startswith(f"{each}.") or not each for each in kinds)

    pairs = list(found)
    here = [pair for pair in pairs if _touches(pair[0].range, where)]
    actions: list[types.CodeAction] = []
    if wanted(types.CodeActionKind.QuickFix.value):
        actions += [action for pair in here if (action := _fix(*pair, opened)) is not None]
        actions += [action for pair in here if (action := _suppress(*pair, document)) is not None]
        actions += _explain(here)
    if wanted(FIX_ALL):
        actions += _fix_all([source for _, source in pairs], opened)
    return actions


def without_versions(action: types.CodeAction) -> types.CodeAction:
    """Return an action for a client that knows no `documentChanges`."""
    if action.edit is None:
        return action
    changes = {
        change.text_document.uri: [edit for edit in change.edits if isinstance(edit, types.TextEdit)]
        for change in action.edit.document_changes or ()
        if isinstance(change, types.TextDocumentEdit)
    }
    return attrs.evolve(action, edit=types.WorkspaceEdit(changes=changes))


def _touches(one: types.Range, other: types.Range) -> bool:
    def key(position: types.Position) -> tuple[int, int]:
        return position.line, position.character

    return key(one.start) <= key(other.end) and key(other.start) <= key(one.end)


def _fix(shown: types.Diagnostic, found: Diagnostic, opened: Open) -> types.CodeAction | None:
    if found.fix is None:
        return None
    safe = found.fix.applicability is Applicability.SAFE
    edit = _edit([Proposal(found, found.fix)], opened)
    if edit is None:
        return None
    title = found.fix.title if safe else f"{found.fix.title} (unsafe)"
    return types.CodeAction(
        f"{title} ({found.code})" if safe else title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[shown],
        is_preferred=safe or None,
        edit=edit,
    )


def _fix_all(found: Iterable[Diagnostic], opened: Open) -> Iterator[types.CodeAction]:
    proposals = [
        Proposal(each, each.fix)
        for each in found
        if each.fix is not None and each.fix.applicability is Applicability.SAFE
    ]
    edit = _edit(proposals, opened) if proposals else None
    if edit is not None:
        yield types.CodeAction("Apply all safe fixes of obs-lint", kind=FIX_ALL, edit=edit)


def _edit(proposals: Iterable[Proposal], opened: Open) -> types.WorkspaceEdit | None:
    """Place fixes in the documents as they are; None where none of them can be applied."""
    proposals = list(proposals)
    texts: dict[str, EditableText] = {}
    places: dict[str, tuple[str, Document | None, bytes]] = {}
    for path in {edit.path for proposal in proposals for edit in proposal.fix.edits}:
        uri, document, data = opened(path)
        if data is None:
            continue
        try:
            texts[path] = EditableText.read(path, data)
        except UneditableError:
            continue
        places[path] = uri, document, data
    usable = [p for p in proposals if all(edit.path in texts for edit in p.fix.edits)]
    if not usable:
        return None
    choice = choose(usable, texts)
    if not choice.changes:
        return None
    return types.WorkspaceEdit(document_changes=_changes(choice.changes, texts, places))


def _changes(
    changes: Mapping[str, tuple[Replacement, ...]],
    texts: Mapping[str, EditableText],
    places: Mapping[str, tuple[str, Document | None, bytes]],
) -> list[types.TextDocumentEdit]:
    made = []
    for path in sorted(changes):
        uri, document, _ = places[path]
        text = document.text if document is not None else Text(texts[path].characters, _encoding_of(places))
        # An editor that keeps a byte order mark in its text has all offsets behind it.
        mark = len(text.characters) - len(texts[path].characters)
        edits = [
            types.TextEdit(text.between(change.start + mark, change.end + mark), change.text)
            for change in changes[path]
        ]
        made.append(
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(uri, document.version if document else None), list(edits)
            )
        )
    return made


def _encoding_of(places: Mapping[str, tuple[str, Document | None, bytes]]) -> str:
    return next((d.text.encoding for _, d, _ in places.values() if d is not None), "utf-16")


def _suppress(shown: types.Diagnostic, found: Diagnostic, document: Document) -> types.CodeAction | None:
    if found.code in ALWAYS or not document.path.endswith((".py", ".pyi")):
        return None
    edit = suppression(document.text, found)
    if edit is None:
        return None
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.CodeAction(
        f"Suppress {found.code} on this line",
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[shown],
        edit=types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [edit])]),
    )


_OURS = re.compile(r"(#\s*obs:\s*ignore\[)([^\]#]*)\]")


def suppression(text: Text, found: Diagnostic) -> types.TextEdit | None:
    """Return the edit that suppresses a Diagnostic: another code in the brackets that are there, or a new comment.

    None where no line of its statement can bear a comment.
    """
    first, last = found.lines or (found.span.start.line, found.span.end.line)
    start = found.span.start.line
    for line in dict.fromkeys([start, last, *range(first, last + 1)]):
        edit = _on_line(text, line, found.code)
        if edit is not None and _counts(text, edit, line, found.code):
            return edit
    return None


def _on_line(text: Text, line: int, code: str) -> types.TextEdit | None:
    words = text.line(line)
    if words.rstrip().endswith("\\") or not words.strip():
        return None
    begin = text.starts[line - 1]
    known = _OURS.search(words)
    if known is not None:
        at = begin + known.end() - 1
        return types.TextEdit(text.between(at, at), f", {code}" if known[2].strip() else code)
    end = len(words.rstrip())
    return types.TextEdit(text.between(begin + end, begin + len(words)), f"  # obs: ignore[{code}]")


def _counts(text: Text, edit: types.TextEdit, line: int, code: str) -> bool:
    """True where the comment is one to the tokenizer, and the source is as it was but for that."""
    from obs_lint.suppression import find_suppressions

    start, end = text.offset(edit.range.start), text.offset(edit.range.end)
    changed = text.characters[:start] + edit.new_text + text.characters[end:]
    data = re.sub("\r\n?", "\n", changed).encode("utf-8", "surrogatepass")
    return any(
        mark.line == line and code in mark.codes and not mark.problem and mark.kind == "ignore"
        for mark in find_suppressions(data)
    )


def _explain(here: Iterable[tuple[types.Diagnostic, Diagnostic]]) -> Iterator[types.CodeAction]:
    seen: set[str] = set()
    for shown, found in here:
        if found.code not in seen:
            seen.add(found.code)
            title = f"Explain {found.code} ({found.slug})"
            yield types.CodeAction(
                title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[shown],
                command=types.Command(title, EXPLAIN, arguments=[found.code]),
            )
