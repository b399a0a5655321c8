"""All counterparts in one process: ``python -m unisono.demo.counterparts.process``. Its first line says where."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from unisono.demo.counterparts import http, smtp
from unisono.demo.counterparts.google import Fcm, GoogleAds
from unisono.demo.counterparts.meta import Instagram, Messenger, MetaAds
from unisono.demo.counterparts.model import Book, Provider
from unisono.demo.counterparts.push import PushService
from unisono.demo.counterparts.telegram import Telegram
from unisono.demo.counterparts.twilio import Twilio
from unisono.demo.counterparts.webhook import WebhookReceiver
from unisono.demo.counterparts.whatsapp import WhatsApp

SMTP_PORT: Final = 8425
HTTP_PORT: Final = 8426


def providers(hook_urls: Mapping[str, str], fcm: Fcm | None = None) -> list[Provider]:
    """One of each provider. ``hook_urls``: where those call us that are not told with each message."""
    return [
        Twilio(),
        WhatsApp(hook_urls.get("whatsapp")),
        Messenger(hook_urls.get("messenger")),
        Instagram(hook_urls.get("instagram")),
        Telegram(),
        PushService(),
        fcm or Fcm(),
        MetaAds(),
        GoogleAds(),
        WebhookReceiver(),
    ]


class Where(msgspec.Struct, frozen=True):
    """The ports the counterparts listen on."""

    smtp: int
    http: int


@asynccontextmanager
async def counterparts(
    *,
    smtp_port: int = 0,
    http_port: int = 0,
    hook_urls: Mapping[str, str] | None = None,
    keep_content: bool = True,
    fcm: Fcm | None = None,
) -> AsyncIterator[tuple[Where, http.Server]]:
    """All of them, listening."""
    book = Book()
    async with (
        smtp.listening(book, smtp_port, keep_content=keep_content) as mail,
        http.serving(providers(hook_urls or {}, fcm), book, http_port) as server,
    ):
        yield Where(mail.port, server.port), server


async def run(smtp_port: int, http_port: int, hook_urls: Mapping[str, str], *, keep_content: bool) -> None:
    """Listen until cancelled."""
    async with counterparts(
        smtp_port=smtp_port, http_port=http_port, hook_urls=hook_urls, keep_content=keep_content
    ) as (where, _):
        sys.stdout.write(msgspec.json.encode(where).decode() + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--hook", action="append", default=[], help="provider=url", metavar="PROVIDER=URL")
    parser.add_argument("--count-only", action="store_true", help="remember no contents: for benches")
    options = parser.parse_args()
    hook_urls = dict(one.split("=", 1) for one in options.hook)
    asyncio.run(run(options.smtp_port, options.http_port, hook_urls, keep_content=not options.count_only))


if __name__ == "__main__":
    main()
