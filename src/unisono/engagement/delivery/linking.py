"""The links of a message: out of it, to what the person prefers, and those that are counted where he allowed it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import msgspec

from unisono.engagement.delivery.model import Claimed
from unisono.kit import tokens
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings


def base_url(settings: Settings) -> str:
    """Where the public pages are, as the outside reaches them."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


class Links(msgspec.Struct, frozen=True):
    """A message's own links."""

    unsubscribe: str
    preferences: str

    @classmethod
    def of(cls, secret: Secret, settings: Settings, claimed: Claimed) -> Links:
        """The links of a message, the same on each try."""
        base = base_url(settings)
        return cls(
            tokens.link(secret, base, tokens.UNSUBSCRIBE, claimed.id),
            tokens.link(secret, base, tokens.PREFERENCES, claimed.address_node, claimed.id),
        )


CONFIRMS: Final = "consent_entry"
"""In the data of a notice: the consent it asks to confirm. Of other messages it is data like any other: whoever may
send messages may not make links that confirm consents."""


def asked_to_confirm(claimed: Claimed) -> int | None:
    """The entry of the consent ledger a message asks to confirm."""
    if claimed.origin != "notice":
        return None
    data = msgspec.json.decode(claimed.data)
    entry = data.get(CONFIRMS) if isinstance(data, dict) else None
    return entry if isinstance(entry, int) else None


def confirmation(secret: Secret, settings: Settings, entry: int) -> str:
    """The link of a double opt-in."""
    return tokens.link(secret, base_url(settings), tokens.CONFIRM, entry)


def tracked(secret: Secret, settings: Settings, message_id: int, html: str, links: Sequence[str], own: Links) -> str:
    """The HTML with its links leading by way of us, and the pixel: only for people who consented to it.

    A link's number is its place in ``links``; the links of unsubscribing and preferences stay as they are.
    """
    base = base_url(settings)
    for number, url in enumerate(links):
        if url in (own.unsubscribe, own.preferences) or not url.startswith(("http://", "https://")):
            continue
        counted = tokens.link(secret, base, tokens.LINK, message_id, number)
        html = html.replace(f'href="{escape(url)}"', f'href="{counted}"')
        if url != escape(url):
            html = html.replace(f'href="{url}"', f'href="{counted}"')
    pixel = f'<img src="{tokens.link(secret, base, tokens.OPEN, message_id)}" width="1" height="1" alt="">'
    before, end, after = html.rpartition("</body>")
    return f"{before}{pixel}{end}{after}" if end else html + pixel
