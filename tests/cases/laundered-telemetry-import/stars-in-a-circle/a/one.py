from a.three import *
import logging
_private = logging
