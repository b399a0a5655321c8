"""Web push against a push service that checks VAPID, and a browser that decrypts, on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import http_ece
import pytest

from tests.support.reaching import Wire, account, outgoing, wire
from unisono.demo.counterparts.push import Browser, PushService
from unisono.engagement.channels.adapters.web_push import (
    WebPush,
    check_keys,
    encrypt,
    new_key,
    public_key,
    topic,
)
from unisono.engagement.channels.model import Account, AccountInvalid, AddressInvalid, Button, Sent
from unisono.kit.clock import system_clock
from unisono.kit.http import Http


class Push:
    """An account, a push service, a browser."""

    def __init__(self, opened: Wire, service: PushService) -> None:
        self.wire = opened
        self.service = service
        self.account: Account = account(WebPush(), {"subject": "mailto:push@shop.example"})
        self.key = public_key(self.account.secret("vapid_private_key"))
        self.browser: Browser = service.subscribe(self.key)

    async def send(self, browser: Browser | None = None, **more: Any) -> Sent:
        """One message to a browser."""
        subscription = (browser or self.browser).subscription(self.wire.url(self.service))
        given = {
            "address": subscription["endpoint"],
            "data": {"keys": subscription["keys"]},
            "text": None,
            "title": "Ciao",
        }
        return await self.wire.send(WebPush(), self.account, outgoing(channel="web_push", **(given | more)))


@pytest.fixture
async def push() -> AsyncIterator[Push]:
    """A browser that has subscribed."""
    service = PushService()
    async with wire([service]) as opened:
        yield Push(opened, service)


async def test_the_browser_reads_what_was_sent(push: Push) -> None:
    """Encrypted for its keys alone, signed for this push service, with all a notification shows."""
    sent = await push.send(
        title="È arrivato",
        body="Il tuo ordine è pronto",
        url="https://shop.example/o/1",
        image_url="https://i.example/1.png",
        language="it",
        reference="ref-1",
        buttons=(Button("Apri", url="https://shop.example/o/1"),),
    )
    assert (sent.outcome, (sent.provider_id or "")[:9]) == ("accepted", "/message/")
    said = push.wire.content(push.service)
    assert said["shown"] == {
        "web_push": 8030,
        "notification": {
            "title": "È arrivato",
            "body": "Il tuo ordine è pronto",
            "lang": "it",
            "navigate": "https://shop.example/o/1",
            "image": "https://i.example/1.png",
            "data": {"reference": "ref-1"},
            "actions": [{"action": "0", "title": "Apri", "navigate": "https://shop.example/o/1"}],
        },
    }
    assert push.wire.count(push.service, "ref-1") == 1


def test_another_browser_cannot_read_it() -> None:
    """The keys of one subscription open no other's message."""
    mine, other = Browser("k"), Browser("k")
    body = encrypt(b"for me", mine.subscription("")["keys"])
    assert mine.decrypt(body) == b"for me"
    with pytest.raises(http_ece.ECEException):
        other.decrypt(body)


async def test_time_to_live_urgency_and_topic_are_said(push: Push) -> None:
    """The end of a message becomes its time to live; a campaign its topic, so a newer one replaces the waiting."""
    ends = system_clock() + timedelta(hours=2)
    await push.send(ends_at=ends, campaign="spring", purpose="marketing")
    said = push.wire.content(push.service)
    assert 7190 <= int(said["ttl"]) <= 7200
    assert (said["urgency"], said["topic"]) == ("normal", topic("spring"))
    assert len(topic("spring")) == 32
    await push.send(purpose="transactional", ends_at=system_clock() - timedelta(seconds=5))
    said = push.wire.content(push.service)
    assert (said["ttl"], said["urgency"]) == ("0", "high")
    await push.send()
    assert push.wire.content(push.service)["ttl"] == "86400"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param({"status": 404}, ("refused", True, None), id="404"),
        pytest.param({"status": 410}, ("refused", True, None), id="410"),
        pytest.param({"status": 413}, ("refused", False, None), id="413"),
        pytest.param({"status": 403}, ("refused", False, None), id="403"),
        pytest.param({"status": 429, "headers": {"retry-after": "30"}}, ("retry", False, 30.0), id="429"),
        pytest.param({"status": 503}, ("retry", False, None), id="503"),
        pytest.param({"status": 500}, ("unknown", False, None), id="500"),
        pytest.param({"cut": "after"}, ("unknown", False, None), id="cut"),
    ],
)
async def test_answers_are_read_as_the_standard_means_them(
    push: Push, how: dict[str, Any], expected: tuple[str, bool, float | None]
) -> None:
    """404 and 410 end the subscription; nothing of it is the account's fault."""
    push.wire.fails(push.service, **how)
    sent = await push.send()
    assert (sent.outcome, sent.gone, sent.retry_after) == expected
    assert not sent.account_fault


async def test_a_subscription_made_with_another_key_is_refused(push: Push) -> None:
    """The push service holds each to its key."""
    foreign = push.service.subscribe(public_key(new_key()))
    assert (await push.send(foreign)).outcome == "refused"


async def test_too_much_or_broken_keys_never_leave(push: Push) -> None:
    """4,096 bytes at the most; keys that are none end the subscription."""
    assert (await push.send(body="x" * 4000)).code == "too_long"
    sent = await push.send(data={"keys": {"p256dh": "AAAA", "auth": "AAAA"}})
    assert (sent.outcome, sent.gone) == ("refused", True)
    assert push.wire.total(push.service) == 0


async def test_a_subscription_leads_nowhere_inside() -> None:
    """An endpoint in this network is not called, though a browser named it."""
    service = PushService()
    async with wire([service]) as opened:
        http = Http(private=False)
        made = account(WebPush(), {"subject": "mailto:push@shop.example"})
        browser = service.subscribe(public_key(made.secret("vapid_private_key")))
        subscription = browser.subscription(opened.url(service))
        sender = await WebPush().open(made, http)
        message = outgoing(address=subscription["endpoint"], data={"keys": subscription["keys"]})
        sent = await sender.send(None, message)
        await http.close()
        assert (sent.outcome, opened.total(service)) == ("retry", 0)


def test_an_account_is_made_with_a_key_of_its_own() -> None:
    """Two accounts have two keys; a key that is none is refused."""
    assert WebPush().new_secrets() != WebPush().new_secrets()
    with pytest.raises(AccountInvalid):
        account(WebPush(), {"subject": "mailto:a@b.example"}, {"vapid_private_key": "AAAA" * 20})
    with pytest.raises(AccountInvalid):
        account(WebPush(), {"subject": "push@shop.example"})


@pytest.mark.parametrize("keys", [{}, {"p256dh": 5, "auth": None}, {"p256dh": "é", "auth": "x"}, {"p256dh": "A" * 87}])
def test_keys_of_a_subscription_are_a_point_and_sixteen_bytes(keys: dict[str, Any]) -> None:
    """Anything else cannot be encrypted for."""
    with pytest.raises(AddressInvalid):
        check_keys(keys)
