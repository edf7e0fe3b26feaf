import logging


class Formatter(logging.Formatter):  # error: OBS107
    pass


class Service:
    log: logging.Logger

    def quiet(self):
        self.log.addFilter(lambda r: False)  # error: OBS107
        self.log.handlers.clear()
