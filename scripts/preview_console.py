#!/usr/bin/env python3
"""Look at the console without a server: render every screen with invented data and photograph it.

    python scripts/preview_console.py OUT [name ...] [--themes light,dark] [--sizes desktop,tablet,phone] [--locale it]

Writes HTML and PNG files to the folder OUT and prints what the browser complained about. Needs Playwright and a
Chromium (its path in UNISONO_CHROMIUM when Playwright has none of its own).
"""

import argparse
import mimetypes
import os
import sys
from pathlib import Path

from playwright.sync_api import Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "console"))

import samples  # noqa: E402 - lives beside the tests that use it too

from unisono.console.contexts import Palette  # noqa: E402
from unisono.console.rendering import STATIC, build_environment, render_screen  # noqa: E402

SIZES = {"desktop": (1440, 1180), "tablet": (820, 1180), "phone": (390, 844)}
POLICY = "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HOST = "http://console.test"


def serve(route: Route, pages: dict[str, str]) -> None:
    """Answer the browser from memory and from the static folder, with the policy of the real server."""
    path = route.request.url.removeprefix(HOST).split("?")[0]
    if path.startswith("/console/static/"):
        file = STATIC / path.removeprefix("/console/static/")
        if not file.is_file():
            route.fulfill(status=404, body="")
            return
        kind = mimetypes.guess_type(file.name)[0] or "text/plain"
        route.fulfill(body=file.read_bytes(), content_type=kind)
        return
    body = pages.get(path.strip("/"), pages["palette"] if path.endswith("palette") else "")
    route.fulfill(body=body, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})


def shoot(page: Page, name: str, target: Path) -> None:
    """Open one screen and keep a picture of all of it."""
    page.goto(f"{HOST}/{name}", wait_until="load")
    page.wait_for_timeout(120)
    page.screenshot(path=target, full_page=True)


def main() -> None:
    """Render, photograph, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--sizes", default="desktop,tablet")
    parser.add_argument("--locale", default="en")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    environment = build_environment(options.locale)
    pages = {
        name: render_screen(environment, shell, view, fragment=isinstance(view, Palette))
        for name, shell, view in samples.screens(options.locale)
    }
    for name, html in pages.items():
        (options.out / f"{name}.html").write_text(html, encoding="utf-8")
    complaints: set[str] = set()
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("UNISONO_CHROMIUM"), args=flags)
        for theme in options.themes.split(","):
            for size in options.sizes.split(","):
                width, height = SIZES[size]
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    has_touch=size != "desktop",
                )
                page = context.new_page()
                page.on("console", lambda message: complaints.add(f"{message.type}: {message.text}"))
                page.on("pageerror", lambda error: complaints.add(f"error: {error}"))
                page.route("**/*", lambda route: serve(route, pages))
                for name in options.names or [name for name in pages if name != "palette"]:
                    shoot(page, name, options.out / f"{name}-{theme}-{size}.png")
                context.close()
        browser.close()
    sys.stdout.write("\n".join(sorted(complaints) or ["no complaints"]) + "\n")


if __name__ == "__main__":
    main()
