"""What becomes of e-mails, as bounce mails, SendGrid, Mailgun and Amazon SES tell it; and what forgers tell."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.support.channels import NOW, hook, outgoing, smtp_account
from unisono.demo.counterparts.http import Server, serving
from unisono.demo.counterparts.model import TOKEN, Answer, Asked, Provider
from unisono.engagement.channels.adapters.smtp import SmtpAdapter
from unisono.engagement.channels.mail import sendgrid, ses
from unisono.engagement.channels.mail.building import message_id
from unisono.engagement.channels.model import Account, BadSignature, Hook, HookUnreadable, ProviderEvent
from unisono.kit.http import Http

SMTP = SmtpAdapter()
MESSAGE = outgoing(1)
MESSAGE_ID = message_id(MESSAGE.reference, "shop.example")
BEARER = {"authorization": f"Bearer {TOKEN}", "content-type": "message/rfc822"}


async def heard(account: Account, call: Hook, *, private: bool = True) -> tuple[ProviderEvent, ...]:
    """The events of a call."""
    http = Http(private=private)
    try:
        return (await SMTP.parse_hook(account, call, http, now=NOW)).events
    finally:
        await http.close()


# Bounce mails -----------------------------------------------------------------------------------------


def report(action: str, status: str, diagnostic: str, *, headers_only: bool = False, told: str = MESSAGE_ID) -> bytes:
    """A delivery status notification as Postfix writes them."""
    original = "text/rfc822-headers" if headers_only else "message/rfc822"
    lines = [
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)",
        "Date: Sun, 22 Nov 2026 08:59:00 +0000",
        "Subject: Undelivered Mail Returned to Sender",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"',
        "MIME-Version: 1.0",
        "",
        "--B",
        "Content-Type: text/plain",
        "",
        "I'm sorry to have to inform you.",
        "--B",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example",
        "Arrival-Date: Sun, 22 Nov 2026 08:58:00 +0000",
        "",
        "Final-Recipient: rfc822; maria1@posta.example",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {diagnostic}",
        "",
        "--B",
        f"Content-Type: {original}",
        "",
        "From: news@shop.example",
        "To: maria1@posta.example",
        f"Message-ID: {told}",
        "Subject: Ciao",
        "",
        "Perche no?",
        "--B--",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "kind", "permanent"),
    [
        ("failed", "5.1.1", "550 5.1.1 <maria1@posta.example>: User unknown", "bounced", True),
        ("failed", "5.2.2", "552 5.2.2 mailbox full", "bounced", False),
        ("failed", "5.0.0", "550 No such user", "bounced", False),
        ("failed", "5.7.1", "554 5.7.1 blocked as spam", "bounced", False),
        ("delayed", "4.4.1", "451 connection timed out", "deferred", False),
        ("delivered", "2.0.0", "250 ok", "delivered", False),
    ],
    ids=["unknown", "full", "generic", "spam", "delayed", "delivered"],
)
@pytest.mark.parametrize("headers_only", [False, True], ids=["whole", "headers"])
async def test_a_bounce_mail_tells_of_the_message_it_brings_back(
    action: str, status: str, diagnostic: str, kind: str, permanent: bool, headers_only: bool
) -> None:
    """The Message-ID names the message; only codes that say so kill an address."""
    body = report(action, status, diagnostic, headers_only=headers_only)
    [event] = await heard(smtp_account(events="mail"), hook(body, BEARER))
    assert (event.kind, event.permanent, event.code) == (kind, permanent, status)
    assert event.reference == MESSAGE.reference
    assert event.address == "maria1@posta.example"
    assert event.at == datetime(2026, 11, 22, 8, 59, tzinfo=UTC)


async def test_the_same_bounce_mail_twice_has_one_delivery_id() -> None:
    """A pipe that runs twice tells one thing."""
    body = report("failed", "5.1.1", "550 unknown")
    [first] = await heard(smtp_account(events="mail"), hook(body, BEARER))
    [second] = await heard(smtp_account(events="mail"), hook(body, BEARER))
    assert first.delivery_id == second.delivery_id


@pytest.mark.parametrize("told", ["<someone@else.example>", "", "<u.@shop.example>"], ids=["foreign", "none", "empty"])
async def test_a_bounce_of_nothing_we_sent_tells_nothing(told: str) -> None:
    """Otherwise anybody who can write to the mailbox could kill an address."""
    assert await heard(smtp_account(events="mail"), hook(report("failed", "5.1.1", "x", told=told), BEARER)) == ()


async def test_a_complaint_comes_as_a_feedback_report() -> None:
    """RFC 5965, as mailbox providers send it."""
    body = (
        b"From: fbl@posta.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n"
        b"--B\r\nContent-Type: text/plain\r\n\r\nComplaint\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: abuse\r\nUser-Agent: X/1\r\nVersion: 1\r\n\r\n--B\r\nContent-Type: message/rfc822\r\n\r\n"
        b"To: maria1@posta.example\r\nMessage-ID: " + MESSAGE_ID.encode() + b"\r\n\r\nHi\r\n--B--\r\n"
    )
    [event] = await heard(smtp_account(events="mail"), hook(body, BEARER))
    assert (event.kind, event.address, event.detail) == ("complained", "maria1@posta.example", "abuse")


@pytest.mark.parametrize("authorization", ["", "Bearer no", f"Basic {TOKEN}"], ids=["none", "wrong", "basic"])
async def test_a_bounce_mail_needs_the_accounts_key(authorization: str) -> None:
    """Whoever does not know it is told so, and nothing is believed."""
    with pytest.raises(BadSignature):
        await heard(smtp_account(events="mail"), hook(report("failed", "5.1.1", "x"), {"authorization": authorization}))


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff" * 500, b"Content-Type: multipart/report; boundary=B\r\n\r\n" + b"--B\r\n" * 2000, b"X" * 200_000],
    ids=["empty", "noise", "parts", "long"],
)
async def test_mail_that_is_no_report_tells_nothing(body: bytes) -> None:
    """Noise in the mailbox of bounces is no error."""
    assert await heard(smtp_account(events="mail"), hook(body, BEARER)) == ()


# SendGrid ---------------------------------------------------------------------------------------------

VECTOR_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1"
    "flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
"""SendGrid's own test vector, published with its libraries."""
VECTOR_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
VECTOR_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def test_sendgrids_own_vector_verifies() -> None:
    """What SendGrid publishes as signed is signed; anything else is not."""
    sendgrid.verify(VECTOR_KEY, VECTOR_SIGNATURE, "1600112502", VECTOR_BODY)
    for key, signature, timestamp, body in (
        (VECTOR_KEY, VECTOR_SIGNATURE, "1600112503", VECTOR_BODY),
        (VECTOR_KEY, VECTOR_SIGNATURE, "1600112502", VECTOR_BODY[:-2]),
        (VECTOR_KEY, "MEUC", "1600112502", VECTOR_BODY),
        (VECTOR_KEY, "", "1600112502", VECTOR_BODY),
        ("", VECTOR_SIGNATURE, "1600112502", VECTOR_BODY),
        ("é", VECTOR_SIGNATURE, "1600112502", VECTOR_BODY),
    ):
        with pytest.raises(BadSignature):
            sendgrid.verify(key, signature, timestamp, body)


SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())


def sendgrid_account() -> Account:
    """An account whose provider is SendGrid."""
    public = SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return smtp_account(events="sendgrid", secrets={"hook_key": base64.b64encode(public).decode()})


def by_sendgrid(body: bytes) -> Hook:
    """A call of SendGrid's."""
    timestamp = "1795338000"
    signature = SENDGRID_KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return hook(
        body,
        {
            "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            "x-twilio-email-event-webhook-timestamp": timestamp,
        },
    )


def row(event: str, **more: Any) -> dict[str, Any]:
    """One of SendGrid's events."""
    base = {"email": "maria1@posta.example", "event": event, "sg_event_id": f"e-{event}-{len(more)}"}
    return base | {"timestamp": int(NOW.timestamp()) - 60, "unisono": MESSAGE.reference, "smtp-id": MESSAGE_ID} | more


@pytest.mark.parametrize(
    ("told", "kind", "permanent"),
    [
        (row("delivered", response="250 OK"), "delivered", False),
        (row("deferred", response="451 later"), "deferred", False),
        (row("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 unknown"), "bounced", True),
        (row("bounce", type="bounce", status="5.2.2", reason="full"), "bounced", False),
        (row("bounce", type="blocked", reason="spam"), "bounced", False),
        (row("dropped", reason="Bounced Address"), "failed", True),
        (row("dropped", reason="Unsubscribed Address"), "failed", False),
        (row("open"), "opened", False),
        (row("click", url="https://shop.example/x"), "clicked", False),
        (row("spamreport"), "complained", False),
        (row("unsubscribe"), "unsubscribed", False),
    ],
    ids=lambda value: (
        f"{value['event']}-{value.get('status') or value.get('reason')}" if isinstance(value, dict) else str(value)
    ),
)
async def test_sendgrids_events_become_ours(told: dict[str, Any], kind: str, permanent: bool) -> None:
    """Each of them, with the reference that came back."""
    [event] = await heard(sendgrid_account(), by_sendgrid(json.dumps([told]).encode()))
    assert (event.kind, event.permanent) == (kind, permanent)
    assert event.reference == MESSAGE.reference
    assert event.at == NOW - timedelta(minutes=1)


