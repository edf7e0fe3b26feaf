"""What the application has opened, for its routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from packages.queue import Queue
from packages.store import Store


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _queue(request: Request) -> Queue:
    queue: Queue = request.app.state.queue
    return queue


OpenedStore = Annotated[Store, Depends(_store)]
OpenedQueue = Annotated[Queue, Depends(_queue)]
