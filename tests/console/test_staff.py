"""The staff: what is drawn, how large it grows, what it says without eyes."""

import random
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from unisono.console.staff import LINES, Note, render_staff

NOW = datetime(2026, 11, 22, 14, 32, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 31, tzinfo=UTC)


def draw(notes: list[Note], **changes: object) -> str:
    arguments: dict[str, object] = {"now": NOW, "start": START, "end": END, "locale": "en"}
    return str(render_staff(notes, **(arguments | changes)))  # type: ignore[arg-type]


def many(count: int) -> list[Note]:
    dice = random.Random(7)
    span = (NOW - START).total_seconds()
    return [
        Note(
            at=START + timedelta(seconds=dice.random() * span),
            line=dice.choice(LINES),
            value=dice.choice([0, 0, 0, 4_900, 12_900]),
            label="Viewed a product",
        )
        for _ in range(count)
    ]


def test_five_thousand_events_stay_below_forty_kilobytes() -> None:
    """Notes on the same spot are drawn once, so the size of a page has a ceiling."""
    assert len(draw(many(5_000)).encode()) < 40_000
    assert len(draw(many(50_000)).encode()) < 40_000
    assert len(draw(many(5_000), size="small").encode()) < 12_000


def test_the_drawing_is_well_formed_and_carries_no_colour_or_style() -> None:
    """The policy forbids style attributes; the style sheet paints the classes."""
    text = draw([*many(300), Note(at=NOW, line="web", label='<b>&"', value=10, href="/x?a=1&b=2")])
    ElementTree.fromstring(text)
    assert "style=" not in text
    assert not re.search(r"#[0-9a-f]{6}|fill=|stroke=", text)
    assert "<b>" not in text


def test_a_purchase_is_a_larger_note_by_its_value() -> None:
    """The size classes follow the value; what is no purchase stays small."""
    for value, size in [(0, "n1"), (100, "s1"), (3_000, "s2"), (10_000, "s3"), (30_000, "s4")]:
        assert f'c-store {size}"' in draw([Note(at=NOW, line="store", value=value)])


def test_what_is_to_come_is_hollow_and_after_now() -> None:
    """A future note is a circle of its own, right of the "now" rule."""
    text = draw([Note(at=NOW + timedelta(days=20), line="messages", future=True, label="Review request")])
    hollow = re.search(r'class="staff-hollow c-messages" cx="([\d.]+)"', text)
    rule = re.search(r'class="staff-now" d="M([\d.]+) ', text)
    assert hollow and rule and float(hollow[1]) > float(rule[1])
    assert "<title>Review request</title>" in text


def test_the_present_episode_is_one_chord_in_order_of_time() -> None:
    """Web, then messages, then store: a line through the three, left to right."""
    notes = [
        Note(at=NOW - timedelta(minutes=1), line="store", episode=True),
        Note(at=NOW - timedelta(hours=1), line="web", episode=True),
        Note(at=NOW - timedelta(minutes=30), line="messages", episode=True),
    ]
    chord = re.search(r'class="staff-chord" d="M([^"]+)"', draw(notes))
    assert chord
    heights = [int(point.split()[1]) for point in chord[1].split("L")]
    assert heights == [26, 98, 74]


def test_each_month_is_a_link_that_keeps_the_other_filters() -> None:
    """A click on a stretch narrows the timeline under it."""
    text = draw([], keep_query="channel=web")
    assert 'href="?from=2026-02-01&amp;to=2026-02-28&amp;channel=web#timeline"' in text
    assert text.count("<rect") == 12
    assert "<rect" not in draw([], keep_query=None)


def test_a_short_span_is_cut_in_weeks_and_a_long_one_in_years() -> None:
    """Names never touch, whatever the span."""
    assert "from=2026-11-16&amp;to=2026-11-22" in draw([], start=NOW - timedelta(days=30), end=NOW)
    assert "from=2020-01-01&amp;to=2020-12-31" in draw([], start=START.replace(year=2019), end=NOW)


def test_it_speaks_the_readers_language_and_local_days() -> None:
    """Month names come from the locale; an event at 23:30 UTC on 31 October is a November one in Rome."""
    rome = ZoneInfo("Europe/Rome")
    late = Note(at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC), line="store", value=1_000)
    text = draw([late], locale="it", start=START.astimezone(rome), end=END.astimezone(rome))
    assert ">Gen</text>" in text
    november = re.search(r'<th scope="row">novembre 2026</th>((?:<td>\d+</td>)+)', text)
    assert november and re.findall(r"\d+", november[1]) == ["0", "0", "1", "0", "0", "1"]


def test_it_says_in_one_sentence_what_it_draws() -> None:
    """The picture has a title, a description and a table."""
    text = draw([*many(1_200), Note(at=NOW + timedelta(days=3), line="web", future=True)])
    assert "1,200 events and" in text
    assert "; 1 to come." in text
    assert text.count('scope="row"') == 12
    assert 'role="img"' in draw([], size="small")


def test_one_instant_and_no_events_still_draw() -> None:
    """A person seen once, just now, has a staff of five empty lines."""
    assert draw([], start=NOW, end=NOW).count("staff-rule") == 5
