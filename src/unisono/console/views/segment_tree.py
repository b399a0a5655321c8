"""A segment's rule on its way through the builder's form: boxes read from it, made a rule, and written again.

A half-finished rule can be shown again; boxes become a rule when every field can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unisono.console.views.boxes import FILL_IN, GROUPS, UNREADABLE, Box, count_inside, find
from unisono.console.views.segment_parts import (
    AT_FIRST,
    CONDITIONS,
    LISTS,
    NO_VALUE,
    NUMERIC,
    PATTERNS,
    SPANS,
    UNITS,
    WHERE,
)
from unisono.customers.segments import presets
from unisono.customers.segments.model import MAX_CONDITIONS, MAX_DEPTH, RuleError, encode
from unisono.customers.segments.values import LARGEST, number_of
from unisono.kit.marking import N_

EMPTY_BOX = N_("Add a condition to this box, or remove it.")

PRESET = "preset:"


def may_hold(kind: str) -> frozenset[str]:
    """Kinds of boxes that may lie in one of this kind."""
    if kind in GROUPS:
        return frozenset((*GROUPS, *CONDITIONS))
    if kind == "sequence":
        return frozenset(PATTERNS)
    return frozenset((WHERE,)) if kind in ("event", *PATTERNS) else frozenset()


def fresh(kind: str) -> Box:
    """A box as it is when it was just added."""
    halves = [Box("first"), Box("then")] if kind == "sequence" else []
    return Box(kind, dict(AT_FIRST.get(kind, {})), halves)


# Forms ----------------------------------------------------------------------------------------------------


def read_box(form: Mapping[str, str], path: str = "r", depth: int = 0) -> Box:
    """The box at a path of the form (``r.0.1``), as far as it is one."""
    start = f"{path}."
    kind = form.get(f"{start}kind", "all")
    if depth == 0 and kind not in GROUPS:
        kind = "all"
    typed = {
        key: text
        for name, text in form.items()
        if name.startswith(start) and "." not in (key := name.removeprefix(start)) and key not in ("kind", "n", "add")
    }
    allowed, many = may_hold(kind), count_inside(form, path, MAX_CONDITIONS)
    inside = [read_box(form, f"{path}.{number}", depth + 1) for number in range(many)] if depth <= MAX_DEPTH else []
    inner = [box for box in inside if box.kind in allowed]
    if kind == "sequence":
        inner = [next((box for box in inner if box.kind == half), Box(half)) for half in PATTERNS]
    return Box(kind, typed, inner)


def press(root: Box, form: Mapping[str, str], do: str) -> str:
    """Do what a button of the form asks: add a box, take one away, move it. Returns where the cursor goes then."""
    deed, _, path = do.partition(":")
    found = find(root, path) if path else None
    if found is None:
        return ""
    here, above, place = found
    if deed == "add":
        return _add(here, path, form.get(f"{path}.add", ""))
    if here is root or above.kind == "sequence":
        return ""
    outer = path.rpartition(".")[0]
    if deed == "remove":
        del above.inner[place]
        return f"{outer}.add"
    other = place - 1 if deed == "up" else place + 1
    if deed in ("up", "down") and 0 <= other < len(above.inner):
        above.inner[place], above.inner[other] = above.inner[other], above.inner[place]
        return f"{outer}.{other}.{deed}"
    return ""


def _add(here: Box, path: str, wanted: str) -> str:
    if not here.group:
        wanted = wanted or WHERE
    if wanted.startswith(PRESET) and here.group:
        try:
            made = box_of(encode(presets.fill(wanted.removeprefix(PRESET))))
        except RuleError:
            return ""
    elif wanted in may_hold(here.kind):
        made = fresh(wanted)
    else:
        return ""
    here.inner.append(made)
    return f"{path}.{len(here.inner) - 1}"


# From what is typed to a rule -----------------------------------------------------------------------------


class Reader:
    """Reads boxes; what cannot be read is noted by the name of its field, or of its box."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.places: dict[str, str] = {}
        """Where in the rule (``$.of[1]``) a box of the form went."""

    def rule(self, root: Box) -> dict[str, Any] | None:
        """The rule of all boxes; None when something is missing (`faults`)."""
        made = self._box(root, "r", "$")
        return None if self.faults else made

    def _box(self, box: Box, path: str, place: str) -> dict[str, Any]:
        self.places[place] = path
        if box.group:
            if not box.inner:
                self.faults[path] = EMPTY_BOX
            of = [self._box(one, f"{path}.{n}", f"{place}.of[{n}]") for n, one in enumerate(box.inner)]
            return {"is": box.kind, "of": of}
        return {"is": box.kind, **getattr(self, f"_{box.kind}")(box, path)}

    def _text(self, box: Box, path: str, key: str) -> str:
        text = box.typed.get(key, "").strip()
        if not text:
            self.faults[f"{path}.{key}"] = FILL_IN
        return text

    def _number(self, box: Box, path: str, key: str, *, needed: bool = True) -> int | float | None:
        text = box.typed.get(key, "").strip().replace(",", ".")
        if not text:
            if needed:
                self.faults[f"{path}.{key}"] = FILL_IN
            return None
        exact = number_of(text)
        if exact is None or abs(exact) >= LARGEST:
            self.faults[f"{path}.{key}"] = UNREADABLE
            return None
        return int(exact) if exact == exact.to_integral_value() else float(exact)

    def _span(self, box: Box, path: str, key: str, unit: str = "unit", *, needed: bool = True) -> int | None:
        number = self._number(box, path, key, needed=needed)
        if number is None:
            return None
        seconds = number * UNITS.get(box.typed.get(unit, ""), UNITS["days"])[0]
        if seconds <= 0:
            self.faults[f"{path}.{key}"] = UNREADABLE
        return round(seconds)

    def _compared(self, box: Box, path: str) -> dict[str, Any]:
        """An operator and what it takes."""
        op = box.typed.get("op", "is")
        if op in NO_VALUE:
            return {"op": op}
        if op in LISTS:
            values = _names(self._text(box, path, "value"))
            return {"op": op, "value": values}
        if op in SPANS:
            return {"op": op, "value": self._span(box, path, "value")}
        if op in NUMERIC or op == "anniversary_within":
            return {"op": op, "value": self._number(box, path, "value")}
        return {"op": op, "value": self._text(box, path, "value")}

    def _trait(self, box: Box, path: str) -> dict[str, Any]:
        return {"trait": self._text(box, path, "trait"), **self._compared(box, path)}

    def _consent(self, box: Box, path: str) -> dict[str, Any]:
        del path
        return {key: box.typed.get(key, value) for key, value in AT_FIRST["consent"].items()}

    def _pattern(self, box: Box, path: str) -> dict[str, Any]:
        names = [self._text(box, path, "event"), *_names(box.typed.get("also", ""))]
        where = []
        for number, one in enumerate(box.inner):
            inside = f"{path}.{number}"
            where.append({"path": self._text(one, inside, "path"), **self._compared(one, inside)})
        return {"names": names, **({"where": where} if where else {})}

    def _event(self, box: Box, path: str) -> dict[str, Any]:
        made = self._pattern(box, path)
        measure = box.typed.get("measure", "count")
        if measure != "count":
            made["measure"] = measure
        if measure in ("sum", "distinct"):
            made["path"] = self._text(box, path, "path")
        made["op"] = box.typed.get("op", "at_least")
        made["amount"] = self._number(box, path, "amount")
        return {**made, **self._window(box, path)}

    def _window(self, box: Box, path: str) -> dict[str, Any]:
        when = box.typed.get("when", "ever")
        if when == "last":
            return {"within": {"seconds": self._span(box, path, "span")}}
        if when == "between":
            days = {key: box.typed.get(key, "").strip() for key in ("from", "until")}
            if not any(days.values()):
                self.faults[f"{path}.from"] = FILL_IN
            return {"between": {key: text for key, text in days.items() if text}}
        if when == "season":
            name, years = box.typed.get("season", "christmas"), self._number(box, path, "years", needed=False)
            return {"season": {"name": name, "years": 1 if years is None else years}}
        return {}

    def _sequence(self, box: Box, path: str) -> dict[str, Any]:
        first, then = (self._pattern(half, f"{path}.{number}") for number, half in enumerate(box.inner))
        made = {
            "first": first,
            "then": then,
            "within": self._span(box, path, "span"),
            "negated": box.typed.get("followed", "no") != "yes",
        }
        window = self._span(box, path, "window", "window_unit", needed=False)
        return made if window is None else {**made, "window": window}

    def _segment(self, box: Box, path: str) -> dict[str, Any]:
        return {"segment": self._text(box, path, "segment"), "member": box.typed.get("member", "yes") != "no"}

    def _near(self, box: Box, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {"km": self._number(box, path, "km")}
        if box.typed.get("store"):
            return {**made, "store": box.typed["store"]}
        made |= {key: self._number(box, path, key) for key in ("latitude", "longitude")}
        return {**made, "label": box.typed.get("label", "").strip()}

    def _calendar(self, box: Box, path: str) -> dict[str, Any]:
        if box.typed.get("season"):
            return {"season": box.typed["season"]}
        return {key: self._text(box, path, key) for key in ("from", "until")}


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name for one in text.split(",") if (name := one.strip())))


