"""Where requests, messages and commands come in: middleware of any framework, signal handlers, command lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_lint.config.model import Config
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import FileFacts, Function
from obs_lint.patterns import names_match
from obs_lint.project import Project

_SIGNATURES = (
    ("scope", "receive", "send"),
    ("environ", "start_response"),
    ("request", "call_next"),
    ("request", "handler"),
    ("request", "get_response"),
    ("get_response",),
    ("ctx", "next_call"),
)
"""Parameters, `self` left out, of ASGI and WSGI applications and of middleware functions."""
_CLASS = re.compile(r"\w*(?:Middleware|Interceptor)(?:Mixin|Base|Class)?\d?")
_HOOKS = frozenset(
    """
    middleware before_request before_app_request before_websocket before_app_websocket before_first_request
    url_value_preprocessor app_url_value_preprocessor before_task_publish task_prerun request_started
    worker_process_init on_job_start before_process_message before_enqueue before_publish pre_send pre_execute
    process_request process_view on_request on_message_received intercept intercept_service
    """.split()
)
"""Names of hooks: as a decorator, of a signal that a function is connected to, or of a middleware's method."""
_COMMANDS = frozenset({"command", "callback"})
_STARTS = frozenset({"main", "cli", "_main", "async_main", "amain"})


def is_configured(project: Project, config: Config, file: ProjectFile, scope: int) -> bool:
    """True where `correlation.boundary` covers the module, the class or the function."""
    patterns = config.correlation.boundary
    if not patterns:
        return False
    facts = project.facts(file.path)
    qualname = facts.scopes[scope].qualname if facts is not None and scope > 0 else ""
    names = [f"{name}.{qualname}" if qualname else name for name in (*file.names, file.symbol)]
    return any(names_match(pattern, names) for pattern in patterns)


def enclosing_functions(facts: FileFacts, scope: int) -> Iterator[int]:
    """Yield the functions that a scope lies in, lambdas too, innermost first."""
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind in ("function", "lambda"):
            yield row.owner
        scope = row.parent


def enclosing_classes(facts: FileFacts, scope: int) -> Iterator[int]:
    """Yield the classes that a scope lies in, innermost first."""
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind == "class":
            yield row.owner
        scope = row.parent


def is_middleware(project: Project, path: str, facts: FileFacts, scope: int) -> bool:
    """True for code that runs where a request or a message comes in."""
    return any(_is_hook(facts, facts.functions[index]) for index in enclosing_functions(facts, scope)) or any(
        is_middleware_class(project, path, index) for index in enclosing_classes(facts, scope)
    )


def is_command(facts: FileFacts, scope: int) -> bool:
    """True for the start of a program of its own: a command of click or typer, `main()`, a module run as a script."""
    functions = [facts.functions[index] for index in enclosing_functions(facts, scope)]
    if not functions:
        return facts.main_guard
    return any(
        function.name in _STARTS
        or any(last_name(d[1] if d[0] == "call" else d) in _COMMANDS for d in function.decorators)
        for function in functions
    )


def is_middleware_class(project: Project, path: str, index: int) -> bool:
    """True for a class that is called, or derived from one that is called, like a middleware, or has its methods."""
    for ancestor in project.ancestors(path, index):
        if isinstance(ancestor, str):
            if _CLASS.fullmatch(ancestor.rpartition(".")[2]):
                return True
            continue
        facts = project.facts(ancestor[0])
        if facts is None:
            continue
        row = facts.classes[ancestor[1]]
        if _CLASS.fullmatch(row.name):
            return True
        for function in _methods(facts, ancestor[1]):
            if function.name in ("__call__", "__init__") and _has_signature(function):
                return True
    return False


def _methods(facts: FileFacts, index: int) -> Iterator[Function]:
    for bindings in facts.scopes[facts.classes[index].scope].bindings.values():
        for binding in bindings:
            if binding.kind == "def":
                yield facts.functions[binding.index]


def _is_hook(facts: FileFacts, function: Function) -> bool:
    if function.name in _HOOKS or "middleware" in function.name.lower() or _has_signature(function):
        return True
    for decorator in function.decorators:
        callee = decorator[1] if decorator[0] == "call" else decorator
        if not _HOOKS.isdisjoint(spelled(callee).split(".")):
            return True
    return False


def _has_signature(function: Function) -> bool:
    names = tuple(p.name.lstrip("_") for p in function.parameters)
    if function.owner >= 0:
        names = names[1:]
    return any(names[: len(signature)] == signature for signature in _SIGNATURES)
