"""Stock as its screens show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from babel.dates import format_date, get_day_names

from unisono.commerce.inventory.model import Location, Movement, Opening, Place, Risk, StockPromise, StockRow
from unisono.commerce.inventory.opening import WEEKDAYS, opening_hours
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views import shopwords
from unisono.console.views.labels import channel_label, staff_line
from unisono.console.words import Words
from unisono.kit.errors import BadRequest
from unisono.kit.marking import N_

TABS: tuple[tuple[str, str], ...] = (
    (links.STOCK, N_("On the shelves")),
    (links.STOCK_MOVEMENTS, N_("Movements")),
    (links.STOCK_PROMISES, N_("Promises")),
    (links.STOCK_RISKS, N_("At risk")),
    (links.LOCATIONS, N_("Places")),
)
"""The pages of Stock; English msgids."""

LOCATION_KINDS: dict[str, str] = {"store": N_("Store"), "warehouse": N_("Warehouse"), "partner": N_("Partner")}

SHOWN_CHANNELS = ("store", "web", "app", "messages", "service")


def tabs(here: str, words: Words, *, risks: int) -> list[c.Chip]:
    """The pages of Stock; how much is at risk stands beside its name."""
    return [
        c.Chip(
            label=words.gettext(text),
            href=href,
            selected=href == here,
            count=risks if href == links.STOCK_RISKS and risks else None,
        )
        for href, text in TABS
    ]


def line(row: StockRow, own: Collection[str] | None) -> c.StockLine:
    """A sku in a place."""
    return c.StockLine(
        sku=row.sku,
        name=row.name,
        href=links.stock_of(row.sku),
        place=row.location,
        place_name=row.location_name,
        on_hand=row.on_hand,
        held=row.held,
        committed=row.committed,
        at_risk=row.at_risk,
        free=row.available,
        online=row.promisable,
        safety=row.safety,
        incoming=row.incoming,
        incoming_at=row.incoming_at,
        damaged=row.damaged,
        low_at=row.low_at,
        low_since=row.low_since,
        counted_at=row.counted_at,
        own=shopwords.only(own, row.location),
    )


def movement(row: Movement, words: Words, names: Mapping[str, str]) -> c.MovementRow:
    """Why units came or went."""
    said, href = shopwords.reference_of(row.reference, words)
    return c.MovementRow(
        at=row.at,
        sku=row.sku,
        href=links.stock_of(row.sku),
        place=names.get(row.location, row.location),
        state=words.gettext(shopwords.STATES[row.state]),
        quantity=row.quantity,
        reason=shopwords.why_text(row.reason, words),
        actor=row.actor,
        reference=said,
        reference_href=href,
        note=row.note or "",
    )


def promise(row: StockPromise, words: Words, names: Mapping[str, str], owner: c.PersonLink | None) -> c.PromiseRow:
    """Units promised to somebody."""
    said, href = shopwords.reference_of(row.reference, words)
    return c.PromiseRow(
        sku=row.sku,
        href=links.stock_of(row.sku),
        place=names.get(row.location, row.location),
        quantity=row.quantity,
        badge=shopwords.state_badge(shopwords.HOLDS, row.state, words),
        reason=shopwords.why_text(row.reason, words),
        taken_at=row.taken_at,
        expires_at=row.expires_at if row.state == "held" else None,
        reference=said,
        reference_href=href,
        person=owner,
    )


def risk(row: Risk, words: Words, names: Mapping[str, str], *, can_settle: bool) -> c.RiskRow:
    """Promises in danger."""
    said, href = shopwords.reference_of(row.reference, words)
    return c.RiskRow(
        risk_id=row.id,
        at=row.at,
        sku=row.sku,
        name=row.name,
        href=links.stock_of(row.sku),
        place=names.get(row.location, row.location),
        quantity=row.quantity,
        still=row.still_at_risk,
        reason=shopwords.why_text(row.reason, words),
        actor=row.actor,
        reference=said,
        reference_href=href,
        settled_at=row.settled_at,
        settled_by=row.settled_by or "",
        outcome=shopwords.why_text(row.outcome, words),
        can_settle=can_settle and row.settled_at is None,
    )


def channel_stock(by_channel: Mapping[str, Sequence[Place]], words: Words) -> list[c.ChannelStock]:
    """What each channel can promise now."""
    return [
        c.ChannelStock(
            label=channel_label(channel, words),
            line=staff_line(channel),
            units=sum(place.available for place in places),
            places=sum(1 for place in places if place.available),
        )
        for channel, places in by_channel.items()
    ]


# Places -----------------------------------------------------------------------------------------------


def _spans(spans: Iterable[Sequence[str]], words: Words) -> str:
    return ", ".join("–".join(span) for span in spans) or words.gettext("closed")


def _format(words: Words) -> str:
    return "en_GB" if words.language == "en" else words.language


def _days(words: Words) -> dict[str, str]:
    names = get_day_names("abbreviated", context="stand-alone", locale=_format(words))
    return {day: str(names[number]) for number, day in enumerate(WEEKDAYS)}


def _dates(opening: Opening, words: Words, today: date) -> list[tuple[str, str]]:
    coming = sorted(day for day in opening if day not in WEEKDAYS and day >= today.isoformat())
    return [
        (format_date(date.fromisoformat(day), "d MMM y", locale=_format(words)), _spans(opening[day], words))
        for day in coming[:20]
    ]


def _open_badge(where: Location, words: Words, now: datetime) -> tuple[c.Badge, datetime | None, datetime | None]:
    """Whether it is open; when it closes, or opens next."""
    if where.closed_at is not None and where.closed_at <= now:
        return c.Badge(text=words.gettext("closed for good"), tone="off"), None, None
    if not where.opening:
        return c.Badge(text=words.gettext("no opening hours")), None, None
    state = opening_hours(where, now)
    if state.open:
        return c.Badge(text=words.gettext("open now"), tone="good"), None, state.closes_at
    return c.Badge(text=words.gettext("closed")), state.next_opening, None


def place_card(where: Location, words: Words, now: datetime, *, can_write: bool, counter: bool) -> c.PlaceCard:
    """A place with its hours."""
    badge, opens, closes = _open_badge(where, words, now)
    days = _days(words)
    does = [words.gettext("ships")] if where.ships else []
    if where.picks_up:
        does.append(words.gettext("customers collect here"))
    told = [str(where.address[part]) for part in ("street", "postcode", "city", "country") if where.address.get(part)]
    return c.PlaceCard(
        code=where.code,
        name=where.name,
        kind=words.gettext(LOCATION_KINDS[where.kind]),
        badge=badge,
        stock_href=links.with_query(links.STOCK, {"place": where.code}),
        counter_href=links.with_query(links.COUNTER, {"store": where.code}) if counter and where.picks_up else None,
        opens_at=opens,
        closes_at=closes,
        address=", ".join(told)[:300],
        zone=where.timezone,
        week=[(days[day], _spans(where.opening.get(day, []), words)) for day in WEEKDAYS] if where.opening else (),
        special=_dates(where.opening, words, now.date()),
        does=does,
        hours=hours_text(where.opening),
        can_write=can_write,
    )


def hours_text(opening: Opening) -> str:
    """Opening hours as a line a day: ``mon 09:00-13:00 15:30-19:30``, ``2026-12-25 closed``."""
    days = [*(day for day in WEEKDAYS if day in opening), *sorted(day for day in opening if day not in WEEKDAYS)]
    return "\n".join(
        f"{day} {' '.join('-'.join(span) for span in opening[day]) if opening[day] else 'closed'}" for day in days
    )


def hours_typed(text: str) -> Opening:
    """The same, read back. Raises BadRequest for a line that is none; the room checks days and times."""
    opening: Opening = {}
    for line_ in text.replace("–", "-").replace(",", " ").lower().splitlines():
        day, *spans = line_.split()[:20] or [""]
        if not day:
            continue
        day = day.rstrip(":")
        pairs = [] if spans in (["closed"], ["chiuso"]) else [span.split("-") for span in spans]
        if day in opening or any(len(pair) != 2 for pair in pairs) or (not spans):
            raise BadRequest(f"{line_[:60]!r} is no line of opening hours.", code="hours_unreadable", field="hours")
        opening[day] = pairs
    return opening
