"""Messages, broadcasts, the contact policy, tasks and consents with invented people of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.contexts import consents, sends
from unisono.console.views.policy import policy_page
from unisono.console.views.policy_form import form_of
from unisono.console.words import Words
from unisono.engagement.policy.defaults import default_version
from unisono.kit.reasons import Reason

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)

Page = Callable[..., c.Shell]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def ahead(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


MARIO = c.PersonLink(person_id=1042, name="Mario Rossi")
NIGHT = Reason(
    "quiet_hours",
    "Quiet hours on {channel} until {until_at} ({zone}).",
    {"channel": "email", "until_at": "2026-11-23T08:00:00+00:00", "zone": "Europe/Rome"},
)
NO = Reason("no_address", "No address for {channel} is known.", {"channel": "sms"})
CHANNELS = [c.Choice(value="email", label="E-mail", selected=True), c.Choice(value="sms", label="SMS")]
PURPOSES = [c.Choice(value="marketing", label="Marketing", selected=True), c.Choice(value="service", label="Service")]
NONE = c.Paging(shown=0)


def decision() -> sends.DecisionCard:
    return sends.DecisionCard(
        badge=c.Badge(text="It waits", tone="warning"),
        reasons=[NIGHT],
        verdicts=[
            sends.VerdictRow(
                channel="E-mail", badge=c.Badge(text="waits", tone="warning"), reasons=[NIGHT], until=ahead(hours=18)
            ),
            sends.VerdictRow(channel="SMS", badge=c.Badge(text="does not go"), reasons=[NO]),
        ],
        facts=[("The person's clock", "Sun 22 Nov, 21:32 Europe/Rome"), ("Budget week", "3 of 10 in 7 days")],
        at=ago(minutes=2),
        hold_until=ahead(hours=18),
        policy_version=3,
    )


def lines() -> list[sends.MessageLine]:
    held = sends.MessageLine(
        message_id=71, what="Your size is back", href=links.message(71), badge=c.Badge(text="held", tone="warning"),
        channel="E-mail", purpose="Marketing", at=ahead(hours=18), when_word="will be tried", person=MARIO,
        reason=NIGHT, from_="back-in-size", from_href=links.broadcast("back-in-size"),
    )  # fmt: skip
    sent = msgspec.structs.replace(
        held, message_id=70, href=links.message(70), badge=c.Badge(text="sent", tone="good"), at=ago(hours=3),
        when_word="left", reason=None, came="clicked", person=None, from_="Programs", from_href=None,
    )  # fmt: skip
    return [held, sent]


def outbox_screens(page: Page) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    whole = sends.Outbox(
        rows=lines(), paging=c.Paging(shown=2, next_href="?before=70"), channels=CHANNELS, purposes=PURPOSES,
        states=[c.Chip(label="Everything", href="?", selected=True), c.Chip(label="not sent", href="?state=skipped")],
        origins=[c.Choice(value="api", label="Programs")], kept={"state": "skipped"}, filter_sentence="not sent",
    )  # fmt: skip
    yield "outbox", page("Outbox", "outbox"), whole
    yield "outbox_first", page("Outbox", "outbox"), sends.Outbox(rows=[], paging=NONE, any_messages=False)
    yield "outbox_none", page("Outbox", "outbox"), sends.Outbox(rows=[], paging=NONE, filter_sentence="not sent")
    one = sends.Message(
        message_id=71, title="Your size is back", badge=c.Badge(text="held", tone="warning"), person=MARIO,
        facts=[("What for", "Marketing"), ("Channels, in order", "E-mail, SMS")], decision=decision(),
        moments=[sends.Moment(at=ago(hours=3), text="Planned"), sends.Moment(at=ahead(hours=8), text="It is tried",
                                                                             future=True)],
        sending=Reason("unknown", "The connection was cut after it had begun to leave: it may have arrived."),
        attempts=[sends.AttemptRow(at=ago(hours=1), account="Mail", channel="E-mail", provider_id="<a@b>",
                                   badge=c.Badge(text="unknown", tone="warning"), detail="421 try later")],
        parts=[("Subject", "Your size is back"), ("Text", "Hello Mario")], said_href=links.message_said(71),
        broadcast="Back in size", broadcast_href=links.broadcast("back-in-size"), can_cancel=True,
    )  # fmt: skip
    yield "message", page(one.title, "outbox"), one
    lost = msgspec.structs.replace(one, message_id=72, can_cancel=False, can_settle=True)
    yield "message_unknown", page(lost.title, "outbox"), lost
    bare = sends.Message(message_id=1, title="Message 1", badge=c.Badge(text="planned"), facts=[], moments=[])
    yield "message_planned", page("Message 1", "outbox"), bare
    gone = msgspec.structs.replace(bare, reason=NO, expired=True)
    yield "message_gone", page("Message 1", "outbox"), gone


def reach() -> sends.Reach:
    step = sends.FunnelStep
    return sends.Reach(
        audience=4210, looked_at=500,
        funnel=[step(label="In the segment", count=4210, share=100),
                step(label="Get it at once", count=1804, share=42.9), step(label="Get it later", count=0, share=0)],
        channels=[step(label="E-mail", count=1804, share=42.9)],
        why=[sends.WhyRow(text="No consent to marketing on any channel", count=2100, share=49.9)],
    )  # fmt: skip


def broadcast_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    row = sends.BroadcastRow(
        name="Back in size", href=links.broadcast("back-in-size"), badge=c.Badge(text="running", tone="good"),
        audience="Left without their size", template="Your size is back", when=ago(minutes=8), planned=4210, sent=1201,
        clicked=88,
    )  # fmt: skip
    draft = msgspec.structs.replace(row, name="Winter", when=None, when_text="as soon as it is launched")
    chips = [c.Chip(label="All broadcasts", href="?", selected=True)]
    listed = sends.Broadcasts(rows=[row, draft], paging=c.Paging(shown=2, next_href="?b"), chips=chips, can_send=True)
    yield "broadcasts", page("Broadcasts", "broadcasts"), listed
    first = sends.Broadcasts(rows=[], paging=NONE, any_broadcasts=False, can_send=True)
    yield "broadcasts_first", page("Broadcasts", "broadcasts"), first
    none = sends.Broadcasts(rows=[], paging=NONE, filter_sentence="paused")
    yield "broadcasts_none", page("Broadcasts", "broadcasts"), none
    review = sends.BroadcastPage(
        code="winter", name="Winter", badge=c.Badge(text="draft"), sentence="“Winter” to everybody in “Members”.",
        facts=[("Priority", "50")], reach=reach(), can_edit=True, can_schedule=True, can_test=True, edit_href="/x",
        values={"when": "local", "day": "2026-12-24", "time": "18:30"}, problem=problem,
    )  # fmt: skip
    yield "broadcast_review", page("Winter", "broadcasts"), review
    running = sends.BroadcastPage(
        code="back-in-size", name="Back in size", badge=c.Badge(text="running", tone="good"), sentence="“A” to “B”.",
        funnel=[sends.FunnelStep(label="Audience", count=4210, share=100, href="/x"),
                sends.FunnelStep(label="Sent", count=1201, share=28.5)],
        tiles=[c.Tile(label="Waiting", value=900)], done=3310, total=4210, moving=True, rows=lines(),
        why=[sends.WhyRow(text="Quiet hours", count=800, share=19, href="/x")],
        steps=[("pause", "Pause"), ("stop", "Stop for good")], starts_at=ago(minutes=8),
    )  # fmt: skip
    yield "broadcast", page("Back in size", "broadcasts"), running
    soon = msgspec.structs.replace(running, starts_at=ahead(hours=5), moving=False, why=(), rows=())
    yield "broadcast_scheduled", page("Back in size", "broadcasts"), soon
    form = sends.BroadcastForm(
        values={"name": "Winter", "priority": "50"}, segments=[c.Choice(value="vip", label="Best")],
        templates=[c.Choice(value="winter", label="Winter")], channels=CHANNELS, purposes=PURPOSES,
    )  # fmt: skip
    yield "broadcast_form", page("New broadcast", "broadcasts"), form
    changed = msgspec.structs.replace(form, code="winter", reach=reach(), problem=problem)
    yield "broadcast_form_amiss", page("Change a broadcast", "broadcasts"), changed


def policy_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    shell = page("Contact policy", "policy")
    words = Words(shell.locale, ZoneInfo("Europe/Rome"))
    own = default_version()
    other = msgspec.structs.replace(
        own, version=1, at=ago(days=1), actor="anna@alpestre.example", reason="Fewer calls",
        policy=msgspec.structs.replace(own.policy, weights={**own.policy.weights, "call": 8}),
    )  # fmt: skip
    whole = policy_page(other, [other, own], words, yaml="weights: {}", can_write=True, more=None)
    yield "policy", shell, whole
    bare = sends.PolicyPage(
        version=0, budgets=[], caps=[], weights=[], weeks=[], helps=[], helping=False, prefers=[], besides=[],
        versions=[], more_href="?before=4", problem=problem,
    )  # fmt: skip
    yield "policy_bare", page("Contact policy", "policy"), bare
    yield "policy_form", page("Change the contact policy", "policy"), form_of(own.policy, 0, words)
    amiss = msgspec.structs.replace(form_of(own.policy, 0, words), problem=problem, reason="because")
    yield "policy_form_amiss", page("Change the contact policy", "policy"), amiss
    tried = sends.PolicySimulator(
        values={"who": "mario@example.it"}, purposes=PURPOSES, channels=CHANNELS, decision=decision(), person=MARIO
    )
    yield "policy_simulator", page("Try a message", "policy"), tried
    nobody = sends.PolicySimulator(values={}, purposes=PURPOSES, channels=CHANNELS)
    yield "policy_simulator_first", page("Try a message", "policy"), nobody
    wrong = msgspec.structs.replace(nobody, problem=problem, values={"who": "x", "profiled": "yes"})
    yield "policy_simulator_amiss", page("Try a message", "policy"), wrong


def task_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    row = sends.TaskRow(
        task_id=4, title="Call about the late tent", kind="Call", badge=c.Badge(text="late", tone="warning"),
        body="Say sorry, offer the store.", person=MARIO, phone="+39 333 1234567", store="brera", due_at=ago(hours=2),
        late=True, message_href="/x", outcomes=[c.Choice(value="reached", label="Reached")], is_call=True,
    )  # fmt: skip
    done = msgspec.structs.replace(
        row, task_id=3, outcomes=(), badge=c.Badge(text="Reached", tone="good"), settled_at=ago(hours=1),
        settled_by="anna@alpestre.example", body="", due_at=None,
    )  # fmt: skip
    chips = [c.Chip(label="Open", href="?", selected=True), c.Chip(label="Done", href="?state=done")]
    kinds = [c.Choice(value="call", label="Call")]
    listed = sends.Tasks(
        rows=[row, done], paging=c.Paging(shown=2, next_href="?a"), states=chips, kinds=chips, new_kinds=kinds,
        part="4", problem=problem,
    )  # fmt: skip
    yield "tasks", page("Tasks", "tasks"), listed
    first = sends.Tasks(
        rows=[], paging=NONE, any_tasks=False, new_kinds=kinds, part="new", problem=problem,
        stores=[c.Choice(value="brera", label="brera")],
    )  # fmt: skip
    yield "tasks_first", page("Tasks", "tasks"), first
    yield "tasks_none", page("Tasks", "tasks"), sends.Tasks(rows=[], paging=NONE, filter_sentence="Call")


def compose_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    blank = sends.Compose(person=MARIO, values={}, channels=CHANNELS, purposes=PURPOSES)
    yield "compose", page("Write to Mario Rossi", "people"), blank
    looked = msgspec.structs.replace(
        blank, values={"subject": "Hello", "text": "Hello"}, decision=decision(), may_send=True,
        templates=[c.Choice(value="welcome", label="Welcome")], said=[("Subject", "Hello"), ("Text", "Hello Mario")],
        findings=[("warn", Reason("caps", "Too many capitals."))],
    )  # fmt: skip
    yield "compose_looked", page("Write to Mario Rossi", "people"), looked
    refused = msgspec.structs.replace(
        looked, may_send=False, problem=problem, findings=[("block", Reason("claim", "A forbidden claim."))]
    )
    yield "compose_refused", page("Write to Mario Rossi", "people"), refused


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of what is sent and of consent, and every designed state."""
    yield from outbox_screens(page)
    yield from broadcast_screens(page, problem)
    yield from policy_screens(page, problem)
    yield from task_screens(page, problem)
    yield from compose_screens(page, problem)


def contact() -> consents.PersonContact:
    """The cards of a person's page."""
    yes = consents.HoldingRow(
        purpose="marketing", channel="email", label="E-mail", badge=c.Badge(text="agreed", tone="good"),
        why="mario@example.it", since=ago(days=40), expires_at=ahead(days=300),
    )  # fmt: skip
    return consents.PersonContact(
        badges=[c.Badge(text="E-mail", tone="good", meaning="E-mail: agreed", href="/x")],
        holdings=[yes],
        consents_href=links.person_consents(1042),
        messages=lines()[1:],
        coming=lines()[:1],
        all_href="/x",
        write_href=links.person_write(1042),
        simulate_href="/x",
        mode=["Help first: an order is late since 20 Nov, 10:00."],
    )
