from a.three import logging, os  # error: OBS103@21
from a.one import _private  # error: OBS103
from a.two import _private as nothing
