"""What each kind of condition and effect asks for: one table that the builder's form is drawn and read by."""

from __future__ import annotations

from typing import Literal, NamedTuple

from unisono.console.contexts.promotions import FieldKind
from unisono.kit.marking import N_


class Part(NamedTuple):
    """A field of a condition or an effect: its name in the definition and how it is typed; English msgid."""

    key: str
    kind: FieldKind
    label: str
    options: Literal["", "channels", "weekdays", "level", "yes_no", "stores"] = ""
    needed: bool = False


class Shape(NamedTuple):
    """A kind: its name (English msgid), its fields, and which goods it may be about: (key, English msgid)."""

    title: str
    parts: tuple[Part, ...] = ()
    goods: tuple[tuple[str, str], ...] = ()


_GOODS = (("lines", N_("Which goods count: all, unless you say")),)
_NAMES = N_("any of these, with commas between")

CONDITIONS: dict[str, Shape] = {
    "subtotal": Shape(
        N_("The goods come to"),
        (Part("at_least_minor", "money", N_("at least")), Part("at_most_minor", "money", N_("at most"))),
        _GOODS,
    ),
    "quantity": Shape(
        N_("Number of units"),
        (Part("at_least", "whole", N_("at least")), Part("at_most", "whole", N_("at most"))),
        _GOODS,
    ),
    "distinct": Shape(
        N_("Number of different goods"),
        (Part("at_least", "whole", N_("at least")), Part("at_most", "whole", N_("at most"))),
        _GOODS,
    ),
    "channel": Shape(N_("Channel"), (Part("any_of", "checks", N_("any of these"), "channels", needed=True),)),
    "store": Shape(N_("Store"), (Part("any_of", "names", _NAMES, "stores", needed=True),)),
    "dates": Shape(N_("Days"), (Part("from", "date", N_("from")), Part("to", "date", N_("to, this day too")))),
    "weekdays": Shape(N_("Days of the week"), (Part("any_of", "checks", N_("any of these"), "weekdays", needed=True),)),
    "hours": Shape(
        N_("Hours"),
        (Part("from", "time", N_("from"), needed=True), Part("to", "time", N_("until before"), needed=True)),
    ),
    "known": Shape(N_("We know who it is")),
    "first_order": Shape(N_("First order")),
    "orders_before": Shape(
        N_("Orders before"),
        (Part("at_least", "whole", N_("at least")), Part("at_most", "whole", N_("at most"))),
    ),
    "birthday": Shape(
        N_("Birthday"),
        (Part("days_before", "whole", N_("days before")), Part("days_after", "whole", N_("days after"))),
    ),
    "segment": Shape(N_("Segment"), (Part("any_of", "names", _NAMES, needed=True),)),
    "tier": Shape(N_("Loyalty tier"), (Part("any_of", "names", _NAMES, needed=True),)),
    "audience": Shape(N_("Audience"), (Part("any_of", "names", _NAMES, needed=True),)),
    "trait": Shape(
        N_("Trait"),
        (Part("name", "text", N_("Trait"), needed=True), Part("any_of", "names", _NAMES, needed=True)),
    ),
    "coupon": Shape(N_("Coupon entered"), (Part("any_of", "names", _NAMES, needed=True),)),
}
"""Kinds of conditions."""

_OFF = (("lines", N_("On which goods: the whole basket, unless you say")),)

EFFECTS: dict[str, Shape] = {
    "percent_off": Shape(
        N_("Percentage off"),
        (
            Part("percent_bp", "percent", N_("Percent"), needed=True),
            Part("level", "select", N_("Computed"), "level"),
            Part("cap_minor", "money", N_("at most")),
        ),
        _OFF,
    ),
    "amount_off": Shape(
        N_("Amount off"),
        (Part("amount_minor", "money", N_("Amount"), needed=True), Part("level", "select", N_("Computed"), "level")),
        _OFF,
    ),
    "fixed_price": Shape(
        N_("Fixed price"),
        (Part("price_minor", "money", N_("Price of each"), needed=True),),
        (("lines", N_("On which goods")),),
    ),
    "buy_get": Shape(
        N_("Buy some, get some"),
        (
            Part("buy_quantity", "whole", N_("Buy"), needed=True),
            Part("get_quantity", "whole", N_("Get"), needed=True),
            Part("percent_bp", "percent", N_("Percent off what one gets: 100 unless you say")),
            Part("max_times", "whole", N_("at most so many times")),
        ),
        (("buy", N_("What is bought")), ("get", N_("What one gets: the same, unless you say"))),
    ),
    "bundle": Shape(
        N_("Bundle"),
        (
            Part("price_minor", "money", N_("Price together"), needed=True),
            Part("quantity0", "whole", N_("Units of the first")),
            Part("quantity1", "whole", N_("of the second")),
            Part("quantity2", "whole", N_("of the third")),
            Part("max_times", "whole", N_("at most so many times")),
        ),
        (("items0", N_("The first goods")), ("items1", N_("The second goods")), ("items2", N_("The third goods"))),
    ),
    "gift": Shape(N_("Gift"), (Part("sku", "text", N_("Sku"), needed=True), Part("quantity", "whole", N_("Units")))),
    "shipping_off": Shape(
        N_("Shipping off"), (Part("amount_minor", "money", N_("Amount: all of it, unless you say")),)
    ),
    "points": Shape(
        N_("More points"), (Part("factor_bp", "factor", N_("times")), Part("bonus", "whole", N_("points on top")))
    ),
}
"""Kinds of effects."""

GOODS: tuple[Part, ...] = (
    Part("skus", "names", N_("Skus")),
    Part("products", "names", N_("Products")),
    Part("categories", "names", N_("Categories and what lies below")),
    Part("brands", "names", N_("Brands")),
    Part("tags", "names", N_("Tags")),
    Part("reduced", "select", N_("Reduced already"), "yes_no"),
    Part("unit_at_least_minor", "money", N_("each from")),
    Part("unit_at_most_minor", "money", N_("each up to")),
)
"""How goods are described."""

EXCEPT = ("skus", "products", "categories", "brands", "tags", "reduced")
"""What of it may stand under "but not"."""

LEVELS: dict[str, str] = {"order": N_("on the sum"), "catalogue": N_("on each piece")}
YES_NO: dict[str, str] = {"yes": N_("only reduced ones"), "no": N_("only those that are not")}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