async def test_sendgrid_sends_many_and_odd_events_at_once() -> None:
    """What is unknown, or no event at all, is passed over; nothing poisonous gets through."""
    odd: list[Any] = [row("processed"), row("group_resubscribe"), 5, None, {"event": 7}, row("open", email="a\x00b")]
    events = await heard(sendgrid_account(), by_sendgrid(json.dumps([*odd, row("delivered")]).encode()))
    assert [event.kind for event in events] == ["opened", "delivered"]
    assert events[0].address == "ab"


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b"[" * 5000], ids=["empty", "object", "words", "deep"])
async def test_what_sendgrid_signs_but_nobody_can_read_is_unreadable(body: bytes) -> None:
    """A clear error, nothing changed."""
    with pytest.raises(HookUnreadable):
        await heard(sendgrid_account(), by_sendgrid(body))


# Mailgun ----------------------------------------------------------------------------------------------


def by_mailgun(event: dict[str, Any], *, key: str = TOKEN, token: str = "t" * 50) -> Hook:
    """A call of Mailgun's."""
    timestamp = "1795338000"
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    proof = {"timestamp": timestamp, "token": token, "signature": signature}
    return hook(json.dumps({"signature": proof, "event-data": event}).encode())


@pytest.mark.parametrize(
    ("told", "kind", "permanent"),
    [
        ({"event": "delivered"}, "delivered", False),
        (
            {"event": "failed", "severity": "permanent", "delivery-status": {"code": 550, "message": "No such user"}},
            "bounced",
            True,
        ),
        (
            {"event": "failed", "severity": "permanent", "delivery-status": {"code": 552, "message": "full"}},
            "bounced",
            False,
        ),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, "bounced", True),
        ({"event": "failed", "severity": "temporary", "delivery-status": {"code": 451}}, "deferred", False),
        ({"event": "complained"}, "complained", False),
        ({"event": "unsubscribed"}, "unsubscribed", False),
        ({"event": "opened"}, "opened", False),
        ({"event": "clicked", "url": "https://shop.example/x"}, "clicked", False),
    ],
    ids=["delivered", "unknown", "full", "suppressed", "later", "complained", "unsubscribed", "opened", "clicked"],
)
async def test_mailguns_events_become_ours(told: dict[str, Any], kind: str, permanent: bool) -> None:
    """With the reference from the Message-ID, or from the variables when it was there."""
    event = {
        **told,
        "recipient": "maria1@posta.example",
        "timestamp": NOW.timestamp() - 60.5,
        "message": {"headers": {"message-id": MESSAGE_ID.strip("<>")}},
    }
    [found] = await heard(smtp_account(events="mailgun"), by_mailgun(event))
    assert (found.kind, found.permanent, found.reference) == (kind, permanent, MESSAGE.reference)


async def test_an_old_proof_of_mailguns_proves_nothing() -> None:
    """It does not cover the event: whoever has one could say anything once its token is forgotten."""
    late = NOW + timedelta(days=60)
    call = by_mailgun({"event": "complained"})
    with pytest.raises(BadSignature, match="old"):
        await SMTP.parse_hook(smtp_account(events="mailgun"), call, Http(private=True), now=late)


async def test_mailguns_forgers_are_found_out() -> None:
    """Another key, no signature, a signature of another token."""
    good = by_mailgun({"event": "complained"})
    bodies = [
        by_mailgun({"event": "complained"}, key="guess").body,
        good.body.replace(b"t" * 50, b"u" * 50),
        b"{}",
        b"",
        b'{"signature": "x", "event-data": {}}',
    ]
    for body in bodies:
        with pytest.raises(BadSignature):
            await heard(smtp_account(events="mailgun"), hook(body))
    with pytest.raises(BadSignature):
        await heard(smtp_account(events="mailgun", secrets={}), good)


# Amazon SES -------------------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:eu-south-1:123456789012:mail"
AMAZON = rsa.generate_private_key(65537, 2048)


