"""Catalogues from files: looked through first, written in parts, repeatable, what was refused handed back.

A part is a transaction of its own, so an import that was interrupted is simply run again: what is there already is
unchanged. A trial run decides by the same rules on the same rows and writes nothing.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import msgspec

from unisono.access import audit
from unisono.commerce.catalog import service, writing
from unisono.commerce.catalog.checking import check_category, check_product
from unisono.commerce.catalog.columns import CategoryTree, Columns, RowRefused, read_row, understand
from unisono.commerce.catalog.model import CategoryInput, ProductInput, SaveReport
from unisono.commerce.catalog.planning import has_components, make_plan, planning_order
from unisono.commerce.catalog.state import State
from unisono.commerce.catalog.tables import Row, Table, read_table
from unisono.customers.web import unit
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.reasons import Reason, in_words
from unisono.kit.sql import load

_sql = load("unisono.commerce.catalog")

PART: Final = 2_000
"""Rows a transaction: about a fifth of a second, which is as long as a follower of the changes waits for it."""

SHOWN: Final = 100
"""Refused rows the report itself tells of; the reject file has all."""

_ANY = "any"
"""A name that is a good one, where only something else of a category is looked at."""


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not taken, and why."""

    line: int
    sku: str
    reasons: tuple[Reason, ...]


