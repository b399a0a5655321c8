"""The opposition register: numbers and addresses held against it, and what it said."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from unisono.customers.consent import service
from unisono.customers.consent.errors import BadConsent
from unisono.customers.consent.ledger import lock_persons_of
from unisono.customers.consent.model import RegisterCheck, Suppression
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.consent")

RegisterChannel = Literal["call", "mail"]

MAX_ROWS: Final = 100_000
"""Lines of one upload."""

_YES = frozenset({"1", "true", "yes", "y", "si", "sì", "listed", "iscritto", "opposed"})
_NO = frozenset({"0", "false", "no", "n", "", "free", "non iscritto", "clear"})


class Line(msgspec.Struct, frozen=True):
    """One line of an upload: a number (or, for letters, ``namespace:value``), what the register said, and when."""

    value: str
    listed: bool
    checked_at: datetime


class Uploaded(msgspec.Struct, frozen=True):
    """What became of an upload, counted from the database."""

    lines: int
    checked: int
    """Addresses of ours the lines were about."""
    listed: int
    """Of those, in the register."""
    unknown: int
    """Lines about addresses nobody here has."""
    unreadable: tuple[int, ...]
    """Numbers of lines (from 1, the heading not counted) that are no number or address; at most 100."""


def read_csv(text: str, *, now: datetime) -> list[Line]:
    """The lines of a CSV with the columns ``value``, ``listed`` and, if wanted, ``checked_at`` (ISO 8601 with zone).

    Comma or semicolon. Raises BadConsent, naming the line, for what cannot be read.
    """
    text = text.removeprefix("﻿")
    if "\x00" in text:
        raise BadConsent("The file has NUL characters.", code="bad_register_file")
    heading = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in heading else ",")
    fields = [name.strip().lower() for name in reader.fieldnames or ()]
    if not {"value", "listed"} <= set(fields):
        raise BadConsent("The file needs the columns value and listed.", code="bad_register_file")
    reader.fieldnames = fields
    lines = []
    try:
        for number, row in enumerate(reader, start=1):
            if number > MAX_ROWS:
                raise BadConsent(f"One file has {MAX_ROWS} lines at the most.", code="bad_register_file")
            lines.append(_line(number, row, now))
    except csv.Error as error:
        raise BadConsent(f"The file is no CSV: {error}.", code="bad_register_file") from None
    return lines


def _line(number: int, row: dict[str, str | None], now: datetime) -> Line:
    said = (row.get("listed") or "").strip().lower()
    if said not in _YES | _NO:
        raise BadConsent(f"Line {number}: listed is yes or no, not {said[:20]!r}.", code="bad_register_file")
    at = (row.get("checked_at") or "").strip()
    checked_at = now
    if at:
        try:
            checked_at = msgspec.convert(at, datetime, strict=False)
        except msgspec.ValidationError:
            raise BadConsent(f"Line {number}: {at[:40]!r} is no instant.", code="bad_register_file") from None
        if checked_at.tzinfo is None or checked_at > now:
            raise BadConsent(
                f"Line {number}: {at[:40]!r} needs a time zone and lies in the past.", code="bad_register_file"
            )
    return Line((row.get("value") or "").strip(), said in _YES, checked_at)


async def upload(
    conn: Connection,
    lines: Sequence[Line],
    *,
    channel: RegisterChannel,
    source: str,
    country: str,
    now: datetime,
) -> Uploaded:
    """Keep what the register said; of two looks at one address the later counts. Whoever is listed gets no marketing
    on this channel; whoever no longer is, is free of that."""
    rulebook = await read_rulebook(conn, country)
    keys: list[tuple[str, str] | None] = [_key(rulebook, channel, line.value) for line in lines]
    known = [key for key in keys if key is not None]
    rows = await _sql.nodes_of_identifiers(conn, namespaces=[key[0] for key in known], values=[key[1] for key in known])
    nodes = {(row["namespace"], row["value"]): int(row["id"]) for row in rows}
    latest: dict[int, Line] = {}
    for key, line in zip(keys, lines, strict=True):
        node = nodes.get(key) if key else None
        if node is not None and (node not in latest or latest[node].checked_at <= line.checked_at):
            latest[node] = line
    await _keep(conn, latest, channel=channel, source=source, now=now)
    return Uploaded(
        lines=len(lines),
        checked=len(latest),
        listed=sum(line.listed for line in latest.values()),
        unknown=sum(1 for key in keys if key is not None and key not in nodes),
        unreadable=tuple(number for number, key in enumerate(keys, start=1) if key is None)[:100],
    )


async def _keep(
    conn: Connection, latest: dict[int, Line], *, channel: RegisterChannel, source: str, now: datetime
) -> None:
    if not latest:
        return
    await lock_persons_of(conn, latest)
    ordered = sorted(latest)
    kept = await _sql.keep_checks(
        conn,
        nodes=int_list(ordered),
        channel=channel,
        ats=[latest[node].checked_at for node in ordered],
        listed=[latest[node].listed for node in ordered],
        source=source,
    )
    checks = [RegisterCheck(**dict(row)) for row in kept]
    await service.suppress(
        conn,
        [
            Suppression(
                node_id=check.node_id,
                channel=channel,
                reason="register",
                purposes="marketing",
                at=check.checked_at,
                source=source,
            )
            for check in checks
            if check.listed
        ],
        now=now,
    )
    free = [(check.node_id, str(channel)) for check in checks if not check.listed]
    await service.lift(conn, free, reasons=["register"], actor=source, now=now)


def _key(rulebook: Rulebook, channel: RegisterChannel, value: str) -> tuple[str, str] | None:
    namespace, colon, rest = value.partition(":")
    if channel == "call" and not colon:
        namespace, rest = "phone", value
    try:
        key = rulebook.key(namespace, rest)
    except UnusableIdentifier:
        return None
    return key.namespace, key.value
