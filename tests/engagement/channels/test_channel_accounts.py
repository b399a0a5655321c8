"""Accounts with providers: stored, sealed, changed, tried; over the API and below it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.channels import NOW, SENDER
from tests.support.secret import TEST_KEY, TEST_SECRET
from tests.support.shop import Shop, open_shop
from unisono.access.keys import create_source
from unisono.demo.counterparts.model import ACCOUNT, TOKEN
from unisono.demo.counterparts.process import counterparts
from unisono.engagement.channels import accounts
from unisono.engagement.channels.accounts import AccountExists, AccountNotFound, Draft
from unisono.engagement.channels.model import AccountInvalid, AddressInvalid, Secrets, WarmUp
from unisono.engagement.channels.registry import ADAPTERS, adapter_of
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest
from unisono.kit.secret import Secret

SETTINGS = {"host": "mail.shop.example", "sender": SENDER, "user": "it"}


def draft(code: str = "mail", **more: Any) -> Draft:
    """An e-mail account."""
    fields: dict[str, Any] = {
        "code": code,
        "kind": "smtp",
        "channel": "email",
        "name": "Mail",
        "settings": SETTINGS,
        "secrets": {"password": TOKEN},
    }
    return Draft(**fields | more)


async def made(pool: Pool, one: Draft, **more: Any) -> Any:
    """It, stored."""
    async with transaction(pool) as conn:
        return await accounts.create(conn, TEST_SECRET, one, private=False, actor="test", now=NOW, **more)


async def test_an_account_comes_back_as_it_was_made(pool: Pool) -> None:
    """Settings, secrets, rate, warm-up, cost; the address its provider calls."""
    plan = WarmUp(date(2026, 11, 22), first_day=50, growth=2.0, full=10_000)
    await made(pool, draft(per_second=50, warm_up=plan, cost_minor=2, currency="EUR", rank=3))
    async with transaction(pool) as conn:
        found = await accounts.account(conn, TEST_SECRET, "mail", base_url="https://crm.shop.example/")
    assert (found.settings, found.secret("password"), found.per_second) == (SETTINGS, TOKEN, 50)
    assert (found.warm_up, found.cost_minor, found.currency, found.rank) == (plan, 2, "EUR", 3)
    assert found.hook_url == "https://crm.shop.example/hooks/mail"


async def test_a_wrong_key_loses_no_secrets(pool: Pool) -> None:
    """Who pauses an account while the installation's key is not the right one has its password afterwards."""
    await made(pool, draft())
    async with transaction(pool) as conn:
        paused = await accounts.change(conn, Secret(bytes(32)), "mail", {"status": "paused"}, private=False, now=NOW)
        assert (paused.status, paused.sealed) == ("paused", True)
        found = await accounts.account(conn, TEST_SECRET, "mail")
        assert (found.status, found.secret("password")) == ("paused", TOKEN)


async def test_secrets_are_sealed_and_bound_to_their_account(pool: Pool) -> None:
    """Neither the table nor a log shows them; another key, or another account's row, does not open them, which is
    told of the account and stops no other."""
    account = await made(pool, draft())
    await made(pool, draft("other"))
    async with transaction(pool) as conn:
        raw = await conn.fetchval("select secrets from channel_account where code = 'mail'")
        assert TOKEN.encode() not in raw
        assert TOKEN not in await conn.fetchval("select channel_account::text from channel_account where code = 'mail'")
        assert TOKEN not in repr(account)
        assert repr(account.secrets) == "Secrets(password)"
        lost = await accounts.account(conn, Secret(bytes(32)), "mail")
        assert (lost.sealed, lost.secrets, lost.settings) == (True, {}, SETTINGS)
        with pytest.raises(AccountInvalid, match="cannot be opened"):
            lost.secret("password")
        await conn.execute("update channel_account set secrets = $1 where code = 'other'", raw)
        found = await accounts.accounts(conn, TEST_SECRET)
        assert [(one.code, one.sealed) for one in found] == [("mail", False), ("other", True)]


