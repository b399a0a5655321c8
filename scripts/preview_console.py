#!/usr/bin/env python3
"""Look at the console without a server: render every screen with invented data and photograph it.

    python scripts/preview_console.py OUT [name ...] [--themes light,dark] [--sizes desktop,tablet,phone] [--locale it]

Writes HTML and PNG files to the folder OUT and prints what the browser complained about. Needs Playwright and a
Chromium (its path in UNISONO_CHROMIUM when Playwright has none of its own).
"""

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "console"))

import gallery  # noqa: E402 - lives beside the tests that use it too

SIZES = {"desktop": (1440, 1180), "tablet": (820, 1180), "phone": (390, 844)}


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
    pages = gallery.render_all(options.locale)
    for name, html in pages.items():
        (options.out / f"{name}.html").write_text(html, encoding="utf-8")
    said: set[str] = set()
    with sync_playwright() as playwright:
        chromium = os.environ.get("UNISONO_CHROMIUM")
        browser = playwright.chromium.launch(executable_path=chromium, args=gallery.FLAGS)
        for theme in options.themes.split(","):
            for size in options.sizes.split(","):
                width, height = SIZES[size]
                with gallery.opened(browser, pages, theme=theme, width=width, height=height) as (page, complaints):
                    for name in options.names or [name for name in pages if name not in gallery.FRAGMENTS]:
                        page.goto(f"{gallery.HOST}/{name}", wait_until="load")
                        page.wait_for_timeout(150)
                        page.screenshot(path=options.out / f"{name}-{theme}-{size}.png", full_page=True)
                    said.update(complaints)
        browser.close()
    sys.stdout.write("\n".join(sorted(said) or ["no complaints"]) + "\n")


if __name__ == "__main__":
    main()
