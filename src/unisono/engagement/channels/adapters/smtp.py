"""E-mail over SMTP: any server, any provider that has one; the provider's webhooks are read as its settings say.

Connections are kept and used again. A message is `unknown` only when the connection was cut after its text had begun
to leave; before that nothing can have been accepted, and an answer of the server is always certain (RFC 5321, 4.5.3).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar, Final, Literal

import aiosmtplib
import msgspec
from email_validator import EmailNotValidError, validate_email

from unisono.engagement.channels.mail import answers, bounces, building, mailgun, sendgrid, ses
from unisono.engagement.channels.mail.building import Letter
from unisono.engagement.channels.mail.signing import Signer
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    BadSignature,
    Capabilities,
    Hook,
    HookAnswer,
    Outgoing,
    Sender,
    Sent,
)
from unisono.kit.database import Connection
from unisono.kit.http import AddressRefused, Http, judged, trust

IDLE: Final = 20.0
"""Seconds a connection may have been idle and is still used: servers hang up after a minute or more."""

CONNECT: Final = 15.0
"""Seconds to connect."""

ANSWER: Final = 120.0
"""Seconds the server has to answer a whole message: it may be scanned meanwhile (RFC 5321 asks for ten minutes)."""

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An SMTP account."""

    host: str
    """Name of the server."""
    sender: str
    """Address messages come from."""
    port: int = 587
    """587 (submission) or 465 with ``tls``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` only towards this machine and its network."""
    user: str | None = None
    """To sign in with; the password is a secret."""
    sender_name: str | None = None
    """Name messages come from, where the message has none of its own."""
    reply_to: str | None = None
    """Where answers go."""
    return_path: str | None = None
    """Envelope sender: where bounces go. Default: the sender."""
    connections: int = 4
    """Connections at once."""
    per_connection: int = 500
    """Messages over one connection."""
    list_id: str | None = None
    """List-Id of marketing. Default: the account's code and the sender's domain."""
    dkim_domain: str | None = None
    """Domain to sign for, when we sign and not the server."""
    dkim_selector: str | None = None
    """Selector of its key in the DNS."""
    events: Literal["none", "mail", "sendgrid", "mailgun", "ses"] = "none"
    """How we learn what became of messages: bounce mails posted to the webhook, or the provider's own events."""
    topic_arn: str | None = None
    """The SNS topic of Amazon SES whose notifications are believed."""
    configuration_set: str | None = None
    """The configuration set of Amazon SES that publishes to the topic."""
    certificate_host: str | None = None
    """Where SNS certificates come from, for a local counterpart; only with private addresses allowed."""


# Each message's is looked at when it is rendered and when it leaves.
@lru_cache(1024)
def _address(text: str) -> str:
    """A sender's or recipient's address in ASCII. Raises AddressInvalid."""
    if len(text) > 254 or not text.isprintable():
        raise AddressInvalid("That is no e-mail address.")
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressInvalid(f"That is no e-mail address: {error}") from error
    if found.ascii_email is None:
        raise AddressInvalid("The part before the @ has letters that not every mail server takes.")
    return found.ascii_email


class _Line:
    """One connection."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self.smtp = smtp
        self.used = 0
        self.idle_since = time.monotonic()

    @property
    def fresh(self) -> bool:
        """Whether it can be expected to be there still."""
        return self.smtp.is_connected and time.monotonic() - self.idle_since < IDLE

    async def begin(self, sender: str, to: str) -> None:
        """The envelope. Raises aiosmtplib's refusals, and its disconnection: nothing was accepted."""
        await self.smtp.mail(sender)
        await self.smtp.rcpt(to)
        response = await self.smtp.execute_command(b"DATA")
        if response.code != 354:
            raise aiosmtplib.SMTPDataError(response.code, response.message)

    async def content(self, data: bytes) -> aiosmtplib.SMTPResponse:
        """The text, and what the server says to it. Raises aiosmtplib's disconnection and time-out: unknown."""
        protocol = self.smtp.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("The connection was lost.")
        protocol.write(data)
        return await protocol.read_response(timeout=ANSWER)


