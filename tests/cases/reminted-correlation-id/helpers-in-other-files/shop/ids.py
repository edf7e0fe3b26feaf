import secrets as _secrets
from uuid import uuid4


def short():
    return uuid4().hex[:12]


def new_id():
    """Two steps from the source."""
    made = short()
    return f"req-{made}"


def either(given):
    return given or uuid4().hex


token = _secrets.token_hex
