"""E-mails as bytes: what others read in them, what nobody can smuggle into them, and who signed them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from unisono.engagement.channels.mail import building
from unisono.engagement.channels.mail.building import Letter
from unisono.engagement.channels.mail.signing import Signer

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def letter(**more: Any) -> Letter:
    """A marketing e-mail."""
    fields: dict[str, Any] = {
        "sender": "news@shop.example",
        "sender_name": "Alpestre",
        "to": "maria@posta.example",
        "reply_to": "ciao@shop.example",
        "subject": "Un saluto",
        "html": "<p>Ciao</p>",
        "text": "Ciao",
        "preheader": None,
        "reference": "AbC-123_x",
        "purpose": "marketing",
        "date": AT,
        "unsubscribe_url": "https://shop.example/u/AbC",
        "list_id": "news.shop.example",
        "feedback_id": "c1:marketing:mail:shop-example",
        "language": "it",
    }
    return Letter(**fields | more)


def wired(one: Letter) -> bytes:
    """It, as it leaves."""
    return building.wire(*building.build(one))


def read(one: Letter) -> EmailMessage:
    """It, as the standard library reads it."""
    return cast("EmailMessage", message_from_bytes(wired(one), policy=default))


def part(mail: EmailMessage, kind: str) -> str:
    """One of the alternatives."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_reader_finds_both_alternatives_and_every_header() -> None:
    """multipart/alternative, plain first, with all that tells what the message is."""
    mail = read(letter())
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    assert part(mail, "html").strip() == "<p>Ciao</p>"
    assert mail["From"] == "Alpestre <news@shop.example>"
    assert mail["Message-ID"] == "<u.AbC-123_x@shop.example>"
    assert mail["Date"].datetime == AT
    assert mail["List-Unsubscribe"] == "<https://shop.example/u/AbC>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<news.shop.example>"
    assert mail["Precedence"] == "bulk"
    assert mail["Auto-Submitted"] is None
    assert mail["Content-Language"] == "it"
    assert not mail.defects


def test_a_transactional_mail_is_no_list_and_answers_no_absence_note() -> None:
    """No List headers; Auto-Submitted keeps absence notes quiet."""
    mail = read(letter(purpose="transactional", feedback_id=None))
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Id"] is None
    assert mail["Precedence"] is None
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_mail_without_html_is_one_plain_part() -> None:
    """No boundary where there is nothing to divide."""
    mail = read(letter(html=None, text="Solo parole.\nDue righe."))
    assert mail.get_content_type() == "text/plain"
    assert part(mail, "plain").strip() == "Solo parole.\nDue righe."


def test_the_reference_comes_back_out_of_the_message_id() -> None:
    """What a bounce brings back names the message."""
    assert building.reference_in(building.message_id("Zz-9_", "shop.example")) == "Zz-9_"
    assert building.reference_in("u.Zz-9_@shop.example") == "Zz-9_"
    assert building.reference_in("<other@shop.example>") is None
    assert building.reference_in("") is None


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_nothing_written_into_a_subject_or_name_becomes_a_header(end: str) -> None:
    """Line ends of every kind are spaces in a header."""
    evil = f"Offerta{end}Bcc: tutti@posta.example{end}{end}<script>"
    raw = wired(letter(subject=evil, sender_name=evil))
    mail = cast("EmailMessage", message_from_bytes(raw, policy=default))
    assert mail["Bcc"] is None
    assert "Bcc: tutti@posta.example" in str(mail["Subject"])
    assert mail["From"].addresses[0].addr_spec == "news@shop.example"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "a@posta.example\r\nBcc: b@posta.example"),
        ("to", "a@posta.example, b@posta.example"),
        ("to", "A <a@posta.example>"),
        ("unsubscribe_url", "https://shop.example/u/x>\r\nBcc: b@posta.example"),
        ("unsubscribe_url", "https://shop.example/u/" + "x" * 2000),
        ("language", "it\r\nX: y"),
    ],
    ids=["header", "two", "named", "link", "long", "language"],
)
def test_what_cannot_be_encoded_is_refused(field: str, value: str) -> None:
    """Addresses and links with anything in them that ends a header are an error, not a message."""
    with pytest.raises(ValueError, match=r"header|address"):
        building.build(letter(**{field: value}))


