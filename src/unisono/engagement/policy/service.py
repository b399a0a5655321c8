"""The policy's door: what counts now, who changed it, what was booked, and what would become of a message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from unisono.engagement.policy.checking import check
from unisono.engagement.policy.defaults import default_version
from unisono.engagement.policy.model import Asked, Decision, Policy, PolicyVersion
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.policy")
_decode = msgspec.json.Decoder(Policy).decode

MAX_REASON: Final = 500
MAX_VERSION: Final = 2**31 - 1


class PolicyVersionUnknown(NotFound):
    """There is no such version of the contact policy."""

    code = "policy_version_not_found"


class PolicyChanged(Conflict):
    """Somebody else changed the policy in the meantime."""

    code = "policy_changed"


# The policy ---------------------------------------------------------------------------------------------


async def current(conn: Connection) -> PolicyVersion:
    """The policy that counts: the newest version, or the one of the package while nobody made one."""
    row = await _sql.newest_policy(conn)
    return _version(row) if row else default_version()


async def version(conn: Connection, number: int) -> PolicyVersion:
    """The policy as it was; 0 is the one of the package. Raises PolicyVersionUnknown."""
    if number == 0:
        return default_version()
    row = await _sql.policy_of_version(conn, version=number) if 0 < number <= MAX_VERSION else None
    if row is None:
        raise PolicyVersionUnknown(f"There is no version {number} of the contact policy.")
    return _version(row)


async def versions(conn: Connection, *, before: int | None = None, limit: int = 50) -> list[PolicyVersion]:
    """Versions, newest first; ``before`` goes on where a page ended. The package's own comes last."""
    found = [_version(row) for row in await _sql.policies(conn, before=before, limit=limit)]
    if len(found) < limit and before != 0:
        found.append(default_version())
    return found


async def save(
    conn: Connection, policy: Policy, *, actor: str, reason: str, now: datetime, expected: int | None = None
) -> PolicyVersion:
    """Make a policy count, inside the caller's transaction; saving the one that counts changes nothing.

    What the policy before held until later is decided anew by this one, at once.

    ``expected`` is the version it was made from. Raises BadPolicy, BadRequest without a reason, PolicyChanged.
    """
    reason = _reason(reason)
    check(policy)
    await _sql.lock_policy(conn)
    present = await current(conn)
    if expected is not None and expected != present.version:
        raise PolicyChanged(
            f"The policy is at version {present.version} by now, not {expected}.",
            hint="Look at what changed and apply yours again.",
        )
    if policy == present.policy:
        return present
    text = msgspec.json.encode(policy).decode()
    row = await _sql.add_policy(conn, policy=text, at=now, actor=actor, reason=reason)
    await _sql.decide_again(conn, now=now)
    return PolicyVersion(version=row["version"], policy=policy, at=now, actor=actor, reason=reason)


def _reason(text: str) -> str:
    text = " ".join(text.split())
    # What cannot be stored as text is no reason either: NUL and half characters.
    if not text or len(text) > MAX_REASON or not text.isprintable():
        raise BadRequest(f"Say why in 1 to {MAX_REASON} characters.", code="reason_missing")
    return text


def _version(row: asyncpg.Record) -> PolicyVersion:
    return PolicyVersion(
        version=row["version"], policy=_decode(row["policy"]), at=row["at"], actor=row["actor"], reason=row["reason"]
    )


# What was booked ------------------------------------------------------------------------------------------


def key_of(message_id: int) -> str:
    """The key of a message's contact: decided anew it is the same contact."""
    return f"message:{message_id}"


async def book(conn: Connection, decided: Sequence[tuple[Asked, Decision]], *, now: datetime) -> None:
    """Count what is to be sent, in the transaction of its decision; what is held or skipped is left out."""
    sent = [(asked, decision) for asked, decision in decided if decision.outcome == "send" and decision.channel]
    if not sent:
        return
    rows: list[dict[str, Any]] = [
        {
            "keys": key_of(asked.message_id),
            "nodes": decision.address_node or asked.node_id,
            "ats": now,
            "channels": decision.channel,
            "purposes": asked.purpose,
            "weights": decision.weight,
            "origins": "message",
            "messages": asked.message_id,
        }
        for asked, decision in sorted(sent, key=lambda pair: pair[0].message_id)
    ]
    await _sql.book(conn, **{name: [row[name] for row in rows] for name in rows[0]})


async def release(conn: Connection, message_ids: Collection[int], *, now: datetime) -> int:
    """Take messages that were surely not sent out of the count; returns how many were in it."""
    if not message_ids:
        return 0
    released: int = await _sql.release(conn, messages=sorted(message_ids), now=now)
    return released


async def count_again(conn: Connection, message_ids: Collection[int]) -> None:
    """Messages taken out of the count that reached the person after all."""
    if message_ids:
        await _sql.count_again(conn, messages=sorted(message_ids))
