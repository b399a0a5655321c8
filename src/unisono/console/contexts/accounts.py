"""Signing in, the team, search, errors."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from unisono.console.contexts.shared import Choice, Problem, Struct


class SignIn(Struct, frozen=True, kw_only=True):
    """``/console/sign-in``. ``next_path`` is where to go afterwards."""

    TEMPLATE: ClassVar[str] = "sign_in.html"

    email: str = ""
    next_path: str = ""
    problem: Problem | None = None
    locked_until: datetime | None = None


class FirstRun(Struct, frozen=True, kw_only=True):
    """
    ``/console/first-run``: what a one-time link opens. ``needs_token`` asks for the token that the server
    printed. Only on the first run (``purpose``) name, address and company are asked for.
    """

    TEMPLATE: ClassVar[str] = "first_run.html"

    purpose: Literal["first_run", "invite", "reset"] = "first_run"
    needs_token: bool = True
    token: str = ""
    name: str = ""
    email: str = ""
    company: str = ""
    problem: Problem | None = None
    password_min_length: int = 12


class AccountRow(Struct, frozen=True, kw_only=True):
    """An account of the team."""

    account_id: int
    name: str
    email: str
    role: str
    role_label: str
    store: str = ""
    last_seen: datetime | None = None
    created_at: datetime | None = None
    disabled_at: datetime | None = None
    is_viewer: bool = False


class RoleRow(Struct, frozen=True, kw_only=True):
    """A role and what it may do (translated sentences)."""

    role: str
    label: str
    summary: str
    can: Sequence[str] = ()
    cannot: Sequence[str] = ()
    accounts: int = 0


class Invitation(Struct, frozen=True, kw_only=True):
    """A link made for a new colleague, shown once."""

    email: str
    href: str
    until: datetime | None = None


class Team(Struct, frozen=True, kw_only=True):
    """``/console/team``."""

    TEMPLATE: ClassVar[str] = "team.html"

    accounts: Sequence[AccountRow]
    roles: Sequence[RoleRow]
    stores: Sequence[Choice] = ()
    role_choices: Sequence[Choice] = ()
    can_manage: bool = False
    problem: Problem | None = None
    invitation: Invitation | None = None
    draft_name: str = ""
    draft_email: str = ""


class Hit(Struct, frozen=True, kw_only=True):
    """One thing found. ``hint`` is a translated second line ("loyalty card ...4417")."""

    label: str
    href: str
    hint: str = ""
    kind: str = ""


class HitGroup(Struct, frozen=True, kw_only=True):
    """Hits of one kind under a translated title ("People", "Screens")."""

    title: str
    hits: Sequence[Hit]


class Palette(Struct, frozen=True, kw_only=True):
    """``/console/palette?q=``: the fragment inside the command palette."""

    TEMPLATE: ClassVar[str] = "palette.html"

    query: str
    groups: Sequence[HitGroup]


class Search(Struct, frozen=True, kw_only=True):
    """``/console/search?q=``: the same as a page, for those without JavaScript."""

    TEMPLATE: ClassVar[str] = "search.html"

    query: str
    groups: Sequence[HitGroup]


class ErrorPage(Struct, frozen=True, kw_only=True):
    """Any error as a page: status and a `Problem`."""

    TEMPLATE: ClassVar[str] = "error.html"

    status: int
    problem: Problem
    retry_href: str | None = None
    home_href: str | None = None


class NoPermission(Struct, frozen=True, kw_only=True):
    """
    A screen the viewer's role may not open. ``what`` is the screen, ``roles`` those that may, ``ask`` an
    owner's name or address.
    """

    TEMPLATE: ClassVar[str] = "no_permission.html"

    what: str
    roles: Sequence[str] = ()
    ask: str = ""
