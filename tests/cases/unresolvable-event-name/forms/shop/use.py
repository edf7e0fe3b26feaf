import json
from shop import obs
from shop.obs import emit


def told(row, args, names, table):
    emit(row["name"])  # error: OBS202
    emit(row.name)  # error: OBS202
    emit(json.loads(row)["name"])  # error: OBS202
    emit(str(row))  # error: OBS202
    emit("shop.order.%s" % row)  # error: OBS202
    emit("shop.order.{}".format(row))  # error: OBS202
    emit("shop.order.".join(names))  # error: OBS202
    for name in names:
        emit(name)  # error: OBS202
    emit(*args)  # error: OBS202
    emit(**row)  # error: OBS202
    obs.emit(table[row] or "shop.order.placed")  # error: OBS202


def handed_on(name, payload):
    emit(name, payload)


def tested(name):
    if name in ("shop.order.placed", "shop.order.failed"):
        emit("shop.order.placed" if name else "shop.order.failed")


handed_on("shop.order.placed", {})
