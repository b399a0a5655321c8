"""Asking the policy without sending: what would become of a message, and how things stand with a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from unisono.customers.consent import service as consent
from unisono.customers.consent.model import Legal
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.policy import limits, rules, words
from unisono.engagement.policy.facts import Company, load
from unisono.engagement.policy.model import (
    Asked,
    Contact,
    ContactFacts,
    Decision,
    Policy,
    PolicyVersion,
    Preference,
    Verdict,
)
from unisono.engagement.policy.service import current
from unisono.kit.database import Connection
from unisono.kit.localtime import Zone
from unisono.kit.reasons import Reason
from unisono.kit.sql import load as statements

_sql = statements("unisono.engagement.policy")

LOOKING_AHEAD: Final = timedelta(days=366)
"""How far ahead the next free instant of a channel is looked for."""


class LimitState(msgspec.Struct, frozen=True, kw_only=True):
    """A budget or a cap of a person at an instant."""

    kind: str
    name: str
    label: str
    """What people call it, in English where it is the package's."""
    used: int
    limit: int
    left: int
    seconds: int
    room_at: datetime | None
    """When the lightest message it binds has room: now, or later; None: never."""


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """What a promotion may do on a channel."""

    channel: str
    allowed_at: datetime | None
    """The next instant at which one may be sent; None: not as things stand."""
    quiet_until: datetime | None
    """The end of the quiet hours it is in."""
    weight: int
    reasons: tuple[Reason, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand with a person: what counts, what is mute, what is free when."""

    person_id: int
    at: datetime
    local_time: datetime
    """The same instant by the person's clock."""
    zone: Zone
    language: str | None
    policy_version: int
    mode: str
    """``help``: promotion is mute because the person has trouble with us; else ``sell``."""
    muted: tuple[Reason, ...]
    limits: tuple[LimitState, ...]
    channels: tuple[ChannelState, ...]
    preference: Preference
    contacts: tuple[Contact, ...]
    """Of the longest window, newest first."""


async def accounts_now(conn: Connection) -> dict[str, str]:
    """Channel to the account its messages leave by: the active one of the lowest rank."""
    return {row["channel"]: row["code"] for row in await _sql.active_accounts(conn)}


async def explain(
    conn: Connection, asked: Sequence[Asked], *, company: Company, now: datetime, policy: Policy | None = None
) -> dict[int, Decision]:
    """What would be decided at an instant, by message id; nothing is written or booked.

    ``policy`` is one that somebody thinks of; the one that counts otherwise. Messages of nobody are left out.
    """
    version = await current(conn)
    if policy is not None:
        version = msgspec.structs.replace(version, policy=policy)
    accounts = await accounts_now(conn)
    facts = await load(conn, asked, policy=version, accounts=accounts, company=company, now=now)
    known = [one for one in asked if one.message_id in facts]
    return rules.decide_all(known, facts, version, await consent.legal(conn), now)


async def standing(conn: Connection, person: int, *, company: Company, now: datetime) -> Standing | None:
    """How things stand with a person for a promotion; None when there is nobody."""
    version = await current(conn)
    asked = Asked(
        message_id=0,
        node_id=person,
        purpose="marketing",
        channels=CHANNELS,
        due_at=now,
        not_after=now + LOOKING_AHEAD,
    )
    accounts = await accounts_now(conn)
    facts = await load(conn, [asked], policy=version, accounts=accounts, company=company, now=now)
    if 0 not in facts:
        return None
    return standing_of(facts[0], asked, version, await consent.legal(conn), now)


def standing_of(facts: ContactFacts, asked: Asked, version: PolicyVersion, legal: Legal, now: datetime) -> Standing:
    """How things stand, pure."""
    policy = version.policy
    # Every channel on its own: trouble mutes all of them and is told once.
    muted = [words.muted(trouble) for trouble in facts.troubles]
    verdicts = rules.verdicts(asked, facts, policy, legal, now)
    return Standing(
        person_id=facts.person_id,
        at=now,
        local_time=now.astimezone(facts.zone.info),
        zone=facts.zone,
        language=facts.language,
        policy_version=version.version,
        mode="help" if muted else "sell",
        muted=tuple(muted),
        limits=tuple(_limit(limit, facts, policy, now) for limit in limits.every(policy)),
        channels=tuple(_channel(verdict, facts, policy, now) for verdict in verdicts),
        preference=facts.preference,
        contacts=tuple(sorted(facts.contacts, key=lambda contact: contact.at, reverse=True)),
    )


def _limit(limit: limits.Limit, facts: ContactFacts, policy: Policy, now: datetime) -> LimitState:
    used, most = limits.used(limit, facts.contacts, now), limits.most(limit)
    lightest = min((weight for weight in policy.weights.values() if weight), default=1)
    return LimitState(
        kind=limits.kind(limit),
        name=limit.name,
        label=words.label_of(limit),
        used=used,
        limit=most,
        left=max(0, most - used),
        seconds=limit.seconds,
        room_at=limits.room_at(limit, facts.contacts, limits.own_units(limit, lightest), now),
    )


def _channel(verdict: Verdict, facts: ContactFacts, policy: Policy, now: datetime) -> ChannelState:
    return ChannelState(
        channel=verdict.channel,
        allowed_at=now if verdict.outcome == "send" else verdict.until,
        quiet_until=rules.quiet_now(facts, policy, verdict.channel, now),
        weight=verdict.weight,
        reasons=verdict.reasons,
    )
