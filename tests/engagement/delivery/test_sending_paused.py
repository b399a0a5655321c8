"""RULES R11: a restored backup or a cloned installation begins with sending paused, until a person says otherwise."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tests.support.posting import Office
from unisono.cli import sending as command
from unisono.engagement.delivery import sending
from unisono.kit.database import transaction
from unisono.kit.errors import Conflict
from unisono.kit.settings import Settings


async def recognise(post: Office, settings: Settings | None = None) -> sending.Sending:
    """What a worker does when it starts."""
    async with transaction(post.pool) as conn:
        return await sending.recognise(conn, settings or post.settings, now=post.now)


async def resume(post: Office, settings: Settings | None = None) -> sending.Sending:
    async with transaction(post.pool) as conn:
        return await sending.resume(conn, settings or post.settings, actor="test", now=post.now)


async def test_the_first_start_makes_this_the_installation_that_sends(post: Office) -> None:
    """Nobody has to say so; the next start finds itself."""
    first = await recognise(post)
    assert (first.paused, first.fingerprint is not None) == (False, True)
    assert await recognise(post) == first


async def test_a_clone_begins_paused_and_sends_nothing_until_somebody_resumes(post: Office) -> None:
    """The ledger's fingerprint is another one's: as in a copy of the data on another machine."""
    await recognise(post)
    await post.pool.execute("update sending set fingerprint = 'of another machine'")
    nodes = await post.people(2)
    ids = await post.plan(nodes)
    await post.drain()
    found = await recognise(post)
    assert (found.paused, found.reason, post.sink.mails) == (True, sending.COPY, [])
    await resume(post)
    await post.drain()
    assert post.sink.count == dict.fromkeys(ids, 1)
    assert (await recognise(post)).paused is False


async def test_another_database_of_the_same_cluster_is_another_installation(post: Office, server_dsn: str) -> None:
    """As a backup restored beside the original."""
    mine = await recognise(post)
    conn = await asyncpg.connect(server_dsn)
    other = await sending.fingerprint(conn, post.settings)
    await conn.close()
    assert other != mine.fingerprint


async def test_a_backup_put_in_the_place_of_the_database_is_noticed(post: Office) -> None:
    """The same machine, cluster and name, but behind what was handed over: the mark beside the database tells."""
    await post.people(1)
    mine = await recognise(post)
    assert mine.fingerprint is not None
    async with transaction(post.pool) as conn:
        await sending.write_mark(conn, post.settings, mine.fingerprint)
        assert not await sending.is_older(conn, post.settings, mine.fingerprint)
    [mark] = post.settings.data_dir.glob(f"{sending.MARK}-*")
    mark.write_text(str(int(mark.read_text()) + 1_000_000))
    assert (await recognise(post)).reason == sending.COPY
    await resume(post)
    assert not (await recognise(post)).paused


async def test_a_worker_marks_how_far_it_has_handed_over(post: Office) -> None:
    """Only when it did."""
    await post.drain()
    assert list(post.settings.data_dir.glob(f"{sending.MARK}-*")) == []
    await post.plan(await post.people(1))
    worker = post.dispatcher()
    await worker.drain()
    await worker._renew(force=True)
    assert len(list(post.settings.data_dir.glob(f"{sending.MARK}-*"))) == 1


async def test_a_folder_that_cannot_be_written_costs_the_mark_alone(post: Office) -> None:
    """Sending goes on."""
    nowhere = replace(post.settings, data_dir=Path("/proc/nowhere"))
    found = await recognise(post, nowhere)
    assert found.fingerprint is not None
    async with transaction(post.pool) as conn:
        await sending.write_mark(conn, nowhere, found.fingerprint)
        assert not await sending.is_older(conn, nowhere, found.fingerprint)


async def test_pausing_and_resuming_stand_in_the_audit(post: Office) -> None:
    """Who, and why."""
    async with transaction(post.pool) as conn:
        await sending.pause(conn, reason="wrong prices", actor="anna", now=post.now)
    await resume(post)
    rows = await post.pool.fetch("select actor, action from audit_entry where action like 'sending.%' order by id")
    assert [tuple(row) for row in rows] == [("anna", "sending.paused"), ("test", "sending.resumed")]


def run(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    return command.run(parser.parse_args(["sending", *words]), settings)


def test_the_command_line_says_and_sets_whether_messages_leave(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 while they do not."""
    settings = Settings(database_url=dsn, data_dir=tmp_path)
    assert run(settings, "status") == 0
    assert run(settings, "pause", "--reason", "wrong prices") == 0
    capsys.readouterr()
    assert run(settings, "status") == 1
    assert "wrong prices" in capsys.readouterr().out
    assert run(settings, "resume") == 0
    assert run(settings, "status") == 0


def test_the_command_line_shows_and_settles_what_is_unknown(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its number, with a reason; what is known already is refused."""
    settings = Settings(database_url=dsn, data_dir=tmp_path)

    async def lose() -> int:
        conn = await asyncpg.connect(dsn)
        number: int = await conn.fetchval(
            """insert into message (key, node_id, origin, purpose, channels, due_at, try_at, state, reason, created_by,
                                    channel, account_id, handed_over_at, settled_at)
               values ('invoice-1', 1, 'api', 'service', '{email}', now(), now(), 'unknown', 'unknown', 't', 'email', 1,
                       now(), now()) returning id"""
        )
        await conn.close()
        return number

    number = str(asyncio.run(lose()))
    assert run(settings, "unknown") == 0
    shown = capsys.readouterr().out
    assert number in shown and "invoice-1" in shown and "1 message of" in shown
    assert run(settings, "settle", number, "lost", "--reason", "not in their log") == 0
    assert "refused" in capsys.readouterr().out
    with pytest.raises(Conflict):
        run(settings, "settle", number, "lost", "--reason", "not in their log")
    assert run(settings, "unknown") == 0
    assert "0 messages" in capsys.readouterr().out
