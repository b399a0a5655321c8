"""Small makers for tests of the contact policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from unisono.customers.consent.model import Legal, Standing, State
from unisono.engagement.policy.defaults import default_policy
from unisono.engagement.policy.model import Address, Asked, Contact, ContactFacts, Policy, PolicyVersion
from unisono.kit.localtime import Zone

ROME = Zone("Europe/Rome", "person", sure=True)
NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
"""A Wednesday, 12:00 in Rome."""

NODE = 7
REACHED = ("email", "sms", "whatsapp", "app_push", "call", "mail")


def granted(channel: str, *, node: int = NODE, purpose: Any = "marketing", since: datetime | None = None) -> State:
    """A consent in force."""
    return State(
        node_id=node,
        purpose=purpose,
        channel=channel,
        status="granted",
        basis="consent",
        since=since or NOON - timedelta(days=100),
        entry_id=1,
    )


def person(
    channels: Iterable[str] = REACHED, *, contacts: Iterable[Contact] = (), more: Iterable[State] = (), **changes: Any
) -> ContactFacts:
    """Somebody who can be reached by all these channels and agreed to marketing on them."""
    named = tuple(channels)
    facts = ContactFacts(
        person_id=NODE,
        nodes=(NODE,),
        addresses=tuple(Address(channel, NODE) for channel in named),
        accounts={channel: f"{channel}-account" for channel in named},
        standing=Standing(states=(*(granted(channel) for channel in named), *more)),
        contacts=tuple(contacts),
        zone=ROME,
    )
    return msgspec.structs.replace(facts, **changes)


def message(number: int = 1, **changes: Any) -> Asked:
    """A promotion by e-mail, due now."""
    asked = Asked(message_id=number, node_id=NODE, purpose="marketing", channels=("email",), due_at=NOON)
    return msgspec.structs.replace(asked, **changes)


def contact(at: datetime = NOON - timedelta(hours=1), channel: str = "email", purpose: str = "marketing") -> Contact:
    """A contact that was."""
    return Contact(at, channel, purpose, default_policy().weights.get(channel, 1))


def version(policy: Policy | None = None, **changes: Any) -> PolicyVersion:
    """The policy of the package, or another, with changes."""
    rules = msgspec.structs.replace(policy or default_policy(), **changes)
    return PolicyVersion(version=1, policy=rules, at=None, actor="test", reason="test")


LEGAL = Legal(register_channels=frozenset())
"""The law without the register: tests of the register ask the whole law."""
