#!/usr/bin/env python3
"""Print the Chromium that the tests drive; install one when there is none.

In this order: the variable UNISONO_CHROMIUM, a Chromium or Chrome on the PATH, the one Playwright installed earlier;
then, as root on Debian, the distribution's package; else Playwright's own download.
"""

from __future__ import annotations

import os
import shutil
import subprocess  # apt-get and Playwright are programs
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHIN = 900
"""Seconds an installation may take."""

HELP = """\
No Chromium was found and none could be installed. Do one of these, then run this again:
  - install Chromium or Chrome so that it is on the PATH (Debian: apt-get install chromium)
  - run: .venv/bin/playwright install --with-deps chromium
  - set UNISONO_CHROMIUM to the program
"""


def on_this_machine() -> str | None:
    """A browser that is there already."""
    given = os.environ.get("UNISONO_CHROMIUM")
    if given:
        if shutil.which(given) is None:
            sys.exit(f"find_browser: UNISONO_CHROMIUM is {given}, which is no program.")
        return given
    return next((found for name in NAMES if (found := shutil.which(name))), None) or of_playwright()


def of_playwright() -> str | None:
    """The browser Playwright keeps, when it is installed."""
    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Error:
        return None
    return path if Path(path).exists() else None


def run(command: Sequence[str]) -> bool:
    """Run a program, its words on stderr; whether it went well."""
    sys.stderr.write(f"find_browser: {' '.join(command)}\n")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"find_browser: {error}\n")
        return False
    return done.returncode == 0


def by_apt() -> str | None:
    """Debian's package, when we may install it."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return None
    if run(["apt-get", "update", "-qq"]) and run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    ):
        return shutil.which("chromium")
    return None


def by_playwright() -> str | None:
    """Playwright's own download."""
    return of_playwright() if run([sys.executable, "-m", "playwright", "install", "chromium"]) else None


def main() -> None:
    """Print a path, or say what to do and end with 1."""
    found = on_this_machine() or by_apt() or by_playwright()
    if found is None:
        sys.exit(HELP)
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
