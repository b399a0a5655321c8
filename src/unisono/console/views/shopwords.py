"""Words of stock and orders: states, reasons and references as people say them; names of people in rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from unisono.console import links
from unisono.console.contexts import Badge, Choice, PersonLink, Tone
from unisono.console.views.people import display_name
from unisono.console.words import Words
from unisono.customers.profiles import service as profiles
from unisono.kit.database import Connection
from unisono.kit.marking import N_

STATES: dict[str, str] = {"on_hand": N_("on hand"), "damaged": N_("damaged"), "incoming": N_("on the way")}
"""States of stock; English msgids."""

WHYS: dict[str, str] = {
    "delivery": N_("delivery"),
    "transfer": N_("transfer"),
    "count": N_("count"),
    "sale": N_("sale"),
    "handed over": N_("handed over"),
    "found": N_("found"),
    "returned": N_("returned"),
    "broken": N_("broken"),
    "lost": N_("lost or stolen"),
    "used": N_("used by the shop"),
    "correction": N_("correction"),
    "undone": N_("undone"),
    "order": N_("order"),
    "checkout": N_("being paid"),
    "reservation": N_("reservation"),
    "slot": N_("time"),
    "sold at the till": N_("sold at the till"),
    "covered by stock": N_("covered by stock"),
    "not collected": N_("not collected"),
    "cancelled by the customer": N_("cancelled by the customer"),
    "called off by the customer": N_("called off by the customer"),
    "not confirmed in time": N_("not confirmed in time"),
    "the transfer never came": N_("the transfer never came"),
}
"""Reasons Unisono writes, and those on offer in its forms; English msgids."""

CHANGES: tuple[str, ...] = ("correction", "found", "lost", "broken", "used")
"""Reasons on offer for a correction."""

HOLDS: dict[str, tuple[str, Tone]] = {"held": (N_("held"), "neutral"), "committed": (N_("firm"), "good")}
"""States of a living promise."""

ORDER: dict[str, tuple[str, Tone]] = {
    "open": (N_("under way"), "neutral"),
    "ready": (N_("ready"), "good"),
    "completed": (N_("completed"), "good"),
    "cancelled": (N_("cancelled"), "off"),
    "returned": (N_("returned"), "off"),
}
"""States of an order."""

PAYMENT: dict[str, tuple[str, Tone]] = {
    "unpaid": (N_("unpaid"), "warning"),
    "authorised": (N_("reserved on the card"), "neutral"),
    "paid": (N_("paid"), "good"),
    "partly_refunded": (N_("partly refunded"), "neutral"),
    "refunded": (N_("refunded"), "off"),
    "voided": (N_("let go"), "off"),
}
"""What an order's payments add up to."""

ONE_PAYMENT: dict[str, tuple[str, Tone]] = {
    "pending": (N_("waited for"), "warning"),
    "authorised": (N_("reserved"), "neutral"),
    "captured": (N_("taken"), "good"),
    "voided": (N_("let go"), "off"),
    "declined": (N_("declined"), "warning"),
    "unknown": (N_("not known yet"), "warning"),
    "refunded": (N_("refunded"), "off"),
}
"""States of one payment."""

PARCEL: dict[str, tuple[str, Tone]] = {
    "planned": (N_("to prepare"), "warning"),
    "picking": (N_("being gathered"), "neutral"),
    "ready": (N_("ready"), "good"),
    "shipped": (N_("sent"), "good"),
    "handed_over": (N_("handed over"), "good"),
    "delivered": (N_("delivered"), "good"),
    "cancelled": (N_("cancelled"), "off"),
    "not_collected": (N_("not collected"), "off"),
}
"""States of a parcel."""

RESERVATION: dict[str, tuple[str, Tone]] = {
    "held": (N_("kept"), "neutral"),
    "ready": (N_("ready"), "good"),
    "collected": (N_("collected"), "good"),
    "expired": (N_("nobody came"), "off"),
    "cancelled": (N_("cancelled"), "off"),
}
"""States of a reservation."""

APPOINTMENT: dict[str, tuple[str, Tone]] = {
    "pending": (N_("to confirm"), "warning"),
    "booked": (N_("booked"), "neutral"),
    "kept": (N_("came"), "good"),
    "missed": (N_("did not come"), "off"),
    "cancelled": (N_("cancelled"), "off"),
}
"""States of an appointment."""

KINDS: dict[str, str] = {
    "ship": N_("Shipment"),
    "pickup": N_("Pick-up"),
    "carry": N_("Taken along"),
}
"""Kinds of parcel."""

ACTORS: dict[str, str] = {"customer": N_("the customer"), "system": N_("by rule"), "unisono": N_("by rule")}
"""Who does things without an account."""

PROVIDERS: dict[str, str] = {
    "cash": N_("Cash"),
    "terminal": N_("Card terminal"),
    "transfer": N_("Transfer"),
    "test": N_("Test provider"),
    "card": N_("Card"),
}
"""Who takes the money."""


def state_badge(states: Mapping[str, tuple[str, Tone]], state: str, words: Words) -> Badge:
    """A state as a badge; one we do not know keeps its own word."""
    text, tone = states.get(state, (state.replace("_", " "), "neutral"))
    return Badge(text=words.gettext(text), tone=tone)


def why_text(reason: str | None, words: Words) -> str:
    """A reason: ours translated, people's as they wrote it."""
    return words.gettext(WHYS.get(reason or "", reason or ""))


def state_choices(states: Mapping[str, tuple[str, Tone]], chosen: str, words: Words) -> list[Choice]:
    """Every state to choose from."""
    return [
        Choice(value=state, label=words.gettext(text), selected=state == chosen) for state, (text, _) in states.items()
    ]


_RESERVED = re.compile(r"reservation:([0-9a-f-]{36})")


def reference_of(reference: str | None, words: Words) -> tuple[str, str | None]:
    """What a movement or a promise was for: its text and, where we have a page of it, the link."""
    if not reference:
        return "", None
    kind, _, key = reference.partition(":")
    if kind == "order":
        return words.gettext("order %(number)s") % {"number": key}, links.order(key)
    if kind == "cart":
        return words.gettext("cart"), links.cart(key)
    if kind == "checkout":
        return words.gettext("a basket being paid"), None
    if _RESERVED.fullmatch(reference):
        return words.gettext("reservation"), links.reservation(key)
    return reference[:60], None


async def people_named(
    conn: Connection, persons: Iterable[int | None], words: Words, *, contacts: bool
) -> dict[int, PersonLink]:
    """How the rows of a list call these people."""
    wanted = sorted({person for person in persons if person is not None})
    return {
        found.id: PersonLink(
            person_id=found.id, name=display_name(found.name, found.identifiers, words, contacts=contacts)
        )
        for found in await profiles.describe(conn, wanted)
    }


def place_choices(places: Iterable[tuple[str, str]], chosen: str) -> list[Choice]:
    """Places to choose from: (code, name)."""
    return [Choice(value=code, label=name, selected=code == chosen) for code, name in places]


def only(codes: Collection[str] | None, code: str) -> bool:
    """Whether a place is among those somebody may change; None: all."""
    return codes is None or code in codes
