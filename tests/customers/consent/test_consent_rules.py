"""The rules of consent for any history: order of arrival, objections, expiry, joins and splits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unisono.customers.consent.model import OBJECTIONS, Allowed, Entry, Legal, Refused, RegisterCheck, Standing, State
from unisono.customers.consent.rules import alive, allowed, fold, may_track, person_state

START = datetime(2026, 1, 1, tzinfo=UTC)
LEGAL = Legal()


def entry(number: int, action: str, day: int, **more: Any) -> Entry:
    """Something said on a day."""
    at = START + timedelta(days=day)
    return Entry(
        **{
            "id": number,
            "key": f"k{number}",
            "node_id": 1,
            "purpose": "marketing",
            "channel": "email",
            "action": action,
            "basis": "consent",
            "source": "test",
            "actor": "test",
            "at": at,
            "recorded_at": at,
        }
        | more
    )


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> list[Entry]:
    """What may have been said, with ends and sales among it."""
    entries = []
    for number in range(draw(st.integers(0, most))):
        action = draw(st.sampled_from(["requested", "granted", "confirmed", "refused", "withdrawn", "expired", "soft"]))
        day = draw(st.integers(0, 6))
        more: dict[str, Any] = {}
        if action == "soft":
            category = draw(st.sampled_from(["coffee", "tea"]))
            action, more = "granted", {"basis": "soft_opt_in", "order_ref": "1", "category": category}
        elif action in ("granted", "confirmed") and draw(st.booleans()):
            more = {"expires_at": START + timedelta(days=day + draw(st.integers(1, 3)))}
        entries.append(entry(number + 1, action, day, **more))
    return entries


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(entries: list[Entry], random: Any) -> None:
    """However entries come in, they add up to the same."""
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(entries)


@given(histories())
def test_only_a_consent_lifts_an_objection(entries: list[Entry]) -> None:
    """After a no, the state is no until a consent is said in a later instant; no sale changes that."""
    state = fold(entries)
    said = [one for one in entries if one.action in OBJECTIONS]
    if not said:
        assert state is None or state.status not in OBJECTIONS
        return
    last = max(one.at for one in said)
    lifted = any(one.at > last and one.action in ("granted", "confirmed") and one.basis == "consent" for one in entries)
    assert state is not None
    assert (state.status in OBJECTIONS) is not lifted


@given(histories(), st.integers(0, 12))
def test_sweeping_expiries_changes_nothing_that_may_be_said(entries: list[Entry], day: int) -> None:
    """Whether or not somebody noted that a consent ended, nothing consented to goes out after its end."""
    state = fold([one for one in entries if one.basis == "consent"])
    if state is None or state.expires_at is None:
        return
    at = START + timedelta(days=day)
    noted = fold([*[one for one in entries if one.basis == "consent"], entry(99, "expired", 0, at=state.expires_at)])
    assert noted is not None
    if at >= state.expires_at:
        assert alive(state, at).status == "expired"
        assert noted.status in ("expired", "requested")
    else:
        assert alive(state, at).status == "granted"


@given(st.lists(st.tuples(st.integers(1, 3), histories(4)), max_size=4))
def test_a_join_is_at_least_as_strict_as_either_before(people: list[tuple[int, list[Entry]]]) -> None:
    """Where one of two persons objected, the person they become has; taken apart, each is as before."""
    states: list[State] = []
    for number, (node, entries) in enumerate(people):
        said = fold(one for one in entries)
        if said is not None:
            states.append(
                State(**{**{f: getattr(said, f) for f in said.__struct_fields__}, "node_id": node * 10 + number})
            )
    at = START + timedelta(days=30)
    for cut in range(len(states) + 1):
        one, other = person_state(states[:cut], at), person_state(states[cut:], at)
        both = person_state(states, at)
        objected = [side for side in (one, other) if side is not None and side.status in OBJECTIONS]
        assert bool(objected) == (both is not None and both.status in OBJECTIONS)
        assert person_state(states[:cut], at) == one


def test_a_request_becomes_a_grant_by_its_confirmation() -> None:
    """Asked for it is nothing yet; confirmed it holds; asked again it goes on holding."""
    asked = entry(1, "requested", 0)
    assert fold([asked]).status == "requested"  # type: ignore[union-attr]
    assert fold([asked, entry(2, "confirmed", 1)]).status == "granted"  # type: ignore[union-attr]
    assert fold([asked, entry(2, "confirmed", 1), entry(3, "requested", 2)]).status == "granted"  # type: ignore[union-attr]
    assert fold([entry(1, "withdrawn", 0), entry(2, "requested", 1)]).status == "withdrawn"  # type: ignore[union-attr]


def test_a_late_expiry_does_not_end_a_renewed_consent() -> None:
    """The end of the first consent is noted after it was renewed: the renewal holds."""
    first = entry(1, "granted", 0, expires_at=START + timedelta(days=5))
    renewed = entry(2, "granted", 4, expires_at=START + timedelta(days=50))
    noted = entry(3, "expired", 5)
    state = fold([first, noted, renewed])
    assert state is not None
    assert state.status == "granted"
    assert state.expires_at == renewed.expires_at


def ask(*said: State, at: datetime = START, **more: Any) -> Allowed | Refused:
    """May marketing by e-mail go to address 1, with these states of the person?"""
    fields: dict[str, Any] = {"address": 1, "channel": "email", "purpose": "marketing", "legal": LEGAL} | more
    registers = fields.pop("registers", ())
    return allowed(Standing(states=said, registers=registers), at=at, **fields)


def state(**change: Any) -> State:
    """Marketing by e-mail granted to address 1."""
    fields: dict[str, Any] = {
        "node_id": 1,
        "purpose": "marketing",
        "channel": "email",
        "status": "granted",
        "basis": "consent",
        "since": START,
        "entry_id": 1,
    }
    return State(**fields | change)


def code(answer: Allowed | Refused) -> str:
    """The reason's code, or the ground."""
    return answer.reason.code if isinstance(answer, Refused) else answer.basis


