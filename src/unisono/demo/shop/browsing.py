"""Looking around in the web shop and the app: the shelf, a product, who is signed in."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.engine import Refused
from unisono.demo.shop.pages import PEOPLE, acting, at, engine_of, form_of, go, page, refused
from unisono.demo.shop.rendering import skus_of
from unisono.demo.shop.visitors import AnyRequest, Visitor, cookie_name, remembered, visitor_of
from unisono.demo.shop.words import say

PAGE = 24
MOST_OFFERS = 8


@get("/", include_in_schema=False)
async def shelf(request: AnyRequest) -> Response[str]:
    """Products found by words, a sku or a barcode, a page at a time; and the offers of this moment."""
    visitor, engine = visitor_of(request), engine_of(request)
    q, after = request.query_params.get("q", "")[:200], request.query_params.get("after")
    found = await engine.get("/channel/products", visitor, q=q, after=after, limit=PAGE)
    offers = (await engine.get("/channel/offers", visitor))["offers"]
    told = {offer["text"]: offer for offer in reversed(offers)}
    return await page(
        request,
        "shelf.html",
        q=q,
        after=after,
        # What can be had comes first.
        products=sorted(found["products"], key=lambda one: one["price"] is None or one["available"] <= 0),
        next=found["next"],
        offers=list(reversed(told.values()))[:MOST_OFFERS],
        skus=skus_of(*(one["skus"] for one in found["products"])),
    )


@get("/products/{code:str}", include_in_schema=False)
async def product(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """One product: its skus with price and availability here and nearby, what others say of it."""
    visitor, engine = visitor_of(request), engine_of(request)
    found = await engine.get(f"/channel/products/{at(code)}", visitor)
    reviews = await engine.get(f"/channel/products/{at(found['product']['code'])}/reviews", visitor)
    wanted = request.query_params.get("sku") or found["product"]["sku"]
    variants = found["variants"]
    chosen = next((one for one in variants if one["sku"] == wanted), variants[0] if variants else None)
    keeping = []
    if chosen is not None:
        told = await engine.get("/channel/stores", visitor, item=f"{chosen['sku']}:1", limit=60)
        keeping = [one for one in told["stores"] if not one["short"] and one["picks_up"]]
    return await page(
        request,
        "product.html",
        product=found["product"],
        variants=variants,
        chosen=chosen,
        keeping=keeping,
        reviews=reviews,
        skus=skus_of([one["sku"] for one in variants]),
    )


@post("/products/{code:str}/reserve", include_in_schema=False)
async def reserve(request: AnyRequest, code: FromPath[str]) -> Response[None]:
    """Keep one in a store without payment."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    sku = form.get("sku", "")
    asked = {"sku": sku, "store_id": form.get("store", ""), "quantity": 1}
    try:
        kept = await engine_of(request).call("POST", "/channel/reservations", visitor, asked, key=form.get("key"))
    except Refused as error:
        return refused(request, error, f"/{visitor.front}/products/{at(code)}?sku={at(sku)}")
    said = say("Reserved in {store}: show the code {code} there.", visitor.language)
    said = said.format(store=kept["store_name"], code=kept["code"])
    return go(request, f"/{visitor.front}/orders", said, cookies=cookies)


@post("/products/{code:str}/review", include_in_schema=False)
async def review(request: AnyRequest, code: FromPath[str]) -> Response[None]:
    """Write what one thinks of it; somebody reads it before it is shown."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    stars = form.get("rating", "")
    asked = {"rating": int(stars) if stars in set("12345") else 0, "body": form.get("body", "")}
    back = f"/{visitor.front}/products/{at(code)}"
    path = f"/channel/products/{at(code)}/reviews"
    try:
        await engine_of(request).call("POST", path, visitor, asked, key=form.get("key"))
    except Refused as error:
        return refused(request, error, back)
    thanks = say("Thank you. Your review is shown once somebody has read it.", visitor.language)
    return go(request, back, thanks, cookies=cookies)


@get("/account", include_in_schema=False)
async def account(request: AnyRequest) -> Response[str]:
    """Choose who to be: it is a sample, there are no passwords."""
    return await page(request, "account.html")


@post("/sign-in", include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[None]:
    """Be a customer from now on; what the device had in its cart comes along."""
    visitor, cookies = acting(request)
    form = await form_of(request)
    customer, wrong = customer_named(form, visitor)
    if customer is None:
        return go(request, f"/{visitor.front}/account", wrong, bad=True)
    chosen = Visitor(
        front=visitor.front,
        channel=visitor.channel,
        language=visitor.language,
        device=visitor.device,
        customer=customer,
    )
    try:
        # Asked at once, so that what cannot be an identifier is refused here.
        around = await engine_of(request).get("/channel/customer", chosen)
    except Refused as error:
        return refused(request, error, f"/{visitor.front}/account")
    cookies.append(remembered(cookie_name(visitor.front, "customer"), customer))
    name = around["name"] or customer.partition(":")[2]
    said = say("You are {name} now.", visitor.language).format(name=name)
    return go(request, f"/{visitor.front}", said, cookies=cookies)


def customer_named(form: dict[str, str], visitor: Visitor) -> tuple[str | None, str]:
    """``namespace:value`` of who was chosen or typed; else what is wrong."""
    chosen = form.get("customer", "")
    if any(chosen == person.customer for person in PEOPLE):
        return chosen, ""
    namespace, value = form.get("namespace", ""), form.get("value", "").strip()
    if namespace in ("loyalty_card", "email", "phone", "user_id") and value:
        return f"{namespace}:{value}", ""
    return None, say("Choose somebody, or say by what you are known.", visitor.language)


@post("/sign-out", include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[None]:
    """Nobody again, on a device nobody knows: the next visitor begins anew."""
    visitor = visitor_of(request)
    gone = [remembered(cookie_name(visitor.front, what), None) for what in ("customer", "device")]
    return go(request, f"/{visitor.front}", say("Signed out.", visitor.language), cookies=gone)


def handlers() -> list[ControllerRouterHandler]:
    """The routes of looking around."""
    return [shelf, product, reserve, review, account, sign_in, sign_out]
