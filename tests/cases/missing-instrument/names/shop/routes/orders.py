from ..application import *
from ..obs import *
from ..obs import instrument as _instrument

get = app.get


@get("/renamed")
def renamed():  # error: OBS301
    return None


@app.get("/star")
@instrument
def starred():
    return None


@admin.get("/private")
def _private():  # error: OBS301
    return None


@admin.get("/alias")
@_instrument(name="x")
def aliased():
    return None


@admin.get("/traced")
@traced
def wrapped():
    return None


@(lambda function: function)
@admin.get("/lambda")
def decorated_by_lambda():  # error: OBS301
    return None


@instrument
@admin.get("/above")
def above():
    return None


@admin.get("/one")
@admin.post("/two")
def twice():  # error: OBS301
    return None


if app:

    @admin.get("/conditional")
    def conditional():  # error: OBS301
        return None
else:

    @admin.get("/conditional")
    @instrument
    def conditional():
        return None
