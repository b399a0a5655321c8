"""Scenes of what is said to customers, played against a whole engine with counterparts for mailboxes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.support.serving import serving
from tests.support.voiced import voiced
from unisono.demo.findings import Findings
from unisono.demo.scenes import run_scene, scene_keys
from unisono.demo.voice.checking import check_said, check_taken
from unisono.kit.database import Pool
from unisono.kit.settings import Settings

VOICE = ("second-message", "help-not-sell", "quiet-night", "absence")


@pytest.mark.slow
async def test_the_scenes_of_the_voice_hold_twice(dsn: str, pool: Pool, tmp_path: Path) -> None:
    """Every check holds on an empty database and on what was left; the mailboxes are what the ledger says."""
    findings = Findings()
    async with voiced(dsn, pool, tmp_path) as (web, server):
        for name in VOICE * 2:
            out = io.StringIO()
            async with scene_keys(pool) as keys:
                result = await run_scene(name, web.url, keys, out)
            assert result.failure is None, out.getvalue()
            assert result.checks >= 15
        await check_taken(findings, pool, server.book)
        await check_said(findings, pool, Settings(), patience=20)
    assert findings.failed == 0
    policies = await pool.fetch("select policy from contact_policy order by version")
    assert policies[-1]["policy"] == policies[1]["policy"], "the policy is as it was"


@pytest.mark.parametrize("name", VOICE)
async def test_a_scene_without_counterparts_says_how_to_start_them(dsn: str, pool: Pool, name: str) -> None:
    """The first check that fails names the command."""
    out = io.StringIO()
    with serving(dsn, env={"UNISONO_TEST_PAYMENTS": "true"}) as [web]:
        async with scene_keys(pool) as keys:
            result = await run_scene(name, web.url, keys, out)
    assert result.failure is not None
    assert "unisono demo counterparts" in result.failure
