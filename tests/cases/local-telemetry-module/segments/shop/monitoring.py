from shop.obs import emit


def record_metric(name, value):
    emit("shop.metric", {"name": name, "value": value})
