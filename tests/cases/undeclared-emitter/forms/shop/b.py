from shop.a import tell


async def twice(name):
    await tell(name)
