"""Words and forms the commerce screens share: channels to choose from, states as badges, amounts and instants typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from unisono.commerce.catalog.model import Status
from unisono.console.contexts import Badge, Choice, Problem, Tone
from unisono.console.views.labels import channel_label
from unisono.console.views.problems import problem_of
from unisono.console.words import Words
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.marking import N_
from unisono.kit.money import exponent, to_decimal, to_minor
from unisono.kit.reasons import Reason, in_words

CHANNELS = ("web", "app", "store", "messages", "email", "service", "call", "print")
"""Channels a price, a promotion or a text may be for."""

STATUSES: dict[Status, tuple[str, Tone]] = {
    "active": (N_("on sale"), "good"),
    "draft": (N_("draft"), "neutral"),
    "retired": (N_("retired"), "off"),
}
"""Status of a product -> its word and tone; English msgids."""

MOST_REASONS = 8

_NUMBER = re.compile(r"(\d{1,12})(?:[.,](\d+))?")


def status_badge(status: Status, words: Words) -> Badge:
    """The status of a product or variant."""
    text, tone = STATUSES[status]
    return Badge(text=words.gettext(text), tone=tone)


def status_choices(chosen: str, words: Words) -> list[Choice]:
    """Every status to choose from."""
    return [
        Choice(value=status, label=words.gettext(text), selected=status == chosen)
        for status, (text, _) in STATUSES.items()
    ]


def channel_choices(chosen: str | Iterable[str] | None, words: Words) -> list[Choice]:
    """Every channel to choose from."""
    marked = {chosen} if isinstance(chosen, str) else set(chosen or ())
    return [Choice(value=one, label=channel_label(one, words), selected=one in marked) for one in CHANNELS]


def amount_typed(text: str, currency: str, *, field: str = "amount") -> int:
    """Minor units of an amount as people type it: 12, 12.5, 12,50. Raises BadRequest for anything that could be read
    in two ways ("1.234") or not at all."""
    plain = text.replace("\N{NO-BREAK SPACE}", "").replace(" ", "").strip("€$£")
    found = _NUMBER.fullmatch(plain)
    digits = exponent(currency)
    if found is None or len(found[2] or "") > digits:
        raise BadRequest(f"{text[:40]!r} is no amount.", code="amount_unreadable", field=field)
    return to_minor(Decimal(f"{found[1]}.{found[2] or 0}"), currency)


def amount_text(minor: int | None, currency: str, words: Words) -> str:
    """An amount for a form's field."""
    if minor is None:
        return ""
    text = f"{to_decimal(minor, currency):f}"
    return text.replace(".", ",") if words.language == "it" else text


def whole_typed(text: str, *, field: str, least: int = 0, most: int = 10**9) -> int | None:
    """A whole number, None when nothing is typed. Raises BadRequest."""
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) < 12 and least <= int(plain) <= most):
        raise BadRequest(
            f"{text[:40]!r} is no number between {least} and {most}.", code="number_unreadable", field=field
        )
    return int(plain)


def instant_typed(text: str, words: Words, *, field: str = "starts") -> datetime | None:
    """The instant of a local day and time in the reader's zone; None when nothing is typed. Raises BadRequest."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadRequest(f"{text[:40]!r} is no day and time.", code="instant_unreadable", field=field) from None
    return (at if at.tzinfo else at.replace(tzinfo=words.zone)).astimezone(UTC)


def instant_text(at: datetime | None, words: Words) -> str:
    """An instant for a form's field."""
    return "" if at is None else at.astimezone(words.zone).strftime("%Y-%m-%dT%H:%M")


def told(reasons: Iterable[Reason], words: Words) -> str:
    """Reasons in the reader's words, in one line."""
    spoken = [in_words(one, words.language, words.zone.key) for one in reasons]
    more = len(spoken) - MOST_REASONS
    return " ".join(spoken[:MOST_REASONS]) + (f" (+{more})" if more > 0 else "")


def _reasons_of(error: UnisonoError) -> list[Reason]:
    """The reasons an error of a room carries, whatever it calls them."""
    found: list[Reason] = []
    for one in (*error.extra.get("reasons", ()), *error.extra.get("problems", ())):
        if isinstance(one, Mapping) and "text" in one and "code" in one:
            reason = Reason(one["code"], one["text"], one.get("values", {}))
            if reason not in found:
                found.append(reason)
    return found


def problem_with_reasons(words: Words, error: UnisonoError) -> Problem:
    """An error of a commerce room, every reason of it in the reader's words."""
    problem = problem_of(words, error)
    field = error.extra.get("field")
    if isinstance(field, str):
        problem = msgspec.structs.replace(problem, field=field)
    reasons = _reasons_of(error)
    return msgspec.structs.replace(problem, why=told(reasons, words)) if reasons else problem
