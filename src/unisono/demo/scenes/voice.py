"""The company's voice on the stage: customers who agreed, templates, segments, messages, and the mailboxes.

Messages go to the counterparts of the providers; what they took is asked there. Customers are new each time and live
in a zone of the world where it is now the hour the scene needs, so that it can be played at any time of day.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from unisono.demo.invention import card_number
from unisono.demo.scenes.engine import Engine
from unisono.demo.scenes.keys import STORE, TILL
from unisono.demo.scenes.mario import FICTION, LOOKS
from unisono.demo.scenes.stage import CheckFailed, Stage
from unisono.kit.errors import Unavailable

MIDDAY: Final = 13
NIGHT: Final = 2
PATIENCE: Final = 20.0
"""Seconds a scene waits for what should come at once."""
OVER: Final = ("accepted", "refused", "unknown", "skipped", "cancelled")
Found = TypeVar("Found")
SENT_WITH: Final = "start the engine with `unisono demo`, or run `unisono demo counterparts` beside it"


class Customer(msgspec.Struct, frozen=True):
    """Somebody a message may go to."""

    name: str
    user_id: str
    email: str
    phone: str
    telegram: str
    card: str
    zone: str
    person: int


class Voice:
    """Who writes to customers, for one performance."""

    def __init__(self, stage: Stage, book: Engine) -> None:
        self.stage = stage
        self.key = stage.keys.voice
        self.token = secrets.token_hex(4)
        self._book = book

    # Customers -------------------------------------------------------------------------------------------

    async def customer(
        self, name: str, *, hour: int = MIDDAY, zone: str | None = None, agrees: Sequence[str] = ("email",)
    ) -> Customer:
        """A customer with card, e-mail, telephone and Telegram who agreed to marketing on these channels; his clock
        shows this hour, unless his zone is named."""
        user_id, email = f"{name.lower()}-{self.token}", f"{name.lower()}.{self.token}@example.com"
        phone, card = await self._phone(), card_number(secrets.randbelow(10**9), 8)
        zone = zone or zone_at(hour)
        traits = {
            "email": email,
            "phone": phone,
            "loyalty_card": card,
            "firstName": name,
            "timezone": zone,
            "language": "en",
        }
        telegram = str(10**9 + secrets.randbelow(10**9))
        known = {
            "type": "identify",
            "userId": user_id,
            "messageId": str(uuid.uuid4()),
            "traits": traits,
            "context": {"externalIds": [{"type": "telegram", "id": telegram, "collection": "users"}]},
        }
        await self.stage.send("the shop's server", self.stage.keys.connector, known)
        found = await self.stage.engine.person(f"user_id:{user_id}", self.stage.keys.desk)
        self.stage.check(f"{name} is known", 200, found.status)
        made = Customer(name, user_id, email, phone, telegram, card, zone, int(found.json["id"]))
        for channel in agrees:
            await self._agrees(made, channel)
        self.stage.say(f"    {name} ({email}, clock of {zone}) agreed to {', '.join(agrees)}.")
        return made

    async def _phone(self) -> str:
        for _ in range(LOOKS):
            phone = f"{FICTION}{secrets.randbelow(1000):03d}"
            if (await self.stage.engine.person(f"phone:{phone}", self.stage.keys.desk)).status == 404:
                return phone
        raise CheckFailed(f"a number of {FICTION}xxx that nobody has: expected one in {LOOKS}, saw none")

    async def _agrees(self, customer: Customer, channel: str) -> None:
        said = {"purpose": "marketing", "action": "granted", "channel": channel, "confirmed": True, "source": "scene"}
        path = f"/api/people/{customer.person}/consents"
        answer = await self.stage.engine.call("POST", path, self.key, said)
        self.stage.check(f"{customer.name} agrees to {channel}", 200, answer.status)

    async def happens(self, customer: Customer, event: str, properties: Mapping[str, Any], **more: Any) -> None:
        """Something a customer does on the site, in the app or with the service, told by the shop's server."""
        at = more.pop("at", None) or datetime.now(UTC)
        item = {"type": "track", "event": event, "userId": customer.user_id, "timestamp": at.isoformat(), **more}
        item |= {"messageId": str(uuid.uuid4()), "properties": dict(properties)}
        await self.stage.send(f"{customer.name}:", self.stage.keys.connector, item)

    async def buys(
        self, customer: Customer, products: Sequence[Mapping[str, Any]], total: float, *, at: datetime | None = None
    ) -> None:
        """A customer shows the card at the till and pays."""
        receipt = {
            "receipt_id": f"{TILL}-{secrets.token_hex(4)}",
            "store_id": STORE,
            "store_name": "Milano Duomo",
            "till_id": TILL,
            "loyalty_card": customer.card,
            "currency": "EUR",
            "total": total,
            "products": list(products),
        }
        item = {"type": "track", "event": "Receipt Issued", "messageId": str(uuid.uuid4()), "properties": receipt}
        item["timestamp"] = (at or datetime.now(UTC)).isoformat()
        await self.stage.send("the till", self.stage.keys.till, item)

    # What is said ------------------------------------------------------------------------------------------

    async def template(self, code: str, name: str, purpose: str, content: Mapping[str, Any]) -> None:
        """A template, published; found again by the next performance."""
        body = {"name": name, "purpose": purpose, "content": content}
        kept = await self.stage.ask(f"template {code}", "PUT", f"/api/templates/{code}", self.key, body)
        if kept["changed"]:
            await self.stage.ask(f"publish {code}", "POST", f"/api/templates/{code}/publish", self.key, {})

    async def segment(self, code: str, name: str, rule: Mapping[str, Any]) -> None:
        """A live segment whose members are counted; found again by the next performance."""
        path = f"/api/segments/{code}"
        there = await self.stage.engine.call("GET", path, self.key)
        if there.status == 404:
            new = {"code": code, "name": name, "rule": rule, "publish": True}
            await self.stage.ask(f"segment {code}", "POST", "/api/segments", self.key, new, status=201)
        await until(self.stage, f"the members of {code} are counted", lambda: self._counted(path))

    async def _counted(self, path: str) -> bool:
        found = (await self.stage.engine.call("GET", path, self.key)).json
        return bool(found["status"] == "live" and not found["counting"])

    async def segments_of(self, customer: Customer) -> set[str]:
        """Codes of the segments a customer is in."""
        answer = await self.stage.engine.call("GET", f"/api/people/{customer.person}/segments", self.key)
        return {one["code"] for one in answer.json}

    # Messages ----------------------------------------------------------------------------------------------

    async def send(self, what: str, customer: Customer, **message: Any) -> int:
        """Ask for a message; its id."""
        made = await self.stage.ask(what, "POST", "/api/messages", self.key, self._to(customer, message), status=201)
        return int(made["id"])

    async def thought(self, what: str, customer: Customer, **message: Any) -> dict[str, Any]:
        """What would become of a message, and what it would say; nothing is sent."""
        path = "/api/messages?dry_run=true"
        found: dict[str, Any] = await self.stage.ask(what, "POST", path, self.key, self._to(customer, message))
        return found

    async def simulated(self, what: str, customer: Customer, **thought: Any) -> dict[str, Any]:
        """What the policy would decide at an instant of one's choice."""
        body = {"person": customer.person, **thought}
        found: dict[str, Any] = await self.stage.ask(what, "POST", "/api/policy/simulate", self.key, body)
        return found

    def _to(self, customer: Customer, message: Mapping[str, Any]) -> dict[str, Any]:
        return {"to": {"email": customer.email}, **message}

    async def message(self, message_id: int) -> dict[str, Any]:
        """One message with its decision, as it stands."""
        answer = await self.stage.engine.call("GET", f"/api/messages/{message_id}", self.key)
        self.stage.check("the message can be read", 200, answer.status)
        found: dict[str, Any] = answer.json
        return found

    async def decided(self, message_id: int) -> dict[str, Any]:
        """A message once the policy has been asked about it."""

        async def known() -> dict[str, Any] | None:
            found = await self.message(message_id)
            return found if found["decision"] else None

        return await until(self.stage, f"message {message_id} is decided", known)

    async def over(self, message_id: int, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """A message once it was sent, or will not be."""

        async def settled() -> dict[str, Any] | None:
            found = await self.message(message_id)
            return found if found["message"]["state"] in OVER else None

        return await until(self.stage, f"message {message_id} is settled", settled, seconds=seconds)

    async def taken(self, provider: str, address: str) -> list[dict[str, Any]]:
        """What a provider took for an address, oldest first: the mailbox, the telephone."""
        answer = await self._book.call("GET", f"/_/taken?provider={provider}", "")
        return [one for one in reversed(answer.json) if one["address"] == address]


async def open_voice(stage: Stage) -> Voice:
    """The voice, and the counterparts that hear it. Raises CheckFailed, which says how to start them."""
    answer = await stage.engine.call("GET", "/api/channels", stage.keys.voice)
    stage.check("the engine speaks", 200, answer.status)
    urls = [one["settings"].get("base_url") for one in answer.json if one["code"] == "demo-sms"]
    if not urls:
        raise CheckFailed(f"no channel is connected to a counterpart: {SENT_WITH}")
    parts = urlsplit(urls[0])
    book = Engine(f"{parts.scheme}://{parts.netloc}")
    try:
        await book.call("GET", "/_/counts", "")
    except Unavailable as error:
        raise CheckFailed(f"nobody takes messages at {parts.netloc}: {SENT_WITH}") from error
    return Voice(stage, book)


def zone_at(hour: int) -> str:
    """A zone of the world where the clock now shows this hour."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    # Etc/GMT-2 is two hours ahead of UTC: the sign is POSIX's.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/UTC"


async def until(
    stage: Stage, what: str, look: Callable[[], Awaitable[Found | None]], *, seconds: float = PATIENCE
) -> Found:
    """What ``look`` finds, asked again and again. Raises CheckFailed when it finds nothing in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := await look():
            stage.checks += 1
            return found
        await asyncio.sleep(0.1)
    raise CheckFailed(f"{what}: expected within {seconds:.0f} s, saw nothing")


def instant(text: str) -> datetime:
    """An instant of the API."""
    return datetime.fromisoformat(text)


def codes(decision: Mapping[str, Any]) -> list[str]:
    """The codes of a decision's reasons, the one that decided first."""
    return [reason["code"] for reason in decision["reasons"]]
