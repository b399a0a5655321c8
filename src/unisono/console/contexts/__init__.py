"""
What every console screen needs to be drawn: the contract between routes and templates.

A route fills one view (a frozen struct below) and hands it to ``rendering.render_screen``; the template
named by the view's ``TEMPLATE`` reads it as ``view`` beside ``page`` (the `Shell`). Templates never query,
routes never format: times are aware UTC datetimes, money is minor units, numbers are numbers, and the
filters of `unisono.console.rendering` write them in the reader's language and zone.

Texts in these structs are either data (names, values) or already translated sentences, as each field says.
``*_href`` fields are links built with `unisono.console.links`; ``None`` means "do not offer it".
"""

from unisono.console.contexts import consents, sends
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
from unisono.console.contexts.segments import (
    CheckRow,
    DayPoint,
    DayRow,
    FunnelRow,
    MemberRow,
    MembershipRow,
    PersonVoice,
    ReachRow,
    ReadyTemplate,
    RuleBox,
    RuleField,
    SampleRow,
    SegmentBuilder,
    SegmentMembers,
    SegmentNumbers,
    SegmentPage,
    SegmentRow,
    Segments,
    SegmentVersionRow,
    SegmentWhy,
    WhyAnswer,
    WhyStep,
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
    Paused,
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
from unisono.console.contexts.voice import (
    AccountRowView,
    BlockCard,
    Brand,
    BrandVersionRow,
    ChannelAccount,
    ChannelCard,
    ChannelReach,
    ChannelReachRow,
    Channels,
    DiffRow,
    FindingRow,
    NamedRow,
    PreviewCard,
    Swatch,
    Template,
    TemplateRow,
    Templates,
    TemplateVersionRow,
    VoiceField,
    WordRows,
)

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
    | Templates
    | Template
    | Brand
    | Channels
    | ChannelAccount
    | ChannelReach
    | Segments
    | SegmentPage
    | SegmentMembers
    | SegmentWhy
    | SegmentBuilder
    | sends.Sends
    | consents.ConsentScreens
)
"""Everything `rendering.render_screen` can draw."""

# The screens of what is sent and of consent are named with their module: ``sends.Outbox``, ``consents.Law``.
__all__ = [
    "AccountRow",
    "AccountRowView",
    "Amount",
    "AppointmentRow",
    "AskedRow",
    "AttributeLine",
    "Audit",
    "AuditRow",
    "Badge",
    "BatchRow",
    "Became",
    "BlockCard",
    "Brand",
    "BrandVersionRow",
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
    "ChannelAccount",
    "ChannelCard",
    "ChannelReach",
    "ChannelReachRow",
    "ChannelStock",
    "Channels",
    "CheckRow",
    "Chip",
    "Choice",
    "CodeSample",
    "Coherence",
    "ComparedRow",
    "ComputedTraitRow",
    "ConflictRow",
    "Counter",
    "DayGroup",
    "DayPoint",
    "DayRow",
    "DeadLetterRow",
    "Density",
    "DiffRow",
    "DiscountPage",
    "DiscountRow",
    "ErrorPage",
    "EvidenceCard",
    "FailedEvent",
    "FindingRow",
    "FirstRun",
    "FunnelRow",
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
    "MemberRow",
    "MembershipRow",
    "MergeRow",
    "MovementRow",
    "NamedRow",
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
    "Paused",
    "PaymentRow",
    "PeopleList",
    "PersonLink",
    "PersonLinks",
    "PersonPage",
    "PersonRow",
    "PersonShop",
    "PersonVoice",
    "PictureRow",
    "PlaceCard",
    "PreviewCard",
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
    "ReachRow",
    "ReaderRow",
    "ReadyTemplate",
    "RefusedLine",
    "ReturnRow",
    "RiskRow",
    "RoleRow",
    "RuleBox",
    "RuleField",
    "RuleNode",
    "RuleRow",
    "SampleRow",
    "Score",
    "Screen",
    "Search",
    "SegmentBuilder",
    "SegmentMembers",
    "SegmentNumbers",
    "SegmentPage",
    "SegmentRow",
    "SegmentVersionRow",
    "SegmentWhy",
    "Segments",
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
    "Swatch",
    "Team",
    "Template",
    "TemplateRow",
    "TemplateVersionRow",
    "Templates",
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
    "VoiceField",
    "WaitingRow",
    "WhyAnswer",
    "WhyStep",
    "WordRows",
    "consents",
    "sends",
]
