from celery import Celery


class Application(Celery):
    pass


app = Application("shop")
