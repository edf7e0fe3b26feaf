import httpx

from shop import settings


class Api:
    def __init__(self):
        self.http = httpx.Client(base_url=settings.BILLING_URL)
        self._later = None

    @property
    def later(self):
        if self._later is None:
            self._later = httpx.AsyncClient(base_url=settings.BILLING_URL)
        return self._later


class Correlated:
    def __init__(self):
        self.http = httpx.Client(base_url=settings.BILLING_URL)
        self.http.headers["X-Correlation-Id"] = "…"


class Own(httpx.Client):
    def __init__(self):
        super().__init__(base_url=settings.BILLING_URL, timeout=3)

    def bills(self):
        return self.get("/bills")  # error: OBS401


class OwnCorrelated(httpx.Client):
    def __init__(self, request_id):
        super().__init__(base_url=settings.BILLING_URL, headers={"X-Request-Id": request_id})

    def bills(self):
        return self.get("/bills")
