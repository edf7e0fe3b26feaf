"""After a fork, the child must not use locks, queues and threads that belong to its parent."""

from __future__ import annotations

import itertools
import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What holds locks, queues or threads."""

    def after_fork_in_child(self) -> None:
        """Make the locks anew and forget what the parent will deliver. Runs before any other code of the child."""


_living: weakref.WeakValueDictionary[int, Forked] = weakref.WeakValueDictionary()
_numbers = itertools.count()


class _Family:
    """Whether this process forked, or was forked, since a sink was made."""

    forked = False
    hooked = False


family = _Family()
"""`family.forked`: others may hold the same file descriptors."""


def renew_in_child(holder: Forked) -> None:
    """Call `holder.after_fork_in_child()` in every child forked while it lives, in the order of these calls.

    Nothing on Windows, which has no fork.
    """
    _living[next(_numbers)] = holder
    if not family.hooked and hasattr(os, "register_at_fork"):
        family.hooked = True  # registered once: a fork hook cannot be taken back
        os.register_at_fork(before=_note, after_in_child=_renew)


def _note() -> None:
    family.forked = True


def _renew() -> None:
    for holder in tuple(_living.values()):
        holder.after_fork_in_child()
