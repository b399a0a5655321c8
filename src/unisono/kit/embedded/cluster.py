"""The cluster on disk: made once and whole, checked before every start, its settings written afresh."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from unisono.kit.embedded.account import Account
from unisono.kit.embedded.binaries import Binaries
from unisono.kit.embedded.errors import (
    DamagedCluster,
    FolderNotUsable,
    IncompatibleVersion,
    ServerStartFailed,
)
from unisono.kit.embedded.files import replace_private, sync_folder
from unisono.kit.embedded.layout import PORT, Layout
from unisono.kit.embedded.processes import run

SUPERUSER = "unisono"
DATABASE = "unisono"

CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
"""PostgreSQL and its programs read many PG* variables; what our caller has set must not steer them."""

_ESSENTIAL_FILES = ("PG_VERSION", "global/pg_control", "base", "pg_wal", "pg_hba.conf", "postgresql.conf")

_SETTINGS = """\
# Written by Unisono at every start. Your own settings go into postgresql.conf, below the include: they win.

# Sized for a shop's machine with two cores: few processes, little memory when idle.
max_connections = 60
shared_buffers = 128MB
work_mem = 8MB
maintenance_work_mem = 64MB
effective_cache_size = 1GB
max_worker_processes = 4
max_parallel_workers = 2
max_parallel_workers_per_gather = 1
io_method = sync
huge_pages = off
jit = off
random_page_cost = 1.1
dynamic_shared_memory_type = {shared_memory}

# A committed transaction is on disk.
synchronous_commit = on
full_page_writes = on
wal_level = replica
wal_compression = pglz
max_wal_size = 2GB
min_wal_size = 80MB
checkpoint_timeout = 15min
max_wal_senders = 3
max_replication_slots = 3

# Tables here are appended to and updated all day.
autovacuum_max_workers = 2
autovacuum_naptime = 30s
autovacuum_vacuum_scale_factor = 0.1
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05

# A client that died or forgot its transaction holds nothing for long.
client_connection_check_interval = 10s
idle_in_transaction_session_timeout = 30min

# Seven files, one a weekday. Statements and the values in error details may be personal data: not logged.
logging_collector = on
log_directory = '{log_dir}'
log_filename = 'postgres-%u.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
log_error_verbosity = terse
log_min_error_statement = panic
log_min_duration_statement = -1
log_parameter_max_length = 0
log_checkpoints = off

