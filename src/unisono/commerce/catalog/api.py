"""Catalog over the API: products, variants by any code, categories, imports."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.catalog import pages, searching
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.importing import ImportReport, import_table
from unisono.commerce.catalog.model import (
    Category,
    CategoryInput,
    ProductFields,
    ProductInput,
    ProductList,
    ProductView,
    SaveReport,
    Status,
    Variant,
)
from unisono.commerce.catalog.tables import read_csv
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, TooLarge
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

MAX_BODY = 16_000_000
"""Bytes of one request: a CSV of about 150,000 plain rows. Longer files go by `unisono catalog import`."""

MAX_PRODUCTS = 1_000
IMPORT_PART = 500
"""Rows a transaction of an import over the API: other requests of the process wait some 20 ms at most."""

Code = Annotated[str, PathParameter(min_length=1, max_length=120)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
Language = Annotated[str | None, Parameter(max_length=35, description="As it or it-CH.")]
Channel = Annotated[str | None, Parameter(max_length=100, description="As web, app, store.")]
CategoryCode = Annotated[str | None, Parameter(min_length=1, max_length=100, description="With those below it.")]
StatusFilter = Annotated[
    list[Status] | None, QueryParameter(name="status", description="May be repeated; a search finds active ones.")
]


class ProductsRequest(msgspec.Struct, frozen=True):
    """Products to make or change; a bad one spoils no other."""

    products: list[ProductInput]


class CategoriesRequest(msgspec.Struct, frozen=True):
    """Categories to make or change, all or none."""

    categories: list[CategoryInput]


class CategoriesChanged(msgspec.Struct, frozen=True):
    """How many categories changed."""

    changed: int


@get(
    "/api/products", guards=[requires("catalog:read")], tags=["Catalogue"], responses=PROBLEMS, summary="Find products"
)
async def find_products(
    request: AnyRequest,
    q: Annotated[str | None, Parameter(description="Words, or a sku or barcode.")] = None,
    category: CategoryCode = None,
    statuses: StatusFilter = None,
    language: Language = None,
    after: Annotated[str | None, Parameter(max_length=120, description="``next`` of the page before.")] = None,
    limit: Limit = 50,
) -> ProductList:
    """Products by words, exact codes first; without ``q`` all of them by code."""
    async with connection(request.app.state.pool) as conn:
        if q is not None and q.strip():
            return await searching.search(
                conn,
                q,
                language=language,
                category=category,
                statuses=statuses or searching.SOLD,
                limit=limit,
                after=after,
            )
        return await searching.list_products(
            conn, category=category, statuses=statuses or searching.ALL, limit=limit, after=after
        )


@post(
    "/api/products",
    guards=[requires("catalog:write")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    response_description="What became of each.",
    status_code=200,
    request_max_body_size=MAX_BODY,
    summary="Make or change products",
)
async def save_products(request: AnyRequest, data: JSONBody[ProductsRequest]) -> Response[SaveReport]:
    """Make or change up to 1,000 products; what is not named stays. Takes an Idempotency-Key."""
    if len(data.products) > MAX_PRODUCTS:
        raise TooLarge(f"At most {MAX_PRODUCTS} products at once.", hint="Send several requests, or import a file.")
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> SaveReport:
        return await catalog.save_products(conn, data.products, actor, offered_at=now)

    return await write(request, act)


@get(
    "/api/products/{code:str}",
    guards=[requires("catalog:read")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    summary="One product",
)
async def read_product(
    request: AnyRequest, code: Code, channel: Channel = None, language: Language = None
) -> ProductView:
    """A product by its code, or by the sku or barcode of a variant, as a channel shows it in a language."""
    async with connection(request.app.state.pool) as conn:
        return await pages.product_page(conn, code, channel=channel, language=language)


@put(
    "/api/products/{code:str}",
    guards=[requires("catalog:write")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    response_description="As it is now.",
    request_max_body_size=MAX_BODY,
    summary="Make or change a product",
)
async def save_product(request: AnyRequest, code: Code, data: JSONBody[ProductFields]) -> Response[ProductView]:
    """Make or change one product; what is not named stays. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    item = ProductInput(code=code, **{name: getattr(data, name) for name in data.__struct_fields__})

    async def act(conn: Connection) -> ProductView:
        report = await catalog.save_products(conn, [item], actor, offered_at=now)
        if report.rejected:
            raise catalog.refused(report.rejected[0].reasons)
        return await pages.product_page(conn, code)

    return await write(request, act)


@get(
    "/api/variants/{sku:str}",
    guards=[requires("catalog:read")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    summary="One variant",
)
async def read_variant(request: AnyRequest, sku: Code) -> Variant:
    """A variant by its sku, by a GTIN in any of its lengths, or by a barcode of the shop's own."""
    async with connection(request.app.state.pool) as conn:
        return await catalog.variant_by_code(conn, sku)


@get("/api/categories", guards=[requires("catalog:read")], tags=["Catalogue"], responses=PROBLEMS, summary="Categories")
async def read_categories(request: AnyRequest) -> list[Category]:
    """The tree of categories, each after its parent."""
    async with connection(request.app.state.pool) as conn:
        return await pages.categories(conn)


@post(
    "/api/categories",
    guards=[requires("catalog:write")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    response_description="How many changed.",
    status_code=200,
    request_max_body_size=MAX_BODY,
    summary="Make or change categories",
)
async def save_categories(request: AnyRequest, data: JSONBody[CategoriesRequest]) -> Response[CategoriesChanged]:
    """Make or change up to 1,000 categories, all or none. Takes an Idempotency-Key."""
    if len(data.categories) > MAX_PRODUCTS:
        raise TooLarge(f"At most {MAX_PRODUCTS} categories at once.")
    actor = caller(request).actor

    async def act(conn: Connection) -> CategoriesChanged:
        return CategoriesChanged(await catalog.save_categories(conn, data.categories, actor))

    return await write(request, act)


@post(
    "/api/products/import",
    guards=[requires("catalog:write")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    status_code=200,
    request_max_body_size=MAX_BODY,
    summary="Import products",
)
async def import_products(
    request: AnyRequest,
    dry_run: Annotated[bool, Parameter(description="Say what would happen, write nothing.")] = False,
    columns: Annotated[
        list[str] | None, QueryParameter(name="map", description="HEADER=COLUMN; may be repeated.")
    ] = None,
    language: Annotated[str, Parameter(min_length=2, max_length=35, description="Of the category names.")] = "en",
) -> ImportReport:
    """Take a CSV (the body, UTF-8, at most 16 MB) into the catalogue; sent again it changes nothing."""
    pairs = [text.rpartition("=") for text in columns or ()]
    if not all(equals for _, equals, _ in pairs):
        raise BadRequest("Write map=HEADER=COLUMN.", code="bad_mapping")
    return await import_table(
        request.app.state.pool,
        await asyncio.to_thread(read_csv, await request.body()),
        dry_run=dry_run,
        mapping={header: column for header, _, column in pairs},
        actor=caller(request).actor,
        language=language,
        part=IMPORT_PART,
    )


routes: list[ControllerRouterHandler] = [
    find_products,
    save_products,
    read_product,
    save_product,
    read_variant,
    read_categories,
    save_categories,
    import_products,
]
