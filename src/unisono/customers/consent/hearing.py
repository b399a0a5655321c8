"""What events say about consent, pure: each event as the statements it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec

from unisono.customers.consent.model import ANY, CHANNELS, MAX_TEXT, PERSON_CHANNELS, PURPOSES, Action, Basis, Purpose
from unisono.customers.consent.texts import parse_name
from unisono.customers.timeline.model import Event

UPDATED: Final = "Consent Updated"
UNSUBSCRIBED: Final = "Unsubscribed"
COMPLAINED: Final = "Email Marked as Spam"
SOLD: Final = "Order Completed"
_NAMES: Final = frozenset({UPDATED, UNSUBSCRIBED, COMPLAINED})

NOTICE: Final = "soft_opt_in"
"""The property of an order that says: the buyer was told that the address he gave is written to about similar products
and that he may refuse, now and ever after (Codice privacy, art. 130(4))."""

MAX_CATEGORIES: Final = 20
"""Kinds of goods one order is kept for."""

_YES: Final = frozenset({"true", "1", "yes", "granted", "given", "subscribed", "confirmed", "opted_in"})
_NO: Final = frozenset({"false", "0", "no", "withdrawn", "denied", "revoked", "unsubscribed", "opted_out", "refused"})

_BANNER: Final[Mapping[str, Purpose]] = {"statistics": "statistics", "marketing": "tracking"}
"""What a cookie banner's choices are to us: its "marketing" is about being followed, not about being written to."""

_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    **{channel: (channel,) for channel in CHANNELS},
    "e-mail": ("email",),
    "newsletter": ("email",),
    "text": ("sms",),
    "push": ("web_push", "app_push"),
    "phone": ("call", "sms"),
    "letter": ("mail",),
    "post": ("mail",),
}
"""What senders call channels."""

FRESH: Final = timedelta(days=1)
"""An opt-in said longer ago is history being loaded: nobody is asked to confirm it now."""

ROOM: Final = 6000
"""Bytes of what an event gives as proof; the ledger keeps some more beside it."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an event says: of one purpose and channel, before it is known under which identifiers."""

    purpose: Purpose
    channel: str
    action: Action
    basis: Basis = "consent"
    address: str | None = None
    """The address as the sender wrote it; None: every address the person has on the channel."""
    text: tuple[str, int, str] | None = None
    order_ref: str | None = None
    category: str | None = None
    expires_at: datetime | None = None
    proven: bool = False
    """The sender says that the owner of the address confirmed it."""
    source: str = "event"
    proof: dict[str, Any] = {}


def speaks(event: Event) -> bool:
    """Whether an event may say something about consent: those of its names, and a sale with the notice."""
    return event.name in _NAMES or (event.name == SOLD and event.properties.get(NOTICE) is True)


def statements(event: Event) -> list[Statement]:
    """What an event says about consent; nothing that cannot be understood."""
    said = event.properties
    if event.name == SOLD:
        return _sale(said)
    if event.name == UPDATED:
        return _banner(said["purposes"]) if isinstance(said.get("purposes"), dict) else _updated(said)
    if event.name == UNSUBSCRIBED:
        channels = _channels(said.get("channel") or event.channel) or ("email",)
        return [
            Statement(
                purpose="marketing",
                channel=channel,
                action="withdrawn",
                address=_word(said, "address", "email"),
                source="unsubscribed",
                proof=_proof(said, ("list_name", "list_id", "reason")),
            )
            for channel in channels
        ]
    return []


def _sale(said: Mapping[str, Any]) -> list[Statement]:
    """A soft opt-in for each kind of goods; none without the address that was given with the order."""
    order, address, products = _word(said, "order_id"), _word(said, "email"), said.get("products")
    if order is None or address is None or not isinstance(products, list):
        return []
    kinds = dict.fromkeys(_word(one, "category") for one in products if isinstance(one, dict))
    return [
        Statement(
            purpose="marketing",
            channel="email",
            action="granted",
            basis="soft_opt_in",
            address=address,
            order_ref=order,
            category=category,
            source="sale",
            proof={"notice": True, **_proof(said, ("affiliation", "store_id"))},
        )
        for category in [kind for kind in kinds if kind is not None][:MAX_CATEGORIES]
    ]


