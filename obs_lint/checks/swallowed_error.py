"""Reports broad handlers that let an error vanish: nobody is told of it, and nobody is given it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from obs_lint.checks import Check
from obs_lint.checks.handlers import (
    BROAD,
    Handler,
    by_handlers,
    catches,
    handlers,
    inner_blocks,
    only_imports,
    only_tidies,
    spread,
    spread_block,
    statements,
)
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.checks.telling import Telling, Told, first_name, is_log_method, words
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name
from obs_lint.facts.flow import FALL, RETURN, Graph, Node, arrivals, graph
from obs_lint.facts.model import Block, Expr, FileFacts, Statement
from obs_lint.facts.nested import nested


@dataclass(frozen=True, slots=True)
class Options:
    """What `swallowed-error` may be told."""

    types: tuple[str, ...] = ()
    """Dotted names of further, narrow types whose handlers may not swallow either."""
    paths: Literal["every", "some"] = "every"
    """`every`: a handler swallows where no way through it tells anybody; `some`: where one way does not."""
    fallbacks: bool = False
    """Whether a handler that computes the same in another way is found too."""
    failure_words: tuple[str, ...] = ()
    """A name with one of these words speaks of the failure: what is returned, set or called by it is no silence."""
    telling_words: tuple[str, ...] = ()
    """A function with one of these words in its name tells somebody."""
    cleanup_functions: tuple[str, ...] = ()
    """Last names of functions and methods that tidy up: where nothing else is tried, silence is accepted."""
    import_functions: tuple[str, ...] = ()
    """Last names of functions that look for a module or a package: where nothing else is tried, silence is accepted."""
    predicate_words: tuple[str, ...] = ()
    """A function with one of these words in its name may answer True or False where it fails."""
    quiet_functions: tuple[str, ...] = ()
    """Last names of functions and methods that tell nobody and are no other way of doing it."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files with a handler of such a type, bare, in a tuple or by a name given in the file, or with a `suppress`.

    Handlers that plainly raise, log or use the exception in their first lines do not count.
    """
    names = "|".join(re.escape(name.rpartition(".")[2]) for name in (*BROAD, *options.types))
    listed = rf"(?:[\w.*\x80-\xff]++\s*+,\s*+)*(?:[\w\x80-\xff]++\.)*(?:{names})\b"
    if options.paths == "some":
        pattern = rf"[ \t]*except\s*\*?\s*(?::|(?:\(\s*)?{listed})"
    else:
        named = rf"{listed}(?:[^:\r\n]*?\bas\s+(?P<e>[\w\x80-\xff]+)[ \t]*:|(?:(?!\bas\b)[^:\r\n])*:)"
        head = rf"(?P<i>[ \t]*+)except\s*\*?\s*(?::|(?:\(\s*)?{named})[ \t]*(?=\r?\n|#)[^\r\n]*"
        within = r"(?:\r?\n(?:(?P=i)[ \t]++[^\r\n]*+|[ \t]*+)){0,5}?\r?\n(?P=i)[ \t]++(?=\S)"
        tells = rf"(?:raise(?=\s)|(?:await )?(?:\w+\.)*_?(?i:log|logger|logging)\.a?(?:{_LOGGING})\()"
        name = r"(?<![\w\x80-\xff])(?P=e)(?=[^\w\x80-\xff])"
        uses = rf"(?!except\b|del\b)(?:[^\r\n#\"']*{name}(?!\s*=[^=])|[^\r\n#]*[{{]{name})"
        pattern = rf"{head}(?!{within}{tells})(?!(?(e){within}{uses}|(?!)))"
        pattern += r"|[ \t]*+except\b[^\r\n#]*:[ \t]*[^#\s]|[ \t]*+except\s*\*?\s*\([^)\r\n]*\r?\n"
    suppress = rf"(?<!\w)suppress\(\s*{listed}"
    aliased = rf"[ \t]*(?:from|import)\b[^\n]*(?:{names})[ \t]+as\b|"
    renamed = rf"{aliased}[ \t]*\w+[ \t]*(?::[^=\n]+)?=\s*[(\[]?\s*{listed}[ \t]*[,)\]]*[ \t]*(?:#.*)?$"
    types = tuple(name.encode() for name in names.split("|"))
    return (
        Anchor(words=(b"except",), pattern=pattern.encode(), at_line=True),
        Anchor(words=(b"suppress(",), pattern=suppress.encode()),
        Anchor(words=(b"except",), pattern=renamed.encode(), any_of=types, at_line=True),
    )


_LOGGING = "debug|info|warn(?:ing)?|error|exception|critical|fatal"


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a handler, at the type that it catches."""
    in_functions = anchors(run.options, run.config)[:2]
    types = [name.rpartition(".")[2] for name in (*BROAD, *run.options.types)]
    names = "|".join(map(re.escape, types))
    aliased = rf"(?:from|import)\b[^\n]*\b(?:{names})[ \t]+as\b"
    renamed = rf"[ \t]*(?:{aliased}|\w+[ \t]*(?::[^=\n]+)?=(?!=)[^\n]*\b(?:{names})\b(?!\())"
    everywhere = Anchor(any_of=tuple(name.encode() for name in types), pattern=renamed.encode(), at_line=True)
    yield from by_handlers(run, lambda part: _Judge(part).in_file, in_functions, everywhere)


