"""Team and roles: accounts, invitations, what each role may do."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import accounts, invitations
from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, figures, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, settings_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.views.problems import problem_of
from unisono.console.views.team import account_row, role_choices, role_rows, store_choices
from unisono.kit.database import connection, transaction
from unisono.kit.errors import BadRequest, Conflict, UnisonoError

SECTION = "team"


def public_address(request: AnyRequest) -> str:
    """Where others reach this installation: the setting, or the address asked for."""
    return (settings_of(request).public_url or str(request.base_url)).rstrip("/")


def _stores_in(text: str) -> list[str]:
    return [store for store in re.split(r"[,;\n]+", text) if store.strip()]


async def _show(
    request: AnyRequest,
    *,
    link: invitations.Link | None = None,
    error: UnisonoError | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        team = await accounts.list_accounts(conn)
    drafts = (form or {}) if error is not None else {}
    view = contexts.Team(
        accounts=[account_row(account, words, viewer_id=principal.id) for account in team],
        roles=role_rows(team, words),
        stores=store_choices(await figures.stores(request), drafts.get("store", "")),
        role_choices=role_choices(words, drafts.get("role", "agent")),
        can_manage=principal.may("team:manage"),
        problem=problem_of(words, error) if error else None,
        invitation=contexts.Invitation(
            email=link.email, href=f"{public_address(request)}{link.path}", until=link.expires_at
        )
        if link
        else None,
        draft_name=drafts.get("name", ""),
        draft_email=drafts.get("email", ""),
    )
    title = words.gettext("Team and roles")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.TEAM, guards=[requires("team:read")], include_in_schema=False)
async def show_team(request: AnyRequest) -> Response[str]:
    """The team and the roles."""
    return await _show(request)


@post(links.TEAM, guards=[requires("team:manage")], include_in_schema=False)
async def invite(request: AnyRequest) -> Response[str]:
    """Invite somebody: an account without password and a link to copy, shown this once."""
    form = await form_of(request)
    try:
        async with transaction(pool_of(request)) as conn:
            link = await invitations.invite(
                conn,
                email=form.get("email", ""),
                name=form.get("name", ""),
                role=form.get("role", ""),
                store_ids=_stores_in(form.get("store", "")),
                actor=caller(request).actor,
                now=now_of(request),
            )
    except (BadRequest, Conflict) as error:
        return await _show(request, error=error, form=form)
    return await _show(request, link=link)


@post(pattern(links.account_link, "account_id"), guards=[requires("team:manage")], include_in_schema=False)
async def make_link(request: AnyRequest, account_id: FromPath[int]) -> Response[str]:
    """A new one-time link: for a forgotten password, or an invitation that ran out."""
    async with transaction(pool_of(request)) as conn:
        link = await invitations.reset_link(conn, account_id, actor=caller(request).actor, now=now_of(request))
    return await _show(request, link=link)


@post(pattern(links.account_role, "account_id"), guards=[requires("team:manage")], include_in_schema=False)
async def change_role(request: AnyRequest, account_id: FromPath[int]) -> Response[Any]:
    """Give somebody another role; without ``store`` the stores stay as they are."""
    principal = caller(request)
    form = await form_of(request)
    try:
        async with transaction(pool_of(request)) as conn:
            before = await accounts.find_account(conn, account_id)
            stores = _stores_in(form["store"]) if form.get("store") else before.store_ids
            await accounts.change_role(
                conn, account_id, role=form.get("role", ""), store_ids=stores, actor=principal.actor
            )
    except (BadRequest, Conflict) as error:
        return await _show(request, error=error)
    words = words_of(request, principal)
    return go(request, links.TEAM, words.gettext("The role of %(name)s was changed.") % {"name": before.name})


@post(pattern(links.account_disable, "account_id"), guards=[requires("team:manage")], include_in_schema=False)
async def disable(request: AnyRequest, account_id: FromPath[int]) -> Response[Any]:
    """Close an account and end its sessions."""
    principal = caller(request)
    try:
        async with transaction(pool_of(request)) as conn:
            account = await accounts.find_account(conn, account_id)
            await accounts.disable_account(conn, account_id, actor=principal.actor)
    except Conflict as error:
        return await _show(request, error=error)
    text = words_of(request, principal).gettext("The account of %(name)s is closed.") % {"name": account.name}
    return go(request, links.TEAM, text, undo_href=links.account_enable(account_id))


@post(pattern(links.account_enable, "account_id"), guards=[requires("team:manage")], include_in_schema=False)
async def enable(request: AnyRequest, account_id: FromPath[int]) -> Response[Any]:
    """Open a closed account again."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        await accounts.enable_account(conn, account_id, actor=principal.actor)
    return go(request, links.TEAM, words_of(request, principal).gettext("The account is open again."))


routes: list[ControllerRouterHandler] = [show_team, invite, make_link, change_role, disable, enable]
