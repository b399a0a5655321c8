"""Messenger and Instagram against a counterpart of the Graph API on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.reaching import Wire, account, hook, outgoing, wire
from unisono.demo.counterparts import meta
from unisono.demo.counterparts.model import TOKEN
from unisono.engagement.channels.adapters.instagram import Instagram
from unisono.engagement.channels.adapters.messenger import Messenger, permitted
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    AddressInvalid,
    BadSignature,
    Button,
    HookUnreadable,
    Outgoing,
)
from unisono.kit.clock import system_clock

PERSON = "2451001"
SECRETS = {"access_token": TOKEN, "app_secret": TOKEN, "verify_token": TOKEN}


class Setting:
    """One of the two, with its counterpart and account."""

    def __init__(self, opened: Wire, adapter: Messenger, provider: meta.Messenger) -> None:
        self.wire = opened
        self.adapter = adapter
        self.provider = provider
        settings = {"page_id": meta.PAGE, "base_url": opened.url(provider), "tags": {"transactional": "ACCOUNT_UPDATE"}}
        self.account: Account = account(adapter, settings, SECRETS)

    def message(self, **more: Any) -> Outgoing:
        """A message to somebody who has just written."""
        given = {"channel": self.adapter.channels[0], "address": PERSON, "answers_at": system_clock()}
        return outgoing(**(given | more))

    async def hear(self, item: dict[str, Any]) -> tuple[Any, ...]:
        """The events of a signed call with one thing that happened."""
        call = meta.told("http://x", self.adapter.object_name, meta.PAGE, item)
        answer = await self.wire.heard(self.adapter, self.account, hook(call.body, dict(call.headers)))
        return answer.events


@pytest.fixture(params=["messenger", "instagram"])
async def meta_wire(request: pytest.FixtureRequest) -> AsyncIterator[Setting]:
    """Each of the two."""
    pairs = {
        "messenger": (Messenger(), meta.Messenger()),
        "instagram": (Instagram(), meta.Instagram()),
    }
    adapter, provider = pairs[request.param]
    async with wire([provider]) as opened:
        yield Setting(opened, adapter, provider)


async def test_a_text_arrives_once_and_carries_our_reference(meta_wire: Setting) -> None:
    """Within the window it is an answer; the provider's id comes back."""
    message = meta_wire.message(text="Your shoes are here", url="https://shop.example/s")
    sent = await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, message)
    assert (sent.outcome, (sent.provider_id or "")[:2]) == ("accepted", "m_")
    assert meta_wire.wire.count(meta_wire.provider, message.reference) == 1
    said = meta_wire.wire.content(meta_wire.provider)
    assert said["messaging_type"] == "RESPONSE"
    assert said["message"]["text"] == "Your shoes are here\nhttps://shop.example/s"


async def test_after_the_window_only_a_tag_gets_through(meta_wire: Setting) -> None:
    """Marketing is refused without asking the provider; a purpose with a tag goes with it."""
    long_ago = system_clock() - timedelta(hours=25)
    late = meta_wire.message(purpose="marketing", answers_at=long_ago)
    sent = await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, late)
    assert (sent.outcome, sent.code, sent.gone) == ("refused", "outside_window", False)
    assert meta_wire.wire.total(meta_wire.provider) == 0
    tagged = meta_wire.message(purpose="transactional", answers_at=long_ago)
    assert (await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, tagged)).outcome == "accepted"
    said = meta_wire.wire.content(meta_wire.provider)
    assert (said["messaging_type"], said["tag"]) == ("MESSAGE_TAG", "ACCOUNT_UPDATE")


@pytest.mark.parametrize(
    ("hours", "tags", "expected"),
    [
        pytest.param(23.99, {}, "RESPONSE", id="just-inside"),
        pytest.param(24, {}, None, id="at-the-end"),
        pytest.param(None, {}, None, id="never-wrote"),
        pytest.param(24, {"service": "HUMAN_AGENT"}, "HUMAN_AGENT", id="human-agent"),
        pytest.param(24 * 7, {"service": "HUMAN_AGENT"}, None, id="human-agent-over"),
        pytest.param(None, {"service": "HUMAN_AGENT"}, None, id="human-agent-never-wrote"),
        pytest.param(24 * 400, {"service": "ACCOUNT_UPDATE"}, "ACCOUNT_UPDATE", id="tag"),
    ],
)
def test_the_window_ends_to_the_second(hours: float | None, tags: dict[str, str], expected: str | None) -> None:
    """24 hours, 7 days for an agent, and not at all for who never wrote."""
    now = system_clock()
    wrote = None if hours is None else now - timedelta(hours=hours)
    terms = permitted(outgoing(purpose="service", answers_at=wrote), tags, now)
    assert (None if terms is None else terms.get("tag", terms["messaging_type"])) == expected


