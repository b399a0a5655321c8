"""Search over everything: the palette, and the same as a page."""

from __future__ import annotations

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, requires
from unisono.commerce.catalog import searching
from unisono.console import contexts, links
from unisono.console.lists.orders import by_name
from unisono.console.pages import SECTION_PERMISSIONS, AnyRequest, page, pool_of, words_of
from unisono.console.routes.reader import audited
from unisono.console.views.labels import brief
from unisono.console.views.people import display_name
from unisono.console.words import Words
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.service import Found
from unisono.customers.segments.service import list_segments
from unisono.kit.database import transaction

MOST_PEOPLE = 8
MOST_PRODUCTS = 5
MOST_SEGMENTS = 500


def _screens(query: str, principal: Principal, words: Words) -> list[contexts.Hit]:
    """Screens the reader may open whose name, in their language or in English, holds the query."""
    wanted = query.casefold()
    return [
        contexts.Hit(label=words.gettext(entry.label), href=entry.href, hint=words.gettext(group.label))
        for group in links.NAVIGATION
        for entry in group.entries
        if principal.may(SECTION_PERMISSIONS[entry.name])
        and (wanted in words.gettext(entry.label).casefold() or wanted in entry.label.casefold())
    ]


def _actions(query: str, principal: Principal, words: Words) -> list[contexts.Hit]:
    _ = words.gettext
    known = [
        (_("Create a key"), links.SOURCES, "sources:manage"),
        (_("Invite someone"), links.TEAM, "team:manage"),
        (_("See failed events"), links.with_query(links.LIVE, {"tab": "failed"}), "events:read"),
        (_("New promotion"), links.PROMOTION_BUILDER, "promotions:write"),
        (_("New segment"), links.SEGMENT_BUILDER, "segments:write"),
        (_("Try a basket"), links.PROMOTION_SIMULATOR, "catalog:read"),
        (_("Import products"), links.CATALOGUE_IMPORT, "catalog:write"),
        (_("At the counter"), links.COUNTER, "orders:read"),
        (_("Open carts"), links.CARTS, "orders:read"),
        (_("Promises at risk"), links.STOCK_RISKS, "catalog:read"),
        (_("New broadcast"), links.BROADCAST_FORM, "broadcasts:send"),
        (_("Try a message"), links.POLICY_SIMULATOR, "voice:read"),
        (_("Blocked addresses"), links.CONSENT_BLOCKED, "privacy:manage"),
        (_("Requests of people"), links.PRIVACY_REQUESTS, "privacy:manage"),
        (_("Most valuable people"), links.with_query(links.PEOPLE, {"sort": "value"}), "people:read"),
    ]
    return [
        contexts.Hit(label=label, href=href)
        for label, href, permission in known
        if principal.may(permission) and query.casefold() in label.casefold()
    ]


def _person_hit(found: Found, words: Words, *, contacts: bool) -> contexts.Hit:
    hint = ""
    if found.identifiers:
        shown = brief(*found.identifiers[0], words, contacts=contacts)
        hint = f"{shown.label} {shown.value}"
    name = display_name(found.name, found.identifiers, words, contacts=contacts)
    return contexts.Hit(label=name, href=links.person(found.id), hint=hint if found.name else "")


async def _products(request: AnyRequest, query: str) -> list[contexts.Hit]:
    """Products by words or by any of their codes."""
    principal = caller(request)
    if not query or not principal.may("catalog:read"):
        return []
    language = words_of(request, principal).language
    async with transaction(pool_of(request)) as conn:
        found = await searching.search(conn, query, language=language, statuses=searching.ALL, limit=MOST_PRODUCTS)
    return [contexts.Hit(label=one.name, href=links.product(one.code), hint=one.code) for one in found.products]


async def _orders(request: AnyRequest, query: str) -> list[contexts.Hit]:
    """An order by its number here, or where it comes from."""
    principal = caller(request)
    if not query or not principal.may("orders:read"):
        return []
    async with transaction(pool_of(request)) as conn:
        found = await by_name(conn, query, principal.stores)
    return [contexts.Hit(label=one.number, href=links.order(one.number), hint=one.source_order_id) for one in found]


async def _segments(request: AnyRequest, query: str) -> list[contexts.Hit]:
    """Segments whose name or code holds the query."""
    if not query or not caller(request).may("segments:read"):
        return []
    wanted = query.casefold()
    async with transaction(pool_of(request)) as conn:
        known = await list_segments(conn, statuses=["live", "draft"], limit=MOST_SEGMENTS)
    found = [one for one in known if wanted in one.name.casefold() or wanted in one.code]
    return [contexts.Hit(label=one.name, href=links.segment(one.code), hint=one.code) for one in found[:MOST_PRODUCTS]]


async def _groups(request: AnyRequest, query: str) -> list[contexts.HitGroup]:
    principal = caller(request)
    words = words_of(request, principal)
    people: list[Found] = []
    if query and principal.may("people:read"):
        async with transaction(pool_of(request)) as conn:
            stores = None if principal.stores is None else sorted(principal.stores)
            people = await profiles.search(conn, query, stores=stores, limit=MOST_PEOPLE)
            await audited(conn, principal, "people.search", query=query, people=[found.id for found in people])
    contacts_too = principal.may("people:contact")
    hits = [_person_hit(found, words, contacts=contacts_too) for found in people]
    return [
        contexts.HitGroup(title=words.gettext("People"), hits=hits),
        contexts.HitGroup(title=words.gettext("Orders"), hits=await _orders(request, query)),
        contexts.HitGroup(title=words.gettext("Products"), hits=await _products(request, query)),
        contexts.HitGroup(title=words.gettext("Segments"), hits=await _segments(request, query)),
        contexts.HitGroup(title=words.gettext("Screens"), hits=_screens(query, principal, words)),
        contexts.HitGroup(title=words.gettext("Actions"), hits=_actions(query, principal, words)),
    ]


def _query(request: AnyRequest) -> str:
    return request.query_params.get("q", "").replace("\x00", "").strip()[:200]


@get(links.PALETTE, guards=[requires()], include_in_schema=False)
async def palette(request: AnyRequest) -> Response[str]:
    """What the palette shows for a query."""
    query = _query(request)
    view = contexts.Palette(query=query, groups=await _groups(request, query))
    return await page(request, view, title="")


@get(links.SEARCH, guards=[requires()], include_in_schema=False)
async def search(request: AnyRequest) -> Response[str]:
    """The same as a page, for those without JavaScript."""
    query = _query(request)
    groups = await _groups(request, query) if query else []
    title = words_of(request, caller(request)).gettext("Search")
    return await page(request, contexts.Search(query=query, groups=groups), title=title)


routes: list[ControllerRouterHandler] = [palette, search]
