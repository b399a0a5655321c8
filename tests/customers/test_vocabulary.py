"""The one vocabulary of events: names, payloads, channels, lines of the timeline, reference."""

from __future__ import annotations

import string
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.customers.timeline.vocabulary import (
    CHANNELS,
    LINES,
    EventSpec,
    Family,
    Issue,
    all_specs,
    canonical,
    channel_for,
    check,
    label,
    line_of,
    purchases,
    resolve,
    spec_for,
    summary,
    value_of,
)
from unisono.customers.timeline.vocabulary.checking import MAX_ISSUES, fields_of
from unisono.customers.timeline.vocabulary.facts import read, snake
from unisono.customers.timeline.vocabulary.properties import PROPERTIES
from unisono.customers.timeline.vocabulary.reference import example_of, markdown
from unisono.customers.timeline.vocabulary.registry import DuplicateName, _by_exact_name, fold

SPECS = all_specs()
specs = st.sampled_from(SPECS)
each = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)

# Event names of the Segment e-commerce (v2 and v1), e-mail, mobile, live-chat, A/B and B2B specs.
SEGMENT = """
Products Searched; Product List Viewed; Product List Filtered; Promotion Viewed; Promotion Clicked; Product Clicked;
Product Viewed; Product Added; Product Removed; Cart Viewed; Checkout Started; Checkout Step Viewed;
Checkout Step Completed; Payment Info Entered; Order Updated; Order Completed; Order Refunded; Order Cancelled;
Coupon Entered; Coupon Applied; Coupon Denied; Coupon Removed; Product Added to Wishlist;
Product Removed from Wishlist; Wishlist Product Added to Cart; Product Shared; Cart Shared; Product Reviewed;
Viewed Product; Clicked Product; Added Product; Removed Product; Viewed Product Category; Viewed Promotion;
Clicked Promotion; Started Order; Updated Order; Completed Order; Viewed Checkout Step; Completed Checkout Step;
Email Bounced; Email Delivered; Email Link Clicked; Email Marked as Spam; Email Opened; Unsubscribed;
Push Notification Received; Push Notification Tapped; Push Notification Bounced; Application Installed;
Application Opened; Application Updated; Application Backgrounded; Application Foregrounded;
Application Uninstalled; Application Crashed; Install Attributed; Deep Link Opened; Deep Link Clicked;
Live Chat Conversation Started; Live Chat Conversation Ended; Live Chat Message Sent; Live Chat Message Received;
Conversation Started; Conversation Ended; Message Sent; Message Received; Experiment Viewed; Account Created;
Account Deleted; Signed Up; Signed In; Signed Out; Invite Sent; Account Added User; Account Removed User;
Trial Started; Trial Ended
"""
OURS = """
Store Visited; Product Reserved; Reservation Collected; Reservation Expired; Order Ready for Pickup; Order Collected;
Receipt Issued; Return Made; Points Earned; Points Redeemed; Points Expired; Appointment Booked; Appointment Kept;
Appointment Missed; Appointment Cancelled; Survey Sent; Survey Answered; Conversation Assigned; Call Logged;
Note Added; Mail Sent; Mail Returned; Poster Scanned; Leaflet Scanned; Card Scanned; Event Attended; Shelf Scanned;
Phone Number Called; Radio Code Used; Coupon Printed; Coupon Redeemed; Campaign Received; Consent Updated;
Referral Made; Review Posted; Customer Recognised; Person Joined; Person Split; Join Undone; Person Linked By Hand;
Household Changed; Identifier Shared; Link Refused
"""
NAMES = [name.strip() for name in f"{SEGMENT};{OURS}".split(";")]


def _named(name: str) -> EventSpec:
    spec = resolve(name)
    assert spec is not None
    return spec


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_specs_is_known(name: str) -> None:
    """Clients of the Segment protocol, old and new, and our own touchpoints are understood."""
    assert resolve(name) is not None


@each
def test_case_and_spacing_do_not_matter(spec: EventSpec) -> None:
    """Snake, kebab, camel, upper and lower case, stray spaces: one event, for aliases too."""
    for name in (spec.name, *spec.aliases):
        words = name.replace("-", " ").split()
        camel = words[0].lower() + "".join(word.capitalize() for word in words[1:])
        for spelt in ("_".join(words).lower(), "-".join(words), name.upper(), f"  {name.lower()} ", camel):
            assert resolve(spelt) is spec, spelt


