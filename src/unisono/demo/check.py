"""``unisono demo --check``: load a little, in a database of its own, and compare what can be read with the data."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import pyarrow.compute as pc

from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.demo import dataset
from unisono.demo.findings import Findings
from unisono.demo.invention import card_number, contact, has_email, has_phone, has_second_card, subscribes_first
from unisono.demo.live.checking import Whole, check_live
from unisono.demo.loading import LoadReport, Progress
from unisono.demo.retailer import load_year
from unisono.demo.voice.checking import check_voice
from unisono.kit.database import Connection, Pool, connection, open_pool
from unisono.kit.migrations import migrate
from unisono.kit.settings import Settings
from unisono.kit.sql import load

HOUSEHOLDS: Final = 50
MOST_EVENTS: Final = 100_000
"""More events than any household of the data has."""

_compute: Any = pc
_sql = load("unisono.demo")


class Expected(msgspec.Struct, frozen=True):
    """What the data themselves say, counted without the loader."""

    households: list[int]
    baskets: dict[int, int]
    """Receipts of each household."""
    cents: int
    """What all baskets brought in."""
    rows: dict[str, dict[int, int]]
    """Rows of ``campaigns`` and ``coupon_redemptions`` of each household."""

    def events_of(self, household: int) -> int:
        """Events a household has on its timeline, joins apart."""
        said = 1 + has_second_card(household) + 2 * subscribes_first(household)
        return said + self.baskets[household] + sum(table.get(household, 0) for table in self.rows.values())


async def run_check(settings: Settings, dsn: str, *, households: int = HOUSEHOLDS, folder: Path | None = None) -> int:
    """Load some households into a new database on the server of ``dsn`` and verify them; 0 when all is right, else 1.

    The new database is dropped at the end. ``folder`` holds the Parquet files (default: the installed package).
    """
    name = f"unisono_check_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f'create database "{name}"')
    scratch = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    try:
        conn = await asyncpg.connect(scratch)
        await migrate(conn)
        await conn.close()
        pool = await open_pool(scratch, 4)
        try:
            findings = await _verify(pool, settings, households, folder or dataset.package_folder())
        finally:
            await pool.close()
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.close()
    print("All is right." if not findings.failed else f"{findings.failed} checks failed.")
    return 1 if findings.failed else 0


async def _verify(pool: Pool, settings: Settings, households: int, folder: Path) -> Findings:
    findings = Findings()
    expected = _count(folder, households)
    report = await load_year(pool, settings, limit_households=households, progress=_quiet, folder=folder)
    again = await load_year(pool, settings, limit_households=households, progress=_quiet, folder=folder)
    _check_counts(findings, expected, report)
    findings.compare("a second load writes nothing", 0, again.written)
    async with connection(pool) as conn:
        total = await _sql.receipts_total(conn)
        findings.compare(
            "the receipts' totals add up to the data's sales, in cents", expected.cents, round(total * 100)
        )
        for household in _samples(expected.households):
            await _check_person(findings, conn, household, expected)
    shop = Whole(folder, expected.households)
    await check_live(findings, pool, settings, shop, shift_days=report.shift_days, cents=expected.cents)
    await check_voice(findings, pool, settings, folder, expected.households, shift_days=report.shift_days)
    return findings


def _quiet(progress: Progress) -> None:
    del progress


def _count(folder: Path, limit: int) -> Expected:
    every = dataset.read(folder, "transactions")
    households = dataset.households_of(every, limit)
    mine = dataset.some_households(every, households)
    counted = mine.group_by("household_id").aggregate([("basket_id", "count_distinct")]).to_pylist()
    tables = {
        name: dataset.some_households(dataset.read(folder, name), households)
        for name in ("campaigns", "coupon_redemptions")
    }
    return Expected(
        households,
        {row["household_id"]: row["basket_id_count_distinct"] for row in counted},
        round(_compute.sum(mine["sales_value"]).as_py() * 100),
        {name: _tally(table) for name, table in tables.items()},
    )


def _tally(table: Any) -> dict[int, int]:
    return {item["values"]: item["counts"] for item in _compute.value_counts(table["household_id"]).to_pylist()}


def _check_counts(findings: Findings, expected: Expected, report: LoadReport) -> None:
    seconds = sum(map(has_second_card, expected.households))
    subscribers = sum(map(subscribes_first, expected.households))
    events: Mapping[str, int] = {
        "Receipt Issued": sum(expected.baskets.values()),
        "Campaign Received": sum(expected.rows["campaigns"].values()),
        "Coupon Redeemed": sum(expected.rows["coupon_redemptions"].values()),
        "Traits Updated": len(expected.households) + seconds + 2 * subscribers,
    }
    findings.compare("people", len(expected.households), report.people)
    for name, count in events.items():
        findings.compare(f"events {name}", count, report.events.get(name, 0))
    findings.compare("joins of second cards and newsletter addresses", seconds + subscribers, report.joins)


def _samples(households: list[int]) -> list[int]:
    """The first household, the first with a second card, the first that subscribed before."""
    firsts = (households, filter(has_second_card, households), filter(subscribes_first, households))
    return sorted({found for group in firsts if (found := next(iter(group), None)) is not None})


async def _check_person(findings: Findings, conn: Connection, household: int, expected: Expected) -> None:
    who = f"household {household}"
    person = contact(household)
    card = card_number(household)
    one = await identity.find(conn, f"loyalty_card:{card}")
    left = {f"email:{person.email}": has_email(household), f"phone:{person.phone}": has_phone(household)}
    for identifier in (name for name, known in left.items() if known):
        findings.compare(f"{who}: {identifier} leads to the same person", one, await identity.find(conn, identifier))
    found = await profiles.search(conn, f"{person.last_name} {person.first_name}", limit=200)
    findings.compare(f"{who}: search by name finds the person", True, one in {item.id for item in found})
    found = await profiles.search(conn, card[3:12])
    findings.compare(f"{who}: search by part of the card finds the person", True, one in {item.id for item in found})
    seen = await profiles.profile(conn, one)
    findings.compare(f"{who}: the profile has the name", f"{person.first_name} {person.last_name}", seen.name)
    findings.compare(f"{who}: the profile says that it is invented", True, seen.traits["invented"].value)
    page = await profiles.timeline_page(conn, one, limit=MOST_EVENTS)
    events = [event for event in page.events if event.type != "identity"]
    findings.compare(f"{who}: the timeline has every event", expected.events_of(household), len(events))
    receipts = sum(event.name == "Receipt Issued" for event in events)
    findings.compare(f"{who}: the timeline has every receipt", expected.baskets[household], receipts)
