"""Reasons are read by people: money, days and instants in their way of writing."""

from __future__ import annotations

import msgspec
import pytest

from unisono.kit.reasons import Reason, in_words, told


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "€4.10 until 28 Mar, 03:30"), ("it", "4,10\N{NO-BREAK SPACE}€ until 28 mar, 03:30")],
)
def test_money_and_instants_are_written_for_the_reader(language: str, text: str) -> None:
    """Minor units become money, an instant the store's local time."""
    values = {"missing_minor": 410, "currency": "EUR", "ends_at": "2026-03-28T02:30:00+00:00"}
    assert in_words(Reason("x", "{missing_minor} until {ends_at}", values), language, "Europe/Rome") == text


def test_a_day_has_no_hour() -> None:
    """A date is written as a day."""
    assert in_words(Reason("x", "It begins on {starts_at}.", {"starts_at": "2026-12-01"})) == "It begins on 1 December."


def test_codes_are_called_by_their_names() -> None:
    """Channels, and words that are to be translated themselves; what nobody has named stays as it is."""
    values = {"channel": "app_push", "chosen": "carrier_pigeon", "label": "Web push", "other": "sms"}
    reason = Reason("x", "{channel}, {chosen}, {label}, {other}", values)
    assert in_words(reason) == "App push, carrier_pigeon, Web push, sms"
    assert in_words(reason, "it") == "Notifica dell'app, carrier_pigeon, Notifica web, sms"
    assert in_words(Reason("x", "“{label}”", {"label": ""}), "it") == "“”"


def test_a_zone_among_the_values_is_the_one_times_are_told_in() -> None:
    """The clocks there, not the reader's; a zone there is not is none."""
    values = {"until_at": "2026-11-19T14:00:00+00:00", "zone": "America/New_York"}
    assert in_words(Reason("x", "{until_at} ({zone})", values), "en", "Europe/Rome") == (
        "19 Nov, 09:00 (America/New_York)"
    )
    assert in_words(Reason("x", "{until_at}", values | {"zone": "Mars/Base"}), "en", "Europe/Rome") == "19 Nov, 15:00"


def test_what_cannot_be_filled_still_reads() -> None:
    """A mistake in a text never becomes an error of a page; values stay for programs."""
    text = "{nobody} fills {this"
    assert in_words(Reason("x", text, {"that": 1})) == text
    assert in_words(Reason("x", "ends {ends_at}", {"ends_at": "whenever"})) == "ends whenever"


class Shown(msgspec.Struct, frozen=True):
    """Something with reasons inside."""

    number: int
    reasons: tuple[Reason, ...]


def test_reasons_inside_anything_are_told() -> None:
    """Structs, tuples and mappings keep their shape; what has no reason stays the same object."""
    plain = Shown(1, ())
    answer = told({"a": Shown(2, (Reason("x", "{units} more", {"units": 3}),)), "b": plain})
    assert answer["a"].reasons[0] == Reason("x", "3 more", {"units": 3})
    assert answer["b"] is plain