def _banner(choices: Mapping[str, Any]) -> list[Statement]:
    return [
        Statement(
            purpose=purpose, channel=ANY, action="granted" if choices[name] else "refused", source="cookie_banner"
        )
        for name, purpose in _BANNER.items()
        if isinstance(choices.get(name), bool)
    ]


def _updated(said: Mapping[str, Any]) -> list[Statement]:
    action = _action(said)
    purposes = [word for word in _list(said.get("purpose")) if word in PURPOSES]
    if action is None or not purposes:
        return []
    channels = [channel for word in _list(said.get("channel")) for channel in _channels(word)]
    if action != "granted" and said.get("channel") in (None, ANY, "all"):
        # A no that names no channel is meant for every one; a yes that names none is for none.
        channels = [ANY]
    found = []
    for purpose in purposes:
        if purpose == "marketing":
            found += [_statement(said, "marketing", channel, action) for channel in dict.fromkeys(channels)]
        else:
            found.append(_statement(said, cast("Purpose", purpose), ANY, action))
    if action == "granted" and said.get("legal_basis") == "soft_opt_in":
        # What calls itself a soft opt-in and names no sale is no consent either.
        return [one for one in found if one.basis == "soft_opt_in"]
    return found


def _statement(said: Mapping[str, Any], purpose: Purpose, channel: str, action: Action) -> Statement:
    order, category = _word(said, "order_id", "order_ref"), _word(said, "category")
    soft = (
        said.get("legal_basis") == "soft_opt_in"
        and purpose == "marketing"
        and channel == "email"
        and order
        and category
    )
    granted = action == "granted"
    return Statement(
        purpose=purpose,
        channel=channel,
        action=action,
        basis="soft_opt_in" if soft and granted else "consent",
        address=_word(said, "address", "email", "phone"),
        text=parse_name(said.get("text_version")),
        order_ref=order if soft else None,
        category=category if soft else None,
        expires_at=_instant(said.get("expires_at")) if granted and not soft else None,
        proven=said.get("double_opt_in") is True,
        source=_word(said, "source") or "event",
        proof=_proof(said, ("proof", "text_version", "ip", "form", "url", "store_id")),
    )


def _action(said: Mapping[str, Any]) -> Action | None:
    word = str(said.get("granted", said.get("status"))).strip().lower()[:20]
    if word in _YES:
        return "granted"
    if word == "refused":
        return "refused"
    return "withdrawn" if word in _NO else None


def _channels(word: object) -> tuple[str, ...]:
    return _CHANNELS.get(word.strip().lower(), ()) if isinstance(word, str) else ()


def _list(value: object) -> Sequence[Any]:
    return value[:20] if isinstance(value, list) else [value]


def _word(said: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = said.get(name)
        if isinstance(value, str) and 0 < len(value.strip()) <= MAX_TEXT:
            return value.strip()
    return None


def _instant(value: object) -> datetime | None:
    try:
        at = msgspec.convert(value, datetime, strict=False) if isinstance(value, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (msgspec.ValidationError, UnicodeError, OverflowError):
        return None


def _proof(said: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The beginnings of these, as far as there is room: what is said counts, whatever comes with it."""
    kept: dict[str, Any] = {}
    for name in names:
        value = said.get(name)
        more = {**kept, name: value[:500]} if isinstance(value, str) else kept
        if len(msgspec.json.encode(more)) <= ROOM:
            kept = more
    return kept


def on_person(channel: str) -> bool:
    """Whether what is said of a channel is said of the person rather than of an address."""
    return channel == ANY or channel in PERSON_CHANNELS
