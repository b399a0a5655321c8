"""The bare JSON echo that single-event requests are measured against: ``python -m unisono.bench.echo PORT``.

One route under the server, loop and settings of the real web process, without its middlewares: it decodes the JSON of
the request and gives it back.
"""

from __future__ import annotations

import sys
from typing import Any

from litestar import Litestar, get, post

from unisono.kit.settings import load_settings
from unisono.web import run_async, serve_app


@post("/echo", status_code=200)
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    """What was sent."""
    return data


@get("/ready")
async def ready() -> dict[str, bool]:
    """That it serves."""
    return {"ready": True}


def main() -> None:
    """Serve on the port given until SIGTERM."""
    settings = load_settings(port=int(sys.argv[1]))
    app = Litestar([echo, ready], openapi_config=None, logging_config=None)
    run_async(serve_app(app, settings))


if __name__ == "__main__":
    main()
