"""The real application under the real server, for tests that kill it; started by ``serving.py``."""

from __future__ import annotations

import sys

from granian import Granian
from granian.constants import Interfaces
from litestar import Litestar

from unisono.app import create_app
from unisono.kit.settings import load_settings


def application() -> Litestar:
    """What Granian's worker calls."""
    settings = load_settings()
    assert settings.database_url, "give UNISONO_DATABASE_URL"
    return create_app(settings, settings.database_url)


def main() -> None:
    """Serve on the port given until killed."""
    Granian(
        "tests.support.web_process:application",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        factory=True,
        log_level="error",
    ).serve()


if __name__ == "__main__":
    main()
