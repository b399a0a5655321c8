"""Loyalty: the card, the points, the tiers, the friends brought."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.model import EventSpec, Facts, Family, Id, Instant, Text, Whole


class Points(Facts, frozen=True, kw_only=True):
    """A movement of points."""

    program_id: Id | None = None
    account_id: Id | None = None
    points: Whole | None = None
    balance: Whole | None = None
    rule: Text | None = None
    reason: Text | None = None
    order_id: Id | None = None
    receipt_id: Id | None = None
    reward_id: Id | None = None
    reward_name: Text | None = None
    entry_id: Id | None = None
    expires_at: Instant | None = None
    recipient: Text | None = None
    store_id: Id | None = None


class Membership(Facts, frozen=True, kw_only=True):
    """A person in a loyalty programme."""

    program_id: Id | None = None
    program_name: Text | None = None
    loyalty_card: Id | None = None
    tier: Text | None = None
    previous_tier: Text | None = None
    store_id: Id | None = None
    store_name: Text | None = None
    clerk_id: Id | None = None


class Referral(Facts, frozen=True, kw_only=True):
    """A friend brought to the company."""

    referral_id: Id | None = None
    code: Text | None = None
    recipient: Text | None = None
    program_id: Id | None = None
    reward_name: Text | None = None
    share_via: Text | None = None


_event = partial(EventSpec, family=Family.LOYALTY)
_points = partial(_event, schema=Points, needs=(("points",),))

EVENTS = (
    _event(
        name="Loyalty Joined",
        aliases=("Loyalty Card Issued", "Loyalty Program Joined", "Card Activated"),
        schema=Membership,
        needs=(("loyalty_card", "program_id"),),
        description="The person joined the loyalty programme or was given a card.",
        label_it="Adesione al programma fedeltà",
        says_en="Joined {program_name}[ in {where}]|Joined the loyalty programme[ in {where}]",
        says_it="Adesione a {program_name}[ in {where}]|Adesione al programma fedeltà[ in {where}]",
    ),
    _event(
        name="Tier Changed",
        aliases=("Tier Reached", "Loyalty Tier Changed"),
        schema=Membership,
        needs=(("tier",),),
        description="The person moved to another tier.",
        label_it="Livello cambiato",
        says_en="Is now {tier}[, was {previous_tier}]|Changed tier",
        says_it="Ora è {tier}[, era {previous_tier}]|Ha cambiato livello",
    ),
    _points(
        name="Points Earned",
        aliases=("Earned Points",),
        description="Points were credited; they may be pending until the return window ends.",
        label_it="Punti guadagnati",
        says_en="Earned {points}[, {balance} in all]|Earned points",
        says_it="Ha guadagnato {points}[, {balance} in tutto]|Ha guadagnato punti",
    ),
    _points(
        name="Points Redeemed",
        aliases=("Redeemed Points", "Reward Redeemed"),
        description="The person spent points.",
        label_it="Punti spesi",
        says_en="Spent {points}[ for {reward_name}]|Spent points",
        says_it="Ha speso {points}[ per {reward_name}]|Ha speso punti",
    ),
    _points(
        name="Points Expired",
        aliases=("Expired Points",),
        description="Points reached the end of their life.",
        label_it="Punti scaduti",
        says_en="{points} expired|Points expired",
        says_it="{points} scaduti|Punti scaduti",
    ),
    _points(
        name="Points Reversed",
        aliases=("Points Revoked",),
        description="An entry of points was taken back, as after a return.",
        label_it="Punti stornati",
        says_en="{points} taken back[: {reason}]|Points taken back",
        says_it="{points} stornati[: {reason}]|Punti stornati",
    ),
    _points(
        name="Points Given",
        aliases=("Points Gifted",),
        description="The person gave points to somebody else.",
        label_it="Punti regalati",
        says_en="Gave {points} away|Gave points away",
        says_it="Ha regalato {points}|Ha regalato punti",
    ),
    _event(
        name="Referral Made",
        aliases=("Friend Referred", "Referred Friend", "Referral Sent"),
        schema=Referral,
        needs=(("referral_id", "code", "recipient"),),
        description="The person brought a friend.",
        label_it="Amico presentato",
        says_en="Referred a friend[ with the code {code}]",
        says_it="Ha presentato un amico[ con il codice {code}]",
    ),
)
