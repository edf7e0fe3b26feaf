"""Callables that are handed over with the arguments that follow: `submit(f, 1)`, `Thread(target=f, args=(1,))`."""

from __future__ import annotations

from obs_lint.events.emitters import last_name
from obs_lint.events.given import Given, Place, given_by
from obs_lint.facts.model import CallSite, Expr

PARTIAL = frozenset({"partial", "partialmethod"})
CARRYING = frozenset({"target", "args", "kwargs"})
"""Keywords by which a callable that is handed over, and its arguments, are given."""
_QUEUED = frozenset({"delay", "send", "s", "si", "kiq"})
"""Methods by which a function that a queue has taken over is called with its own arguments."""
_NOT_CALLING = PARTIAL | frozenset(
    "isinstance issubclass hasattr getattr setattr callable id type repr print wraps update_wrapper patch object "
    "staticmethod classmethod property Depends Security super len bool".split()
)
"""Last names of what takes a callable without calling it with what follows."""


def may_call(call: CallSite) -> bool:
    """True where what is called may call a callable that it is given, with what follows it."""
    return last_name(call.expr[1]) not in _NOT_CALLING


def is_callable_argument(argument: Expr) -> bool:
    """True for an expression that names a callable or makes one of it."""
    if argument[0] == "call":
        return last_name(argument[1]) in PARTIAL
    return argument[0] in ("name", "attr", "lambda")


def following(path: str, call: CallSite, at: int | str) -> Given:
    """Return what follows the argument `at`, a position or a keyword, and what `args=` and `kwargs=` carry."""
    written = given_by(path, call.scope, call.expr)
    keywords = {name: place for name, place in written.keywords if name is not None}
    positional = written.positional[at + 1 :] if isinstance(at, int) else ()
    carried = keywords.get("args")
    if carried is not None:
        if carried.expr[0] == "seq":
            items = [item for item in carried.expr[2] if item[0] != "star"]
            positional += tuple((Place(path, call.scope, item), False) for item in items)
        else:
            positional += ((carried, True),)
    named = keywords.get("kwargs")
    if named is not None and named.expr[0] == "dict":
        for key, value in named.expr[1]:
            if key is not None and key[0] == "const" and isinstance(key[1], str):
                keywords[key[1]] = Place(path, call.scope, value)
    rest = tuple((name, place) for name, place in keywords.items() if name != at and name not in CARRYING)
    return Given(positional, (*rest, *((name, place) for name, place in written.keywords if name is None)))


def queued(path: str, call: CallSite) -> Given | None:
    """Return what a call gives that has a queue call a function: `f.delay(1)`, `f.apply_async((1,), {…})`.

    None for other calls.
    """
    func = call.expr[1]
    if func[0] != "attr":
        return None
    if func[2] in _QUEUED:
        return given_by(path, call.scope, call.expr)
    if func[2] != "apply_async":
        return None
    names = ("args", "kwargs")
    keywords = tuple((name, value, value[-1]) for name, value in zip(names, call.expr[2], strict=False))
    plain = (*call.expr[:2], (), (*keywords, *call.expr[3]), call.expr[-1])
    return following(path, call._replace(expr=plain), "")
