"""Stock: by place and by sku, movements, promises, what is at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.callers import seen_stores
from unisono.commerce.inventory.model import StockPromise
from unisono.console import contexts, links
from unisono.console.lists import stock as lists
from unisono.console.pages import AnyRequest, page, pool_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import shopwords
from unisono.console.views import stock as views
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.words import Words
from unisono.kit.database import Connection, connection
from unisono.kit.errors import NotFound, UnisonoError

SECTION = "stock"
PAGE_SIZE = 60
MOST_PROMISES = 200
SHORT = 15
"""Movements on the page of a sku."""


class Wish(NamedTuple):
    """What the address of a list asks for."""

    query: str
    place: str
    low: bool
    after: int

    def href(self, path: str, **changes: str | int | None) -> str:
        """The address with some of it changed; paging starts anew."""
        present = {"q": self.query, "place": self.place, "low": "yes" if self.low else None}
        return links.with_query(path, {**present, **changes})


class Scope(NamedTuple):
    """What a list is about: the reader's places, those asked for, the skus meant, and how places are called."""

    own: frozenset[str] | None
    places: list[str] | None
    skus: list[str] | None
    names: dict[str, str]
    risks: int


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def wish_of(request: AnyRequest) -> Wish:
    """What is asked for."""
    return Wish(
        asked(request, "q"), asked(request, "place"), asked(request, "low") == "yes", _number(asked(request, "after"))
    )


async def scope_of(conn: Connection, principal: Principal, wish: Wish, words: Words) -> Scope:
    """What of it the reader may see."""
    places = seen_stores(principal, [wish.place] if wish.place else None)
    names = {one.code: one.name for one in await inventory.locations(conn)}
    if principal.stores is not None:
        names = {code: name for code, name in names.items() if code in principal.stores}
    skus = await lists.skus_of(conn, wish.query, words.language) if wish.query else None
    return Scope(principal.stores, places, skus, names, await lists.open_risks(conn, principal.stores))


def sentence(wish: Wish, scope: Scope, words: Words) -> str:
    """The filter in words."""
    parts = []
    if wish.query:
        parts.append(words.gettext("name, sku or barcode contains “%(query)s”") % {"query": wish.query})
    if wish.place:
        parts.append(words.gettext("in %(place)s") % {"place": scope.names.get(wish.place, wish.place)})
    if wish.low:
        parts.append(words.gettext("running low"))
    return ", ".join(parts)


