from shop.base import Formatter, Service


class Short(Formatter):  # error: OBS107
    pass


class Sub(Service):
    def loud(self):
        self.log.addHandler(None)  # error: OBS107
