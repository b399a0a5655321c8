"""Products: the list, the page of one, changes."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.catalog import pages as catalogue_pages
from unisono.commerce.catalog import searching
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import ProductUnknown
from unisono.commerce.catalog.model import FoundProduct, ProductInput, ProductList, ProductView
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, settings_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.views import products as views
from unisono.console.views.commerce import STATUSES, channel_choices, problem_with_reasons, status_badge, status_choices
from unisono.console.views.product_forms import item_of
from unisono.console.words import Words
from unisono.customers.web import unit
from unisono.kit.database import Connection, connection
from unisono.kit.errors import Conflict, UnisonoError
from unisono.kit.i18n import LANGUAGES
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "products"
PAGE_SIZE = 50
SHOWN_CHANNEL = "web"
"""Prices of a list of products are those of the web shop."""


def asked(request: AnyRequest, name: str, longest: int = 200) -> str:
    """A parameter of the address, without what no database keeps."""
    return request.query_params.get(name, "").replace("\x00", "").strip()[:longest]


async def shown_currency(conn: Connection, request: AnyRequest) -> str:
    """The currency prices are shown in: the company's, or that of the only lists there are."""
    own = settings_of(request).currency
    known = {one.currency for one in await pricing.price_lists(conn) if one.disabled_at is None}
    return own if own in known or len(known) != 1 else known.pop()


async def prices_of(
    conn: Connection, request: AnyRequest, skus: list[str], *, channel: str = SHOWN_CHANNEL
) -> dict[str, PriceAnswer]:
    """What skus cost now in a channel, in the company's currency."""
    ids = await pricing.find_variants(conn, skus)
    found = await pricing.prices(
        conn,
        ids.values(),
        channel=channel,
        store_id=None,
        currency=await shown_currency(conn, request),
        at=now_of(request),
    )
    return {sku: found[variant] for sku, variant in ids.items() if variant in found}


async def _found(conn: Connection, request: AnyRequest, words: Words) -> ProductList:
    query, category, status = asked(request, "q"), asked(request, "category") or None, asked(request, "status")
    statuses: Any = (status,) if status in STATUSES else searching.ALL
    after = asked(request, "after") or None
    if query:
        return await searching.search(
            conn,
            query,
            language=words.language,
            category=category,
            statuses=statuses,
            limit=PAGE_SIZE,
            after=after,
        )
    return await searching.list_products(conn, category=category, statuses=statuses, limit=PAGE_SIZE, after=after)


def _chips(request: AnyRequest, words: Words) -> list[contexts.Chip]:
    chosen = asked(request, "status")
    kept = {"q": asked(request, "q"), "category": asked(request, "category")}
    every = contexts.Chip(
        label=words.gettext("All products"), href=links.with_query(links.PRODUCTS, kept), selected=not chosen
    )
    return [
        every,
        *(
            contexts.Chip(
                label=words.gettext(text),
                href=links.with_query(links.PRODUCTS, {**kept, "status": status}),
                selected=status == chosen,
            )
            for status, (text, _) in STATUSES.items()
        ),
    ]


def _sentence(request: AnyRequest, names: dict[str, str], words: Words) -> str:
    query, category, status = (asked(request, name) for name in ("q", "category", "status"))
    parts = []
    if query:
        parts.append(words.gettext("name, sku or barcode contains “%(query)s”") % {"query": query})
    if category:
        parts.append(words.gettext("in %(category)s") % {"category": names.get(category, category)})
    if status in STATUSES:
        parts.append(words.gettext(STATUSES[status][0]))
    return ", ".join(parts)


async def _rows(
    conn: Connection, request: AnyRequest, found: tuple[FoundProduct, ...], names: dict[str, str], words: Words
) -> list[contexts.ProductRow]:
    first = {one.code: one.skus[0] for one in found if one.skus}
    prices = await prices_of(conn, request, list(first.values()))
    stocks = {row["code"]: row for row in await _sql.stock_of_products(conn, codes=[one.code for one in found])}
    return [
        views.product_row(one, prices.get(first.get(one.code, "")), stocks.get(one.code), names, words) for one in found
    ]


async def _show_list(
    request: AnyRequest, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    kept = {name: asked(request, name) for name in ("q", "category", "status")}
    async with connection(pool_of(request)) as conn:
        found = await _found(conn, request, words)
        tree = await catalogue_pages.categories(conn)
        names = views.category_names(tree, words)
        rows = await _rows(conn, request, found.products, names, words)
    narrowed = any(kept.values()) or bool(asked(request, "after"))
    view = contexts.Products(
        rows=rows,
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.PRODUCTS, kept) if asked(request, "after") else None,
            next_href=links.with_query(links.PRODUCTS, {**kept, "after": found.next}) if found.next else None,
        ),
        query=kept["q"],
        category=kept["category"],
        categories=views.category_choices(tree, kept["category"], words),
        chips=_chips(request, words),
        any_products=bool(rows) or narrowed,
        filter_sentence=_sentence(request, names, words),
        clear_href=links.PRODUCTS,
        can_write=principal.may("catalog:write"),
        drafts=drafts or {},
        problem=problem_with_reasons(words, error) if error else None,
    )
    status = error.status if error else 200
    return await page(request, view, title=words.gettext("Products"), section=SECTION, status=status)


