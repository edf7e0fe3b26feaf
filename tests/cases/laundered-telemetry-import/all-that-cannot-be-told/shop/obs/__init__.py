from opentelemetry import trace
from shop.obs import parts

__all__ = ["trace", *parts.__all__]
