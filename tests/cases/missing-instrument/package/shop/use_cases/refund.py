async def refunded():  # error: OBS301
    return None
