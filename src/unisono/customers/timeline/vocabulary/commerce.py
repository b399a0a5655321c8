"""Commerce: browsing, cart, checkout, orders. The names are those of the Segment e-commerce spec, version 2."""

from __future__ import annotations

from functools import partial

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


class Product(Facts, frozen=True, kw_only=True):
    """A product, or a line of a cart or an order."""

    product_id: Id | None = None
    sku: Id | None = None
    category: Text | None = None
    name: Text | None = None
    brand: Text | None = None
    variant: Text | None = None
    price: Amount | None = None
    quantity: Number | None = None
    coupon: Text | None = None
    position: Text | None = None
    url: Text | None = None
    image_url: Text | None = None
    currency: Text | None = None
    value: Amount | None = None


class CartLine(Product, frozen=True, kw_only=True):
    """A product going in or out of a cart."""

    cart_id: Id | None = None
    store_id: Id | None = None


class WishlistLine(CartLine, frozen=True, kw_only=True):
    """A product going in or out of a wish list."""

    wishlist_id: Id | None = None
    wishlist_name: Text | None = None


class SharedProduct(Product, frozen=True, kw_only=True):
    """A product sent to somebody."""

    share_via: Text | None = None
    share_message: Text | None = None
    recipient: Text | None = None


class Search(Facts, frozen=True, kw_only=True):
    """A search."""

    query: Text | None = None
    results: Whole | None = None


class Choice(Facts, frozen=True, kw_only=True):
    """A filter or a sort order: what it looks at, what was chosen."""

    type: Text | None = None
    value: Text | None = None


class ProductList(Facts, frozen=True, kw_only=True):
    """A list of products on a screen."""

    list_id: Id | None = None
    category: Text | None = None
    products: list[Product] | None = None
    filters: list[Choice] | None = None
    sorts: list[Choice] | None = None


class Promotion(Facts, frozen=True, kw_only=True):
    """A promotion shown somewhere."""

    promotion_id: Id | None = None
    creative: Text | None = None
    name: Text | None = None
    position: Text | None = None


class Cart(Facts, frozen=True, kw_only=True):
    """A cart and its lines."""

    cart_id: Id | None = None
    value: Amount | None = None
    currency: Text | None = None
    products: list[Product] | None = None


class SharedCart(Cart, frozen=True, kw_only=True):
    """A cart sent to somebody."""

    share_via: Text | None = None
    share_message: Text | None = None
    recipient: Text | None = None


class MergedCart(Cart, frozen=True, kw_only=True):
    """Two carts that became one."""

    from_cart_id: Id | None = None
    rule: Text | None = None


class AbandonedCart(Cart, frozen=True, kw_only=True):
    """A cart left alone, and why: a payment that failed or took too long asks for another answer than a change of
    mind."""

    reason: Text | None = None


class Order(Facts, frozen=True, kw_only=True):
    """An order and its amounts, in major units of ``currency``."""

    order_id: Id | None = None
    checkout_id: Id | None = None
    cart_id: Id | None = None
    affiliation: Text | None = None
    store_id: Id | None = None
    store_name: Text | None = None
    total: Amount | None = None
    subtotal: Amount | None = None
    revenue: Amount | None = None
    value: Amount | None = None
    shipping: Amount | None = None
    tax: Amount | None = None
    discount: Amount | None = None
    coupon: Text | None = None
    currency: Text | None = None
    payment_method: Text | None = None
    reason: Text | None = None
    products: list[Product] | None = None


class PlacedOrder(Order, frozen=True, kw_only=True):
    """An order when it is placed, and the address that was given with it."""

    email: Text | None = None
    soft_opt_in: Flag | None = None


class Shipment(Order, frozen=True, kw_only=True):
    """An order on its way."""

    carrier: Text | None = None
    tracking_number: Id | None = None
    tracking_url: Text | None = None
    expected_at: Instant | None = None


