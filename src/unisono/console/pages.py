"""From a request to a page: the shell around every screen, redirects with a toast, forms."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from unisono.access import accounts
from unisono.access.guards import Principal, identify, now_of
from unisono.access.roles import SUMMARIES
from unisono.console import contexts, links
from unisono.console.rendering import render_screen
from unisono.console.words import Words, environment_of, language_of
from unisono.customers.collect import failed
from unisono.engagement.delivery import sending
from unisono.engagement.delivery.sending import Sending
from unisono.kit.database import Pool, connection
from unisono.kit.settings import Settings

AnyRequest = Request[Any, Any, Any]

TOAST_COOKIE = "unisono_toast"
THEME_COOKIE = "unisono_theme"

FRAME_SECONDS = 5.0
"""How long a process believes the company's name and the number of failed events shown on every screen."""

SECTION_PERMISSIONS = {
    "people": "people:read",
    "live": "events:read",
    "identity": "identity:read",
    "sources": "sources:read",
    "products": "catalog:read",
    "prices": "catalog:read",
    "promotions": "catalog:read",
    "coherence": "coherence:read",
    "stock": "catalog:read",
    "orders": "orders:read",
    "templates": "voice:read",
    "brand": "voice:read",
    "channels": "voice:read",
    "segments": "segments:read",
    "broadcasts": "voice:read",
    "outbox": "voice:read",
    "tasks": "tasks:write",
    "policy": "voice:read",
    "consent": "consents:read",
    "health": "health:read",
    "team": "team:read",
    "audit": "privacy:read_audit",
}
"""Navigation entry -> the permission its screen asks for."""

VOICE = frozenset(entry.name for group in links.NAVIGATION if group.label == links.ONE_VOICE for entry in group.entries)
"""Sections that tell while sending is paused."""

_CONTROL = {chr(code) for code in range(32)} | {"\x7f", "\\"}


class Frame(msgspec.Struct, frozen=True):
    """What every screen shows of the installation."""

    company: str = ""
    failed_events: int = 0
    owners: str = ""
    """Whom to ask for more rights."""
    sending: Sending | None = None


class _Toast(msgspec.Struct):
    text: str
    tone: contexts.Tone = "good"
    undo_href: str | None = None


def settings_of(request: AnyRequest) -> Settings:
    """The settings of this installation."""
    return cast("Settings", request.app.state.settings)


def pool_of(request: AnyRequest) -> Pool:
    """The database."""
    return cast("Pool", request.app.state.pool)


def words_of(request: AnyRequest, principal: Principal | None) -> Words:
    """The reader's language and zone."""
    account = principal.account if principal else None
    return Words(language_of(request, account), ZoneInfo(settings_of(request).timezone))


def kept_frame(request: AnyRequest) -> Frame:
    """The frame as last read, without asking the database; an empty one before the first page."""
    kept: tuple[float, Frame] | None = request.app.state.get("console_frame")
    return kept[1] if kept is not None else Frame()


async def _frame(request: AnyRequest) -> Frame:
    kept: tuple[float, Frame] | None = request.app.state.get("console_frame")
    now = time.monotonic()
    if kept is not None and kept[0] > now:
        return kept[1]
    async with connection(pool_of(request)) as conn:
        waiting = sum(number for _, number, _ in await failed.count_failed(conn))
        team = await accounts.list_accounts(conn)
        owners = [account.name for account in team if account.role == "owner" and account.disabled_at is None]
        frame = Frame(await accounts.company(conn), waiting, ", ".join(owners[:3]), await sending.state(conn))
    request.app.state.console_frame = (now + FRAME_SECONDS, frame)
    return frame


def forget_frame(request: AnyRequest) -> None:
    """Look the frame up anew, after a change made in this process."""
    request.app.state.console_frame = None


