"""Accounts, invitations, signing in and sessions, on the real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from unisono.access import accounts, audit, invitations, sessions
from unisono.access.passwords import WeakPassword
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest, Busy, Conflict, Forbidden, NotFound

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GOOD = "tazza-lampione-viola"


async def make_owner(pool: Pool, *, now: datetime = NOW) -> int:
    link = await invitations.first_run_link(pool, now=now)
    assert link is not None
    return await invitations.accept(
        pool, link.token, password=GOOD, now=now, name="Ada", email="Ada@Example.it", company="Rossi & figli"
    )


async def add(pool: Pool, email: str, role: str, stores: tuple[str, ...] = ()) -> int:
    async with transaction(pool) as conn:
        link = await invitations.invite(
            conn,
            email=email,
            name=email.partition("@")[0],
            role=role,
            store_ids=stores,
            actor="ada@example.it",
            now=NOW,
        )
    return await invitations.accept(pool, link.token, password=GOOD, now=NOW)


async def test_the_first_run_makes_one_owner_and_names_the_company(pool: Pool) -> None:
    owner = await make_owner(pool)
    account = await accounts.find_account(pool, owner)
    assert (account.role, account.email, account.has_password) == ("owner", "ada@example.it", True)
    assert await accounts.company(pool) == "Rossi & figli"
    assert await invitations.first_run_link(pool, now=NOW) is None


async def test_a_link_works_once_for_a_day_and_is_stored_hashed(pool: Pool) -> None:
    old = await invitations.first_run_link(pool, now=NOW)
    link = await invitations.first_run_link(pool, now=NOW)
    assert old is not None
    assert link is not None
    assert link.path == f"/console/first-run?token={link.token}"
    assert link.token.encode() not in await pool.fetchval("select hash from invitation")
    for token, now in ((old.token, NOW), (link.token, NOW + timedelta(hours=24)), ("guess", NOW)):
        with pytest.raises(invitations.LinkOver):
            await invitations.accept(pool, token, password=GOOD, now=now, name="Ada", email="ada@example.it")
    await invitations.accept(pool, link.token, password=GOOD, now=NOW, name="Ada", email="ada@example.it")
    with pytest.raises(invitations.LinkOver):
        await invitations.accept(pool, link.token, password=GOOD, now=NOW, name="Eve", email="eve@example.it")


async def test_of_many_who_use_a_link_at_once_one_succeeds(pool: Pool) -> None:
    link = await invitations.first_run_link(pool, now=NOW)
    assert link is not None
    outcomes = await asyncio.gather(
        *(
            invitations.accept(pool, link.token, password=GOOD, now=NOW, name="Ada", email=f"ada{i}@example.it")
            for i in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, invitations.LinkOver) for outcome in outcomes) == 4
    assert len(await accounts.list_accounts(pool)) == 1


async def test_a_weak_password_leaves_the_link_usable(pool: Pool) -> None:
    link = await invitations.first_run_link(pool, now=NOW)
    assert link is not None
    with pytest.raises(WeakPassword):
        await invitations.accept(pool, link.token, password="password1234", now=NOW, name="Ada", email="a@example.it")
    with pytest.raises(BadRequest):
        await invitations.accept(pool, link.token, password=GOOD, now=NOW, name="Ada", email="not an address")
    assert await invitations.accept(pool, link.token, password=GOOD, now=NOW, name="Ada", email="a@example.it")


async def test_an_invited_clerk_belongs_to_a_store(pool: Pool) -> None:
    await make_owner(pool)
    with pytest.raises(BadRequest, match="store"):
        await add(pool, "luca@example.it", "clerk")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("insert into account (email, name, role) values ('x@example.it', 'X', 'clerk')")
    clerk = await accounts.find_account(pool, await add(pool, "luca@example.it", "clerk", ("brera", " brera ", "")))
    assert clerk.store_ids == ("brera",)
    with pytest.raises(Conflict):
        await add(pool, "LUCA@example.it", "agent")


async def test_the_last_owner_can_neither_leave_nor_step_down(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        with pytest.raises(Conflict):
            await accounts.disable_account(conn, owner, actor="ada@example.it")
        with pytest.raises(Conflict):
            await accounts.change_role(conn, owner, role="analyst", actor="ada@example.it")


async def test_two_owners_who_disable_each_other_at_once_leave_one(pool: Pool) -> None:
    first = await make_owner(pool)
    second = await add(pool, "bice@example.it", "owner")

    async def disable(account_id: int) -> None:
        async with transaction(pool) as conn:
            await accounts.disable_account(conn, account_id, actor="x")

    outcomes = await asyncio.gather(disable(first), disable(second), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]


async def sign_in(
    pool: Pool, password: str, *, email: str = "ada@example.it", address: str = "10.0.0.1", now=NOW
) -> int:
    return await accounts.authenticate(pool, email=email, password=password, address=address, now=now)


async def test_credentials_open_an_account_and_wrong_ones_do_not_say_what_is_wrong(pool: Pool) -> None:
    owner = await make_owner(pool)
    assert await sign_in(pool, GOOD, email=" ADA@example.it ") == owner
    messages = set()
    for email, password in (("ada@example.it", "wrong"), ("nobody@example.it", GOOD), ("ada@example.it", "w" * 5000)):
        with pytest.raises(accounts.SignInRefused) as refused:
            await sign_in(pool, password, email=email)
        messages.add(str(refused.value))
    assert len(messages) == 1


async def test_neither_a_disabled_account_nor_a_waiting_invitation_signs_in(pool: Pool) -> None:
    await make_owner(pool)
    clerk = await add(pool, "luca@example.it", "clerk", ("brera",))
    async with transaction(pool) as conn:
        await accounts.disable_account(conn, clerk, actor="ada@example.it")
        await invitations.invite(conn, email="new@example.it", name="N", role="agent", actor="ada@example.it", now=NOW)
    for email in ("luca@example.it", "new@example.it"):
        with pytest.raises(accounts.SignInRefused):
            await sign_in(pool, GOOD, email=email)


async def test_failures_on_an_account_make_the_next_attempt_wait_longer_and_longer(pool: Pool) -> None:
    await make_owner(pool)
    now, waits = NOW, []
    for _ in range(18):
        with pytest.raises(accounts.SignInRefused):
            await sign_in(pool, "wrong", now=now, address="10.0.0.9")
        try:
            await sign_in(pool, "wrong", now=now, address="10.0.0.8")
        except Busy as busy:
            waits.append(busy.retry_after)
            now += timedelta(seconds=busy.retry_after or 0)
        except accounts.SignInRefused:
            pass
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == accounts.LIMITS["account"].longest
    with pytest.raises(Busy):
        await sign_in(pool, GOOD, now=now - timedelta(seconds=1), address="10.0.0.7")
    await sign_in(pool, GOOD, now=now, address="10.0.0.7")
    with pytest.raises(accounts.SignInRefused):
        await sign_in(pool, "wrong", now=now, address="10.0.0.7")


async def test_a_hundred_guesses_at_once_are_counted_before_they_are_tried(pool: Pool) -> None:
    """Nobody gets more free guesses by sending them together."""
    await make_owner(pool)
    outcomes = await asyncio.gather(
        *(sign_in(pool, f"guess {i}", address=f"10.0.1.{i}") for i in range(40)), return_exceptions=True
    )
    assert sum(isinstance(outcome, accounts.SignInRefused) for outcome in outcomes) == accounts.LIMITS["account"].free
    assert sum(isinstance(outcome, Busy) for outcome in outcomes) == 40 - accounts.LIMITS["account"].free


async def test_one_address_that_tries_many_accounts_has_to_wait(pool: Pool) -> None:
    free = accounts.LIMITS["address"].free
    for i in range(free):
        with pytest.raises(accounts.SignInRefused):
            await sign_in(pool, "wrong", email=f"someone{i}@example.it")
    with pytest.raises(Busy) as busy:
        await sign_in(pool, "wrong", email="another@example.it")
    assert busy.value.retry_after == 1


async def test_a_session_is_found_by_its_token_alone_and_stored_hashed(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        token = await sessions.open_session(conn, owner, now=NOW, user_agent="test")
    session = await sessions.find_session(pool, token, now=NOW)
    assert session is not None
    assert session.account.id == owner
    assert len(token) >= 43
    assert await sessions.find_session(pool, token[:-1], now=NOW) is None
    assert await pool.fetchval("select count(*) from session where hash = $1", token.encode()) == 0
    assert (await accounts.find_account(pool, owner)).last_seen_at == NOW


async def test_a_session_ends_after_eight_idle_hours_and_after_thirty_days_of_work(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        idle = await sessions.open_session(conn, owner, now=NOW)
        busy = await sessions.open_session(conn, owner, now=NOW)
    assert await sessions.find_session(pool, idle, now=NOW + sessions.IDLE) is None
    now = NOW
    while now < NOW + sessions.ABSOLUTE - timedelta(hours=7):
        now += timedelta(hours=7)
        assert await sessions.find_session(pool, busy, now=now) is not None
    assert await sessions.find_session(pool, busy, now=NOW + sessions.ABSOLUTE) is None


async def test_signing_out_ends_one_session_and_everywhere_ends_the_others(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        tokens = [await sessions.open_session(conn, owner, now=NOW) for _ in range(4)]
    first = await sessions.find_session(pool, tokens[0], now=NOW)
    here = await sessions.find_session(pool, tokens[3], now=NOW)
    assert first is not None
    await sessions.close_session(pool, first)
    assert await sessions.close_all(pool, owner, but=here) == 2
    alive = [await sessions.find_session(pool, token, now=NOW) is not None for token in tokens]
    assert alive == [False, False, False, True]


async def test_a_new_password_ends_the_sessions_of_the_old_one(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        token = await sessions.open_session(conn, owner, now=NOW)
        link = await invitations.reset_link(conn, owner, actor="ada@example.it", now=NOW)
    assert link.purpose == "reset"
    assert await sign_in(pool, GOOD) == owner
    await invitations.accept(pool, link.token, password="lampione-tazza-gialla", now=NOW)
    assert await sessions.find_session(pool, token, now=NOW) is None
    with pytest.raises(accounts.SignInRefused):
        await sign_in(pool, GOOD)
    assert await sign_in(pool, "lampione-tazza-gialla") == owner


async def test_disabling_an_account_ends_its_sessions_and_its_links(pool: Pool) -> None:
    await make_owner(pool)
    agent = await add(pool, "pia@example.it", "agent")
    async with transaction(pool) as conn:
        token = await sessions.open_session(conn, agent, now=NOW)
        link = await invitations.reset_link(conn, agent, actor="ada@example.it", now=NOW)
        await accounts.disable_account(conn, agent, actor="ada@example.it")
    assert await sessions.find_session(pool, token, now=NOW) is None
    with pytest.raises(invitations.LinkOver):
        await invitations.accept(pool, link.token, password=GOOD, now=NOW)
    async with transaction(pool) as conn:
        with pytest.raises(NotFound):
            await invitations.reset_link(conn, agent, actor="ada@example.it", now=NOW)
        await accounts.enable_account(conn, agent, actor="ada@example.it")
    assert await sign_in(pool, GOOD, email="pia@example.it") == agent


async def test_a_form_without_the_sessions_csrf_token_is_refused(pool: Pool) -> None:
    owner = await make_owner(pool)
    async with transaction(pool) as conn:
        token = await sessions.open_session(conn, owner, now=NOW)
    session = await sessions.find_session(pool, token, now=NOW)
    assert session is not None
    sessions.check_csrf(session, session.csrf)
    for wrong in (None, "", session.csrf[:-1], "è", token):
        with pytest.raises(Forbidden):
            sessions.check_csrf(session, wrong)


async def test_the_audit_tells_who_did_what_newest_first_and_narrows(pool: Pool) -> None:
    await make_owner(pool)
    await add(pool, "pia@example.it", "agent")
    await audit.record(pool, actor="pia@example.it", action="person.read", person_id=7, detail={"screen": "person"})
    await audit.record(pool, actor="pia@example.it", action="person.read", person_id=9)
    everything = await audit.entries(pool)
    assert [entry.action for entry in everything][:2] == ["person.read", "person.read"]
    assert {"account.first_run", "account.create", "account.password_set"} <= {entry.action for entry in everything}
    about = await audit.entries(pool, person_ids=[7, 8])
    assert [(entry.person_id, entry.detail) for entry in about] == [(7, {"screen": "person"})]
    assert len(await audit.entries(pool, actor="pia@example.it", before=everything[0].id, limit=1)) == 1