class _Judge:
    """Decides on handlers: by their statements first, then by names, and only then by what is called."""

    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._options = run.options
        self._telling = Telling(run.project, run.config, run.options.telling_words, run.options.failure_words)
        self._predicates = frozenset(run.options.predicate_words)
        self._cleanup = frozenset(run.options.cleanup_functions)
        self._imports = frozenset(run.options.import_functions)
        self._quiet = frozenset(run.options.quiet_functions) | self._imports
        self._types = (*BROAD, *run.options.types)

    def in_file(self, file: ProjectFile, facts: FileFacts) -> Iterator[Diagnostic]:
        """Yield what there is to say of a file's handlers."""
        run = self._run
        for handler in handlers(facts):
            caught = catches(run.project, file.path, facts, handler, self._types)
            if caught and self.swallows(file, facts, handler):
                yield run.report(
                    file,
                    handler.place,
                    target=caught,
                    scope=handler.scope,
                    handler=_header(handler, caught),
                    does=_does(handler.body),
                )

    def swallows(self, file: ProjectFile, facts: FileFacts, handler: Handler) -> bool:
        """True where nobody learns of what the handler catches, and silence is no accepted idiom there."""
        if handler.is_suppress and not self._is_suppress(file, facts, handler):
            return False
        if self._options.paths == "some":
            if not self._is_silent_somewhere(file.path, facts, handler):
                return False
        elif not self._is_silent(facts, handler):
            return False
        if self._is_idiom(facts, handler):
            return False
        if self._ends_in_raise(facts, handler) or self._is_noticed(facts, handler):
            return False
        if self._options.paths != "some" and not self._calls_are_silent(file.path, facts, handler):
            return False
        return not self._is_telemetry(file.path, handler)

    # -- the handler itself

    def _is_silent(self, facts: FileFacts, handler: Handler) -> bool:
        """True where, by names alone, no statement of the handler tells anybody or shows the failure."""
        telling, body = self._telling, handler.body
        if handler.name and _is_read(facts, body, handler.name):
            return False
        for statement in statements(body):
            kind = statement[0]
            if kind == "raise":
                return False
            if kind in ("return", "assign") and statement[1] is not None and telling.shows_failure(statement[1]):
                return False
        if telling.by_name(spread_block(facts, body), None):
            return False
        return not any(telling.shows_failure(target) for target in _targets(facts, body, handler.name))

    def _is_silent_somewhere(self, path: str, facts: FileFacts, handler: Handler) -> bool:
        telling = self._telling

        def transfer(node: Node, told: bool) -> tuple[bool, ...]:
            parts = [part for expr in node.expressions for part in spread(facts, expr, lambdas=True)]
            tells = telling.by_name(parts, handler.name) or telling.by_origin(path, handler.scope, parts) is Told.YES
            return (told or tells,)

        return any(a.way in (FALL, RETURN) and not a.state for a in arrivals(graph(handler.body), False, transfer))

    def _calls_are_silent(self, path: str, facts: FileFacts, handler: Handler) -> bool:
        """True where what the handler calls tells nobody, and is no other way of doing what was tried."""
        parts = list(spread_block(facts, handler.body))
        calls = [part for part in parts if part[0] == "call" and last_name(part[1]) not in self._quiet]
        if not self._options.fallbacks:
            read = {part[1] for part in spread_block(facts, handler.tried) if part[0] == "name"}
            read -= {"self", "cls", *(last_name(call[1]) for call in calls if call[1][0] == "name")}
            if any(part[0] == "name" and part[1] in read for call in calls for part in spread(facts, call)):
                return False
            given = [s[1] for s in statements(handler.body) if s[0] in ("return", "assign") and s[1] is not None]
            if any(value[0] == "attr" and first_name(value) in read for value in given):
                return False
        return not calls or self._telling.by_origin(path, handler.scope, calls) is Told.NO

    # -- around it

    def _is_idiom(self, facts: FileFacts, handler: Handler) -> bool:
        if only_imports(facts, handler, self._imports) or only_tidies(handler, self._cleanup):
            return True
        if handler.function >= 0:
            name = facts.functions[handler.function].name
            if name in _REPRESENTING:
                return True
            if not words(name).isdisjoint(self._predicates) and _answers(handler.body):
                return True
        return any(self._reports(facts, block) for block in handler.within)

    def _is_telemetry(self, path: str, handler: Handler) -> bool:
        """Nothing is tried but to log or to emit, with what that needs: an error of that can't be logged."""
        block = handler.tried
        while block and block[-1][0] in ("if", "with"):
            block = inner_blocks(block[-1])[0]
        if not block or block[-1][0] != "expr" or any(s[0] == "expr" for s in statements(handler.tried[:-1])):
            return False
        value = block[-1][1]
        call = value[1] if value[0] == "await" else value
        if call[0] != "call":
            return False
        alone = len(handler.tried) == 1 and is_log_method(call[1]) and call[1][2] != "log"
        return alone or self._telling.is_telemetry(path, handler.scope, call)

    def _reports(self, facts: FileFacts, block: Block) -> bool:
        if any(s[0] == "raise" for s in statements(block)):
            return True
        return self._telling.by_name(spread_block(facts, block), None)

    def _is_suppress(self, file: ProjectFile, facts: FileFacts, handler: Handler) -> bool:
        line = handler.pos
        for call in facts.calls:
            if call.expr[-1] == line:
                origins = self._run.project.resolve(file.path, call.scope, call.expr[1])
                return any(origin.name == "contextlib.suppress" for origin in origins)
        return False

    def _ends_in_raise(self, facts: FileFacts, handler: Handler) -> bool:
        """True where whatever follows the handler raises, unless the same is tried again."""
        block = facts.functions[handler.function].block if handler.function >= 0 else facts.body
        if handler.is_suppress or not any(_is_way_out(s) and s[-1] > handler.pos for s in statements(block)):
            return False
        flow = graph(block)
        return flow.complete and _only_raises(flow, handler)

    def _is_noticed(self, facts: FileFacts, handler: Handler) -> bool:
        """True where the handler sets what is tested afterwards, in order to raise or to report."""
        names = {
            name
            for scope in facts.scopes
            for name, bindings in scope.bindings.items()
            for binding in bindings
            if _stands_in(binding.pos, handler.body)
        }
        if not names:
            return False
        block = facts.functions[handler.function].block if handler.function >= 0 else facts.body
        for statement in statements(block):
            if statement[0] == "if" and statement[-1] > handler.pos:
                for test, body, _ in statement[1]:
                    if any(part[0] == "name" and part[1] in names for part in nested(test)) and self._reports(
                        facts, body
                    ):
                        return True
        return False


