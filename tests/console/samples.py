"""Every screen of the console with invented people of an Italian outdoor shop: for tests and for looking."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import samples_commerce
import samples_consents
import samples_segments
import samples_sends
import samples_shop
import samples_voice

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.staff import Note, StaffLine

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def euro(cents: int) -> c.Amount:
    return c.Amount(minor=cents, currency="EUR")


def shell(title: str, section: str = "", *, locale: str = "en", signed_in: bool = True) -> c.Shell:
    viewer = c.Viewer(
        account_id=1, name="Anna Bianchi", email="anna@alpestre.example", role="owner", role_label="Owner"
    )
    return c.Shell(
        title=title,
        locale=locale,
        zone="Europe/Rome",
        now=NOW,
        csrf_token="t0ken",
        here="/console/people",
        section=section,
        viewer=viewer if signed_in else None,
        failed_events=12,
        company="Alpestre",
    )


def score(seed: int = 4, *, small: bool = False) -> c.Score:
    dice = random.Random(seed)
    start, end = datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    counts: dict[StaffLine, int] = {"web": 76, "app": 34, "store": 26, "messages": 36, "service": 9}
    span = (NOW - start).total_seconds()
    notes = [
        Note(
            at=start + timedelta(seconds=dice.random() * span),
            line=line,
            value=dice.choice([1_900, 2_900, 4_900, 8_900, 18_900, 38_900]) if line == "store" else 0,
            label="Bought 2 items, € 84.00" if line == "store" else "",
        )
        for line, count in counts.items()
        for _ in range(dice.randint(1, count) if small else count)
    ]
    if not small:
        notes += [
            Note(at=ago(days=8), line="web", label="Viewed 6 products", episode=True),
            Note(at=ago(days=5), line="messages", label="Wrote on Messenger", episode=True),
            Note(at=ago(days=3), line="store", label="Recognised at the till", episode=True),
        ]
        notes += [
            Note(at=ago(days=-9), line="messages", label="Review request", future=True),
            Note(at=ago(days=-15), line="store", label="Reservation ends", future=True),
            Note(at=ago(days=-28), line="messages", label="Points expire", future=True),
        ]
    return c.Score(notes=notes, start=start, end=end, keep_query="channel=web")


def _item(at: datetime, title: str, line: StaffLine, event_id: str, **more: object) -> c.TimelineItem:
    labels = {"web": "Web", "app": "App", "store": "Store", "messages": "Messages", "service": "Service"}
    return c.TimelineItem(
        at=at,
        title=title,
        line=line,
        event_id=event_id,
        channel_label=labels[line],
        raw_href=links.event_raw(event_id),
        **more,  # type: ignore[arg-type]
    )


def timeline() -> c.Timeline:
    viewed = [
        _item(ago(minutes=34 + i), f"Viewed {what}", "web", f"v{i}", detail=f"€ {price}")
        for i, (what, price) in enumerate(
            [("Trail jacket", "129.00"), ("Merino socks", "19.00"), ("Trekking poles", "74.00")]
        )
    ]
    return c.Timeline(
        chips=[
            c.Chip(label="All channels", href="?", selected=True),
            *(c.Chip(label=name, href=f"?channel={name.lower()}") for name in ("Web", "App", "Store", "Messages")),
            c.Chip(label="Service", href="?channel=service"),
            c.Chip(label="Only purchases", href="?only=purchases"),
        ],
        coming=[
            c.TimelineItem(at=ago(days=-5), title="Review request", line="messages", future=True,
                           channel_label="WhatsApp", detail="if order 10482 is delivered"),
            c.TimelineItem(at=ago(hours=-5), title="Reservation ends", line="store", future=True,
                           channel_label="Store", detail="Trail jacket, size M, Milano Brera"),
        ],
        days=[
            c.DayGroup(day=date(2026, 11, 22), items=[
                _item(ago(), "Recognised at the till", "store", "a1", detail="Milano Brera, Anna · by loyalty card",
                      why_href=links.person_why(41), why_text="Why is this Mario?"),
                _item(ago(minutes=23), "Wrote on Messenger", "messages", "a2",
                      detail="“Do you have the trail jacket in M? My order is late too.”"),
                _item(ago(minutes=34), "Viewed 3 products, left a cart", "web", "a3",
                      detail="Trail jacket, Merino socks", members=viewed, amount=euro(12900)),
            ]),
            c.DayGroup(day=date(2026, 11, 21), items=[
                _item(ago(hours=20), "Opened the newsletter", "messages", "a4", detail="Weekend in the Dolomites"),
                _item(ago(hours=29), "Order 10482 late", "service", "a5", detail="Carrier exception · promised 20 Nov"),
            ]),
            c.DayGroup(day=date(2026, 10, 9), items=[
                _item(ago(days=44), "Bought 2 items", "store", "a6", amount=euro(8400),
                      detail="Milano Brera · 84 points", received_at=ago(days=43)),
            ]),
        ],
        paging=c.Paging(shown=9, total=1204, next_href="?after=a6"),
    )  # fmt: skip


def identifiers() -> list[c.IdentifierRow]:
    return [
        c.IdentifierRow(node_id=41, namespace="loyalty_card", label="loyalty card", value="··· 4417",
                        source="Till 2 Brera", first_seen=datetime(2019, 3, 9, tzinfo=UTC), last_seen=NOW, events=212),
        c.IdentifierRow(node_id=52, namespace="email", label="e-mail", value="mario.rossi@posta.example",
                        source="Web shop", first_seen=datetime(2019, 5, 2, tzinfo=UTC), verified=True,
                        last_seen=ago(days=1), events=503),
        c.IdentifierRow(node_id=77, namespace="messenger", label="Messenger", value="··· 9121", source="Chat",
                        joined_at=ago(hours=2), last_seen=ago(minutes=23), events=4),
        c.IdentifierRow(node_id=90, namespace="anonymous_id", label="browser", value="··· c07f", source="Web shop",
                        first_seen=ago(days=200), last_seen=ago(minutes=34), events=485),
    ]  # fmt: skip


def person() -> c.PersonPage:
    return c.PersonPage(
        shop=samples_shop.person_shop(),
        voice=samples_segments.voice(),
        contact=samples_sends.contact(),
        person_id=41,
        name="Mario Rossi",
        facts=["Customer since March 2019", "home store Milano Brera", "prefers WhatsApp, Italian"],
        badges=[
            c.Badge(text="Help first: late order 10482", tone="warning"),
            c.Badge(text="e-mail", tone="good", meaning="Marketing by e-mail: granted"),
            c.Badge(text="WhatsApp", tone="good", meaning="Marketing by WhatsApp: granted"),
            c.Badge(text="SMS", tone="off", meaning="Marketing by SMS: refused"),
            c.Badge(text="profiling", tone="good", meaning="Profiling: granted"),
        ],
        tiles=[
            c.Tile(label="Lifetime value", value=euro(241800), note="31 orders since 2019"),
            c.Tile(label="Last purchase", value=ago(days=44), note="Milano Brera, € 84.00"),
            c.Tile(label="Average order", value=euro(7800), knowledge="stale", as_of=ago(hours=9)),
            c.Tile(label="Open cart", value=euro(12900), note="begun on the web, 2 lines"),
            c.Tile(label="Orders, 12 months", value=0, knowledge="zero"),
            c.Tile(label="Days between orders", value=None, knowledge="never_computed"),
        ],
        score=score(),
        timeline=timeline(),
        identity=c.IdentityCard(
            identifiers=identifiers(), joined_from=3, why_href=links.person_why(41), can_split=True
        ),
        traits=[
            c.TraitRow(name="size", value="M", source="Web shop", at=ago(minutes=34)),
            c.TraitRow(name="city", value="Milano", source="Till 2 Brera", at=ago(days=44)),
            c.TraitRow(name="language", value="Italiano", source="Web shop", at=ago(days=900)),
        ],
        computed=[
            c.ComputedTraitRow(name="Favourite channel", value="Store", definition="the channel of most purchases"),
            c.ComputedTraitRow(name="Days between orders", value=None, knowledge="never_computed"),
            c.ComputedTraitRow(name="Average basket", value=euro(7800), knowledge="stale", as_of=ago(hours=9)),
        ],
        household=[c.HouseholdMember(person_id=44, name="Giulia Rossi", href=links.person(44), reason="same address")],
        advice="His order is late: say so first. He asked for the trail jacket in M: one is held here until 19:30. "
        "Do not ask his size again, he told us M on the web at 13:58.",
        can_write_note=True,
        can_see_raw=True,
    )  # fmt: skip


def people() -> c.PeopleList:
    names = ["Mario Rossi", "Giulia Ferrari", "Luca Esposito", "Chiara Colombo", "anonymous ··· 77ab",
             "Francesca Ricci", "Davide Marino", "Sara Greco", "Alessandro Conti", "Martina Gallo"]  # fmt: skip
    dice = random.Random(11)
    lines: list[StaffLine] = ["store", "web", "app", "messages", "service"]
    rows = [
        c.PersonRow(
            person_id=41 + i,
            name=name,
            href=links.person(41 + i),
            name_known=not name.startswith("anonymous"),
            identifiers=[
                c.IdentifierBrief(namespace="phone", label="phone", value=f"+39 333 ··· {1200 + 37 * i}"),
                c.IdentifierBrief(namespace="loyalty_card", label="card", value=f"··· {4417 + i}"),
            ][: 1 + i % 2],
            more_identifiers=i % 3,
            last_seen=ago(minutes=4**i),
            last_line=lines[i % 5],
            events=dice.randint(3, 2400),
            lifetime_value=euro(dice.randint(900, 400_000)) if i != 4 else None,
            badges=[c.Badge(text="Help first", tone="warning")] if i == 0 else [],
            score=score(i, small=True),
        )
        for i, name in enumerate(names)
    ]
    return c.PeopleList(
        rows=rows,
        paging=c.Paging(shown=10, total=1_048_210, total_is_estimate=True, next_href="?after=50"),
        chips=[
            c.Chip(label="Everyone", href="?", selected=True),
            c.Chip(label="Identified", href="?known=1", count=412_300),
            c.Chip(label="Bought", href="?bought=1", count=98_021),
            c.Chip(label="Seen in store", href="?seen=store"),
        ],
        sorts=[c.Chip(label="Last seen", href="?sort=seen", selected=True), c.Chip(label="Value", href="?sort=value")],
    )


def link_rows() -> list[c.LinkRow]:
    card = c.IdentifierBrief(namespace="loyalty_card", label="card", value="··· 4417")
    mail = c.IdentifierBrief(namespace="email", label="e-mail", value="mario.rossi@posta.example")
    chat = c.IdentifierBrief(namespace="messenger", label="Messenger", value="··· 9121")
    browser = c.IdentifierBrief(namespace="anonymous_id", label="browser", value="··· c07f")
    return [
        c.LinkRow(link_id=3, at=ago(hours=2), left=mail, right=chat, reason="He opened the signed link in a message",
                  source="Chat", can_undo=True),
        c.LinkRow(link_id=2, at=ago(days=200), left=mail, right=browser, reason="Signed in on the web",
                  source="Web shop", can_undo=True),
        c.LinkRow(link_id=1, at=ago(days=900), left=card, right=mail, reason="Gave the e-mail at the till",
                  source="Till 2 Brera", undone_at=ago(days=3), undone_by="Anna Bianchi", can_undo=True),
    ]  # fmt: skip


def person_links() -> c.PersonLinks:
    return c.PersonLinks(person_id=41, name="Mario Rossi", identifiers=identifiers(), links=link_rows())


def live(tab: str = "accepted") -> c.LiveEvents:
    events: list[tuple[str, str, StaffLine, str]] = [
        ("track", "Product Viewed", "web", "Web shop"), ("track", "Order Completed", "store", "Till 2 Brera"),
        ("page", "Home", "web", "Web shop"), ("screen", "Wish list", "app", "App"),
        ("track", "Message Opened", "messages", "Newsletter"), ("identify", "identify", "web", "Web shop"),
        ("track", "Ticket Opened", "service", "Help desk"), ("track", "Cart Updated", "app", "App"),
    ]  # fmt: skip
    names = ["Mario Rossi", "Giulia Ferrari", "Luca Esposito", "anonymous ··· 77ab"]
    accepted = [
        c.LiveEvent(
            event_id=f"e{i}",
            at=ago(seconds=7 * i),
            kind=kind,
            name=name,
            line=line,
            channel_label="",
            person=c.PersonLink(person_id=41 + i % 4, name=names[i % 4]),
            node_label="browser ··· c07f" if line == "web" else "",
            source=source,
            raw_href=links.event_raw(f"e{i}"),
            received_at=ago(seconds=3) if i == 3 else None,
        )
        for i, (kind, name, line, source) in enumerate(events)
    ]
    failed = [
        c.FailedEvent(failed_id=1, received_at=ago(minutes=3), code="bad_time", name="Order Completed",
                      reason="The time “31/02/2026” cannot be read", do="Send ISO 8601: 2026-02-28T10:00:00Z",
                      source="Till 4 Roma", excerpt='{"type":"track","timestamp":"31/02/2026","event":"Order',
                      raw_href=links.failed_raw(1), can_replay=True),
        c.FailedEvent(failed_id=2, received_at=ago(hours=3), code="no_identifier", name="Product Viewed",
                      reason="The event names nobody", do="Send an anonymousId or a userId", source="Web shop",
                      excerpt='{"type":"track","event":"Product Viewed"}', replayed_at=ago(hours=1)),
        c.FailedEvent(failed_id=3, received_at=ago(hours=5), code="bad_json", reason="This is not JSON",
                      source="Web shop", excerpt='{"type":"trac', can_replay=True),
    ]  # fmt: skip
    return c.LiveEvents(
        tab="failed" if tab == "failed" else "accepted",
        accepted_href=links.LIVE,
        failed_href=f"{links.LIVE}?tab=failed",
        accepted=accepted,
        failed=failed,
        accepted_count=48_211,
        failed_count=12,
        chips=[c.Chip(label="All channels", href="?", selected=True), c.Chip(label="Store", href="?channel=store")],
        reasons=[
            c.Chip(label="All reasons", href="?", selected=True, count=12),
            c.Chip(label="Time cannot be read", href="?reason=bad_time", count=9),
        ],
        paging=c.Paging(shown=8, next_href="?before=e7"),
        stream_href=links.LIVE_STREAM,
        can_replay_all=True,
    )


def sources() -> c.Sources:
    keys = [
        c.KeyRow(key_id=1, name="Web shop", kind="write", hint="wk_live_…4f2a", created_at=ago(days=90),
                 last_used_at=ago(seconds=2), events_24h=48_211, failed_24h=3),
        c.KeyRow(key_id=2, name="Till 2 Brera", kind="till", hint="tk_live_…09be", created_at=ago(days=60),
                 store="Milano Brera", till="2", last_used_at=ago(minutes=4), events_24h=412),
        c.KeyRow(key_id=3, name="ERP", kind="secret", hint="sk_live_…77c1", created_at=ago(days=30),
                 scopes=["events:write", "people:read"], rotated_until=ago(hours=-20), last_used_at=ago(hours=3),
                 events_24h=1_830),
        c.KeyRow(key_id=4, name="Old app", kind="write", hint="wk_live_…1d0e", created_at=ago(days=400),
                 disabled_at=ago(days=2)),
    ]  # fmt: skip
    curl = (
        "curl https://unisono.example/v1/track \\\n  -u wk_live_...4f2a: \\\n"
        '  -H \'Content-Type: application/json\' \\\n  -d \'{"anonymousId": "test-1", "event": "Hello"}\''
    )
    browser = 'analytics.load("wk_live_...4f2a", { cdnURL: "https://unisono.example" });\nanalytics.page();'
    return c.Sources(
        groups=[
            c.KeyGroup(kind=kind, keys=[key for key in keys if key.kind == kind], label=label, total=3)
            for kind, label in (("write", "Sites and apps"), ("secret", "Servers"))
        ]
        + [
            c.KeyGroup(
                kind="till",
                keys=[key for key in keys if key.kind == "till"],
                label="Tills",
                total=457,
                filtered=True,
                paging=c.Paging(shown=50, total=457, next_href="?after=50"),
            )
        ],
        samples=[
            c.CodeSample(id="curl", label="curl", language="sh", code=curl),
            c.CodeSample(id="browser", label="Browser", language="js", code=browser, note="Before </head>."),
        ],
        new_key=c.NewKey(name="ERP", value="sk_live_EXAMPLEc8d1f0a9b2e7SHOWNONCE77c1", kind="secret",
                         old_until=ago(hours=-20)),
        stores=[c.Choice(value="brera", label="Milano Brera"), c.Choice(value="roma", label="Roma Prati")],
        scopes=[c.Choice(value="events:write", label="send events", selected=True),
                c.Choice(value="people:read", label="read people", hint="with every identifier")],
        can_manage=True,
        endpoint="https://unisono.example",
    )  # fmt: skip


def identity() -> c.Identity:
    rules = [
        ("user_id", "account", "person", 1), ("loyalty_card", "loyalty card", "person", 3),
        ("email", "e-mail", "person", 5), ("phone", "phone", "person", 3), ("messenger", "Messenger", "person", None),
        ("anonymous_id", "browser", "device", None), ("device_id", "device", "device", None),
    ]  # fmt: skip
    mail = c.IdentifierBrief(namespace="email", label="e-mail", value="negozio@alpestre.example")
    people_ = [c.PersonLink(person_id=41, name="Mario Rossi"), c.PersonLink(person_id=44, name="Giulia Rossi")]
    return c.Identity(
        tiles=[
            c.Tile(label="People", value=412_300), c.Tile(label="Identifiers", value=1_048_210),
            c.Tile(label="Joins, 7 days", value=3_214), c.Tile(label="Refused, 7 days", value=18, tone="warning"),
        ],
        rules=[
            c.RuleRow(namespace=n, label=label, level="person" if level == "person" else "device", priority=i,
                      limit=limit, identifiers=120_000 // (i + 1), blocked_values=2 * i)
            for i, (n, label, level, limit) in enumerate(rules)
        ],
        violations=[
            c.ViolationRow(violation_id=1, at=ago(hours=6), rule="A person has at most one account",
                           identifier=c.IdentifierBrief(namespace="anonymous_id", label="browser", value="··· 88aa"),
                           outcome="The browser stays with whoever signed in last", persons=people_),
        ],
        shared=[c.SharedRow(node_id=9, identifier=mail, people=214, since=ago(days=40),
                            reason="More than 10 people signed up with it", can_release=True)],
        joins=link_rows(),
        join_persons=[people_[0], people_[0], None],
    )  # fmt: skip


def health() -> c.Health:
    dice = random.Random(3)
    return c.Health(
        state="strained",
        sentence="One reader is behind; everything else keeps up",
        tiles=[
            c.Tile(label="Accepted, 24 h", value=1_204_331, note="peak 212 a second"),
            c.Tile(label="Processed, 24 h", value=1_204_102, note="229 waiting"),
            c.Tile(label="Failed, 24 h", value=12, tone="warning", href=f"{links.LIVE}?tab=failed"),
            c.Tile(label="Dead letters", value=1),
        ],
        history=[
            c.Bucket(at=ago(hours=48 - i), accepted=dice.randint(200, 900) * (2 if 9 < i % 24 < 20 else 1),
                     failed=dice.choice([0, 0, 0, 40]))
            for i in range(48)
        ],
        readers=[
            c.ReaderRow(name="profiles", label="Profiles", state="running", lag_events=0, moved_at=ago(seconds=1)),
            c.ReaderRow(name="computed_traits", label="Computed traits", state="behind", lag_events=18_220,
                        lag_seconds=312, moved_at=ago(seconds=4)),
            c.ReaderRow(name="households", label="Households", state="parked", lag_events=3, lag_seconds=0.4,
                        moved_at=ago(minutes=2)),
        ],
        dead_letters=[
            c.DeadLetterRow(letter_id=1, reader="Households", at=ago(hours=7), attempts=9, event_name="identify",
                            error="address.postcode is longer than 32 characters", can_replay=True),
        ],
        parked=[c.ParkedRow(person=c.PersonLink(person_id=44, name="Giulia Rossi"), reader="Households",
                            since=ago(hours=7), waiting=14, error="waits for the dead letter above")],
        facts=[("Unisono", "0.1.0"), ("PostgreSQL", "18.1, embedded"), ("Database", "3.2 GB"), ("Processes", "4")],
        can_replay=True,
    )  # fmt: skip


def team() -> c.Team:
    roles = [("owner", "Owner"), ("marketer", "Marketer"), ("agent", "Care agent"), ("clerk", "Store clerk"),
             ("analyst", "Analyst"), ("privacy_officer", "Privacy officer")]  # fmt: skip
    return c.Team(
        accounts=[
            c.AccountRow(account_id=1, name="Anna Bianchi", email="anna@alpestre.example", role="owner",
                         role_label="Owner", last_seen=NOW, is_viewer=True),
            c.AccountRow(account_id=2, name="Paolo Riva", email="paolo@alpestre.example", role="clerk",
                         role_label="Store clerk", store="Milano Brera", last_seen=ago(hours=5)),
            c.AccountRow(account_id=3, name="Elena Serra", email="elena@alpestre.example", role="marketer",
                         role_label="Marketer"),
            c.AccountRow(account_id=4, name="Ugo Neri", email="ugo@alpestre.example", role="analyst",
                         role_label="Analyst", disabled_at=ago(days=12)),
        ],
        roles=[
            c.RoleRow(role=role, label=label, summary="sees what the work needs", can=["read people", "write notes"],
                      cannot=["create keys"], accounts=1)
            for role, label in roles
        ],
        role_choices=[c.Choice(value=role, label=label) for role, label in roles],
        stores=[c.Choice(value="brera", label="Milano Brera")],
        can_manage=True,
        invitation=c.Invitation(email="marta@alpestre.example", href="https://unisono.example/console/join/EXAMPLE",
                                until=ago(days=-7)),
    )  # fmt: skip


def groups() -> list[c.HitGroup]:
    return [
        c.HitGroup(title="People", hits=[
            c.Hit(label="Mario Rossi", href=links.person(41), hint="card ··· 4417"),
            c.Hit(label="Maria Rosselli", href=links.person(61), hint="phone +39 333 ··· 1200"),
        ]),
        c.HitGroup(title="Screens", hits=[c.Hit(label="Live events", href=links.LIVE, hint="g l")]),
    ]  # fmt: skip


def audit() -> c.Audit:
    """Two entries about Mario."""
    mario = c.PersonLink(person_id=1042, name="Mario Rossi")
    return c.Audit(
        rows=[
            c.AuditRow(
                entry_id=number,
                at=NOW - timedelta(minutes=number),
                actor="anna@alpestre.example",
                actor_href="?actor=anna@alpestre.example",
                action=action,
                detail="reason: same card",
                person=mario,
                person_href="?person=1042",
            )
            for number, action in ((1, "Opened a person"), (2, "Joined two people"))
        ],
        paging=c.Paging(shown=2, next_href="?before=1"),
        person="1042",
        actors=[c.Choice(value="anna@alpestre.example", label="Anna")],
        about=mario,
    )


def screens(locale: str = "en") -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Name, shell and view of every screen and every designed state."""
    problem = c.Problem(
        what="The page could not be drawn",
        why="The database did not answer within five seconds.",
        do="Wait a minute and try again. Events keep arriving meanwhile.",
        id="01JDA4-7F2C",
    )
    bare = c.Timeline(days=[], stretch=(date(2026, 3, 1), date(2026, 3, 31)), clear_href="?")
    note = c.Problem(what="A note needs a text", field="text")
    nobody = c.PersonPage(
        person_id=5, name="anonymous ··· 77ab", name_known=False, timeline=bare,
        identity=c.IdentityCard(identifiers=[], why_href="/x"), moved_from=3, can_write_note=True, note_problem=note,
    )  # fmt: skip
    no_rows = c.Paging(shown=0, total=0)

    def page(title: str, section: str = "") -> c.Shell:
        return shell(title, section, locale=locale)

    yield "people", page("People", "people"), people()
    yield "people_first", page("People", "people"), c.PeopleList(rows=[], paging=no_rows, any_people=False)
    yield (
        "people_none",
        page("People", "people"),
        c.PeopleList(rows=[], paging=no_rows, query="333", filter_sentence="name, phone or card contains “333”"),
    )
    yield "person", page("Mario Rossi", "people"), person()
    yield "person_bare", page("anonymous", "people"), nobody
    yield "person_links", page("Mario Rossi", "people"), person_links()
    yield "raw", page("Event", "people"), c.RawEvent(event_id="e1", json='{\n  "type": "track"\n}', back_href="/x")
    yield "live", page("Live events", "live"), live()
    yield "failed", page("Live events", "live"), live("failed")
    yield (
        "live_first",
        page("Live events", "live"),
        c.LiveEvents(tab="accepted", accepted_href="?", failed_href="?", any_events=False),
    )
    yield "sources", page("Sources and keys", "sources"), sources()
    yield "sources_first", page("Sources and keys", "sources"), c.Sources(groups=[], can_manage=True)
    yield "identity", page("Identity", "identity"), identity()
    yield "health", page("Health", "health"), health()
    yield "health_empty", page("Health", "health"), c.Health(state="well", sentence="Nothing to do yet")
    yield "team", page("Team and roles", "team"), team()
    card = c.IdentifierBrief(namespace="loyalty_card", label="Loyalty card", value="··· 4417")
    yield (
        "together",
        page("Who belongs together", "people"),
        c.Together(
            person_id=1042,
            name="Mario Rossi",
            query="ross",
            searched=True,
            candidates=[c.Candidate(person_id=7, name="M. Rossi", identifiers=[card], chosen=True)],
            households=[
                c.HouseholdCard(
                    household_id=3, name="Rossi", members=[c.HouseholdMember(person_id=8, name="Ada Rossi", href="/x")]
                )
            ],
            problem=problem,
        ),
    )
    yield "together_none", page("Together", "people"), c.Together(person_id=1, name="M", query="zz", searched=True)
    yield "audit", page("Audit", "audit"), audit()
    yield "audit_none", page("Audit", "audit"), c.Audit(rows=[], paging=no_rows, person="9", filter_sentence="person 9")
    yield "audit_first", page("Audit", "audit"), c.Audit(rows=[], paging=no_rows, any_entries=False)
    yield "search", page("Search"), c.Search(query="ross", groups=groups())
    yield "palette", page("Search"), c.Palette(query="ross", groups=groups())
    yield "error", page("Error"), c.ErrorPage(status=503, problem=problem, retry_href="?")
    yield (
        "no_permission",
        page("Keys", "sources"),
        c.NoPermission(what="Sources and keys", roles=["Owner", "Privacy officer"], ask="Anna Bianchi"),
    )
    yield from samples_commerce.screens(page, problem)
    yield from samples_shop.screens(page, problem)
    yield from samples_segments.screens(page, problem)
    yield from samples_voice.screens(page, problem)
    yield from samples_sends.screens(page, problem)
    yield from samples_consents.screens(page, problem)
    alone = shell("Sign in", locale=locale, signed_in=False)
    yield "sign_in", alone, c.SignIn(problem=c.Problem(what="E-mail or password is not right"), next_path="/console")
    yield "first_run", alone, c.FirstRun(problem=c.Problem(what="The password is too short", field="password"))
