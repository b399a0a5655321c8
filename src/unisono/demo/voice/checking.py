"""The voice without a screen: counts against the data, a broadcast into the counterparts, and what always holds."""

from __future__ import annotations

import base64
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from unisono.customers.consent.ledger import Triple, as_entry, as_state
from unisono.customers.consent.model import Entry, State
from unisono.customers.consent.rules import fold
from unisono.customers.segments import checking as segments
from unisono.demo import dataset
from unisono.demo.counterparts.connecting import connect, drafts
from unisono.demo.counterparts.google import Fcm
from unisono.demo.counterparts.model import Book
from unisono.demo.counterparts.process import counterparts
from unisono.demo.findings import Findings
from unisono.demo.invention import has_phone
from unisono.demo.loading import Progress
from unisono.demo.voice import broadcast
from unisono.demo.voice.loading import VoiceReport, load_voice
from unisono.engagement.broadcasts import keeping, planning
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

_KEY = base64.b64encode(b"the check opens no real account.").decode()


async def check_voice(
    findings: Findings, pool: Pool, settings: Settings, folder: Path, households: Sequence[int], *, shift_days: int
) -> None:
    """Load the voice twice, send its broadcast into counterparts of this process, and compare all of it."""
    with tempfile.TemporaryDirectory() as own:
        # The key and the mark of what was sent are of this check alone.
        settings = replace(settings, data_dir=Path(own), secret_key=_KEY, provider_private_addresses=True)
        made = await _load(pool, settings, folder, len(households), shift_days)
        again = await _load(pool, settings, folder, len(households), shift_days)
        findings.compare("a second load of the voice says nothing", _still(made), _still(again))
        async with connection(pool) as conn:
            await _check_consents(findings, conn, folder, households)
        await _send(findings, pool, settings)
        await check_said(findings, pool, settings)


async def _load(pool: Pool, settings: Settings, folder: Path, households: int, shift_days: int) -> VoiceReport:
    return await load_voice(
        pool, settings, limit_households=households, shift_days=shift_days, progress=_quiet, folder=folder
    )


def _still(report: VoiceReport) -> VoiceReport:
    return msgspec.structs.replace(report, seconds=0.0)


def _quiet(progress: Progress) -> None:
    del progress


async def _check_consents(findings: Findings, conn: Connection, folder: Path, households: Sequence[int]) -> None:
    """The shares the documentation tells of, counted from the data's tables alone."""
    mine = list(households)
    received = {row["household_id"] for row in _rows(folder, "campaigns", mine)}
    redeemed = {row["household_id"] for row in _rows(folder, "coupon_redemptions", mine)}
    agreed = {row["channel"]: row["addresses"] for row in await _sql.agreed(conn)}
    findings.compare("whoever received a campaign agreed to letters", len(received), agreed.get("mail", 0))
    findings.compare(
        "whoever used a coupon and has a telephone agreed to SMS", sum(map(has_phone, redeemed)), agreed.get("sms", 0)
    )


def _rows(folder: Path, name: str, households: list[int]) -> list[dict[str, int]]:
    rows: list[dict[str, int]] = dataset.some_households(dataset.read(folder, name), households).to_pylist()
    return rows


async def _send(findings: Findings, pool: Pool, settings: Settings) -> None:
    """The broadcast, from the segment to the mailboxes."""
    now, fcm, secret = datetime.now(UTC), Fcm(), Secret.of(settings)
    async with counterparts(fcm=fcm) as (where, server):
        async with transaction(pool) as conn:
            await connect(conn, secret, drafts(where, fcm), now=now)
        await broadcast.launch_once(pool, settings, now=now)
        async with connection(pool) as conn:
            launched = await keeping.get(conn, broadcast.CODE)
        await planning.drive(pool, launched.id, settings=settings)
        await Dispatcher(pool, settings, secret).drain()
        await check_taken(findings, pool, server.book)


async def check_taken(findings: Findings, pool: Pool, book: Book) -> None:
    """The mailboxes against the ledger: each accepted e-mail there once, and nothing else."""
    async with connection(pool) as conn:
        rows = await _sql.message_states(conn)
    accepted = sum(row["messages"] for row in rows if (row["state"], row["channel"]) == ("accepted", "email"))
    often = book.of("smtp")
    findings.compare(f"every accepted e-mail is in a mailbox ({accepted})", accepted, len(often))
    findings.compare("no mailbox has one twice", 0, sum(1 for times in often.values() if times > 1))


async def check_said(findings: Findings, pool: Pool, settings: Settings, *, patience: float = 0.0) -> None:
    """What holds at every instant, whatever is said to whomever: each number is of things that break it.

    ``patience`` is how many seconds a worker that follows the log may take to follow.
    """
    async with connection(pool) as conn:
        findings.compare("the state of every consent is the fold of what was said", 0, await unlike_folds(conn))
        row = await _sql.broken_ledger(conn)
        live = await _sql.live_segments(conn)
    for what, name in (
        ("an accepted message counts as one contact", "contacts"),
        ("an accepted message has its decision, its account and its content", "decisions"),
        ("what was not sent says why", "reasons"),
        ("a broadcast has one message a person", "twice"),
    ):
        findings.compare(what, 0, row[name])
    for segment in live:
        proof = await segments.check(pool, segment["id"], settings, patience=patience)
        seen = None if proof is None else (proof.missing, proof.extra)
        findings.compare(f"the members of {segment['code']} are those counted afresh", (0, 0), seen)


async def unlike_folds(conn: Connection) -> int:
    """How many states of consents are not the fold of their entries, or are of none."""
    said: defaultdict[Triple, list[Entry]] = defaultdict(list)
    for row in await _sql.ledger_entries(conn):
        entry = as_entry(row)
        said[entry.node_id, entry.purpose, entry.channel].append(entry)
    kept = [as_state(row) for row in await _sql.ledger_states(conn)]
    states: dict[Triple, State | None] = {(state.node_id, state.purpose, state.channel): state for state in kept}
    folded: dict[Triple, State | None] = {triple: fold(entries) for triple, entries in said.items()}
    every = {*folded, *states}
    return sum(1 for triple in every if folded.get(triple) != states.get(triple))
