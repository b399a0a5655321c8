"""The last unit: two buyers, two channels, one pair. One has it, the other is told where else it is."""

from __future__ import annotations

import asyncio
from typing import Any

from unisono.demo.scenes.engine import Answer
from unisono.demo.scenes.shop import EDITION, OTHER_STORE, STORE, Buyer, Shop, open_shop
from unisono.demo.scenes.stage import Stage


async def last_unit(stage: Stage) -> None:
    """App and site go for the same pair at the same instant; nobody is promised what is not there."""
    shop = await open_shop(stage)
    await shop.count(EDITION, STORE, 1)
    await shop.count(EDITION, OTHER_STORE, 1)
    stage.step("One numbered pair is left in Milano Duomo. Giulia wants it in the app, Marco on the site.")
    buyers = [await shop.sign_in("Giulia", "app"), await shop.sign_in("Marco", "web")]
    for buyer in buyers:
        cart = await shop.put(buyer, EDITION)
        stage.check(f"{buyer.name} has it in the cart", [EDITION], [line["sku"] for line in cart["lines"]])
    there = await shop.shelf(EDITION, STORE)
    stage.confirm("a cart promises nothing: it is still there for both", 1, there["available"])
    winner, begun, loser, refused = await _race(shop, buyers, there["held"] + there["committed"])
    await _is_told(shop, loser, refused)
    await _ends_well(shop, winner, begun, loser)


async def _race(shop: Shop, buyers: list[Buyer], promised: int) -> tuple[Buyer, dict[str, Any], Buyer, dict[str, Any]]:
    stage = shop.stage
    stage.step("Both tap Buy at the same instant.")
    wish = {"fulfilment": "pickup", "location": STORE}
    answers: list[Answer] = await asyncio.gather(
        *(stage.engine.call("POST", "/channel/checkouts", buyer.token, wish) for buyer in buyers)
    )
    for buyer, answer in zip(buyers, answers, strict=True):
        stage.tell(f"{buyer.name}: {'the pair is held' if answer.status == 201 else 'refused'}", answer)
    stage.confirm("one gets it, one does not", [201, 409], sorted(answer.status for answer in answers))
    won = next(place for place, answer in enumerate(answers) if answer.status == 201)
    there = await shop.shelf(EDITION, STORE)
    now = there["held"] + there["committed"] - promised
    stage.confirm("one unit is promised, not two", (0, 1), (there["available"], now))
    return buyers[won], answers[won].json, buyers[1 - won], answers[1 - won].json


async def _is_told(shop: Shop, loser: Buyer, refused: dict[str, Any]) -> None:
    stage = shop.stage
    stage.step(f"{loser.name} is told at once, and where it can still be had.")
    stage.say(f"    {loser.name} reads: {refused['detail']}")
    stage.confirm("what is missing is named", [(EDITION, 1, 0)], [_short(line) for line in refused["lines"]])
    other = {(one["location"], one["available"]) for one in refused["alternatives"]}
    stage.confirm("with another store that has it", True, (OTHER_STORE, 1) in other)


def _short(line: dict[str, Any]) -> tuple[str, int, int]:
    return line["sku"], line["asked"], line["available"]


async def _ends_well(shop: Shop, winner: Buyer, begun: dict[str, Any], loser: Buyer) -> None:
    stage = shop.stage
    stage.step(f"{winner.name} pays; {loser.name} takes the pair in Milano Brera.")
    order = await shop.pay(winner, begun)
    second = await shop.pay(loser, await shop.begin(loser, fulfilment="pickup", location=OTHER_STORE))
    stage.confirm("there are two orders of one pair each", 2, len({order["number"], second["number"]}))
    for place in (STORE, OTHER_STORE):
        there = await shop.shelf(EDITION, place)
        safe = there["held"] + there["committed"] <= there["on_hand"] + there["at_risk"]
        stage.confirm(
            f"in {place} nothing is promised beyond the shelf",
            (0, True, 0),
            (there["available"], safe, there["at_risk"]),
        )
    third = await shop.sign_in("Sara", "app")
    await shop.put(third, EDITION)
    late = await stage.engine.call(
        "POST", "/channel/checkouts", third.token, {"fulfilment": "pickup", "location": STORE}
    )
    stage.tell("Sara comes later", late)
    stage.confirm(
        "a third hears that it is gone, and of no place that has it",
        (409, []),
        (late.status, late.json["alternatives"]),
    )
