"""Households as people, and what the loyalty programme knows of them beside receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from unisono.demo import dataset
from unisono.demo.invention import (
    address,
    birthday,
    card_number,
    contact,
    has_email,
    has_phone,
    has_second_card,
    language,
    subscribes_first,
)
from unisono.demo.receipts import Basket

SUBSCRIBED_AT: Final = datetime(2017, 3, 6, 12)
SHOWED_CARD_AT: Final = datetime(2017, 5, 15, 12)
CARDS_JOINED_AT: Final = datetime(2017, 10, 2, 12)
"""In the data's time: when the invented identities appear and are joined."""

ENROLLED_BEFORE: Final = timedelta(minutes=1)
"""The card is made this long before its first receipt."""

NOON: Final = timedelta(hours=12)
"""Campaigns and redemptions have a date only; noon UTC is the same day in Europe and in America."""

DEMOGRAPHICS: Final = (
    "age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count",
)  # fmt: skip


class Item(NamedTuple):
    """One event: its message id, and what it says."""

    message_id: str
    body: dict[str, Any]

    def encode(self) -> bytes:
        """As JSON, the way a client sends it."""
        return msgspec.json.encode(self.body)


class Households:
    """The people of the demo, and how the data's time becomes ours."""

    def __init__(self, folder: Path, households: Sequence[int], shift: timedelta) -> None:
        self._folder = folder
        self._households = list(households)
        self._shift = shift

    def _rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = dataset.some_households(
            dataset.read(self._folder, name), self._households
        ).to_pylist()
        return rows

    def _at(self, instant: datetime) -> str:
        return f"{(instant + self._shift).isoformat()}Z"

    def _identify(self, message_id: str, at: datetime, traits: dict[str, Any], *cards: str, channel: str) -> Item:
        ids = [{"type": "loyalty_card", "id": card, "collection": "users"} for card in cards]
        body = {
            "type": "identify",
            "messageId": message_id,
            "timestamp": self._at(at),
            "channel": channel,
            "traits": traits,
            "context": {"externalIds": ids},
        }
        return Item(message_id, body)

    def enrolments(self, baskets: Sequence[Basket]) -> Iterator[Item]:
        """The card's application: card, invented contact data, and the demographics the data hold."""
        first: dict[int, datetime] = {}
        for basket in baskets:
            first.setdefault(basket.household, basket.instant)
        known = {row["household_id"]: row for row in self._rows("demographics")}
        for household in self._households:
            person = contact(household)
            row = known.get(household, {})
            traits = {
                "loyalty_card": card_number(household),
                "firstName": person.first_name,
                "lastName": person.last_name,
                "language": language(household),
                "birthday": birthday(household),
                "address": address(household),
                "invented": True,
                "household_number": household,
                **{name: row[name] for name in DEMOGRAPHICS if row.get(name) is not None},
            }
            if has_phone(household):
                traits["phone"] = person.phone
            if has_email(household) and not subscribes_first(household):
                traits["email"] = person.email
            yield self._identify(enrolment_id(household), first[household] - ENROLLED_BEFORE, traits, channel="store")

    def subscriptions(self) -> Iterator[Item]:
        """The newsletter's people: an e-mail address and a name, no card yet."""
        for household in filter(subscribes_first, self._households):
            person = contact(household)
            traits = {"email": person.email, "firstName": person.first_name, "newsletter": True, "invented": True}
            yield self._identify(f"demo:subscribe:{household}", SUBSCRIBED_AT, traits, channel="web")

    def joins(self) -> Iterator[Item]:
        """What brings a household's identities together: the service desk with both cards, the card with the e-mail."""
        for household in self._households:
            card = card_number(household)
            if has_second_card(household):
                traits: dict[str, Any] = {"card_replaced": True, "invented": True}
                second = card_number(household, 1)
                yield self._identify(
                    f"demo:cards:{household}", CARDS_JOINED_AT, traits, card, second, channel="service"
                )
            if subscribes_first(household):
                traits = {"loyalty_card": card, "email": contact(household).email}
                yield self._identify(f"demo:card-shown:{household}", SHOWED_CARD_AT, traits, channel="web")

    def campaigns(self) -> Iterator[Item]:
        """One event a campaign and household, on the day the campaign began."""
        about = {row["campaign_id"]: row for row in dataset.read(self._folder, "campaign_descriptions").to_pylist()}
        for row in self._rows("campaigns"):
            campaign = about[row["campaign_id"]]
            properties = {
                "campaign_id": str(campaign["campaign_id"]),
                "campaign_name": f"Campaign {campaign['campaign_id']} ({campaign['campaign_type']})",
                "campaign_type": campaign["campaign_type"],
                "expires_at": self._at(campaign["end_date"] + NOON),
            }
            yield self._track(
                f"demo:campaign:{campaign['campaign_id']}:{row['household_id']}",
                "Campaign Received",
                campaign["start_date"] + NOON,
                row["household_id"],
                properties,
                channel="mail",
            )

    def redemptions(self, baskets: Sequence[Basket]) -> Iterator[Item]:
        """One event a coupon used; the store is known when the household was in only one that day."""
        stores: defaultdict[tuple[int, Any], set[int]] = defaultdict(set)
        for basket in baskets:
            stores[basket.household, basket.instant.date()].add(basket.store)
        for row in self._rows("coupon_redemptions"):
            household, day = row["household_id"], row["redemption_date"]
            properties: dict[str, Any] = {
                "coupon_id": str(row["coupon_upc"]),
                "campaign_id": str(row["campaign_id"]),
                "campaign_name": f"Campaign {row['campaign_id']}",
            }
            where = stores.get((household, day.date()), set())
            if len(where) == 1:
                properties["store_id"] = str(next(iter(where)))
            yield self._track(
                f"demo:redeem:{household}:{row['coupon_upc']}:{row['campaign_id']}:{day:%Y%m%d}",
                "Coupon Redeemed",
                day + NOON,
                household,
                properties,
                channel="store",
            )

    def _track(
        self, message_id: str, event: str, at: datetime, household: int, properties: dict[str, Any], *, channel: str
    ) -> Item:
        body = {
            "type": "track",
            "event": event,
            "messageId": message_id,
            "timestamp": self._at(at),
            "channel": channel,
            "properties": {"loyalty_card": card_number(household), **properties},
        }
        return Item(message_id, body)


def enrolment_id(household: int) -> str:
    """The message id of a household's card application."""
    return f"demo:enrol:{household}"
