"""Consents and requests of invented people."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec
from samples_sends import CHANNELS, MARIO, NONE, Page, ago, ahead

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.contexts import consents
from unisono.console.views.consents import law_rows
from unisono.console.words import Words
from unisono.customers.consent.model import Legal, LegalOverride

TABS = [c.Chip(label="Texts", href="?", selected=True), c.Chip(label="Blocked addresses", href="?b")]


def entry() -> consents.EntryRow:
    return consents.EntryRow(
        at=ago(days=3), badge=c.Badge(text="Given", tone="good"), what="Marketing, E-mail", source="the till",
        actor="anna@alpestre.example", person=MARIO, address="mario@example.it", text="newsletter 2 it",
        expires_at=ahead(days=300),
    )  # fmt: skip


def text_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    row = consents.TextRow(
        text_id="newsletter", href="?text=newsletter", purpose="Marketing", channels="E-mail", version=2,
        bodies=[("it", "Sì, scrivetemi."), ("en", "Yes, write to me.")], created_at=ago(days=9), created_by="anna",
    )  # fmt: skip
    version = consents.TextVersion(version=2, bodies=row.bodies, created_at=ago(days=9), created_by="anna")
    whole = consents.Consents(
        texts=[row], tabs=TABS, latest=[entry()], opened="newsletter", versions=[version], can_write=True,
        purposes=[c.Choice(value="marketing", label="Marketing")], channels=CHANNELS, values={"id": "newsletter"},
        problem=problem,
    )  # fmt: skip
    yield "consent", page("Consent and privacy", "consent"), whole
    yield "consent_first", page("Consent and privacy", "consent"), consents.Consents(texts=[], tabs=TABS)
    blocked = consents.BlockedRow(
        address="E-mail mario@example.it", channel="E-mail", badge=c.Badge(text="marked as spam", tone="warning"),
        blocks="nothing goes there", at=ago(days=2), source="an event", detail="feedback loop", person=MARIO,
    )  # fmt: skip
    lifted = msgspec.structs.replace(blocked, person=None, lifted_at=ago(days=1), lifted_by="anna")
    chips = [c.Chip(label="Every reason", href="?", selected=True)]
    paging = c.Paging(shown=2, next_href="?after=1")
    listed = consents.Blocked(rows=[blocked, lifted], paging=paging, tabs=TABS, chips=chips)
    yield "consent_blocked", page("Blocked addresses", "consent"), listed
    yield (
        "consent_blocked_first",
        page("Blocked addresses", "consent"),
        consents.Blocked(rows=[], paging=NONE, tabs=TABS),
    )
    yield (
        "consent_blocked_none",
        page("Blocked addresses", "consent"),
        consents.Blocked(rows=[], paging=NONE, tabs=TABS, filter_sentence="gone"),
    )


def law_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    shell = page("Law and register", "consent")
    words = Words(shell.locale, ZoneInfo("Europe/Rome"))
    switched = LegalOverride(
        name="confirm_within_days", value=60, reason="Holidays", at=ago(days=1), actor="anna@alpestre.example"
    )
    rows = law_rows(msgspec.structs.replace(Legal(), confirm_within_days=60), [switched], words)
    done = consents.Uploaded(lines=120, checked=80, listed=4, unknown=38, unreadable=[7, 9])
    law = consents.Law(rows=rows, tabs=TABS, uploaded=done, part="register", can_write=True)
    yield "consent_law", shell, law
    amiss = msgspec.structs.replace(law, uploaded=None, part="confirm_within_days", problem=problem)
    yield "consent_law_amiss", page("Law and register", "consent"), amiss
    yield (
        "consent_law_read",
        page("Law and register", "consent"),
        msgspec.structs.replace(law, uploaded=None, part="", can_write=False),
    )


def holding(channel: str, label: str) -> consents.HoldingRow:
    return consents.HoldingRow(
        purpose="marketing", channel=channel, label=label, badge=c.Badge(text="agreed", tone="good"),
        why="mario@example.it", since=ago(days=40), can_withdraw=True,
    )  # fmt: skip


def request_rows() -> list[consents.RequestRow]:
    asked = consents.RequestRow(
        request_id=3, kind="All that is known", badge=c.Badge(text="ready", tone="good"),
        href=links.privacy_request(3), asked_at=ago(days=1), asked_by="anna", person=MARIO, due_at=ahead(days=29),
        done_at=ago(hours=3), download_href="/x",
    )  # fmt: skip
    erased = msgspec.structs.replace(
        asked,
        request_id=2,
        kind="Erasure",
        person=None,
        download_href=None,
        badge=c.Badge(text="waits", tone="warning"),
    )
    return [asked, erased]


def person_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    whole = consents.PersonConsents(
        person=MARIO, holdings=[holding("email", "E-mail"), holding("sms", "SMS")],
        others=[msgspec.structs.replace(holding("any", "Profiling"), purpose="profiling", can_withdraw=False)],
        blocks=[consents.AddressBlock(node_id=4, channel_code="email", channel="E-mail", address="m@example.it",
                                      badge=c.Badge(text="gone", tone="warning"), blocks="nothing goes there",
                                      at=ago(days=4), detail="550")],
        waiting=[entry()], history=[entry()], addresses=[c.Choice(value="4/email", label="E-mail m@example.it")],
        texts=[c.Choice(value="newsletter/2/it", label="newsletter 2 it")],
        channels=[c.Choice(value="marketing/email", label="Marketing, E-mail")], proofs=[("Marketing", "/x")],
        can_write=True, can_unblock=True, can_request=True, requests=request_rows(), part="say", problem=problem,
    )  # fmt: skip
    yield "person_consents", page("What Mario Rossi agreed to", "people"), whole
    blank = consents.PersonConsents(person=MARIO, holdings=[], others=[], proofs=[("Marketing", "/x")], problem=problem)
    yield "person_consents_bare", page("What Mario Rossi agreed to", "people"), blank


def privacy_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    chips = [c.Chip(label="Everything", href="?", selected=True)]
    paging = c.Paging(shown=2, next_href="?before=2")
    listed = consents.PrivacyRequests(rows=request_rows(), paging=paging, tabs=TABS, chips=chips)
    yield "privacy_requests", page("Requests of people", "consent"), listed
    first = consents.PrivacyRequests(rows=[], paging=NONE, tabs=TABS, any_requests=False)
    yield "privacy_requests_first", page("Requests of people", "consent"), first
    none = consents.PrivacyRequests(rows=[], paging=NONE, tabs=TABS, filter_sentence="erasures")
    yield "privacy_requests_none", page("Requests of people", "consent"), none
    one = consents.PrivacyRequest(
        request_id=2, title="Erase Mario Rossi", badge=c.Badge(text="waits", tone="warning"), person=MARIO,
        facts=[("Asked by", "anna")], erasure=True, must_confirm=True, confirm_word="Mario Rossi",
        sentence="Everything about this person goes.", can_withdraw=True, problem=problem, confirmation="ab12",
        identifiers=["E-mail mario@example.it"], shared=[(9, "Phone +39 333")], standing=["order U-100042"],
        counts=[("event", 120, "goes"), ("customer_order", 2, "stays without the person: bookkeeping")],
    )  # fmt: skip
    yield "privacy_request", page(one.title, "consent"), one
    done = consents.PrivacyRequest(
        request_id=2, title="Erasure 2", badge=c.Badge(text="done", tone="good"), facts=[("Asked by", "anna")],
        erasure=True, receipt=[("event", 120, ""), ("customer_order", 2, "kept for bookkeeping, without the person")],
    )  # fmt: skip
    yield "privacy_request_done", page("Erasure 2", "consent"), done
    ready = consents.PrivacyRequest(
        request_id=3, title="All that is known", badge=c.Badge(text="being made"), facts=[], person=MARIO, done=3,
        total=12, moving=True, download_href="/x",
    )  # fmt: skip
    yield "privacy_request_access", page("All that is known", "consent"), ready


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of consent and privacy, and every designed state."""
    yield from text_screens(page, problem)
    yield from law_screens(page, problem)
    yield from person_screens(page, problem)
    yield from privacy_screens(page, problem)
