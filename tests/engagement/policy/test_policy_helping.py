"""Sell or help, and the channel somebody likes: what of the past counts, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.policy import LEGAL, NODE, NOON, contact, granted, message, person, version
from unisono.customers.consent.model import Standing
from unisono.engagement.policy.helping import Signal, troubles
from unisono.engagement.policy.model import Address, Help, Preference, Preferring
from unisono.engagement.policy.preferring import answered_on, channel_named, learned, ordered
from unisono.engagement.policy.rules import decide

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def said(name: str, ago: timedelta, **properties: Any) -> Signal:
    return Signal(NOON - ago, name, properties)


def kinds(*signals: Signal, settings: Help | None = None) -> list[str]:
    return [trouble.kind for trouble in troubles(signals, settings or Help(), NOON)]


OPENED = said("Complaint Opened", 5 * DAY, complaint_id="C1")


def closed(ago: timedelta, **properties: Any) -> Signal:
    return said("Complaint Closed", ago, complaint_id="C1", **properties)


def csat(score: Any, ago: timedelta, **properties: Any) -> Signal:
    return said("Survey Answered", ago, kind="csat", score=score, **properties)


def nps(score: Any, ago: timedelta) -> Signal:
    return said("Survey Answered", ago, kind="nps", score=score)


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        pytest.param([OPENED], ["complaint"], id="open"),
        pytest.param([OPENED, closed(47 * HOUR)], ["settled"], id="closed-47-hours-ago"),
        pytest.param([OPENED, closed(48 * HOUR)], [], id="closed-48-hours-ago"),
        pytest.param([OPENED, closed(3 * DAY), csat(4, 2 * DAY)], [], id="closed-and-judged-four"),
        pytest.param([OPENED, closed(3 * DAY), csat(3, 2 * DAY)], ["badly_settled"], id="closed-and-judged-three"),
        pytest.param(
            [OPENED, closed(3 * DAY), csat(3, 2 * DAY), csat(5, DAY)], [], id="judged-three-then-five"
        ),
        pytest.param([OPENED, closed(3 * DAY), csat(3, 4 * DAY)], [], id="judged-before-it-was-closed"),
        pytest.param([OPENED, closed(4 * DAY), said("Complaint Opened", DAY, complaint_id="C1")], ["complaint"],
                     id="opened-again"),
        pytest.param([OPENED, said("Complaint Closed", HOUR, complaint_id="C2")], ["complaint", "settled"],
                     id="another-one-closed"),
        pytest.param([OPENED, said("Complaint Closed", 3 * DAY)], [], id="closed-without-a-name"),
        pytest.param([said("Complaint Opened", 5 * DAY), closed(3 * DAY)], [], id="opened-without-a-name"),
        pytest.param([said("Order Delayed", DAY, order_id="O1")], ["late_order"], id="late"),
        pytest.param([said("Order Delayed", DAY, order_id="O1"), said("Order Delivered", HOUR, order_id="O1")], [],
                     id="late-then-there"),
        pytest.param([said("Order Delayed", DAY, order_id="O1"), said("Order Delivered", HOUR, order_id="O2")],
                     ["late_order"], id="another-one-there"),
        pytest.param([said("Order Delayed", 30 * DAY, order_id="O1")], [], id="late-a-month-ago"),
        pytest.param([nps(6, DAY)], ["nps"], id="nps-six"),
        pytest.param([nps(7, DAY)], [], id="nps-seven"),
        pytest.param([nps(3, 2 * DAY), nps(9, DAY)], [], id="nps-three-then-nine"),
        pytest.param([nps(3, 30 * DAY)], [], id="nps-a-month-old"),
        pytest.param([nps(3, 30 * DAY - HOUR)], ["nps"], id="nps-nearly-a-month-old"),
        pytest.param([csat(2, DAY)], ["csat"], id="csat-two"),
        pytest.param([csat(3, DAY)], [], id="csat-three"),
        pytest.param([csat(4, DAY, scale="1-10")], ["csat"], id="csat-four-of-ten"),
        pytest.param([csat("2", DAY)], ["csat"], id="csat-as-text"),
        pytest.param([csat(True, DAY), csat("bad", DAY), csat(None, DAY), nps(11, DAY)], [], id="no-scores"),
        pytest.param([Signal(NOON + HOUR, "Complaint Opened", {"complaint_id": "C1"})], [], id="to-come"),
    ],
)  # fmt: skip
def test_what_mutes_promotion(signals: list[Signal], expected: list[str]) -> None:
    """G24, instant by instant."""
    assert kinds(*signals) == expected


def test_each_kind_of_trouble_can_be_switched_off() -> None:
    """The policy says what counts."""
    signals = [OPENED, said("Order Delayed", DAY, order_id="O1"), nps(0, DAY), csat(1, DAY)]
    assert kinds(*signals) == ["complaint", "late_order", "nps", "csat"]
    assert kinds(*signals, settings=Help(complaints=False)) == ["late_order", "nps", "csat"]
    assert kinds(*signals, settings=Help(late_orders=False)) == ["complaint", "nps", "csat"]
    assert kinds(*signals, settings=Help(nps_most=-1, csat_most=0)) == ["complaint", "late_order"]
    assert kinds(*signals, settings=Help(enabled=False)) == []


def test_trouble_says_since_when_until_when_and_about_what() -> None:
    """The facts a decision lists."""
    (found,) = troubles([OPENED, closed(HOUR)], Help(), NOON)
    assert (found.since, found.until, found.reference) == (NOON - HOUR, NOON + 47 * HOUR, "C1")


# Which channel somebody likes ---------------------------------------------------------------------------


def like(contacts: dict[str, int], visits: dict[str, int], *answers: tuple[str, str], least: int = 2) -> str | None:
    return learned(contacts, visits, answers, Preferring(answers_least=least)).learned


CLICK = ("Email Link Clicked", "email")
REPLY = ("Message Received", "whatsapp")


def test_answers_teach_the_channel() -> None:
    """Ten mails with two clicks against three messages with two replies: WhatsApp."""
    assert like({"email": 10, "whatsapp": 3}, {}, CLICK, CLICK, REPLY, REPLY) == "whatsapp"


def test_one_answer_is_not_enough() -> None:
    """A single click says nothing yet."""
    assert like({"email": 1}, {}, CLICK) is None
    assert like({"email": 1}, {}, CLICK, least=1) == "email"


def test_a_visit_after_a_message_is_an_answer_and_a_click_with_a_visit_is_one() -> None:
    """Two visits and two clicks are two answers, not four."""
    found = learned({"email": 4}, {"email": 2}, [CLICK, CLICK], Preferring())
    assert (found.learned, found.answers) == ("email", {"email": 2})


def test_a_long_good_record_beats_a_short_perfect_one() -> None:
    """Twenty of thirty against two of two."""
    assert like({"email": 30, "sms": 2}, {"email": 20, "sms": 2}) == "email"


def test_learning_can_be_switched_off() -> None:
    """Then answers are told and nothing is concluded."""
    found = learned({"email": 4}, {"email": 3}, [], Preferring(learned=False))
    assert (found.learned, found.answers) == (None, {"email": 3})


def test_a_preference_is_only_among_the_channels_of_the_message() -> None:
    """And never adds one."""
    liking = Preference(stated="call", learned="sms")
    assert ordered(("email", "sms"), liking, Preferring()) == ["sms", "email"]
    assert ordered(("email", "sms"), liking, Preferring(learned=False)) == ["email", "sms"]
    assert ordered(("email", "call"), liking, Preferring(stated=False)) == ["email", "call"]


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("E-Mail", "email"),
        ("mail", "email"),
        ("post", "mail"),
        ("WhatsApp", "whatsapp"),
        ("web push", "web_push"),
        ("ads", None),
        ("till", None),
        ("pigeon", None),
        ("", None),
        (5, None),
        (None, None),
        ("x" * 1000, None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_others_spell_channels_their_way(text: object, channel: str | None) -> None:
    """What is no channel of ours, or one nobody answers on, is nobody's favourite."""
    assert channel_named(text) == channel


