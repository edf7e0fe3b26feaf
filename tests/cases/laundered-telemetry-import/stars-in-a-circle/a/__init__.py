from a.one import *
from a.two import *
from a.three import *
