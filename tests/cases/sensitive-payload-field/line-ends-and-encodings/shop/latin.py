# coding: latin-1
from shop import obs


def place(user):
    obs.emit("shop.user.changed", {"näme": 1, "password": user.new})  # error: OBS208@47
