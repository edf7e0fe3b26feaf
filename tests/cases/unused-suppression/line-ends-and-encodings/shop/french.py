# -*- coding: latin-1 -*-
name = "éé"; import os  # noqa: OBS102
# error-above: OBS901@33
import logging  # noqa: OBS102 été
