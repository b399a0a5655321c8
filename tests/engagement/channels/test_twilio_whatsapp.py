"""Texts and WhatsApp over their providers' counterparts: what is asked, answered, told later, and forged."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from tests.support.channels import HOOK_URL, NOW, hook, hook_of, outgoing, twilio_account, whatsapp_account
from unisono.demo.counterparts import twilio as their_twilio
from unisono.demo.counterparts import whatsapp as their_whatsapp
from unisono.demo.counterparts.http import Server, serving
from unisono.demo.counterparts.model import TOKEN, Asked, Book, Mode
from unisono.demo.counterparts.twilio import Twilio
from unisono.demo.counterparts.whatsapp import NUMBER, WhatsApp
from unisono.engagement.channels.adapters import texts, twilio, whatsapp
from unisono.engagement.channels.model import (
    Account,
    Adapter,
    AddressInvalid,
    BadSignature,
    Button,
    Hook,
    Outgoing,
    ProviderEvent,
    Sent,
)
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.clock import system_clock
from unisono.kit.http import Http


@asynccontextmanager
async def providers() -> AsyncIterator[Server]:
    """Both counterparts."""
    async with serving([Twilio(), WhatsApp()], Book()) as server:
        yield server


async def send(account: Account, message: Outgoing) -> Sent:
    """One message through its adapter."""
    http = Http(private=True)
    try:
        sender = await adapter_of(account.kind).open(account, http)
        return await sender.send(None, message)
    finally:
        await http.close()


async def heard(account: Account, call: Hook) -> tuple[ProviderEvent, ...]:
    """The events of a call."""
    adapter: Adapter = adapter_of(account.kind)
    return (await adapter.parse_hook(account, call, Http(private=True), now=NOW)).events


def accounts(server: Server) -> dict[str, Account]:
    """An account of each kind."""
    return {
        "twilio_sms": twilio_account(server.url("twilio"), hook_url=HOOK_URL, cost_minor=5),
        "twilio_whatsapp": twilio_account(server.url("twilio"), "twilio_whatsapp", hook_url=HOOK_URL),
        "whatsapp": whatsapp_account(server.url("whatsapp"), cost_minor=7),
    }


KINDS = ("twilio_sms", "twilio_whatsapp", "whatsapp")


def text_to(kind: str, number: int = 1, **more: Any) -> Outgoing:
    """A message inside the window."""
    channel = "sms" if kind == "twilio_sms" else "whatsapp"
    return outgoing(number, channel=channel, text="Ciao Maria", html=None, answers_at=system_clock(), **more)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_is_taken_once_under_our_reference(kind: str) -> None:
    """Accepted, with the provider's id; the counterpart saw our reference and the number in its spelling."""
    async with providers() as server:
        message = text_to(kind)
        sent = await send(accounts(server)[kind], message)
        assert sent.outcome == "accepted"
        [taken] = server.book.recent
        assert sent.provider_id == taken.provider_id
        assert taken.reference == message.reference
        prefix = {"twilio_sms": "+", "twilio_whatsapp": "whatsapp:+", "whatsapp": ""}[kind]
        assert taken.address == f"{prefix}393330000001"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mode", "outcome", "fault"),
    [
        ({"status": 429, "headers": {"retry-after": "7"}, "body": {}}, "retry", False),
        ({"status": 500, "body": b"<html>"}, "unknown", False),
        ({"status": 502, "body": "proxy"}, "unknown", False),
        ({"cut": "before"}, "unknown", False),
        ({"cut": "after"}, "unknown", False),
    ],
    ids=["429", "500", "502", "cut before", "cut after"],
)
async def test_trouble_on_the_way_means_what_it_means(
    kind: str, mode: dict[str, Any], outcome: str, fault: bool
) -> None:
    """Nothing is posted twice by itself; only what surely was not taken may be tried again."""
    async with providers() as server:
        account = accounts(server)[kind]
        server.book.told(Mode(provider=account.settings["base_url"].rpartition("/")[2], **mode))
        sent = await send(account, text_to(kind))
        assert (sent.outcome, sent.account_fault) == (outcome, fault), sent
        assert sum(server.book.counts.get("twilio", server.book.of("whatsapp")).values()) <= 1
        if mode.get("status") == 429:
            assert sent.retry_after == 7


