"""POST /ingest, POST /jobs, GET /jobs/{job_id} and its events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from packages import observability as obs
from packages.queue import Queue
from packages.store import Job, Store
from services.api.opened import OpenedQueue, OpenedStore

router = APIRouter()
_POLL = 0.05
"""Seconds between two looks at a job that somebody follows."""
_FOLLOWED = 60.0
"""Seconds for which it is followed at most."""
Rehearsal = Annotated[str, Field(pattern=r"^([a-z]+:[0-9])?$")]
"""`transcribe:1`: the first attempt of that worker fails. Only heard under NARRALYTICA_DEBUG=1."""


class Document(BaseModel):
    """Something to ingest."""

    title: str = Field(max_length=200)
    media: str = Field(max_length=100_000)
    rehearse: Rehearsal = ""


class Work(BaseModel):
    """Something to do again with a document that is there."""

    document_id: str
    job_type: Literal["enrich", "indexer"]
    rehearse: Rehearsal = ""


@router.post("/ingest", status_code=202)
@obs.instrument
def ingest(document: Document, store: OpenedStore, queue: OpenedQueue) -> dict[str, str]:
    """Take a document in; a job does the rest."""
    document_id = obs.uuid7()
    store.add_document(document_id, document.title, document.media)
    return _create(store, queue, document_id, "ingest", document.rehearse)


@router.post("/jobs", status_code=202)
@obs.instrument
def create(work: Work, store: OpenedStore, queue: OpenedQueue) -> dict[str, str]:
    """Enrich or index a document again."""
    store.media(work.document_id)
    return _create(store, queue, work.document_id, work.job_type, work.rehearse)


def _create(store: Store, queue: Queue, document_id: str, job_type: str, rehearse: str) -> dict[str, str]:
    job = Job(obs.uuid7(), document_id, job_type, "queued", job_type, time.time())
    with obs.context(job_id=job.id):
        store.add_job(job)
        obs.emit("narralytica.job.created", {"job_type": job_type, "status": "queued"})
        queue.publish(job_type, {"job_id": job.id, "rehearse": rehearse})
    return {"job_id": job.id, "document_id": document_id, "status": "queued"}


@router.get("/jobs/{job_id}")
@obs.instrument(fields=["job_id"])
def status(job_id: str, store: OpenedStore) -> dict[str, str]:
    """Say how a job is."""
    job = store.job(job_id)
    with obs.context(job_id=job.id):
        obs.emit("narralytica.job.status_viewed", {"job_type": job.job_type, "status": job.status})
    return {"job_id": job.id, "document_id": job.document_id, "status": job.status, "stage": job.stage}


@router.get("/jobs/{job_id}/events")
@obs.instrument(fields=["job_id"])
def follow(job_id: str, store: OpenedStore) -> StreamingResponse:
    """Stream a line of JSON whenever the job has moved, until it has ended."""
    store.job(job_id)
    return StreamingResponse(_moves(store, job_id), media_type="application/x-ndjson")


async def _moves(store: Store, job_id: str) -> AsyncIterator[str]:
    before = None
    deadline = time.monotonic() + _FOLLOWED
    while time.monotonic() < deadline:
        job = store.job(job_id)
        now = {"job_id": job.id, "status": job.status, "stage": job.stage}
        if now != before:
            yield json.dumps(now) + "\n"
        if job.status in ("completed", "failed"):
            return
        before = now
        await asyncio.sleep(_POLL)
