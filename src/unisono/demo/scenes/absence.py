"""Absence: a cart that stays for sixty minutes, to the second; bought at the till at minute 59 nothing happens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from unisono.demo.scenes.shop import BAG
from unisono.demo.scenes.stage import Stage
from unisono.demo.scenes.voice import Customer, Voice, instant, open_voice, until

LEFT: Final = "scene-left-cart"
HOUR: Final = timedelta(minutes=60)
MINUTE_59: Final = timedelta(minutes=59)
AHEAD: Final = timedelta(seconds=6)
"""The carts were left so long less than an hour ago: the minute 60 comes while one watches."""
LATENESS: Final = timedelta(seconds=1)
BAG_LINE: Final = {"product_id": "scene-bag", "sku": BAG, "name": "Canvas bag", "price": 25.0, "quantity": 1}
REMINDER: Final = {
    "email": {
        "en": {
            "subject": "Your bag is still here",
            "blocks": [{"is": "text", "text": "{{ person.first_name }}, it is in your cart: {{ data.name }}."}],
        }
    }
}
RULE: Final = {
    "is": "sequence",
    "first": {"names": ["Product Added"]},
    "then": {"names": ["purchases"]},
    "within": 3600,
    "window": 604_800,
}


async def absence(stage: Stage) -> None:
    """Two carts left in the same second; one of the two is bought in the shop."""
    voice = await open_voice(stage)
    await voice.segment(LEFT, "Left a cart an hour ago (scene)", RULE)
    fabio, gina = await voice.customer("Fabio"), await voice.customer("Gina")
    left = datetime.now(UTC) + AHEAD - HOUR
    stage.step(f"Fabio and Gina each put a bag into the cart of the site at {left:%H:%M:%S} UTC, and go away.")
    for one in (fabio, gina):
        await voice.happens(one, "Product Added", BAG_LINE, at=left, channel="web")
    await _buys(voice, gina, left)
    entered = await _hour_is_over(voice, fabio, left)
    await _nothing_happens(voice, gina, left)
    await _is_reminded(voice, fabio, entered)


async def _buys(voice: Voice, gina: Customer, left: datetime) -> None:
    stage = voice.stage
    bought = left + MINUTE_59
    stage.step(f"At minute 59 ({bought:%H:%M:%S}) Gina buys the bag at the till, with her card.")
    await voice.buys(gina, [BAG_LINE], 25.0, at=bought)
    stage.confirm("nobody is in the segment yet", set(), {LEFT} & await voice.segments_of(gina))


async def _hour_is_over(voice: Voice, fabio: Customer, left: datetime) -> datetime:
    stage = voice.stage
    due = left + HOUR
    stage.step(f"Minute 60 is {due:%H:%M:%S.%f} UTC.")
    ahead = (due - datetime.now(UTC)).total_seconds()
    stage.check("it has not come yet: this machine is quick enough for the scene", True, ahead > 0)
    stage.check("Fabio is not in before", set(), {LEFT} & await voice.segments_of(fabio))
    await asyncio.sleep(max(ahead, 0))

    async def told() -> dict[str, Any] | None:
        answer = await stage.engine.get(f"/api/people/{fabio.person}/timeline?limit=50", stage.keys.desk)
        events = [one for one in answer.json["events"] if one["name"] == "Segment Entered"]
        return next((one for one in events if one["properties"]["segment"] == LEFT), None)

    event = await until(stage, "Fabio enters the segment", told, seconds=5)
    entered = instant(event["at"])
    seen = datetime.now(UTC) - due
    stage.say(
        f"    The segment turned {_ms(entered - due)} after the hour; over the API it was seen {_ms(seen)} after."
    )
    stage.confirm("not before the hour, and not a second after", True, timedelta() <= entered - due <= LATENESS)
    stage.confirm("because of time, it says", "time", event["properties"]["reason"])
    stage.confirm("he is in now", {LEFT}, {LEFT} & await voice.segments_of(fabio))
    return entered


async def _nothing_happens(voice: Voice, gina: Customer, left: datetime) -> None:
    stage = voice.stage
    stage.step("Gina, who bought in the shop a minute before, is not bothered.")
    await asyncio.sleep(max((left + HOUR + LATENESS - datetime.now(UTC)).total_seconds(), 0))
    stage.confirm("she is not in", set(), {LEFT} & await voice.segments_of(gina))
    path = f"/api/segments/{LEFT}/people/{gina.person}"
    why = await stage.ask("why not?", "GET", path, voice.key)
    stage.confirm("the segment can say so", False, why["member"])
    stage.confirm("her mailbox is empty", [], await voice.taken("smtp", gina.email))


async def _is_reminded(voice: Voice, fabio: Customer, entered: datetime) -> None:
    stage = voice.stage
    stage.step("Whoever listens to the segment writes to Fabio.")
    about: dict[str, Any] = {"content": REMINDER, "purpose": "marketing", "channels": ["email"], "data": BAG_LINE}
    key = f"scene:left-cart:{fabio.person}:{entered.isoformat()}"
    sent = await voice.send("remind Fabio of the bag", fabio, **about, key=key)
    again = await voice.thought("a second listener thinks the same", fabio, **about)
    over = await voice.over(sent)
    stage.confirm("sent", "accepted", over["message"]["state"])
    stage.check("a second reminder was thought of", True, again["decision"] is not None)
    made = await stage.engine.call(
        "POST", "/api/messages", voice.key, {"to": {"email": fabio.email}, **about, "key": key}
    )
    stage.confirm("asked for twice it is the same message", (sent, False), (made.json["id"], made.json["new"]))
    mails = await voice.taken("smtp", fabio.email)
    stage.confirm("his mailbox has one", ["Your bag is still here"], [mail["content"]["subject"] for mail in mails])
    waited = instant(over["message"]["handed_over_at"]) - entered
    stage.say(f"    From the minute 60 to the mailbox: {waited.total_seconds():.2f} s.")


def _ms(span: timedelta) -> str:
    return f"{span.total_seconds() * 1000:.0f} ms"