def test_the_answer_names_its_ground_or_its_reason() -> None:
    """Nothing said, asked, ended, objected, granted elsewhere: each has its own code."""
    assert code(ask()) == "no_consent"
    assert code(ask(state())) == "consent"
    assert code(ask(state(node_id=2))) == "no_consent"
    assert code(ask(state(status="requested"))) == "consent_unconfirmed"
    assert code(ask(state(expires_at=START))) == "consent_expired"
    assert code(ask(state(), state(node_id=2, status="withdrawn"))) == "consent_withdrawn"
    assert code(ask(state(), state(channel="any", status="refused"))) == "consent_refused"
    assert code(ask(state(channel="any", status="refused"), channel="onsite")) == "consent_refused"
    assert code(ask(channel="onsite")) == "none_needed"
    assert code(ask(state(), state(channel="sms", status="withdrawn"))) == "consent"
    assert code(ask(purpose="transactional")) == "contract"


def test_a_no_to_every_channel_is_lifted_channel_by_channel() -> None:
    """A later consent to e-mail opens e-mail again, not the others; a sale opens nothing."""
    nothing = state(channel="any", status="withdrawn", since=START)
    later = START + timedelta(days=1)
    assert code(ask(nothing, state(since=later), at=later)) == "consent"
    assert code(ask(nothing, state(since=START - timedelta(days=1)), at=later)) == "consent_withdrawn"
    assert code(ask(nothing, state(since=later), at=later, channel="onsite")) == "consent_withdrawn"
    sale = state(since=later, basis="soft_opt_in", categories=("tea",))
    assert code(ask(nothing, sale, at=later, category="tea")) == "consent_withdrawn"


def test_profiling_is_asked_for_apart_unless_switched() -> None:
    """A message chosen by a profile needs that consent too; a reasoned switch joins the two."""
    agreed = State(
        **{f: getattr(state(), f) for f in State.__struct_fields__} | {"purpose": "profiling", "channel": "any"}
    )
    assert code(ask(state(), profiled=True)) == "no_profiling_consent"
    assert code(ask(state(), agreed, profiled=True)) == "consent"
    joined = Legal(separate_profiling=False)
    assert code(ask(state(), profiled=True, legal=joined)) == "consent"


def test_calls_look_into_the_register_first() -> None:
    """Never looked up, listed, looked up too long ago, and at the last instant a look is good for."""
    call = state(channel="call")

    def look(days: int, *, listed: bool = False) -> tuple[RegisterCheck, ...]:
        at = START - timedelta(days=days)
        return (RegisterCheck(node_id=1, channel="call", checked_at=at, listed=listed, source="rpo"),)

    assert code(ask(call, channel="call")) == "register_not_checked"
    assert code(ask(call, channel="call", registers=look(1, listed=True))) == "register_listed"
    assert code(ask(call, channel="call", registers=look(16))) == "register_stale"
    assert code(ask(call, channel="call", registers=look(15))) == "consent"


def test_a_letter_goes_by_the_persons_consent() -> None:
    """A postal address is no identifier: the consent counts under whichever identifier it was given."""
    look = (RegisterCheck(node_id=1, channel="mail", checked_at=START, listed=False, source="rpo"),)
    assert code(ask(state(channel="mail", node_id=7), channel="mail", registers=look)) == "consent"


def test_opens_are_counted_only_with_consent() -> None:
    """Without one nobody knows who opened what; switched off, an objection still counts."""
    tracking = {"purpose": "tracking", "channel": "any"}
    free = Legal(tracking_needs_consent=False)
    assert not may_track([], START, LEGAL)
    assert may_track([state(**tracking)], START, LEGAL)
    assert may_track([], START, free)
    assert not may_track([state(**tracking, status="refused")], START, free)
