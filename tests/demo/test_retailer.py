"""A retailer's year through the collector: what it becomes, that it can be killed, that it is loaded once."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.demo.mini import BASKETS_EACH, HOUSEHOLDS, STORES
from tests.support.secret import TEST_KEY
from tests.support.serving import ROOT
from unisono.demo.check import run_check
from unisono.demo.dataset import PACKAGE
from unisono.demo.invention import card_number, contact
from unisono.demo.loading import LoadFailed, LoadReport, Progress
from unisono.demo.retailer import load_year
from unisono.kit.database import Pool
from unisono.kit.errors import NotFound
from unisono.kit.settings import Settings

TODAY = date(2026, 3, 10)
TOTAL = len(HOUSEHOLDS) * BASKETS_EACH


async def load(pool: Pool, folder: Path, *, limit: int | None = None, today: date = TODAY) -> LoadReport:
    """Load and say nothing."""
    return await load_year(
        pool, Settings(secret_key=TEST_KEY), limit_households=limit, progress=lambda _: None, folder=folder, today=today
    )


async def content(pool: Pool) -> list[tuple[Any, ...]]:
    """What the database says, without what depends on the order of writing: ids, times of arrival."""
    events = await pool.fetch(
        "select event.message_id, event.name, event.channel, event.store_id, event.occurred_at,"
        " event.properties::text as properties, node.namespace || ':' || node.value as node,"
        " person.namespace || ':' || person.value as person, source.name as source"
        " from event join node on node.id = event.node_id join node person on person.id = node.person_id"
        " join source on source.id = event.source_id where event.type <> 'identity' order by 1"
    )
    traits = await pool.fetch(
        "select node.namespace || ':' || node.value as node, trait.name, trait.value::text, trait.occurred_at"
        " from trait join node on node.id = trait.node_id order by 1, 2, 3"
    )
    joins = await pool.fetchval("select count(*) from identity_change where kind = 'join'")
    keys = await pool.fetchval("select count(*) from api_key")
    return [*map(tuple, events), *map(tuple, traits), (joins, keys)]


async def test_every_basket_is_a_receipt_of_its_store(pool: Pool, mini: Path) -> None:
    """Counts come from the database; the receipt carries the data's lines and adds up to the data's sales."""
    report = await load(pool, mini)
    assert report.people == len(HOUSEHOLDS)
    assert report.stores == len(STORES)
    assert report.events == {
        "Receipt Issued": TOTAL,
        "Campaign Received": 4,
        "Coupon Redeemed": 1,
        "Traits Updated": len(HOUSEHOLDS) + 2 + 2 * 2,
    }
    assert report.written == report.total
    assert await pool.fetchval("select count(*) from failed_event") == 0
    sales = round(sum(pq.read_table(mini / "transactions.parquet")["sales_value"].to_pylist()) * 100)
    paid = await pool.fetchval(
        "select sum((properties->>'total')::numeric) from event where name = 'Receipt Issued' and channel = 'store'"
    )
    assert int(paid * 100) == sales


async def test_a_line_has_price_discount_and_where_it_was_shown(pool: Pool, mini: Path) -> None:
    """A line's pieces times price less discounts is what it brought in; promoted products say where they stood."""
    await load(pool, mini, limit=1)
    rows = await pool.fetch("select properties from event where name = 'Receipt Issued'")
    lines = [line for row in rows for line in json.loads(row["properties"])["products"]]
    assert len(lines) == BASKETS_EACH * 2
    for line in lines:
        if line["product_id"] == "9":
            assert "price" not in line
            assert line["quantity"] in (1, 2, 3)
        else:
            worth = line["price"] * line["quantity"] - line.get("discount", 0)
            assert abs(worth - line["value"]) <= 0.005 * line["quantity"] + 1e-9
            assert line["name"] == 'Bread:"italian"/french, 20 oz'
        shown = (line.get("display"), line.get("mailer"))
        if line["product_id"] == "3":
            assert shown == ("store front", "interior page feature")
        elif line["product_id"] != "4":
            assert shown == (None, None)
    assert {line.get("mailer") for line in lines if line["product_id"] == "4"} <= {None, "front page feature"}


async def test_the_year_ends_before_today_and_keeps_its_weekdays(pool: Pool, mini: Path) -> None:
    """The data move by whole weeks, as far as they can."""
    report = await load(pool, mini, limit=1)
    assert report.shift_days % 7 == 0
    every = pq.read_table(mini / "transactions.parquet")["transaction_timestamp"].to_pylist()
    newest = max(moment.to_pydatetime() if hasattr(moment, "to_pydatetime") else moment for moment in every)
    moved = newest.replace(tzinfo=UTC).timestamp() + report.shift_days * 86_400
    today = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC).timestamp()
    assert today - 7 * 86_400 <= moved < today