def _is_way_out(statement: Statement) -> bool:
    """True for a statement that raises, or ends the program."""
    kind = statement[0]
    return kind == "raise" or (kind in ("expr", "return") and statement[1] is not None and _leaves(statement[1]))


_REPRESENTING = frozenset({"__del__", "__repr__", "__str__", "__format__"})


def _is_read(facts: FileFacts, body: Block, name: str) -> bool:
    """True where a block, or a function or a lambda in it, reads a name."""
    return any(first_name(use.expr) == name and _stands_in(use.expr[-1], body) for use in facts.uses)


def _targets(facts: FileFacts, body: Block, caught: str | None) -> Iterator[Expr]:
    """Yield what the statements of a block assign to, and the receivers of what they append to."""
    if not body:
        return
    for scope in facts.scopes:
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind in _SETTING and name != caught and _stands_in(binding.pos, body):
                    yield ("name", name, binding.pos)
    for row in (*facts.attributes, *facts.subscripts):
        if _stands_in(row.target[-1], body):
            yield row.target
    for statement in statements(body):
        if statement[0] == "expr" and statement[1][0] == "call":
            yield statement[1]


_SETTING = frozenset({"assign", "augment", "walrus"})


def _stands_in(pos: tuple[int, int, int, int], body: Block) -> bool:
    return bool(body) and body[0][-1][:2] <= pos[:2] and pos[:2] <= _end(body)


