"""A shop page with the snippet in it, and a collector that counts what reaches it.

`Site` serves both from real threads. Give it `collector_url` to let the page load the script from, and
post to, another server (the engine): then `Site` only serves the pages.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page

from unisono.customers.collect.browser import etag, snippet

STUB = "window.unisono = window.unisono || [];"
STORED = "JSON.stringify([Object.keys(localStorage).sort(), document.cookie])"
# The quarter of a second in which calls gather becomes a minute: the page is sure to go before.
SLOW_BATCHES = "const wait = setTimeout; window.setTimeout = (f, ms) => wait(f, ms === 250 ? 60000 : ms)"
Open = Callable[..., Coroutine[Any, Any, Page]]


@dataclass(frozen=True)
class Answer:
    """What the collector does with one POST; `record=False` forgets it, as a server that died would."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    record: bool = True


@dataclass(frozen=True)
class Received:
    """One POST as it arrived."""

    path: str
    query: dict[str, list[str]]
    content_type: str
    size: int
    body: dict[str, Any]
    at: float
    status: int


class Site:
    """Pages and a counting collector on one loopback port."""

    def __init__(self, collector_url: str = "") -> None:
        self.collector_url = collector_url
        self.posts: list[Received] = []
        self.requests: list[str] = []
        self.answers: deque[Answer] = deque()
        self.default = Answer()
        self.pages: dict[str, tuple[str, str, dict[str, str]]] = {}
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget what was received and planned."""
        with self._lock:
            self.posts.clear()
            self.requests.clear()
            self.answers.clear()
            self.pages.clear()
            self.default = Answer()

    def page(
        self,
        path: str = "/shop",
        *,
        consent: str | None = "granted",
        early: str = "",
        headers: Mapping[str, str] | None = None,
        write_key: str = "WK",
        inline: bool = True,
    ) -> str:
        """Define a page with the snippet and return its address.

        `early` is JavaScript run before the snippet loads; `inline=False` puts it into a file of its own,
        for pages whose policy forbids inline scripts.
        """
        attribute = "" if consent is None else f' data-consent="{consent}"'
        if inline:
            stub = f"<script>{STUB}{early}</script>"
        else:
            stub = f'<script src="{path}.js"></script>'
            self.pages[f"{path}.js"] = (STUB + early, "text/javascript", {})
        html = (
            f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{stub}"
            f'<script async src="{self.collector_url}/unisono.js" data-write-key="{write_key}"{attribute}></script>'
        )
        self.pages[path] = (html, "text/html; charset=utf-8", dict(headers or {}))
        return self.url + path

    def events(self, status: int = 200) -> list[dict[str, Any]]:
        """Return the events of the POSTs that were answered with `status`, in order of arrival."""
        with self._lock:
            return [event for post in self.posts if post.status == status for event in post.body["batch"]]

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the accepted track events called `name`."""
        return [event for event in self.events() if event.get("event") == name]

    def counts(self) -> Counter[str]:
        """Return how often each message id was accepted."""
        return Counter(event["messageId"] for event in self.events())

    async def until(self, condition: Callable[[], object], seconds: float = 8.0) -> None:
        """Wait until `condition` is true; fail with what was received when it is not after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s; received {self.posts}"
            await asyncio.sleep(0.02)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

            def reply(self, status: int, kind: str, content: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                common = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
                for name, value in {**common, "Content-Type": kind, **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path != "/favicon.ico":  # the browser's own request
                    site.requests.append(f"GET {path}")
                if path == "/unisono.js":
                    self.reply(200, "text/javascript; charset=utf-8", snippet(), {"ETag": etag()})
                elif path in site.pages:
                    text, kind, headers = site.pages[path]
                    self.reply(200, kind, text.encode(), headers)
                else:
                    self.reply(404, "text/plain", b"", {})

            def do_OPTIONS(self) -> None:
                site.requests.append(f"OPTIONS {self.path}")
                self.reply(405, "text/plain", b"", {})

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                parts = urlsplit(self.path)
                with site._lock:
                    answer = site.answers.popleft() if site.answers else site.default
                    site.requests.append(f"POST {parts.path}")
                    if answer.record:
                        kind = self.headers.get("Content-Type", "")
                        query, body = parse_qs(parts.query), json.loads(raw)
                        site.posts.append(
                            Received(parts.path, query, kind, len(raw), body, time.monotonic(), answer.status)
                        )
                time.sleep(answer.delay)
                try:
                    self.reply(answer.status, "application/json", b'{"success": true}', answer.headers)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the page went away before its answer

        return Handler