timezone = 'UTC'
datestyle = 'iso, ymd'
"""

_INCLUDE = """\
# Unisono's settings come first; what you write below them wins.
include = 'unisono.conf'
"""


def check_cluster(layout: Layout, binaries: Binaries) -> bool:
    """Whether there is a cluster these binaries can run; False when none was made yet.

    Raises IncompatibleVersion for another major version, DamagedCluster when essential files are missing.
    """
    cluster = layout.cluster
    if not cluster.exists() or not any(cluster.iterdir()):
        return False
    missing = [name for name in _ESSENTIAL_FILES if not (cluster / name).exists()]
    if missing:
        raise DamagedCluster(
            f"The database in {cluster} is not complete: {', '.join(missing)} missing.",
            hint="Restore the data folder from a backup. To begin with an empty database, move it away.",
        )
    written = (cluster / "PG_VERSION").read_text(errors="replace").strip()
    if not re.fullmatch(r"\d+", written):
        raise DamagedCluster(
            f"{cluster / 'PG_VERSION'} does not hold a version number.",
            hint="Restore the data folder from a backup.",
        )
    if int(written) > binaries.major:
        raise IncompatibleVersion(
            f"The database in {cluster} was made by PostgreSQL {written}, newer than the {binaries.major} "
            "this Unisono brings.",
            hint="Use the newer Unisono that made it, or set UNISONO_DATA_DIR to another folder. Nothing was changed.",
        )
    if int(written) < binaries.major:
        raise IncompatibleVersion(
            f"The database in {cluster} was made by PostgreSQL {written}, older than the {binaries.major} "
            "this Unisono brings, which cannot read it directly.",
            hint="Export it with the Unisono that made it (pg_dump), start this one with an empty "
            "UNISONO_DATA_DIR and restore it there. Nothing was changed.",
        )
    return True


def create_cluster(layout: Layout, binaries: Binaries, account: Account) -> None:
    """Make the cluster, with superuser and database, beside its place, then rename it: whole or not there.

    Raises ServerStartFailed with what initdb said.
    """
    staging = layout.data_dir / f"postgres.new-{os.getpid()}"
    # An initdb whose owner was killed may still be writing in the folder of an earlier attempt.
    for earlier in layout.data_dir.glob("postgres.new-*"):
        shutil.rmtree(earlier, ignore_errors=True)
    password = read_password(layout, account)
    password_copy = layout.data_dir / "postgres.password.initdb"
    replace_private(password_copy, password, account)
    command = [
        *(binaries.program("initdb"), "--pgdata", staging, "--username", SUPERUSER),
        *("--pwfile", password_copy, "--auth", "scram-sha-256"),
        *("--encoding", "UTF8", "--data-checksums", "--no-instructions"),
        # Case mapping for all of Unicode and order by bytes, the same on every machine.
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    ]
    try:
        done = run(command, user=account.ids, env=CLEAN_ENVIRONMENT, timeout=600)
    finally:
        password_copy.unlink(missing_ok=True)
    if done.returncode:
        raise ServerStartFailed(
            f"initdb failed: {(done.stderr or done.stdout).strip()[-600:]}",
            hint="Run `unisono doctor`; usual causes: a full disk, a user without a name in /etc/passwd.",
        )
    write_settings(layout, staging, account)
    conf = staging / "postgresql.conf"
    replace_private(conf, conf.read_text() + "\n" + _INCLUDE, account)
    single_user(binaries, account, staging, f"CREATE DATABASE {DATABASE}\n")
    if layout.cluster.exists():
        layout.cluster.rmdir()  # an empty folder left by somebody; check_cluster let only that pass
    staging.rename(layout.cluster)
    sync_folder(layout.data_dir)


def single_user(binaries: Binaries, account: Account, cluster: Path, statements: str) -> None:
    """Run statements, one a line, with no server: only for a cluster that nobody uses.

    Raises ServerStartFailed with what PostgreSQL said.
    """
    options = ["--single", "-D", cluster, "-c", "logging_collector=off"]
    command = [binaries.program("postgres"), *options, "postgres"]
    done = run(command, user=account.ids, env=CLEAN_ENVIRONMENT, feed=statements)
    if done.returncode or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
        raise ServerStartFailed(f"PostgreSQL could not prepare {cluster}: {done.stderr.strip()[-600:]}")


def write_settings(layout: Layout, cluster: Path, account: Account) -> None:
    """Write our settings into ``cluster``, atomically, so that a newer Unisono brings its own."""
    text = _SETTINGS.format(
        log_dir=str(layout.log_dir).replace("'", "''"), shared_memory="posix" if _roomy_shm() else "mmap"
    )
    target = cluster / "unisono.conf"
    if target.exists() and target.read_text() == text:
        return
    replace_private(target, text, account)


def restore_password(layout: Layout, binaries: Binaries, account: Account) -> None:
    """Give the superuser a new password if the file with the old one was lost; for a cluster nobody uses."""
    if layout.password_file.exists():
        return
    # Nothing in a token needs quoting. It is set before it is kept: a kill between the two only repeats this.
    password = secrets.token_urlsafe(32)
    single_user(binaries, account, layout.cluster, f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n")
    replace_private(layout.password_file, password, account)


def read_password(layout: Layout, account: Account) -> str:
    """The superuser's password, made at first use and kept in a file only its owner can read."""
    try:
        password = layout.password_file.read_text().strip()
    except FileNotFoundError:
        password = ""
    except PermissionError as error:
        raise FolderNotUsable(
            f"{layout.password_file} cannot be read by this user.",
            hint="Run Unisono as the owner of that file.",
        ) from error
    if password:
        return password
    password = secrets.token_urlsafe(32)
    replace_private(layout.password_file, password, account)
    return password


def dsn(password: str, socket_dir: Path) -> str:
    """The address asyncpg and libpq connect to."""
    query = urlencode({"host": str(socket_dir), "port": PORT}, safe="/", quote_via=quote)
    return f"postgresql://{SUPERUSER}:{quote(password, safe='')}@/{DATABASE}?{query}"


def _roomy_shm() -> bool:
    """Whether /dev/shm can hold parallel queries' memory; a container's usual 64 MB cannot."""
    with suppress(OSError):
        info = os.statvfs("/dev/shm")  # noqa: S108 - only its size is looked at
        return info.f_blocks * info.f_frsize >= 256 * 1024 * 1024
    return False
