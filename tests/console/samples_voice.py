"""Templates, the brand and channels with the voice of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views import brand as brand_views
from unisono.console.views import channels as channel_views
from unisono.console.views import template_form as forms
from unisono.console.views import templates as views
from unisono.console.views.voice import finding_rows
from unisono.console.words import Words
from unisono.engagement.brand import rules
from unisono.engagement.brand.model import BrandVersion, Claim, ForbiddenWord, Kit, Said, Tone
from unisono.engagement.channels.model import Account, WarmUp
from unisono.engagement.channels.registry import adapter_of
from unisono.engagement.templates import service
from unisono.engagement.templates.model import Block, Button, ChannelContent, Template, TemplateVersion, UsedBy

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)
WORDS = Words("en", ZoneInfo("Europe/Rome"))
ANNA = "anna@alpestre.example"

Page = Callable[..., c.Shell]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


KIT = Kit(
    name="Alpestre",
    company="Alpestre S.r.l.",
    vat="IT01234567890",
    colours={"accent": "#c7e05a", "ink": "#1c2024", "night": "#10211d"},
    fonts=("Georgia",),
    words=(ForbiddenWord(word="cheap", language="en", instead="good value"), ForbiddenWord(word="last chance")),
    claims=(Claim(text="the warmest", language="en"),),
    tone={"en": Tone(wanted=("mountain",), unwanted=("hurry",))},
    footer={"en": "Alpestre S.r.l., Via Brera 1, Milano"},
    footer_fields=("vat",),
)
SAID = Said(channel="email", language="en", purpose="service", subject="A CHEAP JACKET!!!", text="The warmest of all.")

MAIL = ChannelContent(
    subject="Spring, {{ person.first_name | default: 'friend' }}",
    preheader="New in the mountain huts",
    blocks=(
        Block(is_="heading", text="The snow is going"),
        Block(
            is_="text", text="Ciao {{ person.first_name }},\nyour boots are ready.", show_if='segments contains "vip"'
        ),
        Block(is_="image", image_url="https://alpestre.example/hut.jpg", text="A hut in May"),
        Block(is_="products"),
        Block(is_="button", text="See them", url="https://alpestre.example/spring"),
        Block(is_="divider"),
        Block(is_="block", code="signature"),
    ),
)
SMS = ChannelContent(text="Ciao {{ person.first_name }}, spring is here.")
PUSH = ChannelContent(title="Spring", body="New boots", buttons=(Button(label="See", url="https://alpestre.example"),),
                      data={"badge": 1})  # fmt: skip

SPRING = Template(
    code="spring", name="Spring letter", kind="message", purpose="marketing", brand="default", version=3,
    draft={"email": {"en": MAIL, "it": MAIL}, "text": {"en": SMS}, "push": {"en": PUSH}}, draft_by=ANNA,
    draft_at=ago(hours=2), changed=True,
)  # fmt: skip


def templates() -> c.Templates:
    ready = msgspec.structs.replace(
        SPRING, code="order-ready", name="Your order is ready", purpose="transactional", version=0, builtin=True,
        notice="Order Ready for Pickup",
    )  # fmt: skip
    block = msgspec.structs.replace(SPRING, code="signature", name="Signature", kind="block", changed=False)
    gone = msgspec.structs.replace(SPRING, code="old", name="Old", version=0, archived_at=ago(days=9), draft={})
    return c.Templates(
        rows=[views.template_row(one, WORDS) for one in (SPRING, ready, block, gone)],
        paging=c.Paging(shown=4, next_href="?after=spring"),
        chips=[c.Chip(label="All in use", href="?", selected=True), c.Chip(label="Blocks", href="?show=block")],
        can_write=True,
        form=views.new_fields({}, "it", WORDS),
    )


def preview() -> c.PreviewCard:
    return c.PreviewCard(
        subject="Spring, Mario", preheader="New in the mountain huts", sender="Alpestre", text="Ciao Mario",
        frame_href=links.template_frame("spring", channel="email", language="en"),
        views=[c.Chip(label="Phone", href="?", selected=True), c.Chip(label="Desktop", href="?view=desktop")],
        who="email:mario@example.it", may_name=True, kept={"channel": "email", "data": "{}"},
        missing=["person.first_name"], findings=finding_rows(rules.check(KIT, SAID), WORDS),
    )  # fmt: skip


def template() -> c.Template:
    versions = [
        TemplateVersion(code="spring", version=number, purpose="marketing", brand="default", content={},
                        at=ago(days=20 - number), actor=ANNA, note="" if number == 1 else "shorter")
        for number in (3, 2, 1)
    ]  # fmt: skip
    before = {"email": {"en": msgspec.structs.replace(MAIL, subject="Winter")}, "text": {"en": SMS}}
    return c.Template(
        code="spring",
        name="Spring letter",
        badges=[views.badge_of(SPRING, WORDS)],
        can_write=True,
        can_send=True,
        seen=ago(hours=2).isoformat(),
        general=views.general_fields(SPRING, ["default", "outlet"], WORDS),
        tabs=[c.Chip(label="E-mail", href="?", selected=True), c.Chip(label="Texts and chats", href="?channel=text")],
        languages=[c.Chip(label="en", href="?", selected=True), c.Chip(label="it", href="?language=it")],
        channel="email",
        channel_label="E-mail",
        language="en",
        more_channels=views.missing_channels(SPRING.draft, WORDS),
        fields=forms.fields_of(MAIL, "email", WORDS),
        blocks=forms.block_cards(MAIL, WORDS, [("winter", "Winter corner")]),
        block_kinds=forms.block_kinds(WORDS),
        variables=list(views.VARIABLES),
        changed=True,
        published=True,
        preview=preview(),
        versions=views.version_rows(versions, "3", links.template_part("spring", "email", "en")),
        diff=views.diff_rows(service.diff(before, SPRING.draft), WORDS),
        diff_title="What publishing would change",
        used_by=views.named_rows([UsedBy(kind="broadcast", code="may", name="May")], WORDS),
        edited_at=ago(hours=2),
        edited_by=ANNA,
    )


def template_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """The list and the editor in all their states."""
    none = c.Paging(shown=0)
    yield "templates", page("Templates", "templates"), templates()
    yield "templates_first", page("Templates", "templates"), c.Templates(rows=[], paging=none)
    yield (
        "templates_none",
        page("Templates", "templates"),
        c.Templates(rows=[], paging=none, filter_sentence="Blocks", can_write=True, problem=problem,
                    form=views.new_fields({"name": "Spring"}, "it", WORDS)),
    )  # fmt: skip
    shown = template()
    yield "template", page("Spring letter", "templates"), shown
    mjml = msgspec.structs.replace(MAIL, mjml=forms.EMPTY_MJML, blocks=(), text="Ciao")
    wide = msgspec.structs.replace(preview(), wide=True, may_name=False, findings=[], missing=[])
    yield (
        "template_mjml",
        page("Spring letter", "templates"),
        msgspec.structs.replace(shown, fields=forms.fields_of(mjml, "email", WORDS), blocks=None, preview=wide,
                                diff=[], used_by=[], problem=problem),
    )  # fmt: skip
    as_text = msgspec.structs.replace(preview(), as_text=True)
    yield (
        "template_reader",
        page("Spring letter", "templates"),
        msgspec.structs.replace(shown, can_write=False, can_send=False, preview=as_text, versions=[], diff=None),
    )
    push = c.PreviewCard(title="Spring", text="New boots", url="https://alpestre.example", image_url="https://x.example",
                         buttons=[("See", "https://alpestre.example")], sender="Alpestre")  # fmt: skip
    yield (
        "template_push",
        page("Spring letter", "templates"),
        msgspec.structs.replace(shown, channel="push", channel_label="Push, web and app", preview=push, blocks=None,
                                fields=forms.fields_of(PUSH, "push", WORDS), changed=False),
    )  # fmt: skip
    yield (
        "template_amiss",
        page("Spring letter", "templates"),
        msgspec.structs.replace(shown, preview=c.PreviewCard(problem=problem), diff=None),
    )
    bare = c.Template(code="new", name="New", badges=[c.Badge(text="draft")], can_write=True, publishable=False,
                      more_channels=views.missing_channels({}, WORDS))  # fmt: skip
    yield "template_empty", page("New", "templates"), bare
    yield "template_bare", page("New", "templates"), msgspec.structs.replace(bare, can_write=False)


def brand() -> c.Brand:
    versions = [
        BrandVersion(code="default", version=2, kit=KIT, at=ago(days=1), actor=ANNA),
        BrandVersion(code="default", version=1, kit=Kit(name="Alpestre"), at=ago(days=5), actor=ANNA),
    ]
    findings = finding_rows(rules.check(KIT, SAID), WORDS)
    return c.Brand(
        code="default",
        version=2,
        name="Alpestre",
        brands=[c.Chip(label="Alpestre", href="?", selected=True), c.Chip(label="Outlet", href="?code=outlet")],
        can_write=True,
        company=brand_views.company_fields(KIT, WORDS),
        footer_fields=brand_views.wanted_fields(KIT, WORDS),
        swatches=brand_views.swatches(KIT, WORDS),
        looks=brand_views.look_fields(KIT, WORDS),
        words=brand_views.word_rows(KIT, WORDS),
        claims=brand_views.claim_rows(KIT, WORDS),
        tone=brand_views.tone_fields(KIT, ["en", "it"], WORDS),
        footers=brand_views.footer_fields(KIT, ["en", "it"], WORDS),
        rules=brand_views.rule_fields(KIT, WORDS),
        check_fields=[c.VoiceField(name="text", label="Text", value="A cheap jacket", kind="long")],
        checked=True,
        blocked=True,
        findings=findings,
        versions=brand_views.version_rows(versions, WORDS),
        changed_at=ago(days=1),
        changed_by=ANNA,
    )


def brand_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """The brand, written, new and only read."""
    yield "brand", page("Brand", "brand"), brand()
    yield (
        "brand_first",
        page("Brand", "brand"),
        msgspec.structs.replace(brand(), version=0, name="", brands=[], versions=[], findings=[], checked=False,
                                swatches=brand_views.swatches(Kit(), WORDS), changed_at=None, problem=problem),
    )  # fmt: skip
    fine = msgspec.structs.replace(brand(), can_write=False, findings=[], blocked=False)
    yield "brand_reader", page("Brand", "brand"), fine


MAILER = Account(
    id=1, code="news", kind="smtp", channel="email", name="Newsletter", per_second=20, cost_minor=1, currency="EUR",
    settings={"host": "mail.alpestre.example", "sender": "news@alpestre.example", "events": "mail"},
    warm_up=WarmUp(begins=date(2026, 11, 20)), hook_url="https://alpestre.example/hooks/news",
)  # fmt: skip
TEXTS = Account(
    id=2, code="sms", kind="twilio_sms", channel="sms", name="Texts", failures=6,
    closed_until=NOW + timedelta(minutes=4),
    last_error="401: the token is not known", settings={"account_sid": "AC0"}, sealed=True,
)  # fmt: skip
SECOND = msgspec.structs.replace(MAILER, id=3, code="spare", name="Spare", status="paused", warm_up=None, rank=200)


def channels() -> c.Channels:
    found = [MAILER, SECOND, TEXTS]
    return c.Channels(
        cards=channel_views.cards(found, NOW, WORDS, may_open=True),
        silent=channel_views.silent_channels(found, WORDS),
        tabs=[c.Chip(label="Accounts", href="?", selected=True), c.Chip(label="Reach", href="/x")],
        can_manage=True,
        kinds=channel_views.kind_choices(WORDS),
    )


def account(one: Account, *, is_new: bool = False) -> c.ChannelAccount:
    adapter = adapter_of(one.kind)
    fields = [(each.required, channel_views.setting_field(each, one.settings, WORDS))
              for each in channel_views.fields_of(adapter)]  # fmt: skip
    return c.ChannelAccount(
        code=one.code,
        name=one.name,
        kind=one.kind,
        kind_label="E-mail · SMTP",
        is_new=is_new,
        badges=[channel_views.status_badge(one, NOW, WORDS)],
        status=one.status,
        general=channel_views.general_fields(one, adapter, WORDS, is_new=is_new),
        settings=[field for required, field in fields if required],
        more_settings=[field for required, field in fields if not required],
        secrets=channel_views.secret_fields(adapter, ["password"], WORDS),
        pace=channel_views.pace_fields(one, "EUR", WORDS),
        hook_url=one.hook_url,
        wants_hook=True,
        told=[("bounced", 3, ago(hours=3))] if one is MAILER else [],
        last_error=one.last_error or "",
        failures=one.failures,
        closed_until=one.closed_until,
        sealed=one.sealed,
    )


def reach() -> c.ChannelReach:
    found = {number: frozenset({"email"} | ({"sms"} if number % 3 else set())) for number in range(1, 40)}
    found[40] = frozenset()
    return c.ChannelReach(
        rows=channel_views.reach_rows(found, 8000, "email", frozenset({"email"}), WORDS),
        tiles=channel_views.reach_tiles(found, 8000, "email", WORDS),
        tabs=[c.Chip(label="Accounts", href="/x"), c.Chip(label="Reach", href="?", selected=True)],
        people=8000,
        looked_at=40,
        without="E-mail",
        clear_href="?",
    )


def channel_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Channels in all their states, with sending paused among them."""
    stopped = c.Paused(reason="A wrong list", since=ago(hours=1), by=ANNA, can_resume=True)
    yield "channels", page("Channels", "channels"), channels()
    yield (
        "channels_paused",
        msgspec.structs.replace(page("Channels", "channels"), paused=stopped),
        msgspec.structs.replace(channels(), paused=True),
    )
    yield (
        "channels_first",
        msgspec.structs.replace(
            page("Channels", "channels"), paused=msgspec.structs.replace(stopped, can_resume=False)
        ),
        c.Channels(cards=[]),
    )
    yield "channel", page("Newsletter", "channels"), account(MAILER)
    tried = c.Problem(what="It does not answer as it should", why="401 · the token is not known")
    yield "channel_failing", page("Texts", "channels"), msgspec.structs.replace(account(TEXTS), tried=tried)
    yield (
        "channel_new",
        page("New account", "channels"),
        msgspec.structs.replace(account(MAILER, is_new=True), problem=problem),
    )
    yield "channel_reach", page("Channels", "channels"), reach()
    yield "channel_reach_none", page("Channels", "channels"), c.ChannelReach(rows=[])


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every screen of what the company says and by which way, in every designed state."""
    yield from template_screens(page, problem)
    yield from brand_screens(page, problem)
    yield from channel_screens(page, problem)
