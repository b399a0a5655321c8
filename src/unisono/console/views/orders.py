"""Orders as their screens show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from unisono.commerce.orders.model import Fulfilment, HistoryEntry, Order, OrderDetail, OrderLine, Payment, Return
from unisono.commerce.promotions.model import Applied, Rejected
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views import shopwords
from unisono.console.views.labels import channel_label, staff_line
from unisono.console.words import Words
from unisono.kit.marking import N_
from unisono.kit.reasons import Reason, in_words

SHOWN_GOODS = 3
"""Lines of an order that a list names."""

TABS: tuple[tuple[str, str], ...] = (
    (links.with_query(links.ORDERS, {"view": "all"}), N_("Orders")),
    (links.COUNTER, N_("At the counter")),
    (links.CARTS, N_("Open carts")),
)
"""The pages of Orders; English msgids."""

HISTORY: dict[str, str] = {
    "placed": N_("placed"),
    "picking": N_("being gathered"),
    "ready for pick-up": N_("ready for pick-up"),
    "collected": N_("collected"),
    "shipped": N_("sent"),
    "delivered": N_("delivered"),
    "handed over": N_("handed over"),
    "cancelled": N_("cancelled"),
    "units cancelled": N_("units cancelled"),
    "returned": N_("returned"),
    "refunded": N_("refunded"),
    "partly_refunded": N_("partly refunded"),
    "capture asked": N_("the money was asked for"),
    "paid": N_("paid"),
    "authorised": N_("reserved on the card"),
    "unpaid": N_("unpaid"),
    "voided": N_("let go"),
    "refund declined": N_("the refund was declined: give it back another way"),
    "capture declined": N_("the card refused the money"),
    "void declined": N_("the card would not let go"),
    "authorise confirmed": N_("the money came"),
    "authorise called off": N_("the money never came"),
    "capture confirmed": N_("the money came"),
    "refund confirmed": N_("the money went back"),
    "refund called off": N_("the refund was called off"),
    "opened": N_("opened"),
    "updated": N_("updated"),
    "completed": N_("completed"),
}
"""What histories say; English msgids."""

ENTRIES: dict[tuple[str, str], str] = {
    ("authorise", "started"): N_("reservation asked for"),
    ("authorise", "done"): N_("reserved"),
    ("authorise", "declined"): N_("declined"),
    ("authorise", "unknown"): N_("no answer about the reservation"),
    ("capture", "started"): N_("money asked for"),
    ("capture", "done"): N_("money taken"),
    ("capture", "declined"): N_("money refused"),
    ("capture", "unknown"): N_("no answer about the money"),
    ("void", "started"): N_("letting go"),
    ("void", "done"): N_("let go"),
    ("void", "declined"): N_("not let go"),
    ("void", "unknown"): N_("no answer about letting go"),
    ("refund", "started"): N_("refund asked for"),
    ("refund", "done"): N_("given back"),
    ("refund", "declined"): N_("refund refused"),
    ("refund", "unknown"): N_("no answer about the refund"),
}
"""(action, outcome) of a payment's entry; English msgids."""

REFUND_TO: dict[str, str] = {
    "original": N_("the way it was paid"),
    "cash": N_("cash"),
    "transfer": N_("transfer"),
    "none": N_("no money back"),
}
"""How money goes back; English msgids."""

CONDITIONS: dict[str, str] = {"sellable": N_("can be sold again"), "damaged": N_("damaged")}


def tabs(here: str, words: Words) -> list[c.Chip]:
    """The pages of Orders."""
    return [
        c.Chip(label=words.gettext(text), href=href, selected=href.partition("?")[0] == here) for href, text in TABS
    ]


def euro(minor: int, currency: str) -> c.Amount:
    """An amount."""
    return c.Amount(minor=minor, currency=currency)


def some(minor: int, currency: str) -> c.Amount | None:
    """An amount, if it is any."""
    return euro(minor, currency) if minor else None


def goods(line: OrderLine, quantity: int | None = None) -> c.Goods:
    """Units of an order line."""
    return c.Goods(
        quantity=line.quantity if quantity is None else quantity,
        name=line.name,
        sku=line.sku,
        href=links.product(line.sku) if line.variant_id is not None else "",
    )


def buyer_of(customer: Mapping[str, Any]) -> str:
    """What an order says of its buyer, where no person is known."""
    for name in ("name", "company", "company_name"):
        value = customer.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:80]
    return ""