@pytest.mark.parametrize("kind", KINDS)
async def test_a_provider_that_is_away_is_a_retry(kind: str) -> None:
    """Not reached: nothing left."""
    async with providers() as server:
        account = accounts(server)[kind]
    sent = await send(account, text_to(kind))
    assert (sent.outcome, sent.account_fault) == ("retry", True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_token_waits_for_the_operator(kind: str) -> None:
    """It is no refusal of the message, and the account is at fault."""
    async with providers() as server:
        good = accounts(server)[kind]
        wrong = dict.fromkeys(good.secrets, "wrong")
        bad = (
            twilio_account(server.url("twilio"), kind, secrets=wrong)
            if kind != "whatsapp"
            else whatsapp_account(server.url("whatsapp"), secrets=wrong)
        )
        sent = await send(bad, text_to(kind))
        assert (sent.outcome, sent.account_fault) == ("retry", True)
        tried = await adapter_of(kind).probe(bad, Http(private=True))
        assert tried.outcome != "accepted"
        assert (await adapter_of(kind).probe(good, Http(private=True))).outcome == "accepted"


@pytest.mark.parametrize(
    ("status", "code", "outcome", "gone", "fault"),
    [
        (400, 21211, "refused", True, False),
        (400, 21614, "refused", True, False),
        (400, 21610, "refused", False, False),
        (400, 21606, "retry", False, True),
        (429, 20429, "retry", False, False),
        (503, 20503, "retry", False, False),
        (400, 21617, "refused", False, False),
    ],
    ids=str,
)
async def test_twilios_error_codes(status: int, code: int, outcome: str, gone: bool, fault: bool) -> None:
    """As its documentation lists them."""
    async with providers() as server:
        body = {"code": code, "message": "no", "status": status}
        server.book.told(Mode(provider="twilio", status=status, body=body))
        sent = await send(accounts(server)["twilio_sms"], text_to("twilio_sms"))
    assert (sent.outcome, sent.gone, sent.account_fault, sent.code) == (outcome, gone, fault, str(code))


@pytest.mark.parametrize(
    ("status", "code", "outcome", "gone", "fault"),
    [
        (400, 131026, "refused", True, False),
        (400, 131047, "refused", False, False),
        (429, 130429, "retry", False, False),
        (400, 131056, "retry", False, False),
        (500, 131000, "retry", False, False),
        (401, 190, "retry", False, True),
        (403, 131031, "retry", False, True),
        (404, 132001, "refused", False, False),
    ],
    ids=str,
)
async def test_whatsapps_error_codes(status: int, code: int, outcome: str, gone: bool, fault: bool) -> None:
    """As Meta's documentation lists them."""
    async with providers() as server:
        body = {"error": {"code": code, "message": "no", "type": "OAuthException"}}
        server.book.told(Mode(provider="whatsapp", status=status, body=body))
        sent = await send(accounts(server)["whatsapp"], text_to("whatsapp"))
    assert (sent.outcome, sent.gone, sent.account_fault) == (outcome, gone, fault)


@pytest.mark.parametrize("kind", ["twilio_whatsapp", "whatsapp"])
@pytest.mark.parametrize(
    ("ago", "said"),
    [(timedelta(hours=23, minutes=59), True), (timedelta(hours=24), False), (None, False)],
    ids=["inside", "at its end", "never wrote"],
)
async def test_free_text_needs_the_window(kind: str, ago: timedelta | None, said: bool) -> None:
    """24 hours after the person wrote, to the second; then an approved template."""
    adapter = cast("twilio.Twilio", adapter_of(kind))
    message = outgoing(1, channel="whatsapp", text="Ciao", answers_at=NOW - ago if ago else None)
    free = whatsapp.content(message, NOW) if kind == "whatsapp" else adapter.content(message, NOW)
    assert isinstance(free, Sent) is not said
    if isinstance(free, Sent):
        assert (free.outcome, free.code) == ("refused", "outside_window")


async def test_a_template_goes_at_any_time() -> None:
    """With its language and parameters, in each provider's own form."""
    template = {"name": "order_ready", "language": "it", "parameters": ["Maria", 1204]}
    async with providers() as server:
        message = outgoing(1, channel="whatsapp", data={"template": template})
        assert (await send(accounts(server)["whatsapp"], message)).outcome == "accepted"
        [taken] = server.book.recent
        assert taken.content["template"] == {
            "name": "order_ready",
            "language": {"code": "it"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "Maria"}, {"type": "text", "text": "1204"}]}
            ],
        }
        server.book.forget()
        message = outgoing(2, channel="whatsapp", data={"template": {"sid": "HX1", "variables": {"1": "Maria"}}})
        assert (await send(accounts(server)["twilio_whatsapp"], message)).outcome == "accepted"
        [taken] = server.book.recent
        assert taken.content["ContentSid"] == "HX1"
        assert json.loads(taken.content["ContentVariables"]) == {"1": "Maria"}


