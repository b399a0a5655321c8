"""The server as its users see it: found or started by ``ensure_server``, kept running by its owner."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from unisono.kit.embedded import cluster, postmaster
from unisono.kit.embedded.account import Account, choose_account, prepare_folders
from unisono.kit.embedded.binaries import Binaries, reachable_binaries
from unisono.kit.embedded.errors import EmbeddedServerError, FolderNotUsable, ServerStartFailed
from unisono.kit.embedded.files import locked
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.processes import is_running, start_time
from unisono.kit.embedded.state import State, read_state, remove_state, write_state

log = logging.getLogger("unisono.embedded")

COMES_BACK_WITHIN = 60.0
"""Seconds to wait for a server whose owner lives but which does not answer: its owner is restarting it."""

_LONGEST_PAUSE = 10.0
"""Seconds between two attempts to restart a server that keeps ending; the first attempt is made at once."""

_STABLE_AFTER = 5.0
"""Seconds a server must have run for its end to count as a first one."""


def ensure_server(data_dir: Path) -> Server:
    """Find the running server of ``data_dir`` or start one.

    Measured on two cores: 0.7 seconds the first time, 0.1 afterwards, 0.03 to attach.

    The process that started it owns it: the server is restarted when it dies and ends with its owner, however
    that ends. Other processes attach. Safe to call from several processes at once and inside an event loop
    (it blocks). Raises EmbeddedServerError, whose hint says what to do.
    """
    layout = Layout.of(data_dir)
    try:
        return _find_or_start(layout)
    except OSError as error:
        raise FolderNotUsable(
            f"{error.filename or layout.data_dir}: {error.strerror}.",
            hint="Run `unisono doctor`; usual causes: a full disk, or rights taken away from a container.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ServerStartFailed(
            f"{Path(error.cmd[0]).name} did not end within {error.timeout:.0f} seconds.",
            hint="Run `unisono doctor`; the usual cause is a very slow disk.",
        ) from error


def _find_or_start(layout: Layout) -> Server:
    account = choose_account(layout)
    attached = _attach(layout)
    if attached is not None:
        return attached
    prepare_folders(layout, account)
    deadline = time.monotonic() + COMES_BACK_WITHIN
    while True:
        with locked(layout, account):
            attached = _attach(layout)
            if attached is not None:
                return attached
            state = read_state(layout)
            if state is None or not state.has_owner:
                return _start(layout, account)
        if time.monotonic() > deadline:
            raise ServerStartFailed(
                f"The process {state.owner_pid} owns the database, but the database does not answer.",
                hint=f"Stop that process and start again. The database's log is in {layout.log_dir}.",
            )
        time.sleep(0.2)


def find_server(data_dir: Path) -> Server | None:
    """The running server of ``data_dir`` if there is one; nothing is started or changed."""
    return _attach(Layout.of(data_dir))


class Server:
    """A running server; a context manager that stops it at the end if this process owns it."""

    def __init__(self, layout: Layout, password: str, state: State, supervisor: Supervisor | None = None) -> None:
        self.data_dir = layout.data_dir
        self.version = state.version
        self.dsn = cluster.dsn(password, Path(state.socket_dir))
        self._layout = layout
        self._state = state
        self._supervisor = supervisor

    @property
    def owned(self) -> bool:
        """Whether this process started it and therefore ends it; false in a forked child."""
        return self._supervisor is not None and self._supervisor.owner_pid == os.getpid()

    @property
    def pid(self) -> int:
        """The process number of the server; another one after a restart."""
        return self._current.pid

    def alive(self) -> bool:
        """Whether the server process runs; for an owner false only while it is restarted or stopped."""
        return is_running(self._current.pid, self._current.mark)

    def poll(self) -> int | None:
        """None while the server process runs; else its exit code, -1 where only its owner could know it."""
        if self.alive():
            return None
        return self._supervisor.returncode if self._supervisor is not None else -1

    def stop(self) -> None:
        """End the server (fast shutdown: open transactions are rolled back) if this process owns it."""
        if self._supervisor is not None and self.owned:
            self._supervisor.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _current(self) -> State:
        if self._supervisor is not None:
            return self._supervisor.state
        # Its owner may have restarted it since; a note that is away (stopped) leaves us the last one.
        self._state = read_state(self._layout) or self._state
        return self._state


@dataclass(frozen=True)
class _Installation:
    """All that is needed to start the server of one data folder."""

    layout: Layout
    binaries: Binaries
    account: Account
    password: str


class Supervisor:
    """Starts the server from a thread of its own and starts it again whenever it ends unasked.

    The thread lives as long as the process: the kernel ends the server when the *thread* that started it
    is gone.
    """

    def __init__(self, installation: _Installation) -> None:
        self.owner_pid = os.getpid()
        self.state: State
        self.returncode: int | None = None
        self._installation = installation
        self._process: subprocess.Popen[bytes]
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._failure: EmbeddedServerError | None = None
        self._thread = threading.Thread(target=self._run, name="unisono-embedded", daemon=True)

    def start(self) -> None:
        """Start the server; the caller holds the data folder's lock. Raises ServerStartFailed."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the server and wait for it; nothing happens in a forked child or the second time."""
        if os.getpid() != self.owner_pid or self._stopping.is_set():
            return
        self._stopping.set()
        atexit.unregister(self.stop)
        layout, account = self._installation.layout, self._installation.account
        with ExitStack() as stack:
            # A restart under way holds the lock; afterwards there is a server to end. When the folder was
            # removed there is no lock, and the server must end all the same.
            with suppress(OSError):
                stack.enter_context(locked(layout, account))
            remove_state(layout, self.state.pid)
            postmaster.end(self.state.pid, self.state.mark)
        self._end_watchdog()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            self._launch()
        except EmbeddedServerError as error:
            self._failure = error
            return
        except OSError as error:
            self._failure = ServerStartFailed(f"PostgreSQL could not be started: {error}.")
            return
        finally:
            self._started.set()
        pause = 0.0
        while True:
            began = time.monotonic()
            self.returncode = self._process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > _STABLE_AFTER:
                pause = 0.0
            if not self._installation.layout.cluster.exists():
                log.error("The database's folder was removed; there is nothing to start again.")
                return
            log.error("The database ended unasked (code %s); starting it again.", self.returncode)
            pause = self._relaunch(pause)

    def _relaunch(self, pause: float) -> float:
        """Start again until it works or we are stopped; return the pause before the next time, in seconds."""
        while not self._stopping.wait(pause):
            pause = min(max(0.5, pause * 2), _LONGEST_PAUSE)
            try:
                with locked(self._installation.layout, self._installation.account):
                    if self._stopping.is_set():
                        break
                    self._launch()
            except (EmbeddedServerError, OSError):
                if not self._installation.layout.cluster.exists():
                    break  # Removed while it was starting: the next look ends this thread.
                log.exception("The database could not be started again.")
                continue
            log.warning("The database runs again (process %s).", self.state.pid)
            break
        return pause

    def _launch(self) -> None:
        """Start the server and leave the note for other processes. The data folder is locked."""
        todo = self._installation
        postmaster.clear_the_way(todo.layout)
        self._end_watchdog()
        self._process = postmaster.spawn(todo.layout, todo.binaries, todo.account)
        if not sys.platform.startswith("linux"):
            self._watchdog = postmaster.start_watchdog(self._process.pid)
        self.state = State(
            pid=self._process.pid,
            mark=start_time(self._process.pid) or "",
            owner_pid=self.owner_pid,
            owner_mark=start_time(self.owner_pid) or "",
            socket_dir=str(todo.layout.socket_dir),
            version=todo.binaries.version,
        )
        postmaster.wait_until_ready(todo.layout, self._process)
        if not postmaster.answers(todo.password, todo.layout.socket_dir):
            postmaster.end(self.state.pid, self.state.mark)
            raise ServerStartFailed(
                f"PostgreSQL runs but does not answer. It said: {postmaster.last_words(todo.layout)}",
                hint="Run `unisono doctor`.",
            )
        write_state(todo.layout, self.state, todo.account)

    def _end_watchdog(self) -> None:
        """End it before it sees us go and ends what by then may be another process."""
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None


def _attach(layout: Layout) -> Server | None:
    """The running server, if the note about it is true and it answers a query."""
    state = read_state(layout)
    if state is None or not state.is_alive:
        return None
    with suppress(OSError):
        password = layout.password_file.read_text().strip()
        if postmaster.answers(password, Path(state.socket_dir)):
            return Server(layout, password, state)
    return None


def _start(layout: Layout, account: Account) -> Server:
    """Start the server, making the cluster first if there is none. The data folder is locked."""
    binaries = reachable_binaries(layout, account)
    if not cluster.check_cluster(layout, binaries):
        cluster.create_cluster(layout, binaries, account)
    postmaster.clear_the_way(layout)
    cluster.write_settings(layout, layout.cluster, account)
    cluster.restore_password(layout, binaries, account)
    password = cluster.read_password(layout, account)
    supervisor = Supervisor(_Installation(layout, binaries, account, password))
    supervisor.start()
    return Server(layout, password, supervisor.state, supervisor)
