"""What the system knows about processes: the little we need, on Linux from /proc, elsewhere from ps."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


def run(
    command: Sequence[object],
    *,
    user: tuple[int, int] | None = None,
    env: Mapping[str, str] | None = None,
    feed: str | None = None,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and capture what it says; ``user`` is (uid, gid) to run as, for root only.

    Raises subprocess.TimeoutExpired after ``timeout`` seconds.
    """
    uid, gid = user if user is not None else (None, None)
    return subprocess.run(  # noqa: S603 - the commands are ours, no shell is involved
        [str(part) for part in command],
        input=feed if feed is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(env) if env is not None else None,
        # Whatever folder we are in, the other user may not be able to enter it.
        cwd="/",
        user=uid,
        group=gid,
        extra_groups=[] if uid is not None else None,
        timeout=timeout,
        check=False,
    )


def start_time(pid: int) -> str | None:
    """A mark that changes when the number is given to another process; None when there is no such process.

    On Linux field 22 of /proc/<pid>/stat (clock ticks since boot, see proc(5)) with the boot's identity, so
    that a mark written before a reboot never matches.
    """
    if not _HAS_PROC:
        return _ps(pid, "lstart=")
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, field 2, is in brackets and may itself contain spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:
        return None
    return f"{_boot_id()}:{fields[19]}"


def command_line(pid: int) -> list[str]:
    """The arguments of a process, or the title it gave itself as one piece; empty when there is none."""
    if not _HAS_PROC:
        return (_ps(pid, "command=") or "").split()
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.rstrip(b"\0 ").split(b"\0")]


def all_pids() -> Iterator[int]:
    """Every process number there is at the moment."""
    if _HAS_PROC:
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
        return
    for line in run(["/bin/ps", "-axo", "pid="]).stdout.split():
        yield int(line)


def is_running(pid: int, mark: str | None) -> bool:
    """Whether the very process that carried ``mark`` still runs."""
    return mark is not None and start_time(pid) == mark


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that has just gone is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_gone(pid: int, mark: str | None, seconds: float) -> bool:
    """Wait for a process to end; False when it still runs after ``seconds``."""
    deadline = time.monotonic() + seconds
    while is_running(pid, mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def _ps(pid: int, column: str) -> str | None:
    done = run(["/bin/ps", "-o", column, "-p", str(pid)])
    return done.stdout.strip() or None