async def test_a_change_leaves_the_rest_and_starts_afresh(pool: Pool) -> None:
    """Secrets one by one, settings whole; the circuit is closed again."""
    account = await made(pool, draft(cost_minor=4, currency="EUR"))
    async with transaction(pool) as conn:
        await accounts.failed(conn, account.id, "535\x00 no", closed_until=NOW + timedelta(hours=1))
        await accounts.failed(conn, account.id, "535 no", closed_until=NOW + timedelta(hours=1))
        broken = await accounts.account(conn, TEST_SECRET, "mail")
        assert (broken.failures, broken.last_error, broken.closed_until) == (2, "535 no", NOW + timedelta(hours=1))
        changed = await accounts.change(
            conn, TEST_SECRET, "mail", {"secrets": {"hook_key": "k"}, "rank": 1}, private=False, now=NOW
        )
        assert changed.secrets == {"password": TOKEN, "hook_key": "k"}
        assert (changed.rank, changed.cost_minor, changed.settings) == (1, 4, SETTINGS)
        assert (changed.failures, changed.last_error, changed.closed_until) == (0, None, None)
        changed = await accounts.change(
            conn, TEST_SECRET, "mail", {"secrets": {"password": None}}, private=False, now=NOW
        )
        assert changed.secrets == {"hook_key": "k"}


async def test_the_active_account_of_the_lowest_rank_is_used(pool: Pool) -> None:
    """Paused and disabled ones wait behind."""
    await made(pool, draft("a", rank=1, status="paused"))
    await made(pool, draft("b", rank=2))
    await made(pool, draft("c", rank=3))
    async with transaction(pool) as conn:
        found = await accounts.account_for(conn, TEST_SECRET, "email")
        assert found is not None
        assert found.code == "b"
        assert await accounts.account_for(conn, TEST_SECRET, "sms") is None
        assert not await accounts.succeeded(conn, found.id)
        await accounts.failed(conn, found.id, "x", closed_until=None)
        assert await accounts.succeeded(conn, found.id)


WRONG: list[dict[str, Any]] = [
    {"code": "A b"},
    {"code": "kinds"},
    {"code": ""},
    {"kind": "pigeon"},
    {"channel": "sms"},
    {"name": " \x00 "},
    {"rank": -1},
    {"per_second": 0.0},
    {"per_second": float("nan")},
    {"per_second": float("inf")},
    {"cost_minor": -1},
    {"currency": "EURO"},
    {"secrets": {"pin": "1"}},
    {"secrets": {"password": "a\x00b"}},
    {"secrets": {"password": "\ud800"}},
    {"settings": {"host": "x" * 30_000, "sender": SENDER}},
    {"settings": {**SETTINGS, "security": "none"}},
    {"settings": {}},
    {"warm_up": WarmUp(date(2026, 1, 1), first_day=0)},
    {"warm_up": WarmUp(date(2026, 1, 1), growth=1.0)},
]


async def test_what_cannot_work_is_not_stored(pool: Pool) -> None:
    """Each with a clear error; the table stays empty."""
    for wrong in WRONG:
        with pytest.raises((AccountInvalid, AddressInvalid, BadRequest)):
            await made(pool, draft(**wrong))
            pytest.fail(f"{ascii(wrong)[:80]} was stored")
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from channel_account") == 0


async def test_a_code_is_taken_once_and_an_unknown_one_is_not_found(pool: Pool) -> None:
    """Conflict, and not found."""
    await made(pool, draft())
    with pytest.raises(AccountExists):
        await made(pool, draft())
    async with transaction(pool) as conn:
        for code in ("nobody", "", "\x00", "x" * 500):
            with pytest.raises(AccountNotFound):
                await accounts.account(conn, TEST_SECRET, code)


def test_a_young_sender_grows_day_by_day() -> None:
    """Nothing before it begins, more each day, no limit once warm; a plan of a hundred years answers at once."""
    plan = WarmUp(date(2026, 11, 1), first_day=100, growth=2.0, full=1000)
    days = [plan.allowance(date(2026, 11, 1) + timedelta(days=offset)) for offset in range(-1, 6)]
    assert days == [0, 100, 200, 400, 800, None, None]
    assert WarmUp(date(1926, 1, 1), growth=1.05, full=10**8).allowance(date(2026, 1, 1)) is None


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_every_kind_describes_itself(kind: str) -> None:
    """A title, a channel, settings with a schema, and no settings that nobody knows."""
    adapter = adapter_of(kind)
    assert adapter.kind == kind
    assert adapter.title
    assert adapter.channels
    assert adapter.Settings.__struct_config__.forbid_unknown_fields
    assert msgspec.json.schema(adapter.Settings)


def test_secrets_are_never_printed() -> None:
    """Whoever logs an account logs names."""
    assert "s3cret" not in f"{Secrets(a='s3cret')!r} {Secrets(a='s3cret')}"


