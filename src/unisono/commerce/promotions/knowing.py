"""Live promotions as a process remembers them.

Only definitions are remembered, and a definition of a version never changes; which promotions are live, their versions
and what is left of their limits are asked of the database every time.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from unisono.commerce.promotions.model import Definition, Promotion, Status

MOST = 5_000
"""Definitions remembered at most: beyond it, all are forgotten and learnt anew."""

_decode = msgspec.json.Decoder(Definition).decode


class _Known(NamedTuple):
    version: int
    updated_at: datetime
    promotion: Promotion


_known: dict[int, _Known] = {}


def remembered() -> tuple[list[int], list[int], list[datetime]]:
    """Ids, versions and instants of what need not be told again."""
    return (
        list(_known),
        [one.version for one in _known.values()],
        [one.updated_at for one in _known.values()],
    )


def promotion_of(row: asyncpg.Record) -> Promotion:
    """A row's promotion, remembered from now on; ``definition`` may be missing when it is known already."""
    if row["definition"] is None:
        known = _known.get(row["id"])
        # Two databases may have been asked in between: what is known must be of this very version.
        if known is not None and (known.version, known.updated_at) == (row["version"], row["updated_at"]):
            return known.promotion
        raise LookupError(f"promotion {row['id']} was forgotten meanwhile")
    promotion = as_promotion(row["definition"], id_=row["id"], status=row["status"], version=row["version"])
    if len(_known) >= MOST:
        _known.clear()
    _known[row["id"]] = _Known(row["version"], row["updated_at"], promotion)
    return promotion


def forget() -> None:
    """Forget everything, as a new process."""
    _known.clear()


def as_promotion(definition: str | bytes, *, id_: int, status: Status, version: int) -> Promotion:
    """A stored definition with where it stands."""
    written = _decode(definition)
    fields = {name: getattr(written, name) for name in Definition.__struct_fields__}
    return Promotion(**fields, id=id_, status=status, version=version)