class SmtpSender(Sender):
    """Connections to one server."""

    def __init__(self, account: Account, settings: Settings, *, private: bool) -> None:
        self._account = account
        self._settings = settings
        self._private = private
        self._idle: list[_Line] = []
        self._closed = False
        self._slots = asyncio.Semaphore(settings.connections)
        self._tls: ssl.SSLContext | None = None
        self._sender = _address(settings.sender)
        self._return_path = _address(settings.return_path) if settings.return_path else self._sender
        self._signer = _signer(account, settings)

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """Hand one e-mail over."""
        try:
            letter = self._letter(message, datetime.now(UTC))
            headers, body = building.build(letter)
        except AddressInvalid as error:
            return Sent(outcome="refused", code="address_invalid", detail=error.detail)
        except ValueError as error:
            return Sent(outcome="refused", code="unwritable", detail=str(error)[:300])
        if self._signer is not None:
            headers.insert(0, self._signer.signature(headers, body, letter.date))
        data = _stuffed(building.wire(headers, body))
        async with self._slots:
            return await self._over_a_line(letter, data)

    async def close(self) -> None:
        """Say goodbye on every kept connection; those in use are closed when their message is through."""
        self._closed = True
        while self._idle:
            await _quit(self._idle.pop())

    async def _over_a_line(self, letter: Letter, data: bytes) -> Sent:
        """On a kept connection; when that turns out to be gone before the text left, once more on a new one."""
        try:
            if (line := self._kept()) is not None:
                try:
                    return await self._exchange(line, letter, data)
                except aiosmtplib.SMTPServerDisconnected:
                    line.smtp.close()
            return await self._exchange(await self._connect(), letter, data)
        except AddressRefused as error:
            return Sent(outcome="retry", code="address", detail=str(error), account_fault=True)
        except aiosmtplib.SMTPResponseException as error:
            return answers.of_connecting(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            return Sent(outcome="retry", code="connect", detail=str(error)[:300], account_fault=True)

    async def _exchange(self, line: _Line, letter: Letter, data: bytes) -> Sent:
        """Raises SMTPServerDisconnected when the connection was gone before the text began to leave."""
        kept = False
        try:
            try:
                await line.begin(self._return_path, letter.to)
            except aiosmtplib.SMTPTimeoutError:
                return Sent(outcome="retry", code="timeout", detail="No answer to the envelope.", account_fault=True)
            except aiosmtplib.SMTPSenderRefused as error:
                return answers.of_sender(error.code, error.message)
            except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
                kept = error.code != 421 and await _reset(line)
                return answers.of_recipient(error.code, error.message)
            try:
                response = await line.content(data)
            except (aiosmtplib.SMTPException, OSError) as error:
                return Sent(
                    outcome="unknown",
                    provider_id=letter.message_id.strip("<>"),
                    code="cut",
                    detail=f"Cut after the text had begun to leave: {error}"[:300],
                )
            kept = response.code != 421
            return self._answered(letter, response)
        finally:
            self._keep(line, kept)

    def _answered(self, letter: Letter, response: aiosmtplib.SMTPResponse) -> Sent:
        provider_id = letter.message_id.strip("<>")
        if self._settings.events == "ses" and response.code == 250:
            # SES gives messages an id of its own and writes it in its answer: "250 Ok 0100018c..."
            provider_id = response.message.split()[-1] if response.message.split() else provider_id
        return answers.of_text(response.code, response.message, provider_id)

    def _letter(self, message: Outgoing, now: datetime) -> Letter:
        settings = self._settings
        domain = self._sender.rpartition("@")[2]
        marketing = message.purpose == building.MARKETING
        return Letter(
            sender=self._sender,
            sender_name=message.sender_name or settings.sender_name,
            to=_address(message.address),
            reply_to=settings.reply_to,
            subject=message.subject or message.title or "",
            html=message.html,
            text=message.text or (None if message.html else message.body),
            preheader=message.preheader,
            reference=message.reference,
            purpose=message.purpose,
            date=now,
            unsubscribe_url=message.unsubscribe_url,
            list_id=settings.list_id or f"{self._account.code}.{domain}",
            feedback_id=_feedback_id(self._account, message, domain) if marketing else None,
            language=message.language,
            extra=_provider_headers(settings, message),
        )

    def _kept(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.fresh and line.used < self._settings.per_connection:
                return line
            line.smtp.close()
        return None

    def _keep(self, line: _Line, good: bool) -> None:
        line.used += 1
        line.idle_since = time.monotonic()
        if good and line.smtp.is_connected and not self._closed:
            self._idle.append(line)
        else:
            line.smtp.close()

    async def _connect(self) -> _Line:
        """Raises what aiosmtplib raises, AddressRefused, OSError: nothing was sent."""
        settings = self._settings
        if self._tls is None and settings.security != "none":
            self._tls = trust()
        sock = await _socket(settings.host, settings.port, private=self._private)
        smtp = aiosmtplib.SMTP(
            hostname=settings.host,
            sock=sock,
            local_hostname=self._sender.rpartition("@")[2],
            username=settings.user,
            password=self._account.secrets.get("password") if settings.user else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            timeout=30,
        )
        try:
            await smtp.connect()
        except (aiosmtplib.SMTPException, OSError):
            # The socket is the transport's by now: it closes it when it is done with it.
            smtp.close()
            raise
        return _Line(smtp)

    async def try_out(self) -> Sent:
        """Connect, sign in, hang up."""
        try:
            line = await self._connect()
        except AddressRefused as error:
            return Sent(outcome="refused", code="address", detail=str(error), account_fault=True)
        except aiosmtplib.SMTPResponseException as error:
            return Sent(
                outcome="refused",
                code=str(error.code),
                detail=f"{error.code} {error.message}"[:300],
                account_fault=True,
            )
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            return Sent(outcome="refused", code="connect", detail=str(error)[:300], account_fault=True)
        await _quit(line)
        signed_in = " Signed in." if self._settings.user else ""
        return Sent(
            outcome="accepted",
            detail=f"Connected to {self._settings.host}:{self._settings.port}, {self._settings.security}.{signed_in}",
        )


def _provider_headers(settings: Settings, message: Outgoing) -> tuple[tuple[str, str], ...]:
    """Headers by which the provider's events name the message."""
    if settings.events == "sendgrid":
        return (("X-SMTPAPI", msgspec.json.encode({"unique_args": {"unisono": message.reference}}).decode()),)
    if settings.events == "mailgun":
        return (("X-Mailgun-Variables", msgspec.json.encode({"unisono": message.reference}).decode()),)
    if settings.events == "ses":
        named = (("X-SES-CONFIGURATION-SET", settings.configuration_set),) if settings.configuration_set else ()
        return (*named, ("X-SES-MESSAGE-TAGS", f"unisono={message.reference}"))
    return ()


def _feedback_id(account: Account, message: Outgoing, domain: str) -> str:
    """Google's spam figures are by these: campaign, purpose, account, sender (5 to 15 characters)."""
    parts = (message.campaign or "none", message.purpose, account.code, domain.replace(".", "-")[:15].ljust(5, "-"))
    return ":".join(part.replace(":", "-")[:60] for part in parts)


def _signer(account: Account, settings: Settings) -> Signer | None:
    """Raises AccountInvalid."""
    if settings.dkim_domain is None or settings.dkim_selector is None:
        return None
    try:
        return Signer(settings.dkim_domain, settings.dkim_selector, account.secret("dkim_key"))
    except ValueError as error:
        raise AccountInvalid(f"The DKIM key of {account.code}: {error}.") from error


def _stuffed(data: bytes) -> bytes:
    """Dots doubled at the beginning of lines, and the end of the text (RFC 5321, 4.5.2)."""
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    return data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


async def _reset(line: _Line) -> bool:
    """Whether the connection can be used for the next message."""
    try:
        await line.smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


async def _quit(line: _Line) -> None:
    try:
        await line.smtp.quit(timeout=5)
    except (aiosmtplib.SMTPException, OSError):
        line.smtp.close()


async def _socket(host: str, port: int, *, private: bool) -> socket.socket:
    """Connected to a judged address of the name. Raises AddressRefused, OSError, UnicodeError."""
    last: OSError = OSError(f"{host} has no address.")
    for address in await judged(host, port, private=private):
        with ExitStack() as closing:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            closing.callback(sock.close)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (address, port)), CONNECT)
            except OSError as error:
                last = error
            else:
                closing.pop_all()
                return sock
    raise last