@get(links.PRODUCTS, guards=[requires("catalog:read")], include_in_schema=False)
async def list_products(request: AnyRequest) -> Response[str]:
    """Products by words, category and status."""
    return await _show_list(request)


def _languages(chosen: str) -> list[contexts.Choice]:
    return [contexts.Choice(value=code, label=code, selected=code == chosen) for code in LANGUAGES]


async def _product(
    conn: Connection, request: AnyRequest, principal: Principal, view: ProductView, words: Words
) -> contexts.Product:
    channel = asked(request, "channel") or SHOWN_CHANNEL
    language = asked(request, "language", 35) or words.language
    skus = [one.sku for one in view.variants]
    prices = await prices_of(conn, request, skus, channel=channel)
    stocks = {row["sku"]: row for row in await _sql.stock_of_skus(conn, skus=skus)}
    path = [one.code for one in view.categories]
    used = await _sql.product_used_by(conn, skus=skus, codes=[view.code, *path], now=now_of(request))
    rows = await catalogue_pages.attribute_rows(conn, view.code)
    tree = await catalogue_pages.categories(conn) if principal.may("catalog:write") else []
    taxes = await _sql.tax_classes(conn)
    return contexts.Product(
        code=view.code,
        name=view.name,
        version=view.version,
        status=view.status,
        badge=status_badge(view.status, words),
        brand=view.brand or "",
        category=path[-1] if path else "",
        path=[one.name for one in view.categories],
        description=view.description or "",
        channels=channel_choices(channel, words),
        languages=_languages(language),
        variants=[
            views.variant_row(
                one, prices.get(one.sku), stocks.get(one.sku), words, chosen=one.sku == view.sku and len(skus) > 1
            )
            for one in view.variants
        ],
        attributes=views.attribute_lines(rows, sku=view.sku, channel=channel, language=language, words=words),
        pictures=[contexts.PictureRow(url=one.url, alt=one.alt, sku=one.sku or "") for one in view.images],
        used_by=views.used_by(used, words),
        categories=views.category_choices(tree, path[-1] if path else "", words),
        taxes=[
            contexts.Choice(value=row["code"], label=f"{row['code']} ({row['rate_bp'] / 100:g} %)") for row in taxes
        ],
        statuses=status_choices(view.status, words),
        can_write=principal.may("catalog:write"),
    )


async def _show_product(
    request: AnyRequest, code: str, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    channel, language = asked(request, "channel") or SHOWN_CHANNEL, asked(request, "language", 35) or words.language
    async with connection(pool_of(request)) as conn:
        found = await catalogue_pages.product_page(conn, code, channel=channel, language=language)
        view = await _product(conn, request, principal, found, words)
    if error is not None:
        drafts = drafts or {}
        view = msgspec.structs.replace(
            view, part=drafts.get("part", ""), drafts=drafts, problem=problem_with_reasons(words, error)
        )
    return await page(request, view, title=view.name, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.product, "code", "path"), guards=[requires("catalog:read")], include_in_schema=False)
async def show_product(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """A product with its variants, by its code or that of a variant."""
    return await _show_product(request, code.removeprefix("/"))


async def _is_there(conn: Connection, code: str) -> bool:
    try:
        return (await catalogue_pages.product_page(conn, code)).code == code
    except ProductUnknown:
        return False


async def _save(conn: Connection, request: AnyRequest, item: ProductInput) -> bool:
    """Whether anything changed. Raises CatalogueRefused."""
    report = await catalog.save_products(conn, [item], caller(request).actor, offered_at=now_of(request))
    if report.rejected:
        raise catalog.refused(report.rejected[0].reasons)
    return report.outcomes[0] != "unchanged"


@post(links.PRODUCT_SAVE, guards=[requires("catalog:write")], include_in_schema=False)
async def save_product(request: AnyRequest) -> Response[Any]:
    """Make a product, or change a part of one."""
    principal, form = caller(request), await form_of(request)
    words, code = words_of(request, principal), form.get("code", "").strip()
    new = form.get("part") == "new"
    try:
        item = item_of(form)
        async with unit(pool_of(request)) as conn:
            if new and await _is_there(conn, item.code):
                raise Conflict(f"There is a product {item.code} already.", code="product_code_taken", field="code")
            changed = await _save(conn, request, item)
    except UnisonoError as error:
        if new:
            return await _show_list(request, drafts=form, error=error)
        return await _show_product(request, code, drafts=form, error=error)
    if new:
        text = words.gettext("The product is there; give it a price.")
    else:
        text = words.gettext("Saved: every channel knows.") if changed else words.gettext("Nothing was changed.")
    return go(request, links.product(item.code), text)


routes: list[ControllerRouterHandler] = [list_products, show_product, save_product]
