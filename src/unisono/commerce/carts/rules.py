"""The law of carts, pure: how two become one and come apart again, what has changed since somebody looked.

Merging. Each variant of either cart is in the merged one. Where both have it, ``sum`` adds the units and ``max`` keeps
the larger number; neither raises a line above the units there are (nor above 9999), and neither takes away what a
cart had already. What was cut is said in a notice.

Undoing. The other cart gets its lines back as they were; the cart that went on gives back what the merge brought it
and keeps what was changed since: units added since stay in it; units taken out since come off its own share first,
then off the other's; a product taken out altogether since stays out of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import NamedTuple

from msgspec.structs import replace

from unisono.commerce.carts.model import MAX_COUPONS, MAX_LINES, MAX_QUANTITY, Before, Line, Rule, Side
from unisono.kit.reasons import Reason


class Merged(NamedTuple):
    """What two carts become, what each line gained, and what has to be said about it."""

    side: Side
    gained: dict[int, int]
    notices: tuple[Reason, ...]


class Apart(NamedTuple):
    """What two carts are after their merge is undone."""

    own: Side
    other: Side


def merge(own: Side, other: Side, rule: Rule, available: Mapping[int, int | None]) -> Merged:
    """Two carts as one. ``available`` is variant id to the units there are; None or missing: nobody counts them."""
    lines = {line.variant_id: line for line in own.lines}
    gained: dict[int, int] = {}
    notices: list[Reason] = []
    left_out: list[str] = []
    for line in other.lines:
        kept = lines.get(line.variant_id)
        if kept is not None:
            quantity, notice = _together(kept, line, rule, available.get(line.variant_id))
            lines[line.variant_id] = _later_seen(kept, line, quantity)
            gained[line.variant_id] = quantity - kept.quantity
            notices += [notice] if notice else []
        elif len(lines) < MAX_LINES:
            lines[line.variant_id] = line
            gained[line.variant_id] = line.quantity
        else:
            left_out.append(line.sku)
    if left_out:
        notices.append(
            Reason(
                "merge_left_out",
                "A cart holds {limit} lines: {count} did not fit.",
                {"limit": MAX_LINES, "count": len(left_out), "skus": left_out},
            )
        )
    coupons = tuple(dict.fromkeys((*own.coupons, *other.coupons)))[:MAX_COUPONS]
    return Merged(Side(lines=in_order(lines.values()), coupons=coupons), gained, tuple(notices))


def _together(own: Line, other: Line, rule: Rule, available: int | None) -> tuple[int, Reason | None]:
    wanted = own.quantity + other.quantity if rule == "sum" else max(own.quantity, other.quantity)
    had = max(own.quantity, other.quantity)
    limit = MAX_QUANTITY if available is None else min(MAX_QUANTITY, available)
    quantity = min(wanted, max(limit, had))
    if quantity == wanted:
        return quantity, None
    values = {"sku": own.sku, "wanted": wanted, "kept": quantity, "available": limit}
    return quantity, Reason("merge_capped", "{wanted} of {sku} were wanted together, {kept} are kept.", values)


def _later_seen(own: Line, other: Line, quantity: int) -> Line:
    """The line of the cart that goes on, with the price somebody saw last."""
    seen = max(own, other, key=lambda line: line.seen_at)
    return replace(
        own,
        quantity=quantity,
        channel=seen.channel,
        store_id=seen.store_id,
        seen_minor=seen.seen_minor,
        seen_at=seen.seen_at,
        note=own.note or other.note,
    )


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines as a cart keeps them: as they came in."""
    return tuple(sorted(lines, key=lambda line: (line.added_at, line.variant_id)))


def undo(now: Side, before: Before, *, node_id: int | None = None) -> Apart:
    """Take a merge back: what the cart that went on keeps of ``now``, and what the other one is again.

    ``node_id`` is the identifier of the cart that went on: what was added since to the other's lines is under it.
    None leaves them as they are.
    """
    was = {line.variant_id: line for line in before.own.lines}
    own = {line.variant_id: line for line in now.lines}
    other: dict[int, Line] = {}
    for line in before.other.lines:
        gained = before.gained.get(line.variant_id)
        if gained is None:  # It did not fit then.
            other[line.variant_id] = line
            continue
        present = own.get(line.variant_id)
        if present is None:  # Taken out since.
            continue
        keeps = present.quantity - gained
        other[line.variant_id] = replace(line, quantity=line.quantity + min(keeps, 0))
        if keeps > 0:
            mine = was.get(line.variant_id) or replace(present, node_id=node_id or present.node_id)
            own[line.variant_id] = _given_back(present, mine, line, keeps)
        else:
            del own[line.variant_id]
    brought = set(before.other.coupons) - set(before.own.coupons)
    coupons = tuple(code for code in now.coupons if code not in brought)
    return Apart(
        Side(lines=in_order(own.values()), coupons=coupons),
        Side(lines=in_order(other.values()), coupons=before.other.coupons),
    )


def _given_back(present: Line, mine: Line, other: Line, quantity: int) -> Line:
    """The line that stays: with what was seen before the merge, unless somebody has looked at it since."""
    if present.seen_at <= max(mine.seen_at, other.seen_at):
        return replace(mine, quantity=quantity)
    return replace(present, quantity=quantity, node_id=mine.node_id, added_at=mine.added_at)


def through(gained: Mapping[int, int], above: Before) -> tuple[dict[int, int], Before]:
    """Follow units into the merge above, when a cart they came into was merged on.

    Returns how many of them went on, and the merge above as it is without them: should it be undone as well, they do
    not come back a second time.
    """
    went_on: dict[int, int] = {}
    gained_above = dict(above.gained)
    lines = {line.variant_id: line for line in above.other.lines}
    for variant_id, units in gained.items():
        line = lines.get(variant_id)
        if line is None:
            continue
        went_on[variant_id] = min(units, gained_above.get(variant_id, 0))
        if variant_id in gained_above:
            gained_above[variant_id] -= went_on[variant_id]
        if line.quantity > units:
            lines[variant_id] = replace(line, quantity=line.quantity - units)
        else:
            del lines[variant_id]
            gained_above.pop(variant_id, None)
    other = replace(above.other, lines=in_order(lines.values()))
    return went_on, replace(above, other=other, gained=gained_above)


def explain(
    line: Line, *, now_minor: int | None, currency: str, sold: bool, available: int | None
) -> tuple[Reason, ...]:
    """What has changed since the line was looked at: its price, whether it is sold, how many are left."""
    if not sold:
        return (Reason("not_sold", "It is no longer sold.", {"sku": line.sku}),)
    notices = []
    if now_minor is None:
        notices.append(Reason("no_price", "It cannot be bought here at present.", {"sku": line.sku}))
    elif now_minor != line.seen_minor:
        notices.append(
            Reason(
                "price_lower" if now_minor < line.seen_minor else "price_higher",
                "It was {before_minor} on {channel} on {at}, it is {now_minor} now.",
                {
                    "before_minor": line.seen_minor,
                    "now_minor": now_minor,
                    "currency": currency,
                    "channel": line.channel,
                    "at": line.seen_at.astimezone(UTC).isoformat(),
                },
            )
        )
    if available is not None and available < line.quantity:
        if available > 0:
            notices.append(Reason("only_left", "Only {available} left.", {"available": available}))
        else:
            notices.append(Reason("none_left", "None left at the moment.", {"available": 0}))
    return tuple(notices)
