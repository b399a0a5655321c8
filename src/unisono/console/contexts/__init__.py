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
    | Locations
    | Stock
    | StockMovements
    | StockPromises
    | StockRisks
    | StockSku
)
"""Everything `rendering.render_screen` can draw."""

__all__ = [
    "AccountRow",
    "Amount",
    "AskedRow",
    "AttributeLine",
    "Audit",
    "AuditRow",
    "Badge",
    "Bucket",
    "Candidate",
    "CatalogueImport",
    "ChannelStock",
    "Chip",
    "Choice",
    "CodeSample",
    "ComputedTraitRow",
    "DayGroup",
    "DeadLetterRow",
    "Density",
    "DiscountPage",
    "DiscountRow",
    "ErrorPage",
    "EvidenceCard",
    "FailedEvent",
    "FirstRun",
    "Health",
    "Hit",
    "HitGroup",
    "HouseholdCard",
    "HouseholdMember",
    "IdentifierBrief",
    "IdentifierRow",
    "Identity",
    "IdentityCard",
    "ImportOutcome",
    "Invitation",
    "KeyGroup",
    "KeyRow",
    "Knowledge",
    "LinkRow",
    "ListedPrice",
    "LiveEvent",
    "LiveEvents",
    "Locations",
    "MovementRow",
    "NewKey",
    "NoPermission",
    "Paging",
    "Palette",
    "ParkedRow",
    "PartRow",
    "PeopleList",
    "PersonLink",
    "PersonLinks",
    "PersonPage",
    "PersonRow",
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
    "RawEvent",
    "ReaderRow",
    "RefusedLine",
    "RiskRow",
    "RoleRow",
    "RuleRow",
    "Score",
    "Screen",
    "Search",
    "SharedRow",
    "Shell",
    "SignIn",
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
    "UsedBy",
    "Viewer",
    "ViolationRow",
]
