"""Consents by rule: who agreed to what follows from the campaigns a household received and the coupons it used.

The data hold no consents. The rule is pure and takes no chance; every entry of the ledger names its part of the rule
in its proof, and that it is invented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from unisono.customers.consent.model import Action, Basis, Purpose
from unisono.demo import dataset
from unisono.demo.invention import card_number, contact, has_email, has_phone, language, subscribes_first
from unisono.demo.people import SUBSCRIBED_AT

SOURCE: Final = "campaign history"
"""The source of every entry of the rule."""

NOON: Final = timedelta(hours=12)
DAY: Final = timedelta(days=1)
CONFIRMED_AFTER: Final = timedelta(hours=2)
"""So long after asking the owner of an e-mail address confirmed it."""

QUIET_SINCE: Final = datetime(2017, 7, 1)
"""In the data's time: who received no campaign from here on has withdrawn."""

WHATSAPP_REDEEMED: Final = 3
"""So many coupons used: WhatsApp too."""

SOFT_CATEGORY: Final = "grocery"

RULES: Final = {
    "letters": "Received a campaign by letter: agreed to letters the day before the first.",
    "email": "Received a campaign and left an e-mail address: agreed to e-mail the day before the first, confirmed it.",
    "newsletter": "Subscribed to the newsletter by e-mail, confirmed it.",
    "profiling": "Received a campaign of type A, whose coupons are chosen by purchases: agreed to profiling.",
    "tracking": "Received a campaign and has an even number: agreed that opens are noticed.",
    "sms": "Used a coupon and left a telephone number: agreed to SMS the day before the first.",
    "whatsapp": f"Used {WHATSAPP_REDEEMED} coupons and left a telephone number: agreed to WhatsApp with the last.",
    "withdrawn": "Received no campaign since 1 July of the data: withdrew e-mail when the last one was over.",
    "refused": "Received no campaign, number ends in 1 or 2: said no to e-mail with the card's application.",
    "unanswered": "Received no campaign, number ends in 3: asked three days before the data end, not confirmed.",
    "soft": "Received no campaign, number ends in 4: bought, and was told that he may refuse own similar offers.",
}
"""The parts of the rule, as the proof of an entry says them. Everybody else was never asked."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the data say of a household, in the data's time."""

    household: int
    campaigns: tuple[tuple[int, str, datetime, datetime], ...] = ()
    """Number, type, first day, last day; by first day."""
    redeemed: tuple[datetime, ...] = ()
    first_basket: datetime
    last_basket: datetime
    last_basket_id: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One entry by rule, before its identifier is looked up."""

    household: int
    rule: str
    namespace: str
    value: str
    purpose: Purpose
    channel: str
    action: Action
    at: datetime
    """In the data's time."""
    basis: Basis = "consent"
    order_ref: str | None = None
    facts: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Names the fact, so that it is one entry however often the demo is loaded."""
        return f"demo:consent:{self.household}:{self.rule}:{self.action}"

    @property
    def proof(self) -> dict[str, Any]:
        """What an entry says for itself."""
        return {"invented": True, "household_number": self.household, "rule": RULES[self.rule], **self.facts}


def histories(folder: Path, households: Sequence[int]) -> list[History]:
    """What the data say of these households."""
    about = {row["campaign_id"]: row for row in dataset.read(folder, "campaign_descriptions").to_pylist()}
    campaigns: defaultdict[int, list[tuple[int, str, datetime, datetime]]] = defaultdict(list)
    for row in _rows(folder, "campaigns", households):
        one = about[row["campaign_id"]]
        campaigns[row["household_id"]].append(
            (one["campaign_id"], one["campaign_type"], one["start_date"], one["end_date"])
        )
    redeemed: defaultdict[int, list[datetime]] = defaultdict(list)
    for row in _rows(folder, "coupon_redemptions", households):
        redeemed[row["household_id"]].append(row["redemption_date"])
    first: dict[int, datetime] = {}
    last: dict[int, tuple[datetime, int]] = {}
    for household, basket, at in _baskets(folder, households):
        first[household] = min(first.get(household, at), at)
        last[household] = max(last.get(household, (at, basket)), (at, basket))
    return [
        History(
            household=household,
            campaigns=tuple(sorted(campaigns[household], key=lambda one: (one[2], one[0]))),
            redeemed=tuple(sorted(redeemed[household])),
            first_basket=first[household],
            last_basket=last[household][0],
            last_basket_id=last[household][1],
        )
        for household in households
    ]


def _rows(folder: Path, name: str, households: Sequence[int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = dataset.some_households(dataset.read(folder, name), list(households)).to_pylist()
    return rows


def _baskets(folder: Path, households: Sequence[int]) -> Iterator[tuple[int, int, datetime]]:
    """Household, number and instant of every basket."""
    columns = ["household_id", "basket_id", "transaction_timestamp"]
    lines = dataset.some_households(dataset.read(folder, "transactions", columns), list(households))
    grouped = lines.group_by(columns[:2]).aggregate([(columns[2], "min")])
    named = [grouped[name].to_pylist() for name in (*columns[:2], f"{columns[2]}_min")]
    yield from zip(*named, strict=True)


def said_by(history: History, ends: datetime) -> Iterator[Said]:
    """What a household said, by the rule; ``ends`` is the last instant of the data."""
    number, person = history.household, contact(history.household)

    def entry(
        rule: str, namespace: str, purpose: Purpose, channel: str, action: Action, at: datetime, **more: Any
    ) -> Said:
        value = {"email": person.email, "phone": person.phone, "loyalty_card": card_number(number)}[namespace]
        return Said(
            household=number, rule=rule, namespace=namespace, value=value, purpose=purpose, channel=channel,
            action=action, at=at, **more,
        )  # fmt: skip

    if subscribes_first(number):
        yield entry("newsletter", "email", "marketing", "email", "requested", SUBSCRIBED_AT)
        yield entry("newsletter", "email", "marketing", "email", "confirmed", SUBSCRIBED_AT + CONFIRMED_AFTER)
    if history.campaigns:
        yield from _of_campaigns(history, entry)
    elif not subscribes_first(number):
        yield from _without_campaigns(history, entry, ends)
    if history.redeemed and has_phone(number):
        uses = {"coupons_used": len(history.redeemed)}
        yield entry("sms", "phone", "marketing", "sms", "granted", history.redeemed[0] - DAY + NOON, facts=uses)
        if len(history.redeemed) >= WHATSAPP_REDEEMED:
            at = history.redeemed[-1] + NOON
            yield entry("whatsapp", "phone", "marketing", "whatsapp", "granted", at, facts=uses)


def _of_campaigns(history: History, entry: Any) -> Iterator[Said]:
    number = history.household
    asked = history.campaigns[0][2] - DAY + NOON
    facts = {"campaigns": [one[0] for one in history.campaigns]}
    yield entry("letters", "loyalty_card", "marketing", "mail", "granted", asked, facts=facts)
    if any(kind.endswith("A") for _, kind, _, _ in history.campaigns):
        yield entry("profiling", "loyalty_card", "profiling", "any", "granted", asked, facts=facts)
    if number % 2 == 0:
        yield entry("tracking", "loyalty_card", "tracking", "any", "granted", asked, facts=facts)
    if not has_email(number):
        return
    if not subscribes_first(number):
        yield entry("email", "email", "marketing", "email", "requested", asked, facts=facts)
        yield entry("email", "email", "marketing", "email", "confirmed", asked + CONFIRMED_AFTER, facts=facts)
    if history.campaigns[-1][2] < QUIET_SINCE:
        over = max(one[3] for one in history.campaigns) + NOON
        yield entry("withdrawn", "email", "marketing", "email", "withdrawn", over, facts=facts)


def _without_campaigns(history: History, entry: Any, ends: datetime) -> Iterator[Said]:
    digit = history.household % 10
    if digit in (1, 2):
        yield entry("refused", "email", "marketing", "email", "refused", history.first_basket)
    elif digit == 3:
        yield entry("unanswered", "email", "marketing", "email", "requested", ends - 3 * DAY)
    elif digit == 4:
        basket = str(history.last_basket_id)
        yield entry(
            "soft", "email", "marketing", "email", "granted", history.last_basket,
            basis="soft_opt_in", order_ref=basket, facts={"receipt": basket},
        )  # fmt: skip


def language_of(household: int) -> str:
    """The language of the words a household agreed to."""
    return language(household)
