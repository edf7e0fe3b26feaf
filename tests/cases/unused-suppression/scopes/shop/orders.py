import logging  # noqa: OBS102
import os  # noqa: OBS102
# error-above: OBS901@20
