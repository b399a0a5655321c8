"""Scenes played against the real engine in a process of its own."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest

from tests.support.serving import serving
from unisono.demo.scenes import SceneKeys, run_scene, scene_keys
from unisono.kit.database import Pool
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
        assert await pool.fetchval("select count(*) from source where name like 'Scenes: %'") == 4


async def test_a_check_that_fails_says_what_was_expected_and_seen(dsn: str, pool: Pool, keys: SceneKeys) -> None:
    """A till that is not believed on cards (its key is the browser's) breaks the scene with exit code 1."""
    broken = SceneKeys(browser=keys.browser, connector=keys.connector, till=keys.browser, desk=keys.desk)
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
    assert raised.value.hint == "Scenes: mario"
