"""What can be bought, as a channel shows it: products, prices, availability, offers, reviews; and the points of one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import now_of, requires
from unisono.commerce.catalog import searching
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.channel import reviews, shelf
from unisono.commerce.channel.cart_api import currency_of
from unisono.commerce.channel.reviews import NewReview, Reviews, Written
from unisono.commerce.channel.shelf import OnShelf, ProductPage, Shelf
from unisono.commerce.channel.speaking import AnyRequest, Speaker, audiences_of, person_nodes, speaker_of
from unisono.commerce.points import service as points
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Promotion
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.web import PROBLEMS, PathId

GUARD = [requires("channel:use")]
TAGS = ["Channels"]

Code = Annotated[str, PathParameter(max_length=100, description="A product's code, a sku or a barcode.")]
Latitude = Annotated[float | None, Parameter(ge=-90, le=90, description="Where the customer is, for places nearby.")]
Longitude = Annotated[float | None, Parameter(ge=-180, le=180)]
Limit = Annotated[int, Parameter(ge=1, le=100)]


class LiveOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion as customers read it."""

    code: str
    name: str
    text: str
    needs_coupon: bool
    ends_at: Any = None


class LiveOffers(msgspec.Struct, frozen=True):
    """Promotions live in this channel and store at this instant."""

    offers: tuple[LiveOffer, ...]


class Skus(msgspec.Struct, frozen=True):
    """Some skus as they can be bought here and now; unknown ones are named."""

    variants: tuple[OnShelf, ...]
    unknown: tuple[str, ...]


class Points(msgspec.Struct, frozen=True):
    """The customer's points, the same number in every channel."""

    points: int


