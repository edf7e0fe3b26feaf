from .made import client as shared
from .made import correlated, opened, session
