"""The embedded server: real processes, really killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.postgres import base_folder
from tests.support.processes import owner
from tests.support.server_owner import query
from unisono.kit.embedded import Server, ensure_server
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.postmaster import processes_of
from unisono.kit.embedded.processes import start_time


@pytest.fixture
def base() -> Iterator[Path]:
    with base_folder() as folder:
        yield folder


@pytest.fixture
def data_dir(base: Path) -> Path:
    return base / "data"


def eventually(truth: Callable[[], Any], seconds: float = 10.0) -> bool:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def answered(server: Server | str, statement: str) -> str | None:
    """The answer, or None when the server cannot be reached just now."""
    try:
        return query(server if isinstance(server, str) else server.dsn, statement)
    except subprocess.CalledProcessError:
        return None


async def test_a_fresh_folder_gives_a_server_asyncpg_can_use(data_dir: Path) -> None:
    """One call makes the cluster and a server with the settings a company's data needs, inside an event loop."""
    with ensure_server(data_dir) as server:
        connection = await asyncpg.connect(server.dsn)
        try:
            shown = {
                name: await connection.fetchval(f"SHOW {name}")
                for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_level", "data_checksums")
            }
            assert shown.pop("wal_level") == "replica"
            assert set(shown.values()) == {"on"}
            assert await connection.fetchval("SHOW listen_addresses") == ""
            assert await connection.fetchval("SHOW server_encoding") == "UTF8"
            assert await connection.fetchval("SHOW timezone") == "UTC"
            assert await connection.fetchval("SELECT lower('CITTÀ È')") == "città è"
            assert await connection.fetchval("SELECT current_database()") == "unisono"
        finally:
            await connection.close()
        assert server.owned
        assert server.alive()
        assert server.poll() is None
        pid = server.pid
    assert start_time(pid) is None
    assert server.poll() == 0


def test_a_second_start_keeps_the_data_and_is_quick(data_dir: Path) -> None:
    """A stopped server comes back with what was committed, within two seconds on a loaded machine."""
    with ensure_server(data_dir) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
    began = time.monotonic()
    with ensure_server(data_dir) as server:
        took = time.monotonic() - began
        assert query(server.dsn, "SELECT n FROM kept") == "7"
    assert took < 2.0


def test_a_wrong_password_is_refused(data_dir: Path) -> None:
    """The socket alone opens nothing: connections are authenticated by password (SCRAM)."""
    with ensure_server(data_dir) as server:
        password = (data_dir / "postgres.password").read_text().strip()
        wrong = server.dsn.replace(password, "wrong")
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(_connect(wrong))


