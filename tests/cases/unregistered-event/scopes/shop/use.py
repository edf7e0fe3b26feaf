from shop.obs import emit

emit("shop.done")
emit("billing.done")  # error: OBS201
