#!/usr/bin/env python3
"""Write ``requirements.lock`` and ``requirements-dev.lock`` from ``pyproject.toml``.

    python scripts/lock.py              add what is missing, keep every version that still fits
    python scripts/lock.py --upgrade    take the newest versions

The files serve Python 3.11 to 3.13 on every system, hold versions and sha256 hashes, and name no download address:
whoever installs chooses the index. Needs ``uv`` beside the running Python, or on the PATH.
"""

from __future__ import annotations

import re
import shutil
import subprocess  # uv is the resolver
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
OPTIONS = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"]
OLDEST_PYTHON = "3.11"
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def find_uv() -> str:
    """The uv to use; exits with a sentence when there is none."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        sys.exit("lock: uv was not found. Run: make lock")
    return found


def resolve(uv: str, target: str, *more: str) -> None:
    """Resolve into ``target``; exits when uv cannot."""
    command = [uv, "pip", "compile", "pyproject.toml", "--python-version", OLDEST_PYTHON, *OPTIONS, *more]
    command += ["--extra", "demo", "--group", "build", "-o", target]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed words
    if done.returncode:
        sys.exit(f"lock: uv ended with {done.returncode}; its own message is above.")


def pins(name: str) -> set[tuple[str, str]]:
    """The (package, version) pairs of a lock."""
    return set(_PIN.findall((ROOT / name).read_text("utf-8")))


def main() -> None:
    """Resolve everything first, then the part that a user installs, at the same versions."""
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    uv = find_uv()
    resolve(uv, DEV, "--group", "dev", *upgrade)
    resolve(uv, RUNTIME, "-c", DEV, *upgrade)
    apart = sorted(pins(RUNTIME) - pins(DEV))
    if apart:
        sys.exit(f"lock: the two files differ: {apart}")
    sys.stdout.write(f"lock: {len(pins(RUNTIME))} packages to run, {len(pins(DEV))} to develop\n")


if __name__ == "__main__":
    main()
