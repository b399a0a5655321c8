"""Errors as pages: sign in first, not for your role, gone, later, broken.

The framework asks for these without waiting, so nothing here touches the database: a page about a database that is
away must not need it.
"""

from __future__ import annotations

import secrets
from typing import Any

import asyncpg
import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap

from unisono.access.guards import Principal, known_caller
from unisono.access.roles import SUMMARIES, roles_with
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, here, kept_frame, show, words_of
from unisono.console.views.problems import problem_of
from unisono.kit.errors import BadRequest, Forbidden, Unauthenticated, UnisonoError

log = structlog.get_logger("unisono.console")


def _sign_in_first(request: AnyRequest) -> Response[Any]:
    """To the sign-in page, and from there back to where a page was wanted."""
    asked_by_htmx = "hx-request" in request.headers
    back = here(request) if request.method == "GET" and not asked_by_htmx else None
    path = links.with_query(links.SIGN_IN, {"next": back})
    if asked_by_htmx:
        # A redirect would put the sign-in page inside the present one.
        return Response("", status_code=401, headers={"hx-redirect": path}, media_type="text/html")
    return Redirect(path, status_code=303)


def _no_permission(request: AnyRequest, principal: Principal | None, error: Forbidden) -> Response[str]:
    words = words_of(request, principal)
    missing: list[str] = list(error.extra.get("missing", []))
    roles = [role for role in SUMMARIES if missing and all(role in roles_with(permission) for permission in missing)]
    view = contexts.NoPermission(
        what=words.gettext("This page") if request.method == "GET" else words.gettext("This action"),
        roles=[words.gettext(SUMMARIES[role][0]) for role in roles],
        ask=kept_frame(request).owners,
    )
    title = words.gettext("Not for your role")
    return show(request, principal, view, title=title, status=403, frame=kept_frame(request))


def _error_page(
    request: AnyRequest, error: UnisonoError, *, error_id: str = "", status: int | None = None
) -> Response[str]:
    principal = known_caller(request)
    problem = problem_of(words_of(request, principal), error, error_id=error_id)
    status = status or error.status
    view = contexts.ErrorPage(
        status=status,
        problem=problem,
        retry_href=here(request) if request.method == "GET" and status >= 429 else None,
        home_href=None if principal else links.SIGN_IN,
    )
    response = show(request, principal, view, title=problem.what, status=status, frame=kept_frame(request))
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def unisono_error(request: AnyRequest, error: UnisonoError) -> Response[Any]:
    """An error of ours."""
    if isinstance(error, Unauthenticated):
        return _sign_in_first(request)
    if isinstance(error, Forbidden) and error.code == "permission_missing":
        return _no_permission(request, known_caller(request), error)
    return _error_page(request, error)


def http_error(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """A refusal of the framework: no such page, wrong method, malformed form."""
    refused = UnisonoError(error.detail, code=f"http_{error.status_code}")
    return _error_page(request, refused, status=error.status_code)


def unstorable(request: AnyRequest, error: Exception) -> Response[Any]:
    """What PostgreSQL has no place for: a number beyond its column, half a character."""
    del error
    return _error_page(request, BadRequest("It holds what no database can keep.", code="unstorable"))


def unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
    """A mistake of ours: the reader gets a number to quote, the log has the rest."""
    error_id = secrets.token_hex(4)
    log.error("console.unexpected", error_id=error_id, path=request.scope["path"], exc_info=error)
    return _error_page(request, UnisonoError(code="unexpected"), error_id=error_id)


HANDLERS: ExceptionHandlersMap = {
    UnisonoError: unisono_error,
    HTTPException: http_error,
    asyncpg.DataError: unstorable,
    UnicodeEncodeError: unstorable,
    Exception: unexpected,
}
