"""The copy people get of what is kept about them: a zip, written piece by piece and kept encrypted.

It is read in one snapshot of the database, so its parts agree. However much there is, only a few rows and one piece of
the zip are in memory; nothing of it touches the disk unencrypted.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, Final

import asyncpg
import msgspec

from unisono.access import audit
from unisono.customers.privacy.errors import ArchiveNotFound
from unisono.customers.privacy.model import KEPT
from unisono.customers.privacy.pages import Page, table_head
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.personal import PersonalData, Table
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.customers.privacy")

SEALED: Final = "archive"
"""Purpose of the key archives are encrypted with."""

PIECE: Final = 256 * 1024
"""Bytes of the zip in one row."""

ROWS: Final = 200
"""Rows read at once."""

SHOWN: Final = 500
"""Rows of a section on the page; the files have all."""

PATIENCE: Final = 600.0

_line = msgspec.json.Encoder(decimal_format="number", enc_hook=str)

_FORMULA = re.compile(r"^[=@\t\r]|^[+-](?![\d ().-]*$)")


class _Sink(io.RawIOBase):
    """What the zip is written into: bytes wait here until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting += data
        return len(data)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the copy, as the manifest names it."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of one room, in the copy."""

    part: str
    table: Table
    number: int

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"data/{self.number:02d}-{self.table.name}"


def sections_of(parts: Sequence[PersonalData]) -> list[Section]:
    """What a copy shows, who they are first."""
    shown = [(part.name, table) for part in reversed(parts) for table in part.tables if table.section and table.whose]
    return [Section(part=part, table=table, number=number) for number, (part, table) in enumerate(shown, 1)]


class Copier:
    """Makes copies: give it the rooms' parts and the installation's key."""

    def __init__(self, pool: Pool, parts: Sequence[PersonalData], secret: Secret) -> None:
        self._pool = pool
        self._sections = sections_of(parts)
        self._secret = secret

    async def work(self, request_id: int, *, now: datetime) -> None:
        """Make the copy of a request; one begun before is begun anew. It stops when the request is none any more."""
        async with transaction(self._pool) as conn:
            request = await _sql.lock_request(conn, id=request_id)
            if request is None or request["state"] != "running" or request["kind"] != "access":
                return
            await _sql.drop_parts(conn, request=request_id)
        making = _Making(self._pool, self._secret, request, now)
        files = await making.make(self._sections)
        crash_point("privacy.before_archive_done")
        receipt = {
            "made_at": now.isoformat(),
            "rows": {one.name: one.rows for one in files if one.name.endswith(".jsonl") and one.rows},
            "bytes": making.bytes,
            "pieces": making.pieces,
        }
        async with transaction(self._pool) as conn:
            settled = await _sql.settle(conn, id=request_id, now=now, receipt=json.dumps(receipt), expires=now + KEPT)
            if not settled:
                await _sql.drop_parts(conn, request=request_id)
                return
            await audit.record(
                conn,
                actor=request["requested_by"],
                action="privacy.copy_made",
                person_id=request["person_id"],
                detail={"request_id": request_id},
            )


