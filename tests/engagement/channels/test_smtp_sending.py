"""E-mail to a real mail server: what it answers, how it fails, what that means for the ledger."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.channels import changed, outgoing, smtp_account
from unisono.demo.counterparts.model import TOKEN, Book, Mode
from unisono.demo.counterparts.smtp import NAME, Listening, listening
from unisono.engagement.channels.adapters import smtp
from unisono.engagement.channels.adapters.smtp import SmtpAdapter
from unisono.engagement.channels.model import AccountInvalid, AddressInvalid, Sender
from unisono.kit.http import Http

SMTP = SmtpAdapter()


@asynccontextmanager
async def post(book: Book, **settings: Any) -> AsyncIterator[tuple[Sender, Listening]]:
    """A mail server and a sender on it."""
    http = Http(private=True)
    async with listening(book) as server:
        sender = await SMTP.open(smtp_account(server.port, **settings), http)
        yield sender, server
        await sender.close()


async def test_an_email_is_accepted_and_read_as_it_was_written() -> None:
    """Subject, both alternatives, headers; the provider's id is the Message-ID."""
    book = Book()
    async with post(book) as (sender, _):
        message = outgoing(1, purpose="marketing", unsubscribe_url="https://shop.example/u/AbC", sender_name="Alpestre")
        sent = await sender.send(None, message)
    assert sent.outcome == "accepted"
    assert sent.provider_id == f"u.{message.reference}@shop.example"
    [taken] = book.recent
    assert taken.reference == message.reference
    assert taken.address == "maria1@posta.example"
    assert taken.content["subject"] == "Città d'arte"
    assert taken.content["text"].strip() == "Perché no?"
    assert taken.content["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert taken.content["headers"]["Feedback-ID"] == "none:marketing:it:shop-example"
    assert taken.content["headers"]["List-Id"] == "<it.shop.example>"


async def test_connections_are_kept_and_bounded() -> None:
    """A hundred messages, thirty at once, over the two connections the account allows."""
    book = Book()
    async with post(book, connections=2) as (sender, server):
        sent = await asyncio.gather(*(sender.send(None, outgoing(number)) for number in range(100)))
        assert {one.outcome for one in sent} == {"accepted"}
        assert server.sink.connections == 2
    assert len(book.of(NAME)) == 100


async def test_a_connection_is_renewed_after_its_share() -> None:
    """A new connection every so many messages, as servers ask."""
    book = Book()
    async with post(book, connections=1, per_connection=3) as (sender, server):
        for number in range(7):
            assert (await sender.send(None, outgoing(number))).outcome == "accepted"
        assert server.sink.connections == 3


@pytest.mark.parametrize(
    ("mode", "outcome", "gone", "fault"),
    [
        (Mode(provider=NAME, stage="rcpt", status=450, body="4.2.0 greylisted"), "retry", False, False),
        (Mode(provider=NAME, stage="rcpt", status=452, body="4.2.2 mailbox full"), "retry", False, False),
        (Mode(provider=NAME, stage="rcpt", status=550, body="5.1.1 user unknown"), "refused", True, False),
        (Mode(provider=NAME, stage="rcpt", status=550, body="No such user here"), "refused", True, False),
        (Mode(provider=NAME, stage="rcpt", status=556, body="5.1.10 null MX"), "refused", True, False),
        (Mode(provider=NAME, stage="rcpt", status=552, body="5.2.2 mailbox full"), "refused", False, False),
        (Mode(provider=NAME, stage="rcpt", status=554, body="5.7.1 relay access denied"), "refused", False, True),
        (Mode(provider=NAME, stage="rcpt", status=421, body="4.3.2 going down"), "retry", False, True),
        (Mode(provider=NAME, stage="mail", status=451, body="4.3.0 try later"), "retry", False, False),
        (Mode(provider=NAME, stage="mail", status=553, body="5.7.1 sender not owned"), "retry", False, True),
        (Mode(provider=NAME, stage="data", status=451, body="4.7.1 later"), "retry", False, False),
        (Mode(provider=NAME, stage="data", status=554, body="5.6.0 no such content"), "refused", False, False),
        (Mode(provider=NAME, stage="ehlo", status=554, body="5.3.2 no service"), "retry", False, True),
        (Mode(provider=NAME, stage="mail", cut="before"), "retry", False, True),
        (Mode(provider=NAME, stage="rcpt", cut="before"), "retry", False, True),
        (Mode(provider=NAME, stage="data", cut="before"), "unknown", False, False),
        (Mode(provider=NAME, stage="data", cut="after"), "unknown", False, False),
    ],
    ids=lambda value: f"{value.stage}-{value.status or value.cut}" if isinstance(value, Mode) else str(value),
)
async def test_every_failure_means_what_it_means(mode: Mode, outcome: str, gone: bool, fault: bool) -> None:
    """Certain refusals, retries that are safe, and the one doubt: a cut after the text began to leave."""
    book = Book()
    book.told(mode)
    async with post(book) as (sender, _):
        sent = await sender.send(None, outgoing(1))
        assert (sent.outcome, sent.gone, sent.account_fault) == (outcome, gone, fault), sent
        taken = sum(book.of(NAME).values())
        assert taken == (1 if mode.cut == "after" else 0)


async def test_a_refusal_leaves_the_connection_to_the_next_message() -> None:
    """Refused, then accepted over the same connection."""
    book = Book()
    book.told(Mode(provider=NAME, stage="rcpt", address="maria1@", status=550, body="5.1.1 unknown"))
    async with post(book, connections=1) as (sender, server):
        assert (await sender.send(None, outgoing(1))).outcome == "refused"
        assert (await sender.send(None, outgoing(2))).outcome == "accepted"
        assert server.sink.connections == 1


async def test_a_kept_connection_that_died_costs_nothing() -> None:
    """The server hung up on an idle connection: the message goes over a new one, once."""
    book = Book()
    async with post(book, connections=1) as (sender, server):
        assert (await sender.send(None, outgoing(1))).outcome == "accepted"
        book.told(Mode(provider=NAME, stage="mail", cut="before", times=1))
        assert (await sender.send(None, outgoing(2))).outcome == "accepted"
        assert server.sink.connections == 2
    assert set(book.of(NAME).values()) == {1}


async def test_nobody_listening_is_a_retry_of_the_accounts_fault() -> None:
    """Nothing was sent when nothing was connected to."""
    sender = await SMTP.open(smtp_account(1), Http(private=True))
    sent = await sender.send(None, outgoing(1))
    assert (sent.outcome, sent.account_fault) == ("retry", True)


async def test_a_server_inside_this_network_is_never_connected_to_unless_allowed() -> None:
    """A name that leads inside is a retry of the account's fault, not a connection."""
    account = smtp_account(25, host="localhost", security="starttls")
    sender = await SMTP.open(account, Http(private=False))
    sent = await sender.send(None, outgoing(1))
    assert (sent.outcome, sent.code, sent.account_fault) == ("retry", "address", True)
    assert "inside this network" in (sent.detail or "")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "maria",
        "a@b@c",
        "maria@posta.example\r\nRCPT TO:<x@y.example>",
        "@posta.example",
        "a b@posta.example",
        "\x00@posta.example",
        "x" * 300 + "@posta.example",
    ],
    ids=["empty", "word", "two-at", "injected", "nobody", "space", "nul", "long"],
)
async def test_what_is_no_address_never_reaches_the_server(address: str) -> None:
    """It is refused before a connection is used."""
    with pytest.raises(AddressInvalid):
        SMTP.validate_address(address)
    book = Book()
    async with post(book) as (sender, server):
        sent = await sender.send(None, changed(outgoing(1), address=address))
        assert (sent.outcome, sent.code) == ("refused", "address_invalid")
        assert server.sink.connections == 0


