"""Forgetting somebody, so that nothing readable is left and nothing comes back by itself.

1. At once, in one transaction that is alone with the tables concerned: tombstones, everything found by index, the
   identifiers. It waits for every transaction that has read or written one of these tables and keeps new ones off for
   the moment it takes: whoever works on the person (an event being written, a message being handed over, a timer
   being fired, a merge, a copy being made) is through before it or finds him gone after it. A lock on the tables, and
   not one of advice, because nobody can forget to ask for it and nobody pays for asking.
2. What is found without an index, then whatever names one of his identifiers anywhere: rows of others, rows of nobody.
3. A quarter of an hour later all of it once more, for what a process still had in hand.

Each step leaves its mark in the transaction that does it: whoever takes over goes on from there.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from unisono.access import audit
from unisono.customers.identity import personal as identity
from unisono.customers.identity import tombstones
from unisono.customers.identity.graph import hold_rules
from unisono.customers.identity.model import Key
from unisono.customers.privacy import mentions
from unisono.customers.privacy.matching import Erased
from unisono.customers.privacy.model import LOOK_AGAIN, WORK
from unisono.customers.timers.service import set_timer
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.errors import Busy
from unisono.kit.personal import Erasing, PersonalData, Table
from unisono.kit.secret import Secret
from unisono.kit.sql import load

log = structlog.get_logger("unisono.privacy")

_sql = load("unisono.customers.privacy")

SEALED: Final = "erasure"
"""Purpose of the key that what is looked for is encrypted with."""

WAITS: Final = (0.15, 0.25, 0.4, 0.6)
"""Seconds the locks may take, over and over: others wait as long. Below PostgreSQL's deadlock_timeout (1 s), so that a
ring is ended by us giving way."""

PATIENCE: Final = 120.0
"""Seconds until the attempt is given up; the timer tries again later."""


DOORS: Final = (
    ("event", "node"),
    ("idempotency", "sales_order", "checkout", "cart", "message", "node", "good", "hold"),
)
"""What transactions open first: those that bring events in, and all others, which write theirs at the end. Locked in
this order new ones stand at the door while those inside find the rest open and come to their end; locked the other way
round, each would wait for the other. The two are taken in turn."""


class Material(msgspec.Struct, kw_only=True):
    """Whom an erasure looks for, once his rows are gone; kept encrypted until it has ended."""

    nodes: list[int]
    identifiers: list[tuple[str, str]]
    names: list[str]
    at: datetime
    """When they were erased: what is said of them later is about somebody new."""

    @property
    def erased(self) -> Erased:
        """As the search wants it."""
        return Erased(identifiers=[Key(*one) for one in self.identifiers], names=self.names, nodes=self.nodes)


def tables_of(parts: Iterable[PersonalData]) -> list[Table]:
    """All tables in the order they are erased."""
    return [table for part in parts for table in part.tables]


def counted_as(table: Table, tables: Iterable[Table]) -> str:
    """Under which name its rows are told: what is done to other rows of a table is told apart."""
    first = next(one for one in tables if one.name == table.name and one.whose)
    return table.name if table is first else f"{table.name} (others)"


def locked(parts: Sequence[PersonalData]) -> list[str]:
    """The tables an erasure is alone with."""
    theirs = {table.name for part in parts for table in part.tables if table.whose}
    return sorted(theirs.union({"tombstone", "idempotency"}, *(part.touches for part in parts)))


def in_order(tables: Iterable[str], turn: int) -> list[str]:
    """These tables in the order they are locked at this attempt: its doors first, those of others last."""
    first, others = DOORS[turn % len(DOORS)], DOORS[(turn + 1) % len(DOORS)]
    rank = {name: number for number, name in enumerate(first)}
    middle = len(rank)
    return sorted(tables, key=lambda name: (rank.get(name, middle + (name in others)), name))


class Eraser:
    """Does erasures: give it the rooms' parts and the installation's key."""

    def __init__(self, pool: Pool, parts: Sequence[PersonalData], secret: Secret) -> None:
        self._pool = pool
        self._parts = parts
        self._tables = tables_of(parts)
        self._secret = secret

    async def work(self, request_id: int, *, now: datetime) -> None:
        """All of steps 1 and 2 that is not done yet. Raises Busy when the tables are never free. A request whose
        person is not who was confirmed any more is open again."""
        request = await self._request(request_id)
        if request["state"] != "running" or request["kind"] != "erasure":
            return
        if "core" not in _done(request):
            await self._core(request_id, now)
            crash_point("privacy.after_core")
        await self._rest(request_id, now)
        crash_point("privacy.after_rest")

    async def finish(self, request_id: int, *, now: datetime) -> str:
        """Step 3; returns what it found in a few words."""
        request = await self._request(request_id)
        if request["material"] is None:
            return "finished before"
        material = self._open(request_id, request["material"])
        found = await self._rows(request_id, material, self._tables)
        crash_point("privacy.in_finish")
        found |= {f"{name} (named)": count for name, count in (await self._mentions(material)).items()}
        receipt = {**msgspec.json.decode(request["receipt"]), "looked_again": mentions.counts_of(found)}
        async with transaction(self._pool) as conn:
            await _sql.forget_material(conn, id=request_id, receipt=_json(receipt))
        return f"{sum(found.values())} rows"

    async def _request(self, request_id: int) -> asyncpg.Record:
        async with transaction(self._pool) as conn:
            row: asyncpg.Record | None = await _sql.request(conn, id=request_id)
        if row is None:
            raise LookupError(f"no privacy request {request_id}")
        return row

    async def _core(self, request_id: int, now: datetime) -> None:
        end = asyncio.get_running_loop().time() + PATIENCE
        turn = 0
        while True:
            try:
                async with transaction(self._pool) as conn:
                    await _alone(conn, in_order(locked(self._parts), turn), WAITS[turn // len(DOORS) % len(WAITS)])
                    await self._erase(conn, request_id, now)
                    crash_point("privacy.before_core_commit")
            except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                turn += 1
                if asyncio.get_running_loop().time() > end:
                    raise Busy("The tables are in use all the time.", code="tables_in_use", retry_after=60) from None
                log.info("privacy.tables_in_use", request=request_id, turn=turn)
                await asyncio.sleep(random.uniform(0.05, 0.3))
            else:
                return

    async def _erase(self, conn: Connection, request_id: int, now: datetime) -> None:
        """Step 1, alone with the tables."""
        request = await _sql.lock_request(conn, id=request_id)
        if request["state"] != "running" or "core" in _done(request):
            return
        keys = await whom(conn, request)
        if keys is None:
            await _sql.set_state(conn, id=request_id, state="open", settings="{}", now=now)
            log.info("privacy.person_changed", request=request_id)
            return
        nodes = list(keys)
        # Waiting took its time: what came in meanwhile is older than this, too.
        now = await _sql.instant(conn, now=now)
        material = Material(
            nodes=nodes,
            at=now,
            identifiers=[(key.namespace, key.value) for key in keys.values()],
            names=sorted(set().union(*[await part.names(conn, nodes) for part in self._parts])),
        )
        neighbours = await identity.neighbours(conn, nodes)
        await tombstones.put(conn, self._secret, keys.values(), now=now, request=request_id)
        erasing = Erasing(nodes=nodes, now=now)
        for part in self._parts:
            await part.before(conn, erasing)
        counts = await self._forget(conn, [table for table in self._tables if table.soon], nodes)
        for part in self._parts:
            await part.after(conn, erasing)
        await identity.put_right(conn, neighbours)
        receipt = {"erased_at": now.isoformat(), "identifiers": len(nodes), "rows": counts}
        sealed = self._secret.encrypt(SEALED, msgspec.json.encode(material), bound_to=f"{request_id}")
        await _sql.keep_material(
            conn, id=request_id, material=sealed, progress=_json({"done": ["core"]}), receipt=_json(receipt)
        )
        await audit.record(
            conn, actor=request["requested_by"], action="privacy.erased", detail={"request_id": request_id}
        )

    async def _rest(self, request_id: int, now: datetime) -> None:
        """Step 2, table by table."""
        request = await self._request(request_id)
        if request["material"] is None or request["state"] != "running":
            return
        material = self._open(request_id, request["material"])
        later = [table for table in self._tables if not table.soon]
        await self._rows(request_id, material, later, mark=True)
        crash_point("privacy.after_rows")
        named = mentions.counts_of(await self._mentions(material))
        async with transaction(self._pool) as conn:
            request = await _sql.lock_request(conn, id=request_id)
            receipt = msgspec.json.decode(request["receipt"]) | {"named": named, "kept": self._kept(request)}
            await _sql.settle(conn, id=request_id, now=now, receipt=_json(receipt), expires=None)
            await set_timer(
                conn, WORK, f"{request_id}:finish", now + LOOK_AGAIN, payload={"request": request_id, "step": "finish"}
            )

    def _kept(self, request: asyncpg.Record) -> list[dict[str, Any]]:
        """What stays without the person, and why."""
        rows = msgspec.json.decode(request["receipt"])["rows"]
        why: dict[str, str] = {}
        for table in self._tables:
            if table.whose and table.deed != "delete" and rows.get(counted_as(table, self._tables)):
                why.setdefault(counted_as(table, self._tables), table.why)
        return [{"table": name, "rows": rows[name], "why": reason} for name, reason in why.items()]

    async def _rows(
        self, request_id: int, material: Material, tables: Sequence[Table], *, mark: bool = False
    ) -> dict[str, int]:
        """Forget what is theirs in these tables, each in a transaction of its own."""
        found: dict[str, int] = {}
        for number, table in enumerate(tables):
            name = f"{table.name}:{number}"
            async with transaction(self._pool) as conn:
                request = await _sql.lock_request(conn, id=request_id)
                if mark and name in _done(request):
                    continue
                counts = await self._forget(conn, [table], material.nodes)
                if mark:
                    receipt = msgspec.json.decode(request["receipt"])
                    for one, count in counts.items():
                        receipt["rows"][one] = receipt["rows"].get(one, 0) + count
                    done = [*_done(request), name]
                    await _sql.keep_progress(
                        conn, id=request_id, progress=_json({"done": done}), receipt=_json(receipt)
                    )
            for one, count in counts.items():
                found[one] = found.get(one, 0) + count
        return found

    async def _forget(self, conn: Connection, tables: Iterable[Table], nodes: Collection[int]) -> dict[str, int]:
        """Erase the rows of these nodes; returns how many by table."""
        counts: dict[str, int] = {}
        for table in tables:
            if table.whose is None or table.deed == "keep":
                continue
            done = await conn.execute(table.erasing(), list(nodes), timeout=mentions.PATIENCE)
            name = counted_as(table, self._tables)
            counts[name] = counts.get(name, 0) + int(done.rpartition(" ")[2])
        return counts

    async def _mentions(self, material: Material) -> dict[str, int]:
        """Take them out of the rows of others, each table in a transaction of its own."""
        # Answers that would be given again come first.
        tables = sorted(
            (table for table in self._tables if table.mentions), key=lambda table: table.name != "idempotency"
        )
        found: dict[str, int] = {}
        async with transaction(self._pool) as conn:
            layouts = await mentions.layouts(conn, tables)
        for table in tables:
            async with transaction(self._pool) as conn:
                count = await mentions.scrub(conn, table, layouts[table.name], material.erased, before=material.at)
            found[table.name] = found.get(table.name, 0) + count
        return found

    def _open(self, request_id: int, sealed: bytes) -> Material:
        return msgspec.json.decode(self._secret.decrypt(SEALED, bytes(sealed), bound_to=f"{request_id}"), type=Material)


async def whom(conn: Connection, request: asyncpg.Record) -> dict[int, Key] | None:
    """The identifiers to erase: the person's own and the shared ones that were decided about. None when the person is
    not the one that was confirmed: somebody was joined with him or split from him meanwhile. A browser or a device
    more is fine."""
    settings = msgspec.json.decode(request["settings"])
    own: dict[int, Key] = {}
    if request["person_id"] is not None:
        rows = await _sql.nodes_of_person(conn, person=request["person_id"])
        own = {row["id"]: Key(row["namespace"], row["value"]) for row in rows}
        named = {row["id"] for row in rows if row["level"] == "person"}
        confirmed = set(settings["nodes"])
        if not confirmed <= own.keys() or not named <= confirmed or not own:
            return None
    # Whom another request has erased meanwhile is nobody any more: what was shared with him is left to do.
    shared = await _sql.nodes_named(conn, ids=settings.get("erase", []))
    return own | {row["id"]: Key(row["namespace"], row["value"]) for row in shared}


async def _alone(conn: Connection, tables: Sequence[str], seconds: float) -> None:
    """Wait until nobody else is at work on these tables, and keep everybody off until the transaction ends."""
    if not all(re.fullmatch(r"[a-z_]+", name) for name in tables):
        raise ValueError("not names of tables")
    await conn.execute(f"set local statement_timeout = {int(seconds * 1000)}")
    await hold_rules(conn)
    await conn.execute(f"lock table {', '.join(tables)} in access exclusive mode")
    await conn.execute("set local statement_timeout = 0")


def _done(request: asyncpg.Record) -> list[str]:
    return list(msgspec.json.decode(request["progress"]).get("done", []))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
