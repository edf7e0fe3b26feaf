import logging

log = logging.getLogger(__name__)


class Base:
    def load(self):
        try:
            return self.read()
        except OSError:
            log.error("not loaded")  # error: OBS505
            raise


class Job(Base):
    def execute(self):
        try:
            data = [part for part in self.load()]
        except (KeyError, Exception):
            log.error("not executed")
            return None
        return data

    def again(self, count):
        try:
            return self.read()
        except Exception:
            log.error("once more")
            if count:
                raise
        return self.again(count - 1)


def load(path):
    try:
        return path.read()
    except OSError:
        log.error("not loaded")
        raise


def nested(path):
    def inner():
        try:
            path.read()
        except OSError:
            log.error("inner")  # error: OBS505
            raise

    try:
        inner()
    except Exception:
        log.error("outer")