@given(st.text(max_size=300))
def test_an_unknown_name_is_kept_exactly_as_given(name: str) -> None:
    """Whatever the name, the canonical one is ours or the very same text."""
    spec = resolve(name)
    assert canonical(name) == (name if spec is None else spec.name)
    if spec is not None:
        assert fold(name) in {fold(known) for known in (spec.name, *spec.aliases)}


def test_two_events_cannot_share_a_name() -> None:
    """A clash inside the vocabulary stops the start, not a customer's event."""
    twice = [_named("Signed In"), msgspec.structs.replace(_named("Signed Out"), aliases=("Signed In",))]
    with pytest.raises(DuplicateName):
        _by_exact_name(twice)


@each
def test_a_full_payload_of_every_event_passes(spec: EventSpec) -> None:
    """The example of the reference decodes into the typed schema and raises no issue."""
    example = example_of(spec)
    assert check(spec.name, example).issues == ()
    decoded = msgspec.convert(example, spec.schema, strict=False)
    assert all(getattr(decoded, name) is not None for name in example)


@given(specs)
def test_numbers_as_texts_are_accepted(spec: EventSpec) -> None:
    """Every number of an example may come as a text, at the top and inside the lines."""
    assert check(spec.name, _as_texts(example_of(spec))).issues == ()


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_texts(inner) for inner in value]
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@given(specs)
def test_keys_in_camel_case_are_accepted(spec: EventSpec) -> None:
    """``orderId`` is ``order_id``."""
    example = {_camel(key): value for key, value in example_of(spec).items()}
    assert check(spec.name, example).issues == ()
    assert read(example) == read(example_of(spec))


def _camel(key: str) -> str:
    head, *tail = key.split("_")
    return head + "".join(word.capitalize() for word in tail)


@each
def test_what_is_expected_and_missing_is_said(spec: EventSpec) -> None:
    """An empty payload is warned about once a need, and never more."""
    paths = [issue.path for issue in check(spec.name, {}).issues]
    expected = [choice[0] for choice in spec.needs] + ([spec.value[0]] if spec.is_purchase else [])
    assert paths == expected


def test_every_mistake_is_named_with_its_path() -> None:
    """All of them at once, down to the line of the order, in the words of a person."""
    verdict = check(
        "completed_order",
        {
            "total": "eighty",
            "currency": "EURO",
            "products": [{"sku": "A", "price": "9.90"}, {"sku": "B", "price": "free", "quantity": []}, "C"],
        },
    )
    assert verdict.canonical == "Order Completed"
    assert set(verdict.issues) == {
        Issue("order_id", "missing"),
        Issue("currency", "'EURO' is not an ISO 4217 currency code"),
        Issue("total", "expected an amount, got 'eighty'"),
        Issue("products[1].price", "expected an amount, got 'free'"),
        Issue("products[1].quantity", "expected a number, got a list"),
        Issue("products[2]", "expected an object, got 'C'"),
    }


def test_a_purchase_without_money_or_currency_is_said() -> None:
    """It would count as an order without revenue."""
    assert [issue.path for issue in check("Order Completed", {"order_id": 1}).issues] == ["total"]
    assert [issue.path for issue in check("Order Completed", {"order_id": 1, "total": 5}).issues] == ["currency"]


def test_ten_thousand_wrong_lines_are_told_in_twenty() -> None:
    """The verdict is bounded whatever comes."""
    rows = [{"price": "free"}] * 10_000
    assert len(check("Cart Viewed", {"products": rows}).issues) == MAX_ISSUES


def test_an_unknown_event_is_welcome() -> None:
    """No issue, name as given, whatever the payload."""
    verdict = check("Guitar Tuned", {"strings": object()})
    assert (verdict.canonical, verdict.ok) == ("Guitar Tuned", True)


_leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\x00", "\ud800", "1e400", "-1e999999", "NaN", "undefined", "[object Object]", 10**400])
)
_json = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
_keys = st.sampled_from(sorted(PROPERTIES)) | st.text(max_size=9)


