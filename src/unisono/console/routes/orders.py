"""Orders: the list, the page of one, and what people change about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.inventory import service as inventory
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import CancelLine, Order, OrderDetail, ReturnAsked, ReturnRequest
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.reading import OrderFilter
from unisono.console import contexts, links
from unisono.console.deeds import Deed, run_and_go
from unisono.console.lists import orders as lists
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import orders as views
from unisono.console.views import shopwords
from unisono.console.views.commerce import amount_typed, problem_with_reasons, whole_typed
from unisono.console.views.labels import CHANNELS, channel_label
from unisono.console.words import Words
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, Forbidden, UnisonoError
from unisono.kit.marking import N_

SECTION = "orders"
PAGE_SIZE = 50
LIST_CHANNELS = ("web", "app", "store", "messages", "service")


class Wish(NamedTuple):
    """What the address of the list asks for."""

    query: str
    status: str
    channel: str
    place: str
    payment: str
    person: int
    after: str

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed; paging starts anew."""
        present: dict[str, str | int | None] = {
            "view": "all",
            "q": self.query,
            "status": self.status,
            "channel": self.channel,
            "place": self.place,
            "payment": self.payment,
            "person": self.person or None,
        }
        return links.with_query(links.ORDERS, {**present, **changes})

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return any((self.query, self.status, self.channel, self.place, self.payment, self.person))


def _known(word: str, known: Mapping[str, Any]) -> str:
    return word if word in known else ""


def _wish(request: AnyRequest) -> Wish:
    return Wish(
        asked(request, "q"),
        _known(asked(request, "status"), shopwords.ORDER),
        _known(asked(request, "channel"), CHANNELS),
        asked(request, "place"),
        _known(asked(request, "payment"), shopwords.PAYMENT),
        int(person) if (person := asked(request, "person", 18)).isascii() and person.isdigit() else 0,
        asked(request, "after"),
    )


def _sentence(wish: Wish, places: Mapping[str, str], words: Words) -> str:
    parts = []
    if wish.query:
        parts.append(words.gettext("number or customer contains “%(query)s”") % {"query": wish.query})
    if wish.person:
        parts.append(words.gettext("of one customer"))
    if wish.status:
        parts.append(words.gettext(shopwords.ORDER[wish.status][0]))
    if wish.channel:
        parts.append(words.gettext("bought in %(channel)s") % {"channel": channel_label(wish.channel, words)})
    if wish.place:
        parts.append(words.gettext("in %(place)s") % {"place": places.get(wish.place, wish.place)})
    if wish.payment:
        parts.append(words.gettext(shopwords.PAYMENT[wish.payment][0]))
    return ", ".join(parts)


async def places_of(conn: Connection, principal: Principal) -> dict[str, str]:
    """Places by code that the reader may see."""
    found = {one.code: one.name for one in await inventory.locations(conn)}
    return (
        found if principal.stores is None else {code: name for code, name in found.items() if code in principal.stores}
    )


async def _found(conn: Connection, wish: Wish, principal: Principal) -> orders.OrderPage:
    """The page asked for: by number first, else of the people the words mean."""
    stores = principal.stores
    if wish.place:
        stores = frozenset({wish.place}) if stores is None or wish.place in stores else frozenset()

    async def look(**more: Any) -> orders.OrderPage:
        wanted = OrderFilter(
            statuses=[wish.status] if wish.status else None,
            channel=wish.channel or None,
            payment_status=wish.payment or None,
            stores=stores,
            **more,
        )
        return await orders.page(conn, wanted, after=wish.after or None, limit=PAGE_SIZE)

    if wish.person:
        return await look(nodes=await lists.nodes_of_person(conn, wish.person, principal.stores))
    if not wish.query:
        return await look()
    for name in dict.fromkeys((wish.query.upper(), wish.query)):
        by_number = await look(known_as=name)
        if by_number.orders:
            return by_number
    return await look(nodes=await lists.nodes_meant(conn, wish.query, principal.stores))


def _chips(wish: Wish, words: Words) -> list[contexts.Chip]:
    every = contexts.Chip(label=words.gettext("Every state"), href=wish.href(status=None), selected=not wish.status)
    return [
        every,
        *(
            contexts.Chip(label=words.gettext(text), href=wish.href(status=status), selected=status == wish.status)
            for status, (text, _) in shopwords.ORDER.items()
        ),
    ]