async def _connect(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.close()


def test_secrets_are_private(data_dir: Path) -> None:
    """Password and data are readable by their owner alone, and the logs hold no statements."""
    with ensure_server(data_dir) as server:
        assert answered(server, "SELECT 'anna@example.org'::int") is None
        for path in (data_dir / "postgres.password", data_dir / "postgres.state", data_dir / "postgres.lock"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        for path in (data_dir / "postgres", data_dir / "log", Layout.of(data_dir).socket_dir):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
        query(server.dsn, "CREATE TABLE person (email text PRIMARY KEY)")
        query(server.dsn, "INSERT INTO person VALUES ('berta@example.org')")
        assert answered(server, "INSERT INTO person VALUES ('berta@example.org')") is None
    logs = "".join(path.read_text() for path in (data_dir / "log").iterdir())
    assert "duplicate key" in logs
    assert "berta@example.org" not in logs


def test_another_process_attaches(data_dir: Path) -> None:
    """A second process finds the running server, uses it, and leaves it running when it ends."""
    with ensure_server(data_dir) as server, owner(data_dir) as other:
        assert other.said["pid"] == server.pid
        assert other.said["owned"] is False
        assert other.ask("SELECT 1 + 1") == "2"
        other.finish()
        assert query(server.dsn, "SELECT 1") == "1"


def test_two_processes_at_once_make_one_server(data_dir: Path) -> None:
    """Of two processes that start together on an empty folder one starts the server, the other attaches."""
    with owner(data_dir, wait=False) as one, owner(data_dir, wait=False) as two:
        said = [one.read(), two.read()]
        assert sorted(words["owned"] for words in said) == [False, True]
        assert said[0]["pid"] == said[1]["pid"]
        assert one.ask("SELECT 1") == two.ask("SELECT 1") == "1"


def test_the_server_dies_with_its_owner_and_commits_survive(data_dir: Path) -> None:
    """kill -9 of the owner right after a commit: no process is left behind, and the commit is there afterwards."""
    layout = Layout.of(data_dir)
    with owner(data_dir) as first:
        first.ask("CREATE TABLE kept (n int)")
        for n in range(5):
            first.ask(f"INSERT INTO kept VALUES ({n})")
        first.kill()
    assert eventually(lambda: not processes_of(layout), seconds=5)
    with ensure_server(data_dir) as server:
        assert server.owned
        assert query(server.dsn, "SELECT count(*) FROM kept") == "5"


def test_the_next_owner_may_come_before_the_last_server_is_gone(data_dir: Path) -> None:
    """A new owner started in the very moment of the kill waits for the old server and then starts its own."""
    for n in range(3):
        with owner(data_dir) as this:
            this.ask(f"CREATE TABLE kept_{n} ()")
            this.kill()
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'kept%'") == "3"


def test_a_killed_server_is_started_again_by_its_owner(data_dir: Path) -> None:
    """kill -9 of the server itself: committed data is back within seconds, under the same address."""
    with ensure_server(data_dir) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
        attached = ensure_server(data_dir)
        first = server.pid
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: answered(server, "SELECT n FROM kept") == "7", seconds=15)
        assert server.alive()
        assert server.pid != first
        assert eventually(lambda: attached.pid == server.pid)
        assert not attached.owned
        # Once more, asked for by somebody who is not the owner.
        os.kill(server.pid, signal.SIGKILL)
        assert query(ensure_server(data_dir).dsn, "SELECT n FROM kept") == "7"
    assert eventually(lambda: not processes_of(Layout.of(data_dir)))


def test_a_removed_folder_is_not_started_again(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who deletes the data while the server runs has one line in the log, not one every few seconds."""
    with ensure_server(data_dir) as server:
        shutil.rmtree(data_dir)
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: "nothing to start again" in caplog.text)
        time.sleep(1.5)  # Longer than the pause before a second try.
    assert caplog.text.count("nothing to start again") == 1
    assert not any(record.exc_info for record in caplog.records)


def test_a_kill_while_the_cluster_is_made_leaves_nothing_half_made(data_dir: Path) -> None:
    """kill -9 in the middle of the first start, at several moments: the next start makes a whole cluster."""
    for after in (0.0, 0.1, 0.25):
        with owner(data_dir, wait=False) as this:
            assert eventually(lambda: any(data_dir.glob("postgres.new-*")) if data_dir.exists() else False)
            time.sleep(after)
            this.kill()
        if (data_dir / "postgres").exists():
            break
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT 1") == "1"
    assert not list(data_dir.glob("*.new*"))


def test_a_stale_note_with_reused_numbers_is_not_believed(data_dir: Path) -> None:
    """Leftover files that name a living process which is no server of ours do not stop a start, nor is it hurt."""
    ensure_server(data_dir).stop()
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        layout = Layout.of(data_dir)
        lines = [str(stranger.pid), str(layout.cluster), str(int(time.time())), "5432", "", "", "1 1", "ready"]
        layout.postmaster_file.write_text("\n".join(lines) + "\n")
        note = {"pid": stranger.pid, "mark": "boot:1", "owner_pid": stranger.pid, "owner_mark": "boot:1"}
        layout.state_file.write_text(str(note | {"socket_dir": "/nowhere", "version": "18"}).replace("'", '"'))
        with ensure_server(data_dir) as server:
            assert server.owned
            assert query(server.dsn, "SELECT 1") == "1"
        assert stranger.poll() is None
        stranger.kill()


def test_a_lost_password_file_is_made_again(data_dir: Path) -> None:
    """Without its password file the server starts with a new password; the data is untouched."""
    with ensure_server(data_dir) as server:
        before = server.dsn
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
    (data_dir / "postgres.password").unlink()
    with ensure_server(data_dir) as server:
        assert server.dsn != before
        assert query(server.dsn, "SELECT n FROM kept") == "7"


def test_a_long_path_gets_its_socket_elsewhere(base: Path) -> None:
    """Where the folder's path is longer than a socket's may be, the socket lies in a short private folder."""
    data_dir = base / ("long" * 20) / "città, punto 'vendita'"
    with ensure_server(data_dir) as server:
        socket_dir = Layout.of(data_dir).socket_dir
        assert socket_dir.parent != data_dir
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
        assert query(server.dsn, "SELECT 1") == "1"
        asyncio.run(_connect(server.dsn))
        with owner(data_dir) as other:
            assert other.said["owned"] is False
    socket_dir.rmdir()


def test_a_forked_child_does_not_stop_the_server(data_dir: Path) -> None:
    """A child process made by fork holds a copy of the object, not the server."""
    with ensure_server(data_dir) as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(1 if server.owned else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert query(server.dsn, "SELECT 1") == "1"


def test_own_settings_win_over_ours_but_durability_stays(data_dir: Path) -> None:
    """What an operator writes into postgresql.conf counts, except switching off fsync."""
    ensure_server(data_dir).stop()
    with (data_dir / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = '13MB'\nfsync = off\n")
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SHOW work_mem") == "13MB"
        assert query(server.dsn, "SHOW fsync") == "on"


def test_an_owner_that_ends_normally_stops_its_server(data_dir: Path) -> None:
    """At the end of the owning process nothing of the server is left, and it was shut down cleanly."""
    with owner(data_dir) as this:
        this.ask("CREATE TABLE kept ()")
        this.finish()
    assert not processes_of(Layout.of(data_dir))
    logs = "".join(path.read_text() for path in (data_dir / "log").glob("postgres-[1-7].log"))
    assert logs.rstrip().endswith("database system is shut down")


def test_owner_and_server_killed_at_once_lose_nothing(data_dir: Path) -> None:
    """kill -9 of everything, as a power cut does it: the next start recovers what was committed."""
    with owner(data_dir) as this:
        pid = this.said["pid"]
        this.ask("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        os.kill(pid, signal.SIGKILL)
        this.kill()
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT count(*) FROM kept") == "1000"


def test_the_server_outlives_the_thread_that_asked_for_it(data_dir: Path) -> None:
    """The kernel ends a child when the thread that made it ends; ours is made by one that stays."""
    made: list[Server] = []
    thread = threading.Thread(target=lambda: made.append(ensure_server(data_dir)))
    thread.start()
    thread.join()
    with made[0] as server:
        assert not eventually(lambda: not server.alive(), seconds=0.5)
        assert query(server.dsn, "SELECT 1") == "1"
        assert server.pid == ensure_server(data_dir).pid


def test_threads_of_one_process_share_one_server(data_dir: Path) -> None:
    """Four threads at once: one owns the server, the others attach to it."""
    with ThreadPoolExecutor(4) as threads:
        servers = list(threads.map(ensure_server, [data_dir] * 4))
    assert sorted(server.owned for server in servers) == [False, False, False, True]
    assert len({server.pid for server in servers}) == 1
    for server in servers:
        server.stop()
    assert not processes_of(Layout.of(data_dir))


def test_a_removed_folder_does_not_keep_the_owner_from_ending(data_dir: Path) -> None:
    """Somebody deletes the data folder under a running server: stop still works and leaves no process."""
    server = ensure_server(data_dir)
    layout = Layout.of(data_dir)
    shutil.rmtree(data_dir)
    server.stop()
    assert eventually(lambda: not processes_of(layout))


def test_the_watchdog_ends_what_it_watches_when_we_are_killed() -> None:
    """Where the kernel does not end a child with its parent, a pipe that closes does."""
    script = """
import signal, subprocess, sys
from unisono.kit.embedded.postmaster import start_watchdog
# Started in the background of a shell we are deaf to SIGINT, and children inherit it.
signal.signal(signal.SIGINT, signal.SIG_DFL)
child = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
watchdog = start_watchdog(child.pid)
print(child.pid, watchdog.pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child, watchdog = (int(word) for word in parent.stdout.readline().split())
        assert not eventually(lambda: start_time(child) is None, seconds=0.3)
        parent.kill()
    assert eventually(lambda: start_time(child) is None)
    assert eventually(lambda: start_time(watchdog) is None)