def _end(body: Block) -> tuple[int, int]:
    return max((s[-1][2], s[-1][3]) for s in statements(body))


def _inside(inner: Expr, outer: Expr) -> bool:
    return bool(outer[-1][:2] <= inner[-1][:2] and inner[-1][2:] <= outer[-1][2:])


def _answers(body: Block) -> bool:
    """True for a handler that answers a question, with True or False."""
    return bool(body) and all(s[0] in ("return", "assign") and s[1] is not None and s[1][:2] in _ANSWERS for s in body)


_ANSWERS = (("const", True), ("const", False))


def _only_raises(flow: Graph, handler: Handler) -> bool:
    entries = [i for i, node in enumerate(flow.nodes) if node.kind == "handler" and node.pos == handler.pos]
    ways_out = set(flow.exits.values())
    raised = False
    seen = set(entries)
    while entries:
        index = entries.pop()
        node = flow.nodes[index]
        if index in ways_out:
            return False
        if node.kind == "raise" or any(_leaves(expr) for expr in node.expressions):
            raised = True
            continue
        if node.kind == "join" and node.pos == handler.start:
            continue
        for after in node.next:
            if after not in seen:
                seen.add(after)
                entries.append(after)
    return raised


def _leaves(expr: Expr) -> bool:
    return expr[0] == "call" and last_name(expr[1]) in _EXITS


_EXITS = frozenset({"exit", "_exit", "abort"})


def _header(handler: Handler, caught: str) -> str:
    if handler.is_suppress:
        return f"`suppress({caught})`"
    return "A bare `except`" if handler.caught is None else f"`except {caught}`"


def _does(body: Block) -> str:
    """Say what the handler does instead."""
    doing = [statement for statement in body if statement[0] != "other"]
    if not doing:
        return "passes"
    last = doing[-1]
    if last[0] == "return":
        return f"returns {_shown(last[1])}"
    if last[0] in ("continue", "break"):
        return {"continue": "continues", "break": "breaks off"}[last[0]]
    if last[0] == "assign":
        return "sets a default and goes on"
    return "goes on"


def _shown(value: Expr | None) -> str:
    if value is None:
        return "nothing"
    if value[0] == "const" and (value[1] is None or isinstance(value[1], bool)):
        return f"`{value[1]}`"
    if value[0] == "const":
        return f"`{value[1]!r}`" if len(repr(value[1])) < 20 else "a default"
    if value[0] in ("seq", "dict") and not value[2 if value[0] == "seq" else 1]:
        return {"list": "`[]`", "tuple": "`()`"}.get(value[1], "`{}`") if value[0] == "seq" else "`{}`"
    if value[0] == "name":
        return f"`{value[1]}`"
    return "a default"


CHECK = Check("swallowed-error", Options, run, anchors, parts="files")
