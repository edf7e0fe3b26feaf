from importlib import import_module as load
from sys import modules as loaded
