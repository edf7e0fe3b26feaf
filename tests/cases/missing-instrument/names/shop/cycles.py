from shop import cycles_back
from shop.cycles_back import first, second


def again(function):
    return again(function)


def there(function):
    return cycles_back.back(function)


@again
async def one():  # error: OBS301
    return None


@there
async def two():  # error: OBS301
    return None


@first
async def three():  # error: OBS301
    return None


@second()()
async def four():  # error: OBS301
    return None


@missing.name[0]
async def five():  # error: OBS301
    return None


async def six():  # error: OBS301
    return None


six = six
six.seven = None


class Base:
    async def run(self):  # error: OBS301
        return None


class Base(Base):
    async def walk(self):  # error: OBS301
        return None
