import os  # noqa: OBS102
# error-above: OBS901@20
import logging  # noqa: OBS102
