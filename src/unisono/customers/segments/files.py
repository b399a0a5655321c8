"""Segments from a file: made where there are none, changed where they differ, those others ask about first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from unisono.customers.segments import service
from unisono.customers.segments.errors import SegmentUnknown
from unisono.customers.segments.model import encode
from unisono.customers.segments.service import Changes, NewSegment, Segment
from unisono.customers.segments.standing import references
from unisono.customers.segments.yaml_io import Document
from unisono.kit.database import Connection

NOTE = "from a file"


class Outcome(NamedTuple):
    """What became of a segment of the file."""

    code: str
    what: str
    """made, changed, unchanged; ``and published``."""


def in_order(documents: Sequence[Document]) -> list[Document]:
    """Each after those of the file it asks about; a circle is left to the rules, which refuse it."""
    by_code = {document.code: document for document in documents}
    ordered: dict[str, Document] = {}
    begun: set[str] = set()

    def take(document: Document) -> None:
        if document.code in begun:
            return
        begun.add(document.code)
        for code in sorted(references(document.rule) & by_code.keys()):
            take(by_code[code])
        ordered[document.code] = document

    for document in documents:
        take(document)
    return list(ordered.values())


async def apply_documents(
    conn: Connection, documents: Sequence[Document], *, actor: str, now: datetime, publish: bool = False
) -> list[Outcome]:
    """Make or change these segments inside the caller's transaction; applied twice the second time changes nothing.

    Raises RuleError, SegmentConflict.
    """
    outcomes = []
    for document in in_order(documents):
        what, segment = await _apply(conn, document, actor=actor, now=now)
        if publish and segment.status != "live":
            await service.publish(conn, document.code, now=now)
            what = "published" if what == "unchanged" else f"{what} and published"
        outcomes.append(Outcome(document.code, what))
    return outcomes


async def _apply(conn: Connection, document: Document, *, actor: str, now: datetime) -> tuple[str, Segment]:
    rule = encode(document.rule)
    try:
        before = await service.find(conn, document.code)
    except SegmentUnknown:
        new = NewSegment(code=document.code, name=document.name, rule=rule, description=document.description)
        return "made", await service.create(conn, new, actor=actor, now=now, note=NOTE)
    changes = Changes(name=document.name, description=document.description, rule=rule)
    after = await service.change(conn, document.code, changes, actor=actor, now=now, note=NOTE)
    return "unchanged" if after.version == before.version else "changed", after
