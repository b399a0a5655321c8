"""
What every console screen needs to be drawn: the contract between routes and templates.

A route fills one view (a frozen struct below) and hands it to ``rendering.render_screen``; the template
named by the view's ``TEMPLATE`` reads it as ``view`` beside ``page`` (the `Shell`). Templates never query,
routes never format: times are aware UTC datetimes, money is minor units, numbers are numbers, and the
filters of `unisono.console.rendering` write them in the reader's language and zone.

Texts in these structs are either data (names, values) or already translated sentences, as each field says.
``*_href`` fields are links built with `unisono.console.links`; ``None`` means "do not offer it".
"""

from unisono.console.contexts.accounts import (
    AccountRow,
    ErrorPage,
    FirstRun,
    Hit,
    HitGroup,
    Invitation,
    NoPermission,
    Palette,
    RoleRow,
    Search,
    SignIn,
    Team,
)
from unisono.console.contexts.audit import Audit, AuditRow
from unisono.console.contexts.coherence import (
    Coherence,
    ComparedRow,
    IncidentRow,
    PropagationRow,
)
from unisono.console.contexts.operations import (
    Bucket,
    CodeSample,
    DeadLetterRow,
    FailedEvent,
    Health,
    Identity,
    KeyGroup,
    KeyRow,
    LiveEvent,
    LiveEvents,
    NewKey,
    ParkedRow,
    ReaderRow,
    RuleRow,
    SharedRow,
    Sources,
    ViolationRow,
)
from unisono.console.contexts.orders import (
    AppointmentRow,
    Cart,
    CartBox,
    CartLineRow,
    CartRow,
    Carts,
    Counter,
    GoneRow,
    Goods,
    HandOver,
    HistoryRow,
    MergeRow,
    OfferRow,
    Order,
    OrderLineRow,
    OrderRow,
    Orders,
    ParcelRow,
    PaymentRow,
    PersonShop,
    ReturnRow,
    WaitingRow,
)
from unisono.console.contexts.people import (
    ComputedTraitRow,
    DayGroup,
    HouseholdMember,
    IdentifierRow,
    IdentityCard,
    LinkRow,
    PeopleList,
    PersonLinks,
    PersonPage,
    PersonRow,
    RawEvent,
    Timeline,
    TimelineItem,
    TraitRow,
)
from unisono.console.contexts.prices import (
    AskedRow,
    DiscountPage,
    DiscountRow,
    EvidenceCard,
    ListedPrice,
    PriceFact,
    PriceListPage,
    PriceListRow,
    PriceOf,
    Prices,
    Step,
    Steps,
)
from unisono.console.contexts.products import (
    AttributeLine,
    CatalogueImport,
    ImportOutcome,
    PartRow,
    PictureRow,
    Product,
    ProductRow,
    Products,
    ProductVariantRow,
    RefusedLine,
    UsedBy,
)
from unisono.console.contexts.promotions import (
    BatchRow,
    Became,
    BuilderField,
    BuilderGoods,
    BuilderNode,
    ConflictRow,
    Limit,
    PromotionBuilder,
    PromotionConflicts,
    PromotionPage,
    PromotionRow,
    Promotions,
    PromotionSimulator,
    RuleNode,
    SimulatorLine,
    Tried,
    TriedCoupon,
    TriedLine,
    TriedPromotion,
    UseRow,
    VersionRow,
)
from unisono.console.contexts.shared import (
    Amount,
    Badge,
    Chip,
    Choice,
    Density,
    IdentifierBrief,
    Knowledge,
    Paging,
    PersonLink,
    Problem,
    Score,
    Shell,
    Struct,
    Theme,
    Tile,
    Toast,
    Tone,
    Viewer,
)
from unisono.console.contexts.stock import (
    ChannelStock,
    Locations,
    MovementRow,
    PlaceCard,
    PromiseRow,
    RiskRow,
    Stock,
    StockLine,
    StockMovements,
    StockPart,
    StockPromises,
    StockRisks,
    StockSku,
)
from unisono.console.contexts.together import Candidate, HouseholdCard, Together

