"""The addresses of the console, in one place: routes are declared with them, templates link with them."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from unisono.kit.marking import N_

ROOT = "/console"
STATIC = f"{ROOT}/static"

SIGN_IN = f"{ROOT}/sign-in"
SIGN_OUT = f"{ROOT}/sign-out"
FIRST_RUN = f"{ROOT}/first-run"
PREFERENCES = f"{ROOT}/preferences"
"""POST: ``theme``, ``density``, ``language`` (any of them) and ``next``, the path to come back to."""

PEOPLE = f"{ROOT}/people"
LIVE = f"{ROOT}/live"
LIVE_STREAM = f"{LIVE}/stream"
FAILED_REPLAY = f"{LIVE}/failed/replay"
"""POST: replays every failed event the present filter shows (``reason``)."""
IDENTITY = f"{ROOT}/identity"
SOURCES = f"{ROOT}/sources"
KEYS = f"{SOURCES}/keys"
"""POST: ``name``, ``kind``, ``store``, ``till``, ``scopes`` (repeated) create a key."""
HEALTH = f"{ROOT}/health"
DEAD_LETTERS_REPLAY = f"{HEALTH}/dead-letters/replay"
TEAM = f"{ROOT}/team"
"""POST: ``name``, ``email``, ``role``, ``store`` invite a colleague."""
HOUSEHOLD_ADD = f"{ROOT}/households/{{household:int}}/people/{{person_id:int}}/add"
HOUSEHOLD_REMOVE = f"{ROOT}/households/{{household:int}}/people/{{person_id:int}}/remove"
"""POST ``reason``, ``next``; patterns of `household_add` and `household_remove`."""
AUDIT = f"{ROOT}/audit"
PRODUCTS = f"{ROOT}/products"
PRODUCT_SAVE = f"{ROOT}/products-save"
"""POST: ``code`` and ``part`` (product, variant, attribute, images) change a product, or make one."""
CATALOGUE_IMPORT = f"{ROOT}/catalogue-import"
"""GET the form; POST ``file`` or ``csv`` with ``deed`` (check or import)."""
PRICES = f"{ROOT}/prices"
PRICE_LISTS = f"{ROOT}/price-lists"
"""POST: makes a price list."""
PRICE_SET = f"{ROOT}/prices-set"
"""POST ``sku``, ``list``, ``amount``, ``starts``, ``ends``."""
DISCOUNTS = f"{ROOT}/discounts"
"""POST ``sku``, ``list``, ``amount``, ``starts``, ``ends``, ``campaign``, ``deed`` (check or announce)."""
PROMOTIONS = f"{ROOT}/promotions"
PROMOTION_BUILDER = f"{ROOT}/promotion-builder"
"""GET ``code`` opens one; POST the whole form with ``do``: what was pressed."""
PROMOTION_SIMULATOR = f"{ROOT}/promotion-simulator"
PROMOTION_CONFLICTS = f"{ROOT}/promotion-conflicts"
COHERENCE = f"{ROOT}/coherence"
STOCK = f"{ROOT}/stock"
STOCK_MOVEMENTS = f"{ROOT}/stock-movements"
STOCK_PROMISES = f"{ROOT}/stock-promises"
STOCK_RISKS = f"{ROOT}/stock-risks"
STOCK_CHANGE = f"{ROOT}/stock-change"
"""POST: ``sku`` and ``part`` (receive, count, move, adjust, damage, levels) with its fields."""
LOCATIONS = f"{ROOT}/locations"
ORDERS = f"{ROOT}/orders"
COUNTER = f"{ROOT}/counter"
"""What waits in a store; ``code`` opens what a customer shows the code of."""
APPOINTMENTS = f"{ROOT}/appointments"
CARTS = f"{ROOT}/carts"
TEMPLATES = f"{ROOT}/templates"
"""POST: ``code``, ``name``, ``kind``, ``purpose``, ``brand`` make a template."""
BRAND = f"{ROOT}/brand"
"""``code`` names another brand than the usual one; POST: the whole kit, with ``version``."""
BRAND_CHECK = f"{ROOT}/brand-check"
"""``text`` and ``subject`` with ``channel``, ``language``, ``purpose``: what the brand has against them."""
CHANNELS = f"{ROOT}/channels"
CHANNEL_NEW = f"{ROOT}/channel-new"
"""GET ``kind``; POST makes an account of it."""
CHANNEL_REACH = f"{ROOT}/channel-reach"
"""``without`` thinks a channel away."""
SENDING = f"{ROOT}/sending"
"""POST ``deed`` (pause, resume), ``reason``."""
OUTBOX = f"{ROOT}/outbox"
"""Everything planned, held, sent, not sent."""
BROADCASTS = f"{ROOT}/broadcasts"
BROADCAST_FORM = f"{ROOT}/broadcast-form"
"""GET ``code`` opens one; POST the whole form."""
POLICY = f"{ROOT}/policy"
POLICY_FORM = f"{ROOT}/policy-form"
"""GET the policy to change; POST it with ``reason`` and the ``version`` it was made from."""
POLICY_SIMULATOR = f"{ROOT}/policy-simulator"
POLICY_RESTORE = f"{ROOT}/policy-restore"
"""POST ``version``: an older policy counts again."""
TASKS = f"{ROOT}/tasks"
CONSENT = f"{ROOT}/consent"
"""The texts people agree to; ``text`` opens one with its versions."""
CONSENT_BLOCKED = f"{ROOT}/consent-blocked"
CONSENT_LAW = f"{ROOT}/consent-law"
CONSENT_REGISTER = f"{ROOT}/consent-register"
"""POST ``file``: looks into the opposition register."""
PRIVACY_REQUESTS = f"{ROOT}/privacy-requests"
SEGMENTS = f"{ROOT}/segments"
SEGMENT_BUILDER = f"{ROOT}/segment-builder"
"""GET ``code`` opens one, ``template`` a ready one; POST the whole form with ``do``: what was pressed."""
SEGMENT_WHY = f"{ROOT}/segment-why"
"""GET ``code`` and ``person`` (or ``q``, to find one): why somebody is in a segment, or is not."""
SEARCH = f"{ROOT}/search"
PALETTE = f"{ROOT}/palette"


class Entry(NamedTuple):
    """One entry of the navigation: section name, address, English label (a msgid), letter of its shortcut (g, x)."""

    name: str
    href: str
    label: str
    letter: str


class Group(NamedTuple):
    """Entries under one idea of the product (an English msgid)."""

    label: str
    entries: tuple[Entry, ...]


ONE_VOICE = N_("One voice")
"""What is said to customers, and how it leaves."""

NAVIGATION: tuple[Group, ...] = (
    Group(
        N_("Customers"),
        (
            Entry("people", PEOPLE, N_("People"), "p"),
            Entry("live", LIVE, N_("Live events"), "l"),
            Entry("identity", IDENTITY, N_("Identity"), "i"),
            Entry("sources", SOURCES, N_("Sources and keys"), "s"),
        ),
    ),
    Group(
        N_("One truth"),
        (
            Entry("products", PRODUCTS, N_("Products"), "d"),
            Entry("prices", PRICES, N_("Prices"), "e"),
            Entry("promotions", PROMOTIONS, N_("Promotions"), "m"),
            Entry("stock", STOCK, N_("Stock"), "k"),
            Entry("orders", ORDERS, N_("Orders"), "o"),
            Entry("coherence", COHERENCE, N_("Coherence"), "c"),
        ),
    ),
    Group(
        ONE_VOICE,
        (
            Entry("segments", SEGMENTS, N_("Segments"), "g"),
            Entry("templates", TEMPLATES, N_("Templates"), "x"),
            Entry("brand", BRAND, N_("Brand"), "r"),
            Entry("broadcasts", BROADCASTS, N_("Broadcasts"), "b"),
            Entry("outbox", OUTBOX, N_("Outbox"), "u"),
            Entry("tasks", TASKS, N_("Tasks"), "w"),
            Entry("channels", CHANNELS, N_("Channels"), "v"),
            Entry("policy", POLICY, N_("Contact policy"), "y"),
            Entry("consent", CONSENT, N_("Consent"), "n"),
        ),
    ),
    Group(
        N_("System"),
        (
            Entry("health", HEALTH, N_("Health"), "h"),
            Entry("team", TEAM, N_("Team and roles"), "t"),
            Entry("audit", AUDIT, N_("Audit"), "a"),
        ),
    ),
)
"""The ideas (Customers, One truth, One voice, One measure): each group comes with its first section."""


def with_query(path: str, parameters: Mapping[str, str | int | None]) -> str:
    """``path`` with the parameters that are set; empty and None ones are left out."""
    kept = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def person(person_id: int) -> str:
    """The page of a person."""
    return f"{PEOPLE}/{person_id}"


def person_why(person_id: int) -> str:
    """Why this person is one person: its links, and where to split."""
    return f"{PEOPLE}/{person_id}/why"


def person_split(person_id: int) -> str:
    """POST ``link``: takes a link back, so that its two sides are two people."""
    return f"{PEOPLE}/{person_id}/split"


def person_notes(person_id: int) -> str:
    """POST ``text``: writes a note on the timeline."""
    return f"{PEOPLE}/{person_id}/notes"


def person_audit(person_id: int) -> str:
    """Who has looked at this person."""
    return with_query(AUDIT, {"person": person_id})


def person_together(person_id: int) -> str:
    """Who else is this person, or lives with them; POST ``other``, ``deed``, ``name``, ``reason``, ``sure``."""
    return f"{PEOPLE}/{person_id}/together"


def household_add(household: int, person_id: int) -> str:
    """POST: puts somebody into a household."""
    return f"{ROOT}/households/{household}/people/{person_id}/add"


def household_remove(household: int, person_id: int) -> str:
    """POST: takes somebody out of a household."""
    return f"{ROOT}/households/{household}/people/{person_id}/remove"


def link_undo(link_id: int) -> str:
    """POST ``next``: takes a link back (a split or the undo of a join)."""
    return f"{IDENTITY}/links/{link_id}/undo"


def link_redo(link_id: int) -> str:
    """POST ``next``: puts a link back that was undone."""
    return f"{IDENTITY}/links/{link_id}/redo"


def shared_release(node_id: int) -> str:
    """POST: lets a shared identifier join people again."""
    return f"{IDENTITY}/shared/{node_id}/release"


def event_raw(event_id: str) -> str:
    """The raw JSON of an event."""
    return f"{ROOT}/events/{quote(event_id, safe='')}/raw"


def failed_raw(failed_id: int) -> str:
    """The raw body of a failed event."""
    return f"{LIVE}/failed/{failed_id}/raw"


def failed_replay(failed_id: int) -> str:
    """POST: sends one failed event through intake again."""
    return f"{LIVE}/failed/{failed_id}/replay"


def failed_discard(failed_id: int) -> str:
    """POST: sets one failed event aside for good."""
    return f"{LIVE}/failed/{failed_id}/discard"


def key_rotate(key_id: int) -> str:
    """POST: gives a key a new value; the old one works for a while."""
    return f"{KEYS}/{key_id}/rotate"


def key_disable(key_id: int) -> str:
    """POST: stops a key at once."""
    return f"{KEYS}/{key_id}/disable"


def key_enable(key_id: int) -> str:
    """POST: takes a disabling back."""
    return f"{KEYS}/{key_id}/enable"


def dead_letter_replay(letter_id: int) -> str:
    """POST: gives one dead letter to its reader again."""
    return f"{HEALTH}/dead-letters/{letter_id}/replay"


def account_role(account_id: int) -> str:
    """POST ``role`` and ``store``: changes what an account may do."""
    return f"{TEAM}/{account_id}/role"


def account_link(account_id: int) -> str:
    """POST: makes a one-time link for a new password."""
    return f"{TEAM}/{account_id}/link"


def account_disable(account_id: int) -> str:
    """POST: closes an account and its sessions."""
    return f"{TEAM}/{account_id}/disable"


def account_enable(account_id: int) -> str:
    """POST: opens a closed account again."""
    return f"{TEAM}/{account_id}/enable"


def product(code: str) -> str:
    """The page of a product; ``code`` may be that of a variant."""
    return f"{PRODUCTS}/{quote(code, safe='')}"


def price_of(sku: str) -> str:
    """What a sku costs, and cost."""
    return f"{PRICES}/{quote(sku, safe='')}"


def price_list(code: str) -> str:
    """The prices of a list."""
    return f"{PRICE_LISTS}/{quote(code, safe='')}"


def price_list_off(code: str) -> str:
    """POST: switches a price list off for good."""
    return f"{price_list(code)}/off"


def discount(announcement_id: int) -> str:
    """A reduction with what it rests on."""
    return f"{DISCOUNTS}/{announcement_id}"


def discount_table(announcement_id: int) -> str:
    """The evidence as CSV."""
    return f"{DISCOUNTS}/{announcement_id}/evidence.csv"


def discount_withdraw(announcement_id: int) -> str:
    """POST ``reason``, ``keep_price``: takes a reduction back."""
    return f"{DISCOUNTS}/{announcement_id}/withdraw"


def promotion(code: str) -> str:
    """The page of a promotion."""
    return f"{PROMOTIONS}/{quote(code, safe='')}"


def promotion_status(code: str, status: str) -> str:
    """POST: starts (active), pauses (paused), ends (ended)."""
    return f"{promotion(code)}/status/{status}"


def promotion_coupons(code: str) -> str:
    """POST: makes coupons, or disables a batch."""
    return f"{promotion(code)}/coupons"


def promotion_edit(code: str) -> str:
    """The builder with a promotion in it."""
    return with_query(PROMOTION_BUILDER, {"code": code})


def incident_close(incident_id: int) -> str:
    """POST ``reason``: an incident is dealt with."""
    return f"{COHERENCE}/{incident_id}/close"


def stock_of(sku: str) -> str:
    """The stock of a sku in every place."""
    return f"{STOCK}/{quote(sku, safe='')}"


def risk_settle(risk_id: int) -> str:
    """POST ``outcome``: a promise at risk is dealt with."""
    return f"{STOCK_RISKS}/{risk_id}/settle"


def location_hours(code: str) -> str:
    """POST ``hours``: when a place is open, a line a day."""
    return f"{LOCATIONS}/{quote(code, safe='')}/hours"


def order(number: str) -> str:
    """The page of an order."""
    return f"{ORDERS}/{quote(number, safe='')}"


def order_change(number: str) -> str:
    """POST ``part`` (cancel, refund, return, capture, confirm, ship, deliver) with its fields."""
    return f"{order(number)}/change"


def order_receipt(number: str) -> str:
    """The receipt, to print."""
    return f"/api/orders/{quote(number, safe='')}/receipt"


def pickup(parcel_id: int) -> str:
    """A pick-up at the counter: what, whose, its code."""
    return f"{COUNTER}/pickups/{parcel_id}"


def pickup_step(parcel_id: int) -> str:
    """POST ``step`` (picking, ready, hand-over), ``code``, ``payment``."""
    return f"{pickup(parcel_id)}/step"


def pickup_slip(parcel_id: int) -> str:
    """What the customer shows, to print."""
    return f"/api/pickups/{parcel_id}/slip"


def reservation(reservation_id: str) -> str:
    """A reservation at the counter."""
    return f"{COUNTER}/reservations/{reservation_id}"


def reservation_step(reservation_id: str) -> str:
    """POST ``step`` (ready, extend, cancel, hand-over), ``code``, ``payment``, ``reason``."""
    return f"{reservation(reservation_id)}/step"


def reservation_slip(reservation_id: str) -> str:
    """What the customer shows, to print."""
    return f"/api/reservations/{reservation_id}/slip"


def appointment_step(appointment_id: str) -> str:
    """POST ``step`` (confirm, kept, missed, cancel), ``reason``."""
    return f"{APPOINTMENTS}/{appointment_id}/step"


def cart(name: str) -> str:
    """A cart by its id or its code."""
    return f"{CARTS}/{quote(name, safe='')}"


def cart_change(name: str) -> str:
    """POST ``part`` (add, set, remove, coupons, seen, undo) with its fields."""
    return f"{cart(name)}/change"


def segment(code: str) -> str:
    """The page of a segment."""
    return f"{SEGMENTS}/{quote(code, safe='')}"


def segment_members(code: str) -> str:
    """Who is in a segment."""
    return f"{segment(code)}/members"


def segment_table(code: str) -> str:
    """Who is in a segment, as CSV."""
    return f"{segment(code)}/members.csv"


def segment_move(code: str, move: str) -> str:
    """POST ``note``: lets a segment live (publish) or rest (archive)."""
    return f"{segment(code)}/move/{move}"


def segment_edit(code: str) -> str:
    """The builder with a segment in it."""
    return with_query(SEGMENT_BUILDER, {"code": code})


def segment_why(code: str, person_id: int | None = None) -> str:
    """Why a person is in a segment, or is not."""
    return with_query(SEGMENT_WHY, {"code": code, "person": person_id})


def message(message_id: int) -> str:
    """One message of the outbox: what was said, why, what came of it."""
    return f"{OUTBOX}/{message_id}"


def message_said(message_id: int) -> str:
    """What was said, as a page of its own that can do nothing."""
    return f"{message(message_id)}/frame"


def message_cancel(message_id: int) -> str:
    """POST: a message that has not left yet is not sent."""
    return f"{message(message_id)}/cancel"


def message_settle(message_id: int) -> str:
    """POST ``verdict`` (arrived, lost, again) and ``reason``: what became of a message nobody knew of."""
    return f"{message(message_id)}/settle"


def broadcast(code: str) -> str:
    """The page of a broadcast."""
    return f"{BROADCASTS}/{quote(code, safe='')}"


def broadcast_step(code: str) -> str:
    """POST ``step`` (schedule, pause, resume, stop, test) with its fields."""
    return f"{broadcast(code)}/step"


def task_settle(task_id: int) -> str:
    """POST ``outcome``, ``note``, ``minutes``: what came of a task."""
    return f"{TASKS}/{task_id}/settle"


def person_consents(person_id: int) -> str:
    """What a person agreed to; POST ``part`` (say, withdraw, block, unblock) with its fields."""
    return f"{PEOPLE}/{person_id}/consents"


def person_proof(person_id: int, purpose: str) -> str:
    """The proof of what was agreed to, to print."""
    return with_query(f"/api/people/{person_id}/consents/proof.html", {"purpose": purpose})


def person_write(person_id: int) -> str:
    """A message to a person; POST ``do`` (look or send)."""
    return f"{PEOPLE}/{person_id}/write"


def privacy_request(request_id: int) -> str:
    """A request for access or erasure; POST ``part`` (confirm, withdraw)."""
    return f"{PRIVACY_REQUESTS}/{request_id}"


def template(code: str) -> str:
    """A template in its editor; POST saves the draft (``do`` says what was pressed)."""
    return f"{TEMPLATES}/{quote(code, safe='')}"


def template_part(code: str, channel: str, language: str, **more: str | int | None) -> str:
    """The editor at one channel and language."""
    return with_query(template(code), {"channel": channel, "language": language, **more})


def template_publish(code: str) -> str:
    """POST ``note``: what the draft says is sent from now on."""
    return f"{template(code)}/publish"


def template_revert(code: str) -> str:
    """POST ``version``: the draft becomes what was published."""
    return f"{template(code)}/revert"


def template_archive(code: str) -> str:
    """POST: takes it out of use."""
    return f"{template(code)}/archive"


def template_test(code: str) -> str:
    """POST ``to``, ``channel``: sends the draft to one address."""
    return f"{template(code)}/test"


def template_frame(code: str, **asked: str | int | None) -> str:
    """The e-mail itself, for a frame without rights."""
    return with_query(f"{template(code)}/frame", asked)


def channel(code: str) -> str:
    """An account with a provider; POST changes it."""
    return f"{CHANNELS}/{quote(code, safe='')}"


def channel_test(code: str) -> str:
    """POST: connects and signs in, sends nothing."""
    return f"{channel(code)}/test"


def channel_status(code: str) -> str:
    """POST ``status`` (active, paused, disabled)."""
    return f"{channel(code)}/status"
