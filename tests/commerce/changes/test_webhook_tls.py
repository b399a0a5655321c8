"""Webhooks over TLS: only to a receiver that proves the name it was given, over connections that are kept."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.receiver import Receiver, Reply, receiving
from unisono.commerce.changes.webhooks import rules, sending
from unisono.commerce.changes.webhooks.model import Answer
from unisono.commerce.changes.webhooks.sending import Sender
from unisono.kit import http
from unisono.kit.http import READ_AT_MOST, trust

NAME = "hooks.example"
NOW = datetime.now(UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for the name that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    unlocked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "both.pem"
    path.write_bytes(unlocked + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def receiver(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver with that certificate; every name leads to it."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(http, "resolve", resolve)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with receiving(context=context) as serving:
        yield serving


async def send(sender: Sender, receiver: Receiver, name: str = NAME, times: int = 1) -> Answer:
    """The last of some messages."""
    url = f"https://{name}:{receiver.port}/hook"
    for _ in range(times):
        answer = await sender.send(url, "ping_1", rules.ping_body(NOW), (rules.new_secret(),), NOW)
    await sender.close()
    return answer


async def test_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(receiver: Receiver) -> None:
    """Not one byte of the message."""
    answer = await send(Sender(private=True, width=1), receiver)
    assert "certificate" in (answer.error or "").lower()
    assert receiver.received == []


async def test_a_receiver_that_proves_its_name_does_and_one_with_another_name_does_not(
    receiver: Receiver, certificate: Path
) -> None:
    """The connection goes to the address that was judged, the proof is asked of the name."""
    context = trust()
    context.load_verify_locations(certificate)
    assert (await send(Sender(private=True, width=1, context=context), receiver, times=3)).taken
    assert len(receiver.received) == 3
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"
    answer = await send(Sender(private=True, width=1, context=context), receiver, "other.example")
    assert "certificate" in (answer.error or "").lower()
    assert len(receiver.received) == 3


async def test_a_receiver_may_close_kept_connections_and_talk_without_end(
    receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection closed meanwhile is made anew at once; a slow answer ends at the time limit."""
    context = trust()
    context.load_verify_locations(certificate)
    sender = Sender(private=True, width=1, context=context)
    receiver.reply = lambda _: Reply(200, "connection: close\r\n")
    assert (await send(sender, receiver, times=2)).taken
    monkeypatch.setattr(sending, "TIMEOUT", 0.3)
    receiver.reply = lambda _: Reply(after=2)
    answer = await send(Sender(private=True, width=1, context=context), receiver)
    assert (answer.status, answer.in_trouble) == (None, True)
    assert "No answer within" in (answer.error or "")
    assert READ_AT_MOST < 10**6
