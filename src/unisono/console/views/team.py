"""Accounts and roles as the team screen shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unisono.access.accounts import Account
from unisono.access.roles import GRANTS, ROLES, SUMMARIES, permissions_of
from unisono.console.contexts import AccountRow, Choice, RoleRow
from unisono.console.words import Words


def account_row(account: Account, words: Words, *, viewer_id: int) -> AccountRow:
    """An account of the team."""
    return AccountRow(
        account_id=account.id,
        name=account.name,
        email=account.email,
        role=account.role,
        role_label=words.gettext(SUMMARIES[account.role][0]),
        store=", ".join(account.store_ids),
        last_seen=account.last_seen_at,
        created_at=account.created_at,
        disabled_at=account.disabled_at,
        is_viewer=account.id == viewer_id,
    )


def role_rows(accounts: Sequence[Account], words: Words) -> list[RoleRow]:
    """Each role with what it may and may not do."""
    members = Counter(account.role for account in accounts if account.disabled_at is None)
    rows = []
    for role in ROLES:
        label, summary = SUMMARIES[role]
        granted = permissions_of(role)
        rows.append(
            RoleRow(
                role=role,
                label=words.gettext(label),
                summary=words.gettext(summary),
                can=[words.gettext(grant.meaning) for grant in GRANTS if grant.permission in granted],
                cannot=[words.gettext(grant.meaning) for grant in GRANTS if grant.permission not in granted],
                accounts=members[role],
            )
        )
    return rows


def role_choices(words: Words, chosen: str = "agent") -> list[Choice]:
    """The roles to choose from."""
    return [
        Choice(
            value=role,
            label=words.gettext(SUMMARIES[role][0]),
            hint=words.gettext(SUMMARIES[role][1]),
            selected=role == chosen,
        )
        for role in ROLES
    ]


def store_choices(stores: Sequence[str], chosen: str = "") -> list[Choice]:
    """The stores to choose from."""
    return [Choice(value=store, label=store, selected=store == chosen) for store in stores]
