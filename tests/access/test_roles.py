"""Roles: the one table of who may do what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.access.keys import SCOPES
from unisono.access.roles import (
    GRANTS,
    MACHINE_PERMISSIONS,
    PERMISSIONS,
    ROLES,
    SCOPE_PERMISSIONS,
    SUMMARIES,
    of_scopes,
    permissions_of,
    roles_with,
    stores_of,
)


def test_the_owner_has_every_permission() -> None:
    assert permissions_of("owner") == PERMISSIONS


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_permission_outside_the_table(role) -> None:
    assert permissions_of(role) <= PERMISSIONS
    assert SUMMARIES[role][0]


def test_every_permission_stands_once_with_a_meaning_and_a_reason() -> None:
    assert len(GRANTS) == len(PERMISSIONS)
    for grant in GRANTS:
        assert grant.meaning
        assert grant.reason.endswith(".")
        assert "owner" not in grant.roles
        assert roles_with(grant.permission)[0] == "owner"


def test_only_owners_can_give_roles_let_machines_in_or_rewrite_the_past() -> None:
    """What would let somebody take over stays with the owner."""
    for permission in ("team:manage", "sources:manage", "events:replay", "identity:manage"):
        assert roles_with(permission) == ("owner",)


def test_the_audit_is_for_owner_and_privacy_officer() -> None:
    assert roles_with("privacy:read_audit") == ("owner", "privacy_officer")


def test_a_clerk_sees_people_but_neither_contacts_nor_screens_that_span_stores() -> None:
    """A clerk serves: goods, stock and orders of the own stores, no prices, no lists of the whole company."""
    shop = {"catalog:read", "stock:write", "orders:read", "orders:write"}
    talk = {"consents:read", "consents:write", "tasks:write"}
    assert permissions_of("clerk") == {"people:read", "people:write"} | shop | talk


@given(st.sets(st.text(max_size=4)))
def test_only_clerks_are_bound_to_stores_and_one_without_stores_meets_nobody(stores) -> None:
    assert stores_of("clerk", stores) == stores
    for role in set(ROLES) - {"clerk"}:
        assert stores_of(role, stores) is None


def test_every_scope_of_a_key_stands_for_known_permissions() -> None:
    assert SCOPE_PERMISSIONS.keys() == SCOPES.keys()
    assert of_scopes(SCOPES) <= PERMISSIONS | MACHINE_PERMISSIONS
    assert of_scopes({"nonsense"}) == frozenset()


def test_no_key_can_manage_the_team_or_read_the_audit() -> None:
    assert not of_scopes(SCOPES) & {"team:manage", "privacy:read_audit"}
