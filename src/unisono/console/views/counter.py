"""What waits at a counter, as its screens show it."""

from __future__ import annotations

from collections.abc import Mapping

from unisono.commerce.orders.pickup.model import Parcel
from unisono.commerce.orders.reservations.model import NoShow, Reservation
from unisono.commerce.orders.slots.model import Appointment
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views import shopwords
from unisono.console.views.orders import buyer_of, euro
from unisono.console.words import Words
from unisono.kit.marking import N_

PARCEL_STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "planned": (("picking", N_("I gather it")), ("ready", N_("It is ready"))),
    "picking": (("ready", N_("It is ready")),),
}
"""State of a pick-up -> steps on offer, with their labels; English msgids."""

APPOINTMENT_STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "pending": (("confirm", N_("Confirm")), ("cancel", N_("Call off"))),
    "booked": (("kept", N_("Came")), ("missed", N_("Did not come")), ("cancel", N_("Call off"))),
}
"""State of an appointment -> steps on offer."""


def parcel_goods(found: Parcel) -> list[c.Goods]:
    """What is in a pick-up."""
    return [
        c.Goods(quantity=line.quantity, name=line.name, sku=line.sku, href=links.stock_of(line.sku))
        for line in found.lines
    ]


def reserved_goods(found: Reservation) -> list[c.Goods]:
    """What is kept for somebody."""
    return [c.Goods(quantity=found.quantity, name=found.name, sku=found.sku, href=links.stock_of(found.sku))]


def reserved_price(found: Reservation) -> c.Amount | None:
    """What it cost when it was reserved."""
    if found.unit_minor is None or found.currency is None:
        return None
    return euro(found.unit_minor * found.quantity, found.currency)


def parcel_row(found: Parcel, words: Words, people: Mapping[int, c.PersonLink], *, writes: bool) -> c.WaitingRow:
    """A pick-up in the work list; its next step is one tap."""
    steps = PARCEL_STEPS.get(found.state, ())
    step = (links.pickup_step(found.id), steps[-1][0], words.gettext(steps[-1][1])) if steps and writes else None
    return c.WaitingRow(
        kind=words.gettext("Pick-up"),
        href=links.pickup(found.id),
        badge=shopwords.state_badge(shopwords.PARCEL, found.state, words),
        goods=parcel_goods(found),
        since=found.placed_at,
        person=people.get(found.person_id or 0),
        buyer=buyer_of(found.customer),
        number=found.order_number,
        until=found.collect_by,
        promised_at=found.promised_at if found.state != "ready" else None,
        due=euro(found.due_minor, found.currency) if found.due_minor else None,
        step=step,
    )


def reservation_row(
    found: Reservation, words: Words, people: Mapping[int, c.PersonLink], *, writes: bool
) -> c.WaitingRow:
    """A reservation in the work list."""
    step = (links.reservation_step(found.id), "ready", words.gettext("It lies at the counter"))
    return c.WaitingRow(
        kind=words.gettext("Reservation"),
        href=links.reservation(found.id),
        badge=shopwords.state_badge(shopwords.RESERVATION, found.state, words),
        goods=reserved_goods(found),
        since=found.created_at,
        person=people.get(found.person_id),
        until=found.deadline,
        due=reserved_price(found),
        step=step if writes and found.state == "held" else None,
    )


def score_text(score: NoShow, words: Words) -> str:
    """How reliable somebody is about what he reserves."""
    if score.score is None:
        return ""
    told = words.gettext("does not come for %(percent)s %% of what is kept for them; may have %(open)s open")
    return told % {"percent": score.score, "open": score.allowed_open}


def appointment_row(
    found: Appointment, words: Words, people: Mapping[int, c.PersonLink], *, writes: bool
) -> c.AppointmentRow:
    """Time given to somebody."""
    steps = APPOINTMENT_STEPS.get(found.state, ()) if writes else ()
    return c.AppointmentRow(
        appointment_id=found.id,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        badge=shopwords.state_badge(shopwords.APPOINTMENT, found.state, words),
        what=found.service or "",
        with_whom=found.resource,
        person=people.get(found.person_id),
        note=found.note or "",
        store=found.store_name,
        steps=[(step, words.gettext(text)) for step, text in steps],
    )


def pickup_page(
    found: Parcel, words: Words, people: Mapping[int, c.PersonLink], *, writes: bool, sees_order: bool
) -> c.HandOver:
    """A pick-up at the counter."""
    waits = found.kind == "pickup" and found.state in ("planned", "picking", "ready")
    return c.HandOver(
        kind="pickup",
        title=words.gettext("Pick-up %(number)s") % {"number": found.order_number},
        badge=shopwords.state_badge(shopwords.PARCEL, found.state, words),
        goods=parcel_goods(found),
        action=links.pickup_step(found.id),
        back_href=links.with_query(links.COUNTER, {"store": found.store_id}),
        store=found.store_name or "",
        since=found.placed_at,
        open=waits,
        person=people.get(found.person_id or 0),
        buyer=buyer_of(found.customer),
        number=found.order_number,
        order_href=links.order(found.order_number) if sees_order else None,
        until=found.collect_by,
        promised_at=found.promised_at,
        ready_at=found.ready_at,
        over_at=found.handed_at,
        over_by=found.handed_by or "",
        due=euro(found.due_minor, found.currency) if found.due_minor and waits else None,
        must_pay=bool(found.due_minor),
        slip_href=links.pickup_slip(found.id) if waits else None,
        calendar_href=f"/api/pickups/{found.id}/calendar.ics" if waits else None,
        steps=[(step, words.gettext(text)) for step, text in PARCEL_STEPS.get(found.state, ())] if writes else (),
        can_write=writes,
    )


def reservation_page(
    found: Reservation, words: Words, people: Mapping[int, c.PersonLink], score: NoShow, *, writes: bool
) -> c.HandOver:
    """A reservation at the counter."""
    waits = found.state in ("held", "ready")
    return c.HandOver(
        kind="reservation",
        title=words.gettext("Reservation"),
        badge=shopwords.state_badge(shopwords.RESERVATION, found.state, words),
        goods=reserved_goods(found),
        action=links.reservation_step(found.id),
        back_href=links.with_query(links.COUNTER, {"store": found.store_id}),
        store=found.store_name,
        since=found.created_at,
        open=waits,
        person=people.get(found.person_id),
        number=found.order_number or "",
        order_href=links.order(found.order_number) if found.order_number else None,
        until=found.deadline,
        ready_at=found.ready_at,
        over_at=found.settled_at,
        over_by=found.settled_by or "",
        reason=shopwords.why_text(found.reason, words),
        note=found.note or "",
        due=reserved_price(found) if waits else None,
        score=score_text(score, words),
        slip_href=links.reservation_slip(found.id) if waits else None,
        calendar_href=f"/api/reservations/{found.id}/calendar.ics" if waits else None,
        steps=(("ready", words.gettext("It lies at the counter")),) if writes and found.state == "held" else (),
        can_extend=writes and waits and found.extended_at is None,
        can_cancel=writes and waits,
        can_write=writes,
    )
