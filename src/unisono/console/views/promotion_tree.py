"""A promotion's rule on its way through the builder's form: boxes read from it, made a definition, and written again.

A half-finished rule can be shown again; boxes become a definition when every field can be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from unisono.console.views.boxes import EFFECTS_BOX, FILL_IN, GROUPS, UNREADABLE, Box, count_inside, find
from unisono.console.views.commerce import amount_text, amount_typed, whole_typed
from unisono.console.views.promotion_parts import CONDITIONS, EFFECTS, EXCEPT, GOODS, Part, Shape
from unisono.console.words import Words
from unisono.kit.errors import BadRequest

MOST_BOXES = 200
DEEPEST = 8
BUNDLE = 3

_NUMBER = re.compile(r"(\d{1,6})(?:[.,](\d{1,4}))?")


# Forms ----------------------------------------------------------------------------------------------------


def read_box(form: Mapping[str, str], path: str, depth: int = 0) -> Box:
    """The box at a path of the form (``c.0.1``), as far as it is one."""
    kind = form.get(f"{path}.kind", "all")
    if kind in GROUPS or kind == EFFECTS_BOX:
        many = count_inside(form, path, MOST_BOXES)
        inside = [read_box(form, f"{path}.{number}", depth + 1) for number in range(many)] if depth < DEEPEST else []
        known = CONDITIONS if path.startswith("c") else EFFECTS
        return Box(kind, {}, [box for box in inside if box.group or box.kind in known])
    start = f"{path}."
    return Box(kind, {name.removeprefix(start): text for name, text in form.items() if name.startswith(start)})


def press(conditions: Box, effects: Box, form: Mapping[str, str], do: str) -> None:
    """Do what a button of the form asks: add a box, take one away."""
    deed, _, path = do.partition(":")
    root = effects if path.startswith("e") else conditions
    found = find(root, path) if path else None
    if found is None:
        return
    here, above, place = found
    if deed == "remove" and here is not root:
        del above.inner[place]
    elif deed == "add" and here.group and len(here.inner) < MOST_BOXES:
        kind = form.get(f"{path}.add", "")
        if kind in (EFFECTS if root is effects else {**GROUPS, **CONDITIONS}):
            here.inner.append(Box(kind))


# From what is typed to a definition -----------------------------------------------------------------------


class Reader:
    """Reads boxes; what cannot be read is noted by the name of its field."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.faults: dict[str, str] = {}
        self.amounts = False

    def value(self, part: Part, text: str, name: str) -> Any:
        """What was typed into a field; None when nothing was, or it is at fault."""
        plain = text.strip()
        if not plain:
            if part.needed:
                self.faults[name] = FILL_IN
            return None
        try:
            return self._read(part, plain)
        except BadRequest:
            self.faults[name] = UNREADABLE
            return None

    def _read(self, part: Part, text: str) -> Any:
        if part.kind == "money":
            self.amounts = True
            return amount_typed(text, self.currency)
        if part.kind == "whole":
            return whole_typed(text, field=part.key)
        if part.kind in ("percent", "factor"):
            found = _NUMBER.fullmatch(text.removesuffix("%").strip())
            if found is None:
                raise BadRequest("This is no number.")
            scaled = Decimal(f"{found[1]}.{found[2] or 0}") * (100 if part.kind == "percent" else 10_000)
            if scaled != int(scaled):
                raise BadRequest("This number is too exact.")
            return int(scaled)
        if part.kind in ("names", "checks"):
            return sorted({one.strip() for one in text.split(",")} - {""}) or None
        return {"yes": True, "no": False}.get(text, text) if part.options == "yes_no" else text

    def condition(self, box: Box, path: str) -> dict[str, Any] | None:
        """A condition; None of a group without boxes."""
        if not box.group:
            return self._part(box, CONDITIONS[box.kind], path)
        inner = [
            made
            for number, one in enumerate(box.inner)
            if (made := self.condition(one, f"{path}.{number}")) is not None
        ]
        if not inner:
            return None
        if box.kind == "none":
            return {"kind": "not", "of": inner[0] if len(inner) == 1 else {"kind": "any", "of": inner}}
        return inner[0] if len(inner) == 1 else {"kind": box.kind, "of": inner}

    def effect(self, box: Box, path: str) -> dict[str, Any]:
        """An effect."""
        made = self._part(box, EFFECTS[box.kind], path)
        if box.kind == "bundle":
            items = []
            for number in range(BUNDLE):
                lines, quantity = made.pop(f"items{number}", None), made.pop(f"quantity{number}", None)
                if lines is not None:
                    items.append({"lines": lines, "quantity": quantity or 1})
            made["items"] = items
            if not items:
                self.faults[f"{path}.items0.skus"] = FILL_IN
        elif box.kind == "fixed_price" and "lines" not in made:
            self.faults[f"{path}.lines.skus"] = FILL_IN
        return made

    def _part(self, box: Box, shape: Shape, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {"kind": box.kind}
        for part in shape.parts:
            value = self.value(part, box.typed.get(part.key, ""), f"{path}.{part.key}")
            if value is not None:
                made[part.key] = value
        if box.kind == "trait" and "any_of" in made:
            made["any_of"] = [{"true": True, "false": False}.get(one, one) for one in made["any_of"]]
        for key, _ in shape.goods:
            lines = self._goods(box, key, path)
            if lines:
                made[key] = lines
        return made

    def _goods(self, box: Box, key: str, path: str) -> dict[str, Any]:
        made = self._described(box, key, path)
        but = self._described(box, f"{key}.but", path)
        return {**made, "but_not": but} if but else made

    def _described(self, box: Box, key: str, path: str) -> dict[str, Any]:
        found = {}
        for part in GOODS:
            value = self.value(part, box.typed.get(f"{key}.{part.key}", ""), f"{path}.{key}.{part.key}")
            if value is not None:
                found[part.key] = value
        return found


# From a definition to what would have been typed ----------------------------------------------------------


class Writer:
    """Writes a definition's parts as they would have been typed."""

    def __init__(self, currency: str, words: Words) -> None:
        self.currency = currency
        self.words = words

    def text(self, part: Part, value: Any) -> str:
        """A value as it is typed."""
        if value is None:
            return ""
        if part.kind == "money":
            return amount_text(value, self.currency, self.words)
        if part.kind in ("percent", "factor"):
            number = f"{Decimal(value) / (100 if part.kind == 'percent' else 10_000):f}"
            return number.replace(".", ",") if self.words.language == "it" else number
        if part.options == "yes_no":
            return "yes" if value else "no"
        if isinstance(value, list | tuple | set | frozenset):
            return ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in sorted(value, key=str))
        return str(value)

    def condition(self, made: dict[str, Any]) -> Box:
        """The box of a condition."""
        kind = made["kind"]
        if kind in ("all", "any"):
            return Box(kind, {}, [self.condition(one) for one in made["of"]])
        if kind == "not":
            of = made["of"]
            inner = of["of"] if of["kind"] == "any" else [of]
            return Box("none", {}, [self.condition(one) for one in inner])
        return self._part(made, CONDITIONS[kind])

    def conditions(self, made: dict[str, Any] | None) -> Box:
        """The outermost box, always a group."""
        if made is None:
            return Box("all")
        box = self.condition(made)
        return box if box.group else Box("all", {}, [box])

    def effect(self, made: dict[str, Any]) -> Box:
        """The box of an effect."""
        if made["kind"] == "bundle":
            made = dict(made)
            for number, item in enumerate(made.pop("items")[:BUNDLE]):
                made[f"items{number}"], made[f"quantity{number}"] = item["lines"], item.get("quantity", 1)
        return self._part(made, EFFECTS[made["kind"]])

    def _part(self, made: dict[str, Any], shape: Shape) -> Box:
        typed = {part.key: self.text(part, made.get(part.key)) for part in shape.parts}
        for key, _ in shape.goods:
            lines = made.get(key) or {}
            for part in GOODS:
                typed[f"{key}.{part.key}"] = self.text(part, lines.get(part.key))
                if part.key in EXCEPT:
                    typed[f"{key}.but.{part.key}"] = self.text(part, (lines.get("but_not") or {}).get(part.key))
        return Box(made["kind"], {name: text for name, text in typed.items() if text})


def plain(value: Any) -> Any:
    """A definition without what says nothing: groups of one, what is so anyway; to tell whether two are one."""
    if isinstance(value, dict):
        if value.get("kind") in ("all", "any") and len(value["of"]) == 1:
            return plain(value["of"][0])
        kept = {name: plain(inner) for name, inner in value.items() if inner not in (None, [], {}, "")}
        return {name: inner for name, inner in kept.items() if (name, inner) not in _SAID_ANYWAY}
    if isinstance(value, list | tuple):
        told = [plain(one) for one in value]
        return sorted(told) if all(isinstance(one, str) for one in told) else told
    return value


_SAID_ANYWAY: list[tuple[str, Any]] = [
    ("level", "order"), ("quantity", 1), ("factor_bp", 10_000), ("bonus", 0), ("days_before", 0), ("days_after", 0),
    ("priority", 0), ("combinable", True), ("needs_coupon", False),
]  # fmt: skip