Screen = (
    PeopleList
    | PersonPage
    | PersonLinks
    | Together
    | RawEvent
    | LiveEvents
    | Sources
    | Identity
    | Health
    | SignIn
    | FirstRun
    | Team
    | Audit
    | Palette
    | Search
    | ErrorPage
    | NoPermission
    | Products
    | Product
    | CatalogueImport
    | Prices
    | PriceListPage
    | PriceOf
    | DiscountPage
    | Promotions
    | PromotionPage
    | PromotionBuilder
    | PromotionSimulator
    | PromotionConflicts
    | Coherence
    | Locations
    | Stock
    | StockMovements
    | StockPromises
    | StockRisks
    | StockSku
    | Cart
    | Carts
    | Counter
    | HandOver
    | Order
    | Orders
)
"""Everything `rendering.render_screen` can draw."""

__all__ = [
    "AccountRow",
    "Amount",
    "AppointmentRow",
    "AskedRow",
    "AttributeLine",
    "Audit",
    "AuditRow",
    "Badge",
    "BatchRow",
    "Became",
    "Bucket",
    "BuilderField",
    "BuilderGoods",
    "BuilderNode",
    "Candidate",
    "Cart",
    "CartBox",
    "CartLineRow",
    "CartRow",
    "Carts",
    "CatalogueImport",
    "ChannelStock",
    "Chip",
    "Choice",
    "CodeSample",
    "Coherence",
    "ComparedRow",
    "ComputedTraitRow",
    "ConflictRow",
    "Counter",
    "DayGroup",
    "DeadLetterRow",
    "Density",
    "DiscountPage",
    "DiscountRow",
    "ErrorPage",
    "EvidenceCard",
    "FailedEvent",
    "FirstRun",
    "GoneRow",
    "Goods",
    "HandOver",
    "Health",
    "HistoryRow",
    "Hit",
    "HitGroup",
    "HouseholdCard",
    "HouseholdMember",
    "IdentifierBrief",
    "IdentifierRow",
    "Identity",
    "IdentityCard",
    "ImportOutcome",
    "IncidentRow",
    "Invitation",
    "KeyGroup",
    "KeyRow",
    "Knowledge",
    "Limit",
    "LinkRow",
    "ListedPrice",
    "LiveEvent",
    "LiveEvents",
    "Locations",
    "MergeRow",
    "MovementRow",
    "NewKey",
    "NoPermission",
    "OfferRow",
    "Order",
    "OrderLineRow",
    "OrderRow",
    "Orders",
    "Paging",
    "Palette",
    "ParcelRow",
    "ParkedRow",
    "PartRow",
    "PaymentRow",
    "PeopleList",
    "PersonLink",
    "PersonLinks",
    "PersonPage",
    "PersonRow",
    "PersonShop",
    "PictureRow",
    "PlaceCard",
    "PriceFact",
    "PriceListPage",
    "PriceListRow",
    "PriceOf",
    "Prices",
    "Problem",
    "Product",
    "ProductRow",
    "ProductVariantRow",
    "Products",
    "PromiseRow",
    "PromotionBuilder",
    "PromotionConflicts",
    "PromotionPage",
    "PromotionRow",
    "PromotionSimulator",
    "Promotions",
    "PropagationRow",
    "RawEvent",
    "ReaderRow",
    "RefusedLine",
    "ReturnRow",
    "RiskRow",
    "RoleRow",
    "RuleNode",
    "RuleRow",
    "Score",
    "Screen",
    "Search",
    "SharedRow",
    "Shell",
    "SignIn",
    "SimulatorLine",
    "Sources",
    "Step",
    "Steps",
    "Stock",
    "StockLine",
    "StockMovements",
    "StockPart",
    "StockPromises",
    "StockRisks",
    "StockSku",
    "Struct",
    "Team",
    "Theme",
    "Tile",
    "Timeline",
    "TimelineItem",
    "Toast",
    "Together",
    "Tone",
    "TraitRow",
    "Tried",
    "TriedCoupon",
    "TriedLine",
    "TriedPromotion",
    "UseRow",
    "UsedBy",
    "VersionRow",
    "Viewer",
    "ViolationRow",
    "WaitingRow",
]