def order_row(order: Order, words: Words, people: Mapping[int, c.PersonLink], places: Mapping[str, str]) -> c.OrderRow:
    """An order in a list."""
    return c.OrderRow(
        number=order.number,
        href=links.order(order.number),
        placed_at=order.placed_at,
        line=staff_line(order.channel),
        channel=channel_label(order.channel, words),
        badge=shopwords.state_badge(shopwords.ORDER, order.status, words),
        payment=shopwords.state_badge(shopwords.PAYMENT, order.payment_status, words),
        total=euro(order.total_minor, order.currency),
        goods=[goods(line) for line in order.lines[:SHOWN_GOODS]],
        more_goods=max(len(order.lines) - SHOWN_GOODS, 0),
        person=people.get(order.person_id or 0),
        buyer=buyer_of(order.customer),
        store=places.get(order.store_id or "", order.store_id or ""),
        refunded=some(order.refunded_minor, order.currency),
    )


def _line(line: OrderLine, order: Order) -> c.OrderLineRow:
    changing = not order.arrived and order.status in ("open", "ready")
    return c.OrderLineRow(
        line_id=line.id,
        sku=line.sku,
        name=line.name,
        href=links.product(line.sku) if line.variant_id is not None else "",
        quantity=line.quantity,
        unit=euro(line.unit_minor, order.currency),
        total=euro(line.total_minor, order.currency),
        discount=some(line.discount_minor, order.currency),
        tax_rate_bp=line.tax_rate_bp,
        handed_over=line.handed_over,
        cancelled=line.cancelled,
        returned=line.returned,
        can_cancel=line.quantity - line.handed_over - line.cancelled if changing else 0,
        can_return=line.handed_over - line.returned if order.status != "cancelled" else 0,
    )


def _said(reasons: Iterable[Reason], words: Words) -> list[str]:
    return [in_words(one, words.language, words.zone.key) for one in reasons]


def applied(one: Applied, currency: str, words: Words) -> c.OfferRow:
    """A promotion that counted."""
    return c.OfferRow(
        name=one.name,
        counted=True,
        href=links.promotion(one.code),
        amount=some(one.amount_minor, currency),
        coupon=one.coupon or "",
        because=_said(one.reasons, words),
    )


def rejected(one: Rejected, currency: str, words: Words) -> c.OfferRow:
    """A promotion that did not count, and why."""
    return c.OfferRow(
        name=one.name,
        counted=False,
        href=links.promotion(one.code),
        missing=some(one.missing_minor or 0, currency),
        because=_said(one.reasons, words),
    )


class _Offers(msgspec.Struct):
    """The part of an order's quote that tells of promotions."""

    applied: list[Applied] = []
    rejected: list[Rejected] = []


def offers(order: Order, words: Words) -> list[c.OfferRow]:
    """The promotions of an order as they were when it was placed; those of other systems are told otherwise."""
    try:
        told = msgspec.convert(order.quote, _Offers)
    except msgspec.ValidationError:
        return []
    return [
        *(applied(one, order.currency, words) for one in told.applied),
        *(rejected(one, order.currency, words) for one in told.rejected),
    ]


def payment(one: Payment, words: Words) -> c.PaymentRow:
    """A payment with its entries."""
    provider = shopwords.PROVIDERS.get(one.provider, one.provider)
    reference = one.provider_id or one.detail.get("reference") or ""
    return c.PaymentRow(
        payment_id=one.id,
        provider=words.gettext(provider),
        badge=shopwords.state_badge(shopwords.ONE_PAYMENT, one.state, words),
        amount=euro(one.amount_minor, one.currency),
        captured=some(one.captured_minor, one.currency),
        refunded=some(one.refunded_minor, one.currency),
        reference=str(reference)[:60],
        entries=[
            (
                entry.at,
                words.gettext(ENTRIES.get((entry.action, entry.outcome), f"{entry.action}: {entry.outcome}")),
                euro(entry.amount_minor, one.currency),
            )
            for entry in one.entries
        ],
        waits=one.state in ("pending", "unknown") or _owed(one),
    )


def _owed(one: Payment) -> bool:
    """Whether something was asked of the provider that only people can see: a card given its money back, say."""
    last: dict[str, str] = {}
    for entry in one.entries:
        last[entry.action] = entry.outcome
    return "unknown" in last.values()


LABEL = ("name", "company", "street", "line1", "line2", "postcode", "zip", "city", "region", "country")
"""How an address is read out; other parts follow as they come."""


def _sent_to(one: Fulfilment, order: Order) -> str:
    """The label of a shipment: the buyer's name, unless the address has its own, and where it goes."""
    if one.kind != "ship" or not one.address:
        return ""
    label = {"name": order.customer.get("name"), **one.address}
    parts = (label[part] for part in sorted(label, key=lambda part: LABEL.index(part) if part in LABEL else len(LABEL)))
    return ", ".join(str(part) for part in parts if isinstance(part, str | int) and str(part).strip())


