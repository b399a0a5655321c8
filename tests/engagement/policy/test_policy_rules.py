"""The law of contact, case by case: who waits, who goes where, who never goes, and what is told about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from tests.support.policy import LEGAL, NODE, NOON, ROME, contact, granted, message, person, version
from unisono.customers.consent.model import Legal, RegisterCheck, Standing, Suppression
from unisono.engagement.policy.defaults import default_policy
from unisono.engagement.policy.model import (
    Budget,
    Cap,
    Decision,
    LocalTime,
    PlannedMessage,
    Policy,
    Preference,
    Quiet,
    Trouble,
)
from unisono.engagement.policy.rules import decide, decide_all
from unisono.kit.localtime import Zone
from unisono.kit.reasons import in_words

DAY = 86_400
BARE = Policy(weights=default_policy().weights, fallback=("email", "sms"))
"""A policy that forbids nothing."""


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_an_allowed_promotion_goes_with_the_ground_named() -> None:
    """By e-mail at noon with a consent: sent, and the ledger's entry is told."""
    decision = decide(message(), person(), version(), LEGAL, NOON)
    assert (decision.outcome, decision.channel, decision.account_code) == ("send", "email", "email-account")
    assert decision.code == "consented"
    assert decision.reasons[0].values["entry"] == 1
    assert decision.weight == 1


def test_quiet_hours_hold_until_they_end_by_the_persons_clock() -> None:
    """At 23:00 in Rome: held until nine the next morning, in winter and in summer time."""
    for now, until in (
        (datetime(2026, 11, 18, 22, tzinfo=UTC), datetime(2026, 11, 19, 8, tzinfo=UTC)),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),
        (datetime(2027, 3, 27, 22, tzinfo=UTC), datetime(2027, 3, 28, 7, tzinfo=UTC)),
    ):
        decision = decide(message(due_at=now), person(), version(), LEGAL, now)
        assert (decision.outcome, decision.hold_until, decision.code) == ("hold", until, "quiet_hours")


def test_a_person_who_flew_is_quiet_where_he_is() -> None:
    """Noon in Rome is 20:00 in Tokyo and still allowed; 13:00 is 21:00 there and is not."""
    tokyo = person(zone=Zone("Asia/Tokyo", "person", sure=True))
    assert decide(message(), tokyo, version(), LEGAL, NOON).outcome == "send"
    later = decide(message(), tokyo, version(), LEGAL, NOON + timedelta(hours=1))
    assert later.hold_until == datetime(2026, 11, 19, 0, tzinfo=UTC)


def test_an_unknown_zone_is_held_inside_the_shops_quiet_hours() -> None:
    """R7: the store's zone stands in, is told as not sure, and its nights are quiet."""
    shop = person(zone=Zone("Europe/Lisbon", "store", sure=False))
    night = datetime(2026, 11, 18, 21, 30, tzinfo=UTC)
    decision = decide(message(due_at=night), shop, version(), LEGAL, night)
    assert (decision.outcome, decision.hold_until) == ("hold", datetime(2026, 11, 19, 9, tzinfo=UTC))
    assert decision.facts["zone"].sure is False


def test_what_was_ordered_goes_at_night_over_every_cap_and_without_consent() -> None:
    """A transactional message passes quiet hours, caps, budgets and sell or help."""
    night = datetime(2026, 11, 18, 23, tzinfo=UTC)
    facts = person(contacts=[contact(night)] * 20, troubles=(Trouble("complaint", NOON),), standing=Standing())
    decision = decide(message(purpose="transactional", due_at=night), facts, version(), LEGAL, night)
    assert (decision.outcome, decision.code) == ("send", "needs_no_consent")