@get(links.ORDERS, guards=[requires("orders:read")], include_in_schema=False)
async def list_orders(request: AnyRequest) -> Response[Any]:
    """Orders of every channel, newest first. Who is bound to stores begins at the counter."""
    principal = caller(request)
    if principal.stores is not None and not request.query_params:
        return Redirect(links.COUNTER, status_code=303)
    words, wish = words_of(request, principal), _wish(request)
    async with connection(pool_of(request)) as conn:
        places = await places_of(conn, principal)
        found = await _found(conn, wish, principal)
        persons = await lists.seen(
            conn, {one.person_id for one in found.orders if one.person_id is not None}, principal.stores
        )
        people = await shopwords.people_named(conn, persons, words, contacts=principal.may("people:contact"))
        if wish.query:
            detail = {"query": wish.query, "orders": [one.number for one in found.orders]}
            await audit.record(conn, actor=principal.actor, action="orders.search", detail=detail, wait=False)
    view = contexts.Orders(
        rows=[views.order_row(one, words, people, places) for one in found.orders],
        paging=contexts.Paging(
            shown=len(found.orders),
            previous_href=wish.href() if wish.after else None,
            next_href=wish.href(after=found.next) if found.next else None,
        ),
        tabs=views.tabs(links.ORDERS, words),
        query=wish.query,
        status=wish.status,
        chips=_chips(wish, words),
        channels=[
            contexts.Choice(value=one, label=channel_label(one, words), selected=one == wish.channel)
            for one in LIST_CHANNELS
        ],
        places=shopwords.place_choices(places.items(), wish.place),
        payments=shopwords.state_choices(shopwords.PAYMENT, wish.payment, words),
        any_orders=bool(found.orders) or wish.narrowed or bool(wish.after),
        filter_sentence=_sentence(wish, places, words),
        clear_href=links.with_query(links.ORDERS, {"view": "all"}),
    )
    return await page(request, view, title=words.gettext("Orders"), section=SECTION)


# One order --------------------------------------------------------------------------------------------


