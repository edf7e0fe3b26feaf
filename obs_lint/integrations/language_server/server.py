"""The messages of the protocol: what each of them asks of a Session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from obs_lint import __version__
from obs_lint.diagnostic import Position
from obs_lint.facts.model import Pos
from obs_lint.integrations.language_server import actions, cards, completion
from obs_lint.integrations.language_server.documents import Document, path_of
from obs_lint.integrations.language_server.lexical import string_at
from obs_lint.integrations.language_server.questions import Questions, Spot, View
from obs_lint.integrations.language_server.session import Session, settings
from obs_lint.integrations.language_server.text import Text
from obs_lint.registry.model import Event

_WATCHED = ("**/*.{py,pyi,ipynb}", "**/*.{toml,yaml,yml,json}", "**/.gitignore")


class Server(LanguageServer):
    """A server for one client."""

    def __init__(self) -> None:
        """Documents are sent whole: the library cuts lines at form feeds, where the protocol does not."""
        super().__init__("obs-lint", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.session = Session(self)
        self.is_shut_down = False


def make_server() -> Server:
    """Return a server that answers to everything that it announces."""
    server = Server()
    _lifecycle(server)
    _documents(server)
    _answers(server)
    return server


def _lifecycle(server: Server) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        encoding = server.workspace.position_encoding
        server.session.encoding = str(getattr(encoding, "value", encoding) or "utf-16")
        server.session.open_files_only = settings(params.initialization_options)

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        for path in _folders(server):
            server.session.open_folder(path)
        workspace = server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is not None and watching.dynamic_registration:
            options = types.DidChangeWatchedFilesRegistrationOptions(
                [types.FileSystemWatcher(pattern) for pattern in _WATCHED]
            )
            what = types.Registration("obs-lint-watch", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            try:
                await server.client_register_capability_async(types.RegistrationParams([what]))
            except Exception as error:  # noqa: BLE001 - whatever a client answers; what is saved is noticed all the same
                server.session.log(f"files are not watched: {error}")

    @server.feature(types.SHUTDOWN)
    def shutdown(params: Any) -> None:
        server.is_shut_down = True
        server.session.end()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        for folder in params.event.added:
            path = path_of(folder.uri)
            if path is not None:
                server.session.open_folder(path)


def _folders(server: Server) -> list[str]:
    uris = list(server.workspace.folders) or [server.workspace.root_uri]
    return [path for uri in uris if uri and (path := path_of(uri)) is not None]


def _documents(server: Server) -> None:
    session = server.session

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        session.opened(document.uri, document.version, document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        if params.content_changes:
            document = params.text_document
            session.changed(document.uri, document.version, params.content_changes[-1].text)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        session.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        session.closed(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        session.files_changed(
            [(path, change.type) for change in params.changes if (path := path_of(change.uri)) is not None]
        )


def _answers(server: Server) -> None:
    session = server.session
    kinds = [types.CodeActionKind.QuickFix, actions.FIX_ALL]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=kinds))
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        known = session.shown(params.text_document.uri)
        project = None if known is None else session.project_of(known[0].path)
        if known is None or project is None:
            return []
        document, shown = known
        linted = project[0]

        def opened(path: str) -> tuple[str, Document | None, bytes | None]:
            absolute = linted.absolute(path)
            other = session.documents.get(absolute)
            if other is not None:
                return other.uri, other, other.data
            try:
                with open(absolute, "rb") as stream:
                    return session.text_of(absolute)[0], None, stream.read()
            except OSError:
                return "", None, None

        only = None if params.context.only is None else [str(getattr(k, "value", k)) for k in params.context.only]
        made = actions.code_actions(document, shown.pairs(), params.range, only, opened)
        workspace = server.client_capabilities.workspace
        edits = workspace.workspace_edit if workspace is not None else None
        if edits is None or not edits.document_changes:
            return [actions.without_versions(action) for action in made]
        return made

    @server.command(actions.EXPLAIN)
    async def explain(code: str) -> str:
        found = next((result.explanations[code] for result in session.results() if code in result.explanations), None)
        if found is None:
            return ""
        window = server.client_capabilities.window
        shows = window is not None and window.show_document is not None and window.show_document.support
        if shows:
            done = await server.window_show_document_async(types.ShowDocumentParams(found.url, external=True))
            if done.success:
                return found.url
        text = f"{code}: {found.summary}. {found.why.strip()} {found.url}"
        server.window_show_message(types.ShowMessageParams(types.MessageType.Info, text))
        return found.url

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        uri, position = params.text_document.uri, params.position
        spot = await session.ask(uri, lambda q, d, others: _spot(q, d, others, position), None)
        parts = [cards.event_card(event) for event in spot.events[:5]] if spot is not None else []
        where: types.Range | None = None
        document = session.document(uri)
        if spot is not None and document is not None:
            where = _range(document.text, spot.pos)
        known = session.shown(uri)
        if known is not None:
            project = session.project_of(known[0].path)
            explanations = project[1].explanations if project is not None and project[1] is not None else {}
            for shown, found in known[1].pairs():
                if _holds(shown.range, position):
                    parts.append(cards.rule_card(found, explanations.get(found.code)))
                    where = where or shown.range
        if not parts:
            return None
        said = server.client_capabilities.text_document
        kind = _kind(said.hover.content_format if said is not None and said.hover is not None else None)
        return types.Hover(types.MarkupContent(kind, "\n\n---\n\n".join(parts)), where)

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=['"', "'", ".", "{", ",", "("])
    )
    async def complete(params: types.CompletionParams) -> types.CompletionList:
        nothing: list[types.CompletionItem] = []
        said = server.client_capabilities.text_document
        item = said.completion.completion_item if said is not None and said.completion is not None else None
        kind = _kind(item.documentation_format if item is not None else None)
        items = await session.ask(
            params.text_document.uri,
            lambda q, d, others: completion.complete(q, d, others, params.position, kind),
            nothing,
        )
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    @server.feature(types.TEXT_DOCUMENT_DECLARATION)
    async def definition(params: types.DefinitionParams) -> list[types.Location]:
        spot = await session.ask(
            params.text_document.uri, lambda q, d, others: _spot(q, d, others, params.position), None
        )
        project = session.project_of(path_of(params.text_document.uri) or "")
        if spot is None or project is None:
            return []
        return [_declared(session, project[0].absolute(event.place.path), event) for event in spot.events]

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def references(params: types.ReferenceParams) -> list[types.Location]:
        uri = params.text_document.uri

        def find(q: Questions, d: Document, others: tuple[Document, ...]) -> list[tuple[str, Pos]]:
            view = q.view(others)
            if view is None:
                return []
            events: tuple[Event, ...] = view.declared_at(q.relative(d.path), params.position.line + 1)
            if not events and (spot := _spot(q, d, others, params.position)) is not None:
                events = spot.events
            return sorted(set(view.emitted(events))) if events else []

        nothing: list[tuple[str, Pos]] = []
        found = await session.ask(uri, find, nothing)
        project = session.project_of(path_of(uri) or "")
        if project is None:
            return []
        locations = []
        for path, pos in found:
            there, text = session.text_of(project[0].absolute(path))
            locations.append(types.Location(there, _range(text, pos)))
        return locations


def _spot(
    questions: Questions, document: Document, documents: tuple[Document, ...], position: types.Position
) -> Spot | None:
    view: View | None = questions.view(documents)
    if view is None or not document.path.endswith((".py", ".pyi")):
        return None
    text = document.text
    literal: tuple[str, Pos] | None = None
    string = string_at(text.characters, text.offset(position))
    if string is not None and "f" not in string.prefix and "b" not in string.prefix:
        start, end = text.place(text.at(string.start)), text.place(text.at(string.end))
        literal = text.characters[string.start : string.end], (*start, *end)
    return view.spot(questions.relative(document.path), text.place(position), literal)


def _kind(formats: Sequence[types.MarkupKind] | None) -> types.MarkupKind:
    """How to send what is written in Markdown: plain to a client that does not know it, which is readable too."""
    known = formats is not None and types.MarkupKind.Markdown in formats
    return types.MarkupKind.Markdown if known else types.MarkupKind.PlainText


def _range(text: Text, pos: Pos) -> types.Range:
    return types.Range(text.position(Position(pos[0], pos[1])), text.position(Position(pos[2], pos[3])))


def _declared(session: Session, path: str, event: Event) -> types.Location:
    uri, text = session.text_of(os.path.normpath(path))
    place = event.place
    start = Position(place.line, place.column)
    end = Position(place.end_line, place.end_column) if place.end_line else start
    return types.Location(uri, types.Range(text.position(start), text.position(end)))


def _holds(where: types.Range, position: types.Position) -> bool:
    at = (position.line, position.character)
    return (where.start.line, where.start.character) <= at <= (where.end.line, where.end.character)
