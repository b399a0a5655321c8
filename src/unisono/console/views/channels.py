"""Channels as their screens show them: accounts, forms made of what a kind asks, whom each channel reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from unisono.console import links
from unisono.console.contexts import (
    AccountRowView,
    Badge,
    ChannelCard,
    ChannelReachRow,
    Choice,
    Problem,
    Tile,
    Tone,
    VoiceField,
)
from unisono.console.views.commerce import amount_text, amount_typed, whole_typed
from unisono.console.views.details import detail_told
from unisono.console.views.voice import channel_word, choices_of
from unisono.console.words import Words
from unisono.engagement.channels.model import CHANNELS, Account, AccountInvalid, Adapter, Sent, Status, WarmUp
from unisono.engagement.channels.registry import ADAPTERS, adapter_of
from unisono.kit.marking import N_
from unisono.kit.money import format_money
from unisono.kit.reasons import Reason, in_words

Form = Mapping[str, str]

STATUSES: Final[dict[Status, tuple[str, Tone]]] = {
    "active": (N_("active"), "good"),
    "paused": (N_("paused"), "warning"),
    "disabled": (N_("switched off"), "off"),
}

LABELS: Final = {
    "host": N_("Server"),
    "sender": N_("Sender"),
    "port": N_("Port"),
    "security": N_("Encryption"),
    "user": N_("User"),
    "sender_name": N_("Sender's name"),
    "reply_to": N_("Answers go to"),
    "return_path": N_("Bounces go to"),
    "connections": N_("Connections at once"),
    "per_connection": N_("Messages a connection"),
    "list_id": N_("List-Id"),
    "dkim_domain": N_("Domain signed for (DKIM)"),
    "dkim_selector": N_("Selector of its key"),
    "events": N_("How we learn what became of messages"),
    "topic_arn": N_("SNS topic"),
    "configuration_set": N_("Configuration set"),
    "certificate_host": N_("Where certificates come from"),
    "account_sid": N_("Account SID"),
    "messaging_service_sid": N_("Messaging service SID"),
    "base_url": N_("Where the API answers"),
    "phone_number_id": N_("Id of the number"),
    "version": N_("Version of the API"),
    "page_id": N_("Id of the page"),
    "tags": N_("Tags (JSON)"),
    "bot": N_("Name of the bot, without @"),
    "subject": N_("Contact of the sender"),
    "ttl_seconds": N_("Seconds a message waits"),
    "project_id": N_("Project"),
    "slot": N_("Slot"),
    "foot": N_("At the foot of the sheet"),
    "invitation": N_("Beside the QR"),
    "country": N_("Country"),
    "timezone": N_("Time zone"),
    "role": N_("Whose list it is on"),
    "due_hours": N_("Due after, hours"),
    "url": N_("Address"),
    "audience_id": N_("Id of the audience"),
    "account_id": N_("Id of the account"),
    "user_list_id": N_("Id of the list"),
    "login_account_id": N_("Id of the manager's account"),
    "seconds": N_("Seconds a message may take"),
    "password": N_("Password"),
    "dkim_key": N_("DKIM key (PEM)"),
    "hook_key": N_("Key of the webhook"),
    "auth_token": N_("Auth token"),
    "access_token": N_("Access token"),
    "app_secret": N_("App secret"),
    "verify_token": N_("Verify token"),
    "token": N_("Token"),
    "secret_token": N_("Secret token of the webhook"),
    "vapid_private_key": N_("VAPID key"),
    "service_account": N_("Service account (JSON)"),
    "signing_secret": N_("Signing secret"),
}
"""Setting or secret of an account -> its label; English msgids. One that is not here is called by its name."""

HINTS: Final = {
    "security": N_("Without it only towards this machine and its network."),
    "sender_name": N_("Where the message has none of its own."),
    "return_path": N_("Empty: the sender."),
    "events": N_("Bounce mails sent to the webhook, or the provider's own events."),
    "subject": N_("mailto:… or https://…, for push services."),
    "role": N_("Empty: everybody's."),
    "messaging_service_sid": N_("In place of a sender."),
    "foot": N_("Company, VAT number, how to object."),
    "sender": N_("Whom messages come from."),
}

EVERYDAY: Final = frozenset({"port", "security", "user", "sender", "sender_name", "messaging_service_sid"})
"""Settings asked at once though they may be left as they are: nothing is reached without a look at them."""

OPTIONS: Final = {
    "security.starttls": N_("STARTTLS (587)"),
    "security.tls": N_("TLS from the start (465)"),
    "security.none": N_("no encryption"),
    "events.none": N_("not at all"),
    "events.mail": N_("Bounce mails"),
    "events.sendgrid": N_("Events of SendGrid"),
    "events.mailgun": N_("Events of Mailgun"),
    "events.ses": N_("Notifications of Amazon SES"),
}
"""A setting that has only some values, and one of them -> what it is called; English msgids."""

SIGN_IN: Final = frozenset({"401", "403", "530", "534", "535", "20003"})
"""What providers answer when they do not know who asks (HTTP, SMTP, Twilio)."""

TRIED: Final = {
    "connect": N_("Nobody answers there: check server, port and encryption."),
    "timeout": N_("It did not answer in time: check server and port, or try again later."),
    "cut": N_("The connection broke: check port and encryption."),
    "address": N_("That address may not be called from here: it is in this machine's own network."),
    "channel_account_invalid": N_("Something in the settings is missing or cannot be used."),
}
"""What came of a try -> what to look at; English msgids."""

TITLES: Final = (
    N_("E-mail (SMTP)"), N_("SMS (Twilio)"), N_("WhatsApp (Twilio)"), N_("WhatsApp (Cloud API)"),
    N_("Facebook Messenger"), N_("Instagram"), N_("Telegram"), N_("Web push"), N_("Firebase Cloud Messaging"),
    N_("Site and app"), N_("Chat"),
    N_("Letters"), N_("Call by our people"), N_("Task in the store"), N_("Coupons at the till"), N_("Webhook"),
    N_("Meta Custom Audience"), N_("Google Customer Match"), N_("Others, by Apprise"),
)  # fmt: skip
"""What the kinds of accounts are called, for the catalogue; a test holds them equal to the adapters' own."""