@given(
    spec=specs, properties=st.dictionaries(_keys, _json, max_size=12), locale=st.sampled_from(["it", "en", "", "xx"])
)
def test_poison_never_raises(spec: EventSpec, properties: dict[str, Any], locale: str) -> None:
    """Checking, reading the money and saying the line survive any JSON value in any place."""
    check(spec.name, properties)
    value_of(spec, properties, "EUR")
    line = summary(spec.name, properties, locale)
    assert line
    assert len(line) <= 200
    assert "\n" not in line
    assert "{" not in line or "{" in str(properties)


def test_five_thousand_levels_and_two_megabytes_do_not_hurt() -> None:
    """Depth is not walked, length is not copied into the verdict."""
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    verdict = check("Order Completed", {"order_id": deep, "total": deep, "coupon": "x" * 2_000_000, "products": deep})
    assert all(len(issue.message) < 200 for issue in verdict.issues)
    assert len(summary("Message Received", {"text": "x" * 2_000_000})) <= 200


@pytest.mark.parametrize("properties", [[], "text", 5, True])
def test_properties_that_are_no_object_are_said(properties: object) -> None:
    """The payload as a whole is at fault."""
    assert [issue.path for issue in check("Signed In", properties).issues] == [""]
    assert check("Signed In", None).ok


@pytest.mark.parametrize(
    ("properties", "money"),
    [
        ({"total": "84.00", "revenue": 70, "currency": "eur"}, (8400, "EUR")),
        ({"revenue": 25.0, "currency": "USD"}, (2500, "USD")),
        ({"total": "oops", "value": 3, "currency": "JPY"}, (3, "JPY")),
        ({"total": 12.5}, (1250, "EUR")),
        ({"total": Decimal("12.5")}, (1250, "EUR")),
        ({"Total": 12.5, "Currency": "KWD"}, (12500, "KWD")),
        ({"total": 12.5, "currency": "EURO"}, None),
        ({"order_id": "O-1"}, None),
    ],
)
def test_the_money_of_an_event_is_in_minor_units(properties: dict[str, Any], money: tuple[int, str] | None) -> None:
    """Total, else revenue, else value; the shop's currency is meant where none is named."""
    assert value_of(_named("Order Completed"), properties, "EUR") == money


def test_without_any_currency_there_is_no_amount() -> None:
    """Minor units of nothing are not guessed."""
    assert value_of(_named("Order Completed"), {"total": 12.5}) is None


def test_only_orders_and_receipts_are_purchases() -> None:
    """The same money is never counted twice: not when it ships, not when it is collected."""
    assert purchases() == ("Order Completed", "Receipt Issued")


JACKETS = {
    "order_id": "O-1",
    "total": "84.00",
    "currency": "EUR",
    "products": [{"name": "Trail jacket", "quantity": "2"}],
}


