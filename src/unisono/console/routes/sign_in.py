"""Signing in and out, the first run, invitations, and how somebody wants to see the console."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access import accounts, audit, invitations, sessions
from unisono.access.guards import caller, identify, now_of, open_to_all, requires
from unisono.access.sessions import check_csrf
from unisono.console import contexts, links
from unisono.console.pages import THEME_COOKIE, AnyRequest, form_of, go, page, pool_of, safe_path, settings_of, words_of
from unisono.console.views.problems import problem_of
from unisono.console.words import LANGUAGE_COOKIE
from unisono.kit.database import connection, transaction
from unisono.kit.errors import Busy, UnisonoError
from unisono.kit.i18n import LANGUAGES

A_YEAR = 365 * 24 * 3600


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client else "unknown"


async def _enter(request: AnyRequest, account_id: int, path: str) -> Redirect:
    """Begin a session and go on."""
    async with transaction(pool_of(request)) as conn:
        token = await sessions.open_session(
            conn, account_id, now=now_of(request), user_agent=request.headers.get("user-agent", "")
        )
        account = await accounts.find_account(conn, account_id)
        await audit.record(conn, actor=account.email, action="account.sign_in", detail={"address": _address(request)})
    response = Redirect(path, status_code=303)
    response.set_cookie(sessions.cookie(token, secure=settings_of(request).secure_cookies))
    return response


@get(links.SIGN_IN, guards=[open_to_all("nobody is signed in yet")], include_in_schema=False)
async def show_sign_in(request: AnyRequest) -> Response[Any]:
    """The sign-in form; on a new installation the first run."""
    next_path = safe_path(request.query_params.get("next"), "")
    if await identify(request) is not None:
        return Redirect(next_path or links.PEOPLE, status_code=303)
    async with connection(pool_of(request)) as conn:
        if not await accounts.any_account(conn):
            return Redirect(links.FIRST_RUN, status_code=303)
    return await page(request, contexts.SignIn(next_path=next_path), title=words_of(request, None).gettext("Sign in"))


@post(links.SIGN_IN, guards=[open_to_all("nobody is signed in yet")], include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[Any]:
    """Open a session, or say what is wrong; the answer takes as long for an unknown address."""
    form = await form_of(request)
    email, next_path = form.get("email", ""), safe_path(form.get("next"), "")
    try:
        account_id = await accounts.authenticate(
            pool_of(request),
            email=email,
            password=form.get("password", ""),
            address=_address(request),
            now=now_of(request),
        )
    except (accounts.SignInRefused, Busy) as error:
        words = words_of(request, None)
        problem = problem_of(words, error)
        if error.retry_after:
            wait = words.ngettext("Try again in %(num)s second.", "Try again in %(num)s seconds.", error.retry_after)
            problem = contexts.Problem(what=problem.what, why=problem.why, do=wait)
        view = contexts.SignIn(email=email, next_path=next_path, problem=problem)
        return await page(request, view, title=words.gettext("Sign in"), status=error.status)
    return await _enter(request, account_id, next_path or links.PEOPLE)


@post(links.SIGN_OUT, guards=[requires()], include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[Any]:
    """End this session; with ``everywhere`` all sessions of the account."""
    principal = caller(request)
    form = await form_of(request)
    async with transaction(pool_of(request)) as conn:
        if principal.session is not None:
            await sessions.close_session(conn, principal.session)
            if form.get("everywhere"):
                await sessions.close_all(conn, principal.id)
        await audit.record(
            conn, actor=principal.actor, action="account.sign_out", detail={"everywhere": bool(form.get("everywhere"))}
        )
    response = go(request, links.SIGN_IN)
    response.set_cookie(sessions.cleared_cookie(secure=settings_of(request).secure_cookies))
    return response


async def _first_run(request: AnyRequest, view: contexts.FirstRun, *, status: int = 200) -> Response[str]:
    return await page(request, view, title=words_of(request, None).gettext("Welcome"), status=status)


@get(links.FIRST_RUN, guards=[open_to_all("the link in it is the proof")], include_in_schema=False)
async def show_first_run(request: AnyRequest) -> Response[Any]:
    """The form a one-time link opens: the owner's account, an invited colleague's, a new password."""
    token = request.query_params.get("token", "")
    async with connection(pool_of(request)) as conn:
        set_up = await accounts.any_account(conn)
    if not token:
        return Redirect(links.SIGN_IN, status_code=303) if set_up else await _first_run(request, contexts.FirstRun())
    async with connection(pool_of(request)) as conn:
        invitation = await invitations.read_invitation(conn, token, now=now_of(request))
        company = await accounts.company(conn)
    return await _first_run(
        request,
        contexts.FirstRun(
            purpose=invitation.purpose,
            needs_token=False,
            token=token,
            name=invitation.name,
            email=invitation.email,
            company=company,
        ),
    )


@post(links.FIRST_RUN, guards=[open_to_all("the link in it is the proof")], include_in_schema=False)
async def first_run(request: AnyRequest) -> Response[Any]:
    """Use a one-time link: set the password, make the account where it is missing, sign in."""
    form = await form_of(request)
    token = form.get("token", "").strip()
    try:
        account_id = await invitations.accept(
            pool_of(request),
            token,
            password=form.get("password", ""),
            now=now_of(request),
            name=form.get("name", ""),
            email=form.get("email", ""),
            company=form.get("company", ""),
        )
    except UnisonoError as error:
        if error.status >= 429:
            raise
        over = error.code == "invitation_over"
        async with connection(pool_of(request)) as conn:
            known = None if over else await invitations.read_invitation(conn, token, now=now_of(request))
        view = contexts.FirstRun(
            purpose=known.purpose if known else "first_run",
            needs_token=over,
            token=token,
            name=form.get("name", "") or (known.name if known else ""),
            email=form.get("email", ""),
            company=form.get("company", ""),
            problem=problem_of(words_of(request, None), error),
        )
        return await _first_run(request, view, status=error.status)
    request.app.state.console_frame = None
    return await _enter(request, account_id, links.PEOPLE)


@post(
    links.PREFERENCES,
    guards=[open_to_all("the language can be chosen before signing in")],
    include_in_schema=False,
)
async def preferences(request: AnyRequest) -> Response[Any]:
    """Remember language, theme and density: with the account, or in a cookie before signing in."""
    principal = await identify(request)
    form = await form_of(request)
    language = form.get("language") if form.get("language") in LANGUAGES else None
    theme = form.get("theme") if form.get("theme") in ("auto", "light", "dark") else None
    density = form.get("density") if form.get("density") in ("comfortable", "compact") else None
    back = form.get("next") or request.headers.get("referer", "").partition(request.headers.get("host", "\n"))[2]
    response = go(request, safe_path(back, links.SIGN_IN if principal is None else links.PEOPLE))
    if principal is not None and principal.session is not None:
        check_csrf(principal.session, form.get("_csrf_token") or request.headers.get("x-csrftoken"))
        async with connection(pool_of(request)) as conn:
            await accounts.set_preferences(conn, principal.id, locale=language, theme=theme, density=density)
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value is not None:
            secure = settings_of(request).secure_cookies
            response.set_cookie(
                Cookie(
                    key=name,
                    value=value,
                    max_age=A_YEAR,
                    path=links.ROOT,
                    httponly=True,
                    samesite="lax",
                    secure=secure,
                )
            )
    return response


routes: list[ControllerRouterHandler] = [
    show_sign_in,
    sign_in,
    sign_out,
    show_first_run,
    first_run,
    preferences,
]
