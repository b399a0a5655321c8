"""The user the server runs as, and the folders that user needs.

PostgreSQL refuses to run as root, rightly. Started as root we use the owner of the existing data, else the
user ``postgres``, else ``nobody``. Only the data folder itself is ever given to that user: never its parents.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from unisono.kit.embedded.errors import FolderNotUsable
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.processes import run

FALLBACK_USERS = ("postgres", "nobody")

_SET_DATA_DIR = "Set UNISONO_DATA_DIR to a folder it can enter, such as /var/lib/unisono."


@dataclass(frozen=True)
class Account:
    """A user of the system; ``switch`` says that we are root and must become it."""

    uid: int
    gid: int
    name: str
    switch: bool

    @property
    def ids(self) -> tuple[int, int] | None:
        """What to switch to when running a program; None to stay who we are."""
        return (self.uid, self.gid) if self.switch else None


def choose_account(layout: Layout) -> Account:
    """The user the server of this data folder runs as.

    Raises FolderNotUsable when the data belongs to somebody we cannot become.
    """
    owner = _owner(layout.cluster)
    uid = os.geteuid()
    if uid != 0:
        if owner is not None and owner != uid:
            raise FolderNotUsable(
                f"The database in {layout.cluster} belongs to the user {_name(owner)}, "
                f"this process runs as {_name(uid)}.",
                hint=f"Run Unisono as {_name(owner)}, or set UNISONO_DATA_DIR to another folder.",
            )
        return Account(uid, os.getegid(), _name(uid), switch=False)
    if owner == 0:
        raise FolderNotUsable(
            f"The database in {layout.cluster} belongs to root; PostgreSQL does not run as root.",
            hint=f"Give it to the user it should run as: chown -R postgres {layout.data_dir}",
        )
    for name in FALLBACK_USERS if owner is None else [_name(owner)]:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name, switch=True)
    raise FolderNotUsable(
        "Started as root, and there is no user the database could run as.",
        hint="Create one (useradd --system postgres), or start Unisono as an ordinary user.",
    )


def first_barrier(path: Path, account: Account) -> Path | None:
    """The outermost step on the way to ``path`` that the user cannot enter or, for a file, execute."""
    way = [*reversed(path.parents), path]
    if not account.switch:
        return next((step for step in way if not os.access(step, os.X_OK)), None)
    # Asked of the system as that user: modes alone would not know about access lists and read-only mounts.
    script = 'for step in "$@"; do test -x "$step" || { printf %s "$step"; exit 1; }; done'
    done = run(["/bin/sh", "-c", script, "sh", *way], user=account.ids)
    return Path(done.stdout) if done.returncode else None


def prepare_folders(layout: Layout, account: Account) -> None:
    """Make the data folder and those inside it, owned by the server's user.

    Raises FolderNotUsable with the folder that stands in the way.
    """
    _make_data_dir(layout.data_dir, account)
    own_folder(layout.log_dir, account)
    own_folder(layout.socket_dir, account)


def own_folder(folder: Path, account: Account) -> None:
    """Make a private folder of the server's user, and refuse one that somebody else put there."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise FolderNotUsable(f"{folder} exists and is not a folder.", hint="Remove it.") from error
    except OSError as error:
        raise FolderNotUsable(f"{folder} cannot be created: {error.strerror}.", hint=_SET_DATA_DIR) from error
    # In the shared temp folder another user may have put it there, or a link: look at the thing itself, once.
    owner = folder.lstat().st_uid
    if folder.is_symlink() or owner not in {os.geteuid(), account.uid}:
        raise FolderNotUsable(
            f"{folder} belongs to the user {_name(owner)}, not to {account.name}, or is a link.",
            hint="Remove it, or set UNISONO_DATA_DIR to a folder with a short path of your own.",
        )
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if owner != account.uid:
            os.fchown(descriptor, account.uid, account.gid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _make_data_dir(data_dir: Path, account: Account) -> None:
    if data_dir.exists() and not data_dir.is_dir():
        raise FolderNotUsable(f"{data_dir} is not a folder.", hint="Set UNISONO_DATA_DIR to a folder.")
    try:
        if not data_dir.exists():
            data_dir.parent.mkdir(parents=True, exist_ok=True)
            data_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FolderNotUsable(
            f"The data folder {data_dir} cannot be created: {error.strerror}.",
            hint="Set UNISONO_DATA_DIR to a folder that can be written.",
        ) from error
    barrier = first_barrier(data_dir.parent, account)
    if barrier is not None:
        raise FolderNotUsable(
            f"The database runs as the user {account.name}, who cannot enter {barrier}.", hint=_SET_DATA_DIR
        )
    if account.switch:
        _give(data_dir, account)
    elif not os.access(data_dir, os.W_OK | os.X_OK):
        raise FolderNotUsable(
            f"The user {account.name} cannot write in {data_dir}.",
            hint=f"chown {account.name} {data_dir}, or set UNISONO_DATA_DIR to another folder.",
        )


def _give(data_dir: Path, account: Account) -> None:
    """Give the folder itself, not what is in it, to the server's user."""
    info = data_dir.stat()
    if info.st_uid == account.uid:
        return
    homes = {Path(entry.pw_dir) for entry in pwd.getpwall() if entry.pw_uid != account.uid}
    shared = bool(info.st_mode & stat.S_ISVTX) or data_dir.parent == data_dir
    if shared or data_dir in homes:
        raise FolderNotUsable(
            f"{data_dir} is a folder others use; it will not be given to the user {account.name}.",
            hint="Set UNISONO_DATA_DIR to a folder of its own inside it.",
        )
    os.chown(data_dir, account.uid, -1)


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise FolderNotUsable(
            f"{path} cannot be looked at by the user {_name(os.geteuid())}.",
            hint="Run Unisono as the owner of the data folder, or set UNISONO_DATA_DIR to another one.",
        ) from error


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