def _near(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    return (latitude, longitude) if latitude is not None and longitude is not None else None


def _on(promotion: Promotion, speaker: Speaker) -> bool:
    """Whether it has begun and not ended."""
    begun = promotion.starts_at is None or promotion.starts_at <= speaker.now
    return begun and (promotion.ends_at is None or speaker.now < promotion.ends_at)


@get("/channel/products", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Find products")
async def find_products(
    request: AnyRequest,
    q: Annotated[str, Parameter(max_length=200, description="Words, a sku or a barcode; empty lists all.")] = "",
    category: Annotated[str | None, Parameter(max_length=100)] = None,
    limit: Limit = 24,
    after: Annotated[str | None, Parameter(max_length=500)] = None,
) -> Shelf:
    """Products with their lowest price here and what can be promised."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        found = (
            await searching.search(conn, q, language=speaker.language, category=category, limit=limit, after=after)
            if q.strip()
            else await searching.list_products(
                conn, category=category, statuses=searching.SOLD, limit=limit, after=after
            )
        )
        listed = await shelf.listed(
            conn,
            found.products,
            speaker,
            currency=currency_of(request),
            audiences=await audiences_of(conn, speaker),
        )
    return Shelf(products=tuple(listed), next=found.next)


@get("/channel/products/{code:str}", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="One product")
async def read_product(
    request: AnyRequest, code: Code, latitude: Latitude = None, longitude: Longitude = None
) -> ProductPage:
    """A product in the channel's words, its skus with price and availability here and nearby."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        return await shelf.product_page(
            conn,
            code,
            speaker,
            currency=currency_of(request),
            near=_near(latitude, longitude),
            audiences=await audiences_of(conn, speaker),
        )


@get("/channel/skus", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Prices and availability of skus")
async def read_skus(
    request: AnyRequest,
    sku: Annotated[list[str], Parameter(max_items=200, description="Up to 200 skus.")],
    latitude: Latitude = None,
    longitude: Longitude = None,
) -> Skus:
    """What skus cost here and now, and where they are: for a page that shows many."""
    if len(sku) > shelf.MOST_SKUS:
        raise BadRequest(f"At most {shelf.MOST_SKUS} skus at once.", code="too_many_skus")
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        variants: dict[str, Variant] = await catalog.variants(conn, skus=sku)
        there = await shelf.market(
            conn,
            [variant.id for variant in variants.values()],
            speaker,
            currency=currency_of(request),
            near=_near(latitude, longitude),
            audiences=await audiences_of(conn, speaker),
        )
    return Skus(
        tuple(shelf.on_shelf(variant, variant.id, there, speaker.store_id) for variant in variants.values()),
        tuple(one for one in dict.fromkeys(sku) if one not in variants),
    )


@get("/channel/offers", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Live offers")
async def read_offers(request: AnyRequest) -> LiveOffers:
    """Promotions that count now, in the words meant for customers; those without such words are not told."""
    speaker = await speaker_of(request)
    async with connection(request.app.state.pool) as conn:
        live = await promotions.list_promotions(conn, statuses=["active"], limit=200)
    told = []
    for promotion in [state.promotion for state in live]:
        if not _on(promotion, speaker):
            continue
        text = (
            promotion.texts.get(speaker.language)
            or promotion.texts.get("en")
            or next(iter(promotion.texts.values()), "")
        )
        if text:
            told.append(
                LiveOffer(
                    code=promotion.code,
                    name=promotion.name,
                    text=text,
                    needs_coupon=promotion.needs_coupon,
                    ends_at=promotion.ends_at,
                )
            )
    return LiveOffers(tuple(told))


@get("/channel/points", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="The customer's points")
async def read_points(request: AnyRequest) -> Points:
    """Points over all identifiers of the customer."""
    speaker = await speaker_of(request, needs_customer=True)
    async with connection(request.app.state.pool) as conn:
        return Points(await points.balance(conn, await person_nodes(conn, speaker)))


@get("/channel/products/{code:str}/reviews", guards=GUARD, tags=TAGS, responses=PROBLEMS, summary="Reviews")
async def read_reviews(
    request: AnyRequest, code: Code, before: Annotated[int | None, Parameter(ge=1)] = None, limit: Limit = 20
) -> Reviews:
    """Published reviews of a product, newest first, and how they are collected."""
    async with connection(request.app.state.pool) as conn:
        return await reviews.published(conn, code, before=before, limit=limit)


@post(
    "/channel/products/{code:str}/reviews",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=201,
    summary="Write a review",
)
async def write_review(request: AnyRequest, code: Code, data: JSONBody[NewReview]) -> Response[Written]:
    """The customer's review, one a product; shown once somebody has read it."""
    speaker: Speaker = await speaker_of(request, needs_customer=True)

    async def action(conn: Connection) -> Written:
        return await reviews.write_review(conn, speaker, code, data)

    return await write(request, action, status=201)


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a review may be shown."""

    publish: bool


class ReviewStatus(msgspec.Struct, frozen=True):
    """Where a review stands now: ``published`` or ``refused``."""

    status: str


@get(
    "/api/reviews", guards=[requires("catalog:read")], tags=["Catalogue"], responses=PROBLEMS, summary="Reviews to read"
)
async def waiting_reviews(request: AnyRequest, limit: Limit = 50) -> list[reviews.WaitingReview]:
    """Reviews nobody has looked at, oldest first."""
    async with connection(request.app.state.pool) as conn:
        return await reviews.waiting(conn, limit=limit)


@post(
    "/api/reviews/{review_id:int}/judge",
    guards=[requires("catalog:write")],
    tags=["Catalogue"],
    responses=PROBLEMS,
    status_code=200,
    summary="Publish or refuse a review",
)
async def judge_review(request: AnyRequest, review_id: PathId, data: JSONBody[Judged]) -> Response[ReviewStatus]:
    """Publish a review, or refuse it for what the rules of the shop forbid."""

    async def action(conn: Connection) -> ReviewStatus:
        return ReviewStatus(await reviews.judge(conn, review_id, publish=data.publish, now=now_of(request)))

    return await write(request, action)


def routes() -> list[ControllerRouterHandler]:
    """The routes of the shelf."""
    handlers: list[Any] = [
        find_products,
        read_product,
        read_skus,
        read_offers,
        read_points,
        read_reviews,
        write_review,
        waiting_reviews,
        judge_review,
    ]
    return handlers
