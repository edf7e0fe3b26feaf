from contextvars import Token
from typing import Annotated, Any

from pydantic import SecretStr

from shop.obs import instrument

SECRETS = ("password", "token")


@instrument  # error: OBS304, OBS304
def login(password, card_pin):
    return None


@instrument  # error: OBS304
def typed(token: Annotated[str | None, "header"] = None):
    return None


@instrument  # error: OBS304
def quoted(token: "str"):
    return None


@instrument  # error: OBS304
def anything(credentials: dict[str, Any]):
    return None


@instrument
def other(token: Token, secret: SecretStr, password: "SecretStr | None", has_password, cookie=False):
    return None


@instrument
def masked(credentials: dict[str, SecretStr], max_token, token_count):
    return None


@instrument(skip=SECRETS)
def constant(password, token):
    return None


@instrument(skip=[*SECRETS, "cvv"])  # error: OBS304
def more(password, token, cvv, iban):
    return None


@instrument
def splat(*password, **token):
    return None
