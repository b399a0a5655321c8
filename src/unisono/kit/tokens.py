"""Opaque tokens of links that leave us: a few numbers nobody can read, change or make up.

A token is the numbers encrypted and authenticated in one (AES-SIV, RFC 5297: 128 bits of authentication, no nonce),
in base64url. The same numbers make the same token, so a link can be made again and found to be the same. Each kind
of link has its own meaning: a token of one is never one of another.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from unisono.kit.errors import NotFound
from unisono.kit.secret import Secret

PREFERENCES = "preferences"
"""The preference centre: (node id,) or (node id, message id it came in)."""
CONFIRM = "confirm"
"""The page that confirms an opt-in: (entry id of the request,)."""
UNSUBSCRIBE = "unsubscribe"
"""One-click unsubscription (RFC 8058): (message id,)."""
LINK = "link"
"""A link in a message that is counted: (message id, its place among the message's links)."""
OPEN = "open"
"""The pixel of a message: (message id,)."""

PATHS = {
    PREFERENCES: "/p/{token}",
    CONFIRM: "/p/{token}/confirm",
    UNSUBSCRIBE: "/u/{token}",
    LINK: "/l/{token}",
    OPEN: "/o/{token}.gif",
}
"""Where the public pages are, by kind."""

LONGEST = 200
"""Characters of a token at the most: longer ones are not looked at."""

_LARGEST = 2**63


class UnknownToken(NotFound):
    """No link of ours has this token."""

    code = "unknown_link"
    title = "This link does not exist"


def sign(secret: Secret, kind: str, numbers: Sequence[int]) -> str:
    """The token of ``numbers`` (0 or more, each below 2**63), url-safe, about 24 characters and 5 a large number."""
    if not numbers or not all(0 <= number < _LARGEST for number in numbers):
        raise ValueError(f"no token says {list(numbers)}")
    # Each number with its length before it: short for small ones, and only one way to read it.
    plain = b"".join(_packed(number) for number in numbers)
    sealed = AESSIV(secret.derive(f"token:{kind}")).encrypt(plain, None)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def read(secret: Secret, kind: str, token: str) -> tuple[int, ...]:
    """The numbers `sign` was given. Raises UnknownToken for everything it did not make."""
    try:
        sealed = base64.b64decode(_padded(token), altchars=b"-_", validate=True)
        # The last character has spare bits: only the one spelling we made is ours.
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != token:
            raise UnknownToken
        plain = AESSIV(secret.derive(f"token:{kind}")).decrypt(sealed, None)
    except (binascii.Error, ValueError, InvalidTag):
        raise UnknownToken from None
    return _unpacked(plain)


def link(secret: Secret, base_url: str, kind: str, *numbers: int) -> str:
    """The whole address of a public page, such as ``https://shop.example/u/…``."""
    return base_url.rstrip("/") + PATHS[kind].format(token=sign(secret, kind, numbers))


def _padded(token: str) -> bytes:
    if len(token) > LONGEST:
        raise UnknownToken
    text = token.encode("ascii")
    return text + b"=" * (-len(text) % 4)


def _packed(number: int) -> bytes:
    size = (number.bit_length() + 7) // 8
    return bytes([size]) + number.to_bytes(size, "big")


def _unpacked(plain: bytes) -> tuple[int, ...]:
    numbers = []
    at = 0
    while at < len(plain):
        size = plain[at]
        numbers.append(int.from_bytes(plain[at + 1 : at + 1 + size], "big"))
        at += 1 + size
    return tuple(numbers)