def parcel(one: Fulfilment, order: Order, words: Words, *, writes: bool, contacts: bool) -> c.ParcelRow:
    """A part of an order on its way; ``contacts`` shows where a shipment goes."""
    lines = {line.id: line for line in order.lines}
    pickup, waits = one.kind == "pickup", one.state in ("planned", "picking", "ready")
    return c.ParcelRow(
        parcel_id=one.id,
        kind=words.gettext(shopwords.KINDS.get(one.kind, one.kind)),
        badge=shopwords.state_badge(shopwords.PARCEL, one.state, words),
        goods=[goods(lines[int(key)], units) for key, units in one.lines.items() if int(key) in lines],
        place=one.location_name or "",
        promised_at=one.promised_at if waits else None,
        ready_at=one.ready_at,
        collect_by=one.collect_by if waits else None,
        over_at=one.handed_at,
        tracking=one.tracking or "",
        to=_sent_to(one, order) if contacts else "",
        counter_href=links.pickup(one.id) if pickup else None,
        slip_href=links.pickup_slip(one.id) if pickup and one.code and waits else None,
        can_ship=writes and one.kind == "ship" and waits,
        can_deliver=writes and one.kind == "ship" and one.state == "shipped",
    )


def history(one: HistoryEntry, currency: str, words: Words) -> c.HistoryRow:
    """What happened."""
    minor = next((one.detail[name] for name in ("refund_minor", "amount_minor") if one.detail.get(name)), 0)
    return c.HistoryRow(
        at=one.at,
        what=words.gettext(HISTORY.get(one.what, one.what)),
        actor=words.gettext(shopwords.ACTORS.get(one.actor, one.actor)),
        reason=shopwords.why_text(one.reason, words),
        amount=some(minor if isinstance(minor, int) else 0, currency),
    )


def returned(one: Return, order: Order, words: Words, places: Mapping[str, str]) -> c.ReturnRow:
    """Goods brought back."""
    lines = {line.id: line for line in order.lines}
    return c.ReturnRow(
        number=one.number,
        at=one.at,
        reason=one.reason,
        refund=euro(one.refund_minor, one.currency),
        refund_to=words.gettext(REFUND_TO[one.refund_to]),
        actor=one.actor,
        goods=[
            (goods(lines[line.order_line_id], line.quantity), words.gettext(CONDITIONS[line.condition]))
            for line in one.lines
            if line.order_line_id in lines
        ],
        place=places.get(one.store_id or "", one.store_id or ""),
    )


def order_page(
    detail: OrderDetail,
    words: Words,
    people: Mapping[int, c.PersonLink],
    places: Mapping[str, str],
    *,
    writes: bool,
    contacts: bool,
    stores: Sequence[c.Choice],
    part: str = "",
    drafts: Mapping[str, str] = MappingProxyType({}),
    problem: c.Problem | None = None,
) -> c.Order:
    """An order with everything that hangs on it."""
    order = detail.order
    lines, money = [_line(line, order) for line in order.lines], order.currency
    own = writes and not order.arrived
    captured = sum(one.captured_minor - one.refunded_minor for one in detail.payments)
    reserved = sum(one.amount_minor - one.captured_minor for one in detail.payments if one.state == "authorised")
    return c.Order(
        number=order.number,
        placed_at=order.placed_at,
        line=staff_line(order.channel),
        channel=channel_label(order.channel, words),
        badge=shopwords.state_badge(shopwords.ORDER, order.status, words),
        payment=shopwords.state_badge(shopwords.PAYMENT, order.payment_status, words),
        lines=lines,
        total=euro(order.total_minor, money),
        subtotal=euro(order.subtotal_minor, money),
        discount=some(order.discount_minor, money),
        shipping=some(order.shipping_minor, money),
        tax=some(order.tax_minor, money),
        tax_included=order.tax_included,
        refunded=some(order.refunded_minor, money),
        # What was begun here without a name of its own is called after its checkout: nobody knows it by that.
        source="" if order.source_order_id.startswith("checkout-") else order.source_order_id,
        store=places.get(order.store_id or "", order.store_id or ""),
        person=people.get(order.person_id or 0),
        buyer=buyer_of(order.customer),
        coupons=order.coupons,
        offers=offers(order, words),
        payments=[payment(one, words) for one in detail.payments],
        parcels=[parcel(one, order, words, writes=own, contacts=contacts or own) for one in detail.fulfilments],
        history=[history(one, money, words) for one in reversed(detail.history)],
        returns=[returned(one, order, words, places) for one in detail.returns],
        receipt_href=links.order_receipt(order.number),
        arrived=order.arrived,
        currency=money,
        can_cancel=own and any(line.can_cancel for line in lines),
        # What another system sold can be brought back here all the same.
        can_return=writes and any(line.can_return for line in lines),
        capturable=some(reserved, money) if own and order.status != "cancelled" else None,
        refundable=some(captured, money) if own else None,
        can_write=writes,
        stores=stores,
        refund_to=[
            c.Choice(value=way, label=words.gettext(text), selected=way == "original")
            for way, text in REFUND_TO.items()
        ],
        part=part,
        drafts=drafts,
        problem=problem,
    )
