"""Scenes played against the real engine in a process of its own."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.support.serving import serving
from unisono.demo.findings import Findings
from unisono.demo.live.checking import check_promises
from unisono.demo.scenes import SCENES, SceneKeys, run_scene, scene_keys
from unisono.kit.database import Pool, connection
from unisono.kit.errors import NotFound, Unavailable


@pytest.fixture
async def keys(pool: Pool) -> AsyncIterator[SceneKeys]:
    """Keys of one performance."""
    async with scene_keys(pool) as keys:
        yield keys


async def test_mario_becomes_one_and_two_and_one_again(dsn: str, pool: Pool) -> None:
    """Every check of the scene holds, twice on one database, and its keys work no more afterwards."""
    with serving(dsn) as [web]:
        for _ in range(2):
            out = io.StringIO()
            async with scene_keys(pool) as keys:
                result = await run_scene("mario", web.url, keys, out)
            assert result.failure is None, out.getvalue()
            assert result.exit_code == 0
            assert result.steps == 8
            assert "the clerk's timeline has web, chat and purchase" in out.getvalue()
        assert await pool.fetchval("select count(*) from api_key where disabled_at is null") == 0
        assert await pool.fetchval("select count(*) from source where name like 'Scenes: %'") == 6


async def test_a_check_that_fails_says_what_was_expected_and_seen(dsn: str, pool: Pool, keys: SceneKeys) -> None:
    """A till that is not believed on cards (its key is the browser's) breaks the scene with exit code 1."""
    broken = msgspec.structs.replace(keys, till=keys.browser)
    out = io.StringIO()
    with serving(dsn) as [web]:
        result = await run_scene("mario", web.url, broken, out)
    assert result.exit_code == 1
    assert result.steps == 4
    assert result.failure is not None
    assert "expected True, saw False" in result.failure
    assert f"FAILED  {result.failure}" in out.getvalue()


async def test_a_scene_without_engine_says_so(keys: SceneKeys) -> None:
    """Nobody at the address is an error of ours with a hint, not a stack trace."""
    with pytest.raises(Unavailable, match="Nobody answers"):
        await run_scene("mario", "http://127.0.0.1:9", keys, io.StringIO())


async def test_a_scene_that_does_not_exist_names_those_that_do(keys: SceneKeys) -> None:
    """The error lists the scenes."""
    with pytest.raises(NotFound) as raised:
        await run_scene("luigi", "http://127.0.0.1:9", keys, io.StringIO())
    assert raised.value.hint == f"Scenes: {', '.join(SCENES)}"


OF_THE_SHOP = ("nike", "click-and-collect", "twenty-percent", "last-unit", "order-ahead")


@pytest.mark.parametrize("name", OF_THE_SHOP)
async def test_a_scene_of_the_shop_holds_twice(dsn: str, pool: Pool, name: str) -> None:
    """Every check holds on an empty database and again on what the first performance left; nothing is stuck after."""
    with serving(dsn, env={"UNISONO_TEST_PAYMENTS": "true"}) as [web]:
        for _ in range(2):
            out = io.StringIO()
            async with scene_keys(pool) as keys:
                result = await run_scene(name, web.url, keys, out)
            assert result.failure is None, out.getvalue()
            assert result.steps >= 4
            assert result.checks >= 15
    findings = Findings()
    async with connection(pool) as conn:
        await check_promises(findings, conn)
    assert findings.failed == 0


async def test_a_scene_says_what_to_do_when_test_payments_are_off(dsn: str, keys: SceneKeys) -> None:
    """The engine refuses the provider for trying out; the scene ends with the setting that allows it."""
    out = io.StringIO()
    with serving(dsn) as [web]:
        result = await run_scene("click-and-collect", web.url, keys, out)
    assert result.exit_code == 1
    assert result.failure is not None
    assert "UNISONO_TEST_PAYMENTS=true" in result.failure


async def test_a_scene_sells_in_the_currency_of_the_engine(dsn: str, keys: SceneKeys) -> None:
    """An engine that sells in dollars is played in dollars."""
    out = io.StringIO()
    with serving(dsn, env={"UNISONO_TEST_PAYMENTS": "true", "UNISONO_CURRENCY": "USD"}) as [web]:
        result = await run_scene("nike", web.url, keys, out)
    assert result.failure is None, out.getvalue()
    assert "119.00 USD" in out.getvalue()
