"""Mario: an unknown visitor of the web becomes one customer in every channel, and two again, and one again."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from unisono.demo.invention import card_number
from unisono.demo.scenes.keys import STORE, TILL
from unisono.demo.scenes.stage import CheckFailed, Stage

JACKET: Final = {
    "product_id": "P-77",
    "sku": "TJ-M-BLU",
    "name": "Trail jacket, blue, M",
    "category": "Jackets",
    "price": 129.0,
    "currency": "EUR",
}
SOCKS: Final = {"product_id": "P-12", "sku": "WS-42", "name": "Wool socks", "category": "Socks", "price": 14.5}
FICTION: Final = "+447700900"
"""Ofcom keeps +44 7700 900000 to 900999 for drama; Italy keeps no numbers for it."""
LOOKS: Final = 20
"""Numbers tried before the scene gives up to find one that no earlier Mario left."""


class Mario(msgspec.Struct, frozen=True):
    """Fresh identifiers for one performance, so that it can be played again and again."""

    anonymous_id: str
    messenger: str
    phone: str
    card: str
    email: str
    token: str


async def mario(stage: Stage) -> None:
    """Web, Messenger, till: one timeline; a stranger's claim; undo and redo."""
    actor = await _cast(stage)
    stage.channels = {
        "web": f"anonymous_id:{actor.anonymous_id}",
        "messages": f"messenger:{actor.messenger}",
        "phone": f"phone:{actor.phone}",
        "till": f"loyalty_card:{actor.card}",
    }
    await _browses(stage, actor)
    await _writes(stage, actor)
    await _leaves_number(stage, actor)
    await _buys(stage, actor)
    whole = await _is_recognised(stage, actor)
    await _is_claimed(stage, actor, whole)
    await _comes_apart(stage, whole)


async def _cast(stage: Stage) -> Mario:
    token = secrets.token_hex(4)
    for _ in range(LOOKS):
        phone = f"{FICTION}{secrets.randbelow(1000):03d}"
        if (await stage.engine.person(f"phone:{phone}", stage.keys.desk)).status == 404:
            break
    else:
        raise CheckFailed(f"a number of {FICTION}xxx that nobody has: expected one in {LOOKS}, saw none")
    return Mario(
        str(uuid.uuid4()),
        f"psid-{secrets.randbelow(10**16):016d}",
        phone,
        card_number(secrets.randbelow(10**9), 9),
        f"mario.rossi.{token}@example.com",
        token,
    )


def _event(name: str, properties: dict[str, Any], **ids: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "messageId": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": properties,
        **ids,
    }


def _identify(traits: dict[str, Any], **ids: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": str(uuid.uuid4()), "traits": traits, **ids}


def _by_messenger(actor: Mario) -> dict[str, Any]:
    return {"context": {"externalIds": [{"type": "messenger", "id": actor.messenger, "collection": "users"}]}}


async def _browses(stage: Stage, actor: Mario) -> None:
    stage.step("Somebody nobody knows looks at jackets in the web shop and puts one in the cart.")
    ids = {"anonymousId": actor.anonymous_id}
    page = {
        "type": "page",
        "name": "Jackets",
        "messageId": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"path": "/jackets", "title": "Jackets", "url": "https://shop.example/jackets"},
        **ids,
    }
    await stage.send(
        "the browser",
        stage.keys.browser,
        page,
        _event("Product Viewed", JACKET, **ids),
        _event("Product Added", {**JACKET, "quantity": 1, "cart_id": f"K-{actor.token}"}, **ids),
    )
    seen = await stage.look()
    web = _somebody(stage, seen, "web")
    stage.confirm("the web has three events of him and no name", (3, False), (len(web["last"]), web["identified"]))
    stage.confirm("no other channel knows him", [None] * 3, [seen[name] for name in ("messages", "phone", "till")])


async def _writes(stage: Stage, actor: Mario) -> None:
    stage.step("He taps the Messenger button; m.me carries the browser's id in its ref, and he asks a question.")
    question = {
        "conversation_id": f"CV-{actor.token}",
        "text": "Do you have the blue one in M in Milan?",
        "ref": actor.anonymous_id,
    }
    await stage.send(
        "Messenger",
        stage.keys.connector,
        _event("Message Received", question, anonymousId=actor.anonymous_id, **_by_messenger(actor)),
    )
    seen = await stage.look()
    web, chat = _somebody(stage, seen, "web"), _somebody(stage, seen, "messages")
    stage.confirm("web and chat are one person", web["id"], chat["id"])
    stage.confirm("whoever answers sees the jacket in the cart", True, "Product Added" in _names(chat))


async def _leaves_number(stage: Stage, actor: Mario) -> None:
    stage.step("He leaves his phone number in the chat.")
    await stage.send(
        "Messenger",
        stage.keys.connector,
        _event(
            "Message Received",
            {"conversation_id": f"CV-{actor.token}", "text": f"Call me, I am Mario: {actor.phone}"},
            **_by_messenger(actor),
        ),
        _identify({"firstName": "Mario", "phone": actor.phone}, channel="messages", **_by_messenger(actor)),
    )
    seen = await stage.look()
    stage.confirm(
        "by his number the same person is found, now with a name",
        (_somebody(stage, seen, "messages")["id"], "Mario"),
        (_somebody(stage, seen, "phone")["id"], _somebody(stage, seen, "phone")["name"]),
    )


