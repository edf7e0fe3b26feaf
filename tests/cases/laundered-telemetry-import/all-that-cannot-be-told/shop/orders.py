from shop.obs import trace

print(trace)