class _Making:
    """A copy being made."""

    def __init__(self, pool: Pool, secret: Secret, request: asyncpg.Record, now: datetime) -> None:
        self._pool = pool
        self._secret = secret
        self._request = request
        self._now = now
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)
        self._files: list[File] = []
        self.pieces = 0
        self.bytes = 0

    async def make(self, sections: Sequence[Section]) -> list[File]:
        """All files, in one snapshot."""
        settings = msgspec.json.decode(self._request["settings"])
        async with (
            connection(self._pool) as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await _sql.nodes_of_person(conn, person=self._request["person_id"])
            nodes = [row["id"] for row in rows]
            for number, section in enumerate(sections, 1):
                await self._jsonl(conn, section, nodes)
                await self._csv(conn, section, nodes)
                await self._progress(number, len(sections))
            await self._page(conn, sections, nodes, settings.get("language", "en"))
        await self._json("schema.json", schema_of(sections))
        identifiers = [f"{row['namespace']}:{row['value']}" for row in rows]
        await self._json("manifest.json", self._manifest(identifiers))
        self._zip.close()
        await self._flush(last=True)
        return self._files

    def _manifest(self, identifiers: list[str]) -> dict[str, Any]:
        return {
            "request": self._request["id"],
            "made_at": self._now.isoformat(),
            "made_for": {"person_id": self._request["person_id"], "identifiers": identifiers},
            "made_by": self._request["requested_by"],
            "files": [msgspec.to_builtins(one) for one in self._files],
        }

    async def _jsonl(self, conn: Connection, section: Section, nodes: list[int]) -> None:
        def line(values: dict[str, Any]) -> bytes:
            return _line.encode(values) + b"\n"

        await self._file(f"{section.stem}.jsonl", conn, section, nodes, line)

    async def _csv(self, conn: Connection, section: Section, nodes: list[int]) -> None:
        names = list(section.table.fields)

        def line(values: dict[str, Any]) -> bytes:
            return csv_line([values[name] for name in names])

        await self._file(f"{section.stem}.csv", conn, section, nodes, line, head=csv_line(names))

    async def _file(
        self,
        name: str,
        conn: Connection,
        section: Section,
        nodes: list[int],
        line: Callable[[dict[str, Any]], bytes],
        *,
        head: bytes = b"",
    ) -> None:
        digest, size, count = hashlib.sha256(head), len(head), 0
        with self._open(name) as file:
            file.write(head)
            async for values in read(conn, section.table, nodes):
                data = line(values)
                digest.update(data)
                size += len(data)
                count += 1
                file.write(data)
                await self._flush()
        self._files.append(File(name=name, rows=count, bytes=size, sha256=digest.hexdigest()))

    async def _page(self, conn: Connection, sections: Sequence[Section], nodes: list[int], language: str) -> None:
        page = Page(language, self._now)
        digest, size = hashlib.sha256(), 0
        with self._open("index.html") as file:

            async def say(text: str) -> None:
                nonlocal size
                data = text.encode()
                digest.update(data)
                size += len(data)
                file.write(data)
                await self._flush()

            counts = {one.name: one.rows for one in self._files}
            shown = [one for one in sections if counts[f"{one.stem}.jsonl"]]
            await say(page.head([(one.table.section, f"s{one.number}") for one in shown]))
            for section in shown:
                total = counts[f"{section.stem}.jsonl"]
                await say(page.section(section.table.section, f"s{section.number}", section.stem, total, SHOWN))
                await say(table_head(page, section.table.fields))
                number = 0
                async for values in read(conn, section.table, nodes, most=SHOWN):
                    number += 1
                    await say(page.row(values))
                await say("</tbody></table></div></section>")
            await say(page.foot())
        self._files.append(File(name="index.html", rows=0, bytes=size, sha256=digest.hexdigest()))

    async def _json(self, name: str, value: Any) -> None:
        data = json.dumps(value, indent=2, ensure_ascii=False).encode()
        with self._open(name) as file:
            file.write(data)
        self._files.append(File(name=name, rows=0, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        await self._flush()

    def _open(self, name: str) -> IO[bytes]:
        info = zipfile.ZipInfo(name, date_time=self._now.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        return self._zip.open(info, "w", force_zip64=True)

    async def _progress(self, done: int, total: int) -> None:
        async with transaction(self._pool) as conn:
            await _sql.keep_progress(
                conn, id=self._request["id"], progress=json.dumps({"done": done, "of": total}), receipt="{}"
            )

    async def _flush(self, *, last: bool = False) -> None:
        """Put away what has gathered, a piece a row."""
        waiting = self._sink.waiting
        while len(waiting) >= PIECE or (last and waiting):
            piece = bytes(waiting[:PIECE])
            del waiting[:PIECE]
            sealed = self._secret.encrypt(SEALED, piece, bound_to=f"{self._request['id']}:{self.pieces}")
            async with transaction(self._pool) as conn:
                await _sql.insert_part(conn, request=self._request["id"], part=self.pieces, data=sealed)
            self.pieces += 1
            self.bytes += len(piece)
            crash_point("privacy.after_piece")


async def read(
    conn: Connection, table: Table, nodes: list[int], *, most: int | None = None
) -> AsyncIterator[dict[str, Any]]:
    """The rows of a table that are theirs, by name of the field; JSON as what it says."""
    statement = await conn.prepare(table.reading() + (f" limit {most}" if most else ""))
    parsed = {one.name for one in statement.get_attributes() if one.type.name in ("json", "jsonb")}
    async for row in statement.cursor(nodes, prefetch=ROWS, timeout=PATIENCE):
        yield {
            name: msgspec.json.decode(value) if name in parsed and value is not None else value
            for name, value in row.items()
        }


def csv_line(values: Sequence[Any]) -> bytes:
    """A line as spreadsheets read it (RFC 4180); a text that would be a formula there is marked as text."""
    out = io.StringIO()
    csv.writer(out).writerow([_cell(value) for value in values])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def schema_of(sections: Sequence[Section]) -> dict[str, Any]:
    """What every section and field of a copy says."""
    return {
        "sections": [
            {
                "room": one.part,
                "title": one.table.section,
                "files": [f"{one.stem}.jsonl", f"{one.stem}.csv"],
                "fields": one.table.fields,
            }
            for one in sections
        ],
    }


async def pieces(pool: Pool, secret: Secret, request_id: int, count: int) -> AsyncIterator[bytes]:
    """The zip, piece by piece. Raises ArchiveNotFound when it is thrown away meanwhile."""
    for number in range(count):
        async with connection(pool) as conn:
            sealed = await _sql.part(conn, request=request_id, part=number)
        if sealed is None:
            raise ArchiveNotFound(f"The copy of request {request_id} is gone.")
        yield secret.decrypt(SEALED, bytes(sealed), bound_to=f"{request_id}:{number}")
