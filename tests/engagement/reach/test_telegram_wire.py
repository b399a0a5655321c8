"""Telegram against a counterpart of the Bot API on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.reaching import Wire, account, hook, outgoing, wire
from unisono.demo.counterparts import telegram as counterpart
from unisono.demo.counterparts.model import TOKEN
from unisono.engagement.channels.adapters.telegram import Telegram
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    AddressInvalid,
    BadSignature,
    Button,
    HookUnreadable,
    ProviderEvent,
)

CHAT = 555001
SECRETS = {"token": counterpart.BOT_TOKEN, "secret_token": TOKEN}


class Bot:
    """The bot, its counterpart and account."""

    def __init__(self, opened: Wire, provider: counterpart.Telegram) -> None:
        self.wire = opened
        self.provider = provider
        settings = {"bot": counterpart.BOT, "base_url": opened.url(provider)}
        self.account: Account = account(Telegram(), settings, SECRETS)

    async def send(self, **more: Any) -> Any:
        """One message to the chat."""
        return await self.wire.send(
            Telegram(), self.account, outgoing(channel="telegram", **({"address": str(CHAT)} | more))
        )

    async def hear(self, call: Any) -> tuple[ProviderEvent, ...]:
        """The events of a call."""
        answer = await self.wire.heard(Telegram(), self.account, hook(call.body, dict(call.headers)))
        return answer.events


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    """A bot."""
    provider = counterpart.Telegram()
    async with wire([provider]) as opened:
        yield Bot(opened, provider)


async def test_a_text_with_buttons_arrives_once(bot: Bot) -> None:
    """Links and answers become an inline keyboard; the message's number comes back."""
    buttons = (Button("See", url="https://s.example"), Button("No thanks", payload="è" * 40))
    sent = await bot.send(text="Ciao Maria", buttons=buttons)
    assert (sent.outcome, sent.provider_id) == ("accepted", "1")
    said = bot.wire.content(bot.provider)
    assert (said["method"], said["chat_id"], said["text"]) == ("sendMessage", CHAT, "Ciao Maria")
    [[see], [no]] = said["reply_markup"]["inline_keyboard"]
    assert see == {"text": "See", "url": "https://s.example"}
    assert no["callback_data"] == "è" * 32, "64 bytes at the most, never half a character"
    assert bot.wire.total(bot.provider) == 1


async def test_a_picture_carries_the_text_when_it_fits_under_it(bot: Bot) -> None:
    """Captions have 1,024 characters; longer texts go without the picture rather than without their end."""
    assert (await bot.send(image_url="https://i.example/1.jpg", text="New")).outcome == "accepted"
    assert bot.wire.content(bot.provider)["method"] == "sendPhoto"
    assert (await bot.send(image_url="https://i.example/1.jpg", text="x" * 1025)).outcome == "accepted"
    assert bot.wire.content(bot.provider)["method"] == "sendMessage"


async def test_who_blocked_the_bot_is_gone(bot: Bot) -> None:
    """403 with these words, and an unknown chat, are for good."""
    bot.provider.blocked.add(CHAT)
    sent = await bot.send()
    assert (sent.outcome, sent.code, sent.gone) == ("refused", "403", True)
    assert (await bot.send(address="404")).gone


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param(
            {"status": 429, "body": {"ok": False, "error_code": 429, "parameters": {"retry_after": 12}}},
            ("retry", 12.0, False),
            id="429",
        ),
        pytest.param({"status": 401, "body": {"ok": False, "error_code": 401}}, ("retry", None, True), id="token"),
        pytest.param(
            {
                "status": 400,
                "body": {"ok": False, "error_code": 400, "description": "Bad Request: message is too long"},
            },
            ("refused", None, False),
            id="bad-request",
        ),
        pytest.param({"status": 502, "body": b"Bad Gateway"}, ("unknown", None, False), id="gateway"),
        pytest.param({"cut": "after"}, ("unknown", None, False), id="cut"),
    ],
)
async def test_failures_are_told_apart(bot: Bot, how: dict[str, Any], expected: tuple[str, float | None, bool]) -> None:
    """Waits are the bot API's own; a cut is a doubt."""
    bot.wire.fails(bot.provider, **how)
    sent = await bot.send()
    assert (sent.outcome, sent.retry_after, sent.account_fault) == expected
    assert not sent.gone


