from a import *

logging = None
print(logging)