async def test_a_picture_makes_a_card_and_buttons_a_template(meta_wire: Setting) -> None:
    """Titles and buttons are cut to what Meta takes."""
    buttons = (Button("Look at them now, they are new", url="https://s.example"), Button("No", payload="NO"))
    card = meta_wire.message(text=None, title="T" * 100, body="Soft", image_url="https://i.example/1", buttons=buttons)
    assert (await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, card)).outcome == "accepted"
    payload = meta_wire.wire.content(meta_wire.provider)["message"]["attachment"]["payload"]
    [element] = payload["elements"]
    assert (payload["template_type"], len(element["title"]), element["subtitle"]) == ("generic", 80, "Soft")
    assert element["buttons"] == [
        {"type": "web_url", "title": "Look at them now, th", "url": "https://s.example"},
        {"type": "postback", "title": "No", "payload": "NO"},
    ]
    await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, meta_wire.message(buttons=buttons))
    assert meta_wire.wire.content(meta_wire.provider)["message"]["attachment"]["payload"]["template_type"] == "button"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param(
            {"status": 429, "headers": {"retry-after": "7"}, "body": b""}, ("retry", 7.0, False, False), id="429"
        ),
        pytest.param(
            {"status": 400, "body": {"error": {"code": 613, "message": "rate"}}},
            ("retry", None, False, False),
            id="rate",
        ),
        pytest.param(
            {"status": 500, "body": {"error": {"code": 2, "message": "x", "is_transient": True}}},
            ("retry", None, False, False),
            id="transient",
        ),
        pytest.param(
            {"status": 401, "body": {"error": {"code": 190, "message": "x"}}}, ("retry", None, False, True), id="token"
        ),
        pytest.param(
            {"status": 400, "body": {"error": {"code": 100, "error_subcode": 2018001, "message": "No matching user"}}},
            ("refused", None, True, False),
            id="nobody",
        ),
        pytest.param(
            {"status": 400, "body": {"error": {"code": 551, "message": "not available"}}},
            ("refused", None, False, False),
            id="unavailable",
        ),
        pytest.param(
            {"status": 403, "body": {"error": {"code": 200, "message": "permission"}}},
            ("refused", None, False, True),
            id="permission",
        ),
        pytest.param({"status": 502, "body": b"<html>"}, ("unknown", None, False, False), id="proxy"),
        pytest.param({"cut": "after"}, ("unknown", None, False, False), id="cut"),
    ],
)
async def test_each_failure_is_told_as_what_it_is(
    meta_wire: Setting, how: dict[str, Any], expected: tuple[str, float | None, bool, bool]
) -> None:
    """Sure refusals, sure tries, and the doubt of a cut."""
    meta_wire.wire.fails(meta_wire.provider, **how)
    sent = await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, meta_wire.message())
    assert (sent.outcome, sent.retry_after, sent.gone, sent.account_fault) == expected


async def test_a_window_the_provider_sees_closed_is_no_dead_address(meta_wire: Setting) -> None:
    """Our clock said yes, Meta's no: the person is still there."""
    meta_wire.provider.closed.add(PERSON)
    sent = await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, meta_wire.message())
    assert (sent.outcome, sent.code, sent.gone) == ("refused", "outside_window", False)


async def test_nobody_listening_is_a_sure_retry(meta_wire: Setting) -> None:
    """Nothing left, so nothing was taken."""
    settings = {"page_id": meta.PAGE, "base_url": "http://127.0.0.1:1"}
    sent = await meta_wire.wire.send(
        meta_wire.adapter, account(meta_wire.adapter, settings, SECRETS), meta_wire.message()
    )
    assert (sent.outcome, sent.account_fault) == ("retry", True)


async def test_texts_too_long_or_empty_never_leave(meta_wire: Setting) -> None:
    """The limit is the channel's own."""
    for text in ("x" * 2001, " \n"):
        sent = await meta_wire.wire.send(meta_wire.adapter, meta_wire.account, meta_wire.message(text=text))
        assert sent.outcome == "refused"
    assert meta_wire.wire.total(meta_wire.provider) == 0


async def test_the_provider_asks_whether_the_address_is_ours(meta_wire: Setting) -> None:
    """Its challenge comes back for the right token alone."""
    query = f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=1158201444"
    answer = await meta_wire.wire.heard(meta_wire.adapter, meta_wire.account, hook(b"", method="GET", query=query))
    assert answer.body == b"1158201444"
    wrong = hook(b"", method="GET", query=query.replace(TOKEN, "other"))
    with pytest.raises(BadSignature):
        await meta_wire.wire.heard(meta_wire.adapter, meta_wire.account, wrong)


