"""What every page of the sample shop needs: its frame, answers to forms, errors in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from unisono.demo.shop.engine import Engine, Refused
from unisono.demo.shop.rendering import render
from unisono.demo.shop.visitors import AnyRequest, Visitor, cookie_name, new_device, remembered, visitor_of
from unisono.demo.shop.words import in_words

SAID: Final = "said"


class SamplePerson(NamedTuple):
    """Somebody the sample can be signed in as."""

    name: str
    customer: str
    """``namespace:value``"""
    card: str

    @property
    def email(self) -> str:
        """The address they signed up with."""
        return f"{self.customer.partition(':')[2]}@alpestre.example"


PEOPLE: Final = (
    SamplePerson("Mario Rossi", "user_id:sample-mario", "9900000000017"),
    SamplePerson("Anna Bianchi", "user_id:sample-anna", "9900000000024"),
    SamplePerson("Luca Moretti", "user_id:sample-luca", "9900000000031"),
)


class Said(msgspec.Struct, frozen=True):
    """One sentence at the top of the next page."""

    text: str
    bad: bool = False


def engine_of(request: AnyRequest) -> Engine:
    """The engine this shop calls."""
    engine: Engine = request.app.state.engine
    return engine


async def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form, each cut to what a field of ours can hold."""
    data = await request.form()
    return {name: str(value).replace("\x00", "")[:5000] for name, value in data.items()}


async def frame(request: AnyRequest, visitor: Visitor) -> dict[str, Any]:
    """What stands around every page: who is here, and how full the cart is."""
    engine = engine_of(request)
    who, units = None, 0
    if visitor.customer:
        try:
            who = await engine.get("/channel/customer", visitor)
        except Refused as refused:
            if refused.code not in ("person_not_found", "bad_identifier", "customer_missing"):
                raise
    if visitor.channel != "store" and visitor.identifiers:
        cart = (await engine.get("/channel/cart", visitor))["cart"]
        units = sum(line["quantity"] for line in cart["lines"]) if cart else 0
    return {
        "visitor": visitor,
        "front": visitor.front,
        "who": who,
        "units": units,
        "people": PEOPLE,
        "engine_url": request.app.state.public_url,
        "here": request.scope["path"],
        "live": f"/{visitor.front}/live?as={visitor.mark}",
        "skus": "",
        "lively": True,
    }


async def page(
    request: AnyRequest, name: str, *, status: int = 200, visitor: Visitor | None = None, **context: Any
) -> Response[str]:
    """A page of a front, with what was said last."""
    visitor = visitor or visitor_of(request)
    said = said_to(request, visitor.front)
    around = await frame(request, visitor) if context.get("lively", True) else {}
    shown = {"said": said, **around, **context}
    text = render(name, language=visitor.language, zone=request.app.state.zone, context=shown)
    cookies = [remembered(cookie_name(visitor.front, SAID), None)] if said else []
    return Response(text, status_code=status, media_type="text/html", cookies=cookies)


def said_to(request: AnyRequest, front: str) -> Said | None:
    """What the last deed came to, told once."""
    kept = unquote(request.cookies.get(cookie_name(front, SAID), ""))
    # A page that reads itself again must not take the sentence away from the one who has not seen it.
    if not kept or request.headers.get("x-again"):
        return None
    return Said(kept[1:], kept[0] == "!")


def go(
    request: AnyRequest, to: str, said: str = "", *, bad: bool = False, cookies: Sequence[Cookie] = ()
) -> Response[None]:
    """On to another page, which says what was done."""
    kept = list(cookies)
    front = visitor_of(request).front
    if said:
        kept.append(remembered(cookie_name(front, SAID), ("!" if bad else "+") + said[:700]))
    return Response(None, status_code=303, headers={"location": to}, cookies=kept)


def refused(request: AnyRequest, error: Refused, to: str) -> Response[None]:
    """Back to a page that says in words why it was not done."""
    return go(request, to, in_words(error.code, error.detail, error.hint, visitor_of(request).language), bad=True)


def acting(request: AnyRequest) -> tuple[Visitor, list[Cookie]]:
    """The visitor of a deed: from now on his device is remembered."""
    visitor = visitor_of(request)
    if visitor.front == "till" or visitor.device:
        return visitor, []
    device = new_device(visitor.front)
    kept = [remembered(cookie_name(visitor.front, "device"), device)]
    return msgspec.structs.replace(visitor, device=device), kept


def at(text: str) -> str:
    """A text as a part of an address."""
    return quote(text, safe="")