@pytest.mark.parametrize("purpose", ["marketing", "transactional", "service"])
def test_an_address_that_is_dead_gets_nothing(purpose: str) -> None:
    """A hard bounce blocks all purposes, what was ordered too."""
    dead = Suppression(node_id=NODE, channel="email", reason="hard_bounce", purposes="all", at=NOON, source="provider")
    facts = person(["email"], standing=Standing(states=(granted("email"),), suppressions=(dead,)))
    decision = decide(message(purpose=purpose), facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("skip", "suppressed_hard_bounce")


def test_care_needs_no_consent_but_keeps_the_night() -> None:
    """A service message goes without marketing consent, and waits for the morning."""
    night = datetime(2026, 11, 18, 23, tzinfo=UTC)
    facts = person(standing=Standing())
    assert decide(message(purpose="service"), facts, version(), LEGAL, NOON).outcome == "send"
    assert decide(message(purpose="service", due_at=night), facts, version(), LEGAL, night).code == "quiet_hours"


def test_the_next_channel_is_taken_and_each_one_before_says_why_not() -> None:
    """No phone, no WhatsApp consent: the e-mail goes; the decision names what it did not take, before and after."""
    facts = person(["whatsapp", "email", "app_push"], standing=Standing(states=(granted("email"), granted("app_push"))))
    asked = message(channels=("sms", "whatsapp", "email", "app_push"))
    decision = decide(asked, facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.channel) == ("send", "email")
    assert codes(decision) == ["consented", "no_address", "no_consent", "not_needed"]
    assert [verdict.outcome for verdict in decision.channels] == ["skip", "skip", "send", "skip"]


def test_when_no_channel_is_left_the_one_that_came_furthest_speaks_first() -> None:
    """No telephone, no consent for WhatsApp, and the cap on e-mail: it was the cap."""
    facts = person(["whatsapp", "email"], standing=Standing(states=(granted("email"),)))
    none = version(BARE, caps=(Cap(name="none", purposes=("marketing",), most=0, seconds=DAY),))
    decision = decide(message(channels=("sms", "whatsapp", "email")), facts, none, LEGAL, NOON)
    assert codes(decision) == ["cap_zero", "no_consent", "no_address"]


def test_a_channel_a_provider_refused_for_good_is_not_tried_again() -> None:
    """Excluded channels are told with the provider's word."""
    asked = message(channels=("email", "sms"), excluded={"email": "mailbox full"})
    decision = decide(asked, person(), version(), LEGAL, NOON)
    assert decision.channel == "sms"
    assert "mailbox full" in in_words(decision.reasons[1])


def test_without_an_account_a_channel_carries_nothing() -> None:
    """An address alone does not send."""
    decision = decide(message(), person(accounts={}), version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("skip", "no_account")


def test_one_a_day_waits_a_day_from_the_last_one() -> None:
    """Sent at 11:00: the next has room at 11:00 tomorrow, whatever its channel."""
    facts = person(contacts=[contact(NOON - timedelta(hours=1), "sms")])
    decision = decide(message(), facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("hold", "cap_reached")
    assert decision.hold_until == NOON + timedelta(hours=23)


def test_the_shops_call_counts_like_a_mail() -> None:
    """Our clerk phoned an hour ago: today's promotion waits, and a call weighs five in the week's budget."""
    call = contact(NOON - timedelta(hours=1), "call", "staff")
    decision = decide(message(), person(contacts=[call]), version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("hold", "cap_reached")
    assert {limit["name"]: limit["used"] for limit in decision.facts["limits"]} == {
        "week": 5,
        "day": 1,
        "three_a_week": 1,
    }


def test_a_cap_that_ends_at_night_is_waited_for_until_the_morning() -> None:
    """Room at 22:00 is of no use: held until nine, with both reasons."""
    facts = person(contacts=[contact(datetime(2026, 11, 17, 21, tzinfo=UTC))])
    now = datetime(2026, 11, 18, 15, tzinfo=UTC)
    decision = decide(message(due_at=now), facts, version(), LEGAL, now)
    assert decision.hold_until == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert codes(decision) == ["quiet_hours", "cap_reached"]


def test_what_would_wait_too_long_is_skipped_with_the_reason_of_the_wait() -> None:
    """The cap frees in six days, patience is three: not sent, because of the cap."""
    facts = person(contacts=[contact(NOON - timedelta(days=1, hours=number)) for number in range(3)])
    decision = decide(message(), facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("skip", "cap_reached")
    assert codes(decision)[-1] == "would_be_too_late"


def test_past_its_end_a_message_is_skipped() -> None:
    """R6: never a late burst."""
    late = message(not_after=NOON - timedelta(seconds=1), purpose="transactional")
    assert decide(late, person(), version(), LEGAL, NOON).code == "too_late"
    on_time = message(not_after=NOON)
    assert decide(on_time, person(), version(), LEGAL, NOON).outcome == "send"


def test_a_message_of_the_persons_evening_waits_for_it() -> None:
    """18:30 on his wall: 17:30 UTC in Rome, 23:30 UTC in New York, where he may have flown since it was planned."""
    asked = message(local_time=LocalTime(date(2026, 11, 18), "18:30"))
    assert decide(asked, person(), version(), LEGAL, NOON).hold_until == datetime(2026, 11, 18, 17, 30, tzinfo=UTC)
    flown = person(zone=Zone("America/New_York", "person", sure=True))
    decision = decide(asked, flown, version(), LEGAL, NOON)
    assert decision.hold_until == datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
    assert "not_due_local" in codes(decision)


def test_a_message_before_its_time_waits() -> None:
    """Due in an hour: held until then."""
    asked = message(due_at=NOON + timedelta(hours=1))
    decision = decide(asked, person(), version(), LEGAL, NOON)
    assert (decision.code, decision.hold_until) == ("not_due", asked.due_at)


def test_help_goes_before_selling_and_says_with_which_facts() -> None:
    """G24: an open complaint mutes promotion by every channel; care still goes."""
    facts = person(troubles=(Trouble("complaint", NOON - timedelta(hours=3), reference="C-7"),))
    decision = decide(message(channels=("email", "sms")), facts, version(), LEGAL, NOON)
    assert (decision.outcome, decision.code) == ("skip", "help_complaint")
    assert decision.facts["troubles"][0].reference == "C-7"
    assert all(verdict.reasons for verdict in decision.channels)
    assert decide(message(purpose="service"), facts, version(), LEGAL, NOON).outcome == "send"


def test_a_message_chosen_by_profile_needs_that_consent_too() -> None:
    """By default; the law can be switched, and the consent given."""
    asked = message(profiled=True)
    assert decide(asked, person(), version(), LEGAL, NOON).code == "no_profiling_consent"
    agreed = person(more=[granted("any", purpose="profiling")])
    assert decide(asked, agreed, version(), LEGAL, NOON).outcome == "send"
    switched = msgspec.structs.replace(LEGAL, separate_profiling=False)
    assert decide(asked, person(), version(), switched, NOON).outcome == "send"


@pytest.mark.parametrize(
    ("checked", "listed", "code"),
    [
        pytest.param(None, False, "register_not_checked", id="never"),
        pytest.param(timedelta(days=15, seconds=1), False, "register_stale", id="too-old"),
        pytest.param(timedelta(days=15), False, "consented", id="just-fresh"),
        pytest.param(timedelta(days=1), True, "register_listed", id="listed"),
    ],
)
def test_a_call_needs_a_fresh_look_into_the_register(checked: timedelta | None, listed: bool, code: str) -> None:
    """Fifteen days at the most, and not listed."""
    looks = (
        (RegisterCheck(node_id=NODE, channel="call", checked_at=NOON - checked, listed=listed, source="register"),)
        if checked is not None
        else ()
    )
    facts = person(["call"], standing=Standing(states=(granted("call"),), registers=looks))
    assert decide(message(channels=("call",)), facts, version(), Legal(), NOON).code == code


def test_calls_keep_the_hours_of_the_code_of_conduct() -> None:
    """Monday to Friday 9 to 20, Saturday 10 to 19, never on Sunday or a public holiday."""

    def held(*parts: int) -> datetime | None:
        now = datetime(*parts, tzinfo=ROME.info).astimezone(UTC)  # type: ignore[misc,arg-type]
        found = decide(message(channels=("call",), due_at=now), person(), version(), LEGAL, now).hold_until
        return found.astimezone(ROME.info).replace(tzinfo=None) if found else None

    assert held(2026, 11, 20, 19, 59) is None
    assert held(2026, 11, 20, 20, 0) == datetime(2026, 11, 21, 10)
    assert held(2026, 11, 21, 9, 59) == datetime(2026, 11, 21, 10)
    assert held(2026, 11, 21, 19, 0) == datetime(2026, 11, 23, 9)
    assert held(2026, 12, 8, 12, 0) == datetime(2026, 12, 9, 9)


def test_to_advertising_networks_nothing_goes_without_the_consent_to_third_parties() -> None:
    """Their audiences are other people's computers."""
    facts = person(["ads"], standing=Standing())
    assert decide(message(channels=("ads",)), facts, version(), LEGAL, NOON).code == "no_third_party_consent"
    agreed = person(["ads"], more=[granted("any", purpose="third_party")])
    assert decide(message(channels=("ads",)), agreed, version(), LEGAL, NOON).outcome == "send"


def test_who_comes_to_us_needs_no_consent_unless_the_policy_asks_one() -> None:
    """A banner on the site weighs nothing and needs nothing; `consent_also` changes that."""
    facts = person(["onsite"], standing=Standing(), contacts=[contact()])
    assert decide(message(channels=("onsite",)), facts, version(), LEGAL, NOON).code == "comes_to_us"
    strict = version(consent_also=("onsite",))
    assert decide(message(channels=("onsite",)), facts, strict, LEGAL, NOON).code == "no_consent"


def test_the_preferred_channel_goes_before_the_authors_order() -> None:
    """Stated before learned before the author; only among the channels the message may take."""
    asked = message(channels=("email", "sms", "whatsapp"))
    liking = Preference(stated="whatsapp", learned="sms")
    assert decide(asked, person(preference=liking), version(), LEGAL, NOON).channel == "whatsapp"
    assert decide(asked, person(preference=Preference(learned="sms")), version(), LEGAL, NOON).channel == "sms"
    assert decide(asked, person(preference=Preference(stated="call")), version(), LEGAL, NOON).channel == "email"


def test_any_channel_means_the_policys_own_order() -> None:
    """A message that names none falls back as the policy says."""
    decision = decide(message(channels=("any",)), person(["email", "sms"]), version(), LEGAL, NOON)
    assert [verdict.channel for verdict in decision.channels] == ["app_push", "email", "whatsapp", "sms"]
    assert decision.channel == "email"


def test_the_first_message_uses_the_day_and_the_second_waits() -> None:
    """Two of one person in one batch: the weightier goes whatever the order they came in, the other sees it."""
    lesser, greater = message(1, priority=10), message(2, priority=90)
    for order in ([lesser, greater], [greater, lesser]):
        decisions = decide_all(order, {1: person(), 2: person()}, version(), LEGAL, NOON)
        assert decisions[2].outcome == "send"
        assert (decisions[1].outcome, decisions[1].code) == ("hold", "cap_reached")


def test_a_lesser_message_leaves_the_rest_to_a_weightier_one_to_come() -> None:
    """Room for one: the newsletter of now waits for the birthday letter of the afternoon."""
    policy = version(BARE, caps=(Cap(name="day", purposes=("marketing",), most=1, seconds=DAY),))
    birthday = PlannedMessage(99, NOON + timedelta(hours=3), 90, "marketing", ("email",))
    decision = decide(message(priority=10), person(planned=(birthday,)), policy, LEGAL, NOON)
    assert (decision.outcome, decision.code, decision.hold_until) == ("hold", "gives_way", birthday.at)
    equal = msgspec.structs.replace(birthday, priority=10)
    assert decide(message(priority=10), person(planned=(equal,)), policy, LEGAL, NOON).outcome == "send"
    far = msgspec.structs.replace(birthday, at=NOON + timedelta(days=1))
    assert decide(message(priority=10), person(planned=(far,)), policy, LEGAL, NOON).outcome == "send"
    rude = version(policy.policy, give_way=False)
    assert decide(message(priority=10), person(planned=(birthday,)), rude, LEGAL, NOON).outcome == "send"


def test_it_gives_way_only_when_there_is_not_room_for_both() -> None:
    """Of a budget of three, one used: an SMS of two and a mail of one do not fit, two mails do."""
    policy = version(BARE, budgets=(Budget(name="week", limit=3, seconds=7 * DAY),))
    sms = PlannedMessage(99, NOON + timedelta(hours=3), 90, "marketing", ("sms",))
    mail = msgspec.structs.replace(sms, channels=("email",))
    facts = person(contacts=[contact()])
    with_sms = msgspec.structs.replace(facts, planned=(sms,))
    with_mail = msgspec.structs.replace(facts, planned=(mail,))
    assert decide(message(priority=10), with_sms, policy, LEGAL, NOON).code == "gives_way"
    assert decide(message(priority=10), with_mail, policy, LEGAL, NOON).outcome == "send"


def test_what_weighs_more_than_the_whole_budget_never_goes_by_that_channel() -> None:
    """A call of five in a budget of four: the mail is taken."""
    policy = version(BARE, budgets=(Budget(name="week", limit=4, seconds=7 * DAY),))
    decision = decide(message(channels=("call", "email")), person(), policy, LEGAL, NOON)
    assert decision.channel == "email"
    assert "budget_too_small" in codes(decision)


def test_quiet_hours_without_an_end_refuse_the_channel() -> None:
    """Nothing is held for ever."""
    policy = version(BARE, quiet=(Quiet(channels=("email",), from_="00:00", until="24:00"),))
    decision = decide(message(channels=("email", "sms")), person(), policy, LEGAL, NOON)
    assert decision.channel == "sms"
    assert "quiet_always" in codes(decision)


def test_the_second_address_is_taken_when_the_first_is_dead() -> None:
    """Two e-mail addresses, one bounced: the other one."""
    from unisono.engagement.policy.model import Address

    dead = Suppression(node_id=1, channel="email", reason="gone", purposes="all", at=NOON, source="provider")
    facts = person(
        addresses=(Address("email", 2), Address("email", 1)),
        standing=Standing(states=(granted("email", node=1), granted("email", node=2)), suppressions=(dead,)),
    )
    assert decide(message(), facts, version(), LEGAL, NOON).address_node == 2


def test_every_reason_has_words_for_people() -> None:
    """No place of a sentence is left unfilled."""
    night = datetime(2026, 11, 18, 22, tzinfo=UTC)
    facts = person(
        contacts=[contact(night - timedelta(hours=2))] * 12,
        troubles=tuple(
            Trouble(kind, NOON, NOON + timedelta(days=1), "R-1", 2.0)  # type: ignore[arg-type]
            for kind in ("complaint", "settled", "badly_settled", "late_order", "nps", "csat")
        ),
    )
    calm = msgspec.structs.replace(facts, troubles=())
    asked = message(channels=("email", "sms", "mail", "onsite", "ads"), due_at=night, excluded={"sms": "no route"})
    for one in (facts, calm):
        for reason in decide(asked, one, version(), Legal(), night).reasons:
            assert "{" not in in_words(reason, "en", "Europe/Rome"), reason


def test_a_decision_can_be_kept_and_read_back() -> None:
    """It is stored with the message as JSON."""
    decision = decide(message(channels=("sms", "email")), person(contacts=[contact()]), version(), LEGAL, NOON)
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision).outcome == decision.outcome


def words_of(decision: Decision, language: str = "en", timezone: str = "Europe/Rome") -> list[str]:
    """What people read, somebody in Rome."""
    return [in_words(reason, language, timezone) for reason in decision.reasons]


def test_reasons_are_read_in_words_not_in_codes() -> None:
    """Channels by their names, caps and budgets by what people call them, in the reader's language."""
    night = datetime(2026, 11, 18, 22, tzinfo=UTC)
    quiet = decide(message(due_at=night, channels=("app_push", "sms")), person(), version(), LEGAL, night)
    assert words_of(quiet)[0] == "Quiet hours on App push until 19 Nov, 09:00 (Europe/Rome)."
    assert words_of(quiet, "it")[0] == "Ore di silenzio su Notifica dell'app fino al 19 nov, 09:00 (Europe/Rome)."
    full = decide(message(), person(contacts=(contact(),)), version(), LEGAL, NOON)
    assert words_of(full)[0] == "The cap “promotions a day” is reached (1 of 1); there is room from 19 Nov, 11:00."
    assert full.reasons[0].values["name"] == "day"
    own = Cap(name="winter_x", label="Winter", purposes=("marketing",), most=0, seconds=DAY)
    nameless = msgspec.structs.replace(own, name="winter_x2", label="")
    none = decide(message(), person(), version(msgspec.structs.replace(BARE, caps=(own, nameless))), LEGAL, NOON)
    assert words_of(none) == ["The cap “Winter” allows none by E-mail.", "The cap “winter x2” allows none by E-mail."]


def test_a_persons_own_clock_is_told_as_it_shows() -> None:
    """Whoever reads it elsewhere: until nine in New York is not fifteen there."""
    york = person(zone=Zone("America/New_York", "person", sure=True))
    night = datetime(2026, 11, 19, 3, tzinfo=UTC)
    [told] = words_of(decide(message(due_at=night), york, version(), LEGAL, night))
    assert told == "Quiet hours on E-mail until 19 Nov, 09:00 (America/New_York)."
    local = message(local_time=LocalTime(date(2026, 11, 19), "18:30"), not_after=None)
    assert "By the person's own clock it is due at 19 Nov, 18:30." in words_of(
        decide(local, york, version(), LEGAL, NOON)
    )