def test_whatsapp_carries_pictures_and_answers_to_press() -> None:
    """At most three, with the payload that comes back."""
    buttons = tuple(Button(f"Scelta {number}", payload=f"p{number}") for number in range(5))
    message = outgoing(1, channel="whatsapp", text="Quale?", buttons=buttons, answers_at=NOW)
    said = whatsapp.content(message, NOW)
    assert isinstance(said, dict)
    replies = [one["reply"]["id"] for one in said["interactive"]["action"]["buttons"]]
    assert replies == ["p0", "p1", "p2"]
    picture = whatsapp.content(
        outgoing(1, channel="whatsapp", text="Guarda", image_url="https://shop.example/a.jpg", answers_at=NOW), NOW
    )
    assert isinstance(picture, dict)
    assert picture["image"] == {"link": "https://shop.example/a.jpg", "caption": "Guarda"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ciao ç", 2 - 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("à è ì ò ù é" * 14, 1),
        ("", 1),
    ],
    ids=lambda value: f"{value[:3]}x{len(value)}" if isinstance(value, str) else str(value),
)
def test_a_text_costs_its_segments(text: str, number: int) -> None:
    """GSM-7 and its extension, UCS-2 and characters that take two units."""
    assert texts.segments(text) == number


def test_what_a_long_text_costs() -> None:
    """The account's price times the segments."""
    account = twilio_account("https://api.twilio.com", cost_minor=5)
    message = outgoing(1, channel="sms", text="a" * 200, html=None)
    assert adapter_of("twilio_sms").cost_minor(account, message) == 10


@pytest.mark.parametrize("address", ["", "no", "+39", "3331234567890123456", "+39 333\r\n1", "\x00"])
def test_what_is_no_number_is_refused(address: str) -> None:
    """Before anything is sent."""
    with pytest.raises(AddressInvalid):
        adapter_of("twilio_sms").validate_address(address)


# Twilio tells --------------------------------------------------------------------------------------------

VECTOR = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
"""Twilio's own test vector, published with its libraries; its token is 12345."""


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
    ids=["plain", "port dropped", "port kept", "443 added", "80 added"],
)
def test_twilios_own_vectors_verify(url: str, signature: str) -> None:
    """With the port, without it, and with the one of the scheme."""
    call = hook(urlencode(VECTOR).encode(), {"x-twilio-signature": signature}, url=url)
    assert dict(twilio.verify("12345", call)) == VECTOR
    with pytest.raises(BadSignature):
        twilio.verify("12346", call)