TELLS: Final = {
    "delivered": N_("Delivered"),
    "bounced": N_("Came back"),
    "deferred": N_("Put off"),
    "opened": N_("Opened"),
    "clicked": N_("A link was followed"),
    "complained": N_("Marked as spam"),
    "unsubscribed": N_("Unsubscribed"),
    "failed": N_("Failed after it had left"),
    "read": N_("Was read"),
    "inbound": N_("Written to us"),
    "stop": N_("The word STOP"),
    "start": N_("The word START"),
}
"""What a provider tells of; English msgids."""

_LONG: Final = frozenset({"dkim_key", "service_account"})


def _resting(one: Account, now: datetime) -> bool:
    return one.closed_until is not None and one.closed_until > now


def status_badge(one: Account, now: datetime, words: Words) -> Badge:
    """How an account stands: switched by people, or resting after failures."""
    if one.sealed:
        return Badge(text=words.gettext("secrets cannot be opened"), tone="warning")
    if one.status == "active" and _resting(one, now):
        return Badge(text=words.gettext("resting after failures"), tone="warning")
    if one.status == "active" and one.failures:
        return Badge(text=words.gettext("failing"), tone="warning")
    text, tone = STATUSES[one.status]
    return Badge(text=words.gettext(text), tone=tone)


def told_word(kind: str, words: Words) -> str:
    """What a provider told of."""
    return words.gettext(TELLS.get(kind, kind))


def account_row(one: Account, now: datetime, words: Words, *, used: bool, may_open: bool) -> AccountRowView:
    """An account in the list."""
    cost = ""
    if one.cost_minor and one.currency:
        price = format_money(one.cost_minor, one.currency, words.language)
        cost = words.gettext("%(cost)s each") % {"cost": price}
    return AccountRowView(
        code=one.code,
        name=one.name,
        href=links.channel(one.code) if may_open else None,
        kind=kind_title(one.kind, words),
        badge=status_badge(one, now, words),
        used=used,
        rate=one.per_second,
        warm_up=warm_up_text(one, now.date(), words),
        cost=cost,
        last_error=one.last_error or "",
        closed_until=one.closed_until if _resting(one, now) else None,
    )


