from shop.application import app
from shop.obs import instrument


class Client:
    def get(self, path):
        return lambda function: function


def build(app: Client):
    @app.get("/no/route")
    def no_route():
        return None


def local():
    instrument = None

    @app.get("/local")
    @instrument
    def not_instrumented():  # error: OBS301
        return None
