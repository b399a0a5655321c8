"""Rules as people write and read them: YAML, mistakes with their place, sentences, presets, the how-to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support import segments as drawn
from unisono.customers.segments.model import MAX_CONDITIONS, Rule, RuleError, World, decode, decode_json, encode_json
from unisono.customers.segments.presets import GROUPS, TITLES, fill, presets
from unisono.customers.segments.sentence import sentence
from unisono.customers.segments.validation import Names, check_rule, find_cycle
from unisono.customers.segments.yaml_io import Document, dump_rule, dump_yaml, load_rule, load_yaml

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "segment-rules.md"


@settings(max_examples=80, deadline=None, database=None)
@given(drawn.rules)
def test_json_and_yaml_bring_a_rule_back_as_it_was(rule: Rule) -> None:
    """Writing a rule out and reading it gives the same rule, whichever way."""
    assert decode_json(encode_json(rule)) == rule
    assert load_rule(dump_rule(rule)) == rule
    assert sentence(rule)


def test_every_example_of_the_how_to_is_a_sound_rule() -> None:
    """What the documentation shows can be used as it stands, and shows every kind of condition."""
    blocks = re.findall(r"```yaml\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    rules = [load_rule(block) for block in blocks]
    for rule in rules:
        assert check_rule(rule, World(timezone="Europe/Rome")) == []
    text = " ".join(encode_json(rule) for rule in rules)
    assert all(f'"is":"{kind}"' in text for kind in ("all", "any", "none", *drawn.KINDS))


def test_every_preset_is_a_sound_rule_in_a_known_group() -> None:
    """Filled with a text where one is asked for, each preset can be saved."""
    for code, preset in presets().items():
        given_values = {name: "x" for name, field in preset.fields.items() if field.type == "text"}
        assert check_rule(fill(code, given_values), World(), Names(segments=())) == []
    assert {preset.group for preset in presets().values()} == set(GROUPS)
    assert list(presets()) == list(TITLES)


def test_a_preset_refuses_what_it_has_no_place_for() -> None:
    """Unknown presets, unknown fields and wrong types are said."""
    for code, values in (("nonsense", {}), ("bought", {"colour": 1}), ("bought", {"days": "many"})):
        with pytest.raises(RuleError):
            fill(code, values)
    assert fill("cart_left", {"minutes": 30}).within == 1800  # type: ignore[union-attr]


EVENT: dict[str, Any] = {"is": "event", "names": ["Product Viewed"]}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown kind": ({"is": "wish"}, "$.is"),
    "unknown field": ({"is": "event", "names": ["A"], "colour": 1}, "$"),
    "empty group": ({"is": "all", "of": [{"is": "any", "of": []}]}, "$.of[0].of"),
    "number for text": ({"is": "trait", "trait": 5, "op": "is", "value": 1}, "$.trait"),
    "text for number": ({"is": "trait", "trait": "age", "op": "at_least", "value": "old"}, "$.value"),
    "list for one": ({"is": "trait", "trait": "age", "op": "is", "value": [1]}, "$.value"),
    "one for list": ({"is": "trait", "trait": "age", "op": "one_of", "value": 1}, "$.value"),
    "value for known": ({"is": "trait", "trait": "age", "op": "known", "value": 1}, "$.value"),
    "too large": ({"is": "trait", "trait": "age", "op": "at_least", "value": 10**15}, "$.value"),
    "not finite": ({"is": "trait", "trait": "age", "op": "at_least", "value": float("nan")}, "$.value"),
    "no day": ({"is": "trait", "trait": "born", "op": "before", "value": "2026-02-30"}, "$.value"),
    "no seconds": ({"is": "trait", "trait": "born", "op": "within_last", "value": "week"}, "$.value"),
    "no path": ({"is": "trait", "trait": "a..b", "op": "known"}, "$.trait"),
    "NUL": ({"is": "trait", "trait": "a", "op": "is", "value": "\x00"}, "$.value"),
    "surrogate": ({"is": "trait", "trait": "a", "op": "is", "value": "\ud800"}, "$.value"),
    "no names": ({"is": "event", "names": []}, "$.names"),
    "no path of sum": ({**EVENT, "measure": "sum"}, "$.path"),
    "path of count": ({**EVENT, "path": "total"}, "$.path"),
    "two windows": ({**EVENT, "within": {"seconds": 1}, "season": {"name": "easter"}}, "$"),
    "no span": ({**EVENT, "within": {"seconds": 0}}, "$.within.seconds"),
    "no bounds": ({**EVENT, "between": {}}, "$.between"),
    "backwards": ({**EVENT, "between": {"from": "2026-02-01", "until": "2026-01-01"}}, "$.between"),
    "no season": ({**EVENT, "season": {"name": "monsoon"}}, "$.season.name"),
    "clock in where": ({**EVENT, "where": [{"path": "a", "op": "within_last", "value": 1}]}, "$.where[0].op"),
    "short window": (
        {"is": "sequence", "first": {"names": ["A"]}, "then": {"names": ["B"]}, "within": 60, "window": 60},
        "$.window",
    ),
    "no channel": ({"is": "consent", "purpose": "marketing", "channel": "pigeon"}, "$.channel"),
    "no place": ({"is": "near", "km": 5}, "$.latitude"),
    "no day of year": ({"is": "calendar", "from": "13-01", "until": "12-24"}, "$.from"),
}


@pytest.mark.parametrize("mistake", sorted(WRONG))
def test_a_mistake_is_refused_with_its_place(mistake: str) -> None:
    """Whatever cannot be meant is said to be wrong, and where."""
    plain, place = WRONG[mistake]
    with pytest.raises(RuleError, match=re.escape(place) + "`|" + re.escape(place) + "$"):
        check_rule(decode(plain), World())


def test_deep_and_large_rules_are_refused_quickly() -> None:
    """Five thousand nested groups, a list of ten thousand conditions, an avalanche of aliases: an error each."""
    deep = '{"is":"all","of":[' * 5000 + "]}" * 5000
    with pytest.raises(RuleError):
        decode_json(deep)
    with pytest.raises(RuleError):
        load_rule("{is: all, of: [" * 3000)
    with pytest.raises(RuleError):
        decode({"is": "all", "of": [EVENT] * MAX_CONDITIONS})
    with pytest.raises(RuleError, match="aliases"):
        load_rule("a: &a [1, 1]\nb: [*a, *a]")
    with pytest.raises(RuleError, match="twice"):
        load_rule("is: all\nis: any\nof: []")


def test_names_nobody_knows_are_warned_of_and_allowed() -> None:
    """A segment may be written before the first event of its name comes in."""
    rule = decode(
        {
            "is": "all",
            "of": [
                {"is": "event", "names": ["Balloon Popped", "Product Viewed", "purchases"]},
                {"is": "trait", "trait": "hobby", "op": "known"},
                {"is": "segment", "segment": "nowhere"},
                {"is": "event", "names": ["purchases"], "within": {"seconds": 3 * 365 * 86_400}},
            ],
        }
    )
    warned = check_rule(rule, World(), Names(events=(), traits=("city",), segments=()))
    assert [(one.path, one.reason.code) for one in warned] == [
        ("$.of[0].names[0]", "event_unknown"),
        ("$.of[1].trait", "trait_unknown"),
        ("$.of[2].segment", "segment_unknown"),
        ("$.of[3].within", "beyond_retention"),
    ]
    assert check_rule(rule, World()) == warned[3:]


YEAR = 365 * 86_400
OF_WINE = [{"path": "products[].category", "op": "is", "value": "wine"}]
BUYS: dict[str, Any] = {"is": "event", "names": ["Product Viewed", "Order Completed"]}
FAR: dict[str, tuple[dict[str, Any], list[tuple[str, str, int]]]] = {
    "a window of detail": (
        {**BUYS, "where": OF_WINE, "within": {"seconds": YEAR + 1}},
        [("$.within", "beyond_detail_retention", 365)],
    ),
    "a sum": (
        {**BUYS, "measure": "sum", "path": "total", "within": {"seconds": 2 * YEAR}},
        [("$.within", "beyond_detail_retention", 365)],
    ),
    "as far as is seen": ({**BUYS, "where": OF_WINE, "within": {"seconds": YEAR}}, []),
    "a window of mere fact": ({**BUYS, "within": {"seconds": 2 * YEAR}}, []),
    "a longer one": ({**BUYS, "within": {"seconds": 2 * YEAR + 1}}, [("$.within", "beyond_retention", 730)]),
    "seasons": (
        {**BUYS, "where": OF_WINE, "season": {"name": "christmas", "years": 2}},
        [("$.season", "beyond_detail_retention", 365)],
    ),
    "the last season": ({**BUYS, "where": OF_WINE, "season": {"name": "christmas"}}, []),
    "between days": (
        {**BUYS, "where": OF_WINE, "between": {"from": "2024-01-01", "until": "2026-01-01"}},
        [("$.between", "beyond_detail_retention", 365)],
    ),
    "a sequence": (
        {
            "is": "sequence",
            "first": {"names": ["purchases"]},
            "then": {"names": ["purchases"], "where": OF_WINE},
            "within": 60,
            "window": 3 * YEAR,
        },
        [("$.window", "beyond_retention", 730), ("$.window", "beyond_detail_retention", 365)],
    ),
    "no purchases": ({**EVENT, "where": OF_WINE, "within": {"seconds": 3 * YEAR}}, []),
}


@pytest.mark.parametrize("window", sorted(FAR))
def test_a_window_the_law_cuts_short_is_warned_of_with_its_clock(window: str) -> None:
    """Which of the two clocks cuts it, how many days are left, which setting says so."""
    plain, expected = FAR[window]
    warned = check_rule(decode(plain), World())
    assert [(one.path, one.reason.code, one.reason.values["days"]) for one in warned] == expected
    settings_named = {
        "beyond_retention": "purchases_marketing_months",
        "beyond_detail_retention": "purchases_profiling_months",
    }
    assert all(settings_named[one.reason.code] in one.reason.text for one in warned)


def test_a_circle_of_segments_is_found() -> None:
    """The way round is told; a segment two others build on is no circle."""

    def asks(*codes: str) -> Rule:
        return decode({"is": "any", "of": [{"is": "segment", "segment": code} for code in codes]})

    others = {"a": asks("b", "c"), "b": asks("d"), "c": asks("d"), "d": asks()}
    assert find_cycle("e", asks("a"), others) is None
    assert find_cycle("d", asks("a"), others) == ("d", "a", "b", "d")
    assert find_cycle("d", asks("d"), others) == ("d", "d")


def test_a_file_of_segments_comes_back_as_it_was() -> None:
    """Code, name, description and rule; days written without quotes are days."""
    documents = [
        Document(code="vip", name="Very «good»", rule=fill("spent"), description="Who\nspends"),
        Document(code="asleep", name="Asleep", rule=fill("not_bought")),
    ]
    assert load_yaml(dump_yaml(documents)) == documents
    text = "segments:\n- code: a\n  name: A\n  rule: {is: trait, trait: born, op: before, value: 2026-05-04}\n"
    assert load_yaml(text)[0].rule.value == "2026-05-04"  # type: ignore[union-attr]
    no_yaml = ("a: [", "a: 2026-99-99", "a: !!timestamp 99999-01-01", "a: !!int b", "? [a]\n: b", "a: " + "9" * 5000)
    for broken in ("- 1", "segments: [{code: a}]", text + text.removeprefix("segments:\n"), *no_yaml):
        with pytest.raises(RuleError):
            load_yaml(broken)


def test_a_rule_is_told_as_one_sentence() -> None:
    """Groups in brackets, spans in their largest unit."""
    rule = decode(
        {
            "is": "all",
            "of": [
                {"is": "trait", "trait": "city", "op": "is", "value": "Milano"},
                {"is": "any", "of": [{"is": "calendar", "season": "christmas"}, {"is": "segment", "segment": "vip"}]},
                {"is": "none", "of": [{"is": "event", "names": ["purchases"], "within": {"seconds": 5400}}]},
            ],
        }
    )
    assert sentence(rule) == (
        "city is Milano and (it is Christmas or is in the segment vip)"
        " and not (bought something in the last 90 minutes)"
    )


@pytest.mark.parametrize(
    ("rule", "english", "italian"),
    [
        pytest.param(
            {"is": "consent", "purpose": "profiling", "channel": "email"},
            "consents to profiling (E-mail)",
            "acconsente a profilazione (E-mail)",
            id="consent",
        ),
        pytest.param(
            {"is": "event", "names": ["purchases"], "op": "exactly", "amount": 1},
            "purchases happened exactly once",
            None,
            id="once",
        ),
        pytest.param(
            {
                "is": "event",
                "names": ["Receipt Issued", "Glass Rubbed"],
                "op": "at_least",
                "amount": 2,
                "where": [{"path": "weekday", "op": "one_of", "value": ["sat", "sun"]}],
            },
            "Receipt Issued / Glass Rubbed happened at least 2 times where the day of the week is one of"
            " Saturday, Sunday",
            None,
            id="weekday",
        ),
        pytest.param(
            {
                "is": "event",
                "names": ["Order Completed"],
                "where": [
                    {"path": "channel", "op": "is", "value": "store"},
                    {"path": "products[].fleece", "op": "is", "value": "store"},
                ],
            },
            "Order Completed happened where the channel is Store and products[].fleece is store",
            None,
            id="channel",
        ),
    ],
)
def test_names_in_a_sentence_are_words(rule: dict[str, Any], english: str, italian: str | None) -> None:
    """Channels, days, purposes and well-known details are named; what only this shop has stays as it is written."""
    assert sentence(decode(rule), "en") == english
    if italian is not None:
        assert sentence(decode(rule), "it") == italian
