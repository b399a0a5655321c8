"""A real PostgreSQL for tests: embedded in a temporary folder, or the one of UNISONO_TEST_DATABASE_URL."""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import asyncpg

from unisono.kit.embedded import Server, ensure_server

PREFIX = "unisono-test-"
YOUNG = 60
"""Seconds in which a folder may have an owner who did not lock it yet."""

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes: a run takes up to half a gigabyte for each of its processes."""

CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_compression": "off",
    "checkpoint_flush_after": "0",
    "max_wal_size": "256MB",
}
"""For a server that lives as long as the tests. What is committed is still written to the kernel before it is said."""


class GivenServer:
    """A PostgreSQL that somebody else runs; the tests only connect to it."""

    owned = False
    pid = -1
    version = "given"

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def alive(self) -> bool:
        return True

    def poll(self) -> int | None:
        return None

    def stop(self) -> None:
        """Nothing: it is not ours."""

    def __enter__(self) -> GivenServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def roomy_memory() -> Path | None:
    """The file system in memory if there is one with room for a run; a container's usual 64 MB are not enough."""
    with suppress(OSError):
        free = os.statvfs(MEMORY)
        if free.f_bavail * free.f_frsize >= ROOM and os.access(MEMORY, os.W_OK | os.X_OK):
            return MEMORY
    return None


def sweep(place: Path) -> None:
    """Remove the folders of runs that were killed: nobody holds their lock any more."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                if time.time() - os.fstat(lock).st_mtime > YOUNG:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def make_base_folder() -> Path:
    """A temporary folder every user can enter, as the server's user must: pytest's own is private to root.

    In memory where that is roomy: a database is made and dropped in 20 ms of processor time there, in 62 to 300 on a
    disk, the more the busier it is.
    """
    place = roomy_memory()
    if place is not None:
        sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    # Held, never closed: the lock ends with the process.
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    folder.chmod(0o755)
    return folder


@contextmanager
def base_folder() -> Iterator[Path]:
    """Such a folder, removed at the end."""
    folder = make_base_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_test_server() -> Server | GivenServer:
    """Start a server with an empty database ``unisono`` and superuser rights; about 0.6 seconds.

    ``.stop()`` ends it (the process' end does so too); its folder is removed when the process ends.
    With UNISONO_TEST_DATABASE_URL set, that PostgreSQL is used and nothing is started.
    """
    given = os.environ.get("UNISONO_TEST_DATABASE_URL")
    if given:
        return GivenServer(given)
    folder = make_base_folder()
    # Registered before the server's own end is: handlers run last first, so the server is gone by then.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = ensure_server(folder / "data")
    asyncio.run(care_less(server.dsn))
    return server


async def care_less(dsn: str) -> None:
    """Have the server not wait for the disk: a commit outlives kill -9 of any process, but no power cut."""
    admin = await asyncpg.connect(dsn)
    for name, value in CARELESS.items():
        await admin.execute(f"alter system set {name} = '{value}'")
    await admin.execute("select pg_reload_conf()")
    await admin.close()
