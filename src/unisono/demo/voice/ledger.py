"""The rule's entries into the ledger, and the register's word on those who get letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from unisono.customers.consent import registers
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.customers.consent.registers import Line
from unisono.demo.invention import card_number, language
from unisono.demo.live.catalogue import Told
from unisono.demo.loading import ACTOR
from unisono.demo.voice.consents import SOFT_CATEGORY, SOURCE, Said
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.sql import load

_sql = load("unisono.demo")

AT_ONCE: Final = 400
"""Entries recorded in one transaction."""

TEXT_VERSION: Final = 1
TEXTS: Final = {"marketing": "demo-marketing", "profiling": "demo-profiling", "tracking": "demo-tracking"}
"""Purpose to the words that were agreed to."""

REGISTER: Final = "demo: opposition register (invented)"


def listed(household: int) -> bool:
    """One household in fifty of those who get letters stands in the invented register."""
    return household % 50 == 0


async def load_consents(pool: Pool, said: Sequence[Said], *, shift: timedelta, now: datetime, tell: Told) -> int:
    """Record what is not in the ledger yet, oldest first; how many entries are new."""
    async with connection(pool) as conn:
        known = {row["key"] for row in await _sql.consent_keys(conn, source=SOURCE)}
    new = sorted((one for one in said if one.key not in known), key=lambda one: (one.at, one.key))
    nodes = await _nodes(pool, {(one.namespace, one.value) for one in new})
    entries = [
        _entry(one, nodes[one.namespace, one.value], shift, now) for one in new if (one.namespace, one.value) in nodes
    ]
    for start in range(0, len(entries), AT_ONCE):
        async with transaction(pool) as conn:
            await consent.record(conn, entries[start : start + AT_ONCE], now=now)
        tell(min(start + AT_ONCE, len(entries)), len(entries))
    return len(entries)


async def _nodes(pool: Pool, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    async with connection(pool) as conn:
        rows = await _sql.nodes_named(
            conn, namespaces=[namespace for namespace, _ in wanted], values=[value for _, value in wanted]
        )
    return {(row["namespace"], row["value"]): int(row["id"]) for row in rows}


def _entry(said: Said, node_id: int, shift: timedelta, now: datetime) -> NewEntry:
    told = said.basis == "consent" and said.action != "refused"
    at = min((said.at + shift).replace(tzinfo=UTC), now)
    return NewEntry(
        node_id=node_id,
        purpose=said.purpose,
        channel=said.channel,
        action=said.action,
        basis=said.basis,
        key=said.key,
        source=SOURCE,
        actor=ACTOR,
        at=at,
        text_id=TEXTS[said.purpose] if told else None,
        text_version=TEXT_VERSION if told else None,
        text_language=language(said.household) if told else None,
        proof=said.proof,
        order_ref=said.order_ref,
        category=SOFT_CATEGORY if said.basis == "soft_opt_in" else None,
    )


async def load_register(pool: Pool, said: Sequence[Said], *, country: str, now: datetime) -> None:
    """Hold whoever agreed to letters against the register: a look is good for fifteen days, so each load looks."""
    lines = [
        Line(f"loyalty_card:{card_number(one.household)}", listed(one.household), now)
        for one in said
        if one.channel == "mail"
    ]
    async with transaction(pool) as conn:
        await registers.upload(conn, lines, channel="mail", source=REGISTER, country=country, now=now)
