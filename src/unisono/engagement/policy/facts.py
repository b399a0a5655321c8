"""The facts a decision is made from, for hundreds of persons in a handful of statements, under a lock of each person.

Take the locks first, then load: what is loaded then is what the one before has left behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from unisono.commerce.inventory.places import locations
from unisono.customers.consent import service as consent
from unisono.customers.profiles.rules import LANGUAGE, Trait, fold_traits, language_of, trait_said
from unisono.engagement.policy.helping import DELAYED, HELP_EVENTS, Signal, troubles
from unisono.engagement.policy.limits import longest_window
from unisono.engagement.policy.model import (
    Address,
    Asked,
    Contact,
    ContactFacts,
    PlannedMessage,
    Policy,
    PolicyVersion,
    Preference,
)
from unisono.engagement.policy.preferring import LOOKED_AT, VISIT_WITHIN, answered_on, channel_named, learned
from unisono.kit.database import Connection
from unisono.kit.localtime import zone_of
from unisono.kit.settings import Settings
from unisono.kit.sql import load as statements

_sql = statements("unisono.engagement.policy")
_decode = msgspec.json.Decoder().decode

ZONE_WITHIN: Final = timedelta(days=90)
"""A zone no device has named for so long is forgotten."""

CHANNELS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email", "ads"),
    "phone": ("sms", "call", "whatsapp", "ads"),
    "whatsapp": ("whatsapp",),
    "messenger": ("messenger",),
    "instagram": ("instagram",),
    "telegram": ("telegram",),
}
"""Which channels an identifier of a namespace is an address of."""

PREFERRED: Final = {("whatsapp", "whatsapp"): 0, ("ads", "email"): 0}
"""(channel, namespace) that goes before other identifiers of the channel."""

COMES_TO_US: Final = ("onsite", "chat", "clerk", "till", "webhook", "other")
"""Channels that need no address: the person's strongest identifier stands for him."""

STORE_TRAITS: Final = ("home_store", "homeStore", "store_id")

TRAITS: Final = (
    "timezone",
    "timeZone",
    "preferred_channel",
    "preferredChannel",
    *LANGUAGE,
    "address",
    *STORE_TRAITS,
)
"""What the policy asks of what was said of a person."""


class Company(msgspec.Struct, frozen=True):
    """What of the company counts where a person has said nothing."""

    timezone: str
    country: str

    @classmethod
    def of(cls, settings: Settings) -> Company:
        """As the settings say."""
        return cls(settings.timezone, settings.country)


async def lock_persons(conn: Connection, node_ids: Collection[int]) -> dict[int, int]:
    """Keep everybody else from deciding about the persons of these identifiers until the transaction ends.

    Returns the person of each identifier as it is once the locks are held; those that are no identifier (erased) are
    missing. Persons that became others while we waited are locked too, so that two who began with two halves of one
    person still come one after the other.
    """
    wanted = sorted(node_ids)
    held: set[int] = set()
    while True:
        persons = {row["id"]: row["person_id"] for row in await _sql.persons_of(conn, ids=wanted)}
        more = set(persons.values()) - held
        if not more:
            return persons
        await _sql.lock_people(conn, persons=sorted(more))
        held |= more


class _People:
    """What was loaded, by person."""

    def __init__(self, rows: Iterable[asyncpg.Record]) -> None:
        self.nodes: dict[int, list[asyncpg.Record]] = defaultdict(list)
        self.person_of: dict[int, int] = {}
        for row in rows:
            self.nodes[row["person_id"]].append(row)
            self.person_of[row["id"]] = row["person_id"]

    @property
    def node_ids(self) -> list[int]:
        """Every identifier of all."""
        return list(self.person_of)

    def by_person(self, rows: Iterable[asyncpg.Record]) -> dict[int, list[asyncpg.Record]]:
        """Rows with a ``node_id``, by the person it is of."""
        found: dict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            found[self.person_of[row["node_id"]]].append(row)
        return found


