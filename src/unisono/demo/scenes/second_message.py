"""Second message: what somebody bought in the shop changes the next e-mail to him."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from unisono.demo.scenes.shop import COAT, open_shop
from unisono.demo.scenes.stage import Stage
from unisono.demo.scenes.voice import Customer, Voice, codes, instant, open_voice, until

OWNERS: Final = "scene-coat-owners"
FIRST: Final = "scene-coat-first"
SECOND: Final = "scene-coat-second"
PAUSE: Final = timedelta(seconds=8)
"""Between the first e-mail and the second; in a shop it would be days."""

COAT_LINE: Final = {"product_id": "scene-coat-m", "sku": COAT, "name": "Wool coat", "price": 179.95, "quantity": 1}

STILL: Final = "Questions about the coat?"
CARE: Final = "How to look after your coat"

_FIRST: Final = {
    "email": {
        "en": {
            "subject": "The coat you looked at",
            "blocks": [{"is": "text", "text": "It is on the shelf in Milano Duomo, {{ person.first_name }}."}],
        }
    }
}
_SECOND: Final = {
    "email": {
        "en": {
            "subject": '{% if segments contains "' + OWNERS + '" %}' + CARE + "{% else %}" + STILL + "{% endif %}",
            "blocks": [
                {
                    "is": "text",
                    "text": "Air it after the rain, and brush it with the grain.",
                    "show_if": f'segments contains "{OWNERS}"',
                },
                {
                    "is": "text",
                    "text": "Answer this e-mail: a person reads it.",
                    "show_if": f'segments contains "{OWNERS}" == false',
                },
            ],
        }
    }
}


async def second_message(stage: Stage) -> None:
    """Two customers, one first e-mail, a till, two second e-mails, and a third that waits."""
    await open_shop(stage)
    voice = await open_voice(stage)
    await _prepared(voice)
    stage.step("Anna and Bruno look at a coat on the site; both get the e-mail they agreed to.")
    anna, bruno = await voice.customer("Anna"), await voice.customer("Bruno")
    for one in (anna, bruno):
        await _gets_the_first(voice, one)
    due = datetime.now(UTC) + PAUSE
    planned = await _second_is_planned(voice, anna, bruno, due)
    await _buys_in_the_shop(voice, anna)
    await _second_arrives(voice, anna, bruno, planned, due)
    await _third_waits(voice, bruno)


async def _prepared(voice: Voice) -> None:
    rule = {
        "is": "event",
        "names": ["purchases"],
        "where": [{"path": "products[].sku", "op": "is", "value": COAT}],
        "within": {"seconds": 30 * 86_400},
    }
    await voice.segment(OWNERS, "Bought the coat within a month (scene)", rule)
    await voice.template(FIRST, "The coat you looked at (scene)", "marketing", _FIRST)
    await voice.template(SECOND, "After the coat (scene)", "service", _SECOND)


async def _gets_the_first(voice: Voice, one: Customer) -> None:
    stage = voice.stage
    await voice.happens(one, "Product Viewed", COAT_LINE, channel="web")
    sent = await voice.send(f"write to {one.name}", one, template=FIRST, channels=["email"])
    over = await voice.over(sent)
    stage.confirm(f"{one.name}: sent, by e-mail, on a consent", ("accepted", "email"), _how(over))
    [mail] = await voice.taken("smtp", one.email)
    stage.confirm(f"{one.name}'s mailbox has it, once", "The coat you looked at", mail["content"]["subject"])


async def _second_is_planned(voice: Voice, anna: Customer, bruno: Customer, due: datetime) -> dict[str, int]:
    stage = voice.stage
    stage.step(f"A second e-mail to both is planned for {due:%H:%M:%S} UTC. What would it say now?")
    planned = {}
    for one in (anna, bruno):
        about: dict[str, Any] = {"template": SECOND, "channels": ["email"], "at": due.isoformat()}
        planned[one.name] = await voice.send(f"plan the second to {one.name}", one, **about)
        seen = await voice.thought(f"the second to {one.name}, as of now", one, template=SECOND, channels=["email"])
        stage.confirm(f"{one.name} would be asked about the coat", STILL, seen["rendered"]["subject"])
    return planned


async def _buys_in_the_shop(voice: Voice, anna: Customer) -> None:
    stage = voice.stage
    stage.step("Anna buys the coat in Milano Duomo, with her card.")
    await voice.buys(anna, [COAT_LINE], 179.95)

    async def owns() -> bool:
        return OWNERS in await voice.segments_of(anna)

    await until(stage, "Anna is among those who own the coat", owns)
    seen = await voice.thought("the second to Anna, as of now", anna, template=SECOND, channels=["email"])
    stage.confirm("the site's e-mail knows of the till", CARE, seen["rendered"]["subject"])


async def _second_arrives(
    voice: Voice, anna: Customer, bruno: Customer, planned: dict[str, int], due: datetime
) -> None:
    stage = voice.stage
    stage.step("The second e-mails leave when they are due: written then, not when they were planned.")
    for one, subject, other in ((anna, CARE, "a person reads it"), (bruno, STILL, "Air it after the rain")):
        over = await voice.over(planned[one.name])
        stage.confirm(f"{one.name}: sent", ("accepted", "email"), _how(over))
        stage.check("not before it was due", True, instant(over["message"]["handed_over_at"]) >= due)
        mails = await voice.taken("smtp", one.email)
        stage.confirm(f"{one.name} has two e-mails", 2, len(mails))
        stage.confirm(f"{one.name} reads: {subject}", subject, mails[1]["content"]["subject"])
        stage.confirm("and nothing of the other's", False, other in mails[1]["content"]["html"])


async def _third_waits(voice: Voice, bruno: Customer) -> None:
    stage = voice.stage
    stage.step("A second promotion to Bruno on the same day is not sent today, and says why.")
    seen = await voice.thought("another promotion to Bruno", bruno, template=FIRST, channels=["email"])
    stage.confirm("it would wait", "hold", seen["decision"]["outcome"])
    stage.confirm("for the cap of the day", "cap_reached", codes(seen["decision"])[0])
    stage.say(f"    Why: {seen['decision']['reasons'][0]['text']}")


def _how(detail: dict[str, Any]) -> tuple[str, str | None]:
    return detail["message"]["state"], detail["message"]["channel"]
