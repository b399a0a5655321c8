"""Carts of one person become one, and come apart again.

The cart of the strongest identifier goes on. Carts in another currency stay as they are, and so do two that somebody
took apart by hand: that was a decision. A cart being paid is left alone until it is paid or given up.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from unisono.commerce.carts import leaving, rules, store, telling
from unisono.commerce.carts.errors import CartInCheckout, MergeNotFound, MergeStands
from unisono.commerce.carts.model import Before, Cart, CartSettings, Rule, Side, Touch
from unisono.commerce.carts.store import Found
from unisono.commerce.carts.truth import units_left
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.carts")
_encode = msgspec.json.Encoder().encode
_before = msgspec.json.Decoder(Before).decode

SYSTEM = "system"
As = Literal["asked", "split"]


async def open_carts(conn: Connection, node_id: int, touch: Touch, *, rule: Rule | None = None) -> Found:
    """The open carts of the person of a node, locked, those that can be one merged into one."""
    found = await store.lock_of_person(conn, node_id, store_id=touch.store_id, now=touch.now)
    if sum(cart.status == "active" for cart in found.carts) < 2:
        return found
    apart = {
        frozenset((row["cart_id"], row["other_id"]))
        for row in await _sql.merges_apart(conn, ids=[cart.id for cart in found.carts])
    }
    kept: list[Cart] = []
    for cart in found.carts:
        into = next((at for at, other in enumerate(kept) if _can_join(other, cart, apart)), None)
        if into is None:
            kept.append(cart)
        else:
            kept[into] = await merge_into(conn, kept[into], cart, touch, store.rule_of(found.settings, rule))
    return found._replace(carts=tuple(kept))


def _can_join(one: Cart, other: Cart, apart: Collection[frozenset[UUID]]) -> bool:
    return (
        one.status == other.status == "active"
        and one.currency == other.currency
        and frozenset((one.id, other.id)) not in apart
    )


async def merge_into(conn: Connection, cart: Cart, other: Cart, touch: Touch, rule: Rule) -> Cart:
    """Merge ``other`` into ``cart``, both locked; returns the cart as it goes on. An empty one is only put away."""
    if not other.lines and not other.coupons:
        await store.save(conn, other, replace(other, status="discarded"), channel=touch.channel, now=touch.now)
        return cart
    both = {line.variant_id for line in cart.lines} & {line.variant_id for line in other.lines}
    available = await units_left(conn, sorted(both), touch) if both else {}
    own, its = _side(cart), _side(other)
    merged = rules.merge(own, its, rule, available)
    await store.save(
        conn, other, replace(other, status="merged", lines=(), coupons=()), channel=touch.channel, now=touch.now
    )
    went_on = replace(cart, lines=merged.side.lines, coupons=merged.side.coupons)
    went_on = await store.save(conn, cart, went_on, channel=touch.channel, now=touch.now)
    shown = await store.insert_merge(
        conn,
        went_on.id,
        other.id,
        rule=rule,
        before=Before(own=own, other=its, gained=merged.gained),
        notices=merged.notices,
        at=touch.now,
        actor=touch.actor,
    )
    told = telling.of_cart(
        went_on,
        "Cart Merged",
        "merged",
        channel=touch.channel,
        store_id=touch.store_id,
        at=touch.now,
        from_cart_id=str(other.id),
        rule=rule,
    )
    await telling.tell(conn, [told], now=touch.now, person_id=went_on.person_id)
    return replace(went_on, merges=(shown, *went_on.merges))


def _side(cart: Cart) -> Side:
    return Side(lines=cart.lines, coupons=cart.coupons)


# Apart --------------------------------------------------------------------------------------------------


class _Parting(NamedTuple):
    """A merge to be undone, where what it brought is now, and the merges it went on in."""

    other_id: UUID
    root_id: UUID
    before: Before
    above: tuple[tuple[int, Before], ...]


async def _parting(conn: Connection, merge_id: int) -> _Parting | None:
    """None when the merge has been undone already. Raises MergeNotFound."""
    row = await _sql.read_merge(conn, id=merge_id)
    if row is None:
        raise MergeNotFound(f"There is no merge {merge_id}.")
    if row["undone_at"] is not None:
        return None
    before, at, above = _before(row["before"]), row["cart_id"], []
    gained, coupons = before.gained, set(before.own.coupons)
    while (up := await _sql.merge_above(conn, other_id=at)) is not None:
        gained, changed = rules.through(gained, _before(up["before"]))
        above.append((up["id"], changed))
        coupons |= set(changed.own.coupons)
        at = up["cart_id"]
    if above:
        before = Before(own=Side(lines=(), coupons=tuple(coupons)), other=before.other, gained=gained)
    return _Parting(row["other_id"], at, before, tuple(above))


async def _both(conn: Connection, parting: _Parting, touch: Touch) -> tuple[Cart, Cart, CartSettings]:
    """The cart that went on and the one that was merged, locked in the order of their ids."""
    locked = {}
    for cart_id in sorted((parting.root_id, parting.other_id)):
        locked[cart_id] = await store.lock(conn, cart_id, now=touch.now)
    root, other = locked[parting.root_id], locked[parting.other_id]
    return root.cart, other.cart, root.settings


async def undo(conn: Connection, merge_id: int, touch: Touch) -> Cart:
    """Undo a merge because somebody asks; returns the cart that went on. The two are not merged again by themselves.

    Raises MergeNotFound, MergeStands when it is undone or ordered already, CartInCheckout.
    """
    parting = await _parting(conn, merge_id)
    if parting is None:
        raise MergeStands("It has been undone already.")
    root, other, settings = await _both(conn, parting, touch)
    if root.status == "checkout":
        raise CartInCheckout("The cart is being paid.", until=root.paying_until)
    if root.status != "active":
        raise MergeStands(f"The cart is {root.status}: what was in it stays together.")
    return await _take_apart(conn, merge_id, parting, root, other, settings, touch, "asked")


async def _take_apart(
    conn: Connection,
    merge_id: int,
    parting: _Parting,
    root: Cart,
    other: Cart,
    settings: CartSettings,
    touch: Touch,
    undone_as: As,
) -> Cart:
    node_id = None if parting.above else root.node_id
    apart = rules.undo(_side(root), parting.before, node_id=node_id)
    stays = await store.save(
        conn,
        root,
        replace(root, lines=apart.own.lines, coupons=apart.own.coupons),
        channel=touch.channel,
        now=touch.now,
    )
    await _sql.close_merge(conn, id=merge_id, at=touch.now, actor=touch.actor, undone_as=undone_as)
    for above_id, before in parting.above:
        await _sql.write_before(conn, id=above_id, before=_encode(before).decode())
    await _reopen(conn, other, apart.other, settings, touch)
    return replace(stays, merges=tuple(merge for merge in stays.merges if merge.id != merge_id))


async def _reopen(conn: Connection, other: Cart, side: Side, settings: CartSettings, touch: Touch) -> None:
    """The other cart is as it was; where its identifier has begun a new one meanwhile, its lines go there."""
    new = await store.open_of_node(conn, other.node_id, now=touch.now) if other.node_id is not None else None
    back = replace(other, lines=side.lines, coupons=side.coupons, status="active" if side.lines else "discarded")
    if new is None or not side.lines:
        back = await store.save(conn, other, back, channel=touch.channel, now=touch.now)
        await leaving.watch(conn, back, settings)
        return
    await store.save(conn, other, replace(other, status="discarded"), channel=touch.channel, now=touch.now)
    both = rules.merge(_side(new), side, "sum", {}).side
    await store.save(
        conn, new, replace(new, lines=both.lines, coupons=both.coupons), channel=touch.channel, now=touch.now
    )


async def separate(conn: Connection, persons: Collection[int], touch: Touch) -> None:
    """After a split: merges across the people it made are undone, newest first, and lines go with who put them in.

    A cart being paid stays as it is: the one who pays buys what he sees. It is separated when it is given up.
    """
    for row in await _sql.merges_across(conn, persons=sorted(persons)):
        parting = await _parting(conn, row["id"])
        if parting is None:
            continue
        root, other, settings = await _both(conn, parting, touch)
        if root.status == "active":
            await _take_apart(conn, row["id"], parting, root, other, settings, touch, "split")
    for row in await _sql.stray_lines(conn, persons=sorted(persons)):
        await _send_home(conn, row["id"], row["node_id"], touch)


async def _send_home(conn: Connection, cart_id: UUID, node_id: int, touch: Touch) -> None:
    """Lines that an identifier put into a cart that is somebody else's now, into a cart of its own."""
    cart, _, settings = await store.lock(conn, cart_id, now=touch.now)
    moving = tuple(line for line in cart.lines if line.node_id == node_id)
    if not moving or cart.status != "active":
        return
    home = await _home(conn, node_id, cart, touch)
    if home is None:
        return
    stays = tuple(line for line in cart.lines if line.node_id != node_id)
    await store.save(conn, cart, replace(cart, lines=stays), channel=touch.channel, now=touch.now)
    lines = rules.merge(_side(home), Side(lines=moving, coupons=()), "sum", {}).side.lines
    home = await store.save(conn, home, replace(home, lines=lines), channel=touch.channel, now=touch.now)
    await leaving.watch(conn, home, settings)


async def _home(conn: Connection, node_id: int, like: Cart, touch: Touch) -> Cart | None:
    """An active cart of the node's person in the same currency, a new one when there is none; None while he pays."""
    found = await store.lock_of_person(conn, node_id, now=touch.now)
    for cart in found.carts:
        if cart.status == "active" and cart.currency == like.currency:
            return cart
    made = await store.create(
        conn,
        node_id=node_id,
        channel=like.channel,
        store_id=like.store_id,
        currency=like.currency,
        now=touch.now,
    )
    return None if made is None else (await store.lock(conn, made, now=touch.now)).cart


async def people_of(conn: Connection, nodes: Collection[int]) -> set[int]:
    """Who these nodes are now; what is no node any more is nobody."""
    return {row["person_id"] for row in await _sql.persons_of(conn, nodes=sorted(nodes))}


async def merge_people(conn: Connection, persons: Collection[int], touch: Touch) -> None:
    """After a join: whoever has several active carts has one."""
    for row in await _sql.persons_with_several(conn, persons=sorted(persons)):
        await open_carts(conn, row["node_id"], touch)
