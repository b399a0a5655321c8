"""Orders, what waits at a counter, carts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar, Literal

from unisono.console.contexts.shared import Amount, Badge, Chip, Choice, Paging, PersonLink, Problem, Struct
from unisono.console.staff import Dot


class Goods(Struct, frozen=True, kw_only=True):
    """Units of a product in a row."""

    quantity: int
    name: str
    sku: str
    href: str = ""


class OrderRow(Struct, frozen=True, kw_only=True):
    """An order in a list. ``buyer`` is what the order itself says, where no person is known."""

    number: str
    href: str
    placed_at: datetime
    line: Dot
    channel: str
    badge: Badge
    payment: Badge
    total: Amount
    goods: Sequence[Goods] = ()
    more_goods: int = 0
    person: PersonLink | None = None
    buyer: str = ""
    store: str = ""
    refunded: Amount | None = None


class Orders(Struct, frozen=True, kw_only=True):
    """``/console/orders``."""

    TEMPLATE: ClassVar[str] = "orders.html"

    rows: Sequence[OrderRow]
    paging: Paging
    tabs: Sequence[Chip] = ()
    query: str = ""
    status: str = ""
    chips: Sequence[Chip] = ()
    channels: Sequence[Choice] = ()
    places: Sequence[Choice] = ()
    payments: Sequence[Choice] = ()
    any_orders: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"


class OrderLineRow(Struct, frozen=True, kw_only=True):
    """A line of an order. ``can_cancel`` and ``can_return`` are the units of which that is still possible."""

    line_id: int
    sku: str
    name: str
    href: str
    quantity: int
    unit: Amount
    total: Amount
    discount: Amount | None = None
    tax_rate_bp: int = 0
    handed_over: int = 0
    cancelled: int = 0
    returned: int = 0
    can_cancel: int = 0
    can_return: int = 0


class OfferRow(Struct, frozen=True, kw_only=True):
    """A promotion that counted, or did not; ``because`` are its reasons in the reader's words."""

    name: str
    counted: bool
    href: str | None = None
    amount: Amount | None = None
    missing: Amount | None = None
    coupon: str = ""
    because: Sequence[str] = ()


class PaymentRow(Struct, frozen=True, kw_only=True):
    """A payment with what was asked of its provider: (when, what it was and came to, amount)."""

    payment_id: str
    provider: str
    badge: Badge
    amount: Amount
    captured: Amount | None = None
    refunded: Amount | None = None
    reference: str = ""
    entries: Sequence[tuple[datetime, str, Amount]] = ()
    waits: bool = False
    """Somebody must see the money and say so."""


class ParcelRow(Struct, frozen=True, kw_only=True):
    """A part of an order on its way from one place."""

    parcel_id: int
    kind: str
    badge: Badge
    goods: Sequence[Goods]
    place: str = ""
    promised_at: datetime | None = None
    ready_at: datetime | None = None
    collect_by: datetime | None = None
    over_at: datetime | None = None
    """Handed over, or delivered."""
    tracking: str = ""
    to: str = ""
    """Whom and where it is sent to."""
    counter_href: str | None = None
    slip_href: str | None = None
    can_ship: bool = False
    can_deliver: bool = False


class HistoryRow(Struct, frozen=True, kw_only=True):
    """What happened to an order; texts are translated where they are ours."""

    at: datetime
    what: str
    actor: str
    reason: str = ""
    amount: Amount | None = None


class ReturnRow(Struct, frozen=True, kw_only=True):
    """Goods brought back."""

    number: str
    at: datetime
    reason: str
    refund: Amount
    refund_to: str
    actor: str
    goods: Sequence[tuple[Goods, str]] = ()
    place: str = ""


class Order(Struct, frozen=True, kw_only=True):
    """``/console/orders/{number}``."""

    TEMPLATE: ClassVar[str] = "order.html"

    number: str
    placed_at: datetime
    line: Dot
    channel: str
    badge: Badge
    payment: Badge
    lines: Sequence[OrderLineRow]
    total: Amount
    subtotal: Amount
    discount: Amount | None = None
    shipping: Amount | None = None
    tax: Amount | None = None
    tax_included: bool = True
    refunded: Amount | None = None
    source: str = ""
    store: str = ""
    person: PersonLink | None = None
    buyer: str = ""
    coupons: Sequence[str] = ()
    offers: Sequence[OfferRow] = ()
    payments: Sequence[PaymentRow] = ()
    parcels: Sequence[ParcelRow] = ()
    history: Sequence[HistoryRow] = ()
    returns: Sequence[ReturnRow] = ()
    receipt_href: str = ""
    arrived: bool = False
    """Another system's: it is changed there."""
    currency: str = "EUR"
    can_cancel: bool = False
    can_return: bool = False
    capturable: Amount | None = None
    refundable: Amount | None = None
    can_write: bool = False
    stores: Sequence[Choice] = ()
    """Where goods may be taken back."""
    refund_to: Sequence[Choice] = ()
    part: str = ""
    """The form that was sent, when it was refused."""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


# The counter ------------------------------------------------------------------------------------------


class WaitingRow(Struct, frozen=True, kw_only=True):
    """A pick-up or a reservation in the work list of a store. ``step`` is what can be done with one tap: the address,
    the step's name and its label."""

    kind: str
    href: str
    badge: Badge
    goods: Sequence[Goods]
    since: datetime
    person: PersonLink | None = None
    buyer: str = ""
    number: str = ""
    until: datetime | None = None
    promised_at: datetime | None = None
    due: Amount | None = None
    step: tuple[str, str, str] | None = None


