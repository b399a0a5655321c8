"""What a mail server's answers mean for the ledger: codes of RFC 5321, enhanced codes of RFC 3463."""

from __future__ import annotations

import re
from typing import Final

from unisono.engagement.channels.model import Sent

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")

GONE: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""No such mailbox, no such domain, bad syntax, moved without a trace, takes no mail at all, disabled."""

_NO_SUCH = re.compile(
    r"user unknown|unknown user|no such user|no such (?:mailbox|recipient|address)|does not exist|"
    r"mailbox (?:not found|unavailable)|recipient (?:not found|rejected: user)|invalid (?:mailbox|recipient)",
    re.IGNORECASE,
)
"""How servers say it that know no enhanced codes."""


def enhanced(text: str) -> str | None:
    """The enhanced code in an answer."""
    found = _ENHANCED.search(text)
    return found.group(1) if found else None


def is_gone(code: int | None, status: str | None, text: str) -> bool:
    """Whether an answer says that the address is dead for good."""
    if status is not None:
        return status in GONE
    return code in {550, 551, 553} and _NO_SUCH.search(text) is not None


def _sent(code: int, text: str, *, account_fault: bool = False) -> Sent:
    status = enhanced(text)
    temporary = 400 <= code < 500
    return Sent(
        outcome="retry" if temporary else "refused",
        code=status or str(code),
        detail=f"{code} {text}".replace("\x00", "")[:300],
        gone=not temporary and is_gone(code, status, text),
        account_fault=account_fault or code == 421,
    )


def of_connecting(code: int, text: str) -> Sent:
    """The greeting, TLS or signing in went wrong: not this message's fault, whatever the code."""
    return Sent(outcome="retry", code=str(code), detail=f"{code} {text}"[:300], account_fault=True)


def of_sender(code: int, text: str) -> Sent:
    """Our own sender was refused: the message waits until the account is put right."""
    permanent = code >= 500
    return Sent(
        outcome="retry",
        code=enhanced(text) or str(code),
        detail=f"{code} {text}"[:300],
        account_fault=permanent or code == 421,
    )


def of_recipient(code: int, text: str) -> Sent:
    """The recipient was refused. A refusal for policy (5.7) tells of us: no relay, a bad name."""
    return _sent(code, text, account_fault=(enhanced(text) or "").startswith("5.7.") or code in {530, 535, 538})


def of_text(code: int, text: str, provider_id: str) -> Sent:
    """The answer to the whole message."""
    if 200 <= code < 300:
        return Sent(outcome="accepted", provider_id=provider_id, code=str(code), detail=text[:300])
    return _sent(code, text)