async def _show_order(
    request: AnyRequest, number: str, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    principal, drafts = caller(request), drafts or {}
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        detail = await orders.detail(conn, number, stores=principal.stores)
        person = detail.order.person_id
        persons = await lists.seen(conn, {person} if person is not None else set(), principal.stores)
        people = await shopwords.people_named(conn, persons, words, contacts=principal.may("people:contact"))
        places = await places_of(conn, principal)
        await audit.record(
            conn, actor=principal.actor, action="order.read", person_id=person, detail={"order": number}, wait=False
        )
    view = views.order_page(
        detail,
        words,
        people,
        places,
        writes=principal.may("orders:write"),
        contacts=principal.may("people:contact"),
        stores=shopwords.place_choices(places.items(), drafts.get("store", detail.order.store_id or "")),
        part=drafts.get("part", ""),
        drafts=drafts,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Order %(number)s") % {"number": number}
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.order, "number"), guards=[requires("orders:read")], include_in_schema=False)
async def show_order(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """An order with lines, promotions, payments, parcels, returns and history."""
    return await _show_order(request, number.replace("\x00", ""))


class Change(NamedTuple):
    """A form about an order."""

    form: Mapping[str, str]
    detail: OrderDetail
    words: Words
    principal: Principal
    now: Any

    @property
    def number(self) -> str:
        """Of the order."""
        return self.detail.order.number

    def asks(self) -> dict[str, Any]:
        """Who and when, as every change is told."""
        return {"actor": self.principal.actor, "now": self.now}

    def units(self, name: str) -> dict[int, int]:
        """Order line id to the units typed beside it; those left empty or zero are not in it. Raises BadRequest."""
        found = {}
        for line in self.detail.order.lines:
            units = whole_typed(self.form.get(f"{name}-{line.id}", ""), field=f"{name}-{line.id}", most=10**6)
            if units:
                found[line.id] = units
        if not found:
            raise BadRequest("Say how many of which line.", code="units_missing")
        return found


Answer = tuple[str, tuple[int, ...], dict[str, Any]]
"""The toast (English msgid), calls to providers to be made, what the audit keeps."""


async def _cancel(conn: Connection, change: Change) -> Answer:
    lines = [CancelLine(line, units) for line, units in change.units("cancel").items()]
    left = {line.id: line.quantity - line.handed_over - line.cancelled for line in change.detail.order.lines}
    whole = {one.order_line_id: one.quantity for one in lines} == {line: units for line, units in left.items() if units}
    reason = change.form.get("reason", "")
    done = await orders.cancel(conn, change.number, lines=None if whole else lines, reason=reason, **change.asks())
    text = (
        N_("Cancelled: the goods are free, the money goes back or is let go.")
        if whole
        else N_("These units are cancelled; their money goes back or is let go.")
    )
    return text, done.calls, {"reason": reason, "units": {one.order_line_id: one.quantity for one in lines}}


async def _refund(conn: Connection, change: Change) -> Answer:
    amount = amount_typed(change.form.get("amount", ""), change.detail.order.currency)
    reason = change.form.get("reason", "")
    done = await orders.refund(conn, change.number, amount=amount, reason=reason, **change.asks())
    return N_("The refund is on its way."), done.calls, {"amount_minor": amount, "reason": reason}


async def _return(conn: Connection, change: Change) -> Answer:
    store = change.form.get("store", "") or None
    if change.principal.stores is not None and store not in change.principal.stores:
        raise Forbidden("This is for your own stores.", code="store_not_yours")
    lines = []
    for line, units in change.units("return").items():
        condition: Any = "damaged" if change.form.get(f"condition-{line}") == "damaged" else "sellable"
        lines.append(ReturnAsked(line, units, condition))
    ways: Any = change.form.get("refund_to")
    request = ReturnRequest(
        lines=tuple(lines),
        reason=change.form.get("reason", ""),
        channel="store" if store else "service",
        store_id=store,
        refund_to=ways if ways in views.REFUND_TO else "original",
        refund_shipping=change.form.get("shipping") == "yes",
    )
    done = await orders.return_lines(conn, change.number, request, **change.asks())
    return (
        N_("Taken back. The goods are on the books, the money is on its way."),
        done.calls,
        {"return": done.made.number, "refund_minor": done.made.refund_minor, "refund_to": done.made.refund_to},
    )


async def _capture(conn: Connection, change: Change) -> Answer:
    done = await orders.capture(conn, change.number, **change.asks())
    return N_("The money is asked for."), done.calls, {}


async def _confirm(conn: Connection, change: Change) -> Answer:
    payment, accepted = change.form.get("payment", ""), change.form.get("accepted") == "yes"
    if payment not in {one.id for one in change.detail.payments}:
        raise BadRequest("The order has no such payment.", code="bad_form")
    reference = change.form.get("reference", "").strip()[:100] or None
    await orders.confirm_payment(conn, payment, reference=reference, accepted=accepted, **change.asks())
    text = N_("Noted: the money came.") if accepted else N_("Noted: it will not come.")
    return text, (), {"payment": payment, "accepted": accepted}


def _parcel(change: Change) -> int:
    wanted = change.form.get("parcel", "")
    found = next((one.id for one in change.detail.fulfilments if str(one.id) == wanted), None)
    if found is None:
        raise BadRequest("The order has no such parcel.", code="bad_form")
    return found


async def _ship(conn: Connection, change: Change) -> Answer:
    parcel = _parcel(change)
    carrier, tracking = (change.form.get(name, "").strip() or None for name in ("carrier", "tracking"))
    done = await pickups.ship(conn, change.number, parcel, carrier=carrier, tracking=tracking, **change.asks())
    return N_("Sent: the goods are off the shelf, the customer is told."), done.calls, {"parcel": parcel}


async def _deliver(conn: Connection, change: Change) -> Answer:
    parcel = _parcel(change)
    done = await pickups.deliver(conn, change.number, parcel, **change.asks())
    return N_("Noted: it has arrived."), done.calls, {"parcel": parcel}


PARTS = {
    "cancel": _cancel,
    "refund": _refund,
    "return": _return,
    "capture": _capture,
    "confirm": _confirm,
    "ship": _ship,
    "deliver": _deliver,
}


@post(text_pattern(links.order_change, "number"), guards=[requires("orders:write")], include_in_schema=False)
async def change_order(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
    """One change of an order."""
    principal, form = caller(request), await form_of(request)
    words, part = words_of(request, principal), form.get("part", "")

    async def act(conn: Connection) -> Deed:
        if part not in PARTS:
            raise BadRequest("There is no such form.", code="bad_form")
        detail = await orders.detail(conn, number, stores=principal.stores)
        order: Order = detail.order
        text, calls, told = await PARTS[part](conn, Change(form, detail, words, principal, now_of(request)))
        return Deed(
            text=words.gettext(text),
            href=links.order(order.number),
            action=f"order.{part}",
            detail={"order": order.number, **told},
            person_id=order.person_id,
            calls=calls,
        )

    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        if error.status >= 500 or error.code == "order_not_found":
            raise
        return await _show_order(request, number, drafts=form, error=error)


routes: list[ControllerRouterHandler] = [list_orders, show_order, change_order]
