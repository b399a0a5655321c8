#!/usr/bin/env python3
"""Take the picture of a customer that the README shows, from a running demo.

    unisono demo                     in one terminal; make the owner's account
    python scripts/screenshot.py     in another: sends a customer's last days, takes docs/images/customer.png

The events go in as any client's would, with keys made for this and disabled afterwards. What happens is invented, as
are the names of the demo. ``UNISONO_DATA_DIR`` and the other settings say which demo; ``--url`` where it serves.
Needs Playwright, a Chromium and Pillow.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.async_api import async_playwright

from unisono.access import keys, sessions
from unisono.cli.database import database
from unisono.customers.timeline import readers
from unisono.kit.database import Pool, open_pool, transaction
from unisono.kit.settings import load_settings

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "customer.png"
MOST_BYTES = 300_000
SIZE = {"width": 1440, "height": 1000}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-background-networking"]
ACTOR = "screenshot"
WAIT = 60.0
"""Seconds the worker has for a few dozen events."""

CUSTOMER = """
select summary.person_id, summary.store_id, card.value as card, mail.value as email
from person_summary as summary
join lateral (select value from node where person_id = summary.person_id and namespace = 'loyalty_card'
              order by id limit 1) as card on true
join lateral (select value from node where person_id = summary.person_id and namespace = 'email'
              order by id limit 1) as mail on true
where summary.name like '% %' and summary.orders between 45 and 75 and summary.store_id is not null
order by summary.last_at desc, summary.person_id limit 1
"""
"""Somebody who shops about once a week: enough notes on the staff, and room between them."""


def _event(event: str, at: datetime, where: str, who: dict[str, Any], /, **properties: Any) -> dict[str, Any]:
    # The same id all day: taken twice, the events are there once.
    return {
        "type": "track",
        "event": event,
        "messageId": f"screenshot:{event}:{at:%Y%m%d}:{properties.get('name', where)}",
        "timestamp": at.isoformat(),
        "channel": where,
        "properties": properties,
        **who,
    }


def past(now: datetime, card: dict[str, Any], email: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A year of looks at the shop and the app, letters opened, two calls."""
    for week in range(1, 50):
        at = now - timedelta(days=week * 7 + week % 3, hours=week % 9)
        if week % 4 != 2:
            yield _event("Product Viewed", at, "web", email, name=("Olive oil", "Coffee", "Pasta")[week % 3])
        if week % 5 in (0, 3) and week < 36:
            yield _event("Coupon Viewed", at + timedelta(days=2), "app", card, coupon_name="Weekend 10 %")
        if week % 4 == 1:
            yield _event("Email Opened", at + timedelta(days=1), "email", email, subject="This week at your store")
        if week in (9, 27, 38):
            yield _event("Call Logged", at + timedelta(hours=3), "call", card, agent_name="Lucia", outcome="solved")


def lately(
    now: datetime, card: dict[str, Any], browser: dict[str, Any], chat: dict[str, Any], store: str
) -> Iterator[dict[str, Any]]:
    """Today: the web, a message, the service desk, a reservation that waits."""
    board = {"product_id": "P-310", "name": "Cheese board for six", "price": 34.5, "quantity": 1}

    def ago(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes)

    for minutes, name in (
        (96, "Cheese board for two"),
        (94, "Cheese board for six"),
        (91, "Fig jam"),
        (89, "Crackers"),
    ):
        yield _event("Product Viewed", ago(minutes), "web", browser, name=name)
    yield _event("Product Added", ago(87), "web", browser, name="Cheese board for six", price=34.5, currency="USD")
    yield {
        "type": "identify",
        "messageId": f"screenshot:signs-in:{now:%Y%m%d}",
        "timestamp": ago(85).isoformat(),
        "channel": "web",
        "traits": {},
        **card,
        **browser,
    }
    text = "Can you keep the cheese board for six until Tuesday?"
    yield _event("Message Received", ago(64), "messages", {**chat, **card}, message_body=text, channel="whatsapp")
    reserved = {"reservation_id": "R-1180", "store_id": store, "store_name": f"Store {store}", **board}
    until = (now + timedelta(days=2)).replace(hour=18, minute=30)
    yield _event("Product Reserved", ago(58), "store", card, expires_at=until.isoformat(), products=[board], **reserved)
    answer = "It is yours until Tuesday, 19:30. See you!"
    yield _event("Message Sent", ago(57), "messages", {**chat, **card}, message_body=answer, channel="whatsapp")
    yield _event(
        "Complaint Opened", ago(26), "service", card, complaint_id="CP-77", reason="two jars missing from Friday's bag"
    )
    starts = (now + timedelta(days=9)).replace(hour=10, minute=0)
    yield _event(
        "Appointment Booked", ago(24), "service", card, service="Wine tasting", starts_at=starts.isoformat(),
        appointment_id="AP-9", store_id=store,
    )  # fmt: skip


