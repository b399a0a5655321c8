"""Follows the log: what sites, shops, tills and imports tell about consent becomes entries of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec
import structlog

from unisono.access.keys import public_sources
from unisono.customers.consent.confirming import needs_confirmation, request_opt_in
from unisono.customers.consent.hearing import COMPLAINED, FRESH, SOLD, Statement, on_person, speaks, statements
from unisono.customers.consent.ledger import lock_persons_of, record
from unisono.customers.consent.model import ADDRESSES, ANY, OBJECTIONS, Legal, NewEntry, Suppression
from unisono.customers.consent.service import legal, soft_key, states_of, suppress
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.record import OURS
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

log = structlog.get_logger("unisono.consent")

_sql = load("unisono.customers.consent")


class Known(msgspec.Struct, frozen=True):
    """An identifier of a person."""

    id: int
    namespace: str
    value: str
    level: str


class Surroundings(msgspec.Struct, frozen=True):
    """What a batch needs to know, read once."""

    nodes: dict[int, list[Known]]
    """Of each person, strongest first."""
    public: frozenset[int]
    """Sources whose key everybody can read."""
    objected: frozenset[tuple[int, str, str]]
    rules: Legal
    rulebook: Rulebook


class ConsentReader(LogReader):
    """Keeps the ledger of what events say; our own events come from the ledger and are left alone."""

    name: ClassVar[str] = "consent"
    linger: ClassVar[float] = 0.2
    wakes: ClassVar[bool] = True

    def __init__(self, country: str = "IT") -> None:
        """``country`` completes phone numbers that come without a prefix."""
        self.country = country

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Set-wise: a batch is read, understood and recorded in a handful of statements."""
        mine = [event for event in events if speaks(event) and (event.name == SOLD or not _own(event))]
        if not mine:
            return
        around = await self._look(conn, mine)
        entries: list[NewEntry] = []
        asked: list[NewEntry] = []
        for event in mine:
            for entry, ask in _entries(event, around):
                (asked if ask else entries).append(entry)
        await lock_persons_of(conn, {entry.node_id for entry in (*entries, *asked)})
        now = max(event.received_at for event in mine)
        await record(conn, entries, now=now)
        for entry in asked:
            await request_opt_in(conn, entry, now=now)
        await suppress(conn, list(_complaints(mine, around)), now=now)

    async def _look(self, conn: Connection, events: Sequence[Event]) -> Surroundings:
        rows = await _sql.nodes_of_persons(conn, persons=int_list({event.person_id for event in events}))
        nodes: dict[int, list[Known]] = {}
        for row in rows:
            known = Known(row["id"], row["namespace"], row["value"], row["level"])
            nodes.setdefault(row["person_id"], []).append(known)
        sources = {event.source_id for event in events if event.source_id is not None}
        states = await states_of(conn, [known.id for mine in nodes.values() for known in mine])
        return Surroundings(
            nodes=nodes,
            public=await public_sources(conn, sources),
            objected=frozenset(
                (one.node_id, one.purpose, one.channel)
                for mine in states.values()
                for one in mine
                if one.status in OBJECTIONS
            ),
            rules=await legal(conn),
            rulebook=await read_rulebook(conn, self.country),
        )


def _entries(event: Event, around: Surroundings) -> Iterable[tuple[NewEntry, bool]]:
    """The entries an event makes, each with whether it must be asked for instead of recorded."""
    public = event.source_id in around.public
    for said in statements(event):
        for known in _under(event, said, around):
            entry = _entry(event, said, known)
            if entry.expires_at is not None and entry.expires_at <= entry.at:
                continue
            objected = (known.id, said.purpose, said.channel) in around.objected
            if (
                public
                and entry.action == "granted"
                and (entry.basis != "consent" or (objected and _no_address(said, known)))
            ):
                # A key everybody can read: with it anybody could lift somebody else's objection.
                log.warning("consent.not_believed", event_id=event.id, source_id=event.source_id)
                continue
            proven = not public
            if (said.proven and proven) or not needs_confirmation(entry, around.rules, proven=proven):
                yield entry, False
            elif event.received_at - event.occurred_at > FRESH:
                yield msgspec.structs.replace(entry, action="requested", expires_at=None), False
            else:
                yield entry, True


def _own(event: Event) -> bool:
    """Whether it tells what the ledger has already."""
    return event.message_id.startswith(OURS)


def _no_address(said: Statement, known: Known) -> bool:
    return said.channel == ANY and known.level != "device"


def _entry(event: Event, said: Statement, known: Known) -> NewEntry:
    text_id, text_version, text_language = said.text or (None, None, None)
    return NewEntry(
        node_id=known.id,
        purpose=said.purpose,
        channel=said.channel,
        action=said.action,
        basis=said.basis,
        key=_key(event, said, known),
        source=said.source,
        actor=f"source:{event.source_id}" if event.source_id else "system",
        at=min(event.occurred_at, event.received_at),
        text_id=text_id,
        text_version=text_version,
        text_language=text_language,
        order_ref=said.order_ref,
        category=said.category,
        expires_at=said.expires_at,
        proof={**said.proof, "event": event.id, "double_opt_in": said.proven},
        told=False,
        via=event.channel,
    )


def _key(event: Event, said: Statement, known: Known) -> str:
    if said.basis == "soft_opt_in":
        # Of the sale: told again by another event it is the same.
        return soft_key(known.id, said.order_ref or "", said.category or "")
    return f"event:{event.id}:{known.id}:{said.purpose}:{said.channel}"


def _under(event: Event, said: Statement, around: Surroundings) -> list[Known]:
    """The identifiers a statement is about: always the person's own."""
    mine = around.nodes.get(event.person_id, [])
    if on_person(said.channel):
        if said.channel == "mail":
            return mine[:1]
        return [known for known in mine if known.id == event.node_id] or mine[:1]
    fitting = [known for known in mine if said.channel in ADDRESSES.get(known.namespace, ())]
    own = [known for known in fitting if known.namespace == said.channel]
    # WhatsApp has an identifier of its own; only without one a phone number stands for it.
    fitting = own or fitting
    if said.address is None:
        return fitting
    return [known for known in fitting if known.value == _spelled(said.address, known.namespace, around.rulebook)]


def _spelled(address: str, namespace: str, rulebook: Rulebook) -> str | None:
    try:
        return rulebook.key(namespace, address).value
    except UnusableIdentifier:
        return None


def _complaints(events: Iterable[Event], around: Surroundings) -> Iterable[Suppression]:
    for event in events:
        if event.name != COMPLAINED or event.source_id in around.public:
            continue
        said = Statement(purpose="marketing", channel="email", action="withdrawn")
        address = event.properties.get("email") or event.properties.get("address")
        if isinstance(address, str):
            said = msgspec.structs.replace(said, address=address)
        for known in _under(event, said, around):
            yield Suppression(
                node_id=known.id,
                channel="email",
                reason="complaint",
                purposes="all",
                at=event.occurred_at,
                source=f"event:{event.id}",
            )
