# -*- coding: latin-1 -*-
async def payé():  # error: OBS301@11
    return None
