"""Handing one message over HTTP to an address that others chose.

The client is httpcore with a backend of our own: the name is resolved, every address it has is judged, and the
connection goes to the very address that was judged; a name cannot lead inside afterwards (SSRF, DNS rebinding).
TLS is verified against the name. Redirects are not followed, proxies of the environment not used.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import httpcore

from unisono.commerce.changes.webhooks import rules
from unisono.commerce.changes.webhooks.model import Answer
from unisono.kit.errors import BadRequest

TIMEOUT: Final = 15.0
"""Seconds a receiver has, from connecting to the end of its answer."""

MAX_URL: Final = 2000
READ_AT_MOST: Final = 64 * 1024
"""Bytes of an answer that are read to keep its connection; of a longer one the connection is closed."""

_NAT64: Final = ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ip_network("2002::/16")


class AddressRefused(Exception):
    """The name leads to an address that is not for the outside."""


def check_url(url: str, *, private: bool) -> str:
    """An address as a webhook may have it. Raises BadRequest (``webhook_url``).

    ``private`` allows http and addresses of this machine and network.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    problem = None
    if len(url) > MAX_URL or not parts.hostname or not url.isascii() or any(char <= " " for char in url.strip()):
        problem = "That is no address of a web server."
    elif parts.scheme != "https" and not (private and parts.scheme == "http"):
        problem = "A webhook goes to an https address."
    elif parts.username is not None or parts.password is not None:
        problem = "An address with a name and a password would send them with every message."
    elif port == 0:
        problem = "Port 0 is none."
    elif not private and _literal(parts.hostname) is not None and not is_public(parts.hostname):
        problem = "That address is inside this network."
    if problem is not None:
        raise BadRequest(problem, code="webhook_url", hint="For example https://shop.example/unisono")
    return url.strip()


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
            addresses = await resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"The name {host} has no address.") from error
        if not self._private and not all(is_public(address) for address in addresses):
            raise AddressRefused(f"{host} leads to an address inside this network.")
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

_HUNG_UP = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
"""A kept connection that the receiver had closed meanwhile: a new one is worth a second try at once."""


class Sender:
    """Sends messages to one endpoint over connections of its own, so many at once."""

    def __init__(self, *, private: bool, width: int, context: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context or trust(),
            max_connections=width,
            max_keepalive_connections=width,
            keepalive_expiry=30.0,
            network_backend=Guarded(private=private),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._pool.aclose()

    async def send(self, url: str, message_id: str, body: bytes, keys: tuple[str, ...], now: datetime) -> Answer:
        """One try; whatever comes of it is an answer."""
        headers = rules.headers(message_id, now, body, keys)
        began = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT):
                try:
                    status, retry = await self._post(url, headers, body)
                except _HUNG_UP:
                    status, retry = await self._post(url, headers, body)
        except NO_ANSWER as error:
            return Answer(None, _words(error), time.monotonic() - began)
        seconds = time.monotonic() - began
        if 200 <= status < 300:
            return Answer(status, None, seconds)
        return Answer(status, _refusal(status), seconds, rules.retry_after(retry, now))

    async def _post(self, url: str, headers: Mapping[bytes | str, bytes | str], body: bytes) -> tuple[int, str | None]:
        async with self._pool.stream("POST", url, headers=headers, content=body) as response:
            read = 0
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read > READ_AT_MOST:
                    break
            return response.status, _header(response.headers, b"retry-after")


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"Answered {status}: redirects are not followed."
    return f"Answered {status}."


def _words(error: Any) -> str:
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return f"No answer within {TIMEOUT:.0f} seconds."
    return (str(error) or type(error).__name__)[:300]
