from shop.a import first, logging  # error: OBS103@27


class Box[T]:
    text = f"{"logging"}"
    log = logging
