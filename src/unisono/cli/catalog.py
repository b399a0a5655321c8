"""``unisono catalog``: catalogues from files."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from unisono.cli.database import database, migrated
from unisono.kit.database import open_pool
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import in_words
from unisono.kit.settings import Settings

if TYPE_CHECKING:
    from unisono.commerce.catalog.importing import ImportReport


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    catalog = commands.add_parser("catalog", help="products from files", description="products from files")
    steps = catalog.add_subparsers(dest="step", required=True, metavar="step")
    importing = steps.add_parser("import", help="take a CSV or Parquet file into the catalogue")
    importing.add_argument("file", type=Path)
    importing.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    importing.add_argument(
        "--map", action="append", default=[], metavar="HEADER=COLUMN", help="what a column is; may be repeated"
    )
    importing.add_argument("--language", default="en", help="language of the names in category paths (en)")
    importing.add_argument("--rejects", type=Path, help="file for refused rows (FILE.rejected.csv)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command: 0 when every row was taken, 1 when some were refused."""
    mapping = dict(_pair(text) for text in options.map)
    with database(settings) as dsn:
        report = asyncio.run(_import(options, mapping, dsn))
    print(told(report))
    return 1 if report.rejected else 0


def _pair(text: str) -> tuple[str, str]:
    header, equals, column = text.rpartition("=")
    if not equals:
        raise BadRequest(f"--map {text}: write HEADER=COLUMN, as 'Articolo=sku'.", code="bad_mapping")
    return header, column


async def _import(options: argparse.Namespace, mapping: dict[str, str], dsn: str) -> ImportReport:
    from unisono.commerce.catalog.importing import import_file

    await migrated(dsn)
    pool = await open_pool(dsn, 2)
    try:
        return await import_file(
            pool,
            options.file,
            dry_run=options.dry_run,
            mapping=mapping,
            progress=lambda done, total: print(f"\r{done:,} of {total:,} rows", end="", flush=True),
            actor="command line",
            language=options.language,
            rejects=options.rejects or options.file.with_suffix(".rejected.csv"),
        )
    finally:
        await pool.close()
        print()


def told(report: ImportReport) -> str:
    """The report in words, a line each."""
    would = "would be " if report.dry_run else ""
    lines = [
        f"{report.rows:,} rows in {report.seconds:.1f} s: {report.created:,} {would}created, "
        f"{report.updated:,} {would}updated, {report.unchanged:,} unchanged, {report.rejected:,} {would}rejected.",
        f"The catalogue has {report.after.products:,} products and {report.after.variants:,} variants, "
        f"{report.in_catalogue:,} of them from this file (counted in the database).",
    ]
    if report.categories_created:
        lines.append(f"{report.categories_created:,} categories {would}made.")
    if report.ignored:
        lines.append(f"Not read: {', '.join(report.ignored)}.")
    lines += [f"  line {row.line} {row.sku}: {'; '.join(map(in_words, row.reasons))}" for row in report.refused[:20]]
    if report.reject_file:
        lines.append(f"All refused rows: {report.reject_file}")
    return "\n".join(lines)
