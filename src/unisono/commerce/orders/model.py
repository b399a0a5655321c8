"""Orders as they are asked for, kept and told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from unisono.commerce.promotions.model import Applied, Basket, Quote, Rejected

Kind = Literal["sale", "receipt", "ahead", "b2b"]
Status = Literal["open", "ready", "completed", "cancelled", "returned"]
PaymentStatus = Literal["unpaid", "authorised", "paid", "partly_refunded", "refunded", "voided"]
Fulfil = Literal["ship", "pickup", "carry", "ahead"]
"""``ship``: sent; ``pickup``: collected in a store; ``carry``: taken along at once; ``ahead``: made for a slot."""
RefundTo = Literal["original", "cash", "transfer", "none"]
Condition = Literal["sellable", "damaged"]

MAX_LINES = 500
MAX_QUANTITY = 9999
"""Units of a line, as in a cart."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was sold. Amounts are minor units; ``total_minor`` is quantity x unit less discounts."""

    id: int
    position: int
    variant_id: int | None
    sku: str
    name: str
    quantity: int
    unit_minor: int
    discount_minor: int
    tax_rate_bp: int
    tax_minor: int
    total_minor: int
    handed_over: int = 0
    cancelled: int = 0
    returned: int = 0
    detail: dict[str, Any] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order, whatever channel it came from."""

    id: int
    number: str
    source: str
    source_order_id: str
    node_id: int | None
    person_id: int | None = None
    company_node: int | None = None
    cart_id: str | None = None
    channel: str
    store_id: str | None
    kind: Kind
    status: Status
    payment_status: PaymentStatus
    currency: str
    tax_included: bool
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    refunded_minor: int
    coupons: list[str]
    customer: dict[str, Any]
    quote: dict[str, Any]
    placed_at: datetime
    updated_at: datetime
    version: int
    arrived: bool
    """Told by events of another system; such an order is changed there."""
    lines: list[OrderLine] = []


class HistoryEntry(msgspec.Struct, frozen=True):
    """What happened to the order, and who did it."""

    at: datetime
    what: str
    actor: str
    reason: str | None
    detail: dict[str, Any]


class PaymentEntry(msgspec.Struct, frozen=True):
    """What was asked of a provider, what it answered."""

    id: int
    at: datetime
    action: str
    outcome: str
    amount_minor: int
    provider_id: str | None
    detail: str | None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of an order or of a checkout."""

    id: str
    order_id: int | None
    reference: str
    provider: str
    method: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    state: str
    provider_id: str | None
    created_at: datetime
    detail: dict[str, Any] = {}
    """What the provider was asked with."""
    entries: list[PaymentEntry] = []


class Fulfilment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the order on its way from one place."""

    id: int
    kind: str
    state: str
    location: str | None
    location_name: str | None
    code: str | None
    promised_at: datetime | None
    ready_at: datetime | None
    collect_by: datetime | None
    handed_at: datetime | None
    tracking: str | None
    address: dict[str, Any] = {}
    """Where a shipment goes, as the buyer wrote it."""
    lines: dict[str, int]
    """Order line id to units."""


class ReturnLine(msgspec.Struct, frozen=True):
    """Units of a line brought back."""

    order_line_id: int
    quantity: int
    refund_minor: int
    condition: Condition


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Goods brought back."""

    id: int
    number: str
    order_id: int
    channel: str
    store_id: str | None
    reason: str
    refund_minor: int
    currency: str
    refund_to: RefundTo
    at: datetime
    actor: str
    lines: list[ReturnLine] = []


class OrderDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An order with all that hangs on it."""

    order: Order
    history: list[HistoryEntry]
    payments: list[Payment]
    fulfilments: list[Fulfilment]
    returns: list[Return]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An order about to be written: everything is decided."""

    source: str
    source_order_id: str
    node_id: int | None
    company_node: int | None = None
    cart_id: str | None = None
    checkout_id: str | None = None
    channel: str
    store_id: str | None
    kind: Kind
    status: Status
    payment_status: PaymentStatus
    payment_method: str | None = None
    currency: str
    tax_included: bool
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    coupons: tuple[str, ...] = ()
    customer: dict[str, Any] = {}
    quote: dict[str, Any] = {}
    placed_at: datetime
    soft_opt_in: bool = False
    lines: tuple[DraftLine, ...]
    parcels: tuple[DraftParcel, ...] = ()


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line about to be written; its place in the tuple is its position."""

    variant_id: int | None
    product_id: str | None = None
    category: str | None = None
    brand: str | None = None
    sku: str
    name: str
    quantity: int
    unit_minor: int
    discount_minor: int = 0
    tax_rate_bp: int = 0
    tax_minor: int = 0
    total_minor: int
    handed_over: int = 0
    detail: dict[str, Any] = {}


class DraftParcel(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves from one place together: a fulfilment, its units by line position, the holds behind them."""

    kind: Literal["ship", "pickup", "carry"]
    location: str | None
    quantities: dict[int, int]
    holds: dict[int, tuple[str, ...]] = {}
    """Line position to hold ids."""
    slot_holds: tuple[str, ...] = ()
    slot_id: int | None = None
    promised_at: datetime | None = None
    address: dict[str, Any] = {}
    handed: bool = False


class CheckoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a basket is to be bought. The source's own order id makes it one, however often it is asked."""

    fulfilment: Fulfil = "ship"
    location: str | None = None
    """The store of a pick-up, of an order ahead, of a sale at the counter."""
    slot: datetime | None = None
    """The beginning of the slot, for ``ahead`` and where pick-ups have slots."""
    address: dict[str, Any] = {}
    customer: dict[str, Any] = {}
    shipping_minor: int = 0
    source: str | None = None
    source_order_id: str | None = None
    minutes: int = 15
    """How long goods, slot and coupons are held."""
    soft_opt_in: bool = False
    """The buyer was told that the e-mail address in ``customer`` is written to about products like these, and may
    refuse; he did not."""


class CheckoutLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a basket being paid, frozen."""

    variant_id: int
    product_id: str
    category: str | None = None
    """The code of its product's own category."""
    brand: str | None = None
    sku: str
    name: str
    quantity: int
    unit_minor: int
    discount_minor: int
    tax_rate_bp: int
    tax_minor: int
    total_minor: int
    prep_minutes: int = 0
    detail: dict[str, Any] = {}


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What comes from one place together, and the holds on it."""

    kind: Literal["ship", "pickup", "carry"]
    location: str | None
    """None: nobody keeps stock of these."""
    quantities: dict[int, int]
    """Line position to units."""
    uncounted: tuple[int, ...] = ()
    """Positions of what nobody keeps stock of: there is nothing to hold."""
    holds: dict[int, tuple[str, ...]] = {}
    """Line position to hold ids."""


class HeldTime(msgspec.Struct, frozen=True, kw_only=True):
    """The time that is held for an order made ahead, or for a pick-up."""

    slot_id: int
    ready_at: datetime
    holds: tuple[str, ...]


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkout froze when it began: lines, amounts, offers, where the goods come from."""

    basket: Basket
    offer: Quote
    lines: tuple[CheckoutLine, ...]
    """Gifts of promotions come last."""
    batches: tuple[Batch, ...]
    slot: HeldTime | None = None
    cart_version: int
    """Of the cart while it is being paid: when it has another one, somebody has gone on filling it."""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A basket being paid."""

    id: str
    cart_id: str
    node_id: int | None
    source: str
    source_order_id: str
    state: Literal["open", "placed", "expired", "failed"]
    request: CheckoutRequest
    quote: Frozen
    expires_at: datetime
    order_number: str | None = None

    @property
    def reference(self) -> str:
        """Under which its holds, uses and payments are kept."""
        return f"checkout:{self.id}"


class ParcelView(msgspec.Struct, frozen=True, kw_only=True):
    """What comes from one place together."""

    kind: Literal["ship", "pickup", "carry"]
    location: str | None
    units: dict[str, int]
    """Sku to units."""


class CheckoutView(msgspec.Struct, frozen=True, kw_only=True):
    """A basket being paid, as the buyer sees it; amounts in minor units."""

    id: str
    cart_id: str
    source: str
    source_order_id: str
    state: Literal["open", "placed", "expired", "failed"]
    expires_at: datetime
    order_number: str | None
    currency: str
    tax_included: bool
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    lines: tuple[CheckoutLine, ...]
    applied: tuple[Applied, ...]
    rejected: tuple[Rejected, ...]
    parcels: tuple[ParcelView, ...]
    ready_at: datetime | None


class PayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How it is paid."""

    provider: str
    """``cash``, ``terminal``, ``transfer`` or ``test``."""
    token: str | None = None
    """What the provider knows the means of payment by."""
    reference: str | None = None
    """The number on the card terminal's slip."""
    tendered_minor: int | None = None
    """Cash that was handed over, when the change is to be reckoned."""
    capture: bool | None = None
    """Take the money at once; by default when the goods are handed over, at the counter at once."""
    key: str | None = None
    """A new key is a new attempt; the same key is the same attempt."""


class NewLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line another system, or a till, asks for. Without a price it is priced here."""

    sku: str
    quantity: int = 1
    unit_minor: int | None = None
    discount_minor: int = 0
    tax_rate_bp: int | None = None
    name: str | None = None
    detail: dict[str, Any] = {}


class DirectPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment the other system has taken, or that is still to come (``transfer``)."""

    provider: Literal["cash", "terminal", "transfer"] = "terminal"
    reference: str | None = None
    amount_minor: int | None = None
    """Everything when missing."""


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of another system, a till, a company: what, for whom, from where."""

    source: str
    source_order_id: str
    lines: tuple[NewLine, ...]
    channel: str = "web"
    store_id: str | None = None
    kind: Literal["sale", "b2b"] = "sale"
    currency: str = "EUR"
    tax_included: bool | None = None
    """Whether prices include tax; by default as the price list says, and where prices are told, yes (b2b: no)."""
    identifier: str | None = None
    """Whose it is, as ``namespace:value``."""
    company: str | None = None
    """The company it is for, as ``namespace:value``."""
    audiences: tuple[str, ...] = ()
    """Whose price lists count, as ``b2b`` or a tier."""
    fulfilment: Literal["ship", "pickup", "carry"] = "ship"
    location: str | None = None
    shipping_minor: int = 0
    coupons: tuple[str, ...] = ()
    customer: dict[str, Any] = {}
    address: dict[str, Any] = {}
    payment: DirectPayment | None = None
    override_reason: str | None = None
    """At the till: sell what is promised to somebody else, and why."""
    soft_opt_in: bool = False
    """As of `CheckoutRequest`."""
    placed_at: datetime | None = None


class CancelLine(msgspec.Struct, frozen=True):
    """Units of a line that are not wanted any more."""

    order_line_id: int
    quantity: int


class ReturnAsked(msgspec.Struct, frozen=True):
    """Units of a line brought back, and in what condition."""

    order_line_id: int
    quantity: int
    condition: Condition = "sellable"


class ReturnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Goods brought back in a channel. ``key`` makes it one: the number of the till's return slip, say."""

    lines: tuple[ReturnAsked, ...]
    reason: str
    channel: str = "store"
    store_id: str | None = None
    refund_to: RefundTo = "original"
    refund_shipping: bool = False
    key: str | None = None
