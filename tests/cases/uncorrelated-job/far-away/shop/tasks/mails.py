from ..application import app
from ..instrumented import instrumented_task


@app.task(bind=True, max_retries=3)
def mail(self, address, subject=None):
    pass


@instrumented_task(name="mail_all")
def mail_all(addresses):
    pass
