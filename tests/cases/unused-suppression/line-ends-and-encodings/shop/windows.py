import os
import logging  # noqa: OBS102
import sys  # noqa: OBS102
# error-above: OBS901@21
