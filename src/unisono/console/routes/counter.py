"""A store's work: pick-ups to prepare and hand over, reservations, appointments, who did not come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import LocationUnknown
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.errors import PickupNotFound
from unisono.commerce.orders.pickup.model import Parcel
from unisono.commerce.orders.pickup.seeing import sees
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.api import policy_of
from unisono.commerce.orders.reservations.errors import ReservationNotFound
from unisono.commerce.orders.reservations.model import NoShow, Reservation
from unisono.commerce.orders.slots import appointments
from unisono.console import contexts, links
from unisono.console.lists import orders as lists
from unisono.console.pages import AnyRequest, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.paths import pattern, text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import counter as views
from unisono.console.views import shopwords
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.orders import tabs
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection, connection
from unisono.kit.errors import UnisonoError

SECTION = "orders"
GONE_DAYS = 7
"""How long those who did not come stand on the list."""
MOST_GONE = 10


async def people_of(
    conn: Connection, persons: Iterable[int | None], principal: Principal, words: Words
) -> dict[int, contexts.PersonLink]:
    """How the people of a list are called, as far as the reader may meet them."""
    met = await lists.seen(conn, {person for person in persons if person is not None}, principal.stores)
    return await shopwords.people_named(conn, met, words, contacts=principal.may("people:contact"))


async def score_of(conn: Connection, request: AnyRequest, person: int) -> NoShow:
    """How reliable a person is."""
    nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
    return await reservations.no_show(conn, nodes, policy_of(settings_of(request)), now=now_of(request))


def _store(request: AnyRequest, principal: Principal) -> str:
    """The store asked for; who has one store stands in it."""
    wanted = asked(request, "store")
    if not wanted and principal.stores is not None and len(principal.stores) == 1:
        return next(iter(principal.stores))
    return wanted


def _day(request: AnyRequest, zone: ZoneInfo) -> date:
    try:
        return date.fromisoformat(asked(request, "day"))
    except ValueError:
        return now_of(request).astimezone(zone).date()


async def _gone(
    conn: Connection, request: AnyRequest, store: str, people: Mapping[int, contexts.PersonLink]
) -> list[contexts.GoneRow]:
    words, now = words_of(request, caller(request)), now_of(request)
    since = now - timedelta(days=GONE_DAYS)
    missed, _ = await reservations.reservations(conn, now=now, store_ids=[store], states=["expired"], limit=MOST_GONE)
    rows = [
        contexts.GoneRow(
            kind=words.gettext("Reservation"),
            what=f"{one.quantity} × {one.name}",
            at=one.deadline,
            href=links.reservation(one.id),
            person=people.get(one.person_id),
            score=views.score_text(await score_of(conn, request, one.person_id), words),
        )
        for one in missed
        if one.deadline > since
    ]
    rows += [
        contexts.GoneRow(
            kind=words.gettext("Pick-up"),
            what=row["number"],
            at=row["collect_by"],
            href=links.pickup(row["id"]),
            person=people.get(row["person_id"] or 0),
        )
        for row in await lists.gone_parcels(conn, [store], since=since)
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)


async def _missed_people(conn: Connection, store: str, now: datetime) -> set[int | None]:
    since = now - timedelta(days=GONE_DAYS)
    missed, _ = await reservations.reservations(conn, now=now, store_ids=[store], states=["expired"], limit=MOST_GONE)
    gone = await lists.gone_parcels(conn, [store], since=since)
    return {one.person_id for one in missed} | {row["person_id"] for row in gone}


async def _store_view(conn: Connection, request: AnyRequest, store: str) -> contexts.Counter:
    principal, now = caller(request), now_of(request)
    words, writes = words_of(request, principal), principal.may("orders:write")
    where = await inventory.location(conn, store)
    zone = ZoneInfo(where.timezone)
    day = _day(request, zone)
    begin = datetime.combine(day, time(), zone)
    parcels = await pickups.waiting(conn, [store])
    kept = await reservations.to_hand_over(conn, [store], now=now)
    times = [
        one
        for one in await appointments.appointments(conn, store_ids=[store], since=begin, limit=200, now=now)
        if one.starts_at < begin + timedelta(days=1)
    ]
    persons: set[int | None] = {one.person_id for one in parcels} | {one.person_id for one in kept}
    persons |= {one.person_id for one in times} | await _missed_people(conn, store, now)
    people = await people_of(conn, persons, principal, words)
    rows = [(one.state, views.parcel_row(one, words, people, writes=writes)) for one in parcels]
    step = {"store": store}
    return contexts.Counter(
        store=store,
        store_name=where.name,
        prepare=[row for state, row in rows if state != "ready"],
        ready=[row for state, row in rows if state == "ready"],
        kept=[views.reservation_row(one, words, people, writes=writes) for one in kept],
        gone=await _gone(conn, request, store, people),
        appointments=[views.appointment_row(one, words, people, writes=writes) for one in times],
        day=day,
        day_before=links.with_query(links.COUNTER, {**step, "day": (day - timedelta(days=1)).isoformat()}),
        day_after=links.with_query(links.COUNTER, {**step, "day": (day + timedelta(days=1)).isoformat()}),
        can_write=writes,
    )


async def _show_counter(request: AnyRequest, *, code: str = "", error: UnisonoError | None = None) -> Response[str]:
    principal, now = caller(request), now_of(request)
    words, store = words_of(request, principal), _store(request, principal)
    async with connection(pool_of(request)) as conn:
        waiting = await lists.waiting_at(conn, principal.stores, now=now)
        if store and sees(principal, store):
            view = await _store_view(conn, request, store)
        elif store:
            raise LocationUnknown(f"There is no place {store[:64]!r}.")
        else:
            view = contexts.Counter()
    view = msgspec.structs.replace(
        view,
        tabs=tabs(links.COUNTER, words),
        stores=[
            contexts.Chip(
                label=row["name"],
                href=links.with_query(links.COUNTER, {"store": row["code"]}),
                selected=row["code"] == store,
                count=row["waiting"] or None,
            )
            for row in waiting
        ],
        places=shopwords.place_choices([(row["code"], row["name"]) for row in waiting], store),
        code=code,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = view.store_name or words.gettext("At the counter")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.COUNTER, guards=[requires("orders:read")], include_in_schema=False)
async def show_counter(request: AnyRequest) -> Response[str]:
    """What waits in a store; without one, the stores."""
    return await _show_counter(request)


# One of them ------------------------------------------------------------------------------------------


async def read_pickup(conn: Connection, principal: Principal, parcel_id: int) -> Parcel:
    """A pick-up the reader may see. Raises PickupNotFound."""
    found = await pickups.get(conn, parcel_id)
    if found.kind != "pickup" or not sees(principal, found.store_id):
        raise PickupNotFound(f"There is no pick-up {parcel_id}.")
    return found


async def read_reservation(conn: Connection, principal: Principal, reservation_id: str, now: datetime) -> Reservation:
    """A reservation the reader may see. Raises ReservationNotFound."""
    found = await reservations.get(conn, reservation_id, now=now)
    if not sees(principal, found.store_id):
        raise ReservationNotFound("There is no such reservation.")
    return found


async def _shown(
    conn: Connection, principal: Principal, what: str, key: str, person: int | None, detail: Collection[str] = ()
) -> None:
    told = {"of": key, **dict.fromkeys(detail, True)}
    await audit.record(conn, actor=principal.actor, action=f"{what}.read", person_id=person, detail=told, wait=False)


async def show_pickup(
    request: AnyRequest,
    parcel_id: int,
    *,
    code: str = "",
    drafts: dict[str, str] | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:
    """The page of a pick-up; with the code somebody showed, what that came to."""
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        found = await read_pickup(conn, principal, parcel_id)
        people = await people_of(conn, [found.person_id], principal, words)
        await _shown(conn, principal, "pickup", found.order_number, found.person_id)
    view = views.pickup_page(found, words, people, writes=principal.may("orders:write"), sees_order=True)
    return await _hand_over_page(request, view, code, drafts, error, words)


async def show_reservation(
    request: AnyRequest,
    reservation_id: str,
    *,
    code: str = "",
    drafts: dict[str, str] | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:
    """The page of a reservation; with the code somebody showed, what that came to."""
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        found = await read_reservation(conn, principal, reservation_id, now_of(request))
        people = await people_of(conn, [found.person_id], principal, words)
        score = await score_of(conn, request, found.person_id)
        await _shown(conn, principal, "reservation", found.id, found.person_id)
    view = views.reservation_page(found, words, people, score, writes=principal.may("orders:write"))
    return await _hand_over_page(request, view, code, drafts, error, words)


async def _hand_over_page(
    request: AnyRequest,
    view: contexts.HandOver,
    code: str,
    drafts: dict[str, str] | None,
    error: UnisonoError | None,
    words: Words,
) -> Response[str]:
    right = True if code and error is None else False if error is not None and error.code == "wrong_code" else None
    view = msgspec.structs.replace(
        view,
        code=code,
        code_right=right,
        drafts=drafts or {},
        problem=problem_with_reasons(words, error) if error else None,
    )
    return await page(request, view, title=view.title, section=SECTION, status=error.status if error else 200)


@get(pattern(links.pickup, "parcel_id"), guards=[requires("orders:read")], include_in_schema=False)
async def pickup_page(request: AnyRequest, parcel_id: FromPath[int]) -> Response[str]:
    """A pick-up at the counter."""
    return await show_pickup(request, parcel_id)


@get(text_pattern(links.reservation, "reservation_id"), guards=[requires("orders:read")], include_in_schema=False)
async def reservation_page(request: AnyRequest, reservation_id: FromPath[str]) -> Response[str]:
    """A reservation at the counter."""
    return await show_reservation(request, reservation_id)


@post(links.COUNTER, guards=[requires("orders:write")], include_in_schema=False, status_code=200)
async def open_code(request: AnyRequest) -> Response[Any]:
    """What a shown code is for, ready to hand over. The code stays out of the address."""
    principal, code = caller(request), (await form_of(request)).get("code", "").strip()[:100]
    async with connection(pool_of(request)) as conn:
        parcel, kept, error = await _of_code(conn, principal, code, now_of(request))
    if parcel is not None:
        return await show_pickup(request, parcel.id, code=code)
    if kept is not None:
        return await show_reservation(request, kept.id, code=code)
    return await _show_counter(request, code=code, error=error)


async def _of_code(
    conn: Connection, principal: Principal, code: str, now: datetime
) -> tuple[Parcel | None, Reservation | None, UnisonoError | None]:
    missing = PickupNotFound("Nothing here has this code.", code="code_unknown")
    try:
        parcel = await pickups.by_code(conn, code)
        return (parcel, None, None) if sees(principal, parcel.store_id) else (None, None, missing)
    except PickupNotFound:
        pass
    try:
        kept = await reservations.by_code(conn, code, now=now)
    except ReservationNotFound:
        return None, None, missing
    return (None, kept, None) if sees(principal, kept.store_id) else (None, None, missing)


routes: list[ControllerRouterHandler] = [show_counter, pickup_page, reservation_page, open_code]