class Counts(msgspec.Struct, frozen=True):
    """How many there are, counted in the database."""

    products: int
    variants: int


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. Rows are variants; created + updated + unchanged + rejected are all of them."""

    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    reasons: dict[str, int]
    """How often each reason, by its code."""
    refused: tuple[RefusedRow, ...]
    """The first hundred."""
    categories_created: int
    columns: dict[str, str]
    """Header of the file -> what it was read as."""
    ignored: tuple[str, ...]
    """Headers nothing was read from."""
    before: Counts
    after: Counts
    in_catalogue: int
    """Skus of the file that are in the catalogue at the end, counted there."""
    reject_file: str | None
    seconds: float


Progress = Callable[[int, int], None]
"""Told after every part: rows done, rows in all."""


class _Item(NamedTuple):
    row: Row
    item: ProductInput


class _Part:
    """Some rows, read."""

    def __init__(self) -> None:
        self.read = 0
        self.items: list[_Item] = []
        self.kits: list[_Item] = []
        self.refused: list[tuple[Row, str, Reason]] = []
        self.categories: list[CategoryInput] = []


async def import_file(
    pool: Pool,
    path: Path,
    *,
    dry_run: bool,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    actor: str = "import",
    language: str = "en",
    rejects: Path | None = None,
) -> ImportReport:
    """Take a CSV or Parquet file into the catalogue; see `columns.COLUMNS` for what can be in it.

    ``mapping`` is header to column. ``language`` is that of the names in a category path. ``rejects`` gets every
    refused row with its reasons, to be mended and imported again. Raises UnreadableFile and BadMapping before anything
    is written.
    """
    table = await asyncio.to_thread(read_table, path)
    return await import_table(
        pool,
        table,
        dry_run=dry_run,
        mapping=mapping,
        progress=progress,
        actor=actor,
        language=language,
        rejects=rejects,
    )


async def import_table(
    pool: Pool,
    table: Table,
    *,
    dry_run: bool,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    actor: str = "import",
    language: str = "en",
    rejects: Path | None = None,
    part: int = PART,
) -> ImportReport:
    """As `import_file`, for a table that is read already; ``part`` is how many rows a transaction takes."""
    columns = understand(table.header, mapping)
    bad_language = check_category(CategoryInput(code=_ANY, names={language: _ANY}))
    if bad_language:
        raise service.refused(bad_language)
    started = time.monotonic()
    async with connection(pool) as conn:
        before = await _counts(conn)
        known = {row["code"] for row in await _sql.load_categories(conn)}
    run = _Run(pool, table, columns, CategoryTree(language), known, dry_run=dry_run, rejects=rejects)
    try:
        await run.everything(part, progress)
    finally:
        run.close()
    async with transaction(pool) as conn:
        after = await _counts(conn)
        if run.outcomes["created"] + run.outcomes["updated"] >= part and not dry_run:
            # Searches are planned by statistics, which nobody has made yet for a catalogue that has just come.
            await _sql.analyse(conn)
    report = run.report(before, after, time.monotonic() - started)
    if not dry_run:
        async with transaction(pool) as conn:
            detail = {name: getattr(report, name) for name in ("rows", "created", "updated", "rejected")}
            await audit.record(conn, actor=actor, action="catalogue.import", detail=detail)
    return report


async def _counts(conn: Connection) -> Counts:
    row = await _sql.count_catalogue(conn)
    return Counts(row["products"], row["variants"])


class _Run:
    """One import on its way: what was seen, what came of it."""

    def __init__(
        self,
        pool: Pool,
        table: Table,
        columns: Columns,
        tree: CategoryTree,
        categories: set[str],
        *,
        dry_run: bool,
        rejects: Path | None,
    ) -> None:
        self.pool = pool
        self.table = table
        self.columns = columns
        self.tree = tree
        self.categories = categories
        self.foresight = State() if dry_run else None
        """What a trial run would have written so far."""
        self.rejects = rejects
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.refused: list[RefusedRow] = []
        self.categories_created = 0
        self.in_catalogue = 0
        self._seen: set[str] = set()
        self._file: TextIO | None = None
        self._written: Any = None

    async def everything(self, part: int, progress: Progress | None) -> None:
        """Go through the rows; the next part is read while the present one is being written."""
        rows = self.table.rows()
        kits: list[_Item] = []
        done = 0
        reading = asyncio.create_task(asyncio.to_thread(self._read, rows, part))
        while (now := await reading).read:
            reading = asyncio.create_task(asyncio.to_thread(self._read, rows, part))
            try:
                for row, sku, reason in now.refused:
                    self._refuse(row, sku, (reason,))
                kits += now.kits
                await self._save(now.items, now.categories)
            finally:
                await asyncio.wait([reading])
            done += now.read
            if progress:
                progress(done - len(kits), self.table.count)
        # A kit needs its parts, which may stand anywhere in the file.
        order = planning_order([kit.item for kit in kits])
        for first in range(0, len(order), part):
            await self._save([kits[index] for index in order[first : first + part]], [])
        if progress:
            progress(done, self.table.count)

    def _read(self, rows: Iterator[Row], part: int) -> _Part:
        """The next rows as items; runs beside the writing and touches nothing that it does."""
        found = _Part()
        for row in rows:
            found.read += 1
            try:
                item = read_row(self.columns, row.cells, self.tree)
            except RowRefused as refused:
                found.refused.append((row, "", refused.reason))
            else:
                sku = item.variants[0].sku
                if sku in self._seen:
                    found.refused.append((row, sku, Reason("sku_twice", "A sku is named twice.", {})))
                else:
                    kept = found.kits if has_components(item.variants[0]) else found.items
                    kept.append(_Item(row, item))
                self._seen.add(sku)
            if found.read == part:
                break
        found.categories = self.tree.take()
        return found

    async def _save(self, items: Sequence[_Item], categories: Sequence[CategoryInput]) -> None:
        inputs = [one.item for one in items]
        wanted = [category for category in categories if category.code not in self.categories]
        if not inputs and not wanted:
            return
        if self.foresight is None:
            report = await self._write(inputs, wanted)
        else:
            report = await self._foresee(inputs, wanted, self.foresight)
        self.categories |= {category.code for category in wanted}
        self.categories_created += len(wanted)
        for outcome in ("created", "updated", "unchanged"):
            self.outcomes[outcome] += getattr(report, outcome)
        for rejected in report.rejected:
            one = items[rejected.index]
            self._refuse(one.row, one.item.variants[0].sku, rejected.reasons)

    async def _write(self, inputs: Sequence[ProductInput], wanted: Sequence[CategoryInput]) -> SaveReport:
        async with unit(self.pool) as conn:
            if wanted:
                await service.write_categories(conn, wanted)
            report = await service.write_products(conn, inputs)
        async with connection(self.pool) as conn:
            refused = {rejected.index for rejected in report.rejected}
            skus = [item.variants[0].sku for index, item in enumerate(inputs) if index not in refused]
            self.in_catalogue += await _sql.count_skus(conn, skus=skus)
        return report

    async def _foresee(
        self, inputs: Sequence[ProductInput], wanted: Sequence[CategoryInput], state: State
    ) -> SaveReport:
        checked = [check_product(item) for item in inputs]
        state.categories |= {category.code for category in wanted}
        good = [item for item, bad in zip(inputs, checked, strict=True) if not bad]
        async with connection(self.pool) as conn:
            await writing.load_state(conn, good, state)
            self.in_catalogue += await _sql.count_skus(conn, skus=[item.variants[0].sku for item in good])
        return make_plan(inputs, checked, state).report()

    def _refuse(self, row: Row, sku: str, reasons: Sequence[Reason]) -> None:
        self.outcomes["rejected"] += 1
        self.reasons.update({reason.code for reason in reasons})
        if len(self.refused) < SHOWN:
            self.refused.append(RefusedRow(line=row.line, sku=sku[:100], reasons=tuple(reasons)))
        if self.rejects is None:
            return
        if self._file is None:
            self._file = self.rejects.open("w", encoding="utf-8", errors="replace", newline="")
            self._written = csv.writer(self._file)
            self._written.writerow([*self.table.header, "line", "reasons"])
        told = "; ".join(map(in_words, reasons))
        self._written.writerow([*row.cells, row.line, told])

    def close(self) -> None:
        """End the reject file."""
        if self._file is not None:
            self._file.close()

    def report(self, before: Counts, after: Counts, seconds: float) -> ImportReport:
        """What came of it."""
        return ImportReport(
            dry_run=self.foresight is not None,
            rows=self.outcomes.total(),
            created=self.outcomes["created"],
            updated=self.outcomes["updated"],
            unchanged=self.outcomes["unchanged"],
            rejected=self.outcomes["rejected"],
            reasons=dict(self.reasons),
            refused=tuple(self.refused),
            categories_created=self.categories_created,
            columns=self.columns.used,
            ignored=tuple(self.columns.ignored),
            before=before,
            after=after,
            in_catalogue=self.in_catalogue,
            reject_file=str(self.rejects) if self._file is not None else None,
            seconds=round(seconds, 2),
        )
