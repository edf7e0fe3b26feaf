from shop import obs


def place(user):
    obs.emit("shop.user.changed", {"name": "Zoë", "password": user.new})  # error: OBS208@51