class SmtpAdapter(Adapter):
    """E-mail over SMTP."""

    kind: ClassVar[str] = "smtp"
    title: ClassVar[str] = "E-mail (SMTP)"
    channels: ClassVar[tuple[str, ...]] = ("email",)
    Settings: ClassVar[type[msgspec.Struct]] = Settings
    secret_names: ClassVar[tuple[str, ...]] = ("password", "dkim_key", "hook_key")
    capabilities: ClassVar[Capabilities] = Capabilities(
        html=True, subject=True, media=True, buttons=10, max_text=500_000, receipts=True, idempotent=True
    )

    def check(self, account: Account, *, private: bool) -> None:
        """Raises AccountInvalid."""
        settings: Settings = self.settings(account)
        problem = None
        if not _HOST.fullmatch(settings.host):
            problem = "The host is no name of a server."
        elif not 0 < settings.port < 65536:
            problem = f"{settings.port} is no port."
        elif settings.security == "none" and not private:
            problem = "Without TLS mail goes to servers of this machine and its network alone, and only where allowed."
        elif not 1 <= settings.connections <= 50 or settings.per_connection < 1:
            problem = "Connections are 1 to 50, each for one message or more."
        elif (settings.dkim_domain is None) != (settings.dkim_selector is None):
            problem = "DKIM needs a domain and a selector."
        elif not all(_LABEL.fullmatch(text) for text in (settings.dkim_domain, settings.dkim_selector) if text):
            problem = "The DKIM domain and selector are names of the DNS."
        elif settings.list_id is not None and not _LABEL.fullmatch(settings.list_id):
            problem = "A list id looks like news.shop.example."
        elif settings.events == "ses" and not settings.topic_arn:
            problem = "Name the SNS topic: everybody with an AWS account can sign notifications of a topic of his own."
        elif settings.certificate_host is not None and not private:
            problem = "Certificates of SNS come from Amazon."
        if problem is not None:
            raise AccountInvalid(problem)
        for text in filter(None, (settings.sender, settings.reply_to, settings.return_path)):
            self.validate_address(text)
        _signer(account, settings)

    def validate_address(self, text: str) -> str:
        """An address in ASCII, the domain in small letters. Raises AddressInvalid."""
        return _address(text)

    async def open(self, account: Account, http: Http) -> Sender:
        """Raises AccountInvalid."""
        self.check(account, private=http.private)
        return SmtpSender(account, self.settings(account), private=http.private)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Connect and sign in. Raises AccountInvalid."""
        self.check(account, private=http.private)
        return await SmtpSender(account, self.settings(account), private=http.private).try_out()

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """What became of messages, as the account's settings say. Raises BadSignature, HookUnreadable."""
        settings: Settings = self.settings(account)
        if settings.events == "mail":
            return bounces.parse(account, hook, now=now)
        if settings.events == "sendgrid":
            return sendgrid.parse(account, hook, now=now)
        if settings.events == "mailgun":
            return mailgun.parse(account, hook, now=now)
        if settings.events == "ses":
            return await ses.parse(
                account, hook, http, topic=settings.topic_arn or "", certificate_host=settings.certificate_host, now=now
            )
        raise BadSignature("This account takes no events.")
