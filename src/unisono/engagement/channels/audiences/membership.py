"""Who may be in which audience: written before an advertiser hears of a person, gone when the person was taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from unisono.customers.timers import service as timers
from unisono.customers.timers.service import Instant
from unisono.engagement.channels.audiences.formats import Identity
from unisono.engagement.channels.audiences.model import AudienceAdapter, action_of, identity_of
from unisono.engagement.channels.model import Outgoing
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.audiences")

KIND: Final = "audiences"
"""The timers, one an account: when somebody's stay is to be looked at, or he is to be taken out."""

PROMPT: Final = "prompt"
NEXT: Final = "next"

EVERY: Final = timedelta(days=1)
"""How often it is looked at whether somebody may stay, when nothing happens: consents end by themselves."""


class Put(msgspec.Struct, frozen=True):
    """A message on the channel ``ads`` that the advertiser took, or may have taken."""

    account_id: int
    node_id: int
    message: Outgoing
    segment: str | None
    """Of its broadcast."""
    sure: bool


class AudienceStanding(msgspec.Struct, frozen=True):
    """How an audience stands, as far as we know."""

    members: int
    """People put in who may stay."""
    leaving: int
    """People to be taken out whom the advertiser has not taken out yet."""
    leaving_since: datetime | None
    """Of those the one who has waited longest."""
    last_error: str | None


async def note(
    conn: Connection, account_id: int, people: Mapping[int, Identity], *, segment: str | None, now: datetime
) -> list[int]:
    """These people (any identifier of each, and how the advertiser has him) may be in the audience from now on; the
    rows that are new. Called before they are put in, in a transaction of its own."""
    if not people:
        return []
    rows = await _sql.note_members(
        conn,
        account_id=account_id,
        nodes=int_list(people),
        segment=segment,
        emails=[one.email for one in people.values()],
        phones=[one.phone for one in people.values()],
        now=now,
        check_at=now + EVERY,
    )
    timer = await timers.find_timer(conn, KIND, str(account_id))
    if timer is None or timer.state != "pending":
        await timers.set_instants(conn, KIND, [Instant(KIND, str(account_id), NEXT, now + EVERY)])
    return [row["id"] for row in rows if row["new"]]


async def put_in(conn: Connection, account_id: int, people: Iterable[Identity]) -> None:
    """The advertiser took these people, or may have: what was still to be taken out by the same is not any more."""
    found = list(people)
    await _sql.unleave(
        conn,
        account_id=account_id,
        emails=[one.email for one in found if one.email],
        phones=[one.phone for one in found if one.phone],
    )


async def note_messages(conn: Connection, put: Sequence[Put], *, now: datetime) -> None:
    """What messages did to audiences: who was put in may have to leave, whoever was taken out has left."""
    kinds = {row["id"]: row["kind"] for row in await _sql.kinds_of(conn, ids=sorted({one.account_id for one in put}))}
    groups: dict[tuple[int, str | None], dict[int, Identity]] = {}
    out: dict[int, list[int]] = {}
    for one in put:
        adapter = adapter_of(kinds[one.account_id])
        if not isinstance(adapter, AudienceAdapter):
            continue
        if action_of(one.message) == "remove":
            out.setdefault(one.account_id, []).extend([one.node_id] if one.sure else [])
        else:
            group = groups.setdefault((one.account_id, one.segment), {})
            group[one.node_id] = adapter.matched(identity_of(one.message))
    for (account_id, segment), people in groups.items():
        await note(conn, account_id, people, segment=segment, now=now)
        await put_in(conn, account_id, people.values())
    for account_id, nodes in out.items():
        await forget(conn, account_id, nodes)


async def drop(conn: Connection, rows: Collection[int]) -> None:
    """What `note` wrote was surely not put in."""
    await _sql.drop_members(conn, ids=int_list(rows))


async def forget(conn: Connection, account_id: int, nodes: Collection[int]) -> None:
    """The advertiser has taken out the persons of these identifiers."""
    await _sql.forget_members(conn, account_id=account_id, nodes=int_list(nodes))


async def standing(conn: Connection, account_id: int) -> AudienceStanding:
    """How an audience stands."""
    return AudienceStanding(**dict(await _sql.standing(conn, account_id=account_id)))


async def look(conn: Connection, accounts: Collection[int], *, now: datetime) -> None:
    """There is something to do about these audiences now."""
    await timers.set_instants(conn, KIND, [Instant(KIND, str(number), PROMPT, now) for number in sorted(set(accounts))])


async def look_after_erasure(conn: Connection, *, now: datetime) -> None:
    """Whoever was erased is taken out at once."""
    await look(conn, [row["account_id"] for row in await _sql.accounts_leaving(conn)], now=now)
