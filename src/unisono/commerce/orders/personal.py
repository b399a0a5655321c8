"""What orders keep about people. Sales stay in the books for ten years, without saying whose they were."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import (
    AMOUNT,
    BY_NODE,
    CHANNEL,
    CURRENCY,
    MADE,
    NOTE,
    QUANTITY,
    REASON,
    SETTLED,
    STATE,
    STORE,
    WHEN,
    PersonalData,
    Table,
    of_their,
    personal_texts,
)
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders")

BOOKS = N_(
    "Sales, payments and returns stay in the books for ten years (Italian Civil Code art. 2220; GDPR art. 17.3.b),"
    " without name, address or identifier."
)

_OF_ORDER = of_their("sales_order", "order_id")
_OF_CHECKOUT = of_their("cart")
_PAYMENT = f"({_OF_ORDER} or reference in (select 'checkout:' || id from checkout where {_OF_CHECKOUT}))"  # noqa: S608
_OF_PAYMENT = f"payment_id in (select id from payment where {_PAYMENT})"  # noqa: S608 - our own words

_SETTLED = """exists (select from payment_entry settled where settled.key = {0}.key and settled.payment_id = {0}.{1}
    and settled.outcome in ('done', 'declined'))"""
_ENTRY_SETTLED, _PAYMENT_SETTLED = _SETTLED.format("payment_entry", "payment_id"), _SETTLED.format("payment", "id")
_ENTRY_KEY = """'erased:' || (select min(same.id) from payment_entry same
    where same.payment_id = payment_entry.payment_id and same.key = payment_entry.key)"""
"""One for all entries of a call: by it a call is known to be settled."""
_LEFT_OVER = f"""payment_id in (select id from payment where key like 'erased:%') and key not like 'erased:%'
    and {_ENTRY_SETTLED} and $1::bigint[] is not null"""  # noqa: S608
_UNDER_WAY = N_("While nobody knows how a payment ended its provider is asked by this key; then it goes, too.")

_NOTHING = """jsonb_build_object('lines', '[]'::jsonb, 'batches', '[]'::jsonb, 'cart_version', 0,
    'basket', jsonb_build_object('currency', quote #> '{basket,currency}', 'channel', quote #> '{basket,channel}',
        'at', quote #> '{basket,at}', 'lines', '[]'::jsonb),
    'offer', jsonb_build_object('currency', quote #> '{basket,currency}', 'tax_included', true, 'lines', '[]'::jsonb,
        'subtotal_minor', 0, 'discount_minor', 0, 'shipping_minor', 0, 'shipping_discount_minor', 0, 'tax_minor', 0,
        'total_minor', 0))"""
"""An offer of nothing: a payment on its way when he was erased must find a checkout it can be given back for."""

_OURS = "a word or number of ours"
_ORDER = "(select number from sales_order where sales_order.id = order_id) as order_number"
_ORDER_NO = N_("Order")


class OrderData(PersonalData):
    """Orders know names, addresses, and what is not settled yet."""

    async def names(self, conn: Connection, nodes: Collection[int]) -> set[str]:
        """Numbers and codes, names and streets."""
        rows = await _sql.names_of_orders(conn, nodes=list(nodes))
        codes = {row["code"] for row in rows if row["code"]}
        return codes | personal_texts([msgspec.json.decode(row["said"]) for row in rows])

    async def standing(self, conn: Connection, nodes: Collection[int]) -> list[str]:
        """Orders on their way, units kept, appointments to come."""
        return [row["what"] for row in await _sql.standing_orders(conn, nodes=list(nodes))]


PERSONAL = OrderData(
    "orders",
    [
        Table(
            name="payment",
            whose=_PAYMENT,
            deed="blank",
            blanks={
                "detail": f"""case when {_PAYMENT_SETTLED} then '{{}}' else detail || '{{"erased": true}}' end""",
                "key": f"case when {_PAYMENT_SETTLED} then 'erased:' || id else key end",
            },
            why=BOOKS,
            kept={
                **dict.fromkeys(("reference", "provider", "method", "currency", "state"), _OURS),
                "provider_id": "the payment's number with the provider: a refund needs it",
            },
            section=N_("Payments"),
            columns={
                "created_at": MADE,
                _ORDER: _ORDER_NO,
                "method": N_("Method"),
                "amount_minor": AMOUNT,
                "currency": CURRENCY,
                "state": STATE,
                "detail": N_("Detail"),
            },
            order="created_at",
        ),
        Table(
            name="payment_entry",
            whose=_OF_PAYMENT,
            deed="blank",
            blanks={"detail": "null", "key": f"case when {_ENTRY_SETTLED} then {_ENTRY_KEY} else key end"},
            why=BOOKS,
            kept={"action": _OURS, "outcome": _OURS, "provider_id": "the payment's number with the provider"},
            section=N_("What was asked of payment providers"),
            columns={"at": WHEN, "action": N_("What was asked"), "outcome": N_("Outcome"), "amount_minor": AMOUNT},
            order="at, id",
        ),
        Table(
            name="payment",
            whose=f"detail ? 'erased' and {_PAYMENT_SETTLED} and $1::bigint[] is not null",
            deed="blank",
            blanks={"detail": "'{}'", "key": "'erased:' || id"},
            soon=False,
            why=_UNDER_WAY,
            unshown="Payments that were on their way at an erasure before.",
        ),
        Table(
            name="payment_entry",
            whose=_LEFT_OVER,
            deed="blank",
            blanks={"detail": "null", "key": _ENTRY_KEY},
            soon=False,
            why=_UNDER_WAY,
            unshown="Payments that were on their way at an erasure before.",
        ),
        Table(
            name="order_history",
            written="at",
            whose=_OF_ORDER,
            deed="blank",
            blanks={"detail": "'{}'", "reason": "null", "actor": "split_part(actor, ':', 1)"},
            why=BOOKS,
            kept={"what": _OURS},
            mentions=("detail", "reason"),
            section=N_("History of orders"),
            columns={
                "at": WHEN,
                _ORDER: _ORDER_NO,
                "what": N_("What happened"),
                "reason": REASON,
                "detail": N_("Detail"),
            },
            order="at, id",
        ),
        Table(
            name="order_line",
            whose=_OF_ORDER,
            deed="blank",
            blanks={"detail": "'{}'"},
            why=BOOKS,
            kept={"sku": "a product", "name": "a product"},
            section=N_("What was bought"),
            columns={
                _ORDER: _ORDER_NO,
                "sku": N_("Product"),
                "name": N_("Name"),
                "quantity": QUANTITY,
                "unit_minor": N_("Price in cents"),
                "discount_minor": N_("Discount in cents"),
                "total_minor": AMOUNT,
                "handed_over": N_("Handed over"),
                "cancelled": N_("Cancelled"),
                "returned": N_("Returned"),
                "detail": N_("Detail"),
            },
            order="order_id, position",
        ),
        Table(
            name="fulfilment",
            whose=_OF_ORDER,
            deed="blank",
            blanks={"address": "'{}'", "tracking": "null"},
            why=BOOKS,
            kept={
                "kind": _OURS,
                "state": _OURS,
                "code": "random: who has it collects what is waiting",
                "handed_by": "a colleague",
                "carrier": "a carrier",
            },
            section=N_("Parcels and pick-ups"),
            columns={
                _ORDER: _ORDER_NO,
                "kind": N_("Kind"),
                "state": STATE,
                "address": N_("Address"),
                "carrier": N_("Carrier"),
                "tracking": N_("Tracking number"),
                "promised_at": N_("Promised"),
                "shipped_at": N_("Shipped"),
                "handed_at": N_("Handed over"),
                "delivered_at": N_("Delivered"),
            },
            order="order_id, id",
        ),
        Table(
            name="return_line",
            whose=f"return_id in (select id from return_case where {_OF_ORDER})",  # noqa: S608
            deed="keep",
            why=BOOKS,
            kept={"condition": _OURS},
            section=N_("What was returned"),
            columns={
                "(select number from return_case where return_case.id = return_id) as return_number": N_("Return"),
                "(select sku from order_line where order_line.id = order_line_id) as sku": N_("Product"),
                "quantity": QUANTITY,
                "refund_minor": AMOUNT,
                "condition": N_("Condition"),
            },
            order="return_id",
        ),
        Table(
            name="return_case",
            whose=f"({_OF_ORDER} or node_id = any($1::bigint[]))",
            deed="blank",
            blanks={"node_id": "null", "reason": "'erased'", "key": "null", "actor": "split_part(actor, ':', 1)"},
            why=BOOKS,
            kept=dict.fromkeys(("number", "channel", "store_id", "currency", "refund_to"), _OURS),
            section=N_("Returns"),
            columns={
                "at": WHEN,
                "number": N_("Return"),
                _ORDER: _ORDER_NO,
                "reason": REASON,
                "refund_minor": AMOUNT,
                "currency": CURRENCY,
                "channel": CHANNEL,
                "store_id": STORE,
            },
            order="at",
        ),
        Table(
            name="checkout",
            whose=_OF_CHECKOUT,
            deed="blank",
            blanks={
                "node_id": "null",
                "request": "'{}'",
                "quote": _NOTHING,
                "state": "case when state = 'open' then 'failed' else state end",
            },
            why=BOOKS,
            kept=dict.fromkeys(("source", "source_order_id"), _OURS),
            section=N_("Checkouts"),
            columns={"created_at": MADE, "state": STATE, "request": N_("What was asked"), "quote": N_("Offer")},
            order="created_at",
        ),
        Table(
            name="sales_order",
            whose=BY_NODE,
            deed="blank",
            blanks={"node_id": "null", "customer": "'{}'", "quote": "'{}'", "version": "version + 1"},
            why=BOOKS,
            kept={
                **dict.fromkeys(
                    ("number", "channel", "store_id", "kind", "status", "payment_status", "currency", "coupons"), _OURS
                ),
                "source": "a system",
                "source_order_id": "the order's number in that system",
                "company_node": "a company",
            },
            section=N_("Orders"),
            columns={
                "placed_at": WHEN,
                "number": _ORDER_NO,
                "channel": CHANNEL,
                "store_id": STORE,
                "status": STATE,
                "payment_status": N_("Payment"),
                "subtotal_minor": N_("Goods in cents"),
                "discount_minor": N_("Discount in cents"),
                "shipping_minor": N_("Shipping in cents"),
                "total_minor": AMOUNT,
                "currency": CURRENCY,
                "coupons": N_("Coupons"),
                "customer": N_("Customer"),
                "quote": N_("Promotions"),
            },
            order="placed_at, id",
        ),
        Table(
            name="reservation",
            written="created_at",
            whose=BY_NODE,
            mentions=("note", "reason"),
            kept=dict.fromkeys(("code", "state", "channel", "currency", "settled_by", "receipt"), _OURS),
            section=N_("Reservations"),
            columns={
                "created_at": MADE,
                "code": N_("Code"),
                "(select sku from variant where variant.id = variant_id) as sku": N_("Product"),
                "quantity": QUANTITY,
                "state": STATE,
                "deadline": N_("Until"),
                "note": NOTE,
                "settled_at": SETTLED,
            },
            order="created_at",
        ),
        Table(
            name="appointment",
            written="created_at",
            whose=BY_NODE,
            mentions=("note", "reason"),
            kept=dict.fromkeys(("code", "resource", "service", "state", "channel", "settled_by"), _OURS),
            section=N_("Appointments"),
            columns={
                "starts_at": N_("From"),
                "ends_at": N_("Until"),
                "code": N_("Code"),
                "service": N_("Service"),
                "state": STATE,
                "note": NOTE,
            },
            order="starts_at",
        ),
        Table(
            name="product_review",
            written="at",
            nobodys=True,
            whose=BY_NODE,
            soon=False,
            mentions=("title", "body"),
            kept=dict.fromkeys(("status", "channel", "key"), _OURS),
            section=N_("Reviews"),
            columns={
                "at": WHEN,
                "(select name from product where product.id = product_id) as product": N_("Product"),
                "rating": N_("Stars"),
                "title": N_("Title"),
                "body": N_("Text"),
                "status": STATE,
            },
            order="at",
        ),
    ],
    others={
        "fulfilment_line": "Quantities of parcels.",
        "order_hold": "Which holds an order stands on.",
        "capacity_slot": "Hands in a span of time.",
        "slot_rule": "How places cut their hours.",
        "category": "Goods.",
        "tax_class": "Goods.",
        "product": "Goods.",
        "variant": "Goods.",
        "barcode": "Goods.",
        "kit_component": "Goods.",
        "product_attribute": "Goods.",
        "product_image": "Goods.",
        "product_search": "Goods.",
        "price_list": "Prices.",
        "price": "Prices.",
        "price_observation": "Prices.",
        "price_announcement": "Prices.",
        "exempt_category": "Prices.",
    },
)
"""Orders and all that hangs on them."""
