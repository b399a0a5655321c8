"""Prices from a table: read, checked line by line, written all or not at all.

Columns: ``sku``, ``price`` in major units (``12.50``; ``none`` takes it out of the list), and if wanted ``currency``,
``starts_at``, ``ends_at`` (a day, or an instant; without a zone it is the company's). Comma, semicolon or tab between
them; with semicolons a price may have a decimal comma. Nothing is rounded, and ``1.000`` of a currency without three
decimals is refused: a price wrong by a thousand is worse than none.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from unisono.commerce.pricing import checking
from unisono.commerce.pricing.errors import MAX_PROBLEMS, PricesNotValid
from unisono.commerce.pricing.lists import price_list
from unisono.commerce.pricing.model import NewPrice, PriceList
from unisono.commerce.pricing.writing import write_facts
from unisono.customers.web import unit
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import BadRequest, TooLarge
from unisono.kit.money import MoneyError, exponent, to_decimal, to_minor
from unisono.kit.reasons import Reason

MAX_FIELD = 100_000
"""Characters of a field: the reader's own limit belongs to the whole process, and a catalogue's import raises it."""

MAX_ROWS = 500_000
COLUMNS = frozenset({"sku", "price", "currency", "starts_at", "ends_at"})
NEEDED = frozenset({"sku", "price"})

_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")

Problem = tuple[int, str, Reason]
"""Line in the file, sku, what is wrong."""


class PriceImportReport(msgspec.Struct, frozen=True):
    """What an import did, or with ``dry_run`` would do. With problems nothing is written."""

    price_list: str
    rows: int
    written: int
    unchanged: int
    dry_run: bool
    problems: list[ImportProblem]
    """The first hundred."""


class ImportProblem(msgspec.Struct, frozen=True):
    """A line that cannot be used, and why."""

    line: int
    sku: str
    code: str
    text: str


class Line(NamedTuple):
    """A price and the line it stands in."""

    number: int
    price: NewPrice


class Table(NamedTuple):
    """A table as far as it could be read."""

    lines: list[Line]
    problems: list[Problem]


def read_table(text: str, chosen: PriceList, zone: ZoneInfo) -> Table:
    """Read the table; amounts become minor units of the list's currency. Raises BadRequest, TooLarge."""
    head = text.removeprefix("\ufeff").partition("\n")[0]
    mark = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=mark, strict=True)
    table = Table([], [])
    try:
        names = {(name or "").strip().lower() for name in reader.fieldnames or ()}
        if not names >= NEEDED or not names <= COLUMNS:
            raise BadRequest(
                f"The columns are {', '.join(sorted(COLUMNS))}; sku and price are needed.", code="bad_columns"
            )
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        for row in reader:
            if len(table.lines) + len(table.problems) >= MAX_ROWS:
                raise TooLarge(f"At most {MAX_ROWS} lines in one table.", code="too_many_prices")
            if any(isinstance(field, str) and len(field) > MAX_FIELD for field in row.values()):
                raise BadRequest(f"Line {reader.line_num} has a field of over {MAX_FIELD} characters.", code="bad_csv")
            _read_line(reader.line_num, row, table, chosen, zone, comma=mark == ";")
    except csv.Error as error:
        raise BadRequest(f"Line {reader.line_num} cannot be read: {error}.", code="bad_csv") from None
    return table


def _read_line(
    number: int, row: dict[str, str | None], table: Table, chosen: PriceList, zone: ZoneInfo, *, comma: bool
) -> None:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    sku = cells["sku"]
    if len(cells) < len(row) or None in row:
        table.problems.append((number, sku, Reason(code="bad_row", text="The line has more cells than the header.")))
        return
    try:
        amount = None if cells["price"].lower() == "none" else _amount(cells["price"], chosen.currency, comma=comma)
        starts, ends = _instant(cells.get("starts_at"), zone), _instant(cells.get("ends_at"), zone)
    except MoneyError as error:
        table.problems.append((number, sku, Reason(code="bad_amount", text="The price cannot be read: {why}.",
                                                   values={"why": error.detail})))  # fmt: skip
    except ValueError:
        table.problems.append((number, sku, Reason(code="bad_period", text="The instant cannot be read.")))
    else:
        table.lines.append(Line(number, NewPrice(sku, amount, starts, ends, cells.get("currency") or None)))


def _amount(text: str, currency: str, *, comma: bool) -> int:
    """The amount in minor units. Raises MoneyError, also for one that would have to be rounded, and for one that is a
    thousand times as much where thousands are grouped."""
    digits = exponent(currency)
    if _GROUPED.fullmatch(text) and digits != len("000") and (comma or "." in text):
        raise MoneyError(
            f"{text!r} is a thousand times as much in some countries as in others; write it without grouping, "
            f"with {digits} decimals"
        )
    plain = text.replace(",", ".") if comma and text.count(",") == 1 and "." not in text else text
    minor = to_minor(plain, currency)
    if Decimal(plain) != to_decimal(minor, currency):
        raise MoneyError(f"{text[:32]!r} has more decimals than {currency} has")
    return minor


def _instant(text: str | None, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def _batches(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    for start in range(0, len(lines), checking.MAX_PRICES):
        yield lines[start : start + checking.MAX_PRICES]


async def import_table(
    conn: Connection,
    list_code: str,
    text: str,
    *,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
    history: bool = False,
    dry_run: bool = False,
) -> PriceImportReport:
    """Import prices inside the caller's transaction: every line is checked before the first is written.

    Raises PricesNotValid with the problems, whose places are lines of the file (a dry run reports them instead), and
    what `read_table` raises.
    """
    chosen = await price_list(conn, list_code)
    table = await asyncio.to_thread(read_table, text, chosen, zone)
    problems, good = list(table.problems), []
    for batch in _batches(table.lines):
        try:
            good.append(
                await checking.checked_prices(conn, chosen, [line.price for line in batch], now=now, history=history)
            )
        except PricesNotValid as error:
            problems += [(batch[place].number, sku, reason) for place, sku, reason in error.found]
    rows = len(table.lines) + len(table.problems)
    if problems and not dry_run:
        raise PricesNotValid(sorted(problems, key=lambda one: one[0]))
    written = 0
    if not dry_run:
        for prices in good:
            written += len(await write_facts(conn, chosen, prices, actor=actor, now=now, why="set"))
    told = [
        ImportProblem(line, sku[:100], reason.code, reason.text.format(**reason.values))
        for line, sku, reason in sorted(problems, key=lambda one: one[0])[:MAX_PROBLEMS]
    ]
    return PriceImportReport(chosen.code, rows, written, 0 if dry_run else rows - written, dry_run, told)


async def import_file(
    pool: Pool,
    path: Path,
    list_code: str,
    *,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
    history: bool = False,
    dry_run: bool = False,
) -> PriceImportReport:
    """As `import_table`, from a file in UTF-8, in a transaction of its own. Raises BadRequest (``bad_csv``)."""
    try:
        text = await asyncio.to_thread(path.read_text, "utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"{path.name} is not UTF-8.", code="bad_csv") from None
    async with unit(pool) as conn:
        return await import_table(
            conn, list_code, text, actor=actor, now=now, zone=zone, history=history, dry_run=dry_run
        )
