async def placed():  # error: OBS301
    return None
