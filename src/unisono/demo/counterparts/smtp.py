"""A mail server that keeps nothing but the count, or fails as told; the demo's mailboxes."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from unisono.demo.counterparts.model import TOKEN, Book, Mode, Stage, Taken
from unisono.engagement.channels.mail.building import reference_in

NAME: Final = "smtp"

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]*>)", re.IGNORECASE | re.MULTILINE)
_CUT: Final = "421 4.3.2 Cut"


class Sink:
    """aiosmtpd's handler: takes every message, or does what a `Mode` says."""

    def __init__(self, book: Book, *, keep_content: bool = True) -> None:
        self._book = book
        self._keep_content = keep_content
        self.connections = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greets."""
        self.connections += 1
        refused = await self._refused(server, "ehlo", hostname)
        if refused is None:
            session.host_name = hostname
        return [refused] if refused else responses

    async def handle_HELO(self, server: SMTP, session: Session, envelope: Envelope, hostname: str) -> str:
        """Greets those who know no extensions, or whose EHLO was refused."""
        refused = await self._refused(server, "ehlo", hostname)
        if refused is None:
            session.host_name = hostname
        return refused or "250 counterpart.example"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes the sender."""
        refused = await self._refused(server, "mail", address)
        if refused is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refused or "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes a recipient."""
        refused = await self._refused(server, "rcpt", address)
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Takes the text."""
        address = envelope.rcpt_tos[0] if envelope.rcpt_tos else ""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mode = self._book.mode_for(NAME, address, "data") or Mode(provider=NAME)
        if mode.cut == "before":
            return _cut(server)
        if mode.status is None or mode.takes:
            self._take(address, content)
        await asyncio.sleep(mode.after)
        if mode.cut == "after":
            return _cut(server)
        if mode.status is not None:
            return f"{mode.status} {mode.body}"
        return "250 2.0.0 Ok: queued"

    def _take(self, address: str, content: bytes) -> None:
        found = _MESSAGE_ID.search(content[:20_000])
        message_id = found.group(1).decode("latin-1") if found else "<none>"
        read = _read(content) if self._keep_content else {}
        self._book.take(
            Taken(
                provider=NAME,
                reference=reference_in(message_id) or message_id,
                address=address,
                provider_id=message_id.strip("<>"),
                content=read,
            )
        )

    async def _refused(self, server: SMTP, stage: Stage, text: str) -> str | None:
        mode = self._book.mode_for(NAME, text, stage)
        if mode is None:
            return None
        await asyncio.sleep(mode.after)
        if mode.cut != "no":
            return _cut(server)
        return f"{mode.status} {mode.body}" if mode.status is not None else None


def _cut(server: SMTP) -> str:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()
    return _CUT


def _read(content: bytes) -> dict[str, Any]:
    """The message as a mailbox shows it."""
    mail = message_from_bytes(content, policy=default)
    body = mail.get_body(("html",))
    plain = mail.get_body(("plain",))
    return {
        "headers": {name: str(value) for name, value in mail.items()},
        "subject": str(mail["Subject"]),
        "html": body.get_content() if body else None,
        "text": plain.get_content() if plain else None,
        "size": len(content),
    }


def _authenticator(_server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, auth_data: Any) -> AuthResult:
    good = isinstance(auth_data, LoginPassword) and auth_data.password == TOKEN.encode()
    return AuthResult(success=good, handled=False)


class Listening:
    """A mail server that listens."""

    def __init__(self, sink: Sink, server: asyncio.Server) -> None:
        self.sink = sink
        self.port: int = server.sockets[0].getsockname()[1]


@asynccontextmanager
async def listening(
    book: Book,
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    sign_in: bool = False,
    keep_content: bool = True,
) -> AsyncIterator[Listening]:
    """A mail server on a port of this machine: plain, with STARTTLS, or TLS from the start (``implicit``)."""
    sink = Sink(book, keep_content=keep_content)
    # The library tells every command of every connection.
    logging.getLogger("mail.log").setLevel(logging.WARNING)

    def protocol() -> SMTP:
        return SMTP(
            sink,
            hostname="counterpart.example",
            ident="Counterpart",
            enable_SMTPUTF8=True,
            data_size_limit=20 * 1024 * 1024,
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=_authenticator if sign_in else None,
            auth_required=sign_in,
            auth_require_tls=tls is not None and not implicit,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=tls if implicit else None)
    try:
        yield Listening(sink, server)
    finally:
        server.close()