async def send(url: str, pool: Pool, now: datetime) -> int:
    """The customer's events through the API; returns the person."""
    row = await pool.fetchrow(CUSTOMER)
    if row is None:
        sys.exit("Nobody in this demo fits: load it with `unisono demo`.")
    card = {"context": {"externalIds": [{"type": "loyalty_card", "id": row["card"], "collection": "users"}]}}
    mail = {"context": {"externalIds": [{"type": "email", "id": row["email"], "collection": "users"}]}}
    number = "+447700900417"
    chat = {"context": {"externalIds": [{"type": "whatsapp", "id": number, "collection": "users"}]}}
    chat["context"]["externalIds"].append(card["context"]["externalIds"][0])
    browser = {"anonymousId": "b6f1c2d0-4417-4e7a-9a52-3c1d5e7f4417"}
    batch = [*past(now, card, mail)]
    for event in lately(now, card, browser, chat, row["store_id"]):
        if event["channel"] == "messages":
            event["context"] = chat["context"]
        batch.append(event)
    async with transaction(pool) as conn:
        key = await keys.create_source(
            conn, name="Web shop", kind="server", actor=ACTOR, scopes=frozenset({"events:write"})
        )
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/v1/batch", json={"batch": batch}, auth=(key.key, ""))
    answer.raise_for_status()
    async with transaction(pool) as conn:
        await keys.disable_key(conn, key.id)
    await settled(pool)
    person = await pool.fetchval(
        "select person_id from node where namespace = 'loyalty_card' and value = $1", row["card"]
    )
    return int(person)


async def settled(pool: Pool) -> None:
    """Wait until the readers have taken everything in."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        await asyncio.sleep(1)
        async with pool.acquire() as conn:
            if all(reader.behind == 0 for reader in await readers.reader_status(conn)):
                return
    sys.exit("The worker does not keep up: is the demo running?")


async def take(url: str, pool: Pool, person: int, now: datetime) -> bytes:
    """The page as the owner sees it: light, English."""
    async with transaction(pool) as conn:
        owner = await conn.fetchval("select id from account where role = 'owner' and disabled_at is null order by id")
        if owner is None:
            sys.exit("Make the owner's account first, with the link the demo printed.")
        token = await sessions.open_session(conn, owner, now=now)
    try:
        async with async_playwright() as playwright:
            chromium = os.environ.get("UNISONO_CHROMIUM", "/usr/bin/chromium")
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            context = await browser.new_context(viewport=SIZE, color_scheme="light", locale="en-GB")  # type: ignore[arg-type]
            await context.add_cookies([{"name": sessions.COOKIE, "value": token, "url": url}])
            page = await context.new_page()
            await page.goto(f"{url}/console/people/{person}?lang=en")
            picture = await page.screenshot()
            await browser.close()
    finally:
        async with transaction(pool) as conn:
            session = await sessions.find_session(conn, token, now=now)
            if session is not None:
                await sessions.close_session(conn, session)
    return picture


def small(picture: bytes) -> bytes:
    """The picture with a palette of its own."""
    out = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    # The commonest colours as they are: paper and ink must not be mixed with others.
    common = sorted(image.getcolors(SIZE["width"] * SIZE["height"]) or (), reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in common if isinstance(colour, tuple) for part in colour])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


async def main(url: str, dsn: str) -> None:
    """Send, wait, take, write."""
    now = datetime.now(UTC).replace(microsecond=0)
    pool = await open_pool(dsn, 2)
    try:
        person = await send(url, pool, now)
        picture = small(await take(url, pool, person, now))
    finally:
        await pool.close()
    if len(picture) > MOST_BYTES:
        sys.exit(f"The picture has {len(picture):,} bytes; {MOST_BYTES:,} are allowed.")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(picture)
    print(f"{TARGET.name}: {len(picture):,} bytes, person {person}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8400", help="where the demo serves")
    options = parser.parse_args()
    with database(load_settings()) as dsn:
        asyncio.run(main(options.url, dsn))
