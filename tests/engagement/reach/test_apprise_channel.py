"""The long tail by Apprise, with a real Apprise posting to a real socket."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest

from tests.support.reaching import Wire, account, outgoing, wire
from unisono.demo.counterparts.webhook import WebhookReceiver
from unisono.engagement.channels.adapters.apprise_url import THREADS, AppriseSender, AppriseUrl
from unisono.engagement.channels.model import Account, AccountInvalid, AddressInvalid, Secrets


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Wire, WebhookReceiver, Account]]:
    """A receiver of Apprise's JSON, and the account for it."""
    receiver = WebhookReceiver()
    async with wire([receiver]) as found:
        url = found.url(receiver).replace("http://", "json://") + "/{address}"
        yield found, receiver, account(AppriseUrl(), {}, {"url": url})


async def test_a_notification_goes_to_the_address(opened: tuple[Wire, WebhookReceiver, Account]) -> None:
    """The address takes its place in the URL, escaped; title and text arrive."""
    found, receiver, made = opened
    sent = await found.send(AppriseUrl(), made, outgoing(address="a/b?c", subject="Ciao", text="Pronto"))
    assert sent.outcome == "accepted"
    said = found.content(receiver)
    assert (said["title"], said["message"]) == ("Ciao", "Pronto")
    assert receiver.asked[-1].path.startswith("/a%2Fb%3Fc")


async def test_a_no_is_a_doubt(opened: tuple[Wire, WebhookReceiver, Account]) -> None:
    """Apprise does not say how far it came, so nobody may send it again."""
    found, receiver, made = opened
    found.fails(receiver, status=500)
    sent = await found.send(AppriseUrl(), made, outgoing())
    assert (sent.outcome, sent.code) == ("unknown", "failed")


async def test_a_service_that_hangs_is_a_doubt_and_holds_up_nobody_for_ever() -> None:
    """After its time the message is unknown; one that never began is a sure retry."""
    answer = threading.Event()
    sender = AppriseSender("x://", 0.2, notify=lambda url, title, body: answer.wait(60))
    assert (await sender.send(None, outgoing())).outcome == "unknown"
    assert not answer.is_set()
    for _ in range(THREADS - 1):
        sender._threads.submit(answer.wait, 60)
    assert (await sender.send(None, outgoing())).code == "busy"
    answer.set()
    await sender.close()


async def test_a_url_apprise_cannot_use_is_the_accounts_fault() -> None:
    """It may have been stored by an older version."""
    sender = AppriseSender("nothing://x", 5)
    sent = await sender.send(None, outgoing())
    await sender.close()
    assert (sent.outcome, sent.account_fault) == ("refused", True)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="none"),
        pytest.param("not a url", id="words"),
        pytest.param("nothing://x", id="unknown"),
        pytest.param("syslog://", id="this-machine"),
        pytest.param("dbus://", id="desktop"),
    ],
)
def test_urls_that_cannot_or_must_not_be_used_are_refused(url: str) -> None:
    """And the refusal never says the URL: it is a secret."""
    with pytest.raises(AccountInvalid) as refused:
        account(AppriseUrl(), {}, {"url": url} if url else {})
    assert not url or url not in str(refused.value)


def test_any_address_is_for_webhooks_not_for_apprise() -> None:
    """json:// would reach inside the network, unguarded; where that is allowed it may."""
    made = Account(
        id=1, code="x", kind="apprise", channel="other", secrets=Secrets({"url": "json://169.254.169.254/latest"})
    )
    with pytest.raises(AccountInvalid):
        AppriseUrl().check(made, private=False)
    AppriseUrl().check(made, private=True)
    with pytest.raises(AddressInvalid):
        AppriseUrl().validate_address("a\nb")