def warm_up_text(one: Account, day: date, words: Words) -> str:
    """How far a new sender is with earning trust."""
    if one.warm_up is None:
        return ""
    allowed = one.warm_up.allowance(day)
    if allowed is None:
        return words.gettext("warm")
    return words.gettext("warming up: %(number)s today") % {"number": allowed}


def kind_title(kind: str, words: Words) -> str:
    """What a kind of account is called."""
    return words.gettext(ADAPTERS[kind].title) if kind in ADAPTERS else kind


def kind_label(kind: str, channel: str, words: Words) -> str:
    """The kind with its channel, where its name does not say that already."""
    name, title = channel_word(channel, words), kind_title(kind, words)
    return title if title.startswith(name) else f"{name} · {title}"


def try_told(tried: Sent, words: Words) -> Problem:
    """What came of trying a connection: what to look at, then the provider's own words."""
    if tried.outcome == "accepted":
        return Problem(what=words.gettext("It answers"), why=detail_told(tried.detail or "", words))
    hint = TRIED.get(tried.code or "", "")
    if tried.code in SIGN_IN:
        hint = N_("The sign-in is not accepted: check user and password, or the token.")
    said = " · ".join(part for part in (tried.code, tried.detail) if part)
    if tried.code == AccountInvalid.code:
        return Problem(what=words.gettext(hint), why=detail_told(tried.detail or "", words))
    return Problem(
        what=words.gettext("It does not answer as it should"),
        why=words.gettext(hint),
        do=words.gettext("In the provider's words: %(said)s") % {"said": said} if said else "",
    )


def kind_choices(words: Words) -> list[Choice]:
    """Every kind there can be, with its channel."""
    return [
        Choice(value=kind, label=kind_label(kind, one.channels[0], words)) for kind, one in ADAPTERS.items()
    ]  # fmt: skip


def cards(found: Sequence[Account], now: datetime, words: Words, *, may_open: bool) -> list[ChannelCard]:
    """The accounts by channel; the first active one of each that does not rest after failures is used."""
    made = []
    for channel in CHANNELS:
        mine = [one for one in found if one.channel == channel]
        if mine:
            ready = [one for one in mine if one.status == "active" and not _resting(one, now)]
            first = ready[0].id if ready else None
            rows = [account_row(one, now, words, used=one.id == first, may_open=may_open) for one in mine]
            made.append(ChannelCard(channel=channel, label=channel_word(channel, words), accounts=rows))
    return made


def silent_channels(found: Sequence[Account], words: Words) -> list[str]:
    """Channels nothing leaves by."""
    speaking = {one.channel for one in found if one.status == "active"}
    return [channel_word(channel, words) for channel in CHANNELS if channel not in speaking]


# --- the form ---------------------------------------------------------------------------------------------------------


def label_of(name: str, words: Words) -> str:
    """What a setting or a secret is called."""
    return words.gettext(LABELS[name]) if name in LABELS else name.replace("_", " ").capitalize()


def fields_of(adapter: Adapter) -> tuple[msgspec.inspect.Field, ...]:
    """The settings a kind asks, as its struct declares them."""
    kind = msgspec.inspect.type_info(adapter.Settings)
    assert isinstance(kind, msgspec.inspect.StructType)
    return kind.fields


def options_of(kind: msgspec.inspect.Type) -> list[str]:
    """The values of a setting that has only some."""
    return [str(one) for one in kind.values] if isinstance(kind, msgspec.inspect.LiteralType) else []


def setting_field(one: msgspec.inspect.Field, settings: Mapping[str, Any], words: Words) -> VoiceField:
    """The form's field of a setting."""
    name, value = one.encode_name, settings.get(one.encode_name)
    options = options_of(one.type)
    if value is None and one.default not in (msgspec.NODEFAULT, None):
        value = one.default
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value).decode()
    return VoiceField(
        name=f"set.{name}",
        label=label_of(name, words),
        hint=words.gettext(HINTS[name]) if name in HINTS else "",
        value="" if value is None else str(value),
        kind="select" if options else "line",
        choices=choices_of(((one, OPTIONS.get(f"{name}.{one}", one)) for one in options), str(value), words),
        required=one.required,
    )


