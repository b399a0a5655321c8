"""The token of a link into a messenger: whose, how long, and what a made-up one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.consent import make_node
from tests.support.secret import TEST_SECRET
from unisono.engagement.channels import joining
from unisono.kit import tokens
from unisono.kit.database import Pool

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def person(pool: Pool, node: int) -> int:
    """Whose an identifier is."""
    return int(await pool.fetchval("select person_id from node where id = $1", node))


@pytest.mark.parametrize(
    ("later", "joined"),
    [
        pytest.param(timedelta(0), True, id="at-once"),
        pytest.param(timedelta(days=1), True, id="a-day"),
        pytest.param(timedelta(days=1, minutes=2), False, id="too-late"),
        pytest.param(timedelta(minutes=-5), False, id="before-it-was-made"),
    ],
)
async def test_a_link_holds_for_a_day(pool: Pool, later: timedelta, joined: bool) -> None:
    """Followed in time the two are one person, once; later it joins nobody."""
    async with pool.acquire() as conn:
        user, chat = await make_node(conn, "user_id"), await make_node(conn, "telegram", "900")
        token = joining.token_for(TEST_SECRET, user, NOW)
        for _ in range(2):
            assert await joining.join(conn, TEST_SECRET, token, chat, now=NOW + later) is joined
    assert (await person(pool, chat) == await person(pool, user)) is joined


async def test_tokens_of_other_kinds_and_of_nobody_join_nobody(pool: Pool) -> None:
    """A link of another kind, one of our own to itself, an identifier that is gone."""
    async with pool.acquire() as conn:
        user, chat = await make_node(conn, "user_id"), await make_node(conn, "telegram", "900")
        minute = int(NOW.timestamp()) // 60
        for token in (
            "",
            "AAAA",
            "é" * 10,
            "x" * 5000,
            tokens.sign(TEST_SECRET, tokens.PREFERENCES, (user, minute)),
            tokens.sign(TEST_SECRET, "join", (user,)),
            joining.token_for(TEST_SECRET, chat, NOW),
            joining.token_for(TEST_SECRET, 10**12, NOW),
        ):
            assert not await joining.join(conn, TEST_SECRET, token, chat, now=NOW)
    assert await person(pool, chat) != await person(pool, user)
