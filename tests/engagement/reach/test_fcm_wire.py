"""Mobile push against counterparts of Google's token endpoint and of FCM, on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.reaching import Wire, account, outgoing, wire
from unisono.demo.counterparts.google import EMAIL, Fcm
from unisono.engagement.channels.adapters import fcm
from unisono.engagement.channels.adapters.devices import together
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    AddressInvalid,
    Device,
    Outcome,
    Sender,
    Sent,
)
from unisono.kit.clock import system_clock

PHONE = "phone-token-" + "x" * 30


class Firebase:
    """A project, its counterpart, a sender that keeps its token."""

    def __init__(self, opened: Wire, provider: Fcm) -> None:
        self.wire = opened
        self.provider = provider
        base = opened.url(provider)
        self.account: Account = account(
            fcm.Fcm(), {"base_url": base}, {"service_account": provider.service_account(base)}
        )
        self.sender: Sender | None = None

    async def send(self, **more: Any) -> Sent:
        """One message."""
        if self.sender is None:
            self.sender = await fcm.Fcm().open(self.account, self.wire.http)
        given = {"channel": "app_push", "address": PHONE, "title": "Ciao", "body": "Pronto", "text": None}
        return await self.sender.send(None, outgoing(**(given | more)))


@pytest.fixture
async def firebase() -> AsyncIterator[Firebase]:
    """A project of Firebase."""
    provider = Fcm()
    async with wire([provider]) as opened:
        yield Firebase(opened, provider)


async def test_a_notification_arrives_with_what_the_app_needs(firebase: Firebase) -> None:
    """Signed for a token once, then kept: many messages, one token."""
    ends = system_clock() + timedelta(minutes=10)
    sent = await firebase.send(
        reference="r1",
        url="https://s.example",
        campaign="spring",
        ends_at=ends,
        data={"app": {"screen": "cart", "n": 3}},
    )
    assert (sent.outcome, (sent.provider_id or "")[:30]) == ("accepted", "projects/counterpart/messages/")
    said = firebase.wire.content(firebase.provider)
    assert said["notification"] == {"title": "Ciao", "body": "Pronto"}
    assert said["data"] == {"screen": "cart", "n": "3", "reference": "r1", "url": "https://s.example"}
    assert 595 <= int(said["android"]["ttl"].removesuffix("s")) <= 600
    assert (said["android"]["collapse_key"], said["apns"]["headers"]["apns-collapse-id"]) == ("spring", "spring")
    assert firebase.wire.count(firebase.provider, "r1") == 1
    await firebase.send()
    assert firebase.provider.tokens_given == 1


async def test_an_app_that_was_removed_is_gone(firebase: Firebase) -> None:
    """UNREGISTERED is for good."""
    sent = await firebase.send(address="gone" + "x" * 30)
    assert (sent.outcome, sent.code, sent.gone) == ("refused", "UNREGISTERED", True)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param({"status": 429, "headers": {"retry-after": "60"}}, ("retry", 60.0, False, False), id="quota"),
        pytest.param({"status": 503, "headers": {"retry-after": "5"}}, ("retry", 5.0, False, False), id="away"),
        pytest.param({"status": 500}, ("unknown", None, False, False), id="internal"),
        pytest.param(
            {"status": 403, "body": {"error": {"details": [{"errorCode": "SENDER_ID_MISMATCH"}]}}},
            ("refused", None, True, False),
            id="another-sender",
        ),
        pytest.param(
            {"status": 401, "body": {"error": {"status": "UNAUTHENTICATED"}}}, ("retry", None, False, True), id="token"
        ),
        pytest.param(
            {"status": 400, "body": {"error": {"status": "INVALID_ARGUMENT", "message": "x"}}},
            ("refused", None, False, False),
            id="invalid",
        ),
        pytest.param({"cut": "after"}, ("unknown", None, False, False), id="cut"),
    ],
)
async def test_failures_are_told_apart(
    firebase: Firebase, how: dict[str, Any], expected: tuple[str, float | None, bool, bool]
) -> None:
    """A wait, a dead token, the account's fault, a doubt."""
    await firebase.send()
    firebase.wire.fails(firebase.provider, **how)
    sent = await firebase.send()
    assert (sent.outcome, sent.retry_after, sent.gone, sent.account_fault) == expected


async def test_a_token_that_ends_early_is_asked_for_anew(firebase: Firebase) -> None:
    """The message that found it out is a sure retry, and goes with the next token."""
    await firebase.send()
    firebase.provider.revoke()
    assert (await firebase.send()).outcome == "retry"
    assert (await firebase.send()).outcome == "accepted"
    assert firebase.provider.tokens_given == 2


async def test_no_token_means_nothing_was_sent(firebase: Firebase) -> None:
    """Whatever the token endpoint does, a cut included, no message left."""
    for how in ({"status": 400, "body": {"error_description": "Invalid JWT Signature."}}, {"cut": "after"}):
        firebase.wire.fails(firebase.provider, **how)
        sent = await firebase.send()
        assert (sent.outcome, sent.code, sent.account_fault) == ("retry", "no_token", True)
    assert firebase.wire.total(firebase.provider) == 0


async def test_accounts_tokens_and_sizes_are_checked(firebase: Firebase) -> None:
    """A file that is none, a key that is none, a token too short, a message too large."""
    base = firebase.wire.url(firebase.provider)
    good = msgspec.json.decode(firebase.provider.service_account(base))
    for wrong in ("{}", "[" * 5000, msgspec.json.encode(good | {"private_key": "x"}).decode()):
        with pytest.raises(AccountInvalid):
            account(fcm.Fcm(), {"base_url": base}, {"service_account": wrong})
    with pytest.raises(AddressInvalid):
        fcm.Fcm().validate_address("short")
    assert (await firebase.send(body="x" * 5000)).code == "too_long"
    assert (await fcm.Fcm().probe(firebase.account, firebase.wire.http)).detail == EMAIL


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("refused", "accepted", "retry"), "accepted"),
        (("retry", "unknown", "refused"), "unknown"),
        (("refused", "retry"), "retry"),
        (("refused", "refused"), "refused"),
    ],
)
def test_what_several_devices_answer_is_one_answer(outcomes: tuple[Outcome, ...], expected: str) -> None:
    """Taken by one or in doubt about one it is never tried again; only what surely nobody took may be."""
    addresses = [f"d{number}" for number, _ in enumerate(outcomes)]
    sent = together(addresses, [Sent(outcome=one, gone=one == "refused") for one in outcomes])
    assert sent.outcome == expected
    assert sent.dead == tuple(f"d{number}" for number, one in enumerate(outcomes) if one == "refused")
    assert sent.gone == (set(outcomes) == {"refused"})


async def test_every_phone_of_the_person_gets_it(firebase: Firebase) -> None:
    """One message, three phones, one of them gone: told by its token."""
    dead = "gone" + "x" * 30
    sent = await firebase.send(reference="r3", devices=(Device(dead), Device("other-phone-" + "x" * 30)))
    assert (sent.outcome, sent.gone, sent.dead) == ("accepted", False, (dead,))
    assert firebase.wire.count(firebase.provider, "r3") == 2
