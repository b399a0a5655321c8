"""One PostgreSQL server process: started so that it cannot outlive us, found, asked and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from unisono.kit.embedded.account import Account
from unisono.kit.embedded.binaries import Binaries, find_binaries
from unisono.kit.embedded.cluster import CLEAN_ENVIRONMENT, DATABASE, SUPERUSER
from unisono.kit.embedded.errors import ServerStartFailed
from unisono.kit.embedded.files import create_private
from unisono.kit.embedded.layout import PORT, Layout, socket_path
from unisono.kit.embedded.processes import all_pids, command_line, is_running, run, send, start_time, wait_until_gone

READY_WITHIN = 300.0
"""Seconds a start may take: after a power cut up to max_wal_size of log is replayed first."""

# Runs in the new process before it becomes the server. The order matters, see prctl(2): changing the user
# clears the signal, so it is asked for after that; the parent may have died before, so it is looked at last.
_SHIM = """
import ctypes, os, signal, sys
parent, uid, gid = (int(word) for word in sys.argv[1:4])
libc = ctypes.CDLL(None, use_errno=True)
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if hasattr(libc, "prctl"):
    libc.prctl(1, int(signal.SIGINT), 0, 0, 0)
if os.getppid() != parent:
    os._exit(1)
os.umask(0o077)
os.chdir("/")
os.execv(sys.argv[4], sys.argv[4:])
"""

# Where the system has no such signal: a small process that sees its end of a pipe close when the owner dies.
_WATCHDOG = """
import os, signal, sys
sys.stdin.buffer.read()
try:
    os.kill(int(sys.argv[1]), signal.SIGINT)
except ProcessLookupError:
    pass
"""


def spawn(layout: Layout, binaries: Binaries, account: Account) -> subprocess.Popen[bytes]:
    """Start the server as our direct child that ends (fast shutdown) when the calling *thread* does.

    It has its own session: Ctrl-C in a terminal reaches us, and we end it when we are done with it.
    """
    postgres = [
        *(binaries.program("postgres"), "-D", layout.cluster, "-p", PORT, "-c", "listen_addresses="),
        *("-c", f"unix_socket_directories={_quoted(layout.socket_dir)}"),
        *("-c", "unix_socket_permissions=0700", "-c", f"cluster_name={layout.name}", "-c", "fsync=on"),
    ]
    uid, gid = account.ids or (-1, -1)
    command = [sys.executable, "-I", "-S", "-c", _SHIM, os.getpid(), uid, gid, *postgres]
    with os.fdopen(create_private(layout.start_log, account), "wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=CLEAN_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )


def start_watchdog(pid: int) -> subprocess.Popen[bytes]:
    """Have a process ended (SIGINT) when ours is gone, or when the answer is closed or collected.

    For systems whose kernel does not do it (macOS). Keep the answer as long as the process is wanted.
    """
    return subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
        [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )


def wait_until_ready(layout: Layout, process: subprocess.Popen[bytes], seconds: float = READY_WITHIN) -> None:
    """Wait until the server says it takes connections.

    Raises ServerStartFailed with the end of its log when it ends or takes longer than ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not _says_ready(layout, process.pid):
        if process.poll() is not None:
            raise ServerStartFailed(
                f"PostgreSQL ended while starting (code {process.returncode}). It said: {last_words(layout)}",
                hint="Run `unisono doctor`.",
            )
        if time.monotonic() > deadline:
            end(process.pid, start_time(process.pid))
            raise ServerStartFailed(
                f"PostgreSQL was not ready after {seconds:.0f} seconds. It said: {last_words(layout)}",
                hint="Run `unisono doctor`.",
            )
        time.sleep(0.01)


def answers(password: str, socket_dir: Path) -> bool:
    """Whether a server really answers a query there, with our password.

    Asked with the wheel's own psql: a copy in the data folder is in the hands of the server's user, and we may
    be root.
    """
    environment = CLEAN_ENVIRONMENT | {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"}
    command = [
        *(find_binaries().program("psql"), "-X", "-q", "-A", "-t", "-w", "-h", socket_dir, "-p", PORT),
        *("-U", SUPERUSER, "-d", DATABASE, "-c", "SELECT 1"),
    ]
    try:
        done = run(command, env=environment, timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and done.stdout.strip() == "1"


def running_postmaster(layout: Layout) -> int | None:
    """The process number in postmaster.pid, if that process really is a server of this cluster."""
    lines = _postmaster_lines(layout)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if _serves(pid, layout) else None


def processes_of(layout: Layout) -> list[int]:
    """All processes that have this cluster open: the server and those it made, also after it died."""
    return [pid for pid in all_pids() if _serves(pid, layout)]


def clear_the_way(layout: Layout, seconds: float = 60.0) -> None:
    """Make sure nobody uses the cluster: end servers whose owner died, remove what they left behind.

    Raises ServerStartFailed when they do not end.
    """
    pid = running_postmaster(layout)
    if pid is not None:
        # Its owner is gone, so it was told to end already; telling it again hurts nothing.
        end(pid, start_time(pid))
    deadline = time.monotonic() + seconds
    while left := processes_of(layout):
        if time.monotonic() > deadline:
            raise ServerStartFailed(
                f"Processes of an earlier server still use {layout.cluster}: {', '.join(map(str, left))}.",
                hint="End them with kill -QUIT, never with kill -9, and start again.",
            )
        time.sleep(0.05)
    # The number in these files may by now be another process', or a dead one's that a container's first process
    # never collects: PostgreSQL would take either for a running server.
    socket = socket_path(layout.socket_dir)
    for stale in (layout.postmaster_file, socket, socket.with_name(f"{socket.name}.lock")):
        stale.unlink(missing_ok=True)


def end(pid: int, mark: str | None, patience: float = 30.0) -> None:
    """End a server: fast shutdown for ``patience`` seconds, then immediate, then kill."""
    for number, seconds in ((signal.SIGINT, patience), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        if not is_running(pid, mark):
            return
        send(pid, number)
        if wait_until_gone(pid, mark, seconds):
            return


def last_words(layout: Layout, lines: int = 12) -> str:
    """The end of what the server said before and after its log began; what it said last is the end."""
    said: list[str] = []
    with suppress(OSError):
        logs = sorted(layout.log_dir.glob("postgres-[1-7].log"), key=lambda path: path.stat().st_mtime_ns)[-1:]
        if layout.start_log.exists():
            logs.append(layout.start_log)
        for path in sorted(logs, key=lambda path: path.stat().st_mtime_ns):
            said.extend(path.read_text(errors="replace").splitlines()[-lines:])
    return "\n".join(said[-lines:]) or "(nothing)"


def _says_ready(layout: Layout, pid: int) -> bool:
    # Lines of postmaster.pid (pidfile.h): pid, folder, start, port, socket folder, address, memory, status.
    lines = _postmaster_lines(layout)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _postmaster_lines(layout: Layout) -> list[str]:
    try:
        return layout.postmaster_file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _serves(pid: int, layout: Layout) -> bool:
    """Told by the command line, which all may read; a process' folder needs more rights in containers."""
    words = command_line(pid)
    if not words:
        return False
    if words[0].startswith(f"postgres: {layout.name}:"):
        return True
    is_server = Path(words[0]).name == "postgres"
    return is_server and "-D" in words and str(layout.cluster) in words


def _quoted(folder: Path) -> str:
    # unix_socket_directories is a list of names: a comma or a space inside one needs quotes.
    escaped = str(folder).replace('"', '""')
    return f'"{escaped}"'
