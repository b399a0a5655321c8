"""The screens of segments with invented people of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.completing import Known
from unisono.console.views.boxes import Box
from unisono.console.views.segment_form import Drawer, Offers
from unisono.console.views.segment_templates import ready
from unisono.console.views.segment_tree import fresh, root_of
from unisono.console.views.segments import told_rule, why_step
from unisono.console.words import Words
from unisono.customers.segments.explaining import explain
from unisono.customers.segments.model import Facts, World, encode

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)
TODAY = date(2026, 11, 22)

Page = Callable[..., c.Shell]

RULE = ready()["store-not-online"].rule
LIVE = c.Badge(text="live", tone="good")
MARIO = c.PersonLink(person_id=41, name="Mario Rossi")
NONE = c.Paging(shown=0)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def words(page: Page) -> Words:
    return Words(page("").locale, ZoneInfo("Europe/Rome"))


def line(*values: int) -> list[c.DayPoint]:
    first = TODAY - timedelta(days=len(values) - 1)
    return [c.DayPoint(day=first + timedelta(days=n), value=value) for n, value in enumerate(values)]


def numbers(said: Words, *, people: bool = True) -> c.SegmentNumbers:
    funnel = [
        c.FunnelRow(sentence=told_rule(part, said), alone=alone, left=left, part=left / 2469)
        for part, alone, left in zip(RULE.of, (410, 1802, 988), (410, 214, 96), strict=True)  # type: ignore[union-attr]
    ]
    found = c.SegmentNumbers(members=96, people=2469, at=ago(seconds=3), part=96 / 2469, funnel=funnel)
    if not people:
        return found
    return msgspec.structs.replace(
        found,
        reach=[c.ReachRow(channel="SMS", people=96, part=1.0), c.ReachRow(channel="E-mail", people=40, part=0.4,
                                                                          exact=False)],
        samples=[c.SampleRow(person=MARIO, why="Counted: 2.", why_href=links.segment_why("store", 41))],
        warnings=["Purchases are seen for 730 days only: the law's retention."],
        asked_people=True,
    )  # fmt: skip


def answer(said: Words) -> c.WhyAnswer:
    step = explain(RULE, Facts(person_id=41), NOW, World())
    return c.WhyAnswer(person=MARIO, member=False, at=NOW, step=why_step(step, said), until=NOW + timedelta(days=3))


def segment(page: Page) -> c.SegmentPage:
    said = words(page)
    became = c.Became(what="Rule", before="City is Milano.", after=told_rule(RULE, said))
    return c.SegmentPage(
        code="store",
        name="Bought in a store, not online",
        sentence=told_rule(RULE, said),
        badge=LIVE,
        status="live",
        version=2,
        changed_at=ago(days=3),
        members=95,
        change=12,
        description="For the winter letter.",
        numbers=numbers(said),
        trend=line(70, 71, 71, 80, 83, 90, 95),
        days=[c.DayRow(day=TODAY, members=95, entered=7, departed=2)],
        versions=[
            c.SegmentVersionRow(version=2, at=ago(days=3), actor="anna@alpestre.example", sentence="x",
                                note="with consent", changes=[became]),
            c.SegmentVersionRow(version=1, at=ago(days=9), actor="anna@alpestre.example", sentence="City is Milano."),
        ],
        checks=[c.CheckRow(at=ago(hours=10), members=95, missing=0, extra=0),
                c.CheckRow(at=ago(hours=34), members=90, missing=1, extra=0)],
        used_by=[c.UsedBy(what="promotion", label="Winter", href=links.promotion("winter"))],
        yaml="is: all\n",
        json="{}",
        can_write=True,
        can_see_people=True,
    )  # fmt: skip


def every_box() -> Box:
    """One of each kind, with the fields their operators bring."""
    lists = Box("trait", {"trait": "city", "op": "one_of", "value": "Milano, Como"})
    clocked = Box("trait", {"trait": "last_purchase_at", "op": "not_within_last", "value": "30", "unit": "days"})
    known = Box("trait", {"trait": "email", "op": "known"})
    detail = Box("where", {"path": "products[].category", "op": "is", "value": "wine"})
    spent = Box("event", {"event": "purchases", "measure": "sum", "path": "total", "op": "more_than", "amount": "200",
                          "when": "between", "from": "2026-01-01"}, [detail, detail])  # fmt: skip
    season = Box("event", {"event": "purchases", "when": "season", "season": "christmas", "years": "2"})
    outer = [lists, clocked, known, spent, season]
    outer += [fresh(kind) for kind in ("consent", "sequence", "segment", "near", "calendar")]
    return Box("all", {}, [*outer, Box("none", {}, [Box("any")])])


def builder(page: Page, root: Box, faults: dict[str, str] | None = None, focus: str = "") -> c.SegmentBuilder:
    said = words(page)
    offers = Offers(
        known={"r.0.trait": [Known("city", 1203), Known("identified", 0)], "r.0.event": [Known("purchases", 0)]},
        segments=[("vip", "VIP")],
        stores=[("MI-01", "Milano Brera")],
    )
    return c.SegmentBuilder(
        is_new=True, code="", version=0, status="draft", name="Autumn", description="", note="", mode="boxes",
        root=Drawer(said, offers, faults or {}, focus).root(root), yaml="", sentence=told_rule(RULE, said),
        numbers=numbers(said), can_see_people=True, back_href=links.SEGMENTS,
    )  # fmt: skip


def builder_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """The builder in all its states."""
    shell = page("New segment", "segments")
    made = builder(page, root_of(encode(RULE)), focus="r.add")
    asked = msgspec.structs.replace(made, asked_who=True, answer=answer(words(page)), who="mario")
    yield "segment_builder", shell, asked
    yield "segment_builder_all", shell, msgspec.structs.replace(builder(page, every_box()), asked_who=True, who="zz")
    amiss = builder(page, every_box(), {"r": "Add.", "r.3.path": "Fill this in.", "r.8.store": "x"}, focus="r.3")
    yield (
        "segment_builder_amiss",
        shell,
        msgspec.structs.replace(amiss, numbers=None, unfinished=True, sentence="", problem=problem,
                                faults=[("name", "Fill this in.")], asked_who=True, found=[MARIO]),
    )  # fmt: skip
    yaml = msgspec.structs.replace(
        made, mode="yaml", root=None, yaml="is: all\n", is_new=False, code="store", version=2, status="live",
        numbers=None,
    )  # fmt: skip
    yield "segment_builder_yaml", page("Change a segment", "segments"), yaml


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of segments and every designed state."""
    said = words(page)
    shell = page("Segments", "segments")
    rows = [
        c.SegmentRow(code="store", name="Bought in a store, not online", href=links.segment("store"),
                     sentence=told_rule(RULE, said), badge=LIVE, members=95, change=12,
                     trend=line(70, 71, 71, 80, 83, 90, 95), uses=3, used_by="Winter, Letter"),
        c.SegmentRow(code="asleep", name="Asleep", href=links.segment("asleep"), sentence="Bought nothing.",
                     badge=c.Badge(text="draft")),
        c.SegmentRow(code="lost", name="Lost", href=links.segment("lost"), sentence="Bought nothing.", badge=LIVE,
                     members=0, change=-4, trend=line(4, 0)),
    ]  # fmt: skip
    templates = [
        c.ReadyTemplate(name=one.name, sentence=told_rule(one.rule, said), href="?", members=None if n else 96)
        for n, one in enumerate(ready().values())
    ]
    chips = [c.Chip(label="All segments", href="?", selected=True), c.Chip(label="live", href="?status=live")]
    paging = c.Paging(shown=3, next_href="?after=lost")
    yield (
        "segments",
        shell,
        c.Segments(rows=rows, paging=paging, chips=chips, templates=templates, can_write=True),
    )
    first = c.Segments(rows=[], paging=NONE, any_segments=False, templates=templates, can_write=True)
    yield "segments_first", shell, first
    yield "segments_none", shell, c.Segments(rows=[], paging=NONE, chips=chips, filter_sentence="archived")
    yield "segment", page("Bought in a store", "segments"), segment(page)
    bare = c.SegmentPage(code="asleep", name="Asleep", sentence="Bought nothing.", badge=c.Badge(text="draft"),
                         status="draft", version=1, changed_at=NOW, problem=problem, can_write=True)  # fmt: skip
    yield "segment_draft", page("Asleep", "segments"), bare
    new = msgspec.structs.replace(segment(page), trend=(), days=(), checks=(), used_by=(), change=None, counting=True)
    yield "segment_new", page("Bought in a store", "segments"), new
    member = c.MemberRow(person=MARIO, name_known=True, since=ago(days=2), why_href=links.segment_why("store", 41))
    unnamed = c.PersonLink(person_id=77, name="Somebody")
    members = [member, msgspec.structs.replace(member, person=unnamed, name_known=False)]
    more = c.Paging(shown=2, total=95, next_href="?after=77")
    inside = c.SegmentMembers(code="store", name="Store", rows=members, paging=more)
    yield "segment_members", page("Members", "segments"), inside
    yield "segment_members_none", page("Members", "segments"), msgspec.structs.replace(inside, rows=[], paging=NONE)
    draft = msgspec.structs.replace(inside, rows=[], paging=NONE, status="draft")
    yield "segment_members_draft", page("Members", "segments"), draft
    choices = [c.Choice(value="store", label="Store", selected=True), c.Choice(value="lost", label="Lost")]
    why = c.SegmentWhy(code="store", name="Store", segments=choices, answer=answer(said))
    yield "segment_why", page("Why in Store?", "segments"), why
    found = c.SegmentWhy(code="store", name="Store", query="ros", found=[MARIO], searched=True)
    yield "segment_why_found", page("Why in Store?", "segments"), found
    yield "segment_why_none", page("Why", "segments"), msgspec.structs.replace(found, found=())
    yield "segment_why_first", page("Why", "segments"), c.SegmentWhy(code="store", name="Store")
    yield from builder_screens(page, problem)


def voice() -> c.PersonVoice:
    """What a person's page shows of segments."""
    return c.PersonVoice(
        person_id=41,
        sees_segments=True,
        segments=[
            c.MembershipRow(name="Best customers", href=links.segment("best"), since=ago(days=9),
                            why_href=links.segment_why("best", 41))
        ],
        others=[c.Choice(value="lost", label="Lost")],
    )  # fmt: skip
