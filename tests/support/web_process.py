"""The real application under the real server, for tests that kill it; started by ``serving.py``."""

from __future__ import annotations

from tests.support.preloaded import APP
from unisono.app import install
from unisono.kit.settings import load_settings
from unisono.web import run_async, serve_app


def main() -> None:
    """Serve as UNISONO_* says until killed."""
    settings = load_settings()
    assert settings.database_url, "give UNISONO_DATABASE_URL"
    install(APP, settings, settings.database_url)
    run_async(serve_app(APP, settings))


if __name__ == "__main__":
    main()
