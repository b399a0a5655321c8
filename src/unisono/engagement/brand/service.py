"""The door of the brand: read it, change it, what it was before."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from unisono.engagement.brand.errors import BadBrand, BrandConflict, BrandNotFound
from unisono.engagement.brand.model import Brand, BrandVersion, Kit
from unisono.kit.database import Connection
from unisono.kit.sql import load

DEFAULT: Final = "default"
"""The brand of those who have one."""
MAX_KIT: Final = 200_000
"""Bytes of a kit as JSON."""
MOST_VERSIONS: Final = 200

_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")

_sql = load("unisono.engagement.brand")
_kit = msgspec.json.Decoder(Kit).decode


async def get(conn: Connection, code: str = DEFAULT) -> Brand:
    """A brand; the default one is there before anybody wrote it (version 0), with the company's name.

    Raises BrandNotFound.
    """
    row = await _sql.read_brand(conn, code=code.replace("\x00", ""))
    if row is not None:
        return _brand(row)
    if code != DEFAULT:
        raise BrandNotFound(f"There is no brand {code[:60]!r}.")
    company = str(await _sql.company(conn) or "")[:200]
    return Brand(code=DEFAULT, version=0, kit=Kit(name=company, company=company))


async def brands(conn: Connection) -> list[Brand]:
    """Every brand, the default one among them, by code."""
    kept = [_brand(row) for row in await _sql.list_brands(conn)]
    return kept if any(one.code == DEFAULT for one in kept) else [await get(conn), *kept]


async def save(
    conn: Connection, kit: Kit, *, actor: str, now: datetime, code: str = DEFAULT, expected_version: int | None = None
) -> Brand:
    """Keep a brand; the version before stays. Saying the same again changes nothing.

    Raises BadBrand, and BrandConflict when ``expected_version`` is not the present one (0: it is new).
    """
    if not _CODE.fullmatch(code):
        raise BadBrand("A code is small letters, digits, dots, dashes and underscores, 63 at most.", code="bad_code")
    written = _checked(kit)
    await _sql.lock_brand(conn, code=code)
    row = await _sql.read_brand(conn, code=code)
    if expected_version is not None and expected_version != (row["version"] if row else 0):
        raise BrandConflict("The brand was changed by somebody else since you read it.", code="version_conflict")
    if row is not None and _kit(row["kit"]) == kit:
        return _brand(row)
    row = await _sql.write_brand(conn, code=code, kit=written, now=now, actor=actor)
    await _sql.write_version(conn, code=code)
    return _brand(row)


async def versions(conn: Connection, code: str = DEFAULT) -> list[BrandVersion]:
    """What a brand was, newest first, the last `MOST_VERSIONS`."""
    rows = await _sql.versions_of(conn, code=code.replace("\x00", ""), most=MOST_VERSIONS)
    return [
        BrandVersion(code=row["code"], version=row["version"], kit=_kit(row["kit"]), at=row["at"], actor=row["actor"])
        for row in rows
    ]


def _brand(row: asyncpg.Record) -> Brand:
    return Brand(
        code=row["code"],
        version=row["version"],
        kit=_kit(row["kit"]),
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _checked(kit: Kit) -> str:
    """The kit as JSON. Raises BadBrand."""
    try:
        written = msgspec.json.encode(kit)
    except (UnicodeEncodeError, msgspec.EncodeError) as error:
        raise BadBrand("The brand has text that cannot be kept.") from error
    if len(written) > MAX_KIT or b"\\u0000" in written:
        raise BadBrand(f"The brand is over {MAX_KIT} bytes or has text that cannot be kept.")
    for field in ("logo_url", "site_url"):
        address = getattr(kit, field)
        if address and not address.lower().startswith(("https://", "http://")):
            raise BadBrand(f"{field} begins with https:// or http://.", field=field)
    known = {"company": kit.company, "vat": kit.vat, "address": kit.address}
    for name in kit.footer_fields:
        if not known[name].strip():
            raise BadBrand(f"{name} is wanted in every footer and is empty.", field=name)
    return written.decode()
