"""A process of its own that asks for the embedded server: says what it got, then runs statements it is told.

Run as a script: ``server_owner.py DATA_DIR``. Speaks one JSON object a line; ends when its input does.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from unisono.kit.embedded import EmbeddedServerError, ensure_server
from unisono.kit.embedded.binaries import find_binaries


def query(dsn: str, statement: str) -> str:
    """Run one statement with the psql of the wheel; what it printed, or raises CalledProcessError."""
    command = [str(find_binaries().program("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    environment = {"PATH": os.environ.get("PATH", ""), "PGCONNECT_TIMEOUT": "5"}
    done = subprocess.run([*command, dsn, "-c", statement], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip()


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def main() -> None:
    logging.basicConfig(stream=sys.stderr)
    try:
        server = ensure_server(Path(sys.argv[1]))
    except EmbeddedServerError as error:
        say(error=type(error).__name__, detail=error.detail, hint=error.hint)
        return
    say(pid=server.pid, owned=server.owned, dsn=server.dsn, uid=os.geteuid())
    for line in sys.stdin:
        say(result=query(server.dsn, line.strip()))
    server.stop()


if __name__ == "__main__":
    main()
