"""Payments: what answers make of them, what may be asked, providers as their own counterparts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ordering import open_till
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.errors import OrderState, PaymentState
from unisono.commerce.orders.model import PayRequest
from unisono.commerce.orders.payments import rules, service
from unisono.commerce.orders.payments.port import ACTIONS, Action, Answer, Ask, CannotPay
from unisono.commerce.orders.payments.providers import PROVIDERS, provider_of
from unisono.commerce.orders.payments.rules import Standing
from unisono.commerce.orders.payments.trial import TOKENS
from unisono.commerce.orders.service import Changed
from unisono.kit.database import Pool, transaction

ANSWERS = st.sampled_from(
    [
        Answer(outcome="done"),
        Answer(outcome="done", captured=True),
        Answer(outcome="declined"),
        Answer(outcome="unknown"),
        Answer(outcome="pending"),
    ]
)


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 120), ANSWERS), max_size=30))
def test_no_sequence_takes_more_than_was_agreed_or_gives_back_more_than_was_taken(
    calls: list[tuple[Action, int, Answer]],
) -> None:
    """Whatever is asked and answered in whatever sequence: 0 <= given back <= taken <= agreed."""
    standing = Standing("pending", 100, 0, 0)
    for action, amount, answer in calls:
        wanted = 100 if action == "authorise" else amount
        try:
            rules.check(standing, action, wanted, owed={})
        except PaymentState:
            continue
        standing = rules.after(standing, action, wanted, answer)
        assert 0 <= standing.refunded <= standing.captured <= standing.amount
        assert (standing.state == "refunded") == (standing.refunded == standing.captured > 0)


@pytest.mark.parametrize(
    ("state", "action", "amount", "owed"),
    [
        ("captured", "refund", 60, {"refund": 50}),
        ("authorised", "capture", 60, {"capture": 50}),
        ("authorised", "void", 100, {"void": 100}),
        ("declined", "capture", 1, {}),
        ("voided", "refund", 1, {}),
        ("captured", "refund", 0, {}),
        ("captured", "refund", -5, {}),
    ],
)
def test_what_is_asked_already_is_not_asked_again(
    state: str, action: Action, amount: int, owed: dict[str, int]
) -> None:
    """An answer still to come counts as if it were there."""
    captured = 100 if state == "captured" else 0
    with pytest.raises(PaymentState):
        rules.check(Standing(state, 100, captured, 0), action, amount, owed=owed)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
async def test_every_provider_answers_every_call_and_may_be_asked_twice(name: str) -> None:
    """The same key gives the same answer; a look-up is an answer or says that the call never arrived."""
    ask = Ask(key="k", amount_minor=5, currency="EUR", detail={"token": "tok_approve", "reference": "1"})
    provider = provider_of(name)
    provider.check(ask)
    for action in ACTIONS:
        first = await provider.do(action, ask)
        assert first == await provider.do(action, ask)
        assert first.outcome in ("done", "pending")
        found = await provider.lookup(action, ask)
        assert found is None or found.outcome == first.outcome


@pytest.mark.parametrize(
    ("name", "detail", "code"),
    [
        ("cash", {"tendered_minor": 4}, "not_enough_cash"),
        ("terminal", {}, "reference_missing"),
        ("test", {"token": "4242"}, "bad_token"),
        ("gold", {}, "unknown_provider"),
    ],
)
def test_what_cannot_even_be_asked_is_refused_before(name: str, detail: dict[str, Any], code: str) -> None:
    """Too little cash, no slip, no token, no such provider."""
    with pytest.raises(CannotPay) as refused:
        provider_of(name).check(Ask(key="k", amount_minor=5, currency="EUR", detail=detail))
    assert refused.value.code == code


async def test_a_provider_that_takes_too_long_is_looked_up(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one, with less patience: the outcome is not guessed; the look-up finds it approved and it is placed."""
    monkeypatch.setattr(service, "CALL_SECONDS", 0.2)
    till = await open_till(pool, A=1)
    order = await till.pay(await till.begin(await till.node(), ("A", 1)), PayRequest(provider="test", token="tok_slow"))
    assert order.payment_status == "authorised"
    entries = (await till.detail(order.number)).payments[0].entries
    assert [(entry.action, entry.outcome) for entry in entries] == [("authorise", "started"), ("authorise", "done")]
    await till.check()


@pytest.mark.parametrize("token", sorted(TOKENS))
async def test_every_token_ends_in_an_order_or_in_nothing(pool: Pool, token: str) -> None:
    """However the provider behaves, after the worker has come by there is an order with its payment, or neither."""
    till = await open_till(pool, A=1)
    checkout = await till.begin(await till.node(), ("A", 1))
    request = PayRequest(provider="test", token=token, capture=True)
    await asyncio.gather(till.pay(checkout, request), return_exceptions=True)
    for _ in range(20):
        till.later(minutes=1)
        await till.fire()
    await till.check()
    state = await till.value("select state from checkout")
    refused = token in ("tok_decline", "tok_unknown_then_declined", "tok_unknown_never_arrived")
    assert state == ("expired" if refused else "placed")
    assert (await till.good("A"))["committed"] == int(not refused)


async def test_two_refunds_at_once_never_give_back_more_than_was_paid(pool: Pool) -> None:
    """Eight ask for two thirds each: one gets it."""
    till = await open_till(pool, A=1)
    at_once = PayRequest(provider="test", token="tok_approve", capture=True)
    order = await till.pay(await till.begin(await till.node(), ("A", 1)), at_once)

    async def refund() -> Changed:
        async with transaction(pool) as conn:
            return await orders.refund(conn, order.number, amount=667, reason="late", actor="anna", now=till.now)

    results = await asyncio.gather(*(refund() for _ in range(8)), return_exceptions=True)
    changed = [one for one in results if isinstance(one, Changed)]
    assert len(changed) == 1
    assert all(isinstance(one, Changed | OrderState) for one in results)
    await till.change(changed[0])
    assert await till.value("select refunded_minor from payment") == 667
