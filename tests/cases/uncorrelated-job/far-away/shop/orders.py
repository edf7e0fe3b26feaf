from shop import tasks
from shop.redis import Streams, connect
from shop.tasks import mail, mail_all


def place(address, rid, streams: Streams):
    mail.delay("a@example.com")  # error: OBS402
    tasks.mail.apply_async(("a@example.com",), {"subject": "placed"})  # error: OBS402
    mail_all.delay(["a@example.com"])  # error: OBS402
    mail.delay("a@example.com", rid)
    mail.delay("a@example.com", f"for {rid}")
    mail_all.delay([rid])
    connect().publish("placed", "a@example.com")  # error: OBS402
    connect().publish("placed", "a@example.com " + rid)
    streams.redis.xadd("placed", {"address": "a@example.com"})  # error: OBS402


def place_all(make, address):
    mail.delay(make(address))
    mail_all.delay([make(a) for a in address])
    mail.s("a@example.com")
    return mail.si("a@example.com")
