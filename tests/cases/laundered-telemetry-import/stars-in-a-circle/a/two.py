from a.one import *
