"""Conditions people ask for most, with the names filled in: ``presets.yaml`` read, and filled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec
import yaml

from unisono.customers.segments.model import Rule, RuleError, decode
from unisono.kit.marking import N_

FieldType = Literal["days", "hours", "minutes", "count", "number", "score", "text"]

_SECONDS = {"days": 86_400, "hours": 3600, "minutes": 60}

GROUPS = ("orders", "products", "stores", "loyalty", "reviews", "conversations", "company", "scores")
"""In the order they are shown."""


class Field(msgspec.Struct, frozen=True):
    """Something to fill in; days, hours and minutes become seconds."""

    type: FieldType
    default: str | int | float


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition to start from."""

    group: str
    rule: dict[str, Any]
    fields: dict[str, Field] = {}


TITLES: dict[str, str] = {
    "bought": N_("Bought lately"),
    "not_bought": N_("Has not bought lately"),
    "spent": N_("Spent at least"),
    "one_order": N_("Bought exactly once"),
    "bought_in_both": N_("Bought online and in a store"),
    "cart_left": N_("Left a cart"),
    "returned": N_("Made a return"),
    "bought_category": N_("Bought of a category"),
    "bought_product": N_("Bought a product"),
    "viewed_not_bought": N_("Looked at a category and did not buy"),
    "favourite_category": N_("Likes a category best"),
    "visited_store": N_("Was in a store"),
    "lives_near": N_("Lives near a store"),
    "weekend_visitor": N_("Buys in stores at the weekend"),
    "loyalty_member": N_("Holds a loyalty card"),
    "earned_points": N_("Earned points"),
    "points_expired": N_("Lost points"),
    "bad_review": N_("Wrote a bad review"),
    "low_score": N_("Answered a survey with a low score"),
    "wrote_to_us": N_("Wrote to us"),
    "open_complaint": N_("Has a complaint nobody closed"),
    "called": N_("Was called by us or called us"),
    "works_for": N_("Belongs to a company"),
    "deal_open": N_("Has a deal that is neither won nor lost"),
    "score_at_least": N_("Has a score of at least"),
    "birthday": N_("Has a birthday soon"),
}
"""What each is called: English, a msgid."""


@cache
def presets() -> dict[str, Preset]:
    """All presets by code, in the order they are shown."""
    text = (resources.files("unisono.customers.segments") / "presets.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, Preset])


def fill(code: str, values: Mapping[str, Any] | None = None) -> Rule:
    """The rule of a preset with these values; what is not given is as at first. Raises RuleError."""
    preset = presets().get(code)
    if preset is None:
        raise RuleError(f"There is no preset {code[:60]}.", hint=", ".join(presets()))
    given = dict(values or {})
    unknown = set(given) - set(preset.fields)
    if unknown:
        raise RuleError(f"{code} has no field {', '.join(sorted(unknown))}.")
    filled = {name: _filled(name, field, given.get(name, field.default)) for name, field in preset.fields.items()}
    return decode(_replaced(preset.rule, filled))


def _filled(name: str, field: Field, value: Any) -> Any:
    if field.type == "text":
        if not isinstance(value, str):
            raise RuleError(f"{name} is a text.")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RuleError(f"{name} is a number.")
    return round(value * _SECONDS[field.type]) if field.type in _SECONDS else value


def _replaced(value: Any, filled: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one, filled) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, filled) for one in value]
    if isinstance(value, str) and value.startswith("$"):
        return filled[value[1:]]
    return value
