"""Promotions: the list, one with its versions, the builder, the simulator, conflicts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from unisono.console.contexts.products import UsedBy
from unisono.console.contexts.shared import Amount, Badge, Chip, Choice, Paging, Problem, Struct, Tile
from unisono.kit.reasons import Reason


class Limit(Struct, frozen=True, kw_only=True):
    """What has been used of a budget or of the uses."""

    used: Amount | int
    most: Amount | int
    part: float
    """From 0 to 1."""


class PromotionRow(Struct, frozen=True, kw_only=True):
    """A promotion in the list. ``sentence`` says in words what it does."""

    code: str
    name: str
    href: str
    sentence: str
    badge: Badge
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    needs_coupon: bool = False
    budget: Limit | None = None
    uses: Limit | None = None
    updated_at: datetime | None = None


class Promotions(Struct, frozen=True, kw_only=True):
    """``/console/promotions``."""

    TEMPLATE: ClassVar[str] = "promotions.html"

    rows: Sequence[PromotionRow]
    paging: Paging
    chips: Sequence[Chip] = ()
    any_promotions: bool = True
    filter_sentence: str = ""
    can_write: bool = False


class RuleNode(Struct, frozen=True, kw_only=True):
    """A condition in words, with those inside it."""

    text: str
    inner: Sequence["RuleNode"] = ()


class Became(Struct, frozen=True, kw_only=True):
    """What a version changed: the name of the field (translated), before and after."""

    what: str
    before: str
    after: str


class VersionRow(Struct, frozen=True, kw_only=True):
    """A version of a promotion; ``changes`` against the one before it."""

    version: int
    at: datetime
    actor: str
    sentence: str
    changes: Sequence[Became] = ()


class BatchRow(Struct, frozen=True, kw_only=True):
    """Coupons that were made together; ``code`` of a generic one, or the only one."""

    label: str
    kind: str
    count: int
    used: int
    disabled: int
    batch: str = ""
    code: str = ""
    expires_at: datetime | None = None


class UseRow(Struct, frozen=True, kw_only=True):
    """One use in an order."""

    at: datetime
    channel: str
    amount: Amount
    order: str = ""
    state: str = ""
    coupon: str = ""


class ConflictRow(Struct, frozen=True, kw_only=True):
    """Two promotions that get in each other's way."""

    badge: Badge
    one: str
    one_href: str
    other: str
    other_href: str
    reasons: Sequence[Reason]


class PromotionPage(Struct, frozen=True, kw_only=True):
    """``/console/promotions/{code}``. ``moves`` are the statuses it may be given: (status, what the button says)."""

    TEMPLATE: ClassVar[str] = "promotion.html"

    code: str
    name: str
    sentence: str
    badge: Badge
    version: int
    facts: Sequence[tuple[str, str]] = ()
    rule: RuleNode | None = None
    effects: Sequence[str] = ()
    texts: Sequence[tuple[str, str]] = ()
    tiles: Sequence[Tile] = ()
    budget: Limit | None = None
    uses: Limit | None = None
    moves: Sequence[tuple[str, str]] = ()
    latest: Sequence[UseRow] = ()
    batches: Sequence[BatchRow] = ()
    made: Sequence[str] = ()
    """Coupons made just now, shown to be copied."""
    conflicts: Sequence[ConflictRow] = ()
    used_by: Sequence[UsedBy] = ()
    versions: Sequence[VersionRow] = ()
    json: str = ""
    can_write: bool = False
    part: str = ""
    drafts: Mapping[str, str] = {}
    problem: Problem | None = None


FieldKind = Literal[
    "text", "names", "money", "whole", "percent", "factor", "date", "time", "instant", "select", "checks", "long"
]


class BuilderField(Struct, frozen=True, kw_only=True):
    """A field of the builder: its full name in the form, what is typed, what is wrong with it."""

    name: str
    label: str
    kind: FieldKind = "text"
    value: str = ""
    choices: Sequence[Choice] = ()
    fault: str = ""
    hint: str = ""


class BuilderGoods(Struct, frozen=True, kw_only=True):
    """Which goods a part of a rule is about; ``open``: something is said."""

    title: str
    fields: Sequence[BuilderField]
    open: bool = False


class BuilderNode(Struct, frozen=True, kw_only=True):
    """A box: a group (all, any, none) with boxes inside, a condition, or an effect."""

    path: str
    kind: str
    title: str
    group: bool = False
    fields: Sequence[BuilderField] = ()
    goods: Sequence[BuilderGoods] = ()
    inner: Sequence["BuilderNode"] = ()
    removable: bool = True


class PromotionBuilder(Struct, frozen=True, kw_only=True):
    """``/console/promotion-builder``: a rule as nested boxes; ``sentence`` is what it says so far."""

    TEMPLATE: ClassVar[str] = "promotion_builder.html"

    code: str
    is_new: bool
    version: int
    conditions: BuilderNode
    effects: Sequence[BuilderNode]
    general: Sequence[BuilderField]
    limits: Sequence[BuilderField]
    together: Sequence[BuilderField]
    texts: Sequence[BuilderField]
    condition_kinds: Sequence[Choice]
    effect_kinds: Sequence[Choice]
    sentence: str = ""
    status: str = "draft"
    back_href: str = ""
    too_rich: bool = False
    """It says things this form cannot show, so it is changed over the API."""
    problem: Problem | None = None


class TriedLine(Struct, frozen=True, kw_only=True):
    """A line of a tried basket after promotions."""

    sku: str
    name: str
    quantity: int
    unit: Amount
    gross: Amount
    discount: Amount
    total: Amount
    shares: Sequence[tuple[str, Amount]] = ()


class TriedPromotion(Struct, frozen=True, kw_only=True):
    """A promotion that counts in a tried basket, or does not, and every reason."""

    code: str
    name: str
    href: str
    reasons: Sequence[Reason]
    amount: Amount | None = None
    gifts: Sequence[str] = ()
    points: str = ""
    coupon: str = ""
    missing: Amount | None = None


class TriedCoupon(Struct, frozen=True, kw_only=True):
    """What became of a code that was entered."""

    coupon: str
    accepted: bool
    promotion: str = ""
    reasons: Sequence[Reason] = ()


class Tried(Struct, frozen=True, kw_only=True):
    """What a basket would cost."""

    lines: Sequence[TriedLine]
    subtotal: Amount
    discount: Amount
    shipping: Amount
    tax: Amount
    total: Amount
    at: datetime
    where: str
    applied: Sequence[TriedPromotion] = ()
    rejected: Sequence[TriedPromotion] = ()
    coupons: Sequence[TriedCoupon] = ()


class SimulatorLine(Struct, frozen=True, kw_only=True):
    """A line of the form."""

    sku: str = ""
    quantity: str = ""
    unit: str = ""


class PromotionSimulator(Struct, frozen=True, kw_only=True):
    """``/console/promotion-simulator``: any basket, channel, instant and person."""

    TEMPLATE: ClassVar[str] = "promotion_simulator.html"

    lines: Sequence[SimulatorLine]
    channels: Sequence[Choice] = ()
    stores: Sequence[Choice] = ()
    values: Mapping[str, str] = {}
    only: Sequence[Choice] = ()
    tried: Tried | None = None
    problem: Problem | None = None


class PromotionConflicts(Struct, frozen=True, kw_only=True):
    """``/console/promotion-conflicts``."""

    TEMPLATE: ClassVar[str] = "promotion_conflicts.html"

    rows: Sequence[ConflictRow]
    compared: int = 0
