"""Which channel a person likes, pure: what he said, and what his answers say.

An answer to a channel is a reply on it, or a contact of it that was followed: by a click, or by a visit (site, app,
shop) within a day. Of clicks and visits the larger number counts, since a click usually is a visit. Each channel's
score is ``(answers + 1) / (contacts + 4)``: a few answers to few contacts do not beat a long good record, and a channel
never tried is no favourite. Channels with fewer answers than the policy asks are left out. 180 days are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from unisono.customers.timeline.vocabulary.facts import read
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.policy.model import Preference, Preferring

LOOKED_AT: Final = timedelta(days=180)
VISIT_WITHIN: Final = timedelta(hours=24)

CLICKS: Final = ("Email Link Clicked", "Message Link Clicked", "Push Notification Tapped", "Slot Clicked")
REPLIES: Final = ("Message Received", "Call Logged")

SPELLINGS: Final = {
    "e-mail": "email",
    "mail": "email",
    "text": "sms",
    "push": "app_push",
    "phone": "call",
    "post": "mail",
    "letter": "mail",
    "facebook": "messenger",
    "facebook_messenger": "messenger",
    "webchat": "chat",
    "live_chat": "chat",
    "web": "onsite",
}
"""How others spell our channels. A trait that says ``mail`` means e-mail; letters are ``post``."""

NOBODYS: Final = frozenset({"ads", "webhook", "till", "other"})
"""Channels nobody answers on, so nobody prefers."""


def channel_named(value: Any) -> str | None:
    """Our channel for a text somebody else wrote; None when it is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    plain = value.strip().lower().replace(" ", "_")
    plain = SPELLINGS.get(plain, plain)
    return plain if plain in CHANNELS and plain not in NOBODYS else None


def answered_on(name: str, properties: Mapping[str, Any]) -> str | None:
    """The channel an event is an answer to; None when it answers nothing."""
    facts = read(properties)
    if name == "Email Link Clicked":
        return "email"
    if name == "Push Notification Tapped":
        return "app_push" if channel_named(facts.get("channel")) != "web_push" else "web_push"
    if name == "Slot Clicked":
        return "onsite"
    if name == "Call Logged":
        return "call" if str(facts.get("direction", "")).lower() in ("in", "inbound") else None
    if name == "Message Link Clicked":
        return channel_named(facts.get("channel")) or "sms"
    if name == "Message Received":
        return channel_named(facts.get("channel"))
    return None


def learned(
    contacts: Mapping[str, int],
    visits: Mapping[str, int],
    answers: Iterable[tuple[str, str]],
    settings: Preferring,
) -> Preference:
    """What the answers of a person say.

    ``contacts``: times we came to him, by channel; ``visits``: those of them a visit followed; ``answers``: (event's
    name, channel) of clicks and replies.
    """
    clicks: Counter[str] = Counter()
    replies: Counter[str] = Counter()
    for name, channel in answers:
        (clicks if name in CLICKS else replies)[channel] += 1
    given = {
        channel: max(clicks[channel], visits.get(channel, 0)) + replies[channel]
        for channel in {*clicks, *replies, *visits}
    }
    able = [channel for channel, count in given.items() if count >= settings.answers_least]

    def score(channel: str) -> tuple[float, int, str]:
        count = given[channel]
        return -(count + 1) / (max(contacts.get(channel, 0), count) + 4), -count, channel

    best = min(able, key=score, default=None)
    return Preference(
        learned=best if settings.learned else None,
        answers={channel: count for channel, count in sorted(given.items()) if count},
        contacts=dict(sorted(contacts.items())),
    )


def ordered(channels: Iterable[str], preference: Preference, settings: Preferring) -> list[str]:
    """Channels with the preferred ones in front: the stated before the learned, the rest as the author said."""
    wanted = [
        preference.stated if settings.stated else None,
        preference.learned if settings.learned else None,
    ]
    named = list(channels)
    front = [channel for channel in dict.fromkeys(wanted) if channel is not None and channel in named]
    return front + [channel for channel in named if channel not in front]