async def load(
    conn: Connection,
    asked: Sequence[Asked],
    *,
    policy: PolicyVersion,
    accounts: Mapping[str, str],
    company: Company,
    now: datetime,
) -> dict[int, ContactFacts]:
    """The facts for messages, by message id; those of one person share one object. Sixteen statements at most.

    ``accounts`` says which account would carry a channel now; channels without one are refused. Messages of nobody
    (erased meanwhile) are not in the answer. The past of 180 days is read, and what the longest window needs.
    """
    persons = {row["id"]: row["person_id"] for row in await _sql.persons_of(conn, ids=[one.node_id for one in asked])}
    rules = policy.policy
    people = _People(await _sql.nodes_of_people(conn, persons=sorted(set(persons.values()))))
    choosing = {persons[one.node_id] for one in asked if one.node_id in persons and _chooses(one)}
    parts = await _parts(conn, people, rules, choosing, company, now)
    facts = {
        person: msgspec.structs.replace(found, accounts=dict(accounts), country=company.country)
        for person, found in parts.items()
    }
    return {one.message_id: facts[persons[one.node_id]] for one in asked if one.node_id in persons}


def _chooses(asked: Asked) -> bool:
    """Whether a preference of the person could matter."""
    return len(asked.channels) > 1 or "any" in asked.channels


async def _parts(
    conn: Connection, people: _People, policy: Policy, choosing: Collection[int], company: Company, now: datetime
) -> dict[int, ContactFacts]:
    nodes = people.node_ids
    span = longest_window(policy)
    said = people.by_person(await _sql.said_traits(conn, nodes=nodes, names=list(TRAITS)))
    traits = {person: fold_traits(map(trait_said, rows)) for person, rows in said.items()}
    pushes = people.by_person(await _sql.push_addresses(conn, nodes=nodes))
    contacts = people.by_person(await _sql.contacts_since(conn, nodes=nodes, since=now - span))
    planned = people.by_person(await _sql.planned_before(conn, nodes=nodes, until=now + span))
    signals = people.by_person(await _sql.signals_since(conn, nodes=nodes, since=now - LOOKED_AT))
    overdue = people.by_person(await _sql.overdue_orders(conn, nodes=nodes, now=now))
    zones = people.by_person(await _sql.heard_zones(conn, nodes=nodes, since=now - ZONE_WITHIN))
    stores = await _store_zones(conn, people, traits)
    standings = await consent.standings(conn, list(people.nodes))
    preferences = await _preferences(conn, people, policy, choosing, signals, traits, now)
    return {
        person: ContactFacts(
            person_id=person,
            nodes=tuple(row["id"] for row in mine),
            addresses=tuple(_addresses(mine, pushes[person], traits.get(person, {}))),
            standing=standings[person],
            contacts=tuple(
                Contact(row["at"], row["channel"], row["purpose"], row["weight"], row["origin"])
                for row in contacts[person]
            ),
            planned=tuple(
                PlannedMessage(row["id"], row["try_at"], row["priority"], row["purpose"], tuple(row["channels"]))
                for row in planned[person]
            ),
            zone=zone_of(
                _zones_said(zones[person], traits.get(person, {})), store=stores.get(person), company=company.timezone
            ),
            preference=preferences[person],
            troubles=troubles([*_signals(signals[person]), *_late(overdue[person])], policy.help, now),
            language=language_of(traits.get(person, {})),
        )
        for person, mine in people.nodes.items()
    }


# Where he is --------------------------------------------------------------------------------------------


def _zones_said(heard: Iterable[asyncpg.Record], traits: Mapping[str, Trait]) -> list[tuple[object, datetime]]:
    said: list[tuple[object, datetime]] = [(row["zone"], row["at"]) for row in heard]
    return said + [(traits[name].value, traits[name].at) for name in ("timezone", "timeZone") if name in traits]


