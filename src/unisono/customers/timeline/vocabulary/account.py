"""The person's account, app, company and identity; and the calls of the protocol that carry no event name."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.messaging import Campaign
from unisono.customers.timeline.vocabulary.model import (
    Amount,
    EventSpec,
    Facts,
    Family,
    Flag,
    Id,
    Instant,
    Text,
    Whole,
)


class Nothing(Facts, frozen=True, kw_only=True):
    """No property of its own."""


class Page(Facts, frozen=True, kw_only=True):
    """A page or a screen."""

    name: Text | None = None
    category: Text | None = None
    title: Text | None = None
    path: Text | None = None
    url: Text | None = None
    referrer: Text | None = None
    search: Text | None = None
    keywords: list[str] | Text | None = None


class Application(Facts, frozen=True, kw_only=True):
    """An app and its versions."""

    version: Text | None = None
    build: Text | None = None
    previous_version: Text | None = None
    previous_build: Text | None = None
    from_background: Flag | None = None
    referring_application: Text | None = None
    url: Text | None = None
    provider: Text | None = None
    campaign: Campaign | None = None


class Membership(Facts, frozen=True, kw_only=True):
    """A segment a person came into or left, and why: event, time, merge, check."""

    segment: Text | None = None
    segment_name: Text | None = None
    segment_version: Whole | None = None
    reason: Text | None = None


class SignIn(Facts, frozen=True, kw_only=True):
    """A person at the door of their account."""

    type: Text | None = None
    username: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    title: Text | None = None
    plan: Text | None = None
    user_id: Id | None = None
    store_id: Id | None = None


class Company(Facts, frozen=True, kw_only=True):
    """A company and who belongs to it."""

    group_id: Id | None = None
    account_name: Text | None = None
    name: Text | None = None
    role: Text | None = None
    invitee_email: Text | None = None
    invitee_first_name: Text | None = None
    invitee_last_name: Text | None = None
    invitee_role: Text | None = None
    trial_start_date: Instant | None = None
    trial_end_date: Instant | None = None
    trial_plan_name: Text | None = None


class Deal(Facts, frozen=True, kw_only=True):
    """A deal of the sales pipeline."""

    deal_id: Id | None = None
    deal_name: Text | None = None
    stage: Text | None = None
    previous_stage: Text | None = None
    value: Amount | None = None
    currency: Text | None = None
    reason: Text | None = None
    group_id: Id | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None


class Meeting(Facts, frozen=True, kw_only=True):
    """A meeting with the person or their company."""

    meeting_id: Id | None = None
    subject: Text | None = None
    starts_at: Instant | None = None
    place: Text | None = None
    outcome: Text | None = None
    agent_id: Id | None = None
    agent_name: Text | None = None


class Join(Facts, frozen=True, kw_only=True):
    """What the identity graph did, and why."""

    person_id: Id | None = None
    other_person_id: Id | None = None
    link_id: Id | None = None
    namespace: Text | None = None
    value: Text | None = None
    other_namespace: Text | None = None
    other_value: Text | None = None
    household_id: Id | None = None
    people: Whole | None = None
    rule: Text | None = None
    reason: Text | None = None
    user: Text | None = None


_page = partial(EventSpec, family=Family.PAGES, schema=Page)
_app = partial(EventSpec, family=Family.MOBILE, channel="app", fixed=True, schema=Application)
_life = partial(EventSpec, family=Family.LIFECYCLE, channel="web", schema=SignIn)
_b2b = partial(EventSpec, family=Family.B2B, channel="web", schema=Company)
_sales = partial(EventSpec, family=Family.B2B, channel="service", fixed=True, schema=Deal, value=("value",))
_graph = partial(EventSpec, family=Family.IDENTITY, channel="system", fixed=True, schema=Join)

PAGE = _page(
    name="Page Viewed",
    aliases=("Viewed Page", "Page View", "Pageview", "Loaded a Page"),
    channel="web",
    description="A `page` call: the person saw a page of the site.",
    label_it="Pagina vista",
    says_en="Saw the page {page}|Saw a page",
    says_it="Ha visto la pagina {page}|Ha visto una pagina",
)
SCREEN = _page(
    name="Screen Viewed",
    aliases=("Viewed Screen", "Screen View"),
    channel="app",
    description="A `screen` call: the person saw a screen of the app.",
    label_it="Schermata vista",
    says_en="Opened the screen {page}|Opened a screen",
    says_it="Ha aperto la schermata {page}|Ha aperto una schermata",
)
IDENTIFY = EventSpec(
    name="Traits Updated",
    aliases=("Identify",),
    family=Family.IDENTITY,
    schema=Nothing,
    description="An `identify` call: identifiers or traits of the person arrived.",
    label_it="Dati aggiornati",
    says_en="The profile was updated",
    says_it="Profilo aggiornato",
)
GROUP = EventSpec(
    name="Company Joined",
    aliases=("Group",),
    family=Family.B2B,
    schema=Company,
    description="A `group` call: the person belongs to a company.",
    label_it="Azienda collegata",
    says_en="Belongs to {account_name}|Belongs to {name}|Belongs to a company",
    says_it="Appartiene a {account_name}|Appartiene a {name}|Appartiene a un'azienda",
)
ALIAS = EventSpec(
    name="Identifier Aliased",
    aliases=("Alias",),
    family=Family.IDENTITY,
    schema=Nothing,
    description="An `alias` call: two identifiers are the same person.",
    label_it="Identificativo collegato",
    says_en="Two identifiers were declared the same",
    says_it="Due identificativi dichiarati uguali",
)

BY_TYPE: dict[str, EventSpec] = {
    "page": PAGE,
    "screen": SCREEN,
    "identify": IDENTIFY,
    "group": GROUP,
    "alias": ALIAS,
}
"""The record of each call of the protocol other than ``track``."""

MOBILE = (
    _app(
        name="Application Installed",
        description="The app was opened for the first time.",
        label_it="App installata",
        says_en="Installed the app[, version {version}]",
        says_it="Ha installato l'app[, versione {version}]",
    ),
    _app(
        name="Application Opened",
        description="The app was opened.",
        label_it="App aperta",
        says_en="Opened the app",
        says_it="Ha aperto l'app",
    ),
    _app(
        name="Application Updated",
        description="The app was updated.",
        label_it="App aggiornata",
        says_en="Updated the app[ to {version}]",
        says_it="Ha aggiornato l'app[ alla {version}]",
    ),
    _app(
        name="Application Backgrounded",
        description="The app went to the background.",
        label_it="App messa da parte",
        says_en="Left the app",
        says_it="Ha lasciato l'app",
    ),
    _app(
        name="Application Foregrounded",
        description="The app came back to the foreground.",
        label_it="App ripresa",
        says_en="Came back to the app",
        says_it="Di nuovo nell'app",
    ),
    _app(
        name="Application Uninstalled",
        description="The app was removed.",
        label_it="App rimossa",
        says_en="Removed the app",
        says_it="Ha rimosso l'app",
    ),
    _app(
        name="Application Crashed",
        description="The app crashed.",
        label_it="App bloccata",
        says_en="The app crashed",
        says_it="L'app si è bloccata",
    ),
    _app(
        name="Install Attributed",
        description="A provider told which campaign the installation came from.",
        label_it="Installazione attribuita",
        says_en="Installed the app thanks to {campaign}|The installation was attributed",
        says_it="Ha installato l'app grazie a {campaign}|Installazione attribuita",
    ),
    _app(
        name="Deep Link Opened",
        description="A deep link opened the app.",
        label_it="Link nell'app aperto",
        says_en="Came into the app from a link[: {url}]",
        says_it="Ha aperto l'app da un link[: {url}]",
    ),
    _app(
        name="Deep Link Clicked",
        fixed=False,
        description="The person followed a deep link to the app.",
        label_it="Link all'app seguito",
        says_en="Followed a link to the app[: {url}]",
        says_it="Ha seguito un link all'app[: {url}]",
    ),
)

LIFECYCLE = (
    _life(
        name="Signed Up",
        aliases=("User Registered", "Registered", "Sign Up", "User Signed Up"),
        description="The person made an account.",
        label_it="Registrazione",
        says_en="Made an account",
        says_it="Ha creato un account",
    ),
    _life(
        name="Signed In",
        aliases=("Logged In", "Sign In", "Login", "User Signed In"),
        description="The person signed in.",
        label_it="Accesso",
        says_en="Signed in",
        says_it="Ha fatto l'accesso",
    ),
    _life(
        name="Signed Out",
        aliases=("Logged Out", "Sign Out", "Logout", "User Signed Out"),
        description="The person signed out.",
        label_it="Uscita",
        says_en="Signed out",
        says_it="Ha chiuso la sessione",
    ),
    EventSpec(
        name="Segment Entered",
        family=Family.LIFECYCLE,
        schema=Membership,
        channel="system",
        fixed=True,
        description="The rule of a segment began to hold for the person.",
        label_it="Entrata in un segmento",
        says_en="Came into the segment {segment_name}|Came into a segment",
        says_it="Entra nel segmento {segment_name}|Entra in un segmento",
    ),
    EventSpec(
        name="Segment Left",
        family=Family.LIFECYCLE,
        schema=Membership,
        channel="system",
        fixed=True,
        description="The rule of a segment ceased to hold for the person.",
        label_it="Uscita da un segmento",
        says_en="Left the segment {segment_name}|Left a segment",
        says_it="Esce dal segmento {segment_name}|Esce da un segmento",
    ),
)

B2B = (
    _b2b(
        name="Account Created",
        description="A company account was made.",
        label_it="Account creato",
        says_en="The account {account_name} was made|An account was made",
        says_it="Creato l'account {account_name}|Creato un account",
    ),
    _b2b(
        name="Account Deleted",
        description="A company account was deleted.",
        label_it="Account eliminato",
        says_en="The account {account_name} was deleted|An account was deleted",
        says_it="Eliminato l'account {account_name}|Eliminato un account",
    ),
    _b2b(
        name="Account Added User",
        description="A user was added to a company account.",
        label_it="Utente aggiunto",
        says_en="Was added to the account[ as {role}]",
        says_it="Ingresso nell'account[ come {role}]",
    ),
    _b2b(
        name="Account Removed User",
        description="A user was removed from a company account.",
        label_it="Utente tolto",
        says_en="Was removed from the account",
        says_it="Uscita dall'account",
    ),
    _b2b(
        name="Invite Sent",
        description="The person invited somebody to their account.",
        label_it="Invito inviato",
        says_en="Invited {invitee_email}|Invited somebody",
        says_it="Ha invitato {invitee_email}|Ha invitato qualcuno",
    ),
    _b2b(
        name="Trial Started",
        description="A trial began.",
        label_it="Prova iniziata",
        says_en="Started a trial[ of {trial_plan_name}]",
        says_it="Ha iniziato una prova[ di {trial_plan_name}]",
    ),
    _b2b(
        name="Trial Ended",
        description="A trial came to its end.",
        label_it="Prova finita",
        says_en="The trial[ of {trial_plan_name}] ended",
        says_it="La prova[ di {trial_plan_name}] è finita",
    ),
    _sales(
        name="Lead Created",
        aliases=("Lead Generated", "Lead Submitted"),
        fixed=False,
        description="The person showed interest and became a lead.",
        label_it="Contatto creato",
        says_en="Became a lead[: {deal_name}]",
        says_it="Nuovo contatto commerciale[: {deal_name}]",
    ),
    _sales(
        name="Deal Moved",
        aliases=("Deal Created", "Deal Stage Changed"),
        needs=(("deal_id",), ("stage",)),
        description="A deal was opened or moved to another stage.",
        label_it="Trattativa spostata",
        says_en="The deal[ {deal_name}] is now at {stage}|A deal moved",
        says_it="La trattativa[ {deal_name}] è ora a {stage}|Una trattativa si è mossa",
    ),
    _sales(
        name="Deal Won",
        needs=(("deal_id",),),
        description="A deal was won. The money counts when it is ordered.",
        label_it="Trattativa vinta",
        says_en="The deal[ {deal_name}] was won[, {value}]",
        says_it="Trattativa[ {deal_name}] vinta[, {value}]",
    ),
    _sales(
        name="Deal Lost",
        needs=(("deal_id",),),
        description="A deal was lost, and why.",
        label_it="Trattativa persa",
        says_en="The deal[ {deal_name}] was lost[: {reason}]",
        says_it="Trattativa[ {deal_name}] persa[: {reason}]",
    ),
    _sales(
        name="Meeting Held",
        schema=Meeting,
        value=(),
        description="One of ours met the person.",
        label_it="Incontro avvenuto",
        says_en="Met {agent}[ on {day}][: {subject}]|A meeting was held[: {subject}]",
        says_it="Incontro con {agent}[ il {day}][: {subject}]|C'è stato un incontro[: {subject}]",
    ),
)

GRAPH = (
    _graph(
        name="Person Joined",
        description="Two people turned out to be one; what both did is on one timeline now. Reversible.",
        label_it="Persone unite",
        says_en="Two profiles were joined[: {reason}]",
        says_it="Due profili uniti[: {reason}]",
    ),
    _graph(
        name="Person Split",
        description="An identifier was taken away from the person; what happened under it went with it.",
        label_it="Persona divisa",
        says_en="The profile was split[: {reason}]",
        says_it="Profilo diviso[: {reason}]",
    ),
    _graph(
        name="Join Undone",
        description="A join was taken back; each identifier has its own history again.",
        label_it="Unione annullata",
        says_en="A join was undone[ by {user}][: {reason}]",
        says_it="Unione annullata[ da {user}][: {reason}]",
    ),
    _graph(
        name="Person Linked By Hand",
        description="One of ours said that two identifiers are the same person.",
        label_it="Collegato a mano",
        says_en="Joined by hand[ by {user}][: {reason}]",
        says_it="Unito a mano[ da {user}][: {reason}]",
    ),
    _graph(
        name="Household Changed",
        description="The person entered or left a household.",
        label_it="Famiglia cambiata",
        says_en="The household changed[, {people} people]",
        says_it="La famiglia è cambiata[, {people} persone]",
    ),
    _graph(
        name="Identifier Shared",
        description="An identifier is used by too many people and stopped linking them.",
        label_it="Identificativo condiviso",
        says_en="{namespace} is shared by many and no longer joins|An identifier is shared by many",
        says_it="{namespace} è di molti e non unisce più|Un identificativo è di molti",
    ),
    _graph(
        name="Link Refused",
        description="Two identifiers were not linked, and why.",
        label_it="Collegamento rifiutato",
        says_en="A link was refused[: {reason}]",
        says_it="Collegamento rifiutato[: {reason}]",
    ),
)

EVENTS = (*BY_TYPE.values(), *MOBILE, *LIFECYCLE, *B2B, *GRAPH)
