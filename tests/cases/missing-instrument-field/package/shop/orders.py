from shop.obs import BOTH, Field, Span, instrument


@instrument(fields=[Field.JOB])  # error: OBS302
def member(job_id, order_id):
    return job_id


@instrument(fields=BOTH)
def constant(job_id, order_id):
    return job_id


@instrument(fields=[Field.JOB, *BOTH[1:]])
def sliced(job_id, order_id):
    return job_id


class Orders:
    @classmethod
    @instrument(  # error: OBS302
        fields=[
            "job_id",
        ],
    )
    async def place(cls, job_id, order_id):
        return job_id

    @instrument
    def other(self, job):
        return job.job_id


def outer(job_id):
    @instrument
    def inner():
        return job_id

    return inner


@Span("outer")  # error: OBS302
def spanned(job_id):
    return job_id


@Span("outer", fields=BOTH)
def spanned_whole(job_id, order_id):
    return job_id
