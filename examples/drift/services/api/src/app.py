"""The API: documents in, search results out."""

from fastapi import FastAPI

from middleware.request_context import RequestContext
from routes import documents, search
from wiring import observability

observability.configure()
api = FastAPI(title="inkwell")
api.include_router(documents.router)
api.include_router(search.router)
app = RequestContext(api)