async def _store_zones(
    conn: Connection, people: _People, traits: Mapping[int, Mapping[str, Trait]]
) -> dict[int, str | None]:
    """The zone of each person's shop: the one he named, else the one he is seen in most."""
    seen = await _sql.home_stores(conn, persons=list(people.nodes))
    stores: dict[int, str] = {row["person_id"]: row["store_id"] for row in seen}
    for person, said in traits.items():
        named = next((said[name].value for name in STORE_TRAITS if name in said), None)
        if isinstance(named, str) and named:
            stores[person] = named
    if not stores:
        return {}
    zones = {place.code: place.timezone for place in await locations(conn, set(stores.values()))}
    return {person: zones.get(store) for person, store in stores.items()}


# How he is reached --------------------------------------------------------------------------------------


def _addresses(
    nodes: Sequence[asyncpg.Record],
    pushes: Iterable[asyncpg.Record],
    traits: Mapping[str, Trait],
) -> Iterable[Address]:
    """Addresses by channel; ``nodes`` are strongest first."""
    strongest = nodes[0]["id"]
    for row in nodes:
        for channel in CHANNELS_OF.get(row["namespace"], ()):
            yield Address(channel, row["id"], PREFERRED.get((channel, row["namespace"]), 1))
    for channel in COMES_TO_US:
        yield Address(channel, strongest)
    for row in pushes:
        yield Address(row["channel"], row["node_id"])
    if _has_letterbox(traits):
        yield Address("mail", strongest)


def _has_letterbox(traits: Mapping[str, Trait]) -> bool:
    """Whether a letter would find him: a street, and a town or its code."""
    address = traits["address"].value if "address" in traits else None
    if not isinstance(address, dict):
        return False
    town = any(address.get(name) for name in ("city", "postalCode", "postal_code", "zip"))
    return town and any(address.get(name) for name in ("street", "address1", "line1"))


# What he likes and how he fares --------------------------------------------------------------------------


async def _preferences(
    conn: Connection,
    people: _People,
    policy: Policy,
    choosing: Collection[int],
    signals: Mapping[int, Sequence[asyncpg.Record]],
    traits: Mapping[int, Mapping[str, Trait]],
    now: datetime,
) -> dict[int, Preference]:
    """What persons said they prefer, and of those whose message leaves a choice what their answers say."""
    counted: dict[int, list[asyncpg.Record]] = defaultdict(list)
    nodes = [row["id"] for person in choosing for row in people.nodes[person]]
    if nodes and policy.preferring.learned:
        for row in await _sql.answered_contacts(conn, nodes=nodes, since=now - LOOKED_AT, within=VISIT_WITHIN):
            counted[row["person_id"]].append(row)
    found = {}
    for person in people.nodes:
        preference = _learned(counted[person], signals[person], policy) if person in choosing else Preference()
        found[person] = msgspec.structs.replace(preference, stated=_stated(traits.get(person, {})))
    return found


def _learned(counted: Iterable[asyncpg.Record], signals: Iterable[asyncpg.Record], policy: Policy) -> Preference:
    rows = list(counted)
    answers = [
        (row["name"], channel) for row in signals if (channel := answered_on(row["name"], _properties(row))) is not None
    ]
    contacts = {row["channel"]: row["contacts"] for row in rows}
    return learned(contacts, {row["channel"]: row["visits"] for row in rows}, answers, policy.preferring)


def _stated(traits: Mapping[str, Trait]) -> str | None:
    for name in ("preferred_channel", "preferredChannel"):
        channel = channel_named(traits[name].value) if name in traits else None
        if channel:
            return channel
    return None


def _properties(row: asyncpg.Record) -> dict[str, Any]:
    decoded = _decode(row["properties"]) if row["properties"] else {}
    return decoded if isinstance(decoded, dict) else {}


def _signals(rows: Iterable[asyncpg.Record]) -> list[Signal]:
    return [Signal(row["occurred_at"], row["name"], _properties(row)) for row in rows if row["name"] in HELP_EVENTS]


def _late(rows: Iterable[asyncpg.Record]) -> list[Signal]:
    return [Signal(row["promised_at"], DELAYED, {"order_id": row["number"]}) for row in rows]
