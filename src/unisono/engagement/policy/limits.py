"""Budgets and caps, pure: what was used, when there is room again, who needs what is left.

A contact at ``t`` counts within ``(at - seconds, at]``: exactly ``seconds`` later it does not count any more. A contact
with a time still to come (another machine's clock is ahead) counts already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from unisono.engagement.policy.model import STAFF, Asked, Budget, Cap, Contact, PlannedMessage, Policy

Limit: TypeAlias = Budget | Cap

RETRY = timedelta(seconds=60)
"""When to look again after giving way to a message that is due already."""


def every(policy: Policy) -> list[Limit]:
    """All budgets and caps."""
    return [*policy.budgets, *policy.caps]


def limits_of(policy: Policy, purpose: str, channel: str) -> list[Limit]:
    """The budgets and caps that bind a message of a purpose on a channel; transactional ones none."""
    return [limit for limit in every(policy) if binds(limit, purpose, channel)]


def longest_window(policy: Policy) -> timedelta:
    """How far back contacts matter."""
    return timedelta(seconds=max((limit.seconds for limit in every(policy)), default=0))


def binds(limit: Limit, purpose: str, channel: str) -> bool:
    """Whether a message of a purpose on a channel needs room in it."""
    if purpose == "transactional":
        return False
    if isinstance(limit, Budget):
        return purpose in limit.binds
    return purpose in limit.purposes and (limit.channels is None or channel in limit.channels)


def most(limit: Limit) -> int:
    """What a window has room for: weights of a budget, messages of a cap."""
    return limit.limit if isinstance(limit, Budget) else limit.most


def kind(limit: Limit) -> str:
    """``budget`` or ``cap``."""
    return "budget" if isinstance(limit, Budget) else "cap"


def own_units(limit: Limit, weight: int) -> int:
    """What a message that is bound takes of it: its weight, whether or not it counts later; of a cap one."""
    return weight if isinstance(limit, Budget) else 1


def units(limit: Limit, contact: Contact) -> int:
    """What a contact takes of it."""
    if isinstance(limit, Budget):
        return contact.weight if contact.purpose in limit.counts else 0
    if limit.channels is not None and contact.channel not in limit.channels:
        return 0
    return 1 if contact.purpose in limit.purposes or (limit.staff and contact.purpose == STAFF) else 0


def used(limit: Limit, contacts: Iterable[Contact], at: datetime) -> int:
    """What was taken of it in the window that ends at an instant."""
    begin = at - timedelta(seconds=limit.seconds)
    return sum(units(limit, contact) for contact in contacts if contact.at > begin)


def room_at(limit: Limit, contacts: Collection[Contact], own: int, now: datetime) -> datetime | None:
    """The first instant, not before ``now``, with room for ``own``, if nothing else comes; None: never."""
    room = most(limit) - own
    if room < 0:
        return None
    taken = used(limit, contacts, now)
    if taken <= room:
        return now
    window = timedelta(seconds=limit.seconds)
    for contact in sorted(contacts, key=lambda contact: contact.at):
        if contact.at > now - window:
            taken -= units(limit, contact)
            if taken <= room:
                return contact.at + window
    # Nothing is left to go once all contacts are gone: with room for oneself one fits then at the latest.
    return now


def needs(limit: Limit, planned: PlannedMessage, policy: Policy) -> int:
    """The least a planned message takes of it, by whichever of its channels; 0 when it is bound by none."""
    channels = [channel for channel in expanded(planned.channels, policy) if binds(limit, planned.purpose, channel)]
    return min((own_units(limit, weight_of(policy, channel)) for channel in channels), default=0)


def rival(
    limit: Limit,
    asked: Asked,
    own: int,
    contacts: Collection[Contact],
    planned: Iterable[PlannedMessage],
    policy: Policy,
    now: datetime,
) -> PlannedMessage | None:
    """The first weightier message, planned within the window, that would lack room if this one went now."""
    end = now + timedelta(seconds=limit.seconds)
    wanted = 0
    for higher in sorted(planned, key=lambda one: (one.at, one.message_id)):
        need = needs(limit, higher, policy)
        if higher.priority <= asked.priority or higher.at >= end or not 0 < need <= most(limit):
            continue
        wanted += need
        if most(limit) - used(limit, contacts, max(higher.at, now)) - own < wanted:
            return higher
    return None


def after(higher: PlannedMessage, now: datetime) -> datetime:
    """When to look again after giving way."""
    return higher.at if higher.at > now else now + RETRY


def weight_of(policy: Policy, channel: str) -> int:
    """What a contact by a channel weighs."""
    return policy.weights.get(channel, 1)


def expanded(channels: Iterable[str], policy: Policy) -> list[str]:
    """Channels in order, each once, ``any`` written out as the policy's fallback."""
    named = [one for channel in channels for one in (policy.fallback if channel == "any" else (channel,))]
    return list(dict.fromkeys(named))
