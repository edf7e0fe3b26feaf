from billing.obs import emit

emit("billing.done")
emit("shop.done")  # error: OBS201
