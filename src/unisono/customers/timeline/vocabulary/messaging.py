"""What the company says: e-mail, push, texts, letters, campaigns, slots; and the consent it says it with."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.model import Amount, EventSpec, Facts, Family, Flag, Id, Instant, Text


class Campaign(Facts, frozen=True, kw_only=True):
    """The campaign something belongs to."""

    name: Text | None = None
    source: Text | None = None
    medium: Text | None = None
    term: Text | None = None
    content: Text | None = None
    ad_creative: Text | None = None
    ad_group: Text | None = None


class Outgoing(Facts, frozen=True, kw_only=True):
    """What every message of the company carries."""

    message_id: Id | None = None
    campaign_id: Id | None = None
    campaign_name: Text | None = None
    journey_id: Id | None = None
    step: Text | None = None
    recipient: Text | None = None
    reason: Text | None = None


class Email(Outgoing, frozen=True, kw_only=True):
    """An e-mail."""

    email_id: Id | None = None
    email_subject: Text | None = None
    link_id: Id | None = None
    link_url: Text | None = None
    list_id: Id | None = None
    list_name: Text | None = None
    bounce_type: Text | None = None


class Push(Outgoing, frozen=True, kw_only=True):
    """A push notification."""

    action: Text | None = None
    title: Text | None = None
    campaign: Campaign | None = None


class ShortMessage(Outgoing, frozen=True, kw_only=True):
    """A text message, or one on a messaging platform."""

    channel: Text | None = None
    text: Text | None = None
    link_url: Text | None = None
    cost: Amount | None = None
    currency: Text | None = None


class Letter(Outgoing, frozen=True, kw_only=True):
    """A letter or a card by post."""

    letter_id: Id | None = None
    subject: Text | None = None
    code: Text | None = None
    cost: Amount | None = None
    currency: Text | None = None


class Received(Outgoing, frozen=True, kw_only=True):
    """A campaign that reached the person in any channel."""

    channel: Text | None = None
    offer_id: Id | None = None
    offer_name: Text | None = None
    holdout: Flag | None = None


class Slot(Outgoing, frozen=True, kw_only=True):
    """A place on a page or a screen that the company fills."""

    slot_id: Id | None = None
    content_id: Id | None = None
    content_name: Text | None = None
    offer_id: Id | None = None
    position: Text | None = None
    url: Text | None = None


class Consent(Facts, frozen=True, kw_only=True):
    """A consent given or withdrawn: purpose, channel, address, and its proof."""

    purpose: Text | None = None
    channel: Text | None = None
    address: Text | None = None
    granted: Flag | None = None
    status: Text | None = None
    source: Text | None = None
    text_version: Text | None = None
    legal_basis: Text | None = None
    double_opt_in: Flag | None = None
    proof: Text | None = None
    store_id: Id | None = None
    expires_at: Instant | None = None


class Experiment(Facts, frozen=True, kw_only=True):
    """The variant of an experiment the person saw."""

    experiment_id: Id | None = None
    experiment_name: Text | None = None
    variation_id: Id | None = None
    variation_name: Text | None = None


_email = partial(EventSpec, family=Family.EMAIL, channel="email", fixed=True, schema=Email)
_push = partial(EventSpec, family=Family.PUSH, channel="push", fixed=True, schema=Push)
_text = partial(EventSpec, family=Family.MESSAGE, channel="messages", schema=ShortMessage)
_mail = partial(EventSpec, family=Family.MESSAGE, channel="mail", fixed=True, schema=Letter)
_campaign = partial(EventSpec, family=Family.CAMPAIGN)

EMAILS = (
    _email(
        name="Email Sent",
        description="An e-mail was handed to the provider.",
        label_it="E-mail inviata",
        says_en="E-mail sent[: {subject}]",
        says_it="E-mail inviata[: {subject}]",
    ),
    _email(
        name="Email Delivered",
        description="The person's server took the e-mail.",
        label_it="E-mail consegnata",
        says_en="E-mail delivered[: {subject}]",
        says_it="E-mail consegnata[: {subject}]",
    ),
    _email(
        name="Email Opened",
        description="The e-mail was opened, as far as a pixel can tell.",
        label_it="E-mail aperta",
        says_en="Opened the e-mail {subject}|Opened an e-mail",
        says_it="Ha aperto l'e-mail {subject}|Ha aperto un'e-mail",
    ),
    _email(
        name="Email Link Clicked",
        aliases=("Email Clicked",),
        description="The person followed a link of an e-mail.",
        label_it="Link di e-mail seguito",
        says_en="Followed a link of the e-mail {subject}|Followed {link_url}|Followed a link of an e-mail",
        says_it="Ha seguito un link dell'e-mail {subject}|Ha seguito {link_url}|Ha seguito un link di un'e-mail",
    ),
    _email(
        name="Email Bounced",
        description="The e-mail came back; a hard bounce ends the address.",
        label_it="E-mail respinta",
        says_en="The e-mail came back[: {reason}]|The e-mail came back[: {subject}]",
        says_it="E-mail respinta[: {reason}]|E-mail respinta[: {subject}]",
    ),
    _email(
        name="Email Marked as Spam",
        aliases=("Email Complained", "Spam Reported"),
        description="The person marked the e-mail as spam.",
        label_it="E-mail segnata come spam",
        says_en="Marked as spam {subject}|Marked an e-mail as spam",
        says_it="Ha segnato come spam {subject}|Ha segnato un'e-mail come spam",
    ),
    _email(
        name="Unsubscribed",
        aliases=("Email Unsubscribed",),
        fixed=False,
        description="The person asked for no more messages.",
        label_it="Disiscrizione",
        says_en="Unsubscribed[ from {list_name}]",
        says_it="Ha chiesto la disiscrizione[ da {list_name}]",
    ),
)

PUSHES = (
    _push(
        name="Push Notification Sent",
        description="A push notification was handed to the provider.",
        label_it="Notifica inviata",
        says_en="Notification sent[: {campaign}]",
        says_it="Notifica inviata[: {campaign}]",
    ),
    _push(
        name="Push Notification Received",
        description="A push notification reached the phone or the browser.",
        label_it="Notifica ricevuta",
        says_en="Received a notification[: {campaign}]",
        says_it="Ha ricevuto una notifica[: {campaign}]",
    ),
    _push(
        name="Push Notification Tapped",
        aliases=("Push Notification Opened", "Push Notification Clicked"),
        description="The person tapped a push notification.",
        label_it="Notifica aperta",
        says_en="Tapped the notification {campaign}|Tapped a notification",
        says_it="Ha aperto la notifica {campaign}|Ha aperto una notifica",
    ),
    _push(
        name="Push Notification Bounced",
        description="A push notification could not be delivered.",
        label_it="Notifica non consegnata",
        says_en="A notification could not be delivered[: {campaign}]",
        says_it="Notifica non consegnata[: {campaign}]",
    ),
)

TEXTS = (
    _text(
        name="SMS Sent",
        aliases=("Text Message Sent",),
        channel="sms",
        fixed=True,
        description="A text message was handed to the provider.",
        label_it="SMS inviato",
        says_en="SMS sent[: {quote}]",
        says_it="SMS inviato[: {quote}]",
    ),
    _text(
        name="Message Delivered",
        aliases=("SMS Delivered",),
        description="A message reached the person's phone.",
        label_it="Messaggio consegnato",
        says_en="The message was delivered[ on {via}]",
        says_it="Messaggio consegnato[ su {via}]",
    ),
    _text(
        name="Message Read",
        description="The person read a message on a messaging platform.",
        label_it="Messaggio letto",
        says_en="Read the message[ on {via}]",
        says_it="Ha letto il messaggio[ su {via}]",
    ),
    _text(
        name="Message Failed",
        aliases=("SMS Failed", "SMS Bounced"),
        description="A message could not be delivered.",
        label_it="Messaggio non consegnato",
        says_en="The message could not be delivered[ on {via}][: {reason}]",
        says_it="Messaggio non consegnato[ su {via}][: {reason}]",
    ),
    _text(
        name="Message Link Clicked",
        aliases=("SMS Link Clicked",),
        description="The person followed a link of a message.",
        label_it="Link di messaggio seguito",
        says_en="Followed a link of the message[: {link_url}]",
        says_it="Ha seguito un link del messaggio[: {link_url}]",
    ),
    _mail(
        name="Mail Sent",
        aliases=("Letter Sent", "Direct Mail Sent"),
        description="A letter went to print and post.",
        label_it="Lettera inviata",
        says_en="Letter sent[: {campaign}]",
        says_it="Lettera inviata[: {campaign}]",
    ),
    _mail(
        name="Mail Scanned",
        aliases=("Letter Scanned", "Direct Mail Scanned"),
        description="Somebody scanned the personal code of a letter.",
        label_it="Codice della lettera scansionato",
        says_en="Scanned the code of the letter[ {campaign}]",
        says_it="Ha scansionato il codice della lettera[ {campaign}]",
    ),
    _mail(
        name="Mail Returned",
        aliases=("Letter Returned", "Direct Mail Returned"),
        description="A letter came back; the address is wrong.",
        label_it="Lettera tornata indietro",
        says_en="A letter came back[: {reason}]",
        says_it="Una lettera è tornata indietro[: {reason}]",
    ),
)

CAMPAIGNS = (
    _campaign(
        name="Campaign Received",
        schema=Received,
        needs=(("campaign_id", "campaign_name"),),
        description="A campaign reached the person, in whatever channel; a held-out person is marked as such.",
        label_it="Campagna ricevuta",
        says_en="Received the campaign {campaign}|Received a campaign",
        says_it="Ha ricevuto la campagna {campaign}|Ha ricevuto una campagna",
    ),
    _campaign(
        name="Slot Viewed",
        aliases=("Banner Viewed", "Slot Shown"),
        schema=Slot,
        channel="web",
        needs=(("slot_id",),),
        description="The content of a slot was shown to the person.",
        label_it="Spazio visto",
        says_en="Saw {content_name}|Saw {campaign}|Saw the slot {slot_id}|Saw a banner",
        says_it="Ha visto {content_name}|Ha visto {campaign}|Ha visto lo spazio {slot_id}|Ha visto un banner",
    ),
    _campaign(
        name="Slot Clicked",
        aliases=("Banner Clicked",),
        schema=Slot,
        channel="web",
        needs=(("slot_id",),),
        description="The person followed the content of a slot.",
        label_it="Spazio aperto",
        says_en="Followed {content_name}|Followed {campaign}|Followed the slot {slot_id}|Followed a banner",
        says_it="Ha aperto {content_name}|Ha aperto {campaign}|Ha aperto lo spazio {slot_id}|Ha aperto un banner",
    ),
    _campaign(
        name="Experiment Viewed",
        schema=Experiment,
        needs=(("experiment_id", "experiment_name"), ("variation_id", "variation_name")),
        description="The person was exposed to a variant of an experiment.",
        label_it="Esperimento visto",
        says_en="Saw {variation_name} of {experiment_name}|Saw a variant of an experiment",
        says_it="Ha visto {variation_name} di {experiment_name}|Ha visto una variante di un esperimento",
    ),
    EventSpec(
        name="Consent Updated",
        aliases=("Consent Given", "Consent Withdrawn", "Consent Changed", "Subscribed", "Consent Preference Updated"),
        family=Family.CONSENT,
        schema=Consent,
        needs=(("purpose",), ("granted", "status")),
        description="The person gave or withdrew a consent.",
        label_it="Consenso aggiornato",
        says_en="{consent}: {purpose}[ by {via}]|Changed a consent",
        says_it="{consent}: {purpose}[ via {via}]|Ha cambiato un consenso",
    ),
)

EVENTS = (*EMAILS, *PUSHES, *TEXTS, *CAMPAIGNS)
