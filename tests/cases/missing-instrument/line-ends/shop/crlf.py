async def placed():  # error: OBS301@11
    return "é"


class Été:
    async def été(self):  # error: OBS301@15
        return None