async def _buys(stage: Stage, actor: Mario) -> None:
    stage.step(f"In store {STORE} somebody buys socks and shows a loyalty card.")
    receipt = {
        "receipt_id": f"{TILL}-{actor.token}",
        "store_id": STORE,
        "store_name": "Milano Duomo",
        "till_id": TILL,
        "loyalty_card": actor.card,
        "currency": "EUR",
        "total": 29.0,
        "products": [{**SOCKS, "quantity": 2}],
    }
    await stage.send("the till", stage.keys.till, _event("Receipt Issued", receipt))
    seen = await stage.look()
    till, chat = _somebody(stage, seen, "till"), _somebody(stage, seen, "messages")
    stage.confirm("the card is a customer of its own: nothing ties it to the chat yet", True, till["id"] != chat["id"])


async def _is_recognised(stage: Stage, actor: Mario) -> dict[str, Any]:
    stage.step("The clerk asks for his number: card and phone are one, so everything is.")
    traits = {
        "loyalty_card": actor.card,
        "phone": actor.phone,
        "email": actor.email,
        "firstName": "Mario",
        "lastName": "Rossi",
    }
    await stage.send("the till", stage.keys.till, _identify(traits))
    seen = await stage.look()
    till = _somebody(stage, seen, "till")
    everywhere = [_somebody(stage, seen, name)["id"] for name in stage.channels]
    stage.confirm("every channel sees the same person", [till["id"]] * 4, everywhere)
    stage.confirm("and calls him by his name", "Mario Rossi", till["name"])
    events = await stage.timeline(till["id"])
    lines = {event["channel"] for event in events} & {"web", "messages", "store"}
    stage.confirm("the clerk's timeline has web, chat and purchase", {"web", "messages", "store"}, lines)
    return till


async def _is_claimed(stage: Stage, actor: Mario, whole: dict[str, Any]) -> None:
    stage.step("A stranger, signed in to an account of his own, types Mario's e-mail into the web shop.")
    stranger = {"anonymousId": str(uuid.uuid4()), "userId": f"stranger-{actor.token}"}
    answer = await stage.send(
        "his browser", stage.keys.browser, _identify({"email": actor.email, "loyalty_card": actor.card}, **stranger)
    )
    stage.confirm("the answer tells him nothing", {"success": True}, answer.json)
    asked = await stage.engine.person(f"email:{actor.email}", stage.keys.browser)
    stage.confirm("a browser's key reads nobody", 401, asked.status)
    his = (await stage.engine.person(f"user_id:{stranger['userId']}", stage.keys.desk)).json
    marios = (await stage.engine.person(f"email:{actor.email}", stage.keys.desk)).json
    stage.confirm("the stranger is somebody else", True, his["id"] != marios["id"])
    stage.confirm("Mario is who he was", _identifiers(whole), _identifiers(marios))
    stage.confirm("and nothing was added to his timeline", len(whole["last"]), len(marios["last"]))


async def _comes_apart(stage: Stage, whole: dict[str, Any]) -> None:
    stage.step("The operator thinks the card is somebody else's and undoes the join.")
    join = await _newest_change(stage, whole, whole["id"], "join")
    await stage.decide("undo the join", f"/api/identity/changes/{join}/undo", "the card is his wife's")
    seen = await stage.look()
    till, chat = _somebody(stage, seen, "till"), _somebody(stage, seen, "messages")
    stage.confirm("there are two people again", True, till["id"] != chat["id"])
    stage.confirm("the purchase stays with the card", (True, False), _has(("Receipt Issued", "Product Viewed"), till))
    stage.confirm("the visit stays with the chat", (False, True), _has(("Receipt Issued", "Product Viewed"), chat))

    stage.step("She was wrong, and undoes that too.")
    split = await _newest_change(stage, whole, till["id"], "split")
    await stage.decide("undo the split", f"/api/identity/changes/{split}/undo", "it was his card after all")
    seen = await stage.look()
    back = _somebody(stage, seen, "till")
    stage.confirm("every channel sees one person again", {whole["id"]}, {_somebody(stage, seen, n)["id"] for n in seen})
    stage.confirm("with the same identifiers", _identifiers(whole), _identifiers(back))
    stage.confirm("and the same past", True, set(_names(whole)) <= set(_names(back)))


async def _newest_change(stage: Stage, whole: dict[str, Any], person: int, kind: str) -> int:
    """The id of the newest join or split between the card and the chat."""
    answer = await stage.engine.get(f"/api/people/{person}/identity", stage.keys.desk)
    stage.check("why he is one person can be read", 200, answer.status)
    node = {item["namespace"]: item["node_id"] for item in whole["identifiers"]}
    card, chat = node["loyalty_card"], node["messenger"]
    found = [
        int(change["id"])
        for change in answer.json["changes"]
        if change["kind"] == kind
        and not change["undone_at"]
        and {card in change["moved"], chat in change["moved"]} == {True, False}
        and {card in change["kept"], chat in change["kept"]} == {True, False}
    ]
    stage.check(f"the audit has a {kind} of card and chat to undo", True, bool(found))
    return max(found)


def _somebody(stage: Stage, seen: dict[str, dict[str, Any] | None], channel: str) -> dict[str, Any]:
    person = seen[channel]
    stage.check(f"{channel} knows somebody as {stage.channels[channel]}", True, person is not None)
    return person or {}


def _names(person: dict[str, Any]) -> list[str]:
    return [event["name"] for event in person["last"]]


def _has(names: tuple[str, ...], person: dict[str, Any]) -> tuple[bool, ...]:
    have = set(_names(person))
    return tuple(name in have for name in names)


def _identifiers(person: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item["namespace"], item["value"]) for item in person["identifiers"]}
