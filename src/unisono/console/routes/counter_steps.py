"""What people do at a counter: gather, make ready, hand over, put off, call off; appointments kept or missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.orders.model import DirectPayment
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.model import CounterPayment, Done, Parcel
from unisono.commerce.orders.pickup.seeing import sees
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.api import policy_of
from unisono.commerce.orders.reservations.model import Reservation
from unisono.commerce.orders.slots import appointments
from unisono.commerce.orders.slots.errors import AppointmentNotFound
from unisono.console import links
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.pages import AnyRequest, form_of, safe_path, settings_of, words_of
from unisono.console.routes.counter import read_pickup, read_reservation, show_pickup, show_reservation
from unisono.console.routes.paths import pattern, text_pattern
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, NotFound, UnisonoError
from unisono.kit.marking import N_

PICKED: dict[str, str] = {
    "picking": N_("You gather it."),
    "ready": N_("It is ready, and the customer is told."),
    "hand-over": N_("Handed over: the goods are off the shelf."),
}
"""What the toast says after each step of a pick-up; English msgids."""

KEPT: dict[str, str] = {
    "ready": N_("It lies at the counter, and the customer is told."),
    "extend": N_("Put off: the customer has until then."),
    "cancel": N_("Called off: the units are free again."),
    "hand-over": N_("Handed over: the goods are off the shelf."),
}
"""The same of a reservation."""

MET: dict[str, str] = {
    "confirm": N_("Confirmed, and the customer is told."),
    "kept": N_("Noted: they came."),
    "missed": N_("Noted: they did not come."),
    "cancel": N_("Called off: the time is free again."),
}
"""The same of an appointment."""

FORMS = ("hand-over", "cancel")
"""Steps with fields: what is wrong with them is told beside them."""


def _counter(store: str | None) -> str:
    return links.with_query(links.COUNTER, {"store": store})


def _payment(form: Mapping[str, str], kind: type[CounterPayment] | type[DirectPayment]) -> Any:
    """How it is paid here; None: it is not."""
    provider: Any = form.get("payment", "")
    if provider not in ("cash", "terminal"):
        return None
    return kind(provider=provider, reference=form.get("slip", "").strip()[:100] or None)


async def _pickup_step(
    conn: Connection, request: AnyRequest, form: Mapping[str, str], found: Parcel, step: str
) -> Done:
    asks: dict[str, Any] = {"actor": caller(request).actor, "now": now_of(request)}
    if step == "picking":
        return await pickups.start_picking(conn, found.id, **asks)
    if step == "ready":
        return await pickups.make_ready(conn, found.id, days=settings_of(request).pickup_days, **asks)
    payment = _payment(form, CounterPayment)
    return await pickups.hand_over(conn, found.id, form.get("code", ""), payment=payment, **asks)


@post(pattern(links.pickup_step, "parcel_id"), guards=[requires("orders:write")], include_in_schema=False)
async def step_pickup(request: AnyRequest, parcel_id: FromPath[int]) -> Response[Any]:
    """One step of a pick-up."""
    principal, form = caller(request), await form_of(request)
    words, step = words_of(request, principal), form.get("step", "")

    async def act(conn: Connection) -> Deed:
        if step not in PICKED:
            raise BadRequest("There is no such step.", code="bad_form")
        found = await read_pickup(conn, principal, parcel_id)
        done = await _pickup_step(conn, request, form, found, step)
        back = _counter(found.store_id)
        return Deed(
            text=words.gettext(PICKED[step]),
            href=back if step == "hand-over" else safe_path(form.get("next"), back),
            action=f"pickup.{step.replace('-', '_')}",
            detail={"order": found.order_number, "parcel": parcel_id},
            person_id=found.person_id,
            calls=done.calls,
        )

    if step not in FORMS:
        return await press(request, form, act, back=links.pickup(parcel_id))
    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        if isinstance(error, NotFound) or error.status >= 500:
            raise
        return await show_pickup(request, parcel_id, code=form.get("code", ""), drafts=form, error=error)


async def _reservation_step(
    conn: Connection, request: AnyRequest, form: Mapping[str, str], found: Reservation, step: str
) -> Reservation:
    settings, actor, now = settings_of(request), caller(request).actor, now_of(request)
    if step == "ready":
        return await reservations.make_ready(conn, found.id, actor=actor, now=now)
    if step == "extend":
        return await reservations.extend(conn, found.id, policy=policy_of(settings), now=now)
    if step == "cancel":
        reason = form.get("reason", "").strip()
        if not reason:
            raise BadRequest("Say why.", code="reason_missing", field="reason")
        return await reservations.cancel(conn, found.id, actor=actor, reason=reason, now=now)
    return await reservations.hand_over(
        conn,
        found.id,
        form.get("code", ""),
        payment=_payment(form, DirectPayment),
        currency=settings.currency,
        actor=actor,
        now=now,
    )


@post(
    text_pattern(links.reservation_step, "reservation_id"), guards=[requires("orders:write")], include_in_schema=False
)
async def step_reservation(request: AnyRequest, reservation_id: FromPath[str]) -> Response[Any]:
    """One step of a reservation."""
    principal, form = caller(request), await form_of(request)
    words, step = words_of(request, principal), form.get("step", "")

    async def act(conn: Connection) -> Deed:
        if step not in KEPT:
            raise BadRequest("There is no such step.", code="bad_form")
        found = await read_reservation(conn, principal, reservation_id, now_of(request))
        after = await _reservation_step(conn, request, form, found, step)
        back = _counter(found.store_id)
        return Deed(
            text=words.gettext(KEPT[step]),
            href=back if step == "hand-over" else safe_path(form.get("next"), back),
            action=f"reservation.{step.replace('-', '_')}",
            detail={"reservation": found.id, "order": after.order_number},
            person_id=found.person_id,
        )

    if step not in FORMS:
        return await press(request, form, act, back=links.reservation(reservation_id))
    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        if isinstance(error, NotFound) or error.status >= 500:
            raise
        return await show_reservation(request, reservation_id, code=form.get("code", ""), drafts=form, error=error)


@post(
    text_pattern(links.appointment_step, "appointment_id"), guards=[requires("orders:write")], include_in_schema=False
)
async def step_appointment(request: AnyRequest, appointment_id: FromPath[str]) -> Response[Any]:
    """One step of an appointment."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, step = words_of(request, principal), form.get("step", "")

    async def act(conn: Connection) -> Deed:
        if step not in MET:
            raise BadRequest("There is no such step.", code="bad_form")
        found = await appointments.find(conn, appointment_id, now=now)
        if not sees(principal, found.store_id):
            raise AppointmentNotFound("There is no such appointment.")
        if step == "confirm":
            await appointments.confirm(conn, found.id, actor=principal.actor, now=now)
        elif step == "cancel":
            reason = form.get("reason", "").strip() or "called off by the store"
            await appointments.cancel(conn, found.id, actor=principal.actor, reason=reason, now=now)
        else:
            await appointments.settle(conn, found.id, kept=step == "kept", actor=principal.actor, now=now)
        return Deed(
            text=words.gettext(MET[step]),
            href=safe_path(form.get("next"), _counter(found.store_id)),
            action=f"appointment.{step}",
            detail={"appointment": found.id},
            person_id=found.person_id,
        )

    return await press(request, form, act, back=links.COUNTER)


routes: list[ControllerRouterHandler] = [step_pickup, step_reservation, step_appointment]
