"""A picture for every product that has none: three ridges of mountains, always the same for the same code."""

from __future__ import annotations

import hashlib
from typing import Final

from markupsafe import Markup

WIDTH: Final = 320
HEIGHT: Final = 200
HUES: Final = 6
POINTS: Final = 7


def ridge(code: str, *, hue_of: str | None = None, wide: bool = False) -> Markup:
    """An SVG drawing for a product code; products of one ``hue_of`` (a category) share a colour. ``wide`` is the shop's
    own: in its own green, drawn as broad as its place is."""
    seed = hashlib.blake2b(code.encode(), digest_size=32).digest()
    hue = 0 if wide else hashlib.blake2b((hue_of or code).encode(), digest_size=2).digest()[0] % HUES
    fit = "none" if wide else "xMidYMax slice"
    sun_x, sun_y = 50 + seed[30] * 220 // 255, 38 + seed[31] * 40 // 255
    layers = [_layer(seed, layer) for layer in range(3)]
    # Numbers only: nothing of the code is in it.
    drawing = "".join(f'<path class="r{layer}" d="{path}"/>' for layer, path in enumerate(layers))
    return Markup(  # noqa: S704
        f'<svg class="ridge hue-{hue}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="{fit}" '
        f'aria-hidden="true" focusable="false"><circle class="sun" cx="{sun_x}" cy="{sun_y}" r="17"/>{drawing}</svg>'
    )


def _layer(seed: bytes, layer: int) -> str:
    step = WIDTH / (POINTS - 1)
    base, height = 92 + layer * 34, 62 - layer * 14
    points = []
    for place in range(POINTS):
        chance = seed[layer * POINTS + place]
        peak = place % 2 == layer % 2
        y = base + (0 if peak else height // 2) - chance * height // 420
        shift = (seed[(layer * 3 + place) % 29] - 128) * step / 700
        points.append((min(max(place * step + shift, 0), WIDTH), y))
    points[0] = (0, points[0][1])
    points[-1] = (WIDTH, points[-1][1])
    line = " ".join(f"{x:.0f} {y}" for x, y in points)
    return f"M0 {HEIGHT} L{line} L{WIDTH} {HEIGHT} Z"
