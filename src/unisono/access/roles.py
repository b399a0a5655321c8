"""What each role may do: one table, pure.

A permission is ``<thing>:<action>``. Routes name the permission they need (`unisono.access.guards.requires`), never
a role, so this table is the only place that says who may do what. Keys of servers carry scopes; `of_scopes` says
which permissions those stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from unisono.kit.marking import N_

Role = Literal["owner", "marketer", "agent", "clerk", "analyst", "privacy_officer"]
ROLES: tuple[Role, ...] = get_args(Role)


class Grant(NamedTuple):
    """A permission, the roles that have it beside the owner, and why just those."""

    permission: str
    roles: frozenset[Role]
    meaning: str
    """What it lets somebody do; an English msgid."""
    reason: str


def _to(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


GRANTS: tuple[Grant, ...] = (
    Grant(
        "people:read",
        _to("marketer", "agent", "clerk", "analyst", "privacy_officer"),
        N_("Find people and read their timeline"),
        "Everyone works with customers; a clerk meets only those of the own stores.",
    ),
    Grant(
        "people:contact",
        _to("marketer", "agent", "privacy_officer"),
        N_("See e-mail addresses and phone numbers in full"),
        "Clerks recognise a customer from masked data and analysts count people: neither writes to them.",
    ),
    Grant(
        "people:write",
        _to("marketer", "agent", "clerk"),
        N_("Write notes on a timeline"),
        "Whoever talks to a customer notes what was said; analysts and privacy officers only look.",
    ),
    Grant(
        "raw:read",
        _to("agent", "analyst", "privacy_officer"),
        N_("Read the raw data of an event"),
        "Raw data shows every identifier unmasked, so it is for those who investigate.",
    ),
    Grant(
        "events:read",
        _to("marketer", "analyst"),
        N_("Follow events as they arrive"),
        "Checking a campaign or a tracking plan; the stream shows every store, so it is not for clerks.",
    ),
    Grant(
        "events:replay",
        _to(),
        N_("Replay or discard failed events"),
        "It writes the past of many people at once.",
    ),
    Grant(
        "sources:read",
        _to("marketer", "analyst"),
        N_("See where events come from"),
        "Who reads numbers must know which sources feed them; a key's secret is never shown again.",
    ),
    Grant(
        "sources:manage",
        _to(),
        N_("Make, rotate and disable keys"),
        "A key lets a machine in.",
    ),
    Grant(
        "catalog:read",
        _to("marketer", "agent", "clerk", "analyst"),
        N_("See products, prices, promotions and stock"),
        "Whoever talks to customers gives the same answer as every channel.",
    ),
    Grant(
        "catalog:write",
        _to("marketer"),
        N_("Change products and import catalogues"),
        "What a product is called and shows is marketing's.",
    ),
    Grant(
        "prices:write",
        _to("marketer"),
        N_("Set prices and announce discounts"),
        "An announced discount is a statement under the law; it is kept with who made it.",
    ),
    Grant(
        "promotions:write",
        _to("marketer"),
        N_("Make promotions and coupons, start and stop them"),
        "A promotion spends the company's money.",
    ),
    Grant(
        "stock:write",
        _to("clerk"),
        N_("Move and count stock, settle promises at risk"),
        "Who stands at the shelf counts it; a clerk counts only the own stores.",
    ),
    Grant(
        "orders:read",
        _to("marketer", "agent", "clerk", "analyst"),
        N_("See carts, orders, reservations and pick-ups"),
        "Nobody asks a customer what he has ordered; a clerk sees those of the own stores.",
    ),
    Grant(
        "orders:write",
        _to("agent", "clerk"),
        N_("Place, hand over, cancel and return orders and reservations"),
        "The people who serve customers; every step keeps who did it and why.",
    ),
    Grant(
        "coherence:read",
        _to("marketer", "analyst"),
        N_("See what channels showed wrongly"),
        "Who answers for prices and offers must know when a channel told others.",
    ),
    Grant(
        "segments:read",
        _to("marketer", "agent", "analyst"),
        N_("See segments and who is in them"),
        "A number without its people cannot be checked; the lists span all stores, so they are not for clerks.",
    ),
    Grant(
        "segments:write",
        _to("marketer", "analyst"),
        N_("Make and change segments"),
        "A segment decides whom an offer reaches.",
    ),
    Grant(
        "consents:read",
        _to("marketer", "agent", "clerk", "analyst", "privacy_officer"),
        N_("See what a person agreed to"),
        "Whoever talks to a customer must know what he allowed.",
    ),
    Grant(
        "consents:write",
        _to("agent", "clerk", "privacy_officer"),
        N_("Record and withdraw consents"),
        "A withdrawal is taken wherever it is said; what was recorded keeps who recorded it.",
    ),
    Grant(
        "voice:read",
        _to("marketer", "agent", "analyst", "privacy_officer"),
        N_("See templates, the brand, broadcasts, and what was sent and why"),
        "'Why did she get it?' is asked by everyone who answers for it.",
    ),
    Grant(
        "voice:write",
        _to("marketer"),
        N_("Change templates, the brand and the contact policy"),
        "What the company says, and how often, is marketing's.",
    ),
    Grant(
        "messages:send",
        _to("marketer", "agent"),
        N_("Send a message to a person"),
        "Those who write to customers; the policy decides all the same.",
    ),
    Grant(
        "broadcasts:send",
        _to("marketer"),
        N_("Send a message to a segment; pause and stop it"),
        "It reaches many people at once.",
    ),
    Grant(
        "tasks:write",
        _to("marketer", "agent", "clerk"),
        N_("Do and settle tasks"),
        "Whoever calls or serves a customer says what came of it.",
    ),
    Grant(
        "channels:manage",
        _to(),
        N_("Connect providers, pause and resume sending"),
        "An account with a provider holds a secret and costs money.",
    ),
    Grant(
        "privacy:manage",
        _to("privacy_officer"),
        N_("Answer requests for access and erasure"),
        "The officer answers for both; an erasure cannot be undone.",
    ),
    Grant(
        "webhooks:manage",
        _to(),
        N_("Make and disable webhooks"),
        "A webhook sends the company's data to another machine.",
    ),
    Grant(
        "identity:read",
        _to("marketer", "agent", "analyst", "privacy_officer"),
        N_("See why identifiers are one person"),
        "The answer to 'why is this Mario?'; the lists span all stores, so they are not for clerks.",
    ),
    Grant(
        "identity:undo",
        _to("agent", "privacy_officer"),
        N_("Join, split and undo"),
        "Agents notice wrong joins while talking; accuracy is a right the privacy officer answers for (GDPR art. 16).",
    ),
    Grant(
        "identity:manage",
        _to(),
        N_("Change identity rules"),
        "A rule re-reads every person of the company.",
    ),
    Grant(
        "health:read",
        _to("marketer", "agent", "analyst", "privacy_officer"),
        N_("See whether everything works, and what failed"),
        "Missing numbers and late answers have their explanation there.",
    ),
    Grant(
        "team:read",
        _to("privacy_officer"),
        N_("See who has an account"),
        "Who can read personal data is part of the record of processing (GDPR art. 30).",
    ),
    Grant(
        "team:manage",
        _to(),
        N_("Invite colleagues and change roles"),
        "Whoever gives roles could give themselves any.",
    ),
    Grant(
        "privacy:read_audit",
        _to("privacy_officer"),
        N_("Read who looked at or changed what"),
        "The audit watches the others, so it is read by who answers for it.",
    ),
)
"""The table. The owner has every row."""

PERMISSIONS: frozenset[str] = frozenset(grant.permission for grant in GRANTS)

SUMMARIES: dict[Role, tuple[str, str]] = {
    "owner": (N_("Owner"), N_("Runs the installation: everything.")),
    "marketer": (N_("Marketer"), N_("Knows the customers and what reaches them.")),
    "agent": (N_("Care agent"), N_("Answers customers, sees and mends who is who.")),
    "clerk": (N_("Store clerk"), N_("Serves people of the own stores, with masked contacts.")),
    "analyst": (N_("Analyst"), N_("Reads everything that is measured, changes nothing.")),
    "privacy_officer": (N_("Privacy officer"), N_("Sees who looked at what, answers requests of people.")),
}
"""Role -> its name and one sentence; English msgids."""

_OF_ROLE: dict[Role, frozenset[str]] = {
    role: frozenset(grant.permission for grant in GRANTS if role == "owner" or role in grant.roles) for role in ROLES
}

SCOPE_PERMISSIONS: dict[str, frozenset[str]] = {
    "events:write": frozenset({"events:write"}),
    "people:read": frozenset({"people:read", "people:contact", "events:read", "raw:read", "identity:read"}),
    "people:write": frozenset({"people:write", "identity:undo"}),
    "identity:manage": frozenset({"identity:read", "identity:manage"}),
    "sources:manage": frozenset({"sources:read", "sources:manage"}),
    "operations:read": frozenset({"health:read"}),
    "commerce:read": frozenset({"catalog:read", "orders:read", "coherence:read"}),
    "commerce:write": frozenset({"catalog:write", "prices:write", "promotions:write", "stock:write", "orders:write"}),
    "channel:use": frozenset({"channel:use", "channel:any"}),
    "webhooks:manage": frozenset({"webhooks:manage"}),
    "segments:read": frozenset({"segments:read"}),
    "segments:write": frozenset({"segments:read", "segments:write"}),
    "consents:write": frozenset({"consents:read", "consents:write"}),
    "voice:read": frozenset({"voice:read"}),
    "voice:write": frozenset({"voice:read", "voice:write"}),
    "messages:send": frozenset({"messages:send", "voice:read", "tasks:write"}),
    "broadcasts:send": frozenset({"broadcasts:send", "voice:read", "segments:read"}),
    "channels:manage": frozenset({"channels:manage", "voice:read"}),
    "privacy:manage": frozenset({"privacy:manage", "consents:read"}),
    "operations:write": frozenset({"events:replay"}),
}
"""Scope of a key (`unisono.access.keys.SCOPES`) -> permissions. ``events:write`` is for keys alone: people write
notes, machines write events."""


MACHINE_PERMISSIONS: frozenset[str] = frozenset({"events:write", "channel:use", "channel:any"})
"""Permissions no account has: machines write events and speak for customers."""

TILL_PERMISSIONS: frozenset[str] = frozenset({"channel:use", "channel:any", "catalog:read"})
"""What a till's key may do besides sending events: sell, in its own store, to anybody it recognises."""

CUSTOMER_PERMISSIONS: frozenset[str] = frozenset({"channel:use"})
"""What a customer's token may do: read and change what is his."""


def permissions_of(role: Role) -> frozenset[str]:
    """What a role may do."""
    return _OF_ROLE[role]


def of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """What a key with these scopes may do; unknown scopes give nothing."""
    return frozenset().union(*(SCOPE_PERMISSIONS.get(scope, frozenset()) for scope in scopes))


def roles_with(permission: str) -> tuple[Role, ...]:
    """The roles that have a permission, the owner first."""
    return tuple(role for role in ROLES if permission in _OF_ROLE[role])


def stores_of(role: Role, store_ids: Iterable[str]) -> frozenset[str] | None:
    """The stores whose people a role may meet; None stands for everyone, an empty set for nobody."""
    return frozenset(store_ids) if role == "clerk" else None
