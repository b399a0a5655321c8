"""The console's style sheets: one place for colours and lengths, and readable pairs of them."""

import re
from pathlib import Path

import pytest

import unisono.console
from unisono.console.rendering import STYLESHEETS

CSS = Path(unisono.console.__file__).parent / "static" / "css"
TOKENS = (CSS / "tokens.css").read_text(encoding="utf-8")
OTHERS = sorted(path for path in CSS.glob("*.css") if path.name != "tokens.css")
TEMPLATES = Path(unisono.console.__file__).parent / "templates"

RAW = re.compile(
    r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|color-mix)\(|(?<![\w-])\d*\.?\d+px\b"
)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PAIR = re.compile(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)")
LAYER_OF = {
    **dict.fromkeys(("forms", "staff"), "components"),
    **dict.fromkeys(("person", "commerce", "orders", "sends", "voice"), "screens"),
    "segments": "screens",
}
"""Sheets that share a layer; any other is named after its own."""

COLOURS = {name: (light, dark) for name, light, dark in PAIR.findall(TOKENS)}

TEXT_PAIRS = [(text, ground) for ground in ("paper", "card") for text in ("ink", "soft", "accent", "warning-ink")] + [
    ("ink", "accent-soft"),
    ("soft", "accent-soft"),
    ("accent", "accent-soft"),
    ("ink", "warning-soft"),
    ("warning-ink", "warning-soft"),
    ("on-accent", "accent"),
    ("on-ink", "ink"),
]
"""Text on ground: WCAG 2.2 AA asks 4.5 to 1."""

GRAPHIC_PAIRS = [
    *(("card", hue) for hue in ("web", "app", "store", "messages", "service")),
    *((ground, mark) for ground in ("paper", "card") for mark in ("edge", "accent", "warning")),
]
"""Ground and mark: WCAG 2.2 AA asks 3 to 1 of control edges, focus rings and the staff's notes (on a card).
A dot of the timeline (on paper) only repeats the channel written beside it, so it is free of the rule."""


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2), 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_raw_colour_or_pixel_outside_the_tokens(path: Path) -> None:
    """Only tokens.css names a colour or a pixel."""
    assert RAW.findall(COMMENT.sub("", path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_every_used_token_is_defined(path: Path) -> None:
    """A misspelt custom property would silently draw nothing."""
    text = COMMENT.sub("", path.read_text(encoding="utf-8"))
    defined = set(re.findall(r"(--[\w-]+):", TOKENS + text))
    assert set(re.findall(r"var\((--[\w-]+)", text)) - defined == set()


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_every_sheet_lives_in_one_layer(path: Path) -> None:
    """A sheet holds exactly one layer of those whose order tokens.css declares."""
    text = COMMENT.sub("", path.read_text(encoding="utf-8")).strip()
    order = re.search(r"@layer ([\w, ]+);", TOKENS)
    layer = LAYER_OF.get(path.stem, path.stem)
    assert order
    assert layer in order[1].split(", ")
    assert re.findall(r"@layer ([\w-]+)", text) == [layer]
    assert text.startswith(f"@layer {layer} {{")
    assert text.endswith("}")


def test_every_sheet_is_linked() -> None:
    """A sheet that no page loads would silently paint nothing."""
    assert {path.stem for path in OTHERS} | {"tokens"} == set(STYLESHEETS)
    assert STYLESHEETS[0] == "tokens"


@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(text: str, ground: str, theme: int) -> None:
    """Text reaches 4.5 to 1 in both themes."""
    assert contrast(COLOURS[text][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize(("ground", "mark"), GRAPHIC_PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_marks_are_visible_on_their_ground(ground: str, mark: str, theme: int) -> None:
    """Notes, control edges and rings reach 3 to 1 in both themes."""
    assert contrast(COLOURS[mark][theme], COLOURS[ground][theme]) >= 3


def test_the_named_colours_are_the_designed_ones() -> None:
    """The palette is the one of the design, to the digit."""
    assert COLOURS["paper"] == ("#faf9f6", "#14171a")
    assert COLOURS["card"] == ("#ffffff", "#1b1f23")
    assert COLOURS["ink"] == ("#1c2024", "#e9e7e2")
    assert COLOURS["soft"] == ("#5d6570", "#9aa3ad")
    assert COLOURS["line"] == ("#e6e3dc", "#2b3137")
    assert COLOURS["accent"] == ("#0d5c4d", "#5fc2ab")
    assert COLOURS["accent-soft"] == ("#e4efec", "#1b302c")
    assert COLOURS["warning"] == ("#b4532a", "#e39470")
    assert COLOURS["warning-soft"] == ("#f8e9e1", "#36251d")
    assert [COLOURS[hue][0] for hue in ("web", "app", "store", "messages", "service")] == [
        "#3b6fb5", "#7d5ba6", "#0d5c4d", "#c08a1e", "#b4532a",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_inline_style_or_script(path: Path) -> None:
    """The policy is default-src 'self': no style attribute, no inline script, no handler attribute."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|hx-on|hx-vals=.js:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