def _certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(AMAZON.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(AMAZON, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


class Sns(Provider):
    """Where SNS has its certificate, and where subscriptions are confirmed."""

    name: ClassVar[str] = "sns"

    def __init__(self) -> None:
        self.confirmed = 0

    def answer(self, asked: Asked) -> Answer:
        """The certificate, or a confirmation."""
        if asked.path == "/cert.pem":
            return Answer(body=_certificate())
        self.confirmed += 1
        return Answer(body=b"ok")


@asynccontextmanager
async def amazon() -> AsyncIterator[tuple[Account, Server, Sns]]:
    """A local SNS, and an account that believes it."""
    ses._certificates.clear()
    sns = Sns()
    async with serving([sns]) as server:
        host = f"127.0.0.1:{server.port}"
        yield smtp_account(events="ses", topic_arn=TOPIC, certificate_host=host), server, sns


def by_sns(server: Server, message: str, *, version: str = "1", **more: Any) -> bytes:
    """A notification as SNS signs it."""
    outer: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-11-22T08:59:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": f"{server.url('sns')}/cert.pem",
    } | more
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    signature = AMAZON.sign(ses.signed_text(outer), padding.PKCS1v15(), algorithm)
    return json.dumps(outer | {"Signature": base64.b64encode(signature).decode()}).encode()


def told_by_ses(kind: str, **more: Any) -> str:
    """An event of SES."""
    mail = {"messageId": "0100-1", "destination": ["maria1@posta.example"], "tags": {"unisono": [MESSAGE.reference]}}
    return json.dumps({"eventType": kind, "mail": mail} | more)


BOUNCED = {"emailAddress": "maria1@posta.example", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown"}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("message", "kind", "permanent"),
    [
        (told_by_ses("Delivery", delivery={"smtpResponse": "250"}), "delivered", False),
        (
            told_by_ses(
                "Bounce",
                bounce={"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [BOUNCED]},
            ),
            "bounced",
            True,
        ),
        (
            told_by_ses("Bounce", bounce={"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": "x@y.z"}]}),
            "deferred",
            False,
        ),
        (
            told_by_ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": "maria1@posta.example"}]}),
            "complained",
            False,
        ),
        (told_by_ses("Click", click={"link": "https://shop.example/x"}), "clicked", False),
        (told_by_ses("Open", open={}), "opened", False),
        (told_by_ses("DeliveryDelay", deliveryDelay={}), "deferred", False),
        (told_by_ses("Reject", reject={"reason": "Bad content"}), "failed", False),
    ],
    ids=["delivery", "bounce", "transient", "complaint", "click", "open", "delay", "reject"],
)
async def test_amazons_notifications_become_ours(version: str, message: str, kind: str, permanent: bool) -> None:
    """Verified with the certificate it names, both signature versions; the tag brings the reference back."""
    async with amazon() as (account, server, _):
        [event] = await heard(account, hook(by_sns(server, message, version=version)))
    assert (event.kind, event.permanent) == (kind, permanent)
    assert (event.reference, event.provider_id) == (MESSAGE.reference, "0100-1")


async def test_a_subscription_is_confirmed_where_amazon_says() -> None:
    """Once it is known to be Amazon that asks."""
    async with amazon() as (account, server, sns):
        more = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": f"{server.url('sns')}/confirm"}
        assert await heard(account, hook(by_sns(server, "Confirm", **more))) == ()
        assert sns.confirmed == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda body, _: body.replace(b"Delivery", b"Complain"),
        lambda body, _: body.replace(TOPIC.encode(), TOPIC.encode() + b"x"),
        lambda body, server: by_sns(server, told_by_ses("Delivery"), TopicArn=TOPIC + "-of-somebody"),
        lambda body, server: by_sns(
            server, told_by_ses("Delivery"), SigningCertURL="https://sns.evil.example/cert.pem"
        ),
        lambda body, server: by_sns(
            server, told_by_ses("Delivery"), SigningCertURL="https://sns.eu-south-1.amazonaws.com.evil.example/c.pem"
        ),
        lambda body, server: by_sns(
            server, told_by_ses("Delivery"), SigningCertURL="https://sns.eu-south-1.amazonaws.com@evil.example/c.pem"
        ),
        lambda body, server: by_sns(
            server,
            "x",
            Type="SubscriptionConfirmation",
            Token="t",
            SubscribeURL="http://169.254.169.254/latest/meta-data",
        ),
        lambda body, _: b"{}",
        lambda body, _: b"",
    ],
    ids=["changed", "topic", "other topic", "host", "suffix", "userinfo", "inside", "empty object", "empty"],
)
async def test_amazons_forgers_are_found_out(forge: Callable[[bytes, Server], bytes]) -> None:
    """Another text, another topic, another host: nothing is believed, and nothing fetched."""
    async with amazon() as (account, server, sns):
        body = forge(by_sns(server, told_by_ses("Delivery")), server)
        with pytest.raises(BadSignature):
            await heard(account, hook(body))
        assert sns.confirmed == 0


async def test_an_account_without_events_believes_nobody() -> None:
    """No way of proof is set: no call is right."""
    with pytest.raises(BadSignature):
        await heard(smtp_account(), hook(report("failed", "5.1.1", "x"), BEARER))