def secret_fields(adapter: Adapter, known: Sequence[str], words: Words) -> list[VoiceField]:
    """Secrets go in and never come out: an empty field leaves what is kept."""
    return [
        VoiceField(
            name=f"secret.{name}",
            label=label_of(name, words),
            kind="code" if name in _LONG else "secret",
            rows=3,
            hint=words.gettext("It is set; leave this empty to keep it.")
            if name in known
            else words.gettext("Not set; kept encrypted, shown to nobody."),
        )
        for name in adapter.secret_names
    ]


def general_fields(one: Account, adapter: Adapter, words: Words, *, is_new: bool) -> list[VoiceField]:
    """Name, code, channel, rank."""
    made = [VoiceField(name="name", label=words.gettext("Name"), value=one.name, required=True)]
    if is_new:
        hint = words.gettext("Part of its webhook's address; it stays.")
        made.append(VoiceField(name="code", label=words.gettext("Code"), value=one.code, required=True, hint=hint))
        if len(adapter.channels) > 1:
            choices = [
                Choice(value=name, label=channel_word(name, words), selected=name == one.channel)
                for name in adapter.channels
            ]
            made.append(VoiceField(name="channel", label=words.gettext("Channel"), kind="select", choices=choices))
    hint = words.gettext("The active account of the lowest rank is used.")
    made.append(VoiceField(name="rank", label=words.gettext("Rank"), value=str(one.rank), kind="number", hint=hint))
    return made


def pace_fields(one: Account, currency: str, words: Words) -> list[VoiceField]:
    """Rate, cost, warm-up."""
    plan = one.warm_up
    cost = amount_text(one.cost_minor, one.currency or currency, words) if one.cost_minor else ""
    return [
        VoiceField(
            name="per_second", label=words.gettext("Messages a second"), value=f"{one.per_second:g}", kind="number"
        ),
        VoiceField(
            name="cost",
            label=words.gettext("Cost of one, %(currency)s") % {"currency": one.currency or currency},
            value=cost,
            kind="number",
            hint=words.gettext("Of texts: of one part."),
        ),
        VoiceField(
            name="warm.begins",
            label=words.gettext("Warm-up begins"),
            value=plan.begins.isoformat() if plan else "",
            hint=words.gettext("2026-12-01; empty: no warm-up."),
        ),
        VoiceField(
            name="warm.first_day",
            label=words.gettext("Messages on its first day"),
            value=str(plan.first_day) if plan else "",
            kind="number",
        ),
        VoiceField(
            name="warm.growth",
            label=words.gettext("Times more each day"),
            value=f"{plan.growth:g}" if plan else "",
            kind="number",
        ),
        VoiceField(
            name="warm.full", label=words.gettext("Warm from"), value=str(plan.full) if plan else "", kind="number"
        ),
    ]


def as_typed(fields: Sequence[VoiceField], typed: Form) -> list[VoiceField]:
    """The fields of a form that could not be kept: what was typed stays."""
    return [msgspec.structs.replace(one, value=typed.get(one.name, one.value)) for one in fields]


def settings_typed(form: Form, adapter: Adapter) -> dict[str, Any]:
    """The settings a form says, each as its type wants it. Raises AccountInvalid."""
    raw: dict[str, Any] = {}
    for one in fields_of(adapter):
        text = form.get(f"set.{one.encode_name}", "").strip()
        if not text:
            continue
        raw[one.encode_name] = _typed(text, one)
    return raw


def _typed(text: str, one: msgspec.inspect.Field) -> Any:
    kind = one.type
    inner = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    try:
        if any(isinstance(each, msgspec.inspect.IntType) for each in inner):
            return msgspec.convert(text, int, strict=False)
        if any(isinstance(each, msgspec.inspect.FloatType) for each in inner):
            return msgspec.convert(text.replace(",", "."), float, strict=False)
        if any(isinstance(each, (msgspec.inspect.DictType, msgspec.inspect.ListType)) for each in inner):
            return msgspec.json.decode(text)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(N_("“{typed}” cannot be read: {setting}."), text, setting=one.encode_name) from error
    return text


def _unreadable(text: str, typed: str, **values: str) -> AccountInvalid:
    """What was typed makes no sense; ``text`` is an English msgid."""
    reason = Reason(AccountInvalid.code, text, {"typed": typed[:40], **values})
    return AccountInvalid(in_words(reason), reasons=[msgspec.to_builtins(reason)])


