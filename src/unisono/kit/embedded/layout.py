"""Where everything of the embedded server is inside the data folder."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

PORT = 5432
"""Only part of the socket's file name: the server listens on no network port."""

MAX_SOCKET_PATH = 100
"""Bytes. The kernel takes 107 (103 on macOS) for the path of a unix socket; see unix(7)."""


@dataclass(frozen=True)
class Layout:
    """The folders and files of one data folder. Computing it touches nothing on disk."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of ``data_dir``, with links resolved, so that one folder has one name."""
        return cls(data_dir.expanduser().resolve())

    @property
    def cluster(self) -> Path:
        """What PostgreSQL calls PGDATA."""
        return self.data_dir / "postgres"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def start_log(self) -> Path:
        """What the server says before its own log begins."""
        return self.log_dir / "postgres-start.log"

    @property
    def password_file(self) -> Path:
        return self.data_dir / "postgres.password"

    @property
    def lock_file(self) -> Path:
        """Locked while a server is being started or stopped."""
        return self.data_dir / "postgres.lock"

    @property
    def state_file(self) -> Path:
        """Which server runs, for other processes to find it."""
        return self.data_dir / "postgres.state"

    @property
    def postmaster_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    @property
    def name(self) -> str:
        """A short name for this data folder, seen in the titles of the server's processes."""
        return "unisono-" + hashlib.sha256(bytes(self.data_dir)).hexdigest()[:10]

    @property
    def socket_dir(self) -> Path:
        """Inside the data folder if a socket's path can be that long, else a short one in the temp folder."""
        inside = self.data_dir / "run"
        if _fits(inside):
            return inside
        short = Path(tempfile.gettempdir()) / self.name
        return short if _fits(short) else Path("/tmp") / self.name  # noqa: S108 - checked for its owner when made


def socket_path(socket_dir: Path) -> Path:
    """The socket's path: PostgreSQL names it after the port."""
    return socket_dir / f".s.PGSQL.{PORT}"


def _fits(socket_dir: Path) -> bool:
    # The lock file beside the socket has the longer name.
    return len(bytes(socket_path(socket_dir))) + len(".lock") < MAX_SOCKET_PATH
