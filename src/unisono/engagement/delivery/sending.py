"""Whether anything may leave: paused by people, or because this is a copy (RULES R11).

A restored backup or a cloned machine has the ledger of another one: messages that one has sent are still due here.
So the installation knows itself by a fingerprint (the machine or the address of the database, the cluster, the
database) and by a mark beside the database that only grows. Another fingerprint, or a database older than its mark,
begins with sending paused, until a person says that this one shall send.
"""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from unisono.access import audit
from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.settings import Settings
from unisono.kit.sql import load

log = structlog.get_logger("unisono.delivery")

_sql = load("unisono.engagement.delivery")

LOCK: Final = 7_406_110_011
"""Advisory lock: held shared by every hand-over, exclusively by whoever pauses all of it or a part."""

COPY: Final = N_(
    "This is a copy or a restored backup of another installation: what that one has sent would be sent again."
    " Make sure the other one is off, then resume."
)

MARK: Final = "sending-mark"
"""File beside the database: the newest transaction in which something was handed over."""

_MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class Sending(msgspec.Struct, frozen=True):
    """Whether messages leave."""

    paused_at: datetime | None
    reason: str | None
    fingerprint: str | None
    changed_at: datetime | None
    changed_by: str | None

    @property
    def paused(self) -> bool:
        """Nothing leaves."""
        return self.paused_at is not None


async def state(conn: Connection) -> Sending:
    """How it stands."""
    return msgspec.convert(dict(await _sql.sending(conn)), Sending)


async def paused(conn: Connection) -> bool:
    """Whether nothing may leave, kept true until the caller's transaction ends."""
    await _sql.share_sending(conn, lock=LOCK)
    return bool(await _sql.is_paused(conn))


async def hold_off(conn: Connection) -> None:
    """Wait for the hand-overs under way, and keep others waiting until the caller's transaction ends: they see what it
    has written."""
    await _sql.hold_sending(conn, lock=LOCK)


async def pause(conn: Connection, *, reason: str, actor: str, now: datetime) -> Sending:
    """Stop everything: when this is committed nothing is handed over any more."""
    await hold_off(conn)
    await _sql.pause_sending(conn, now=now, reason=reason, actor=actor)
    await audit.record(conn, actor=actor, action="sending.paused", detail={"reason": reason})
    return await state(conn)


async def resume(conn: Connection, settings: Settings, *, actor: str, now: datetime) -> Sending:
    """Let messages leave; this machine and cluster become the ones that send."""
    await hold_off(conn)
    mine = await fingerprint(conn, settings)
    await _sql.resume_sending(conn, now=now, actor=actor, fingerprint=mine)
    await write_mark(conn, settings, mine)
    await audit.record(conn, actor=actor, action="sending.resumed")
    return await state(conn)


async def recognise(conn: Connection, settings: Settings, *, now: datetime) -> Sending:
    """Look whether this is the installation that may send; pause when it is another. Called when a worker starts."""
    await hold_off(conn)
    found = await state(conn)
    mine = await fingerprint(conn, settings)
    if found.fingerprint is None and not found.paused:
        await _sql.resume_sending(conn, now=now, actor="first start", fingerprint=mine)
    elif not found.paused and (found.fingerprint != mine or await is_older(conn, settings, mine)):
        log.warning("sending.paused", reason="copy")
        await _sql.pause_sending(conn, now=now, reason=COPY, actor="system")
        await audit.record(conn, actor="system", action="sending.paused", detail={"reason": COPY})
    return await state(conn)


async def fingerprint(conn: Connection, settings: Settings) -> str:
    """What tells this installation from its copies; nothing in it can be read back."""
    row = await _sql.cluster(conn)
    parts = [row["cluster"], row["database"], row["name"]]
    if row["address"] is None:
        # By a socket of this machine: the data are here, and a copy of them is on another machine or elsewhere on it.
        parts += [_machine(), row["folder"] or ""]
    else:
        # Workers on several machines are one installation: the database they name is what they are.
        parts += [urlsplit(settings.database_url or "").hostname or row["address"]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _machine() -> str:
    for path in _MACHINE_IDS:
        try:
            text = path.read_text("ascii").strip()
        except OSError:
            continue
        if text:
            return text
    return platform.node()


async def is_older(conn: Connection, settings: Settings, mine: str) -> bool:
    """Whether the database is behind what this machine has handed over: a backup was put in its place."""
    try:
        mark = int(_mark_of(settings, mine).read_text("ascii"))
    except (OSError, ValueError):
        return False
    return int(await _sql.transaction_now(conn)) < mark


async def write_mark(conn: Connection, settings: Settings, mine: str) -> None:
    """Note how far the database is. A folder that cannot be written costs this check alone."""
    number: str = await _sql.transaction_now(conn)
    path = _mark_of(settings, mine)
    try:
        _write(path, number)
    except OSError as error:
        log.info("sending.no_mark", path=str(path), error=str(error))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text, "ascii")
    draft.replace(path)


def _mark_of(settings: Settings, mine: str) -> Path:
    return settings.data_dir / f"{MARK}-{mine[:16]}"