async def test_only_the_signed_bytes_are_believed(meta_wire: Setting) -> None:
    """One byte more, another secret or no signature: nothing of it."""
    call = meta.told("http://x", meta_wire.adapter.object_name, meta.PAGE, {"message": {"mid": "m", "text": "hi"}})
    headers = dict(call.headers)
    for body, sent in (
        (call.body + b" ", headers),
        (call.body, {}),
        (call.body, headers | {"x-hub-signature-256": "sha256=00"}),
        (call.body, headers | {"x-hub-signature-256": "sha256=è"}),
    ):
        with pytest.raises(BadSignature):
            await meta_wire.wire.heard(meta_wire.adapter, meta_wire.account, hook(body, sent))


async def test_what_people_write_is_heard_with_attachments_and_links_followed(meta_wire: Setting) -> None:
    """The message id makes it one; a link of ours says who followed it."""
    message = {
        "mid": "m_1",
        "text": "Avete il 42?\x00",
        "attachments": [{"type": "image", "payload": {"url": "https://i.example/2"}}],
        "quick_reply": {"payload": "SIZE"},
    }
    [event] = await meta_wire.hear({"sender": {"id": PERSON}, "message": message, "referral": {"ref": "tok"}})
    assert (event.kind, event.address, event.text, event.delivery_id) == ("inbound", PERSON, "Avete il 42?", "m_1")
    assert event.data == {
        "payload": "SIZE",
        "join": "tok",
        "attachments": [{"type": "image", "url": "https://i.example/2"}],
    }
    assert await meta_wire.hear({"sender": {"id": PERSON}, "message": {"mid": "m_2", "is_echo": True}}) == ()
    [press] = await meta_wire.hear({"sender": {"id": PERSON}, "postback": {"title": "No", "payload": "NO", "mid": "p"}})
    assert (press.kind, press.text, press.data) == ("inbound", "No", {"payload": "NO"})


async def test_receipts_name_the_message_or_the_instant(meta_wire: Setting) -> None:
    """Delivered by ids; read by id on Instagram, up to an instant on Messenger."""
    events = await meta_wire.hear({"sender": {"id": PERSON}, "delivery": {"mids": ["m_1", "m_2"], "watermark": 5}})
    assert [(event.kind, event.provider_id) for event in events] == [("delivered", "m_1"), ("delivered", "m_2")]
    [by_id] = await meta_wire.hear({"sender": {"id": PERSON}, "read": {"mid": "m_1"}})
    assert (by_id.kind, by_id.provider_id) == ("read", "m_1")
    [until] = await meta_wire.hear({"sender": {"id": PERSON}, "read": {"watermark": 1767225600000}})
    assert (until.provider_id, until.address) == (None, PERSON)
    assert until.data == {"watermark": "2026-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(b"[" * 5000, id="deep"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"object":"user"}', id="other-object"),
    ],
)
async def test_a_signed_call_that_makes_no_sense_is_unreadable(meta_wire: Setting, body: bytes) -> None:
    """It is refused, never an error of ours."""
    with pytest.raises(HookUnreadable):
        await meta_wire.wire.heard(meta_wire.adapter, meta_wire.account, hook(body, meta.signed(body)))


async def test_odd_shapes_inside_a_call_are_passed_over(meta_wire: Setting) -> None:
    """Wrong types, no ids, times out of this world."""
    for item in ({}, {"message": 5}, {"message": {"mid": 7}}, {"delivery": {"mids": "x"}}, {"read": []}):
        events = await meta_wire.hear({"sender": {"id": None}, "timestamp": 10**30, **item})
        assert len(events) <= 1


def test_accounts_that_cannot_work_are_not_stored() -> None:
    """A page without a number, a tag for marketing, an address inside."""
    good = {"page_id": meta.PAGE, "base_url": "https://graph.facebook.com"}
    for wrong in ({"page_id": "my-page"}, {"tags": {"marketing": "ACCOUNT_UPDATE"}}, {"base_url": "ftp://x"}, {"x": 1}):
        with pytest.raises(AccountInvalid):
            account(Messenger(), good | wrong, SECRETS)
    with pytest.raises(AddressInvalid):
        Messenger().validate_address("maria")


async def test_an_account_can_be_tried(meta_wire: Setting) -> None:
    """The page says its name, or the token is wrong."""
    assert (await meta_wire.adapter.probe(meta_wire.account, meta_wire.wire.http)).detail == "Counterpart"
    settings = dict(meta_wire.account.settings)
    other = account(meta_wire.adapter, settings, SECRETS | {"access_token": "old"})
    assert (await meta_wire.adapter.probe(other, meta_wire.wire.http)).account_fault