class CheckoutStep(Facts, frozen=True, kw_only=True):
    """A step of the checkout."""

    checkout_id: Id | None = None
    order_id: Id | None = None
    step: Text | None = None
    shipping_method: Text | None = None
    payment_method: Text | None = None


class FailedPayment(CheckoutStep, frozen=True, kw_only=True):
    """A payment that did not go through: a cart left because of it is no change of mind."""

    value: Amount | None = None
    currency: Text | None = None
    reason: Text | None = None
    duration: Number | None = None
    timed_out: Flag | None = None


class CouponUse(Facts, frozen=True, kw_only=True):
    """A coupon typed in, applied, refused."""

    order_id: Id | None = None
    cart_id: Id | None = None
    coupon_id: Id | None = None
    coupon_name: Text | None = None
    discount: Amount | None = None
    currency: Text | None = None
    reason: Text | None = None


class Review(Facts, frozen=True, kw_only=True):
    """A review of a product."""

    product_id: Id | None = None
    name: Text | None = None
    review_id: Id | None = None
    review_body: Text | None = None
    rating: Number | None = None
    order_id: Id | None = None
    verified: Flag | None = None


_event = partial(EventSpec, family=Family.COMMERCE, channel="web")
_PRODUCT = (("product_id", "sku"),)
_ORDER = (("order_id",),)
_TOTAL = ("total", "revenue", "value")

BROWSING = (
    _event(
        name="Products Searched",
        aliases=("Searched Products", "Product Searched"),
        schema=Search,
        needs=(("query",),),
        description="The person searched the catalogue.",
        label_it="Prodotti cercati",
        says_en="Searched for “{query}”|Searched the catalogue",
        says_it="Ha cercato “{query}”|Ha cercato nel catalogo",
    ),
    _event(
        name="Product List Viewed",
        aliases=("Viewed Product List", "Viewed Product Category", "Product Category Viewed"),
        schema=ProductList,
        description="The person saw a list or a category of products.",
        label_it="Elenco di prodotti visto",
        says_en="Looked through {category}|Looked through a list of {items}|Looked through a list of products",
        says_it="Ha sfogliato {category}|Ha sfogliato un elenco di {items}|Ha sfogliato un elenco di prodotti",
    ),
    _event(
        name="Product List Filtered",
        aliases=("Filtered Product List",),
        schema=ProductList,
        description="The person narrowed or sorted a list of products.",
        label_it="Elenco di prodotti filtrato",
        says_en="Filtered {category}|Filtered a list of products",
        says_it="Ha filtrato {category}|Ha filtrato un elenco di prodotti",
    ),
    _event(
        name="Promotion Viewed",
        aliases=("Viewed Promotion",),
        schema=Promotion,
        needs=(("promotion_id", "name"),),
        description="A promotion was shown to the person.",
        label_it="Promozione vista",
        says_en="Saw the promotion {name}|Saw the promotion {promotion_id}|Saw a promotion",
        says_it="Ha visto la promozione {name}|Ha visto la promozione {promotion_id}|Ha visto una promozione",
    ),
    _event(
        name="Promotion Clicked",
        aliases=("Clicked Promotion",),
        schema=Promotion,
        needs=(("promotion_id", "name"),),
        description="The person followed a promotion.",
        label_it="Promozione aperta",
        says_en="Followed the promotion {name}|Followed the promotion {promotion_id}|Followed a promotion",
        says_it="Ha aperto la promozione {name}|Ha aperto la promozione {promotion_id}|Ha aperto una promozione",
    ),
    _event(
        name="Product Clicked",
        aliases=("Clicked Product",),
        schema=Product,
        needs=_PRODUCT,
        description="The person chose a product in a list.",
        label_it="Prodotto scelto",
        says_en="Chose {what}|Chose a product",
        says_it="Ha scelto {what}|Ha scelto un prodotto",
    ),
    _event(
        name="Product Viewed",
        aliases=("Viewed Product", "Product Detail Viewed"),
        schema=Product,
        needs=_PRODUCT,
        description="The person looked at a product.",
        label_it="Prodotto visto",
        says_en="Viewed {what}|Viewed a product",
        says_it="Ha guardato {what}|Ha guardato un prodotto",
    ),
    _event(
        name="Product Shared",
        aliases=("Shared Product",),
        schema=SharedProduct,
        needs=_PRODUCT,
        description="The person sent a product to somebody.",
        label_it="Prodotto condiviso",
        says_en="Shared {what}[ by {share_via}]|Shared a product",
        says_it="Ha condiviso {what}[ via {share_via}]|Ha condiviso un prodotto",
    ),
    _event(
        name="Product Reviewed",
        aliases=("Reviewed Product", "Review Posted", "Review Submitted"),
        schema=Review,
        channel="",
        needs=(("product_id",),),
        description="The person published a review of a product.",
        label_it="Recensione pubblicata",
        says_en="Reviewed {what}[, {rating} of 5][: {quote}]|Wrote a review",
        says_it="Ha recensito {what}[, {rating} su 5][: {quote}]|Ha scritto una recensione",
    ),
)