@given(
    subject=st.text(max_size=300),
    name=st.text(max_size=80),
    text=st.text(max_size=400),
    html=st.text(min_size=1, max_size=400),
)
def test_any_text_survives_the_wire(subject: str, name: str, text: str, html: str) -> None:
    """Whatever people write, lines stay short, headers stay ours, and the words arrive."""
    raw = wired(letter(subject=subject, sender_name=name, text=text, html=html))
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert names[:6] == [b"From", b"To", b"Reply-To", b"Subject", b"Date", b"Message-ID"]
    mail = cast("EmailMessage", message_from_bytes(raw, policy=default))
    assert " ".join(str(mail["Subject"]).split()) == building.one_line(subject)
    wanted = html.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").encode("utf-8", "replace").decode()
    assert part(mail, "html").rstrip("\n") == wanted.rstrip("\n")


@pytest.mark.parametrize(
    "text", ["a" * 5000, "à" * 5000, ". .\n.\n..x\nFrom me\n", "x \t\ny\t\n"], ids=["ascii", "utf8", "dots", "spaces"]
)
def test_awkward_bodies_arrive_as_they_were(text: str) -> None:
    """Very long lines, lines of dots and white space at the end of lines."""
    assert part(read(letter(text=text)), "plain").rstrip("\n") == text.rstrip("\n")


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


RSA = rsa.generate_private_key(65537, 2048)


def _dns(name: bytes, timeout: int = 5) -> bytes:
    """The domain's key, as the DNS would have it."""
    assert b"k1._domainkey.shop.example" in name
    raw = RSA.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(raw)


def signed(one: Letter) -> bytes:
    """It with a signature."""
    headers, body = building.build(one)
    headers.insert(0, Signer("shop.example", "k1", _pem(RSA)).signature(headers, body, AT))
    return building.wire(headers, body)


@pytest.mark.parametrize(
    "one",
    [
        letter(),
        letter(subject="Perché no? " * 20, html="<p>" + "è  \t x\n" * 400 + "\n\n\n</p>", sender_name="Città Srl"),
        letter(html=None, text="", purpose="transactional", reply_to=None),
    ],
    ids=["plain", "long", "empty"],
)
def test_dkimpy_verifies_what_is_signed(one: Letter) -> None:
    """Another implementation finds the signature valid."""
    assert dkim.verify(signed(one), dnsfunc=_dns)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"/u/AbC", b"/u/XXX"),
        (b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Lost"),
        (b"Ciao", b"Ciap"),
        (b"Subject: Un", b"Subject: No"),
        (b"\r\nTo: ", b"\r\nTo: x@posta.example\r\nTo: "),
    ],
    ids=["unsubscribe", "one-click", "body", "subject", "second recipient"],
)
def test_a_changed_message_has_no_valid_signature(before: bytes, after: bytes) -> None:
    """The unsubscribe headers are signed (RFC 8058), and nobody can add a second To."""
    raw = signed(letter())
    assert before in raw
    assert not dkim.verify(raw.replace(before, after, 1), dnsfunc=_dns)


def test_a_key_that_cannot_sign_is_refused() -> None:
    """Too short, or no key at all."""
    with pytest.raises(ValueError):
        Signer("shop.example", "k1", "no key")
    with pytest.raises(ValueError, match="RSA"):
        Signer("shop.example", "k1", _pem(ec.generate_private_key(ec.SECP256R1())))


def test_the_same_message_has_the_same_id_on_each_try() -> None:
    """Mailboxes drop the second copy of an id."""
    one = letter()
    assert read(one)["Message-ID"] == read(msgspec.structs.replace(one, date=datetime.now(UTC)))["Message-ID"]
