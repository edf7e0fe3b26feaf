async def in_a_test():
    return None
