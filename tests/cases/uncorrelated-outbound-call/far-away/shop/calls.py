from shop.base import Api, Correlated, Own, OwnCorrelated
from shop.clients import correlated, opened, session, shared
from shop.clients.made import correlated_session, opened_later


class Bills(Api):
    def read(self):
        return self.http.get("/bills")  # error: OBS401

    async def read_later(self):
        return await self.later.get("/bills")  # error: OBS401


class CorrelatedBills(Correlated):
    def read(self):
        return self.http.get("/bills")


def read(api: Api, other: Correlated):
    shared.get("/bills")  # error: OBS401
    correlated.get("/bills")
    session().get("http://api.svc.local/bills")  # error: OBS401
    correlated_session().get("http://api.svc.local/bills")
    with opened() as client:
        client.get("/bills")  # error: OBS401
    api.http.get("/bills")  # error: OBS401
    other.http.get("/bills")
    Own().get("/bills")  # error: OBS401
    OwnCorrelated("…").get("/bills")


async def read_later():
    async with opened_later() as client:
        await client.get("/bills")
