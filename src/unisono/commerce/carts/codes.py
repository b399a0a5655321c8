"""The short names of carts: a code to type or scan, its QR picture, the token of a shared link."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
from typing import Final

import segno

ALPHABET: Final = "23456789CDFGHJKMNPQRTVWXY"
"""No vowels, so no words; nothing that is taken for something else: neither 0 and O, 1 and I and L, nor 5 and S."""
LENGTH: Final = 8
PREFIX: Final = "cart:"
"""Before the code in a QR picture: a scanner that reads products too can tell them apart."""

_MISREAD: Final = str.maketrans({"S": "5", "B": "8", "Z": "2"})
_CODE: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


def new_code() -> str:
    """A code by chance: 25 to the eighth power, so nobody meets a cart by trying."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read_code(text: str) -> str | None:
    """The code somebody typed or scanned, whatever its case, spaces and hyphens; None when it is none."""
    code = re.sub(r"[\s\-]", "", text[:100].strip().removeprefix(PREFIX)).upper().translate(_MISREAD)
    return code if _CODE.fullmatch(code) else None


def qr_svg(code: str) -> str:
    """The code as a QR picture, an SVG document that scales to its box and needs no network."""
    picture = io.BytesIO()
    segno.make(PREFIX + code, error="m", micro=False).save(
        picture, kind="svg", xmldecl=False, omitsize=True, svgclass=None, lineclass=None, border=4
    )
    return picture.getvalue().decode()


def new_token() -> str:
    """A token nobody can guess: 192 bits."""
    return secrets.token_urlsafe(24)


def hash_token(token: str) -> bytes:
    """What is kept of a token. It is as long as chance makes it, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