CARTS = (
    _event(
        name="Product Added",
        aliases=("Added Product", "Product Added to Cart", "Added to Cart", "Add to Cart"),
        schema=CartLine,
        needs=_PRODUCT,
        description="The person put a product into the cart.",
        label_it="Prodotto messo nel carrello",
        says_en="Put {what} into the cart|Put a product into the cart",
        says_it="Ha messo {what} nel carrello|Ha messo un prodotto nel carrello",
    ),
    _event(
        name="Product Removed",
        aliases=("Removed Product", "Product Removed from Cart", "Removed from Cart"),
        schema=CartLine,
        needs=_PRODUCT,
        description="The person took a product out of the cart.",
        label_it="Prodotto tolto dal carrello",
        says_en="Took {what} out of the cart|Took a product out of the cart",
        says_it="Ha tolto {what} dal carrello|Ha tolto un prodotto dal carrello",
    ),
    _event(
        name="Cart Viewed",
        aliases=("Viewed Cart",),
        schema=Cart,
        value=("value",),
        description="The person opened the cart.",
        label_it="Carrello visto",
        says_en="Opened the cart[, {items}]",
        says_it="Ha aperto il carrello[, {items}]",
    ),
    _event(
        name="Cart Shared",
        aliases=("Shared Cart",),
        schema=SharedCart,
        value=("value",),
        description="The person sent the cart to somebody.",
        label_it="Carrello condiviso",
        says_en="Shared the cart[ by {share_via}]",
        says_it="Ha condiviso il carrello[ via {share_via}]",
    ),
    _event(
        name="Cart Merged",
        schema=MergedCart,
        channel="",
        value=("value",),
        description="The cart of a visitor and the cart of a known person became one.",
        label_it="Carrelli uniti",
        says_en="Two carts became one[, {items}]",
        says_it="Due carrelli uniti in uno[, {items}]",
    ),
    _event(
        name="Cart Abandoned",
        aliases=("Abandoned Cart", "Checkout Abandoned"),
        schema=AbandonedCart,
        value=("value",),
        description="The cart has been left alone for the time the shop has set.",
        label_it="Carrello abbandonato",
        says_en="Left the cart[ with {items}][, {value}]",
        says_it="Ha lasciato il carrello[ con {items}][, {value}]",
    ),
    _event(
        name="Product Added to Wishlist",
        aliases=("Added Product to Wishlist", "Added to Wishlist"),
        schema=WishlistLine,
        needs=_PRODUCT,
        description="The person put a product on a wish list.",
        label_it="Prodotto messo nei desideri",
        says_en="Wishes for {what}|Put a product on the wish list",
        says_it="Desidera {what}|Ha messo un prodotto nei desideri",
    ),
    _event(
        name="Product Removed from Wishlist",
        aliases=("Removed Product from Wishlist", "Removed from Wishlist"),
        schema=WishlistLine,
        needs=_PRODUCT,
        description="The person took a product off a wish list.",
        label_it="Prodotto tolto dai desideri",
        says_en="Took {what} off the wish list|Took a product off the wish list",
        says_it="Ha tolto {what} dai desideri|Ha tolto un prodotto dai desideri",
    ),
    _event(
        name="Wishlist Product Added to Cart",
        aliases=("Wishlist Product Added",),
        schema=WishlistLine,
        needs=_PRODUCT,
        description="The person moved a product from a wish list into the cart.",
        label_it="Dai desideri al carrello",
        says_en="Moved {what} from the wish list into the cart|Moved a wish into the cart",
        says_it="Ha portato {what} dai desideri al carrello|Ha portato un desiderio nel carrello",
    ),
)

