import httpx
import requests
from requests import exceptions

from shop import other
from shop.other import get


class Store:
    def get(self, url):
        return url

    def post(self, url, data):
        return self.get(url), data


def read(store: Store, client, session=None, **kwargs):
    get("http://api.svc.local")
    other.post("http://api.svc.local")
    store.get("http://api.svc.local")
    client.get("http://api.svc.local")
    session.get("http://api.svc.local")
    {"http://api.svc.local": 1}.get("http://api.svc.local")
    requests.get("http://api.svc.local", **kwargs)
    requests.get(*store)
    requests.codes.get("http://api.svc.local")
    requests.get(timeout=3)
    httpx.Headers({"Host": "http://api.svc.local"}).get("Host")
    raise exceptions.ConnectionError("http://api.svc.local")


def read_through(requests):
    requests.get("http://api.svc.local")


def hosts(path, name):
    requests.get("https://svc.local.example.com")
    requests.get("https://example.com/?next=http://api.svc.local")
    requests.get("https://example.com/BILLING_URL")
    requests.get(f"https://example.com/{name}.svc.local")
    requests.get(path)
    requests.get("")
    requests.get("/relative")
    requests.get("http://user:secret@api.svc.local:80/x#y")  # error: OBS401
    requests.get("HTTP://API.SVC.LOCAL")  # error: OBS401
    requests.get(f"http://{name}.svc.local/{path}")  # error: OBS401
    requests.get("http://" + name + ".svc.local/" + path)  # error: OBS401
    requests.get("http://%s.svc.local" % name)  # error: OBS401
    requests.get("http://{name}.svc.local/{path}".format(name=name, path=path))  # error: OBS401