def here(request: AnyRequest) -> str:
    """The present path with its query, for coming back."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{request.scope['path']}?{query}" if query else request.scope["path"]


def safe_path(path: object, otherwise: str = links.PEOPLE) -> str:
    """A path inside the console to go on to; anything else becomes ``otherwise``."""
    if not isinstance(path, str) or not path.startswith(f"{links.ROOT}/") or _CONTROL & set(path) or "//" in path:
        return otherwise
    return path


def _toast(request: AnyRequest) -> contexts.Toast | None:
    raw = request.cookies.get(TOAST_COOKIE)
    if not raw:
        return None
    try:
        toast = msgspec.json.decode(unquote(raw), type=_Toast)
    except (msgspec.DecodeError, UnicodeError):
        return None
    undo = toast.undo_href and safe_path(toast.undo_href, "")
    return contexts.Toast(text=toast.text[:300], tone=toast.tone, undo_href=undo or None)


def _viewer(principal: Principal | None, words: Words) -> contexts.Viewer | None:
    if principal is None or principal.account is None:
        return None
    account = principal.account
    label, _ = SUMMARIES[account.role]
    return contexts.Viewer(
        account_id=account.id,
        name=account.name,
        email=account.email,
        role=account.role,
        role_label=words.gettext(label),
    )


def _paused(principal: Principal | None, section: str, frame: Frame, words: Words) -> contexts.Paused | None:
    """Why nothing leaves, on the screens of what the company says."""
    found = frame.sending
    if found is None or found.paused_at is None or section not in VOICE or principal is None:
        return None
    can_resume = principal.may("channels:manage")
    return contexts.Paused(
        reason=words.gettext(found.reason) if found.reason else "",
        since=found.paused_at,
        by=found.changed_by or "",
        can_resume=can_resume,
    )


def _one_of(value: str | None, *known: str) -> Any:
    """A stored preference if it is one of the known ones, else the first of these."""
    return value if value in known else known[0]


def make_shell(
    request: AnyRequest, principal: Principal | None, *, title: str, section: str, frame: Frame
) -> contexts.Shell:
    """What surrounds a screen."""
    words = words_of(request, principal)
    account = principal.account if principal else None
    theme = account.theme if account else request.cookies.get(THEME_COOKIE)
    open_sections = frozenset(
        name for name, permission in SECTION_PERMISSIONS.items() if principal is not None and principal.may(permission)
    )
    return contexts.Shell(
        title=title,
        locale=words.language,
        zone=words.zone.key,
        now=now_of(request),
        csrf_token=principal.session.csrf if principal and principal.session else "",
        here=here(request),
        section=section,
        viewer=_viewer(principal, words),
        sections=open_sections,
        theme=_one_of(theme, "auto", "light", "dark"),
        density=_one_of(account.density if account else None, "comfortable", "compact"),
        toast=_toast(request),
        company=frame.company,
        paused=_paused(principal, section, frame, words),
        failed_events=frame.failed_events if principal is not None and principal.may("health:read") else 0,
    )


def _wants_fragment(request: AnyRequest) -> bool:
    return "hx-request" in request.headers and "hx-history-restore-request" not in request.headers


async def page(
    request: AnyRequest,
    view: contexts.Screen,
    *,
    title: str,
    section: str = "",
    status: int = 200,
) -> Response[str]:
    """A screen as the answer to a request; only its inside when htmx asks."""
    principal = await identify(request)
    return show(request, principal, view, title=title, section=section, status=status, frame=await _frame(request))


def show(
    request: AnyRequest,
    principal: Principal | None,
    view: contexts.Screen,
    *,
    title: str,
    section: str = "",
    status: int = 200,
    frame: Frame | None = None,
) -> Response[str]:
    """A screen without asking the database: errors must be shown when it is away."""
    shell = make_shell(request, principal, title=title, section=section, frame=frame or Frame())
    html = render_screen(environment_of(shell.locale), shell, view, fragment=_wants_fragment(request))
    response = Response(html, media_type="text/html", status_code=status)
    if shell.toast is not None:
        response.set_cookie(Cookie(key=TOAST_COOKIE, value="", max_age=0, path=links.ROOT, httponly=True))
    return response


def go(
    request: AnyRequest, path: str, text: str = "", *, tone: contexts.Tone = "good", undo_href: str | None = None
) -> Redirect:
    """Go on to a page, where a toast says what was done."""
    response = Redirect(path, status_code=303)
    if text:
        value = quote(msgspec.json.encode(_Toast(text, tone, undo_href)).decode())
        secure = settings_of(request).secure_cookies
        response.set_cookie(
            Cookie(
                key=TOAST_COOKIE,
                value=value,
                max_age=60,
                path=links.ROOT,
                httponly=True,
                samesite="lax",
                secure=secure,
            )
        )
    return response


async def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form, each once, without NUL characters (PostgreSQL has no place for them)."""
    form = await request.form()
    return {name: value.replace("\x00", "") for name, value in form.items() if isinstance(value, str)}


async def all_of(request: AnyRequest, name: str) -> list[str]:
    """Every value of a field that may come more than once."""
    form = await request.form()
    return [value for value in form.getall(name, []) if isinstance(value, str)]


def local_midnight(words: Words, day: str | None) -> datetime | None:
    """The beginning of an ISO day in the reader's zone; None when it is no day."""
    try:
        return datetime.fromisoformat(day or "").replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=words.zone)
    except ValueError:
        return None