class GoneRow(Struct, frozen=True, kw_only=True):
    """What nobody came for."""

    kind: str
    what: str
    at: datetime
    href: str
    person: PersonLink | None = None
    score: str = ""
    """How reliable the person is (translated); empty when nothing can be said."""


class AppointmentRow(Struct, frozen=True, kw_only=True):
    """Time given to somebody; ``steps`` pairs a step's name with its label."""

    appointment_id: str
    starts_at: datetime
    ends_at: datetime
    badge: Badge
    what: str = ""
    with_whom: str = ""
    person: PersonLink | None = None
    note: str = ""
    store: str = ""
    steps: Sequence[tuple[str, str]] = ()


class Counter(Struct, frozen=True, kw_only=True):
    """``/console/counter``: one store's work. Without ``store``: the stores to choose from, with how much waits."""

    TEMPLATE: ClassVar[str] = "counter.html"

    tabs: Sequence[Chip] = ()
    store: str = ""
    store_name: str = ""
    stores: Sequence[Chip] = ()
    places: Sequence[Choice] = ()
    code: str = ""
    prepare: Sequence[WaitingRow] = ()
    ready: Sequence[WaitingRow] = ()
    kept: Sequence[WaitingRow] = ()
    gone: Sequence[GoneRow] = ()
    appointments: Sequence[AppointmentRow] = ()
    day: date | None = None
    day_before: str = ""
    day_after: str = ""
    can_write: bool = False
    problem: Problem | None = None


class HandOver(Struct, frozen=True, kw_only=True):
    """One pick-up or reservation at the counter. ``open``: it can still be handed over."""

    TEMPLATE: ClassVar[str] = "hand_over.html"

    kind: Literal["pickup", "reservation"]
    title: str
    badge: Badge
    goods: Sequence[Goods]
    action: str
    back_href: str
    store: str
    since: datetime
    open: bool = False
    person: PersonLink | None = None
    buyer: str = ""
    number: str = ""
    order_href: str | None = None
    until: datetime | None = None
    promised_at: datetime | None = None
    ready_at: datetime | None = None
    over_at: datetime | None = None
    over_by: str = ""
    reason: str = ""
    note: str = ""
    due: Amount | None = None
    """To be paid here; of a reservation what it costs, which the till may take as well."""
    must_pay: bool = False
    code: str = ""
    code_right: bool | None = None
    """What was found when a code was shown; None: none was yet."""
    score: str = ""
    slip_href: str | None = None
    calendar_href: str | None = None
    steps: Sequence[tuple[str, str]] = ()
    can_extend: bool = False
    can_cancel: bool = False
    can_write: bool = False
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


# Carts ------------------------------------------------------------------------------------------------


class CartRow(Struct, frozen=True, kw_only=True):
    """An open cart in a list. ``amount`` is at the prices seen, before promotions."""

    code: str
    href: str
    lines: int
    units: int
    amount: Amount
    line: Dot
    channel: str
    updated_at: datetime
    badge: Badge | None = None
    person: PersonLink | None = None
    store: str = ""


class Carts(Struct, frozen=True, kw_only=True):
    """``/console/carts``."""

    TEMPLATE: ClassVar[str] = "carts.html"

    rows: Sequence[CartRow]
    paging: Paging
    tabs: Sequence[Chip] = ()
    chips: Sequence[Chip] = ()
    channels: Sequence[Choice] = ()
    left: str = ""
    code: str = ""
    narrowed: bool = False
    filter_sentence: str = ""
    clear_href: str = "?"
    problem: Problem | None = None


class CartLineRow(Struct, frozen=True, kw_only=True):
    """A line of a cart, here and now. ``notices`` say what has changed since it was looked at."""

    sku: str
    name: str
    href: str
    quantity: int
    seen: Amount
    seen_in: str
    total: Amount
    unit: Amount | None = None
    prior: Amount | None = None
    available: int | None = None
    discount: Amount | None = None
    notices: Sequence[str] = ()
    note: str = ""


class MergeRow(Struct, frozen=True, kw_only=True):
    """A merge of two carts that can be undone."""

    merge_id: int
    at: datetime
    rule: str
    actor: str
    notices: Sequence[str] = ()


class CartBox(Struct, frozen=True, kw_only=True):
    """A cart as the page of it and the page of its person show it."""

    name: str
    """Id or code: what its addresses are made of."""
    code: str
    badge: Badge
    lines: Sequence[CartLineRow]
    total: Amount | None = None
    subtotal: Amount | None = None
    discount: Amount | None = None
    shipping: Amount | None = None
    coupons: Sequence[tuple[str, bool, str]] = ()
    """Each coupon entered, whether it counts, why not."""
    offers: Sequence[OfferRow] = ()
    notices: Sequence[str] = ()
    merges: Sequence[MergeRow] = ()
    updated_at: datetime | None = None
    can_write: bool = False


class Cart(Struct, frozen=True, kw_only=True):
    """``/console/carts/{name}``."""

    TEMPLATE: ClassVar[str] = "cart.html"

    cart: CartBox
    person: PersonLink | None = None
    seen_in: str = ""
    """Where these prices are those of."""
    part: str = ""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


class PersonShop(Struct, frozen=True, kw_only=True):
    """What a person is about to buy, has bought, and what waits for them; part of the person's page."""

    cart: CartBox | None = None
    cart_href: str = ""
    orders: Sequence[OrderRow] = ()
    more_orders_href: str = ""
    waiting: Sequence[WaitingRow] = ()
    """Pick-ups and reservations, soonest end first."""
    appointments: Sequence[AppointmentRow] = ()
    score: str = ""
    """How reliable they are about what is kept for them (translated)."""
