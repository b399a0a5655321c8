"""The console in a browser without a server: screens and static files answered from memory, with the real policy."""

import functools
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager

import samples
from playwright.sync_api import Browser, Page, Route

from unisono.console.contexts import Palette
from unisono.console.rendering import STATIC, build_environment, render_screen
from unisono.console.security import FRAME_POLICY

HOST = "http://console.test"
POLICY = "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


FRAGMENTS = {"palette", "raw_inside"}
"""What is no page of its own."""
KNOWN = {
    "/console/people": "people",
    "/console/palette": "palette",
    "/console/promotion-builder": "promotion_builder",
}
"""Addresses that answer with a sample screen; any other takes the screen of its name."""


@functools.cache
def render_all(locale: str = "en") -> dict[str, str]:
    """Every sample screen as HTML, by name."""
    environment = build_environment(locale)
    pages = {
        name: render_screen(environment, shell, view, fragment=isinstance(view, Palette))
        for name, shell, view in samples.screens(locale)
    }
    raw = next((shell, view) for name, shell, view in samples.screens(locale) if name == "raw")
    return pages | {"raw_inside": render_screen(environment, *raw, fragment=True)}


def answer(route: Route, pages: dict[str, str]) -> None:
    """Answer one request of the browser."""
    path = route.request.url.removeprefix(HOST).split("?")[0]
    if path.startswith("/console/static/"):
        file = STATIC / path.removeprefix("/console/static/")
        kind = mimetypes.guess_type(file.name)[0] or "text/plain"
        route.fulfill(body=file.read_bytes(), content_type=kind)
    elif path.endswith("/frame"):
        mail = "<!doctype html><html lang=en><title>Mail</title><main><h1>Spring</h1><p>Ciao</p></main>"
        route.fulfill(
            body=mail, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": FRAME_POLICY}
        )
    elif path.endswith("/stream"):
        route.fulfill(body="", content_type="text/event-stream")
    else:
        name = "raw_inside" if path.startswith("/console/events/") else KNOWN.get(path, path.strip("/"))
        headers = {"Content-Security-Policy": POLICY}
        route.fulfill(body=pages.get(name, ""), content_type="text/html; charset=utf-8", headers=headers)


@contextmanager
def opened(
    browser: Browser, pages: dict[str, str], *, theme: str, width: int = 1440, height: int = 1180
) -> Iterator[tuple[Page, list[str]]]:
    """A page on the gallery, and what the browser complained about so far."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=width < 1200,
    )
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.route("**/*", lambda route: answer(route, pages))
    yield page, complaints
    context.close()
