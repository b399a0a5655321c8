#!/usr/bin/env python3
"""Bring the console's browser assets into the package.

Runs ``npm ci`` when ``node_modules`` does not match the lock file, then copies the few files the console serves
to ``src/unisono/console/static/vendor``. Running it again changes nothing. Standard library only.
"""

import filecmp
import shutil
import subprocess  # npm is the one way to fetch what package-lock.json pins
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "src" / "unisono" / "console" / "static" / "vendor"
ASSETS = {"htmx.org/dist/htmx.min.js": "htmx.min.js"}
"""File below ``node_modules`` -> name below ``vendor``."""


def say(text: str) -> None:
    """Write one line for whoever runs this."""
    sys.stdout.write(f"build_assets: {text}\n")


def installed() -> bool:
    """Whether ``node_modules`` is at least as new as the lock file and holds every asset."""
    stamp = MODULES / ".package-lock.json"
    return (
        stamp.exists()
        and stamp.stat().st_mtime >= (ROOT / "package-lock.json").stat().st_mtime
        and all((MODULES / source).exists() for source in ASSETS)
    )


def install() -> None:
    """Run ``npm ci``; exits with a sentence when Node.js is missing or npm fails."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("build_assets: npm was not found. Install Node.js 18 or newer, then run this again.")
    say("npm ci")
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=ROOT, check=False)  # noqa: S603 - fixed words
    if done.returncode:
        sys.exit(f"build_assets: npm ci ended with {done.returncode}; its own message is above.")


def copy() -> None:
    """Copy each asset whose content differs and say what was done."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in ASSETS.items():
        origin, target = MODULES / source, VENDOR / name
        if target.exists() and filecmp.cmp(origin, target, shallow=False):
            say(f"{name} is up to date")
            continue
        shutil.copyfile(origin, target)
        say(f"{name} copied, {target.stat().st_size:,} bytes")


def main() -> None:
    """Install when needed, then copy."""
    if installed():
        say("node_modules match package-lock.json")
    else:
        install()
    copy()


if __name__ == "__main__":
    main()