async def test_a_household_with_two_cards_and_one_known_by_mail_become_one_person(pool: Pool, mini: Path) -> None:
    """The invented identities join, the join is in the audit, and the trait says that they are invented."""
    report = await load(pool, mini)
    assert report.joins == 4
    cards = await pool.fetch(
        "select distinct person_id from node where value in ($1, $2)", card_number(10), card_number(10, 1)
    )
    assert len(cards) == 1
    mails = await pool.fetch(
        "select distinct person_id from node where value in ($1, $2)", card_number(5), contact(5).email
    )
    assert len(mails) == 1
    invented = await pool.fetchval(
        "select count(distinct node_id) from trait where name = 'invented' and value = 'true'"
    )
    assert invented >= len(HOUSEHOLDS)


async def test_a_second_load_writes_nothing(pool: Pool, mini: Path) -> None:
    """Neither does one on a later day, which would move the data further: the first load's days stay."""
    first = await load(pool, mini)
    before = await content(pool)
    again = await load(pool, mini, today=date(2026, 4, 20))
    assert again.written == 0
    assert (again.events, again.joins, again.shift_days) == (first.events, first.joins, first.shift_days)
    assert await content(pool) == before


async def test_a_part_is_completed_by_the_whole(pool: Pool, other_pool: Pool, mini: Path) -> None:
    """Two households first and all of them later is the same as all of them at once."""
    await load(pool, mini, limit=2)
    await load(pool, mini, today=date(2026, 4, 20))
    await load(other_pool, mini)
    assert await content(pool) == await content(other_pool)


def killed_load(dsn: str, folder: Path, ends: str) -> None:
    """Load in a process of its own that ends in the middle: by a signal, or at a crash point of the collector."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNISONO_")}
    if ends != "kill -9":
        environment |= {"UNISONO_CRASH_POINT": ends, "UNISONO_CRASH_AFTER": "6"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo.load_process", dsn, str(folder), TODAY.isoformat()],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            phase, done, _ = line.split()
            if ends == "kill -9" and phase == "receipts" and int(done) > TOTAL // 3:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(60) in (-signal.SIGKILL, 137)


@pytest.mark.parametrize("ends", ["kill -9", "collect.before_commit", "collect.after_append", "collect.after_commit"])
async def test_a_killed_load_is_finished_by_the_next(
    dsn: str, pool: Pool, other_pool: Pool, mini: Path, ends: str
) -> None:
    """Killed in the middle, the next load gives the same database as one that was never killed."""
    killed_load(dsn, mini, ends)
    # How far it came depends on how the writers grouped the events; that it ended in the middle is what counts.
    assert await pool.fetchval("select count(*) from event") > 0
    assert await pool.fetchval("select count(*) from event where name = 'Receipt Issued'") < TOTAL
    await load(pool, mini, today=date(2026, 4, 20))
    await load(other_pool, mini)
    assert await content(pool) == await content(other_pool)


async def test_progress_counts_up_to_everything(pool: Pool, mini: Path) -> None:
    """Done never falls, ends at the total, and the total is known from the first report."""
    told: list[Progress] = []
    report = await load_year(
        pool, Settings(secret_key=TEST_KEY), limit_households=None, progress=told.append, folder=mini, today=TODAY
    )
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert {progress.total for progress in told} == {report.total}
    assert told[-1].done == report.total
    assert told[-1].eta == 0


async def test_an_event_that_is_not_accepted_stops_the_load(pool: Pool, mini: Path) -> None:
    """The demo never leaves out silently what the collector refuses."""
    settings = Settings(max_event_bytes=600, secret_key=TEST_KEY)
    with pytest.raises(LoadFailed, match="event_too_large"):
        await load_year(pool, settings, limit_households=1, progress=lambda _: None, folder=mini, today=TODAY)


async def test_without_data_the_error_says_what_to_install(pool: Pool, tmp_path: Path) -> None:
    """A folder without the files is an error of ours."""
    with pytest.raises(NotFound, match=r"no file transactions\.parquet"):
        await load(pool, tmp_path)


DATA = ["mini", *(["real"] if importlib.util.find_spec(PACKAGE) else [])]
"""The real data, where the extra ``demo`` is installed, are tested too."""


@pytest.mark.parametrize("data", DATA)
async def test_the_check_finds_everything_right(
    server_dsn: str, mini: Path, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check of 20 households ends with 0 and tells each thing it compared."""
    folder = mini if data == "mini" else None
    assert await run_check(Settings(secret_key=TEST_KEY), server_dsn, households=20, folder=folder) == 0
    told = capsys.readouterr().out
    assert "FAIL" not in told
    assert told.count("ok    ") >= 30
    assert told.endswith("All is right.\n")


async def test_the_check_sees_what_is_wrong(
    server_dsn: str, mini: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one cent taken from every receipt the check ends with 1 and says where."""
    honest = load_year

    async def skimming(pool: Pool, *args: Any, **kwargs: Any) -> LoadReport:
        report = await honest(pool, *args, **kwargs)
        await pool.execute(
            "update event set properties = jsonb_set(properties, '{total}', "
            "to_jsonb((properties->>'total')::numeric - 0.01)) where name = 'Receipt Issued'"
        )
        return report

    monkeypatch.setattr("unisono.demo.check.load_year", skimming)
    assert await run_check(Settings(secret_key=TEST_KEY), server_dsn, households=1, folder=mini) == 1
    assert "FAIL  the receipts' totals add up" in capsys.readouterr().out