CHECKOUT = (
    _event(
        name="Checkout Started",
        aliases=("Started Checkout", "Started Order", "Order Started"),
        schema=Order,
        value=("value", "total", "revenue"),
        description="The person began to pay.",
        label_it="Cassa iniziata",
        says_en="Started the checkout[ of {items}][, {value}]",
        says_it="Ha iniziato l'acquisto[ di {items}][, {value}]",
    ),
    _event(
        name="Checkout Step Viewed",
        aliases=("Viewed Checkout Step",),
        schema=CheckoutStep,
        description="A step of the checkout was shown.",
        label_it="Passo di acquisto visto",
        says_en="Saw step {step} of the checkout|Saw a step of the checkout",
        says_it="Ha visto il passo {step} dell'acquisto|Ha visto un passo dell'acquisto",
    ),
    _event(
        name="Checkout Step Completed",
        aliases=("Completed Checkout Step",),
        schema=CheckoutStep,
        description="A step of the checkout was completed.",
        label_it="Passo di acquisto completato",
        says_en="Completed step {step} of the checkout|Completed a step of the checkout",
        says_it="Ha completato il passo {step} dell'acquisto|Ha completato un passo dell'acquisto",
    ),
    _event(
        name="Payment Info Entered",
        aliases=("Entered Payment Info",),
        schema=CheckoutStep,
        description="The person gave the details of the payment.",
        label_it="Pagamento indicato",
        says_en="Chose to pay by {payment_method}|Entered the payment details",
        says_it="Ha scelto di pagare con {payment_method}|Ha inserito i dati di pagamento",
    ),
    _event(
        name="Payment Failed",
        aliases=("Payment Declined", "Payment Rejected"),
        schema=FailedPayment,
        value=("value",),
        description="A payment was refused or took too long; whoever leaves now has not changed their mind.",
        label_it="Pagamento non riuscito",
        says_en="A payment[ of {value}] failed[: {reason}]",
        says_it="Un pagamento[ di {value}] non è riuscito[: {reason}]",
    ),
    _event(
        name="Coupon Entered",
        aliases=("Entered Coupon",),
        schema=CouponUse,
        needs=(("coupon_id", "coupon_name"),),
        description="The person typed a coupon in.",
        label_it="Buono inserito",
        says_en="Entered the coupon {coupon}|Entered a coupon",
        says_it="Ha inserito il buono {coupon}|Ha inserito un buono",
    ),
    _event(
        name="Coupon Applied",
        aliases=("Applied Coupon",),
        schema=CouponUse,
        needs=(("coupon_id", "coupon_name"),),
        description="A coupon was accepted for a cart or an order.",
        label_it="Buono applicato",
        says_en="Used the coupon {coupon}|Used a coupon",
        says_it="Ha usato il buono {coupon}|Ha usato un buono",
    ),
    _event(
        name="Coupon Denied",
        aliases=("Denied Coupon",),
        schema=CouponUse,
        needs=(("coupon_id", "coupon_name"),),
        description="A coupon was not accepted, and why.",
        label_it="Buono rifiutato",
        says_en="The coupon {coupon} was refused[: {reason}]|A coupon was refused[: {reason}]",
        says_it="Il buono {coupon} è stato rifiutato[: {reason}]|Un buono è stato rifiutato[: {reason}]",
    ),
    _event(
        name="Coupon Removed",
        aliases=("Removed Coupon",),
        schema=CouponUse,
        needs=(("coupon_id", "coupon_name"),),
        description="A coupon was taken off a cart or an order.",
        label_it="Buono tolto",
        says_en="Took the coupon {coupon} off|Took a coupon off",
        says_it="Ha tolto il buono {coupon}|Ha tolto un buono",
    ),
)

