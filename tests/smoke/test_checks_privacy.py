"""OBS871-874: canaries in every form, detectors by their form, markers that are some and some that only look it."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from obs_lint.smoke.canaries import Canaries, Canary
from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.detectors import PREFILTER, detect, luhn
from obs_lint.smoke.options import Options
from obs_lint.smoke.records import EVENT, LOG, RESPONSE, Record
from tests.smoke.flow import plan_of, registry_of

EMAIL = "canary-7f3a@example.invalid"
CARD = "4000-0000-0000-0002"
ODD = 'naïve "é"/\\ &x'

REGISTRY = """\
format: obs-registry/1
classifications:
  none: {payload: allow}
  pseudonymous: {payload: hash}
  personal: {payload: forbid}
sensitive-names: [password, query]
events:
  shop.order.placed:
    payload:
      type: object
      properties:
        email: {type: [string, 'null'], x-obs: {privacy: personal}}
        customer: {type: string, x-obs: {privacy: pseudonymous}}
        public: {type: string, x-obs: {privacy: none}}
        address:
          type: object
          properties: {street: {type: string, x-obs: {privacy: personal}}}
"""


def judged(folder: Path, *records: Record, **options: object) -> Result:
    checker = Checker(plan_of(registry_of(REGISTRY, folder)), Options(**({"always": False} | options)))  # type: ignore[arg-type]
    checker.take_many(records)
    return checker.finish()


def event(payload: dict[str, object]) -> Record:
    body = {"event_name": "shop.order.placed", "payload": payload}
    return Record(
        EVENT, "shop.order.placed", 1, payload=payload, body=body, source="s", line=1, service="shop",
        raw=json.dumps(body).encode(), time_text="2025-11-20T09:14:00Z",
    )  # fmt: skip


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.everything()]


FORMS = {
    "plain": lambda value: value.encode(),
    "upper": lambda value: value.upper().encode(),
    "within": lambda value: b"x=" + value.encode() + b";",
    "json": lambda value: json.dumps({"a": value}).encode(),
    "json in json": lambda value: json.dumps({"a": json.dumps({"b": value})}).encode(),
    "json, not escaped": lambda value: json.dumps({"a": value}, ensure_ascii=False).encode(),
    "url": lambda value: quote(value, safe="").encode(),
    "url, lower case": lambda value: quote(value, safe="").lower().encode(),
    "form": lambda value: quote_plus(value).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "base64": lambda value: b64encode(value.encode()),
    "base64, second byte": lambda value: b64encode(b"u" + value.encode() + b"!"),
    "base64, third byte": lambda value: b64encode(b"us" + value.encode() + b"!!"),
    "base64 for urls": lambda value: urlsafe_b64encode(b"us" + value.encode() + b"!!"),
    "basic authentication": lambda value: b64encode(b"user:" + value.encode()),
}


@pytest.mark.parametrize("value", [EMAIL, CARD, ODD], ids=["email", "card", "odd"])
@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_canary_is_found_in_every_form(value: str, form: object) -> None:
    raw = form(value)  # type: ignore[operator]
    assert Canaries({"it": value}).occur(raw, raw.lower())


@pytest.mark.parametrize(
    "text", ["canary-7f3b@example.invalid", "example.invalid", "4000-0000-0000-0010", "", "x" * 500]
)
def test_what_is_no_canary(text: str) -> None:
    raw = text.encode()
    assert not Canaries({"email": EMAIL, "card": CARD}).occur(raw, raw.lower())


def test_a_card_without_its_separators() -> None:
    canaries = Canaries({"card": CARD})
    assert all(canaries.occur(raw, raw) for raw in (b"4000000000000002", b"4000 0000 0000 0002"))


def test_a_canary_that_occurs_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        Canary("it", "abc")


@pytest.mark.parametrize(
    "payload",
    [
        {"note": EMAIL},
        {EMAIL: 1},
        {"a": {"b": [EMAIL]}},
        {"trace": f"Traceback\n  ValueError: {EMAIL}"},
        {"q": EMAIL.upper()},
    ],
    ids=["value", "key", "nested", "exception", "case"],
)
def test_a_canary_anywhere_in_an_event(payload: dict[str, object], tmp_path: Path) -> None:
    result = judged(tmp_path, event(payload), canaries={"email": EMAIL})
    assert codes(result) == ["OBS871"], [finding.message for finding in result.everything()]
    assert all(EMAIL not in finding.message and EMAIL not in finding.target for finding in result.everything())


def test_a_canary_where_there_are_no_bytes(tmp_path: Path) -> None:
    record = Record(LOG, payload={"message": f"for {EMAIL}"}, body={"message": f"for {EMAIL}"}, source="otlp")
    result = judged(tmp_path, record, canaries={"email": EMAIL})
    assert [(one.code, one.field) for one in result.everything()] == [("OBS871", "/message")]


def test_a_response_may_hold_what_was_sent(tmp_path: Path) -> None:
    record = Record(RESPONSE, payload={"status": 200, "headers": [], "body": EMAIL}, source="driver")
    assert "OBS871" not in codes(judged(tmp_path, record, canaries={"email": EMAIL}))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"email": "jane"}, ["OBS872"]),
        ({"email": "[redacted]"}, []),
        ({"email": "[REDACTED]"}, []),
        ({"email": "***"}, []),
        ({"email": None}, []),
        ({"email": ""}, []),
        ({"email": "[Filtered]"}, []),
        ({"email": "hash:9f86d081884c7d65"}, ["OBS872"]),
        ({"email": "[redacted: e-mail]"}, []),
        ({"email": "[redacted: jane.doe@example.com]"}, ["OBS874"]),
        ({"customer": "c-17"}, ["OBS872"]),
        ({"customer": "hash:9f86d081884c7d65"}, []),
        ({"customer": "9f86d081884c7d659a2feaa0c55ad015"}, []),
        ({"customer": "hash:Jane Doe"}, ["OBS874"]),
        ({"password": "x"}, ["OBS872"]),
        ({"password": "sha256:9f86d081884c7d659a2feaa0c55ad015"}, []),
        ({"card": "****-****-****-0002"}, []),
        ({"query": "cats"}, ["OBS872"]),
        ({"query": 12}, ["OBS872"]),
        ({"public": "jane.doe@example.com"}, []),
        ({"note": "jane.doe@example.com"}, ["OBS873"]),
        ({"inner": {"password": "x"}}, ["OBS872"]),
        ({"address": {"street": "Main"}}, ["OBS872"]),
        ({"address": {"street": "[redacted]"}}, []),
        ({"inner": [{"deep": "jane.doe@example.com"}]}, ["OBS873"]),
        ({"jane.doe@example.com": 1}, ["OBS873"]),
        ({"number": 4111111111111111}, ["OBS873"]),
        ({"note": "filtered 12 rows: none left"}, []),
        ({"note": "masked by the policy"}, []),
        ({"note": "hash:not a hash at all"}, ["OBS874"]),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_field(payload: dict[str, object], expected: list[str], tmp_path: Path) -> None:
    result = judged(tmp_path, event(payload))
    assert codes(result) == expected, [finding.message for finding in result.everything()]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail to jane.doe+x@mail.example.co.uk now", "e-mail address"),
        ("4111 1111 1111 1111", "card number"),
        ("card=4111111111111111", "card number"),
        ("378282246310005", "card number"),
        ("DE89 3704 0044 0532 0130 00", "bank account number"),
        ("GB82WEST12345698765432", "bank account number"),
        ("ssn 078-05-1120", "social security number"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "JSON web token"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "credential"),
        ("ghp_" + "a" * 36, "credential"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "credential"),
        ("-----BEGIN RSA PRIVATE KEY-----", "credential"),
    ],
)
def test_what_is_detected(text: str, kind: str) -> None:
    assert PREFILTER.search(text)
    assert [hit.kind for hit in detect(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:org/repo.git",
        "package@1.2.3",
        "@app.route",
        "4111111111111112",
        "1763630043000",
        "1763630043140512000",
        "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10",
        "2025-11-20T09:14:33.140512Z",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "10.0.0.12",
        "DE89370400440532013001",
        "000-12-3456",
        "0000000000000000",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_not_detected(text: str) -> None:
    assert list(detect(text)) == []


def test_luhn() -> None:
    assert luhn("79927398713") and not luhn("79927398710")
