"""Webhooks without a network: the signature, the body, when a try follows, which addresses are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from unisono.commerce.changes.model import Change
from unisono.commerce.changes.webhooks import rules
from unisono.commerce.changes.webhooks.model import Answer, Delivery
from unisono.commerce.changes.webhooks.sending import check_url
from unisono.kit.errors import BadRequest
from unisono.kit.http import LONGEST_WAIT, is_public, retry_after

NOW = datetime.now(UTC)


def a_change(**data: object) -> Change:
    return Change(812, 4711, "price", "price:SKU-1", 3, NOW, None, dict(data))


def a_delivery(attempts: int, since: timedelta) -> Delivery:
    return Delivery(
        id=1, message_id="chg_1-1", attempts=attempts, first_at=NOW - since, next_try_at=NOW, change=a_change()
    )


def test_the_fields_own_client_verifies_what_is_signed() -> None:
    """With the secret, and while it is rotated with either; not with another, a changed body or an old time."""
    old, new = rules.new_secret(), rules.new_secret()
    body = rules.body_of(a_change(amount_minor=1290, name="Caffè — è ✓"))

    def headers(at: datetime, *keys: str) -> dict[str, str]:
        return {str(name): str(value) for name, value in rules.headers("chg_812-4711", at, body, keys).items()}

    both = headers(datetime.now(UTC), new, old)  # Its client looks at the clock.
    assert both["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        verified = Webhook(secret).verify(body, both)
        assert verified["type"] == "price.changed"
        assert verified["data"]["changed"] == {"amount_minor": 1290, "name": "Caffè — è ✓"}
        assert (verified["data"]["subject"], verified["data"]["sequence"]) == ("price:SKU-1", 3)
    for wrong_body, wrong_headers in ((body + b" ", both), (body, headers(NOW - timedelta(minutes=6), new))):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(wrong_body, wrong_headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(rules.new_secret()).verify(body, both)


def test_our_signature_is_the_one_of_the_specification() -> None:
    """The same as the field's client makes of the same message."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime(2021, 5, 5, 8, 0, tzinfo=UTC)
    body = b'{"test": 2432232314}'
    assert rules.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", int(at.timestamp()), body, [secret]) == Webhook(secret).sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body.decode()
    )


def test_a_body_is_below_twenty_kilobytes() -> None:
    """A change too large is told without its values, with where to read them."""
    body = rules.body_of(a_change(text="x" * 30_000))
    data = msgspec.json.decode(body)["data"]
    assert len(body) < 20_000
    assert (data["changed"], data["left_out"], data["read"]) == (None, True, "/api/prices?sku=SKU-1")


def test_tries_go_on_for_three_days_further_and_further_apart() -> None:
    """The first after seconds, later ones hours apart, about nineteen in all, never all at the same moment."""
    tries, waited = 1, 0.0
    while waited < timedelta(days=3).total_seconds():
        waited += rules.pause(tries)
        tries += 1
    assert 15 <= tries <= 24
    assert rules.pause(1) < 7
    assert len({rules.pause(5) for _ in range(5)}) == 5


def test_what_becomes_of_a_delivery() -> None:
    """Taken: delivered. Refused: again, dead after three days and three tries. No answer: never dead by itself."""
    refused, silent = Answer(400, "Answered 400.", 0.1), Answer(None, "No answer.", 15.0)
    assert rules.verdict(a_delivery(0, timedelta()), Answer(204, None, 0.1), NOW)[0] == "delivered"
    assert rules.verdict(a_delivery(9, timedelta(days=2)), refused, NOW)[0] == "pending"
    assert rules.verdict(a_delivery(1, timedelta(days=9)), refused, NOW)[0] == "pending"
    assert rules.verdict(a_delivery(9, timedelta(days=3)), refused, NOW)[0] == "dead"
    assert rules.verdict(a_delivery(9, timedelta(days=3)), silent, NOW)[0] == "pending"
    asked = Answer(429, "Answered 429.", 0.1, retry_after=900.0)
    assert rules.verdict(a_delivery(0, timedelta()), asked, NOW)[1] == NOW + timedelta(seconds=900)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        (None, None),
        ("-5", None),
        ("9" * 300, LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_for_ever(value: str | None, seconds: float | None) -> None:
    """Nonsense counts as nothing."""
    assert retry_after(value, NOW) == seconds
    soon = NOW.replace(microsecond=0) + timedelta(seconds=60)
    assert 55 < (retry_after(soon.strftime("%a, %d %b %Y %H:%M:%S GMT"), NOW) or 0) <= 60


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "255.255.255.255",
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    """This machine, this network, the cloud's own services, in every dress they wear."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """In either family."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://a.example/",
        "http://a.example/",
        "https:///x",
        "https://u:p@a.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://a.example/\x00",
        "https://è.it/",
        "https://a.example/" + "x" * 3000,
        "https://[",
        "https://a b.example/",
        "file:///etc/passwd",
    ],
)
def test_addresses_a_webhook_cannot_have_are_refused(url: str) -> None:
    """With what is wrong."""
    with pytest.raises(BadRequest) as refused:
        check_url(url, private=False)
    assert refused.value.code == "webhook_url"


def test_addresses_a_webhook_can_have() -> None:
    """Public https; of this network, and over http, when the setting says so."""
    assert check_url(" https://hooks.example:8443/a?b=c ", private=False) == "https://hooks.example:8443/a?b=c"
    assert check_url("http://127.0.0.1:9/x", private=True) == "http://127.0.0.1:9/x"
