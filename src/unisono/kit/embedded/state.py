"""The note an owner leaves for other processes: which server runs, since when, and where it listens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from unisono.kit.embedded.account import Account
from unisono.kit.embedded.files import replace_private
from unisono.kit.embedded.layout import Layout
from unisono.kit.embedded.processes import is_running


@dataclass(frozen=True)
class State:
    """A running server and its owner; the marks tell them from later processes with the same numbers."""

    pid: int
    mark: str
    owner_pid: int
    owner_mark: str
    socket_dir: str
    version: str

    @property
    def has_owner(self) -> bool:
        """Whether the owner still runs: a server without its owner is already ending."""
        return is_running(self.owner_pid, self.owner_mark)

    @property
    def is_alive(self) -> bool:
        return is_running(self.pid, self.mark) and self.has_owner


def read_state(layout: Layout) -> State | None:
    """The note, or None when there is none or it cannot be read as one."""
    try:
        raw = json.loads(layout.state_file.read_text())
        return State(**raw)
    except (OSError, ValueError, TypeError):
        return None


def write_state(layout: Layout, state: State, account: Account) -> None:
    """Leave the note, atomically."""
    replace_private(layout.state_file, json.dumps(asdict(state)), account)


def remove_state(layout: Layout, pid: int) -> None:
    """Take the note away if it still speaks of the server ``pid``."""
    state = read_state(layout)
    if state is not None and state.pid == pid:
        layout.state_file.unlink(missing_ok=True)