def test_twilios_vectors_of_repeated_fields_and_of_json() -> None:
    """A name that comes twice, and a body that is no form."""
    fields = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.signature("12345", url, fields) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="
    body = b'{"property": "value", "boolean": true}'
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    signed = {"x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    twilio.verify("12345", hook(body, signed, url=f"{url}&bodySHA256={digest}"))
    with pytest.raises(BadSignature):
        twilio.verify("12345", hook(body + b" ", signed, url=f"{url}&bodySHA256={digest}"))


@pytest.mark.parametrize(
    ("status", "code", "kind", "permanent"),
    [
        ("delivered", "", "delivered", False),
        ("read", "", "read", False),
        ("failed", "30003", "failed", False),
        ("undelivered", "30005", "failed", True),
        ("undelivered", "30006", "failed", True),
        ("canceled", "", "failed", False),
    ],
    ids=str,
)
async def test_twilios_statuses_name_the_message(status: str, code: str, kind: str, permanent: bool) -> None:
    """The reference comes back in the address; fields nobody knows are no trouble."""
    account = twilio_account("https://api.twilio.com")
    url = f"{HOOK_URL}?m={outgoing(1).reference}"
    fields = {"MessageSid": "SM1", "MessageStatus": status, "To": "+393330000001", "ErrorCode": code, "New": "x"}
    [event] = await heard(account, hook_of(their_twilio.signed(url, fields)))
    assert (event.kind, event.permanent, event.provider_id) == (kind, permanent, "SM1")
    assert event.reference == outgoing(1).reference
    assert event.address == "+393330000001"


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "accepted", "scheduled"])
async def test_twilios_steps_on_the_way_tell_nothing(status: str) -> None:
    """They come first, last and twice."""
    call = their_twilio.signed(HOOK_URL, {"MessageSid": "SM1", "MessageStatus": status, "To": "+393330000001"})
    assert await heard(twilio_account("https://api.twilio.com"), hook_of(call)) == ()


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"Body": "Ciao"}, "inbound"),
        ({"Body": "STOP", "OptOutType": "STOP"}, "stop"),
        ({"OptOutType": "START"}, "start"),
    ],
    ids=["words", "stop", "start"],
)
async def test_what_people_write_through_twilio(more: dict[str, str], kind: str) -> None:
    """Whoever wrote, what, and whether he asked to be left alone."""
    fields = {"MessageSid": "SM2", "SmsStatus": "received", "From": "+393330000001", "To": "+390212345678"} | more
    [event] = await heard(twilio_account("https://api.twilio.com"), hook_of(their_twilio.signed(HOOK_URL, fields)))
    assert (event.kind, event.address, event.text) == (kind, "+393330000001", more.get("Body"))


@pytest.mark.parametrize("change", ["body", "url", "signature", "none"])
async def test_twilios_forgers_are_found_out(change: str) -> None:
    """Another field, another address, another signature, none."""
    call = hook_of(their_twilio.signed(HOOK_URL, {"MessageSid": "SM1", "MessageStatus": "delivered"}))
    forged = {
        "body": Hook(method="POST", url=call.url, query=(), headers=call.headers, body=call.body + b"&To=x"),
        "url": Hook(method="POST", url=call.url + "?m=x", query=(("m", "x"),), headers=call.headers, body=call.body),
        "signature": Hook(method="POST", url=call.url, query=(), headers={"x-twilio-signature": "x"}, body=call.body),
        "none": Hook(method="POST", url=call.url, query=(), headers={}, body=call.body),
    }[change]
    with pytest.raises(BadSignature):
        await heard(twilio_account("https://api.twilio.com"), forged)


# WhatsApp tells ------------------------------------------------------------------------------------------


def status(name: str, **more: Any) -> dict[str, Any]:
    """A status of a message."""
    base = {"id": "wamid.1", "status": name, "timestamp": str(int(NOW.timestamp()) - 5), "recipient_id": "393330000001"}
    return base | {"biz_opaque_callback_data": outgoing(1).reference} | more


def by_meta(value: dict[str, Any], number: str = NUMBER) -> Hook:
    """A call of Meta's."""
    return hook_of(their_whatsapp.told(HOOK_URL, number, value))


