from shop import obs


def place(user):
	obs.emit("shop.user.changed", {"😀": 1, "password": user.new})  # error: OBS208@41
