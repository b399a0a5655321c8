"""Sources and keys as their screen shows them, with samples that work as they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from unisono.access.keys import PREFIXES, SCOPES
from unisono.console import links
from unisono.console.contexts import Choice, CodeSample, KeyGroup, KeyRow, Paging
from unisono.console.words import Words
from unisono.kit.marking import N_

KINDS: dict[Literal["write", "secret", "till"], str] = {
    "write": N_("Sites and apps"),
    "secret": N_("Servers"),
    "till": N_("Tills"),
}
"""Kind of key -> title of its group, in the order shown; English msgids."""

TILLS_A_PAGE = 50
FOLDED_FROM = 10
"""So many keys of one kind, or more, are folded away and get a filter field."""

PLACEHOLDER = "YOUR_WRITE_KEY"

SCOPE_TEXTS: dict[str, str] = {
    "events:write": N_("send events"),
    "people:read": N_("read profiles and timelines, search people, follow the live feed"),
    "people:write": N_("join, split and undo; households"),
    "identity:manage": N_("change identity rules"),
    "sources:manage": N_("make and rotate keys"),
    "operations:read": N_("read health, failed events and dead letters"),
    "operations:write": N_("replay and discard failed events and dead letters"),
    "commerce:read": N_("read products, prices, promotions, stock, orders and incidents"),
    "commerce:write": N_("change products, prices, promotions, stock and orders"),
    "channel:use": N_("speak for customers: carts, checkouts, reservations"),
    "webhooks:manage": N_("make and disable webhooks"),
    "segments:read": N_("see segments and who is in them"),
    "segments:write": N_("make and change segments"),
    "consents:write": N_("record and withdraw consents"),
    "voice:read": N_("read templates, the brand and what was sent"),
    "voice:write": N_("change templates, the brand and the contact policy"),
    "messages:send": N_("send messages to people, settle tasks"),
    "broadcasts:send": N_("send messages to segments"),
    "channels:manage": N_("connect providers, pause and resume sending"),
    "privacy:manage": N_("answer requests for access and erasure"),
}
"""Scope -> what it allows; English msgids. A test holds that every scope of `unisono.access.keys` is here."""


def key_rows(
    sources: Sequence[Mapping[str, Any]],
    *,
    accepted: Mapping[int, int],
    failed: Mapping[int, int],
    now: datetime,
) -> list[KeyRow]:
    """Every key, those in use first. What a source sent stands with its youngest key."""
    rows = []
    for source in sources:
        keys = source["keys"]
        for place, key in enumerate(keys):
            youngest = place == len(keys) - 1
            over = key["expires_at"] is not None and key["expires_at"] <= now
            rows.append(
                KeyRow(
                    key_id=key["id"],
                    name=source["name"],
                    kind=key["kind"],
                    hint=f"{PREFIXES[key['kind']]}_…{key['hint']}",
                    created_at=key["created_at"],
                    created_by=key["created_by"],
                    store=source["store_id"] or "",
                    till=source["till_id"] or "",
                    scopes=key["scopes"] if key["kind"] == "secret" else (),
                    last_used_at=key["last_used_at"],
                    events_24h=accepted.get(source["id"], 0) if youngest else 0,
                    failed_24h=failed.get(source["id"], 0) if youngest else 0,
                    rotated_until=None if over else key["expires_at"],
                    disabled_at=key["disabled_at"] or (key["expires_at"] if over else None),
                )
            )
    return sorted(rows, key=lambda row: (row.disabled_at is not None, row.key_id))


def key_groups(rows: Sequence[KeyRow], words: Words, *, query: str, after: int, opened: bool) -> list[KeyGroup]:
    """Keys by kind. ``query``, ``after`` (how many to pass over) and ``opened`` are of the tills: they are many."""
    groups = []
    for kind, title in KINDS.items():
        mine = [row for row in rows if row.kind == kind]
        if not mine:
            continue
        group = KeyGroup(kind=kind, keys=mine, label=words.gettext(title), total=len(mine))
        groups.append(_tills(group, query=query, after=after, opened=opened) if kind == "till" else group)
    return groups


def _tills(group: KeyGroup, *, query: str, after: int, opened: bool) -> KeyGroup:
    wanted = query.casefold().split()
    found = [
        row for row in group.keys if all(word in f"{row.name} {row.store} {row.till}".casefold() for word in wanted)
    ]
    found.sort(key=lambda row: (row.disabled_at is not None, _natural(row.store), _natural(row.till), row.key_id))
    after = after if after < len(found) else 0
    shown = found[after : after + TILLS_A_PAGE]

    def href(place: int) -> str:
        return links.with_query(links.SOURCES, {"till": query, "after": place or None, "open": "tills"}) + "#tills"

    return KeyGroup(
        kind=group.kind,
        keys=shown,
        label=group.label,
        total=len(group.keys),
        folded=len(group.keys) >= FOLDED_FROM and not (query or after or opened),
        query=query,
        filtered=len(group.keys) >= FOLDED_FROM,
        paging=Paging(
            shown=len(shown),
            total=len(found),
            previous_href=href(max(after - TILLS_A_PAGE, 0)) if after else None,
            next_href=href(after + TILLS_A_PAGE) if after + TILLS_A_PAGE < len(found) else None,
        )
        if len(found) > TILLS_A_PAGE
        else None,
    )


def _natural(text: str) -> tuple[int, str]:
    return (int(text) if text.isdecimal() and len(text) < 19 else 10**19, text)


def scope_choices(words: Words, chosen: Sequence[str] = ("events:write",)) -> list[Choice]:
    """What a secret key may be allowed."""
    return [
        Choice(value=scope, label=words.gettext(SCOPE_TEXTS[scope]), hint=scope, selected=scope in chosen)
        for scope in SCOPES
    ]


def write_key_of(sources: Sequence[Mapping[str, Any]]) -> str:
    """A public write key for the samples; a placeholder when there is none."""
    keys = (key for source in sources if source["kind"] == "browser" for key in source["keys"])
    return next(
        (key["public_value"] for key in keys if key["disabled_at"] is None and not key["expires_at"]), PLACEHOLDER
    )


def samples(endpoint: str, write_key: str, words: Words) -> list[CodeSample]:
    """How clients of the field send their first event here."""
    _ = words.gettext
    event = '{"anonymousId": "test-1", "event": "Product Viewed", "properties": {"name": "Trail jacket"}}'
    return [
        CodeSample(
            id="browser",
            label=_("Web page"),
            language="html",
            code=f'<script async src="{endpoint}/unisono.js" data-write-key="{write_key}"></script>',
            note=_("Before </head> of every page. It sends nothing until the visitor consents."),
        ),
        CodeSample(
            id="curl",
            label="curl",
            language="sh",
            code=(
                f"curl {endpoint}/v1/track \\\n  -u {write_key}: \\\n"
                f"  -H 'Content-Type: application/json' \\\n  -d '{event}'"
            ),
            note=_("The Segment protocol: track, identify, page, screen, group, alias, batch."),
        ),
        CodeSample(
            id="segment-browser",
            label=_("Segment or RudderStack in the browser"),
            language="js",
            code=(
                f'import {{ AnalyticsBrowser }} from "@segment/analytics-next";\n\n'
                f'const analytics = AnalyticsBrowser.load({{\n  writeKey: "{write_key}",\n'
                f'  cdnURL: "{endpoint}",\n}});\n'
                "analytics.page();"
            ),
            note=_("The official clients work unchanged; only the address is ours."),
        ),
        CodeSample(
            id="segment-python",
            label="Python",
            language="python",
            code=(
                f'import segment.analytics as analytics\n\nanalytics.write_key = "{write_key}"\n'
                f'analytics.host = "{endpoint}"\n'
                'analytics.track(anonymous_id="test-1", event="Product Viewed", properties={"name": "Trail jacket"})\n'
                "analytics.flush()"
            ),
        ),
    ]
