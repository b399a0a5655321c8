"""The policy an installation begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unisono.engagement.channels.model import Channel
from unisono.engagement.policy.model import Budget, Cap, Policy, PolicyVersion, Quiet

DAY: Final = 86_400

WEIGHTS: Final[Mapping[str, int]] = {
    "email": 1,
    "web_push": 1,
    "app_push": 1,
    "sms": 2,
    "whatsapp": 2,
    "messenger": 2,
    "instagram": 2,
    "telegram": 2,
    "clerk": 2,
    "mail": 3,
    "call": 5,
    "onsite": 0,
    "chat": 0,
    "till": 0,
    "ads": 0,
    "webhook": 0,
    "other": 1,
}
"""What weighs is what disturbs: a banner on a page one opened oneself weighs nothing."""

REACHING: Final[tuple[Channel, ...]] = (
    "email",
    "sms",
    "whatsapp",
    "messenger",
    "instagram",
    "telegram",
    "web_push",
    "app_push",
    "other",
)
"""Channels that ring or light up at night."""

GOING: Final[tuple[Channel, ...]] = (*REACHING, "call", "mail", "clerk")
"""Channels by which we go to the person: they count under the caps."""


def default_policy() -> Policy:
    """Ten weights a week, one promotion a day and three a week by whatever channel, nights and Sunday calls quiet.

    The hours of calls are those of the Italian code of conduct for telephone selling (Garante, 9 March 2023): Monday
    to Friday 9 to 20, Saturday 10 to 19, never on Sundays and public holidays.
    """
    return Policy(
        weights=dict(WEIGHTS),
        budgets=(Budget(name="week", limit=10, seconds=7 * DAY),),
        caps=(
            Cap(name="day", purposes=("marketing",), most=1, seconds=DAY, channels=GOING),
            Cap(name="three_a_week", purposes=("marketing",), most=3, seconds=7 * DAY, channels=GOING),
            Cap(name="surveys", purposes=("service",), most=2, seconds=7 * DAY, channels=GOING, staff=False),
        ),
        quiet=(
            Quiet(channels=REACHING, from_="21:00", until="09:00"),
            Quiet(channels=("call",), from_="20:00", until="09:00"),
            Quiet(channels=("call",), from_="00:00", until="10:00", weekdays=("sat",)),
            Quiet(channels=("call",), from_="19:00", until="24:00", weekdays=("sat",)),
            Quiet(channels=("call",), from_="00:00", until="24:00", weekdays=("sun",), holidays=True),
        ),
        fallback=("app_push", "email", "whatsapp", "sms"),
    )


def default_version() -> PolicyVersion:
    """What counts while nobody has changed anything."""
    return PolicyVersion(
        version=0, policy=default_policy(), at=None, actor="unisono", reason="The policy of the package."
    )
