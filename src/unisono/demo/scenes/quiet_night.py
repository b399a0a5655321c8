"""Quiet night: what would wake somebody waits for the morning on his own clock, also when clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from unisono.demo.scenes.stage import Stage
from unisono.demo.scenes.voice import NIGHT, Customer, Voice, codes, instant, open_voice

ROME: Final = "Europe/Rome"
CHANNEL: Final = "telegram"
"""A channel the demo's broadcast does not use: what it holds for the morning stays held."""
SECONDS: Final = timedelta(seconds=10)
"""So soon a message is sent that need not wait any more, also by a busy worker."""
MORNING: Final = 9
"""When the quiet hours of the policy of the package end."""
TEXT: Final = {CHANNEL: {"en": {"text": "Good morning: the bakery opens at nine."}}}

NIGHTS: Final = (
    ("2027-03-27T22:30:00+01:00", "2027-03-28T09:00:00+02:00", "09:00", "the clock goes forward: an hour less to wait"),
    ("2026-10-24T22:30:00+02:00", "2026-10-25T09:00:00+01:00", "09:00", "the clock goes back: an hour more"),
    ("2027-03-27T22:30:00+01:00", "2027-03-28T03:00:00+02:00", "02:30", "02:30 does not exist that night: 03:00"),
    ("2026-10-24T22:30:00+02:00", "2026-10-25T02:30:00+02:00", "02:30", "02:30 comes twice that night: the first"),
)
"""Asked at, resumed at, end of the quiet hours, why: in Rome."""


async def quiet_night(stage: Stage) -> None:
    """A message held for the morning, the two strange nights of the year, and a policy that ends the night."""
    voice = await open_voice(stage)
    before = await stage.ask("the contact policy", "GET", "/api/policy", voice.key)
    try:
        dario, held = await _is_held(voice)
        await _strange_nights(voice, before["policy"])
        await _night_ends(voice, dario, held, before["policy"])
    finally:
        await _put_back(voice, before["policy"])


async def _is_held(voice: Voice) -> tuple[Customer, int]:
    stage = voice.stage
    stage.step("Where Dario is, it is past two at night. A message to his phone is asked for now.")
    dario = await voice.customer("Dario", hour=NIGHT, agrees=("email", CHANNEL))
    held = await voice.send("write to Dario", dario, content=TEXT, purpose="marketing", channels=[CHANNEL])
    seen = await voice.decided(held)
    decision = seen["decision"]
    stage.confirm("it is held", ("planned", "hold"), (seen["message"]["state"], decision["outcome"]))
    stage.confirm("for the quiet hours", "quiet_hours", codes(decision)[0])
    stage.say(f"    Why: {decision['reasons'][0]['text']}")
    here = datetime.now(UTC).astimezone(ZoneInfo(dario.zone))
    morning = here.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    stage.confirm(f"until nine on his clock ({dario.zone})", morning, instant(decision["hold_until"]))
    stage.confirm("nothing has rung", 0, len(await voice.taken(CHANNEL, dario.telegram)))
    return dario, held


async def _strange_nights(voice: Voice, policy: dict[str, Any]) -> None:
    stage = voice.stage
    stage.step(
        "Elena lives in Rome. What if something is to be sent in the nights when clocks are changed? (Simulated.)"
    )
    elena = await voice.customer("Elena", zone=ROME, agrees=("email", CHANNEL))
    for at, resumed, ends, why in NIGHTS:
        thought = {"purpose": "marketing", "channels": [CHANNEL], "at": at, "policy": _quiet(policy, "21:00", ends)}
        seen = await voice.simulated(f"a message on {at}", elena, **thought)
        stage.check("it is held", "hold", seen["outcome"])
        stage.confirm(f"{why}: {resumed}", instant(resumed), instant(seen["hold_until"]))


async def _night_ends(voice: Voice, dario: Customer, held: int, policy: dict[str, Any]) -> None:
    stage = voice.stage
    stage.step("Somebody changes the policy: Telegram keeps no quiet hours. What was held is decided anew, at once.")
    changed = {
        "policy": _quiet(policy, None, None),
        "reason": "Scene quiet-night: Telegram keeps no quiet hours for now.",
    }
    saved = await stage.ask("change the policy", "PUT", "/api/policy", voice.key, changed)
    over = await voice.over(held)
    stage.confirm("it was sent", "accepted", over["message"]["state"])
    stage.confirm("decided by the new policy", saved["version"], over["decision"]["policy_version"])
    late = instant(over["message"]["handed_over_at"]) - instant(saved["at"])
    stage.confirm("within seconds", True, late < SECONDS)
    stage.confirm("his phone rang once", 1, len(await voice.taken(CHANNEL, dario.telegram)))


async def _put_back(voice: Voice, policy: dict[str, Any]) -> None:
    back = {"policy": policy, "reason": "Scene quiet-night: as it was before."}
    await voice.stage.ask("the policy as it was", "PUT", "/api/policy", voice.key, back)


def _quiet(policy: dict[str, Any], begins: str | None, ends: str | None) -> dict[str, Any]:
    """The policy with other quiet hours for this channel, or with none."""
    others = []
    for one in policy["quiet"]:
        rest = [channel for channel in one["channels"] if channel != CHANNEL]
        others += [{**one, "channels": rest}] if rest else []
    if begins is not None:
        others.append({"channels": [CHANNEL], "from": begins, "until": ends})
    return {**policy, "quiet": others}
