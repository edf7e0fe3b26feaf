import logging
from opentelemetry import trace as t

L = logging
M = L
g = M.getLogger
first, second = logging, t
x = y = logging
z: object = logging
if True:
    cond = logging if L else None
(w := logging)
multi = (
    logging
)


def late():
    global seen
    seen = logging


made = M.getLogger(__name__)
LIMIT = L.INFO