@get(links.STOCK, guards=[requires("catalog:read")], include_in_schema=False)
async def list_stock(request: AnyRequest) -> Response[str]:
    """What lies where, in all its states."""
    principal, wish, now = caller(request), wish_of(request), now_of(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        scope = await scope_of(conn, principal, wish, words)
        rows = await reading.stock(
            conn,
            skus=scope.skus,
            locations=scope.places,
            low=wish.low,
            after=wish.after,
            limit=PAGE_SIZE + 1,
            now=now,
        )
        narrowed = bool(wish.query or wish.place or wish.low or wish.after)
        any_stock = bool(rows) or narrowed or (scope.own is None and await lists.any_stock(conn))
    more = rows[PAGE_SIZE - 1].good_id if len(rows) > PAGE_SIZE else None
    view = contexts.Stock(
        rows=[views.line(row, scope.own) for row in rows[:PAGE_SIZE]],
        paging=contexts.Paging(
            shown=min(len(rows), PAGE_SIZE),
            previous_href=wish.href(links.STOCK) if wish.after else None,
            next_href=wish.href(links.STOCK, after=more) if more else None,
        ),
        tabs=views.tabs(links.STOCK, words, risks=scope.risks),
        query=wish.query,
        place=wish.place,
        places=shopwords.place_choices(scope.names.items(), wish.place),
        low=wish.low,
        chips=[
            contexts.Chip(
                label=words.gettext("Everything"), href=wish.href(links.STOCK, low=None), selected=not wish.low
            ),
            contexts.Chip(
                label=words.gettext("Running low"), href=wish.href(links.STOCK, low="yes"), selected=wish.low
            ),
        ],
        any_stock=any_stock,
        filter_sentence=sentence(wish, scope, words),
        clear_href=links.STOCK,
        can_write=principal.may("stock:write"),
    )
    return await page(request, view, title=words.gettext("Stock"), section=SECTION)


@get(links.STOCK_MOVEMENTS, guards=[requires("catalog:read")], include_in_schema=False)
async def list_movements(request: AnyRequest) -> Response[str]:
    """Why units came and went, newest first."""
    principal, wish = caller(request), wish_of(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        scope = await scope_of(conn, principal, wish, words)
        rows = await reading.movements(
            conn, skus=scope.skus, locations=scope.places, before=wish.after or None, limit=PAGE_SIZE + 1
        )
    more = rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None
    view = contexts.StockMovements(
        rows=[views.movement(row, words, scope.names) for row in rows[:PAGE_SIZE]],
        paging=contexts.Paging(
            shown=min(len(rows), PAGE_SIZE),
            previous_href=wish.href(links.STOCK_MOVEMENTS) if wish.after else None,
            next_href=wish.href(links.STOCK_MOVEMENTS, after=more) if more else None,
        ),
        tabs=views.tabs(links.STOCK_MOVEMENTS, words, risks=scope.risks),
        query=wish.query,
        place=wish.place,
        places=shopwords.place_choices(scope.names.items(), wish.place),
        narrowed=bool(wish.query or wish.place or wish.after),
        filter_sentence=sentence(wish, scope, words),
        clear_href=links.STOCK_MOVEMENTS,
    )
    return await page(request, view, title=words.gettext("Movements of stock"), section=SECTION)


async def promise_rows(
    conn: Connection, found: Sequence[StockPromise], principal: Principal, names: dict[str, str], words: Words
) -> list[contexts.PromiseRow]:
    """Promises with whom they were made to, as far as the reader may know."""
    whose = await lists.owners(conn, [row.node_id for row in found], principal.stores)
    contacts = principal.may("people:contact")
    people = await shopwords.people_named(conn, whose.values(), words, contacts=contacts)
    if not principal.may("people:read"):
        people = {}
    of = await lists.orders_of(conn, [row.id for row in found])
    told = [
        msgspec.structs.replace(row, reason="order", reference=f"order:{of[row.id]}") if row.id in of else row
        for row in found
    ]
    return [views.promise(row, words, names, people.get(whose.get(row.node_id or 0, 0))) for row in told]


@get(links.STOCK_PROMISES, guards=[requires("catalog:read", "orders:read")], include_in_schema=False)
async def list_promises(request: AnyRequest) -> Response[str]:
    """Units promised to somebody and not handed over, who waits longest first."""
    principal, wish = caller(request), wish_of(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        scope = await scope_of(conn, principal, wish, words)
        found = await reading.promises(
            conn, skus=scope.skus, locations=scope.places, limit=MOST_PROMISES, now=now_of(request)
        )
        rows = await promise_rows(conn, found, principal, scope.names, words)
    view = contexts.StockPromises(
        rows=rows,
        paging=contexts.Paging(shown=len(rows)),
        tabs=views.tabs(links.STOCK_PROMISES, words, risks=scope.risks),
        query=wish.query,
        place=wish.place,
        places=shopwords.place_choices(scope.names.items(), wish.place),
        narrowed=bool(wish.query or wish.place),
        filter_sentence=sentence(wish, scope, words),
        clear_href=links.STOCK_PROMISES,
    )
    return await page(request, view, title=words.gettext("Promises of stock"), section=SECTION)


async def show_risks(request: AnyRequest, *, error: UnisonoError | None = None) -> Response[str]:
    """The list of promises at risk, with what was wrong about the last form."""
    principal, settled = caller(request), asked(request, "settled") == "yes"
    words, before = words_of(request, principal), _number(asked(request, "after"))
    async with connection(pool_of(request)) as conn:
        scope = await scope_of(conn, principal, Wish("", "", False, 0), words)
        found = await reading.risks(
            conn, locations=scope.places, settled=settled, before=before or None, limit=PAGE_SIZE + 1
        )
    more = found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None
    kept = {"settled": "yes" if settled else None}
    view = contexts.StockRisks(
        rows=[
            views.risk(row, words, scope.names, can_settle=principal.may("stock:write")) for row in found[:PAGE_SIZE]
        ],
        paging=contexts.Paging(
            shown=min(len(found), PAGE_SIZE),
            previous_href=links.with_query(links.STOCK_RISKS, kept) if before else None,
            next_href=links.with_query(links.STOCK_RISKS, {**kept, "after": more}) if more else None,
        ),
        tabs=views.tabs(links.STOCK_RISKS, words, risks=scope.risks),
        chips=[
            contexts.Chip(label=words.gettext("To settle"), href=links.STOCK_RISKS, selected=not settled),
            contexts.Chip(
                label=words.gettext("Settled too"),
                href=links.with_query(links.STOCK_RISKS, {"settled": "yes"}),
                selected=settled,
            ),
        ],
        settled=settled,
        problem=problem_with_reasons(words, error) if error else None,
    )
    status = error.status if error else 200
    return await page(request, view, title=words.gettext("Promises at risk"), section=SECTION, status=status)


@get(links.STOCK_RISKS, guards=[requires("catalog:read")], include_in_schema=False)
async def list_risks(request: AnyRequest) -> Response[str]:
    """Promises the till has put in danger."""
    return await show_risks(request)


# One sku ----------------------------------------------------------------------------------------------


async def _channels(
    conn: Connection, request: AnyRequest, variant: Variant, scope: Scope, words: Words
) -> list[contexts.ChannelStock]:
    found = {}
    for channel in views.SHOWN_CHANNELS:
        places = await inventory.availability(
            conn, [variant.id], channel=channel, locations=scope.places, now=now_of(request)
        )
        found[channel] = places[variant.id]
    return views.channel_stock(found, words)


async def _parts(conn: Connection, variant: Variant) -> list[contexts.StockPart]:
    inside = (await catalog.components(conn, [variant.id])).get(variant.id, ()) if variant.is_kit else ()
    known = await catalog.variants(conn, ids=[part for part, _ in inside])
    return [
        contexts.StockPart(
            sku=known[part].sku, name=known[part].name, quantity=units, href=links.stock_of(known[part].sku)
        )
        for part, units in inside
    ]


async def show_sku(
    request: AnyRequest, code: str, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    """The page of a sku, with what was wrong about the last form."""
    principal, now = caller(request), now_of(request)
    words, drafts = words_of(request, principal), drafts or {}
    async with connection(pool_of(request)) as conn:
        variant = await catalog.variant_by_code(conn, code)
        scope = await scope_of(conn, principal, Wish("", "", False, 0), words)
        skus = [variant.sku]
        rows = await reading.stock(conn, skus=skus, locations=scope.places, limit=500, now=now)
        moved = await reading.movements(conn, skus=skus, locations=scope.places, limit=SHORT)
        promised: list[contexts.PromiseRow] = []
        if principal.may("orders:read"):
            found = await reading.promises(conn, skus=skus, locations=scope.places, limit=MOST_PROMISES, now=now)
            promised = await promise_rows(conn, found, principal, scope.names, words)
        every = [(one.code, one.name) for one in await inventory.locations(conn) if one.closed_at is None]
        channels = await _channels(conn, request, variant, scope, words)
        parts = await _parts(conn, variant)
        limitless = not (rows or parts or await reading.stock(conn, skus=skus, limit=1, now=now))
    place, kept = drafts.get("place") or asked(request, "place"), {row.location for row in rows}
    # Where some of it lies comes first: that is where people count.
    first = sorted(every, key=lambda one: one[0] not in kept)
    view = contexts.StockSku(
        sku=variant.sku,
        name=variant.name,
        product_href=links.product(variant.sku),
        lines=[views.line(row, scope.own) for row in rows],
        parts=parts,
        limitless=limitless,
        channels=channels,
        movements=[views.movement(row, words, scope.names) for row in moved],
        movements_href=links.with_query(links.STOCK_MOVEMENTS, {"q": variant.sku}) if len(moved) == SHORT else "",
        promises=promised,
        own=shopwords.place_choices([one for one in first if shopwords.only(scope.own, one[0])], place),
        places=shopwords.place_choices(every, drafts.get("to", "")),
        reasons=[
            contexts.Choice(value=one, label=shopwords.why_text(one, words), selected=one == drafts.get("reason"))
            for one in shopwords.CHANGES
        ],
        part=drafts.get("part", "count"),
        drafts=drafts,
        problem=problem_with_reasons(words, error) if error else None,
        overrule=error is not None and error.code == "would_break_promises",
        can_write=principal.may("stock:write") and not variant.is_kit,
    )
    return await page(request, view, title=view.name, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.stock_of, "code", "path"), guards=[requires("catalog:read")], include_in_schema=False)
async def read_sku(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """The stock of a sku in every place; any barcode of it leads here."""
    code = code.removeprefix("/")
    if not code:
        raise NotFound("There is no page without a sku.", code="http_404")
    return await show_sku(request, code)


routes: list[ControllerRouterHandler] = [list_stock, list_movements, list_promises, list_risks, read_sku]
