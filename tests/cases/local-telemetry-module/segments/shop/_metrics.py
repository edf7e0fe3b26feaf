from prometheus_client import Counter  # error: OBS101

SEEN = Counter("seen", "")
