#!/usr/bin/env python3
"""Run the tests that touch the database on the oldest PostgreSQL we support.

    python scripts/test_postgres15.py [pytest's arguments]

The rest of the suite runs on the embedded PostgreSQL 18. Here a throw-away cluster of Debian's PostgreSQL 15 is made
in a temporary folder, under a user without rights when we are root, and the tests run on it: the ones that read or
write SQL. Where PostgreSQL 15 is not installed that is said and nothing is run.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess  # initdb, pg_ctl and pytest are programs
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.postgres import CARELESS, make_base_folder  # noqa: E402 - the path comes first

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SUITE = (
    "tests/customers/test_collect_events.py",
    "tests/customers/test_computed.py",
    "tests/customers/test_identity_concurrency.py",
    "tests/customers/test_identity_machine.py",
    "tests/customers/test_readers.py",
    "tests/customers/test_timers.py",
    "tests/customers/consent/test_consent_machine.py",
    "tests/customers/segments/test_segment_evaluators.py",
    "tests/customers/privacy/test_erasure.py",
    "tests/access",
    "tests/commerce/holds",
    "tests/commerce/inventory",
    "tests/commerce/pricing",
    "tests/commerce/promotions",
    "tests/commerce/points",
    "tests/house/test_schema.py",
    "tests/house/test_queries.py",
)
"""What the database decides: events, identity, profiles, access; promises, prices, limits; schema, queries."""

SERVER_OPTIONS = " ".join(f"-c {name}={value}" for name, value in [*CARELESS.items(), ("max_connections", 200)])
"""Throw-away: nothing has to survive a power cut."""


def unprivileged() -> str | None:
    """Whom to run the server as: PostgreSQL refuses root. None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def run(program: str, *arguments: str, user: str | None) -> None:
    """Run one of PostgreSQL's programs, quietly; its words come with the error."""
    done = subprocess.run(  # noqa: S603 - fixed words
        [str(PROGRAMS / program), *arguments],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        # A server keeps what it inherits open: a pipe here would never end.
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        sys.exit(f"test_postgres15: {program} ended with {done.returncode}.")


@contextmanager
def cluster() -> Iterator[str]:
    """A running PostgreSQL 15 of our own; its address. Gone at the end."""
    user = unprivileged()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_hex(16)
    folder = make_base_folder()
    data, secret = folder / "data", folder / "password"
    secret.write_text(password, encoding="utf-8")
    if user:
        shutil.chown(folder, user)
        shutil.chown(secret, user)
    try:
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        run("initdb", "-D", str(data), "-U", "unisono", *options, user=user)
        listen = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= {SERVER_OPTIONS}"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", listen, "start", user=user)
        try:
            yield f"postgresql://unisono:{password}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop", user=user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Run the suite; returns pytest's exit code."""
    if not (PROGRAMS / "postgres").exists():
        sys.stdout.write("test_postgres15: PostgreSQL 15 is not installed (Debian: apt-get install postgresql-15).\n")
        return 0
    chosen = list(arguments) or [path for path in SUITE if (ROOT / path).exists()]
    with cluster() as address:
        return subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow", *chosen],
            cwd=ROOT,
            env={**os.environ, "UNISONO_TEST_DATABASE_URL": address},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
