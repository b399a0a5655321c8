"""Evidence as a table: every interval of the window with its source, for whoever has to prove a prior price."""

from __future__ import annotations

import csv
import io

from unisono.commerce.pricing.model import Asked, Evidence
from unisono.kit.money import to_decimal

COLUMNS = (
    "sku",
    "price_list",
    "rule",
    "first_day",
    "last_day",
    "timezone",
    "new_price",
    "prior_price",
    "percent",
    "currency",
    "asked",
    "channel",
    "store",
    "from",
    "until",
    "source",
    "observation",
    "lowest",
)


def evidence_csv(evidence: Evidence) -> str:
    """One line an interval, amounts in major units with a point, instants in UTC; a header first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_line(evidence, one) for one in evidence.intervals)
    return out.getvalue()


def _line(evidence: Evidence, one: Asked) -> list[str]:
    def money(minor: int | None) -> str:
        return "" if minor is None else str(to_decimal(minor, evidence.currency))

    window = evidence.window
    return [
        _cell(evidence.sku),
        _cell(evidence.price_list),
        evidence.rule,
        window.first_day.isoformat(),
        window.last_day.isoformat(),
        window.timezone,
        money(evidence.new_minor),
        money(evidence.prior_minor),
        "" if evidence.percent_bp is None else f"{evidence.percent_bp / 100:.2f}",
        evidence.currency,
        money(one.amount_minor),
        _cell(one.channel or ""),
        _cell(one.store_id or ""),
        one.starts_at.isoformat(),
        "" if one.ends_at is None else one.ends_at.isoformat(),
        _cell(one.source),
        "" if one.observation_id is None else str(one.observation_id),
        "yes" if one == evidence.lowest else "",
    ]


def _cell(text: str) -> str:
    # A spreadsheet would take such a text for a formula and run it.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
