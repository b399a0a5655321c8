"""Help, not sell: whoever has a complaint open gets no promotion, but does get what he ordered (RULES G24)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from unisono.demo.scenes.stage import Stage
from unisono.demo.scenes.voice import Customer, Voice, codes, open_voice

PROMOTION: Final = "scene-promotion"
PARCEL: Final = "scene-parcel"
SETTLED: Final = timedelta(hours=48)
"""So long after a complaint was closed promotion stays mute: the policy of the package."""
MINUTE: Final = timedelta(minutes=1)


async def help_not_sell(stage: Stage) -> None:
    """An open complaint, a closed one judged well, a closed one judged badly."""
    voice = await open_voice(stage)
    await voice.template(PROMOTION, "A promotion (scene)", "marketing", _said("This week near you", "Come and see."))
    await voice.template(
        PARCEL, "About an order (scene)", "transactional", _said("Your parcel", "It arrives tomorrow.")
    )
    stage.step("Carla agreed to e-mail and has no trouble with us.")
    carla = await voice.customer("Carla")
    seen = await voice.thought("a promotion to Carla", carla, template=PROMOTION, channels=["email"])
    stage.confirm("a promotion would be sent", "send", seen["decision"]["outcome"])
    complaint = f"CP-{secrets.token_hex(3)}"
    await _complains(voice, carla, complaint)
    await _is_settled(voice, carla, complaint)
    await _is_settled_badly(voice)


def _said(subject: str, text: str) -> dict[str, Any]:
    return {"email": {"en": {"subject": subject, "blocks": [{"is": "text", "text": text}]}}}


async def _complains(voice: Voice, carla: Customer, complaint: str) -> None:
    stage = voice.stage
    stage.step("She complains: the parcel came damaged.")
    opened = {"complaint_id": complaint, "reason": "damaged parcel"}
    await voice.happens(carla, "Complaint Opened", opened, channel="service")
    over = await voice.over(await voice.send("a promotion to Carla", carla, template=PROMOTION, channels=["email"]))
    stage.confirm("the promotion is not sent", "skipped", over["message"]["state"])
    stage.confirm("because of the complaint", "help_complaint", over["message"]["reason"])
    stage.say(f"    Why: {over['reasons'][0]['text']}")
    troubles = over["decision"]["facts"]["troubles"]
    stage.confirm("the facts used are kept with it", [("complaint", complaint)], _named(troubles))
    standing = await stage.ask(
        "the customer page asks how to speak to her", "GET", f"/api/people/{carla.person}/contact", voice.key
    )
    stage.confirm("help, it says, not sell", "help", standing["mode"])
    over = await voice.over(await voice.send("news of her order", carla, template=PARCEL, channels=["email"]))
    stage.confirm("news of her order pass", "accepted", over["message"]["state"])
    mails = await voice.taken("smtp", carla.email)
    stage.confirm("her mailbox has that alone", ["Your parcel"], [mail["content"]["subject"] for mail in mails])


async def _is_settled(voice: Voice, carla: Customer, complaint: str) -> None:
    stage = voice.stage
    stage.step("We settle it; she gives 5 of 5. For 48 hours we still do not sell. (The later instants are simulated.)")
    closed = datetime.now(UTC)
    await voice.happens(carla, "Complaint Closed", {"complaint_id": complaint, "outcome": "replaced"}, at=closed)
    await voice.happens(carla, "Survey Answered", {"kind": "csat", "score": 5})
    about: dict[str, Any] = {"purpose": "marketing", "channels": ["email"]}
    now = await voice.simulated("a promotion now", carla, **about)
    stage.confirm("now: not yet", ("skip", "help_settled"), (now["outcome"], codes(now)[0]))
    stage.confirm("the facts say why", [("settled", complaint)], _named(now["facts"]["troubles"]))
    for after, expected in ((SETTLED - MINUTE, "skip"), (SETTLED + MINUTE, "send")):
        at = (closed + after).isoformat()
        seen = await voice.simulated(f"a promotion {after} after it was closed", carla, **about, at=at)
        stage.confirm(f"{after} after: {expected}", expected, seen["outcome"])


async def _is_settled_badly(voice: Voice) -> None:
    stage = voice.stage
    stage.step("Dora's complaint is closed too, but she gives 2 of 5: promotion stays mute beyond the 48 hours.")
    dora, complaint = await voice.customer("Dora"), f"CP-{secrets.token_hex(3)}"
    await voice.happens(dora, "Complaint Opened", {"complaint_id": complaint, "reason": "nobody answered"})
    closed = datetime.now(UTC)
    await voice.happens(dora, "Complaint Closed", {"complaint_id": complaint}, at=closed)
    await voice.happens(dora, "Survey Answered", {"kind": "csat", "score": 2})
    at = (closed + SETTLED + MINUTE).isoformat()
    about: dict[str, Any] = {"purpose": "marketing", "channels": ["email"], "at": at}
    seen = await voice.simulated("a promotion after 48 hours and a minute", dora, **about)
    stage.confirm("still not", ("skip", "help_badly_settled"), (seen["outcome"], codes(seen)[0]))
    kinds = {kind for kind, _ in _named(seen["facts"]["troubles"])}
    stage.confirm("the facts list the complaint settled badly", True, "badly_settled" in kinds)


def _named(troubles: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(trouble["kind"], trouble.get("reference")) for trouble in troubles]
