"""Meta's Graph API, as far as Messenger, Instagram, WhatsApp and audiences share it: signatures and errors."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import msgspec

from unisono.engagement.channels.adapters.calling import told, wait_of
from unisono.engagement.channels.model import BadSignature, Hook, HookAnswer, Sent
from unisono.kit.http import Reply

BASE_URL: Final = "https://graph.facebook.com"
VERSION: Final = "v23.0"

_SIGNED: Final = "sha256="

TOKEN_CODES: Final = frozenset({102, 104, 190})
"""The access token is wrong or has ended."""
RATE_CODES: Final = frozenset({4, 17, 32, 613, 80004, 80007})
"""Too many calls; nothing was taken."""
PASSING_CODES: Final = frozenset({1, 2})
"""Trouble on Meta's side, by their own words not done and to be tried again."""
BLOCKED_CODES: Final = frozenset({368})
"""The account may not act for a while."""


class GraphError(msgspec.Struct, frozen=True):
    """An error as the Graph API tells it."""

    code: int
    subcode: int
    message: str
    transient: bool


def verify(hook: Hook, app_secret: str) -> None:
    """See that a call is signed with the app's secret: HMAC-SHA256 over the raw body, in ``X-Hub-Signature-256``.

    Raises BadSignature.
    """
    given = hook.header("x-hub-signature-256") or ""
    wanted = _SIGNED + hmac.new(app_secret.encode(), hook.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise BadSignature("X-Hub-Signature-256 does not match.")


def challenge(hook: Hook, verify_token: str) -> HookAnswer:
    """The answer to Meta's question whether this address is ours (GET with ``hub.challenge``). Raises BadSignature."""
    given = hook.asked("hub.verify_token") or ""
    if hook.asked("hub.mode") != "subscribe" or not hmac.compare_digest(given.encode(), verify_token.encode()):
        raise BadSignature("hub.verify_token does not match.")
    return HookAnswer(body=(hook.asked("hub.challenge") or "")[:200].encode())


def error_of(reply: Reply) -> GraphError | None:
    """The error in an answer, None when it tells of none."""
    error = told(reply).get("error")
    if not isinstance(error, dict):
        return None
    return GraphError(
        _whole(error.get("code")),
        _whole(error.get("error_subcode")),
        str(error.get("message") or "")[:300].replace("\x00", ""),
        error.get("is_transient") is True,
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def failure(reply: Reply) -> Sent:
    """What an answer other than success means, as far as all of Meta's products share it.

    An error in their own words was surely not taken. A 5xx without any is a proxy on the way: nobody can say.
    """
    error = error_of(reply)
    if error is None:
        if reply.status == 429:
            return Sent(outcome="retry", code="429", detail=reply.words(), retry_after=wait_of(reply))
        return Sent(
            outcome="unknown" if reply.status >= 500 else "refused", code=str(reply.status), detail=reply.words()
        )
    code = f"{error.code}.{error.subcode}" if error.subcode else str(error.code)
    if error.code in TOKEN_CODES or error.code in BLOCKED_CODES:
        return Sent(outcome="retry", code=code, detail=error.message, account_fault=True)
    if error.code in RATE_CODES or error.code in PASSING_CODES or error.transient or reply.status == 429:
        return Sent(outcome="retry", code=code, detail=error.message, retry_after=wait_of(reply))
    # 3, 10 and 200 to 299: the app lacks a permission, which no other recipient would change.
    fault = error.code in (3, 10) or 200 <= error.code < 300
    return Sent(outcome="refused", code=code, detail=error.message, account_fault=fault)
