"""Take a document in and hand it to the workers."""

from uuid import uuid4

from fastapi import APIRouter, UploadFile
from redis.asyncio import Redis

from packages.observability import bind, current, emit

router = APIRouter()
queue = Redis.from_url("redis://queue:6379")


def audit(action, document_id, **details):
    """Note who did what to a document."""
    emit(action, {"document_id": document_id, **details})


@router.post("/documents", status_code=202)
async def upload(file: UploadFile):
    """Store a document and enqueue its job."""
    job_id = str(uuid4())
    with bind(job_id=job_id):
        await queue.xadd("jobs", {"job_id": job_id, "request_id": current().request_id or ""})
        emit("inkwell.job.created", {"bytes": file.size})
    audit("inkwell.document.uploaded", job_id, media_type=file.content_type)
    return {"job_id": job_id}
