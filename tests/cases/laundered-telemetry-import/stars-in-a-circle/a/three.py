from a.two import *
from a import *
