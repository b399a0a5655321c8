"""Messages posted to another system: signed as Standard Webhooks asks, told apart by their answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.support.reaching import Wire, account, outgoing, wire
from unisono.demo.counterparts.webhook import WebhookReceiver
from unisono.engagement.channels.adapters.webhook import Webhook
from unisono.engagement.channels.model import AccountInvalid


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Wire, WebhookReceiver]]:
    """A receiver."""
    receiver = WebhookReceiver()
    async with wire([receiver]) as found:
        yield found, receiver


async def test_the_receiver_can_verify_and_know_it_again(opened: tuple[Wire, WebhookReceiver]) -> None:
    """The official verifier accepts the bytes; both tries of a message have one id."""
    found, receiver = opened
    made = account(Webhook(), {"url": found.url(receiver) + "/in"})
    message = outgoing(channel="webhook", node_id=12, subject="Ciao", campaign="spring", data={"size": 42})
    for _ in range(2):
        assert (await found.send(Webhook(), made, message)).outcome == "accepted"
    assert found.count(receiver, f"msg_{message.reference}") == 2
    asked = receiver.asked[-1]
    body: Any = Verifier(made.secret("signing_secret")).verify(asked.body, dict(asked.headers))
    assert (body["type"], body["data"]["node_id"], body["data"]["data"]) == ("message.sent", 12, {"size": 42})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(410, ("refused", True), id="gone"),
        pytest.param(422, ("refused", False), id="unreadable"),
        pytest.param(429, ("retry", True), id="busy"),
        pytest.param(500, ("retry", True), id="broken"),
        pytest.param(302, ("retry", True), id="redirect"),
    ],
)
async def test_answers_say_whether_to_try_again(
    opened: tuple[Wire, WebhookReceiver], status: int, expected: tuple[str, bool]
) -> None:
    """Everything but 2xx is not taken; 410 never will be."""
    found, receiver = opened
    made = account(Webhook(), {"url": found.url(receiver)})
    found.fails(receiver, status=status)
    sent = await found.send(Webhook(), made, outgoing())
    assert (sent.outcome, sent.account_fault) == expected


async def test_a_cut_is_a_doubt_and_too_much_is_refused(opened: tuple[Wire, WebhookReceiver]) -> None:
    """20 kB at the most."""
    found, receiver = opened
    made = account(Webhook(), {"url": found.url(receiver)})
    found.fails(receiver, cut="after")
    assert (await found.send(Webhook(), made, outgoing())).outcome == "unknown"
    assert (await found.send(Webhook(), made, outgoing(html="x" * 20_000))).code == "too_long"


def test_an_account_needs_an_address_outside_and_a_secret() -> None:
    """Secrets are made with the account; wrong ones are refused."""
    assert Webhook().new_secrets()["signing_secret"].startswith("whsec_")
    with pytest.raises(AccountInvalid):
        account(Webhook(), {"url": "https://x.example"}, {"signing_secret": "whsec_%"})
    with pytest.raises(AccountInvalid):
        account(Webhook(), {"url": "file:///etc/passwd"})