@pytest.mark.parametrize(
    ("told", "kind", "permanent"),
    [
        (status("delivered"), "delivered", False),
        (status("read"), "read", False),
        (status("failed", errors=[{"code": 131026, "title": "Undeliverable"}]), "failed", True),
        (status("failed", errors=[{"code": 131047, "title": "Re-engagement"}]), "failed", False),
        (status("failed"), "failed", False),
    ],
    ids=["delivered", "read", "gone", "window", "bare"],
)
async def test_whatsapps_statuses_name_the_message(told: dict[str, Any], kind: str, permanent: bool) -> None:
    """By the data that comes back, in whatever order they come."""
    [event] = await heard(whatsapp_account("https://graph.facebook.com"), by_meta({"statuses": [told]}))
    assert (event.kind, event.permanent, event.reference) == (kind, permanent, outgoing(1).reference)
    assert event.at == NOW - timedelta(seconds=5)
    assert event.address == "+393330000001"


async def test_who_asked_whatsapp_to_stop_is_left_alone() -> None:
    """Error 131050 is a STOP told by Meta."""
    told = status("failed", errors=[{"code": 131050, "title": "User stopped marketing"}])
    events = await heard(whatsapp_account("https://graph.facebook.com"), by_meta({"statuses": [told]}))
    assert [event.kind for event in events] == ["failed", "stop"]


@pytest.mark.parametrize(
    ("message", "text", "payload"),
    [
        ({"type": "text", "text": {"body": "Ciao"}}, "Ciao", None),
        ({"type": "button", "button": {"text": "Sì", "payload": "yes"}}, "Sì", "yes"),
        (
            {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "A"}}},
            "A",
            "a",
        ),
        ({"type": "image", "image": {"id": "m1", "caption": "Guarda"}}, "Guarda", None),
        ({"type": "location", "location": {"latitude": 45.4}}, None, None),
    ],
    ids=["text", "template button", "button", "image", "location"],
)
async def test_what_people_write_on_whatsapp(message: dict[str, Any], text: str | None, payload: str | None) -> None:
    """Texts, presses, pictures and what we cannot show."""
    value = {
        "contacts": [{"wa_id": "393330000001", "profile": {"name": "Maria"}}],
        "messages": [{"id": "wamid.2", "from": "393330000001", "timestamp": "1795338000", **message}],
    }
    [event] = await heard(whatsapp_account("https://graph.facebook.com"), by_meta(value))
    assert (event.kind, event.text, event.data.get("payload")) == ("inbound", text, payload)
    assert (event.address, event.sender_name) == ("+393330000001", "Maria")


async def test_another_number_of_the_same_app_is_another_account() -> None:
    """One app hears of all its numbers."""
    call = by_meta({"statuses": [status("delivered")]}, number="200")
    assert await heard(whatsapp_account("https://graph.facebook.com"), call) == ()


async def test_metas_question_is_answered_to_who_knows_the_word() -> None:
    """hub.challenge comes back as it came; a wrong word is refused."""
    account = whatsapp_account("https://graph.facebook.com")
    adapter = adapter_of("whatsapp")
    query = f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=1158201444"
    answer = await adapter.parse_hook(
        account, hook(b"", url=f"{HOOK_URL}?{query}", method="GET"), Http(private=True), now=NOW
    )
    assert answer.body == b"1158201444"
    with pytest.raises(BadSignature):
        await heard(account, hook(b"", url=f"{HOOK_URL}?{query.replace(TOKEN, 'guess')}", method="GET"))


async def test_metas_signature_is_over_the_raw_bytes() -> None:
    """The published algorithm by itself verifies; one space more does not."""
    account = whatsapp_account("https://graph.facebook.com")
    call = by_meta({"statuses": [status("delivered")]})
    wanted = "sha256=" + hmac.new(TOKEN.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["x-hub-signature-256"] == wanted
    for body, headers in (
        (call.body + b" ", call.headers),
        (call.body, {}),
        (call.body, {"x-hub-signature-256": wanted[:-1]}),
    ):
        with pytest.raises(BadSignature):
            await heard(account, hook(body, headers))


def test_a_counterpart_refuses_what_the_provider_refuses() -> None:
    """A message without words, a wrong token, an unknown resource."""
    asked = Asked(method="POST", path="/v23.0/1/messages", query={}, headers={}, body=b"{}")
    assert WhatsApp().answer(asked).status == 401
    assert Twilio().answer(asked).status == 401