def secrets_typed(form: Form, adapter: Adapter) -> dict[str, str | None]:
    """The secrets that were typed; those left empty stay as they are."""
    typed = {name: form.get(f"secret.{name}", "").strip() for name in adapter.secret_names}
    return {name: value.replace("\r\n", "\n") for name, value in typed.items() if value}


def pace_typed(form: Form, currency: str) -> dict[str, Any]:
    """Rate, cost, warm-up, rank and name of a form. Raises AccountInvalid, BadRequest."""
    cost = form.get("cost", "").strip()
    minor = amount_typed(cost, currency, field="cost") if cost else 0
    return {
        "name": form.get("name", ""),
        "rank": _whole(form, "rank", 100),
        "per_second": _decimal(form, "per_second", 10.0),
        "cost_minor": minor,
        "currency": currency if minor else None,
        "warm_up": _warm_up(form),
    }


def _whole(form: Form, name: str, default: int) -> int:
    found = whole_typed(form.get(name, ""), field=name)
    return default if found is None else found


def _decimal(form: Form, name: str, default: float) -> float:
    text = form.get(name, "").strip().replace(",", ".")
    try:
        return msgspec.convert(text, float, strict=False) if text else default
    except msgspec.ValidationError:
        raise _unreadable(N_("“{typed}” is no number."), text) from None


def _warm_up(form: Form) -> WarmUp | None:
    text = form.get("warm.begins", "").strip()
    if not text:
        return None
    try:
        begins = date.fromisoformat(text)
    except ValueError:
        raise _unreadable(N_("“{typed}” is no day: write 2026-12-01."), text) from None
    return WarmUp(
        begins=begins,
        first_day=_whole(form, "warm.first_day", 200),
        growth=_decimal(form, "warm.growth", 1.5),
        full=_whole(form, "warm.full", 100_000),
    )


def typed_account(form: Form, kind: str, known: Account | None) -> Account:
    """The account with the settings that were typed, to show a form again; secrets are not typed back."""
    adapter = adapter_of(kind)
    settings = {one.encode_name: form.get(f"set.{one.encode_name}", "") for one in fields_of(adapter)}
    base = known or Account(id=0, code="", kind=kind, channel=adapter.channels[0])
    return msgspec.structs.replace(
        base,
        channel=form.get("channel", base.channel),
        settings={name: value for name, value in settings.items() if value},
    )


# --- reach ------------------------------------------------------------------------------------------------------------


def reach_rows(
    found: Mapping[int, frozenset[str]], people: int, without: str, active: frozenset[str], words: Words
) -> list[ChannelReachRow]:
    """How many each channel reaches, and how many nothing else would reach; scaled to all ``people``."""
    scale = people / len(found) if found else 0.0
    reached = sum(1 for channels in found.values() if channels) or 1
    rows = []
    for channel in CHANNELS:
        mine = [channels for channels in found.values() if channel in channels]
        if not mine:
            continue
        only = sum(1 for channels in mine if len(channels) == 1)
        rows.append(
            ChannelReachRow(
                channel=channel,
                label=channel_word(channel, words),
                href=links.with_query(links.CHANNEL_REACH, {"without": channel}),
                people=round(len(mine) * scale),
                share=len(mine) / reached,
                only=round(only * scale),
                badge=None if channel in active else Badge(text=words.gettext("no account"), tone="warning"),
                chosen=channel == without,
            )
        )
    return sorted(rows, key=lambda row: (-row.people, row.label))


def reach_tiles(found: Mapping[int, frozenset[str]], people: int, without: str, words: Words) -> list[Tile]:
    """Whom marketing reaches now, and without a channel."""
    scale = people / len(found) if found else 0.0
    now = round(sum(1 for channels in found.values() if channels) * scale)
    tiles = [
        Tile(label=words.gettext("People"), value=people),
        Tile(label=words.gettext("Marketing reaches"), value=now),
    ]
    if without:
        left = round(sum(1 for channels in found.values() if channels - {without}) * scale)
        name = channel_word(without, words)
        tiles += [
            Tile(label=words.gettext("Without %(channel)s") % {"channel": name}, value=left),
            Tile(label=words.gettext("Lost"), value=now - left, tone="warning" if now > left else "neutral"),
        ]
    return tiles
