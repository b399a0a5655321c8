"""The store and everything on paper: tills, reservations, pick-up, posters, cards, coupons."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.commerce import Product
from unisono.customers.timeline.vocabulary.model import (
    Amount,
    EventSpec,
    Facts,
    Family,
    Flag,
    Id,
    Instant,
    Number,
    Text,
    Whole,
)


class InStore(Facts, frozen=True, kw_only=True):
    """Where in the physical world."""

    store_id: Id | None = None
    store_name: Text | None = None
    till_id: Id | None = None
    clerk_id: Id | None = None
    clerk_name: Text | None = None


class Visit(InStore, frozen=True, kw_only=True):
    """A visit to a store."""

    reason: Text | None = None
    duration: Number | None = None
    source: Text | None = None


class Receipt(InStore, frozen=True, kw_only=True):
    """A receipt, with the id the till gave it."""

    receipt_id: Id | None = None
    total: Amount | None = None
    subtotal: Amount | None = None
    tax: Amount | None = None
    discount: Amount | None = None
    currency: Text | None = None
    payment_method: Text | None = None
    loyalty_card: Id | None = None
    coupon: Text | None = None
    products: list[Product] | None = None


class Return(Receipt, frozen=True, kw_only=True):
    """Goods brought back, from whatever channel they were bought in."""

    return_id: Id | None = None
    order_id: Id | None = None
    reason: Text | None = None
    bought_in: Text | None = None


class Reservation(InStore, frozen=True, kw_only=True):
    """Stock of a store kept for a person without payment."""

    reservation_id: Id | None = None
    product_id: Id | None = None
    sku: Id | None = None
    name: Text | None = None
    quantity: Number | None = None
    price: Amount | None = None
    currency: Text | None = None
    expires_at: Instant | None = None
    reason: Text | None = None
    products: list[Product] | None = None


class Pickup(InStore, frozen=True, kw_only=True):
    """An order to be picked up."""

    order_id: Id | None = None
    pickup_code: Text | None = None
    starts_at: Instant | None = None
    expires_at: Instant | None = None
    products: list[Product] | None = None


class Touch(InStore, frozen=True, kw_only=True):
    """One use of something printed, spoken or shown in the physical world."""

    touchpoint_id: Id | None = None
    touchpoint_name: Text | None = None
    code: Text | None = None
    campaign_id: Id | None = None
    campaign_name: Text | None = None
    place: Text | None = None
    url: Text | None = None
    first: Flag | None = None


class ShelfTouch(Touch, frozen=True, kw_only=True):
    """A shelf label or a product in hand."""

    product_id: Id | None = None
    sku: Id | None = None
    name: Text | None = None


class NumberCalled(Touch, frozen=True, kw_only=True):
    """A call to a number printed or spoken somewhere."""

    phone_number: Text | None = None
    duration: Number | None = None


class Attendance(Touch, frozen=True, kw_only=True):
    """A badge read at an event."""

    event_id: Id | None = None
    event_name: Text | None = None
    badge_id: Id | None = None
    stand: Text | None = None


class PaperCoupon(Touch, frozen=True, kw_only=True):
    """A coupon on paper or on a receipt."""

    coupon_id: Id | None = None
    coupon_name: Text | None = None
    receipt_id: Id | None = None
    order_id: Id | None = None
    discount: Amount | None = None
    currency: Text | None = None
    expires_at: Instant | None = None
    uses: Whole | None = None


_store = partial(EventSpec, family=Family.STORE, channel="store")
_touch = partial(EventSpec, family=Family.TOUCHPOINT, channel="print", schema=Touch)
_HERE = (("store_id",),)
_KEPT = (("reservation_id",), ("store_id",))
_FROM = (("touchpoint_id", "code", "campaign_id"),)

TILL = (
    _store(
        name="Store Visited",
        aliases=("Visited Store", "Store Entered"),
        schema=Visit,
        fixed=True,
        needs=_HERE,
        description="The person was in a store: seen by a clerk, a check-in, a scan.",
        label_it="Visita in negozio",
        says_en="Visited {where}|Visited a store",
        says_it="Visita in {where}|Visita in negozio",
    ),
    _store(
        name="Receipt Issued",
        aliases=("Receipt", "Sale Completed", "Till Receipt Issued"),
        schema=Receipt,
        fixed=True,
        needs=(("store_id",), ("till_id",), ("receipt_id",)),
        is_purchase=True,
        value=("total",),
        description="A till closed a sale; the receipt id is made by the till, so a repeated upload counts once.",
        label_it="Scontrino emesso",
        says_en="Bought {items}[, {value}][ in {where}]|Bought for {value}[ in {where}]|Bought in a store",
        says_it="Ha comprato {items}[, {value}][ in {where}]|Ha comprato per {value}[ in {where}]"
        "|Ha comprato in negozio",
    ),
    _store(
        name="Return Made",
        aliases=("Product Returned", "Return Completed", "Returned Product"),
        schema=Return,
        needs=(("return_id", "receipt_id", "order_id"),),
        value=("total",),
        description="The person brought goods back, whatever the channel they were bought in.",
        label_it="Reso",
        says_en="Returned {items}[, {value}][ in {where}]|Returned goods[ for {value}][ in {where}]",
        says_it="Ha reso {items}[, {value}][ in {where}]|Ha fatto un reso[ di {value}][ in {where}]",
    ),
    _store(
        name="Customer Recognised",
        aliases=("Customer Recognized", "Clienteling Lookup"),
        schema=Visit,
        fixed=True,
        needs=_HERE,
        description="A clerk found the person on the clerk screen and confirmed who they are.",
        label_it="Cliente riconosciuto",
        says_en="Recognised[ by {agent}][ in {where}]",
        says_it="Cliente riconosciuto[ da {agent}][ in {where}]",
    ),
)

PICKUP = (
    _store(
        name="Product Reserved",
        aliases=("Reserved Product", "Reservation Made", "Reservation Created"),
        schema=Reservation,
        channel="web",
        needs=_KEPT,
        description="The person had a product kept in a store, unpaid, until a deadline.",
        label_it="Prodotto prenotato",
        says_en="Reserved {what}[ in {where}][ until {until}]|Reserved {items}[ in {where}]|Made a reservation",
        says_it="Ha prenotato {what}[ in {where}][ fino a {until}]|Ha prenotato {items}[ in {where}]"
        "|Ha fatto una prenotazione",
    ),
    _store(
        name="Reservation Ready",
        schema=Reservation,
        needs=_KEPT,
        description="What was reserved lies at the counter and waits for the person.",
        label_it="Prenotazione pronta",
        says_en="{what} is ready[ in {where}][ until {until}]|A reservation is ready[ in {where}]",
        says_it="{what} pronto per il ritiro[ in {where}][ fino a {until}]|Una prenotazione è pronta[ in {where}]",
    ),
    _store(
        name="Reservation Reminder",
        schema=Reservation,
        needs=_KEPT,
        description="Two hours of opening are left until the deadline, and the person has not come yet.",
        label_it="Promemoria di prenotazione",
        says_en="The reservation of {what} ends soon[: {until}]|A reservation ends soon[: {until}]",
        says_it="La prenotazione di {what} scade presto[: {until}]|Una prenotazione scade presto[: {until}]",
    ),
    _store(
        name="Reservation Collected",
        schema=Reservation,
        fixed=True,
        needs=_KEPT,
        description="The person came for what was reserved.",
        label_it="Prenotazione ritirata",
        says_en="Collected {what}[ in {where}]|Collected a reservation[ in {where}]",
        says_it="Ha ritirato {what}[ in {where}]|Ha ritirato una prenotazione[ in {where}]",
    ),
    _store(
        name="Reservation Expired",
        schema=Reservation,
        needs=_KEPT,
        description="Nobody came before the deadline; the stock is free again.",
        label_it="Prenotazione scaduta",
        says_en="The reservation of {what} expired|A reservation expired",
        says_it="La prenotazione di {what} è scaduta|Una prenotazione è scaduta",
    ),
    _store(
        name="Reservation Cancelled",
        aliases=("Reservation Canceled", "Reservation Released"),
        schema=Reservation,
        needs=_KEPT,
        description="A reservation was called off by the person or by the store.",
        label_it="Prenotazione annullata",
        says_en="The reservation of {what} was cancelled|A reservation was cancelled",
        says_it="La prenotazione di {what} è stata annullata|Una prenotazione è stata annullata",
    ),
    _store(
        name="Order Ready for Pickup",
        aliases=("Order Ready", "Ready for Pickup", "Order Ready for Collection"),
        schema=Pickup,
        needs=(("order_id",), ("store_id",)),
        description="An order waits for the person in a store.",
        label_it="Ordine pronto per il ritiro",
        says_en="Order {order_id} is ready[ in {where}][ until {until}]|An order is ready[ in {where}]",
        says_it="Ordine {order_id} pronto[ in {where}][ fino a {until}]|Un ordine è pronto[ in {where}]",
    ),
    _store(
        name="Order Collected",
        aliases=("Order Picked Up", "Pickup Completed"),
        schema=Pickup,
        fixed=True,
        needs=(("order_id",),),
        description="The person picked an order up. The money was counted when it was placed.",
        label_it="Ordine ritirato",
        says_en="Collected order {order_id}[ in {where}]|Collected an order[ in {where}]",
        says_it="Ha ritirato l'ordine {order_id}[ in {where}]|Ha ritirato un ordine[ in {where}]",
    ),
    _store(
        name="Order Not Collected",
        schema=Pickup,
        needs=(("order_id",), ("store_id",)),
        description="Nobody came for an order in time: it is cancelled, its money given back, its goods on the shelf.",
        label_it="Ordine non ritirato",
        says_en="Order {order_id} was not collected[ in {where}]|An order was not collected[ in {where}]",
        says_it="Ordine {order_id} non ritirato[ in {where}]|Un ordine non è stato ritirato[ in {where}]",
    ),
)

TOUCHPOINTS = (
    _touch(
        name="Poster Scanned",
        needs=_FROM,
        description="The person scanned the code of a poster.",
        label_it="Manifesto inquadrato",
        says_en="Scanned the poster {touch}|Scanned a poster",
        says_it="Ha inquadrato il manifesto {touch}|Ha inquadrato un manifesto",
    ),
    _touch(
        name="Leaflet Scanned",
        aliases=("Flyer Scanned", "Print Ad Scanned"),
        needs=_FROM,
        description="The person scanned the code of a leaflet or of an advertisement on paper.",
        label_it="Volantino inquadrato",
        says_en="Scanned the leaflet {touch}|Scanned a leaflet",
        says_it="Ha inquadrato il volantino {touch}|Ha inquadrato un volantino",
    ),
    _touch(
        name="Card Scanned",
        aliases=("Business Card Scanned",),
        needs=_FROM,
        description="The person scanned a business card of one of ours.",
        label_it="Biglietto da visita inquadrato",
        says_en="Scanned the business card of {agent}|Scanned the business card {touch}|Scanned a business card",
        says_it="Ha inquadrato il biglietto di {agent}|Ha inquadrato il biglietto {touch}"
        "|Ha inquadrato un biglietto da visita",
    ),
    _touch(
        name="Shelf Scanned",
        aliases=("Product Scanned", "Shelf Label Scanned"),
        schema=ShelfTouch,
        channel="store",
        fixed=True,
        needs=(("touchpoint_id", "code", "product_id", "sku"),),
        description="The person scanned a shelf label or a product in a store.",
        label_it="Scaffale inquadrato",
        says_en="Scanned {what}[ in {where}]|Scanned a shelf[ in {where}]",
        says_it="Ha inquadrato {what}[ in {where}]|Ha inquadrato uno scaffale[ in {where}]",
    ),
    _touch(
        name="Event Attended",
        aliases=("Attended Event", "Badge Scanned"),
        schema=Attendance,
        needs=(("event_id", "event_name", "touchpoint_id"),),
        description="The badge of the person was read at a fair or an event.",
        label_it="Presenza a un evento",
        says_en="Came to {event_name}|Came to {touch}|Came to an event",
        says_it="Ha partecipato a {event_name}|Ha partecipato a {touch}|Ha partecipato a un evento",
    ),
    _touch(
        name="Phone Number Called",
        schema=NumberCalled,
        channel="call",
        fixed=True,
        needs=(("touchpoint_id", "phone_number"),),
        description="The person called a number that belongs to one touchpoint.",
        label_it="Numero chiamato",
        says_en="Called the number of {touch}|Called {phone_number}|Called",
        says_it="Ha chiamato il numero di {touch}|Ha chiamato il {phone_number}|Ha chiamato",
    ),
    _touch(
        name="Radio Code Used",
        aliases=("TV Code Used", "Broadcast Code Used"),
        needs=(("code",),),
        description="The person used a code heard on the radio or seen on television.",
        label_it="Codice radio usato",
        says_en="Used the code {code}[ heard on {touch}]|Used a code heard on the radio",
        says_it="Ha usato il codice {code}[ sentito su {touch}]|Ha usato un codice sentito alla radio",
    ),
    _touch(
        name="Short Link Opened",
        aliases=("Short Link Clicked", "QR Code Scanned"),
        needs=_FROM,
        description="The person opened a short link or a code that has no kind of its own.",
        label_it="Link breve aperto",
        says_en="Opened the link {touch}|Opened a short link",
        says_it="Ha aperto il link {touch}|Ha aperto un link breve",
    ),
    _touch(
        name="Coupon Printed",
        schema=PaperCoupon,
        channel="store",
        fixed=True,
        needs=(("coupon_id", "code"),),
        description="A till or a printer gave the person a coupon.",
        label_it="Buono stampato",
        says_en="Was given the coupon {coupon}[ in {where}]|Was given a coupon",
        says_it="Ha ricevuto il buono {coupon}[ in {where}]|Ha ricevuto un buono",
    ),
    _touch(
        name="Coupon Redeemed",
        aliases=("Redeemed Coupon",),
        schema=PaperCoupon,
        channel="store",
        needs=(("coupon_id", "code"),),
        description="The person used up a coupon, at the till or online.",
        label_it="Buono riscosso",
        says_en="Redeemed the coupon {coupon}[ in {where}]|Redeemed a coupon[ in {where}]",
        says_it="Ha riscosso il buono {coupon}[ in {where}]|Ha riscosso un buono[ in {where}]",
    ),
)

EVENTS = (*TILL, *PICKUP, *TOUCHPOINTS)
