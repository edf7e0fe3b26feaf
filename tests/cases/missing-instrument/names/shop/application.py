from fastapi import APIRouter, FastAPI

__all__ = ["app", "admin"]

app = FastAPI()
admin = APIRouter()
