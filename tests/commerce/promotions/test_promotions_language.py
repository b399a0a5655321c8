"""The language is a contract: what the page names exists, and what exists is named; mistakes have their place."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest

from tests.support.promotions import percent
from tests.support.tree import ROOT
from unisono.commerce.promotions import language
from unisono.commerce.promotions.checking import read_definition
from unisono.commerce.promotions.errors import BadPromotion

PAGE = (ROOT / "docs/how-to/promotions.md").read_text("utf-8")


def fields_of(struct: Any) -> set[str]:
    return set(struct.__struct_encode_fields__)


def test_the_promotion_of_the_page_can_be_read() -> None:
    """As it is written there."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert read_definition(text, written_in="yaml").code == "spring-shoes"


def test_every_kind_and_field_is_on_the_page() -> None:
    """And no other kind."""
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`([a-z_]+)`", " ".join(line.split("|")[1] for line in tables.splitlines())))
    structs = [*get_args(language.Condition), *get_args(language.Effect)]
    assert {struct.__struct_config__.tag for struct in structs} == named - {"kind"}
    wanted = set().union(*(fields_of(struct) for struct in structs), fields_of(language.Lines))
    assert {field for field in wanted if f"`{field}`" not in PAGE} == set()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"code": "Ten"}, "$.code"),
        ({"code": "ten\n"}, "$.code"),
        ({"name": "a\x00b"}, "$.name"),
        ({"texts": {"it": "a\x07"}}, "$.texts.it"),
        ({"combinable": False, "combines_with": ["a"]}, "$.combines_with"),
        ({"budget_minor": 5}, "$.currency"),
        ({"currency": "XYZ"}, "$.currency"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "$.starts_at"),
        ({"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "$.ends_at"),
        ({"conditions": {"kind": "subtotal"}}, "$.conditions"),
        ({"conditions": {"kind": "dates"}}, "$.conditions"),
        ({"conditions": {"kind": "dates", "from": "2026-02-01", "to": "2026-01-01"}}, "$.conditions.to"),
        ({"conditions": {"kind": "quantity", "at_least": 5, "at_most": 4}}, "$.conditions"),
        (
            {"conditions": {"kind": "not", "of": {"kind": "hours", "from": "10:00", "to": "10:00"}}},
            "$.conditions.of.to",
        ),
        ({"effects": []}, "$.effects"),
        ({"effects": [{"kind": "points"}]}, "$.effects[0]"),
        ({"effects": [{"kind": "bundle", "price_minor": 5, "items": []}]}, "$.effects[0].items"),
        ({"effects": [percent(10, level="catalogue"), percent(10)]}, "$.effects"),
        ({"effects": [percent(1.5)]}, "$.effects[0].percent_bp"),
    ],
    ids=str,
)
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], where: str) -> None:
    """Whether the types tell it or the sense."""
    with pytest.raises(BadPromotion) as caught:
        read_definition(msgspec.json.encode({"code": "ten", "name": "Ten", "effects": [percent(1000)]} | changes))
    assert caught.value.extra["problems"][0]["where"] == where