async def test_a_deep_link_says_who_started_the_bot(bot: Bot) -> None:
    """The payload of /start is the token of the link."""
    [event] = await bot.hear(counterpart.wrote("http://x", CHAT, "/start AbC_-9"))
    assert (event.kind, event.address, event.sender_name) == ("inbound", str(CHAT), "Maria")
    assert event.data == {"join": "AbC_-9"}
    [bare] = await bot.hear(counterpart.wrote("http://x", CHAT, "/start"))
    assert (bare.kind, bare.data) == ("inbound", {})


async def test_stop_and_blocking_are_withdrawals(bot: Bot) -> None:
    """Each of the two is a stop of this chat."""
    for call in (counterpart.wrote("http://x", CHAT, "/stop"), counterpart.blocked("http://x", CHAT)):
        [event] = await bot.hear(call)
        assert (event.kind, event.address) == ("stop", str(CHAT))


async def test_a_button_pressed_is_answered_at_once(bot: Bot) -> None:
    """The answer to the webhook tells Telegram to stop the button's spinner."""
    press = {
        "id": "77",
        "from": {"id": CHAT, "first_name": "Maria"},
        "message": {"message_id": 3, "chat": {"id": CHAT, "type": "private"}},
        "data": "NO",
    }
    call = counterpart.update("http://x", {"callback_query": press})
    answer = await bot.wire.heard(Telegram(), bot.account, hook(call.body, dict(call.headers)))
    assert answer.body == b'{"method":"answerCallbackQuery","callback_query_id":"77"}'
    [event] = answer.events
    assert (event.kind, event.text, event.data) == ("inbound", "NO", {"payload": "NO"})


async def test_groups_and_odd_updates_are_not_heard(bot: Bot) -> None:
    """What is said in a group is not said to us; odd shapes are passed over."""
    chat = {"id": -100, "type": "group"}
    for content in (
        {"message": {"chat": chat, "text": "hi"}},
        {"message": 5},
        {"edited_message": {}},
        {"my_chat_member": {"chat": chat, "new_chat_member": {"status": "kicked"}}},
    ):
        assert await bot.hear(counterpart.update("http://x", content)) == ()


async def test_only_calls_with_the_secret_are_believed(bot: Bot) -> None:
    """Without it, or with another, nothing is read."""
    call = counterpart.wrote("http://x", CHAT, "hi")
    for headers in ({}, {"x-telegram-bot-api-secret-token": "other"}, {"x-telegram-bot-api-secret-token": "è"}):
        with pytest.raises(BadSignature):
            await bot.wire.heard(Telegram(), bot.account, hook(call.body, headers))
    for body in (b"", b"[]", b'{"update_id":"x"}', b"[" * 5000):
        with pytest.raises(HookUnreadable):
            await bot.wire.heard(Telegram(), bot.account, hook(body, dict(call.headers)))


async def test_accounts_and_addresses_are_checked(bot: Bot) -> None:
    """A bot with an @, a token that is none, a chat with letters; getMe tries the token."""
    settings = {"bot": counterpart.BOT}
    for wrong, secrets in (
        ({"bot": "@x"}, SECRETS),
        ({}, SECRETS | {"token": "x"}),
        ({}, SECRETS | {"secret_token": "è"}),
    ):
        with pytest.raises(AccountInvalid):
            account(Telegram(), settings | wrong, secrets)
    with pytest.raises(AddressInvalid):
        Telegram().validate_address("@maria")
    assert (await Telegram().probe(bot.account, bot.wire.http)).detail == f"@{counterpart.BOT}"