def test_an_address_gets_its_one_spelling() -> None:
    """The domain in small letters and ASCII."""
    assert SMTP.validate_address("Maria.Rossi@POSTA.example") == "Maria.Rossi@posta.example"
    assert SMTP.validate_address("maria@città.example") == "maria@xn--citt-3na.example"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_encrypted_to_a_server_that_proves_its_name(
    security: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTTLS and TLS from the start, signed in; the same server under another name gets nothing."""
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(smtp, "trust", lambda: trusting)
    book = Book()
    # The library tells an encrypted connection only after STARTTLS, so it asks nobody to sign in over the other.
    sign_in = security == "starttls"
    async with listening(book, tls=served, implicit=security == "tls", sign_in=sign_in) as server:
        more: dict[str, Any] = {"security": security, "user": "it" if sign_in else None}
        good = await SMTP.open(smtp_account(server.port, host="localhost", **more), Http(private=True))
        assert (await good.send(None, outgoing(1))).outcome == "accepted"
        await good.close()
        other = await SMTP.open(smtp_account(server.port, host="127.0.0.1", **more), Http(private=True))
        sent = await other.send(None, outgoing(2))
        assert (sent.outcome, sent.account_fault) == ("retry", True)
        if sign_in:
            wrong = smtp_account(server.port, host="localhost", secrets={"password": "no"}, **more)
            tried = await SMTP.probe(wrong, Http(private=True))
            assert (tried.outcome, tried.code) == ("refused", "535")
            tried = await SMTP.probe(smtp_account(server.port, host="localhost", **more), Http(private=True))
            assert tried.outcome == "accepted"
            assert TOKEN not in (tried.detail or "")
    assert list(book.of(NAME).values()) == [1]


async def test_a_server_without_tls_gets_nothing_when_tls_was_asked_for() -> None:
    """STARTTLS that is not offered is no reason to speak plain."""
    book = Book()
    async with post(book, security="starttls") as (sender, _):
        sent = await sender.send(None, outgoing(1))
    assert (sent.outcome, sent.account_fault) == ("retry", True)
    assert not book.of(NAME)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "mail server"},
        {"host": ""},
        {"port": 0},
        {"security": "maybe"},
        {"sender": "nobody"},
        {"reply_to": "x\r\ny@z.example"},
        {"connections": 0},
        {"dkim_domain": "shop.example"},
        {"dkim_domain": "shop.example", "dkim_selector": "k1"},
        {"list_id": "a b"},
        {"events": "ses"},
        {"colour": "red"},
    ],
    ids="-".join,
)
async def test_an_account_that_cannot_work_is_refused_before_it_is_stored(settings: dict[str, Any]) -> None:
    """Each mistake with an error of its own."""
    with pytest.raises((AccountInvalid, AddressInvalid)):
        SMTP.check(smtp_account(25, **settings), private=True)


def test_plain_mail_needs_permission() -> None:
    """Without TLS only where the installation allows private addresses."""
    with pytest.raises(AccountInvalid, match="TLS"):
        SMTP.check(smtp_account(25), private=False)
