from fastapi import APIRouter, FastAPI


def make():
    return FastAPI()


app = make()


class Api:
    def __init__(self):
        self.router = APIRouter(prefix="/orders")


api = Api()
