"""The builder of segments: a draft as it stands in the form, and its boxes drawn with what there is to choose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from babel.numbers import format_decimal

from unisono.console import contexts as c
from unisono.console.completing import Completer, Known
from unisono.console.views.boxes import GROUPS, Box
from unisono.console.views.segment_parts import (
    CONDITIONS,
    PATTERNS,
    PRESET_GROUPS,
    WHERE,
    WHERE_TITLE,
    Part,
    parts_of,
)
from unisono.console.views.segment_tree import PRESET
from unisono.console.words import Words
from unisono.customers.segments import presets
from unisono.customers.segments.model import PURCHASES
from unisono.customers.segments.validation import OWN_PATHS
from unisono.customers.segments.wording import NAMES, event_called
from unisono.kit.marking import N_

ANY_PURCHASE = N_("any purchase")

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_PLACE = re.compile(r"`(\$[^`]*)`")


class Offers(NamedTuple):
    """What there is to choose from."""

    known: Mapping[str, Sequence[Known]]
    """By the full name of a field."""
    segments: Sequence[tuple[str, str]] = ()
    stores: Sequence[tuple[str, str]] = ()


def event_names(box: Box) -> list[str]:
    """The events a box is about."""
    also = (name.strip() for name in box.typed.get("also", "").split(","))
    return [name for name in (box.typed.get("event", "").strip(), *also) if name]


async def offers_for(completer: Completer, root: Box, computed: Sequence[str]) -> dict[str, Sequence[Known]]:
    """What is known for each field of these boxes."""
    known: dict[str, Sequence[Known]] = {}

    async def walk(box: Box, path: str, above: Box | None) -> None:
        for part in parts_of(box.kind, box.typed):
            if part.known:
                known[f"{path}.{part.key}"] = await _known(completer, part, box, above, computed)
        for number, one in enumerate(box.inner):
            await walk(one, f"{path}.{number}", box)

    await walk(root, "r", None)
    return known


async def _known(
    completer: Completer, part: Part, box: Box, above: Box | None, computed: Sequence[str]
) -> Sequence[Known]:
    about = event_names(above if box.kind == WHERE and above is not None else box)
    match part.known:
        case "traits":
            own = [Known(name, 0) for name in ("identified", "namespaces", *computed)]
            return [*await completer.traits(), *own]
        case "trait":
            return await _values_of_trait(completer, box.typed.get("trait", "").strip())
        case "events":
            return [Known(PURCHASES, 0), *await completer.events()]
        case "fields":
            return [*await completer.fields(about), *(Known(name, 0) for name in OWN_PATHS)]
    return await completer.values(about, box.typed.get("path", "").strip())


async def _values_of_trait(completer: Completer, name: str) -> Sequence[Known]:
    if name == "identified":
        return [Known("true", 0), Known("false", 0)]
    return await completer.trait(name) if name else []


def place_of(detail: str) -> str:
    """The place an error of a rule names (``$.of[1].value``); empty when it names none."""
    found = _PLACE.search(detail)
    return found[1] if found else ""


def box_at(place: str, places: Mapping[str, str]) -> str:
    """The box of the form a place of the rule lies in."""
    while place and place not in places:
        cut = max(place.rfind("."), place.rfind("["))
        place = place[:cut] if cut > 0 else ""
    return places.get(place, "")


class Drawer:
    """Draws boxes for the template."""

    def __init__(self, words: Words, offers: Offers, faults: Mapping[str, str], focus: str = "") -> None:
        self.words = words
        self.offers = offers
        self.faults = faults
        self.focus = focus
        self._ = words.gettext

    def root(self, box: Box) -> c.RuleBox:
        """The outermost box."""
        return self._box(box, "r", first=True, last=True, removable=False)

    def _box(self, box: Box, path: str, *, first: bool, last: bool, removable: bool = True) -> c.RuleBox:
        count = len(box.inner)
        fixed = box.kind == "sequence"
        own = self.focus.removeprefix(f"{path}.") if self.focus.startswith(f"{path}.") else ""
        fault = self.faults.get(path, "")
        fields = [self._field(part, path, box) for part in parts_of(box.kind, box.typed)]
        if self.focus == path and fields:
            fields[0] = msgspec.structs.replace(fields[0], focus=True)
        elif self.focus == path:
            own = "kind"
        return c.RuleBox(
            path=path,
            kind=box.kind,
            title=self._title(box.kind),
            group=box.group,
            fields=fields,
            inner=[
                self._box(one, f"{path}.{n}", first=n == 0, last=n == count - 1, removable=not fixed)
                for n, one in enumerate(box.inner)
            ],
            addable=self.addable() if box.group else (),
            add_label=self._("Add a detail") if box.kind in ("event", *PATTERNS) else "",
            fault=self._(fault) if fault else "",
            removable=removable,
            first=first,
            last=last,
            focus=own,
        )

    def _title(self, kind: str) -> str:
        titles = {**GROUPS, **CONDITIONS, **PATTERNS, WHERE: WHERE_TITLE}
        return self._(titles[kind])

    def _field(self, part: Part, path: str, box: Box) -> c.RuleField:
        name, value = f"{path}.{part.key}", box.typed.get(part.key, "")
        fault = self.faults.get(name, "")
        kind = part.kind
        if kind == "day" and value and not _DAY.match(value):
            kind = "text"  # an instant, which a field for days would not show
        return c.RuleField(
            name=name,
            label=self._(part.label),
            kind=kind,
            value=value,
            choices=self._choices(part, box, value),
            known=[(one.value, self._told(one, part)) for one in self.offers.known.get(name, ())],
            fault=self._(fault) if fault else "",
            hint=self._(part.hint) if part.hint else "",
            reshapes=part.reshapes,
        )

    def _told(self, one: Known, part: Part) -> str:
        """What a value on offer is called, where that is not what is typed, and how often it is there."""
        called = ""
        if one.value == PURCHASES:
            called = self._(ANY_PURCHASE)
        elif part.known == "events":
            called = event_called(one.value, self.words.language)
        elif part.known in ("traits", "fields"):
            called = self._(NAMES.get(one.value, ""))
        times = format_decimal(one.times, locale=self.words.language) if one.times else ""
        return " · ".join(text for text in (called if called != one.value else "", times) if text)

    def _choices(self, part: Part, box: Box, value: str) -> list[c.Choice]:
        pairs: list[tuple[str, str]] = [(key, self._(text)) for key, text in part.options.items()]
        if (box.kind, part.key) == ("segment", "segment"):
            pairs = [("", self._("choose one")), *self.offers.segments]
        elif (box.kind, part.key) == ("near", "store"):
            pairs = [("", self._("a point on the map")), *self.offers.stores]
        if part.kind == "select" and value and value not in dict(pairs):
            pairs.append((value, value))
        return [c.Choice(value=key, label=text, selected=key == value) for key, text in pairs]

    def addable(self) -> list[tuple[str, Sequence[c.Choice]]]:
        """What may be added to a group: conditions, boxes, and conditions with names filled in."""
        _ = self._
        conditions = [c.Choice(value=kind, label=_(text)) for kind, text in CONDITIONS.items()]
        boxes = [c.Choice(value=kind, label=_("Box: %(box)s") % {"box": _(text).lower()})
                 for kind, text in GROUPS.items()]  # fmt: skip
        found: list[tuple[str, Sequence[c.Choice]]] = [(_("Conditions"), conditions), (_("Boxes"), boxes)]
        known = presets.presets()
        for group in presets.GROUPS:
            some = [
                c.Choice(value=f"{PRESET}{code}", label=_(presets.TITLES[code]))
                for code, preset in known.items()
                if preset.group == group
            ]
            found.append((_(PRESET_GROUPS[group]), some))
        return found