def test_an_event_tells_on_which_channel_it_answers() -> None:
    """A call is an answer when the person called."""
    assert answered_on("Call Logged", {"direction": "in"}) == "call"
    assert answered_on("Call Logged", {"direction": "out"}) is None
    assert answered_on("Message Received", {"channel": "WhatsApp"}) == "whatsapp"
    assert answered_on("Message Received", {}) is None
    assert answered_on("Push Notification Tapped", {"channel": "web_push"}) == "web_push"
    assert answered_on("Product Viewed", {}) is None


def test_of_equal_addresses_the_older_is_taken() -> None:
    """Two e-mail addresses in whatever order, neither the one that was named: always the same one."""
    states = Standing(states=(granted("email", node=5), granted("email", node=3)))
    for addresses in ((Address("email", 5), Address("email", 3)), (Address("email", 3), Address("email", 5))):
        assert decide(message(), person(addresses=addresses, standing=states), version(), LEGAL, NOON).address_node == 3


def test_the_address_that_was_named_goes_before_older_ones() -> None:
    """Whoever says which of two addresses is meant is heard."""
    states = Standing(states=(granted("email", node=NODE), granted("email", node=3)))
    facts = person(addresses=(Address("email", 3), Address("email", NODE)), standing=states)
    assert decide(message(), facts, version(), LEGAL, NOON).address_node == NODE


def test_a_wait_to_the_very_end_is_still_in_time() -> None:
    """Held until the instant after which it would be too late: held, not skipped."""
    facts = person(contacts=[contact(NOON - DAY + 2 * HOUR)])
    decision = decide(message(not_after=NOON + 2 * HOUR), facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.hold_until) == ("hold", NOON + 2 * HOUR)
