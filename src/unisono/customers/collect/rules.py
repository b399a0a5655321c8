"""The collector's law, pure: clocks, identifiers and what a sender may claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from unisono.access.keys import Sender
from unisono.customers.collect.model import PropertiesHead, Rejected, WireContext, WireEvent
from unisono.customers.identity.model import Claim, Strength
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook

RESERVED_TRAITS = frozenset(
    {
        "consent", "consents", "consented", "points", "points_balance", "tier", "loyalty_tier",
        "role", "roles", "permissions", "is_staff", "is_admin", "blocked", "credit", "credit_limit",
        "price_list", "household",
    }
)  # fmt: skip
"""What a public key can never set: it decides money, rights or what may be said to a person."""

TRAIT_NAMESPACES = {
    "email": "email",
    "phone": "phone",
    "loyalty_card": "loyalty_card",
    "loyaltyCard": "loyalty_card",
    "loyalty_card_number": "loyalty_card",
    "whatsapp": "whatsapp",
    "telegram": "telegram",
}
"""Traits that are identifiers as well."""

EXTERNAL_TYPES = {
    "anonymous_id": "anonymous_id",
    "user_id": "user_id",
    "ios.idfa": "idfa",
    "ios.id": "device_id",
    "android.idfa": "gaid",
    "android.id": "device_id",
}
"""``context.externalIds[].type`` of the field's clients that differ from our namespaces."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_EPOCH_MILLISECONDS = 10_000_000_000


def text_of(value: Any) -> str | None:
    """An identifier as text: numbers are spelled, everything else that is not text is nothing."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return None


def parse_time(value: Any) -> datetime | None:
    """A client's time as UTC; without zone it is UTC; seconds or milliseconds since 1970 are read too.

    None when it cannot be read: a broken clock is no reason to lose an event.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str) and value:
            parsed = datetime.fromisoformat(value)
            zone = parsed.tzinfo
            if zone is UTC:
                return parsed
            return parsed.replace(tzinfo=UTC) if zone is None else parsed.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > _EPOCH_MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def correct_clock(
    received: datetime, sent: datetime | None, original: datetime | None, max_skew: timedelta
) -> datetime:
    """When it happened, by our clock.

    ``received - (sent - original)`` (the Segment protocol's correction): the client's clock may be wrong, but the
    time between the event and its sending is right. Never later than ``received`` plus ``max_skew``.
    """
    if original is None:
        return received
    try:
        occurred = original if sent is None else received - (sent - original)
    except OverflowError:
        return received
    latest = received + max_skew
    return occurred if occurred < latest else latest


def claims_of(
    wire: WireEvent,
    context: WireContext,
    head: PropertiesHead,
    traits: dict[str, Any],
    sender: Sender,
    rulebook: Rulebook,
) -> list[Claim]:
    """The identifiers an event carries, the one it happened under first.

    Raises Rejected when there is none it could belong to.
    """
    trusted = sender.key_kind != "write"
    found: list[tuple[bool, int, Claim]] = []
    unusable: list[str] = []
    for namespace, value in _mentioned(wire, context, head, traits, trusted):
        text = value if type(value) is str else text_of(value)
        if not text:
            continue
        try:
            ranked = rulebook.claim(namespace, text, trusted=trusted)
        except UnusableIdentifier as error:
            unusable.append(f"{namespace} {text[:60]!r}: {error}")
            continue
        if ranked not in found:
            found.append(ranked)
    if len(found) > 1:
        found.sort()
    ordered = [claim for _, _, claim in found]
    if not ordered or ordered[0].strength == "hint":
        detail = "; ".join(unusable) or "A write key must name userId or anonymousId."
        raise Rejected(
            f"There is no identifier the event could belong to. {detail}".strip(),
            code="blocked_identifier" if unusable else "no_identifier",
        )
    if wire.type == "alias" or wire.previousId is not None:
        ordered = _with_previous(wire, ordered, sender, rulebook)
    return ordered


def _mentioned(
    wire: WireEvent, context: WireContext, head: PropertiesHead, traits: dict[str, Any], trusted: bool
) -> list[tuple[str, Any]]:
    """Every (namespace, value) the event names, unjudged."""
    mentioned: list[tuple[str, Any]] = []
    if wire.userId is not None:
        mentioned.append(("user_id", wire.userId))
    if wire.anonymousId is not None:
        mentioned.append(("anonymous_id", wire.anonymousId))
    if traits:
        mentioned.extend((TRAIT_NAMESPACES[name], traits[name]) for name in traits if name in TRAIT_NAMESPACES)
    if head.loyalty_card is not None and trusted:
        mentioned.append(("loyalty_card", head.loyalty_card))
    if context.externalIds is not None:
        mentioned.extend(_external(context.externalIds))
    device = context.device
    if isinstance(device, dict):
        mentioned.append(("device_id", device.get("id")))
        kind = str(device.get("type") or "").casefold()
        mentioned.append(("gaid" if kind == "android" else "idfa", device.get("advertisingId")))
    return mentioned


def _external(listed: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(listed, list):
        return
    for item in listed:
        if isinstance(item, dict) and item.get("collection", "users") == "users":
            kind = text_of(item.get("type"))
            if kind:
                yield EXTERNAL_TYPES.get(kind, kind), item.get("id")


def _with_previous(wire: WireEvent, claims: list[Claim], sender: Sender, rulebook: Rulebook) -> list[Claim]:
    """An alias links its previous id: a browser's if it looks like one, else another user id."""
    text = text_of(wire.previousId)
    if text is None:
        return claims
    namespace = "anonymous_id" if _UUID.fullmatch(text) or text == text_of(wire.anonymousId) else "user_id"
    try:
        key = rulebook.key(namespace, text)
    except UnusableIdentifier:
        return claims
    if any(claim.key == key for claim in claims):
        return claims
    strength: Strength = "proof" if sender.trusted or namespace == "anonymous_id" else "hint"
    return [*claims, Claim(key, strength)]
