"""Speaking HTTP to addresses that others chose: webhooks' receivers, providers, push services.

The client is httpcore with a backend of our own: the name is resolved, every address it has is judged, and the
connection goes to the very address that was judged; a name cannot lead inside afterwards (SSRF, DNS rebinding).
TLS is verified against the name. Redirects are not followed, proxies of the environment not used.

`Http` never sends a request twice, and tells the two ways of getting no answer apart: `NotSent` (nothing left: name,
connection, TLS) can be tried again whatever the request does, `Cut` (the request had begun to leave) cannot.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import certifi
import httpcore
import msgspec

TIMEOUT: Final = 15.0
"""Seconds the other side has, from connecting to the end of its answer."""

MAX_URL: Final = 2000
READ_AT_MOST: Final = 64 * 1024
"""Bytes of an answer that are read where nobody asks for more."""

LONGEST_WAIT: Final = 86_400.0
"""Seconds a ``Retry-After`` is believed."""

KEPT_FOR: Final = 5.0
"""Seconds an idle connection is kept. Servers keep them longer: one closed under a request costs an unknown."""

_NAT64: Final = ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ip_network("2002::/16")


class AddressRefused(Exception):
    """The name leads to an address that is not for the outside."""


class NotSent(Exception):
    """Surely nothing of the request left: no address, no connection, no TLS."""


class Cut(Exception):
    """No whole answer came although the request had begun to leave: it may have been taken."""


def url_problem(url: str, *, private: bool) -> str | None:
    """Why an address cannot be called, None when it can. ``private`` allows http and addresses of this network."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if len(url) > MAX_URL or not parts.hostname or not url.isascii() or any(char <= " " for char in url.strip()):
        return "That is no address of a web server."
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return "It must be an https address."
    if parts.username is not None or parts.password is not None:
        return "An address with a name and a password would send them with every message."
    if port == 0:
        return "Port 0 is none."
    if not private and _literal(parts.hostname) is not None and not is_public(parts.hostname):
        return "That address is inside this network."
    return None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not of this machine, this network, this cloud's services."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        # An IPv4 address in the clothes of an IPv6 one is judged as what it is.
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in _NAT64:
            found = IPv4Address(int(found) & 0xFFFFFFFF)
        elif found in _SIX_TO_FOUR or found.teredo is not None:
            return False
    return found.is_global and not found.is_multicast


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def judged(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a name that may be connected to. Raises AddressRefused, OSError, UnicodeError."""
    addresses = await resolve(host, port)
    if not private and not all(is_public(address) for address in addresses):
        raise AddressRefused(f"{host} leads to an address inside this network.")
    return addresses


class Guarded(httpcore.AnyIOBackend):
    """Connects to judged addresses alone."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises AddressRefused when one of them is not of the internet."""
        try:
            addresses = await judged(host, port, private=self._private)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"The name {host} has no address.") from error
        last: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError(f"{host} has no address.")
        for address in addresses:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last


def trust() -> ssl.SSLContext:
    """TLS as this machine trusts it, and the public authorities where it has none of its own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds a ``Retry-After`` asks for, as a number or a date (RFC 9110, 10.2.3); None for none or nonsense."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


NO_ANSWER = (
    AddressRefused,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
    TimeoutError,
)
"""How a try ends without an answer."""


def no_answer_words(error: BaseException, seconds: float = TIMEOUT) -> str:
    """One of `NO_ANSWER` in words."""
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return f"No answer within {seconds:.0f} seconds."
    return (str(error) or type(error).__name__)[:300]


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """A header by its name in lower case."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    def json(self) -> Any:
        """The body as JSON; an empty mapping when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return {}

    def words(self) -> str:
        """The beginning of the body, for a log."""
        return self.body[:300].decode("utf-8", "replace").replace("\x00", "")


class File(msgspec.Struct, frozen=True):
    """A file of a multipart form."""

    name: str
    media_type: str
    content: bytes


class Http:
    """Requests to others, each sent once at the most, over kept connections."""

    def __init__(
        self, *, private: bool, width: int = 20, context: ssl.SSLContext | None = None, kept_for: float = KEPT_FOR
    ) -> None:
        self.private = private
        self._width = width
        self._context = context
        self._kept_for = kept_for
        self._connections: httpcore.AsyncConnectionPool | None = None

    @property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        # Made when first needed: reading the authorities takes 40 ms, and many who hold an `Http` never speak.
        if self._connections is None:
            self._connections = httpcore.AsyncConnectionPool(
                ssl_context=self._context or trust(),
                max_connections=self._width,
                max_keepalive_connections=self._width,
                keepalive_expiry=self._kept_for,
                network_backend=Guarded(private=self.private),
            )
        return self._connections

    async def close(self) -> None:
        """Close its connections."""
        if self._connections is not None:
            await self._connections.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
        form: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        parts: Mapping[str, str | File] | None = None,
        seconds: float = TIMEOUT,
        read_at_most: int = READ_AT_MOST,
    ) -> Reply:
        """One request with one of the bodies, and its whole answer; a longer answer's rest is not read.

        Raises NotSent, Cut.
        """
        media, body = _body(content, json, form, parts)
        sent = {"user-agent": "Unisono/1.0"} | ({"content-type": media} if media else {})
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        left = False

        async def trace(name: str, info: Mapping[str, Any]) -> None:
            nonlocal left
            # The first byte of a request is the first one of its headers.
            left = left or name.endswith(".send_request_headers.started")

        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(method, url, sent, body, {"trace": trace}, read_at_most)
        except httpcore.LocalProtocolError as error:
            # The library refuses to write such a request.
            raise NotSent(no_answer_words(error)) from error
        except NO_ANSWER as error:
            raise (Cut if left else NotSent)(no_answer_words(error, seconds)) from error
        except (UnicodeError, ValueError) as error:
            # A header or an address that cannot be written.
            raise NotSent(str(error)[:300]) from error

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        extensions: Mapping[str, Any],
        read_at_most: int,
    ) -> Reply:
        raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        async with self._pool.stream(method, url, headers=raw, content=body, extensions=dict(extensions)) as response:
            read = bytearray()
            async for chunk in response.aiter_stream():
                read += chunk
                if len(read) > read_at_most:
                    break
            return Reply(response.status, tuple(response.headers), bytes(read[:read_at_most]))


def _body(
    content: bytes | None,
    json: Any,
    form: Mapping[str, str] | Iterable[tuple[str, str]] | None,
    parts: Mapping[str, str | File] | None,
) -> tuple[str | None, bytes | None]:
    if json is not None:
        return "application/json", msgspec.json.encode(json)
    if form is not None:
        pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
        return "application/x-www-form-urlencoded", urlencode(pairs).encode()
    if parts is not None:
        return _multipart(parts)
    return None, content


def _multipart(parts: Mapping[str, str | File]) -> tuple[str, bytes]:
    """A form with files (RFC 7578)."""
    boundary = secrets.token_hex(16)
    written = bytearray()
    for name, value in parts.items():
        written += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'.encode()
        if isinstance(value, File):
            written += f'; filename="{_quoted(value.name)}"\r\nContent-Type: {_quoted(value.media_type)}'.encode()
        written += b"\r\n\r\n" + (value.content if isinstance(value, File) else value.encode()) + b"\r\n"
    written += f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", bytes(written)


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
