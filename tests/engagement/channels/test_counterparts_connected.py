"""The demo's accounts: one a channel, on the counterparts, made once, and every connection works."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import httpx
import pytest

from tests.support.channels import HOOK_URL, NOW, outgoing
from tests.support.secret import TEST_KEY, TEST_SECRET
from unisono.demo.counterparts.connecting import connect, drafts
from unisono.demo.counterparts.google import Fcm
from unisono.demo.counterparts.process import Where, counterparts
from unisono.engagement.channels import accounts
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.database import Pool, transaction
from unisono.kit.http import Http


async def test_every_channel_of_the_demo_is_connected_once(pool: Pool) -> None:
    """Made, tried, brought up to date on new ports; the operator's own account is left alone."""
    fcm = Fcm()
    async with counterparts(fcm=fcm) as (where, _), transaction(pool) as conn:
        served = await connect(conn, TEST_SECRET, drafts(where, fcm), now=NOW)
        made = await accounts.accounts(conn, TEST_SECRET, base_url="http://127.0.0.1:8400")
        assert sorted(served) == sorted(one.channel for one in made)
        assert {"email", "sms", "whatsapp", "web_push", "app_push", "onsite", "mail", "call"} <= set(served)
        http = Http(private=True)
        for account in made:
            tried = await adapter_of(account.kind).probe(account, http)
            assert tried.outcome == "accepted", (account.kind, tried)
        await http.close()
        moved = type(where)(smtp=where.smtp + 1, http=where.http)
        assert await connect(conn, TEST_SECRET, drafts(moved, fcm), now=NOW) == served
        [mail] = await accounts.accounts(conn, TEST_SECRET, channels=["email"])
        assert mail.settings["port"] == where.smtp + 1
        own = accounts.Draft(
            code="own", kind="smtp", channel="email", name="Own", settings={**mail.settings, "security": "starttls"}
        )
        await accounts.create(conn, TEST_SECRET, own, private=True, actor="test", now=NOW)
        assert "email" not in await connect(conn, TEST_SECRET, drafts(where, fcm), now=NOW)


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_a_process_of_its_own_counts_what_it_takes(channel: str) -> None:
    """What benches and kill tests use: ports on its first line, the count over HTTP, failures as told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "unisono.demo.counterparts.process",
        "--count-only",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "UNISONO_SECRET_KEY": TEST_KEY},
    )
    try:
        assert process.stdout is not None
        where = json.loads(await process.stdout.readline())
        base = f"http://127.0.0.1:{where['http']}"
        provider = "smtp" if channel == "email" else "twilio"
        draft = next(one for one in drafts(Where(**where), Fcm()) if one.channel == channel)
        account = accounts.Account(
            id=1,
            code="c",
            kind=draft.kind,
            channel=channel,
            settings=draft.settings,
            hook_url=HOOK_URL,
            secrets=accounts.Secrets(draft.secrets),
        )
        http = Http(private=True)
        sender = await adapter_of(draft.kind).open(account, http)
        async with httpx.AsyncClient(base_url=base) as client:
            message = outgoing(1, channel=channel)
            assert (await sender.send(None, message)).outcome == "accepted"
            assert (await sender.send(None, message)).outcome == "accepted"
            assert (await sender.send(None, outgoing(2, channel=channel))).outcome == "accepted"
            counts = (await client.get("/_/counts")).json()
            assert counts[provider] == {"messages": 3, "different": 2, "most": 2}
            often = (await client.get("/_/often", params={"provider": provider})).json()
            assert often[message.reference] == 2
            mode = {"provider": provider, "cut": "after", "times": 1}
            await client.post("/_/modes", json=[mode])
            assert (await sender.send(None, outgoing(3, channel=channel))).outcome == "unknown"
            await client.post("/_/forget")
            assert (await client.get("/_/counts")).json() == {}
        await sender.close()
        await http.close()
    finally:
        process.kill()
        await process.wait()
