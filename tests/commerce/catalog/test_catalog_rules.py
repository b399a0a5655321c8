"""The catalogue's rules: codes, names, what wins where, trees without cycles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.rules import AttributeRow, attributes_for

DIGITS = st.text("0123456789", min_size=7, max_size=13).filter(lambda text: len(text) in (7, 11, 12, 13))


def test_a_gtin_has_the_right_check_digit() -> None:
    """Golden example 20: valid, one digit changed invalid, a 12-digit UPC equals its 13-digit form."""
    assert rules.gtin("4006381333931") == "04006381333931"
    for place in range(13):
        for digit in "0123456789":
            changed = "4006381333931"[:place] + digit + "4006381333931"[place + 1 :]
            assert (rules.gtin(changed) is not None) == (changed == "4006381333931")
    assert rules.gtin("036000291452") == rules.gtin("0036000291452") == "00036000291452"
    assert rules.gtin("96385074") == "00000096385074"


@pytest.mark.parametrize(
    "text", ["", "0", "400638133393", "40063813339311", "٤٠٠٦٣٨١٣٣٣٩٣١", "400638133393x", "0" * 13]
)
def test_what_is_no_gtin_is_none(text: str) -> None:
    """Other lengths, other digits, letters, and nothing but zeros."""
    assert rules.gtin(text) is None


@given(DIGITS.filter(lambda text: text.strip("0")))
def test_digits_with_their_check_digit_are_a_gtin_and_every_other_digit_is_wrong(digits: str) -> None:
    """Exactly one of the ten endings is right."""
    good = digits + str(rules.check_digit(digits))
    assert rules.gtin(good) == good.zfill(14)
    assert sum(rules.gtin(digits + end) is not None for end in "0123456789") == 1


@given(DIGITS.filter(lambda text: text.strip("0")), st.data())
def test_two_neighbours_swapped_are_noticed_unless_they_differ_by_five(digits: str, data: st.DataObject) -> None:
    """What the weights 3 and 1 can see: 10 - 5 = 5, the one difference that cancels out."""
    good = digits + str(rules.check_digit(digits))
    place = data.draw(st.integers(0, len(good) - 2))
    a, b = good[place], good[place + 1]
    swapped = good[:place] + b + a + good[place + 2 :]
    assert (rules.gtin(swapped) is not None) == ((int(a) - int(b)) % 5 == 0)


@given(DIGITS.filter(lambda text: text.strip("0")))
def test_a_barcode_that_is_read_can_be_sent_back(digits: str) -> None:
    """What the API shows is kept as the same barcode, and each scanned form finds it."""
    good = digits + str(rules.check_digit(digits))
    kept = rules.stored_barcode(good)
    assert kept is not None
    assert rules.stored_barcode(rules.shown_barcode(kept)) == kept
    assert kept in rules.scanned_barcodes(good)
    assert kept in rules.scanned_barcodes(rules.shown_barcode(kept))


@pytest.mark.parametrize("code", ["own:12345678", "own:4006381333932", "A-17", "12345", "own:A"])
def test_a_code_of_the_shops_own_is_kept_as_it_is(code: str) -> None:
    """Also where it looks like a GTIN, if it is marked."""
    kept = rules.stored_barcode(code)
    assert kept == code.removeprefix("own:")
    assert rules.stored_barcode(rules.shown_barcode(kept)) == kept
    assert kept in rules.scanned_barcodes(kept)


def test_a_code_that_looks_like_a_gtin_and_is_none_is_not_kept() -> None:
    """A mistyped GTIN would be found by nobody."""
    assert rules.stored_barcode("4006381333932") is None
    assert rules.stored_barcode("own:") is None


ROWS = [
    AttributeRow("colour", "red"),
    AttributeRow("colour", "rosso", language="it"),
    AttributeRow("colour", "rosso svizzero", language="it-CH"),
    AttributeRow("colour", "app red", channel="app"),
    AttributeRow("colour", "blue", sku="b"),
    AttributeRow("colour", "store blue", sku="b", channel="store", language="en"),
    AttributeRow("badge", "new", channel="app"),
]


@pytest.mark.parametrize(
    ("sku", "channel", "language", "colour"),
    [
        (None, None, None, "red"),
        (None, "web", "de", "red"),
        (None, "web", "it", "rosso"),
        (None, "web", "it-CH", "rosso svizzero"),
        (None, "web", "it-IT", "rosso"),
        (None, "app", "it", "app red"),
        ("b", "app", "it", "blue"),
        ("b", "store", "it", "blue"),
        ("b", "store", "en-GB", "store blue"),
        ("a", "store", "en", "red"),
    ],
)
def test_the_most_specific_attribute_wins(sku: str | None, channel: str, language: str, colour: str) -> None:
    """Variant before product, then channel, then language; rows of others do not count."""
    found = attributes_for(ROWS, sku=sku, channel=channel, language=language)
    assert found["colour"] == colour
    assert ("badge" in found) == (channel == "app")


@given(st.permutations(ROWS), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "app", "store"]))
def test_the_order_of_rows_decides_nothing(rows: list[AttributeRow], sku: str | None, channel: str | None) -> None:
    """The database gives them in any."""
    for language in (None, "it", "it-CH", "en"):
        ask = {"sku": sku, "channel": channel, "language": language}
        assert attributes_for(rows, **ask) == attributes_for(ROWS, **ask)


def test_names_and_slugs() -> None:
    """What people read, and what codes are made of."""
    assert rules.variant_name("Trail shoe", None, {"size": "42", "colour": "red"}) == "Trail shoe, 42, red"
    assert rules.variant_name("Trail shoe", "Trail shoe junior", {"size": "30"}) == "Trail shoe junior"
    assert rules.slug("Frutta & verdura: Caffè!") == "frutta-verdura-caffe"
    assert rules.slug("水") == ""
    assert rules.text_in({"it": "mela", "en": "apple"}, "it-CH") == "mela"
    assert rules.text_in({"it": "mela", "en": "apple"}, "de") == "apple"
    assert rules.text_in({"it": "mela"}, "de") == "mela"


def test_the_more_careful_status_counts() -> None:
    """A variant of a retired product is retired, one of a draft is a draft."""
    assert rules.effective_status("active", "active") == "active"
    assert rules.effective_status("retired", "active") == "retired"
    assert rules.effective_status("active", "draft") == "draft"
    assert rules.effective_status("draft", "retired") == "retired"


NODES = st.sampled_from("abcdef")


@given(st.dictionaries(NODES, NODES))
def test_a_path_of_categories_ends_at_a_root_or_is_refused(parents: dict[str, str]) -> None:
    """Against a walk that counts its steps."""
    for code in "abcdef":
        at: str | None = code
        steps = 0
        while at is not None and steps <= 6:
            at = parents.get(at)
            steps += 1
        path = rules.category_path(code, parents)
        assert (path is None) == (at is not None)
        if path is not None:
            assert path[-1] == code and path[0] not in parents and len(path) == steps


@given(st.dictionaries(NODES, st.dictionaries(NODES, st.integers(1, 3), max_size=3), max_size=6))
def test_the_depth_of_a_kit_is_that_of_its_longest_way_down(kits: dict[str, dict[str, int]]) -> None:
    """None where the way never ends or is longer than three kits."""

    def longest(sku: str, budget: int) -> int:
        if budget == 0:
            return 1
        return max((1 + longest(part, budget - 1) for part in kits.get(sku, {})), default=0)

    for sku in "abcdef":
        depth = longest(sku, 5)
        assert rules.kit_depth(sku, kits) == (depth if depth <= rules.MAX_KIT_DEPTH else None)
