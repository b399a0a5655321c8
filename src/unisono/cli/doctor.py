"""``unisono doctor``: every check, what it found, what to do."""

from __future__ import annotations

from unisono.kit.doctor import run_checks
from unisono.kit.settings import Settings


def doctor(settings: Settings) -> int:
    """Print the checks; 0 when all is well, 1 otherwise."""
    checks = run_checks(settings.data_dir, settings.database_url)
    for check in checks:
        print(f"{'ok ' if check.ok else 'BAD'}  {check.name}: {check.detail}")
        if not check.ok and check.what_to_do:
            print(f"       {check.what_to_do}")
    bad = sum(not check.ok for check in checks)
    print("All is well." if not bad else f"{bad} of {len(checks)} checks need you.")
    return 1 if bad else 0
