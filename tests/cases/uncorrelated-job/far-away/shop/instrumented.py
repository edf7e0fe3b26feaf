from celery import shared_task


def instrumented_task(name, **options):
    def wrapped(function):
        return shared_task(name=name, **options)(function)

    return wrapped
