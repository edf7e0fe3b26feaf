from shop.names import Ev
from shop.obs import emit

emit(Ev.CREATED)
emit("shop.job.created")
emit("shop.job.elsewhere")
