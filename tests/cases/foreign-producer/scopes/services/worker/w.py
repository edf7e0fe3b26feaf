from shop.names import Ev
from shop.obs import emit

emit(Ev.CREATED)  # error: OBS211
emit("shop.job.created")  # error: OBS211
emit("shop.job.elsewhere")  # error: OBS211
