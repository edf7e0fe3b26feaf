import logging  # obs: ignore[OBS102] prints invoices
import os  # obs: ignore[OBS102] was for logging
# error-above: OBS901@26
