"""Writing, possibly as root, into a folder of the server's user: never through a link put there."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unisono.kit.embedded.account import Account
from unisono.kit.embedded.errors import ServerStartFailed
from unisono.kit.embedded.layout import Layout

LOCKED_WITHIN = 360.0
"""Seconds to wait for another process that starts or stops the server; recovery may take minutes."""


def create_private(path: Path, account: Account) -> int:
    """Create a file only the server's user (and root) can read, in place of any other; return its number."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    if account.switch:
        os.fchown(descriptor, account.uid, account.gid)
    return descriptor


def replace_private(path: Path, text: str, account: Account) -> None:
    """Write a private file atomically, on disk when this returns. The data folder's lock is held."""
    staging = path.with_name(f"{path.name}.new")
    with os.fdopen(create_private(staging, account), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staging.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(layout: Layout, account: Account, seconds: float = LOCKED_WITHIN) -> Iterator[None]:
    """Hold the data folder's lock; the system frees it when a process dies, however it dies.

    Raises ServerStartFailed when another process holds it for longer than ``seconds``.
    """
    descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if account.switch:
            os.fchown(descriptor, account.uid, account.gid)
        deadline = time.monotonic() + seconds
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ServerStartFailed(
                    f"Another process has been starting or stopping the database for {seconds:.0f} seconds.",
                    hint=f"See which one holds it: fuser {layout.lock_file}",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