# Over the API ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """A shop that may name servers of this network."""
    env = {
        "UNISONO_PROVIDER_PRIVATE_ADDRESSES": "1",
        "UNISONO_PUBLIC_URL": "https://crm.shop.example",
        "UNISONO_SECRET_KEY": TEST_KEY,
    }
    async with open_shop(server_dsn, env=env) as opened:
        yield opened


@pytest.fixture(scope="module")
async def manager(shop: Shop) -> dict[str, str]:
    """A key that may manage channels."""
    scopes = frozenset({"channels:manage"})
    source = await create_source(shop.conn, name="ops", kind="server", actor="test", scopes=scopes)
    return {"authorization": f"Bearer {source.key}"}


async def test_an_account_over_the_api(shop: Shop, manager: dict[str, str]) -> None:
    """Made, listed, changed, tried; its secrets never leave, and all of it is in the audit."""
    async with counterparts() as (where, server):
        settings = {"host": "127.0.0.1", "port": where.smtp, "security": "none", "sender": SENDER}
        body = {"code": "post", "kind": "smtp", "channel": "email", "name": "Post", "settings": settings}
        answer = await shop.client.post("/api/channels", json=body | {"secrets": {"hook_key": "k3y"}}, headers=manager)
        assert answer.status_code == 201, answer.text
        assert answer.json()["secrets"] == ["hook_key"]
        assert answer.json()["hook_url"] == "https://crm.shop.example/hooks/post"
        tried = (await shop.client.post("/api/channels/post/test", headers=manager)).json()
        assert tried["works"], tried
        text = {
            "code": "texts",
            "kind": "twilio_sms",
            "channel": "sms",
            "name": "Texts",
            "settings": {"account_sid": ACCOUNT, "sender": "+390212345678", "base_url": server.url("twilio")},
            "secrets": {"auth_token": "wrong"},
        }
        assert (await shop.client.post("/api/channels", json=text, headers=manager)).status_code == 201
        tried = (await shop.client.post("/api/channels/texts/test", headers=manager)).json()
        assert (tried["works"], tried["code"]) == (False, "20003")
        changed = await shop.client.patch(
            "/api/channels/texts", json={"secrets": {"auth_token": TOKEN}, "status": "paused"}, headers=manager
        )
        assert changed.json()["status"] == "paused"
        tried = (await shop.client.post("/api/channels/texts/test", headers=manager)).json()
        assert tried["works"], tried
    found = await shop.client.get("/api/channels", headers=manager)
    assert [one["code"] for one in found.json()] == ["post", "texts"]
    one = await shop.client.get("/api/channels/post", headers=manager)
    assert one.json()["told"] == []
    assert "k3y" not in found.text + one.text
    deeds = await shop.conn.fetch("select action from audit_entry where action like 'channel.%' order by id")
    assert [row["action"] for row in deeds] == ["channel.create", "channel.create", "channel.change"]


async def test_kinds_are_listed_with_what_they_ask(shop: Shop, manager: dict[str, str]) -> None:
    """A console can draw the form of each."""
    found = (await shop.client.get("/api/channels/kinds", headers=manager)).json()
    assert {one["kind"] for one in found} == set(ADAPTERS)
    [smtp] = [one for one in found if one["kind"] == "smtp"]
    assert smtp["secrets"] == ["password", "dkim_key", "hook_key"]
    assert smtp["capabilities"]["idempotent"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/channels/nobody", None, 404),
        ("PATCH", "/api/channels/nobody", {"rank": 1}, 404),
        ("POST", "/api/channels/nobody/test", None, 404),
        ("POST", "/api/channels", {"code": "x"}, 400),
        ("POST", "/api/channels", {"code": "x", "kind": "pigeon", "channel": "email", "name": "x"}, 400),
        ("POST", "/api/channels", b"[" * 5000, 400),
        ("PATCH", "/api/channels/post", {"code": "other"}, 400),
    ],
    ids=["read", "change", "try", "missing", "kind", "deep", "code"],
)
async def test_mistakes_are_told(
    shop: Shop, manager: dict[str, str], method: str, path: str, body: Any, status: int
) -> None:
    """With a code, and nothing changed."""
    more: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer: httpx.Response = await shop.client.request(method, path, headers=manager, **more)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"]


async def test_a_key_without_the_scope_is_refused(shop: Shop) -> None:
    """Reading people is not managing channels."""
    for method, path in (("GET", "/api/channels"), ("POST", "/api/channels/post/test")):
        answer = await shop.client.request(method, path, headers={"authorization": f"Bearer {shop.keys.reader}"})
        assert answer.status_code == 403
