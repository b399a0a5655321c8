"""A real PostgreSQL for tests: embedded in a temporary folder, or the one of UNISONO_TEST_DATABASE_URL."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from unisono.kit.embedded import Server, ensure_server


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


def make_base_folder() -> Path:
    """A temporary folder every user can enter, as the server's user must: pytest's own is private to root."""
    folder = Path(tempfile.mkdtemp(prefix="unisono-test-"))
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
    return ensure_server(folder / "data")
