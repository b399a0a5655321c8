"""What a shop's visitors send in a month, as the browser library of the field sends it.

5 % of the events say who it is (e-mail, name, city), 30 % come from people who are signed in, the rest are pages and
products seen by a browser nobody knows yet. Every event carries its message id, its time and the context a browser
gives: page, library, user agent, language. The same seed gives the same events.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

START = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
BRANDS = [{"brand": "Chromium", "version": "140"}, {"brand": "Not=A?Brand", "version": "24"}]
CITIES = ("Milano", "Torino", "Roma", "Bologna", "Napoli", "Firenze", "Verona", "Bari")


def email(person: int) -> str:
    """The address of the bench's person of this number."""
    return f"person{person}@example.com"


def _context(person: int, product: int) -> dict[str, Any]:
    path = f"/p/trail-jacket-{product}"
    return {
        "page": {
            "path": path,
            "referrer": "https://shop.example/jackets",
            "search": "",
            "title": f"Trail jacket {product}",
            "url": f"https://shop.example{path}",
        },
        "userAgent": AGENT,
        "userAgentData": {"brands": BRANDS, "mobile": person % 3 == 0, "platform": "Linux"},
        "locale": "it-IT",
        "timezone": "Europe/Rome",
        "library": {"name": "analytics.js", "version": "npm:next-1.70.0"},
    }


def _product(number: int) -> dict[str, Any]:
    return {
        "product_id": f"sku{number}",
        "sku": f"SKU-{number:05d}",
        "name": f"Trail jacket {number}",
        "category": "Jackets",
        "price": 129.0,
        "quantity": 1,
        "currency": "EUR",
    }


def _said(chance: random.Random, person: int, product: int) -> dict[str, Any]:
    """One event without its frame."""
    kind = chance.random()
    user = f"user{person}"
    if kind < 0.05:
        name = {"email": email(person), "name": f"Name{person} Surname{person}", "city": CITIES[person % len(CITIES)]}
        return {"type": "identify", "userId": user, "traits": name}
    if kind < 0.35:
        return {"type": "track", "event": "Product Viewed", "userId": user, "properties": _product(product)}
    if kind < 0.7:
        page = _context(person, product)["page"]
        return {"type": "page", "name": "Product", "properties": page}
    return {"type": "track", "event": "Product Added", "properties": _product(product) | {"cart_id": f"cart{person}"}}


def month(events: int, people: int = 1000, *, devices: int = 1, seed: int = 1) -> Iterable[bytes]:
    """So many events of so many people with this many browsers each, oldest first."""
    chance = random.Random(seed)
    step = MONTH / events
    for number in range(events):
        person, product = chance.randrange(people), chance.randrange(1000)
        frame = {
            "messageId": f"ajs-next-{uuid.UUID(int=chance.getrandbits(128))}",
            "timestamp": (START + step * number).isoformat(timespec="milliseconds"),
            "anonymousId": str(uuid.UUID(int=person * 100 + chance.randrange(devices) + 1)),
            "integrations": {},
            "context": _context(person, product),
        }
        yield msgspec.json.encode(frame | _said(chance, person, product))


def batches(events: Iterable[bytes], size: int) -> list[bytes]:
    """The events in request bodies of so many each."""
    waiting = list(events)
    return [
        b'{"batch":[' + b",".join(waiting[first : first + size]) + b'],"sentAt":null}'
        for first in range(0, len(waiting), size)
    ]
