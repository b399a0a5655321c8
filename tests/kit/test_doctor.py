"""The doctor finds what is wrong, says what to do, and touches nothing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.postgres import base_folder
from tests.support.processes import owner
from unisono.kit import doctor
from unisono.kit.doctor import Check, run_checks
from unisono.kit.embedded import Server, ensure_server


@pytest.fixture
def base() -> Iterator[Path]:
    with base_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with base_folder() as folder, ensure_server(folder / "data") as running:
        yield running


def wrong(checks: list[Check]) -> dict[str, Check]:
    """The checks that failed; each must say what to do, and the others must not."""
    assert all((check.what_to_do is None) is check.ok for check in checks)
    return {check.name: check for check in checks if not check.ok}


def execute(dsn: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


def test_a_sound_machine_passes_and_nothing_is_made(base: Path) -> None:
    """Before the first start all is well, and looking makes no folder."""
    checks = run_checks(base / "missing" / "data", None)
    assert wrong(checks) == {}
    assert {check.name for check in checks} >= {"Python", "PostgreSQL programs", "data folder", "disk space"}
    assert list(base.iterdir()) == []


async def test_a_running_server_passes(server: Server) -> None:
    """A running server is asked for version, permissions and clock, also from inside an event loop."""
    checks = {check.name: check for check in run_checks(server.data_dir, None)}
    assert wrong(list(checks.values())) == {}
    assert checks["database version"].detail == server.version
    assert server.alive()


def test_a_database_nobody_listens_at_is_reported(base: Path) -> None:
    """An address without a server is a failed check with the address in it, and without the password."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        found = wrong(run_checks(base, f"postgresql://anna:secret@127.0.0.1:{port}/shop"))
    assert f"127.0.0.1:{port}/shop cannot be reached" in found["database"].detail
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("secret", "invalid DSN"),
        ("postgresql://anna:secret@host.invalid/shop", "host name is unknown"),
        ("postgresql://anna:secret@host:secret/shop", "the database"),
    ],
)
def test_an_address_that_makes_no_sense_is_reported(base: Path, url: str, text: str) -> None:
    """A mistyped address is a failed check, not an exception."""
    assert text in wrong(run_checks(base, url))["database"].detail


def test_wrong_credentials_and_missing_rights_are_told_apart(server: Server) -> None:
    """A refused password, a missing database and a user without rights are three different findings."""
    execute(
        server.dsn,
        "CREATE ROLE reader LOGIN PASSWORD 'pw'",
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'",
    )
    reader = f"postgresql://reader:pw@/unisono?{server.dsn.partition('?')[2]}"
    try:
        refused = wrong(run_checks(server.data_dir, reader.replace(":pw@", ":no@")))
        assert "refuses" in refused["database"].detail
        missing = wrong(run_checks(server.data_dir, server.dsn.replace("/unisono?", "/missing?")))
        assert 'database "missing" does not exist' in missing["database"].detail
        rights = wrong(run_checks(server.data_dir, reader))
        assert rights["database permissions"].what_to_do == "ALTER DATABASE unisono OWNER TO reader"
        latin = wrong(run_checks(server.data_dir, server.dsn.replace("/unisono?", "/latin?")))
        assert latin["database kind"].detail == "encoding LATIN1"
    finally:
        execute(server.dsn, "DROP DATABASE latin", "DROP ROLE reader")


def test_a_full_disk_and_little_memory_are_reported(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little disk or memory is a finding with the amount that is needed."""
    monkeypatch.setattr(doctor, "NEEDED_DISK", 10**18)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY", 10**18)
    assert set(wrong(run_checks(base / "data", None))) == {"disk space", "memory"}


def test_a_folder_that_cannot_be_used_is_reported(base: Path) -> None:
    """A barrier on the way to the data folder, and a file in its place, are named."""
    private = base / "private"
    private.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    assert str(private) in wrong(run_checks(private / "data", None))["data folder"].detail
    (base / "file").write_text("")
    assert "is not a folder" in wrong(run_checks(base / "file", None))["data folder"].detail


def test_data_of_another_version_is_reported(base: Path) -> None:
    """Data of a newer PostgreSQL is found before a start is tried."""
    ensure_server(base / "data").stop()
    (base / "data" / "postgres" / "PG_VERSION").write_text("99\n")
    assert "PostgreSQL 99, newer" in wrong(run_checks(base / "data", None))["data folder"].detail


def test_a_stopped_owner_is_found(base: Path) -> None:
    """A server killed with its owner is no finding: the next start recovers it; the text says so."""
    with owner(base / "data") as this:
        pid = this.said["pid"]
        os.kill(pid, 9)
        this.kill()
    subprocess.run(["/bin/sleep", "1"], check=True)
    checks = {check.name: check for check in run_checks(base / "data", None)}
    assert wrong(list(checks.values())) == {}
    assert checks["earlier servers"].detail.startswith("the last server was killed")


def test_a_server_without_its_owner_is_found(base: Path) -> None:
    """A server that runs although the process that started it is gone is a finding with its numbers."""
    with ensure_server(base / "data") as running:
        note = base / "data" / "postgres.state"
        words = json.loads(note.read_text())
        note.write_text(json.dumps(words | {"owner_mark": "boot:1"}))
        found = wrong(run_checks(base / "data", None))
        assert str(running.pid) in found["earlier servers"].detail


def test_a_server_that_is_away_while_its_owner_lives_is_found(base: Path) -> None:
    """A dead server whose owner lives is a finding that names the owner."""
    with ensure_server(base / "data") as running:
        note = base / "data" / "postgres.state"
        words = json.loads(note.read_text())
        note.write_text(json.dumps(words | {"mark": "boot:1"}))
        found = wrong(run_checks(base / "data", None))
        assert f"process {os.getpid()} owns the server" in found["database"].detail
        assert running.alive()