@pytest.mark.parametrize(
    ("name", "properties", "en", "it"),
    [
        ("Order Completed", JACKETS, "Bought 2 items, €84.00", "Ha comprato 2 articoli, 84,00\xa0€"),
        ("Order Completed", {"total": 5}, "Placed an order", "Ha fatto un ordine"),
        ("Viewed Product", {"name": "Trail jacket"}, "Viewed Trail jacket", "Ha guardato Trail jacket"),
        ("Product Viewed", {"id": 77}, "Viewed 77", "Ha guardato 77"),
        (
            "Receipt Issued",
            {"products": [{}], "total": 9, "currency": "EUR", "store_name": "Milano"},
            "Bought 1 item, €9.00 in Milano",
            "Ha comprato 1 articolo, 9,00\xa0€ in Milano",
        ),
        (
            "Message Received",
            {"channel": "messenger", "text": "Do you\nhave it?"},
            "Wrote on Messenger: “Do you have it?”",
            "Ha scritto su Messenger: “Do you have it?”",
        ),
        ("Message Sent", {"role": "customer", "message_body": "Hi"}, "Wrote: “Hi”", "Ha scritto: “Hi”"),
        ("Live Chat Message Sent", {"message_body": "Hi"}, "Wrote: “Hi”", "Ha scritto: “Hi”"),
        ("Live Chat Message Received", {"message_body": "Hi"}, "We wrote: “Hi”", "Abbiamo scritto: “Hi”"),
        ("Points Earned", {"points": 1}, "Earned 1 point", "Ha guadagnato 1 punto"),
        ("Points Redeemed", {"points": "1200"}, "Spent 1,200 points", "Ha speso 1.200 punti"),
        (
            "Survey Answered",
            {"kind": "nps", "score": 9, "scale": "0-10", "comment": "Kind"},
            "Answered 9/10 (nps): “Kind”",
            "Ha risposto 9/10 (nps): “Kind”",
        ),
        (
            "Call Logged",
            {"direction": "in", "duration": 240, "agent": "Lucia", "outcome": "solved"},
            "Phone call with Lucia, 4 min: solved",
            "Telefonata con Lucia, 4 min: solved",
        ),
        (
            "Appointment Booked",
            {"service": "Fitting", "starts_at": "2026-03-03T10:00:00+01:00"},
            "Booked Fitting on 3 Mar 2026, 10:00",
            "Ha prenotato Fitting il 3 mar 2026, 10:00",
        ),
        (
            "Consent Updated",
            {"purpose": "marketing", "granted": False, "channel": "sms"},
            "Consent withdrawn: marketing by SMS",
            "Consenso revocato: marketing via SMS",
        ),
        ("Course Clicked", {"title": "Intro"}, "Course Clicked: Intro", "Course Clicked: Intro"),
        ("Guitar Tuned", {"x": {}}, "Guitar Tuned", "Guitar Tuned"),
    ],
)
def test_the_line_on_the_timeline(name: str, properties: dict[str, Any], en: str, it: str) -> None:
    """What a clerk reads, in both languages."""
    assert summary(name, properties, "en-GB") == en
    assert summary(name, properties, "it-IT") == it


def test_calls_without_an_event_name_have_a_line_too() -> None:
    """Pages, screens, identify, group and alias are on the timeline like everything else."""
    assert summary("Home", {"title": "Welcome"}, type="page") == "Saw the page Home"
    assert summary("Cart", {}, "it", type="screen") == "Ha aperto la schermata Cart"
    assert summary(None, {"email": "a@b.it"}, type="identify") == "The profile was updated"
    assert summary(None, {"name": "Initech"}, type="group") == "Belongs to Initech"
    assert summary(None, {}, "it", type="alias") == "Due identificativi dichiarati uguali"


def test_the_currency_of_the_shop_is_meant_where_none_is_named() -> None:
    """An amount without a currency is not left out when the shop's is given."""
    assert summary("Order Completed", {"total": 5}, "en", currency="EUR") == "Placed an order of €5.00"


@each
def test_every_event_speaks_both_languages(spec: EventSpec) -> None:
    """Full or empty, each language says its own words, and leaves no trace of the grammar."""
    for properties in ({}, example_of(spec)):
        said = [summary(spec.name, properties, locale) for locale in ("en", "it")]
        assert said[0] != said[1]
        assert not set("{}[]|") & set("".join(said))
    assert label(spec, "it") == spec.label_it != spec.name
    assert label(spec) == spec.name


WEB = {"library": {"name": "analytics.js"}}
RUDDER = {"library": {"name": "RudderLabs JavaScript SDK"}}
NODE = {"library": {"name": "@segment/analytics-node"}}
PYTHON = {"library": {"name": "analytics-python"}}
PHONE = {"library": {"name": "analytics-ios"}, "device": {"type": "ios"}}


