"""Carts: the open ones, one opened by its code, and what somebody at the counter changes in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.carts import codes
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.api import touch_of
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.carts.model import Cart, CartItem
from unisono.console import contexts, links
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.lists import orders as lists
from unisono.console.pages import AnyRequest, form_of, page, pool_of, safe_path, words_of
from unisono.console.rendering import new_key
from unisono.console.routes.counter import SECTION, people_of
from unisono.console.routes.orders import LIST_CHANNELS, places_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import carts as views
from unisono.console.views.commerce import problem_with_reasons, whole_typed
from unisono.console.views.labels import channel_label
from unisono.console.views.orders import tabs
from unisono.console.words import Words
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.marking import N_

PAGE_SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _key(row: Any) -> str:
    return f"{(row['updated_at'] - _EPOCH) // timedelta(microseconds=1)}.{row['id']}"


def _parse_key(key: str) -> tuple[datetime, UUID] | None:
    if not key:
        return None
    micros, _, name = key.partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros)), UUID(name)
    except (ValueError, OverflowError):
        raise BadRequest("That is no key of a page.", code="bad_page_key") from None


async def find(conn: Connection, principal: Principal, name: str, now: datetime) -> Cart:
    """A cart by its code, which opens it anywhere, or by its id: of somebody bound to stores only one of people seen
    there. Raises CartNotFound."""
    if codes.read_code(name) is not None:
        return await carts.open_by_code(conn, name, now=now)
    try:
        found = await carts.find_cart(conn, UUID(name), now=now)
    except ValueError:
        raise CartNotFound("There is no such cart.") from None
    if principal.stores is None or found.store_id in principal.stores:
        return found
    if found.person_id is None or not await lists.seen(conn, [found.person_id], principal.stores):
        raise CartNotFound("There is no such cart.")
    return found


class Wish(NamedTuple):
    """Which carts are wanted."""

    left: str
    channel: str
    after: str

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed."""
        present: dict[str, str | None] = {"left": self.left, "channel": self.channel}
        return links.with_query(links.CARTS, {**present, **changes})


async def _show_list(request: AnyRequest, *, code: str = "", error: UnisonoError | None = None) -> Response[str]:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    left, channel = asked(request, "left"), asked(request, "channel")
    wish = Wish(
        left if left in (*views.LEFT, "open") else "",
        channel if channel in LIST_CHANNELS else "",
        asked(request, "after"),
    )
    async with connection(pool_of(request)) as conn:
        rows = await lists.open_carts(
            conn,
            left=wish.left or None,
            channel=wish.channel or None,
            stores=principal.stores,
            before=_parse_key(wish.after),
            limit=PAGE_SIZE + 1,
        )
        people = await people_of(conn, [row["person_id"] for row in rows], principal, words)
        places = await places_of(conn, principal)
    shown = rows[:PAGE_SIZE]
    view = contexts.Carts(
        rows=[
            views.row(
                row,
                words,
                people.get(row["person_id"] or 0),
                places.get(row["store_id"] or "", row["store_id"] or ""),
                now,
            )
            for row in shown
        ],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=wish.href() if wish.after else None,
            next_href=wish.href(after=_key(shown[-1])) if len(rows) > PAGE_SIZE else None,
        ),
        tabs=tabs(links.CARTS, words),
        chips=_chips(wish, words),
        channels=[
            contexts.Choice(value=one, label=channel_label(one, words), selected=one == wish.channel)
            for one in LIST_CHANNELS
        ],
        left=wish.left,
        code=code,
        narrowed=bool(wish.left or wish.channel or wish.after),
        filter_sentence=_sentence(wish, words),
        clear_href=links.CARTS,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Open carts")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


def _chips(wish: Wish, words: Words) -> list[contexts.Chip]:
    every = contexts.Chip(label=words.gettext("Every cart"), href=wish.href(left=None), selected=not wish.left)
    going = contexts.Chip(label=words.gettext("Going on"), href=wish.href(left="open"), selected=wish.left == "open")
    return [
        every,
        going,
        *(
            contexts.Chip(label=words.gettext(text), href=wish.href(left=left), selected=left == wish.left)
            for left, text in views.LEFT.items()
        ),
    ]


def _sentence(wish: Wish, words: Words) -> str:
    parts = [words.gettext(views.LEFT.get(wish.left, N_("Going on")))] if wish.left else []
    if wish.channel:
        parts.append(words.gettext("begun in %(channel)s") % {"channel": channel_label(wish.channel, words)})
    return ", ".join(parts)


@get(links.CARTS, guards=[requires("orders:read")], include_in_schema=False)
async def list_carts(request: AnyRequest) -> Response[Any]:
    """Carts with something in them; ``code`` opens one."""
    code = asked(request, "code", 40)
    if not code:
        return await _show_list(request)
    try:
        async with connection(pool_of(request)) as conn:
            found = await carts.open_by_code(conn, code, now=now_of(request))
    except (BadRequest, CartNotFound) as error:
        return await _show_list(request, code=code, error=error)
    return Redirect(links.cart(found.code), status_code=303)