ORDERS = (
    _event(
        name="Order Completed",
        aliases=("Completed Order", "Order Placed", "Placed Order", "Order Paid", "Order Created", "Created Order"),
        schema=PlacedOrder,
        needs=_ORDER,
        is_purchase=True,
        value=_TOTAL,
        description="The person placed an order.",
        label_it="Ordine concluso",
        says_en="Bought {items}[, {value}]|Placed an order of {value}|Placed an order",
        says_it="Ha comprato {items}[, {value}]|Ha fatto un ordine di {value}|Ha fatto un ordine",
    ),
    _event(
        name="Order Updated",
        aliases=("Updated Order",),
        schema=Order,
        needs=_ORDER,
        value=_TOTAL,
        description="An order was changed after it was placed.",
        label_it="Ordine modificato",
        says_en="Order {order_id} was changed[, now {value}]|An order was changed",
        says_it="Ordine {order_id} modificato[, ora {value}]|Un ordine è stato modificato",
    ),
    _event(
        name="Order Cancelled",
        aliases=("Cancelled Order", "Order Canceled"),
        schema=Order,
        needs=_ORDER,
        value=_TOTAL,
        description="An order was called off.",
        label_it="Ordine annullato",
        says_en="Order {order_id} was cancelled[, {value}]|An order was cancelled",
        says_it="Ordine {order_id} annullato[, {value}]|Un ordine è stato annullato",
    ),
    _event(
        name="Order Refunded",
        aliases=("Refunded Order",),
        schema=Order,
        needs=_ORDER,
        value=_TOTAL,
        description="Money of an order was given back.",
        label_it="Ordine rimborsato",
        says_en="Refunded {value}[ for order {order_id}]|An order was refunded",
        says_it="Rimborsati {value}[ per l'ordine {order_id}]|Un ordine è stato rimborsato",
    ),
    _event(
        name="Order Shipped",
        aliases=("Shipped Order", "Order Fulfilled"),
        schema=Shipment,
        needs=_ORDER,
        value=_TOTAL,
        description="An order left the warehouse or the store.",
        label_it="Ordine spedito",
        says_en="Order {order_id} is on its way[ with {carrier}]|An order is on its way",
        says_it="Ordine {order_id} in viaggio[ con {carrier}]|Un ordine è in viaggio",
    ),
    _event(
        name="Order Delivered",
        aliases=("Delivered Order",),
        schema=Shipment,
        needs=_ORDER,
        value=_TOTAL,
        description="An order reached the person.",
        label_it="Ordine consegnato",
        says_en="Order {order_id} was delivered|An order was delivered",
        says_it="Ordine {order_id} consegnato|Un ordine è stato consegnato",
    ),
    _event(
        name="Order Delayed",
        aliases=("Order Late",),
        schema=Shipment,
        needs=_ORDER,
        value=_TOTAL,
        description="An order will not arrive when it was promised.",
        label_it="Ordine in ritardo",
        says_en="Order {order_id} is late[: {reason}]|An order is late",
        says_it="Ordine {order_id} in ritardo[: {reason}]|Un ordine è in ritardo",
    ),
)

EVENTS = (*BROWSING, *CARTS, *CHECKOUT, *ORDERS)
