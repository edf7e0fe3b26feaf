from shop.obs import send as say


def place(order):
    try:
        order.place()
    except Exception:
        say("order.not.placed")
    try:
        say("order.placed")
    except Exception:
        pass
    try:
        order.place()
        order.count()
    except Exception:  # error: OBS501
        pass
