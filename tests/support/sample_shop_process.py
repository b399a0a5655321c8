"""The sample shop under the real server; started by ``sample_shop.py``."""

from __future__ import annotations

import dataclasses
import os
import sys

import msgspec

from unisono.demo.shop import ShopKeys, create_shop
from unisono.kit.settings import Settings
from unisono.web import run_async, serve_app


def main() -> None:
    """Serve on the port given until killed."""
    keys = msgspec.json.decode(os.environ["SAMPLE_KEYS"], type=ShopKeys)
    app = create_shop(os.environ["SAMPLE_ENGINE"], keys, zone="Europe/Rome")
    settings = dataclasses.replace(Settings(), host="127.0.0.1", port=int(sys.argv[1]))
    run_async(serve_app(app, settings))


if __name__ == "__main__":
    main()
