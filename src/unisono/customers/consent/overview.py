"""A person's consents at a glance: what holds for the person, and under which address."""

from __future__ import annotations

from datetime import datetime

import msgspec

from unisono.customers.consent import service
from unisono.customers.consent.model import (
    ADDRESSES,
    ANY,
    CHANNELS,
    PERSON_CHANNELS,
    PURPOSES,
    Basis,
    OptIn,
    Purpose,
    RegisterCheck,
    Standing,
    State,
    Status,
    Suppression,
)
from unisono.customers.consent.proof import Address, addresses_of, waiting
from unisono.customers.consent.rules import alive, marketing_states, of, person_state
from unisono.kit.database import Connection


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a person on one purpose and channel: an objection under one address counts for all."""

    purpose: Purpose
    channel: str
    status: Status | None
    """None: nobody ever said anything."""
    basis: Basis | None = None
    since: datetime | None = None
    expires_at: datetime | None = None
    categories: tuple[str, ...] = ()
    entry_id: int | None = None
    node_id: int | None = None
    """The address it was said under."""


class PersonConsents(msgspec.Struct, frozen=True, kw_only=True):
    """All about one person."""

    person_id: int
    addresses: tuple[Address, ...]
    holdings: tuple[Holding, ...]
    """Marketing on each channel the person has an address of, then each purpose without a channel."""
    states: tuple[State, ...]
    waiting: tuple[OptIn, ...]
    suppressions: tuple[Suppression, ...]
    registers: tuple[RegisterCheck, ...]


async def overview(conn: Connection, person: int, *, now: datetime, contacts: bool = True) -> PersonConsents:
    """What holds for a person at an instant; ``contacts`` False leaves the addresses' text out."""
    addresses = await addresses_of(conn, person, contacts=contacts)
    nodes = [address.node_id for address in addresses]
    standing = await service.standing_of_nodes(conn, nodes)
    return PersonConsents(
        person_id=person,
        addresses=addresses,
        holdings=holdings(standing, channels_of(addresses), now),
        states=tuple(alive(state, now) for state in standing.states),
        waiting=tuple(await waiting(conn, nodes, now=now)),
        suppressions=standing.suppressions,
        registers=standing.registers,
    )


def channels_of(addresses: tuple[Address, ...]) -> tuple[str, ...]:
    """The channels a person with these identifiers can be reached on."""
    reached = {channel for address in addresses for channel in ADDRESSES.get(address.namespace, ())}
    return tuple(channel for channel in CHANNELS if channel in reached or channel in PERSON_CHANNELS)


def holdings(standing: Standing, channels: tuple[str, ...], at: datetime) -> tuple[Holding, ...]:
    """What holds for the person, purpose by purpose."""
    places: list[tuple[Purpose, str]] = [("marketing", channel) for channel in channels]
    places += [(purpose, ANY) for purpose in PURPOSES if purpose not in ("marketing", "contract")]
    found = []
    for purpose, channel in places:
        marketing = purpose == "marketing"
        said = marketing_states(standing.states, channel) if marketing else of(standing.states, purpose, channel)
        state = person_state(said, at)
        if state is None:
            found.append(Holding(purpose=purpose, channel=channel, status=None))
            continue
        found.append(
            Holding(
                purpose=purpose,
                channel=channel,
                status=state.status,
                basis=state.basis,
                since=state.since,
                expires_at=state.expires_at,
                categories=state.categories,
                entry_id=state.entry_id,
                node_id=state.node_id,
            )
        )
    return tuple(found)