@pytest.mark.parametrize(
    ("context", "type_", "event", "kind", "extra", "channel"),
    [
        ({"channel": "store"}, "track", "Product Viewed", "write", {}, "store"),
        (WEB, "track", "Product Viewed", "write", {"channel": "mobile"}, "app"),
        ({"channel": "Messenger"}, "track", "Guitar Tuned", "secret", {}, "messages"),
        (PYTHON, "track", "Order Completed", "secret", {"channel": "server"}, "web"),
        (WEB, "track", "Product Viewed", "write", {"channel": {"odd": 1}}, "web"),
        ({}, "track", "Order Completed", "till", {}, "store"),
        (PHONE, "track", "Order Completed", "write", {}, "app"),
        ({"library": {"name": "analytics-react-native"}}, "track", "Order Completed", "write", {}, "app"),
        ({"library": {"name": "axios"}}, "track", "Guitar Tuned", "secret", {}, "server"),
        (WEB | {"device": {"type": "mobile"}}, "page", None, "write", {}, "web"),
        ({"device": {"type": "tablet"}}, "track", "Guitar Tuned", "secret", {}, "app"),
        (RUDDER, "track", "Guitar Tuned", "write", {}, "web"),
        (WEB, "track", "Email Opened", "write", {}, "email"),
        (PHONE, "track", "Push Notification Tapped", "write", {}, "push"),
        (NODE, "track", "Guitar Tuned", "secret", {"namespace": "whatsapp"}, "messages"),
        (NODE, "track", "Receipt Issued", "secret", {}, "store"),
        (NODE, "track", "Message Received", "secret", {}, "messages"),
        (NODE, "page", None, "secret", {}, "web"),
        (NODE, "screen", None, "secret", {}, "app"),
        (NODE, "identify", None, "secret", {}, "server"),
        ({}, "identify", None, "write", {}, "web"),
        ({"library": "odd", "device": ["odd"]}, "track", "Guitar Tuned", "write", {}, "web"),
        ({}, "track", "Person Joined", "secret", {}, "system"),
    ],
)
def test_the_channel_of_an_event(
    context: dict[str, Any], type_: str, event: str | None, kind: str, extra: dict[str, Any], channel: str
) -> None:
    """What the client says, then the key, then the nature of the event, then the library, then custom."""
    assert channel_for(context, type_, spec_for(type_, event), kind, **extra) == channel


def test_every_channel_is_on_a_line_of_the_staff_but_the_system() -> None:
    """Five lines; what the system does by itself is no touchpoint."""
    assert {line_of(channel) for channel in CHANNELS} == {*LINES, None}
    assert line_of("system") is None
    assert line_of("nonsense") is None


@each
def test_every_record_is_well_formed(spec: EventSpec) -> None:
    """Its channel is one of ours, its paths are properties of its schema, its sentence is a sentence."""
    properties = {field.name for field in fields_of(spec.schema)}
    assert spec.channel in CHANNELS | {""}
    assert spec.channel or not spec.fixed
    assert {path for choice in spec.needs for path in choice} <= properties
    assert not spec.value or {*spec.value, spec.currency} <= properties
    assert spec.is_purchase <= bool(spec.value)
    assert spec.description.endswith((".", ")"))
    assert set(spec.name) <= set(string.ascii_letters + "- ")


def test_every_property_is_in_the_data_dictionary_and_nothing_else_is() -> None:
    """One meaning a name, and no dead entry."""
    used = {field.name for spec in SPECS for field in fields_of(spec.schema)}
    nested = [field.nested for spec in SPECS for field in fields_of(spec.schema) if field.nested]
    used |= {field.name for schema in nested for field in fields_of(schema)}
    assert used == set(PROPERTIES)


def test_every_family_has_events() -> None:
    """No empty chapter in the reference."""
    assert {spec.family for spec in SPECS} == set(Family)


def test_the_reference_is_up_to_date_and_complete() -> None:
    """The page in the documentation is what the records say, with each event, alias and property."""
    page = (Path(__file__).parents[2] / "docs/reference/events.md").read_text(encoding="utf-8")
    assert page == markdown(), (
        "run: python -m unisono.customers.timeline.vocabulary.reference > docs/reference/events.md"
    )
    for spec in SPECS:
        assert f"### {spec.name}\n" in page
        assert all(alias in page for alias in spec.aliases)
        assert all(f"`{field.name}`" in page for field in fields_of(spec.schema))


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("orderId", "order_id"),
        ("Order ID", "order_id"),
        ("order-id", "order_id"),
        ("imageURL", "image_url"),
        ("a__b", "a_b"),
    ],
)
def test_keys_are_read_in_any_spelling(key: str, plain: str) -> None:
    """Humps, spaces and hyphens become underscores."""
    assert snake(key) == plain


def test_the_exact_key_wins_over_another_spelling() -> None:
    """Two spellings of one key: the one of the vocabulary counts, whatever the order."""
    assert read({"orderId": 2, "order_id": 1}) == read({"order_id": 1, "orderId": 2}) == {"order_id": 1}