async def show(
    request: AnyRequest, name: str, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    """The page of a cart, with what was wrong about the last form."""
    principal, now, drafts = caller(request), now_of(request), drafts or {}
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        found = await find(conn, principal, name, now)
        seen = await carts.view_cart(conn, found, _touch(request, words))
        people = await people_of(conn, [found.person_id], principal, words)
        told = {"cart_id": str(found.id), "by": "code" if codes.read_code(name) else "id"}
        await audit.record(
            conn, actor=principal.actor, action="cart.read", person_id=found.person_id, detail=told, wait=False
        )
    box = views.box(seen, words, writes=principal.may("orders:write"))
    view = contexts.Cart(
        # By the name it was opened under: the code goes on opening it where the id would not.
        cart=_named(box, name),
        person=people.get(found.person_id or 0),
        seen_in=channel_label(_touch(request, words).channel, words),
        part=drafts.get("part", ""),
        drafts=drafts,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Cart %(code)s") % {"code": box.code}
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


def _named(box: contexts.CartBox, name: str) -> contexts.CartBox:
    return msgspec.structs.replace(box, name=name)


def _touch(request: AnyRequest, words: Words) -> Any:
    return msgspec.structs.replace(touch_of(request), language=words.language)


@get(text_pattern(links.cart, "name"), guards=[requires("orders:read")], include_in_schema=False)
async def show_cart(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """A cart as it is here and now: what each line costs, what has changed, which promotions count."""
    return await show(request, name)


# Changing ---------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """The toast (translated), fields of the form that takes it back, what the audit keeps."""

    text: str
    undo: dict[str, str | int] | None
    detail: dict[str, Any]


async def _part(conn: Connection, found: Cart, form: Mapping[str, str], touch: Any, words: Words) -> Answer:
    part, sku = form.get("part", ""), form.get("sku", "").strip()
    before = next((line.quantity for line in found.lines if line.sku == sku), 0)
    _ = words.gettext
    if part == "add":
        units = whole_typed(form.get("units", ""), field="units", least=1, most=9999) or 1
        await carts.add_lines(conn, found.id, [CartItem(sku=sku, quantity=units)], touch)
        return Answer(_("In the cart: the customer sees it everywhere."), None, {"sku": sku, "units": units})
    if part == "set":
        units = whole_typed(form.get("units", ""), field="units", most=9999) or 0
        if units:
            await carts.set_quantity(conn, found.id, sku, units, touch)
            undo: dict[str, str | int] | None = {"part": "set", "sku": sku, "units": before}
            return Answer(_("The quantity is changed."), undo, {"sku": sku, "units": units})
        part = "remove"
    if part == "remove":
        await carts.remove_line(conn, found.id, sku, touch)
        return Answer(_("Taken out of the cart."), {"part": "add", "sku": sku, "units": before}, {"sku": sku})
    if part == "coupons":
        wanted = form.get("coupons", "").replace(",", " ").split()
        await carts.set_coupons(conn, found.id, wanted, touch)
        undo = {"part": "coupons", "coupons": " ".join(found.coupons)}
        return Answer(_("The coupons are noted; each says whether it counts."), undo, {"coupons": wanted})
    if part == "seen":
        await carts.mark_seen(conn, found.id, touch)
        return Answer(_("Noted: the customer knows the prices of now."), None, {})
    if part == "undo":
        merge = whole_typed(form.get("merge", ""), field="merge", most=2**62) or 0
        await carts.undo_merge(conn, found.id, merge, touch)
        return Answer(_("The two carts are apart again."), None, {"merge": merge})
    raise BadRequest("There is no such form.", code="bad_form")


@post(text_pattern(links.cart_change, "name"), guards=[requires("orders:write")], include_in_schema=False)
async def change_cart(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """One change of a cart; an undo comes with its fields in the address."""
    principal = caller(request)
    words = words_of(request, principal)
    form = {**dict(request.query_params.items()), **await form_of(request)}

    async def act(conn: Connection) -> Deed:
        found = await find(conn, principal, name, now_of(request))
        answer = await _part(conn, found, form, _touch(request, words), words)
        undo = None
        if answer.undo:
            undo = links.with_query(
                links.cart_change(name), {**answer.undo, "once": new_key(), "next": form.get("next")}
            )
        return Deed(
            text=answer.text,
            href=safe_path(form.get("next"), links.cart(name)),
            action=f"cart.{form.get('part', '')}",
            detail={"cart_id": str(found.id), **answer.detail},
            person_id=found.person_id,
            undo_href=undo,
        )

    if form.get("part") in ("seen", "undo", "remove"):
        return await press(request, form, act, back=links.cart(name))
    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        if error.status >= 500 or error.code == "cart_not_found":
            raise
        return await show(request, name, drafts=form, error=error)


routes: list[ControllerRouterHandler] = [list_carts, show_cart, change_cart]
