"""What can go wrong with the embedded server, drawn as one tree.

EmbeddedServerError
├── UnsupportedPlatform      no binaries for this system, or the package that ships them is missing
├── FolderNotUsable          the data folder cannot be created, entered or written by the server's user
├── IncompatibleVersion      the data folder was made by another major version of PostgreSQL
├── DamagedCluster           the data folder lacks files without which no server can start
└── ServerStartFailed        the server was started and ended, or did not become ready in time
"""

from __future__ import annotations

from unisono.kit.errors import UnisonoError


class EmbeddedServerError(UnisonoError):
    """The embedded PostgreSQL cannot do what was asked."""

    code = "embedded_server"
    title = "The embedded database does not work"


class UnsupportedPlatform(EmbeddedServerError):
    """There are no PostgreSQL binaries to run here."""

    code = "embedded_server_platform"
    title = "There is no embedded database for this system"


class FolderNotUsable(EmbeddedServerError):
    """The data folder cannot be used by the user the server runs as."""

    code = "embedded_server_folder"
    title = "The data folder cannot be used"


class IncompatibleVersion(EmbeddedServerError):
    """The data folder belongs to another major version of PostgreSQL."""

    code = "embedded_server_version"
    title = "The data folder was made by another version of PostgreSQL"


class DamagedCluster(EmbeddedServerError):
    """The data folder is not complete."""

    code = "embedded_server_damaged"
    title = "The data folder is damaged"


class ServerStartFailed(EmbeddedServerError):
    """The server did not start."""

    code = "embedded_server_start"
    title = "The embedded database did not start"