# From a rule to what would have been typed ----------------------------------------------------------------


def box_of(rule: Mapping[str, Any]) -> Box:
    """The box of a rule, as it would have been typed."""
    kind = rule["is"]
    if kind in GROUPS:
        return Box(kind, {}, [box_of(one) for one in rule["of"]])
    if kind == "event":
        return _event_box(rule)
    if kind == "sequence":
        return _sequence_box(rule)
    if kind == "trait":
        return Box(kind, {"trait": rule["trait"], **_typed_value(rule)})
    if kind == "consent":
        return Box(kind, {"purpose": rule["purpose"], "channel": rule.get("channel", "any"),
                          "status": rule.get("status", "granted")})  # fmt: skip
    if kind == "segment":
        return Box(kind, {"segment": rule["segment"], "member": "yes" if rule.get("member", True) else "no"})
    shown = ("store", "latitude", "longitude", "km", "label") if kind == "near" else ("season", "from", "until")
    return Box(kind, {key: _said(rule[key]) for key in shown if rule.get(key) not in (None, "")})


def root_of(rule: Mapping[str, Any]) -> Box:
    """The outermost box, always a group."""
    box = box_of(rule)
    return box if box.group else Box("all", {}, [box])


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _span_text(seconds: int, key: str = "span", unit: str = "unit") -> dict[str, str]:
    name, length = next((name, length) for name, (length, _) in UNITS.items() if seconds % length == 0)
    return {key: str(seconds // length), unit: name}


def _typed_value(rule: Mapping[str, Any]) -> dict[str, str]:
    op, value = rule["op"], rule.get("value")
    if op in SPANS and isinstance(value, int):
        return {"op": op, **_span_text(value, "value")}
    if isinstance(value, list):
        return {"op": op, "value": ", ".join(_said(one) for one in value)}
    return {"op": op} if value is None else {"op": op, "value": _said(value)}


def _pattern_box(kind: str, pattern: Mapping[str, Any]) -> Box:
    names = list(pattern["names"]) or [""]
    typed = {"event": names[0], "also": ", ".join(names[1:])}
    inner = [Box(WHERE, {"path": one["path"], **_typed_value(one)}) for one in pattern.get("where", ())]
    return Box(kind, {key: text for key, text in typed.items() if text}, inner)


def _event_box(rule: Mapping[str, Any]) -> Box:
    box = _pattern_box("event", rule)
    box.typed |= {
        "measure": rule.get("measure", "count"),
        "op": rule.get("op", "at_least"),
        "amount": _said(rule.get("amount", 1)),
        "when": "ever",
    }
    if rule.get("path"):
        box.typed["path"] = rule["path"]
    if rule.get("within"):
        box.typed |= {"when": "last", **_span_text(rule["within"]["seconds"])}
    elif rule.get("between"):
        box.typed |= {"when": "between", **{key: text for key, text in rule["between"].items() if text}}
    elif rule.get("season"):
        season = rule["season"]
        box.typed |= {"when": "season", "season": season["name"], "years": str(season.get("years", 1))}
    return box


def _sequence_box(rule: Mapping[str, Any]) -> Box:
    typed = {"followed": "no" if rule.get("negated", True) else "yes", **_span_text(rule["within"])}
    window = rule.get("window")
    typed |= {"window_unit": "days"} if window is None else _span_text(window, "window", "window_unit")
    return Box("sequence", typed, [_pattern_box(half, rule[half]) for half in PATTERNS])


def sayable(rule: Mapping[str, Any]) -> bool:
    """Whether boxes say the whole rule: some values, as those with commas in them, only YAML can."""
    reader = Reader()
    again = reader.rule(root_of(rule))
    return again is not None and _bare(again) == _bare(rule)


def _bare(value: Any) -> Any:
    """A rule without what is so anyway, its values as texts: to tell whether two say the same."""
    if isinstance(value, Mapping):
        if value.get("is") in ("all", "any") and len(value["of"]) == 1:
            return _bare(value["of"][0])
        skipped = {"latitude", "longitude", "label"} if value.get("store") else set()
        return {
            key: _bare(inner)
            for key, inner in value.items()
            if key not in skipped and inner not in (None, "", []) and (key, inner) not in _ANYWAY
        }
    if isinstance(value, list | tuple):
        return [_bare(one) for one in value]
    exact = number_of(value)
    return _said(value) if exact is None else str(exact)


_ANYWAY: list[tuple[str, Any]] = [
    ("channel", "any"), ("status", "granted"), ("measure", "count"), ("op", "at_least"), ("amount", 1),
    ("negated", True), ("member", True), ("years", 1),
]  # fmt: skip
