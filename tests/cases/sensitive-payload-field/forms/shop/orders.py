from shop import obs

SENT = {"password": "changed"}


def nested(form, deep):
    obs.emit("shop.user.changed", {"form": {"password": form.new}})  # error: OBS208@45
    obs.emit("shop.user.changed", {"form": dict(password=form.new)})  # error: OBS208@49
    obs.emit("shop.user.changed", {"a": {"b": {"password": form.new}}})
    inner = {"api_key": form.key}  # error: OBS208@14
    obs.emit("shop.user.changed", {**inner, "form": 1})
    obs.emit("shop.user.changed", {"forms": [{"password": form.new}]})


def words(user, form):
    obs.emit(
        "shop.user.changed",
        {
            "apiKey": form.key,  # error: OBS208@13
            "API_KEY": form.key,  # error: OBS208@13
            "stripe.api-key": form.key,  # error: OBS208@13
            "keyboard": form.key,
            "api_keys_total": form.key,
            "tokenization": form.key,
            "passwordless": form.key,
            "reset_password_email_sent": form.sent,
            "email_domain": user.domain,
            "author": user.name,
            "cookie_banner": form.banner,
            "max_tokens": form.limit,
            "promptness": form.speed,
            "subquery": form.sub,
        },
    )


def values(user, form, password, flag):
    obs.emit("shop.user.changed", SENT)
    obs.emit("shop.user.changed", {"password": "***" if flag else None})
    obs.emit("shop.user.changed", {"password": password if flag else None})  # error: OBS208
    obs.emit("shop.user.changed", {"password": password or "none"})  # error: OBS208
    obs.emit("shop.user.changed", {"password": (found := form.new)})  # error: OBS208
    obs.emit("shop.user.changed", {"password": redact(password)})
    obs.emit("shop.user.changed", {"password": user.check(password)})  # error: OBS208
    obs.emit("shop.user.changed", {"password": f"{password[:2]}…"})  # error: OBS208
    obs.emit("shop.user.changed", {"password": password == form.old})
    obs.emit("shop.user.changed", {"password": not password})
    obs.emit("shop.user.changed", {"email": user.email_hash, "token": user.token_type})
    obs.emit("shop.user.changed", {"old": user.password})  # error: OBS208@36
    obs.emit("shop.user.changed", {"old": user.password is None, "kind": user.password_kind})
    obs.emit("shop.user.changed", {"word": user.token})
    is_set = bool(user.password)
    password = is_set
    obs.emit("shop.user.changed", {"has": is_set, "found": found})


def redact(text):
    return len(text) * "*"


def suppressed(password):
    obs.emit("shop.user.changed", {"password": password})  # obs: ignore[OBS208] a test account
    obs.emit(
        "shop.user.changed",
        {
            "password": password,  # noqa: OBS208
        },
    )


def twice(password, flag):
    payload = {"password": password}  # error: OBS208@16
    obs.emit("shop.user.changed", payload)
    obs.emit("shop.user.added", payload)
    if flag:
        payload["password"] = redact(password)
    obs.emit("shop.user.gone", payload)
