"""People as Meta and Google match them: spelled their way, hashed, against counterparts that check."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reaching import account, outgoing, wire
from unisono.demo.counterparts.google import ADS_ACCOUNT, LIST, GoogleAds
from unisono.demo.counterparts.meta import AUDIENCE, MetaAds
from unisono.demo.counterparts.model import TOKEN
from unisono.engagement.channels.adapters.google_audience import GoogleAudience
from unisono.engagement.channels.adapters.meta_audience import MetaAudience
from unisono.engagement.channels.audiences.formats import (
    GOOGLE_COLUMNS,
    META_SCHEMA,
    Identity,
    as_csv,
    google_email,
    google_identifiers,
    google_matched,
    google_phone,
    google_row,
    meta_matched,
    meta_phone,
    meta_place,
    meta_postcode,
    meta_row,
    sha256,
)
from unisono.engagement.channels.model import AccountInvalid, AddressInvalid
from unisono.kit.http import Http

MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
"""mary@example.com, as Meta's documentation has it."""

MARIA = Identity(
    email=" Mary@Example.com ",
    phone="+39 02 (1234)-5678",
    first_name=" María ",
    last_name="D'Angelo",
    city="Reggio nell'Emilia 2",
    region="RE.",
    postcode="42121-12",
    country="IT",
    external_id=" C-42 ",
)


def hashed(text: str) -> str:
    """SHA-256, written independently."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_row_for_meta_is_spelled_and_hashed_as_its_own_client_does() -> None:
    """Every column of the schema, and the published hash of a published address."""
    assert dict(zip(META_SCHEMA, meta_row(MARIA), strict=True)) == {
        "EMAIL": MARY,
        "PHONE": hashed("390212345678"),
        "FN": hashed("maría"),
        "LN": hashed("d'angelo"),
        "CT": hashed("reggionell'emilia"),
        "ST": hashed("re"),
        "ZIP": hashed("42121"),
        "COUNTRY": hashed("it"),
        "EXTERN_ID": hashed("c-42"),
    }
    assert meta_row(Identity(email="a@b.it"))[1:] == [""] * 8, "what is not known is empty, never the hash of nothing"


def test_what_is_kept_to_take_somebody_out_is_what_he_was_put_in_by() -> None:
    """Hashed once, in each advertiser's own spelling: hashing it again changes nothing."""
    maria = Identity(email=" Maria.Rossi+news@Gmail.com ", phone="0039 333 1234567")
    assert meta_row(meta_matched(maria))[:2] == meta_row(maria)[:2]
    assert google_identifiers(google_matched(maria)) == google_identifiers(maria)
    assert meta_matched(Identity(email="a@b.it")).phone is None
    assert google_matched(Identity(phone="+39333")).email is None


@pytest.mark.parametrize(
    ("normalise", "given", "expected"),
    [
        pytest.param(meta_phone, "0039 333 1234567", "393331234567", id="meta-two-zeros"),
        pytest.param(meta_phone, "+1 (650) 561-5622", "16505615622", id="meta-american"),
        pytest.param(meta_place, "St. Louis (MO) 12", "stlouismo", id="meta-city"),
        pytest.param(meta_postcode, " 94 035-1234", "94035", id="meta-zip"),
        pytest.param(
            google_email, "Cloudy.SanFrancisco+shop@Gmail.com", "cloudysanfrancisco@gmail.com", id="google-gmail"
        ),
        pytest.param(google_email, "user.name+NYC@Example.com", "user.name+nyc@example.com", id="google-other"),
        pytest.param(google_email, " a b@googlemail.com", "ab@googlemail.com", id="google-spaces"),
        pytest.param(google_phone, "0039 333.1234567", "+393331234567", id="google-zeros"),
        pytest.param(google_phone, "+39 333 1234567", "+393331234567", id="google-plus"),
        pytest.param(google_phone, "no number", "", id="google-none"),
    ],
)
def test_values_are_spelled_as_each_asks(normalise: Any, given: str, expected: str) -> None:
    """One letter aside and nobody matches."""
    assert normalise(given) == expected


def test_a_person_for_google_has_a_whole_address_or_none() -> None:
    """Country and postcode are matched in clear, names hashed."""
    mail, phone, address = google_identifiers(MARIA)
    assert (mail, phone) == ({"emailAddress": MARY}, {"phoneNumber": hashed("+390212345678")})
    assert address == {
        "address": {
            "givenName": hashed("maría"),
            "familyName": hashed("d'angelo"),
            "regionCode": "IT",
            "postalCode": "42121-12",
        }
    }
    assert google_identifiers(Identity(first_name="A", last_name="B", country="IT")) == []


@given(st.text(max_size=60))
def test_nothing_readable_is_left_and_a_hash_stays_a_hash(text: str) -> None:
    """Each value is empty or 64 hexadecimal letters; hashed again it is the same."""
    text = text.encode("utf-8", "replace").decode()
    for value in meta_row(Identity(email=text, first_name=text, city=text, postcode=text)):
        assert value == "" or (len(value) == 64 and sha256(value) == value)
    row = meta_row(Identity(email=MARY, phone=MARY, city=MARY, postcode=MARY))
    assert {row[0], row[1], row[4], row[6]} == {MARY}


def test_a_file_runs_nothing_in_a_spreadsheet() -> None:
    """A postcode that is a formula is a text."""
    rows = [google_row(Identity(email="a@b.it", postcode="=1+1", country="IT"))]
    [head, line] = csv.reader(io.StringIO(as_csv(GOOGLE_COLUMNS, rows)))
    assert tuple(head) == GOOGLE_COLUMNS
    assert (line[0], line[4], line[5]) == (hashed("a@b.it"), "IT", "'=1+1")


async def test_people_go_into_a_meta_audience_and_out_again() -> None:
    """A batch in one request; who has nothing to be matched by is left out; done twice it is the same."""
    provider = MetaAds()
    async with wire([provider]) as opened:
        settings = {"audience_id": AUDIENCE, "base_url": opened.url(provider)}
        made = account(MetaAudience(), settings, {"access_token": TOKEN})
        audience = await MetaAudience().open_audience(made, opened.http)
        members = [MARIA, Identity(phone="+393331234567"), Identity(first_name="Nobody")]
        for _ in range(2):
            batch = await audience.change("add", members)
            assert (batch.sent.outcome, batch.received, batch.invalid) == ("accepted", 2, 0)
        assert provider.members == {tuple(meta_row(member)) for member in members[:2]}
        assert (await audience.change("remove", members[:1])).sent.outcome == "accepted"
        assert len(provider.members) == 1
        assert (await audience.change("add", [Identity()])).sent.code == "unmatchable"
        opened.fails(provider, status=400, body={"error": {"code": 80004, "message": "too many calls"}})
        assert (await audience.change("add", members)).sent.outcome == "retry"
        opened.fails(provider, cut="after")
        assert (await audience.change("add", members)).sent.outcome == "unknown"


async def test_people_go_into_a_google_list_and_out_again() -> None:
    """With the consent every upload must say, and the terms accepted."""
    provider = GoogleAds()
    async with wire([provider]) as opened:
        settings = {"account_id": ADS_ACCOUNT, "user_list_id": LIST, "base_url": opened.url(provider)}
        secrets = {"service_account": provider.service_account(opened.url(provider))}
        made = account(GoogleAudience(), settings, secrets)
        audience = await GoogleAudience().open_audience(made, opened.http)
        batch = await audience.change("add", [MARIA, Identity(email="a@b.it")])
        assert (batch.sent.outcome, batch.received, bool(batch.sent.provider_id)) == ("accepted", 2, True)
        assert provider.consents == [{"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}]
        assert len(provider.members) == 2
        assert (await audience.change("remove", [MARIA])).sent.outcome == "accepted"
        assert len(provider.members) == 1
        opened.fails(provider, status=503, headers={"retry-after": "9"})
        assert (await audience.change("add", [MARIA])).sent.retry_after == 9
        opened.fails(provider, status=403, body={"error": {"status": "PERMISSION_DENIED", "message": "x"}})
        assert (await audience.change("add", [MARIA])).sent.account_fault
        assert (await GoogleAudience().probe(made, opened.http)).outcome == "accepted"


async def test_a_message_on_the_channel_puts_one_person_in() -> None:
    """By the address it is for: an e-mail address or a number."""
    provider = MetaAds()
    async with wire([provider]) as opened:
        settings = {"audience_id": AUDIENCE, "base_url": opened.url(provider)}
        made = account(MetaAudience(), settings, {"access_token": TOKEN})
        assert (await opened.send(MetaAudience(), made, outgoing(address="mary@example.com"))).outcome == "accepted"
        assert {row[0] for row in provider.members} == {MARY}
        gone = outgoing(address="mary@example.com", data={"action": "remove"})
        assert (await opened.send(MetaAudience(), made, gone)).outcome == "accepted"
        assert provider.members == set()


def test_accounts_and_addresses_of_audiences_are_checked() -> None:
    """Numbers without hyphens; an address or an international number."""
    with pytest.raises(AccountInvalid):
        account(MetaAudience(), {"audience_id": "my audience"}, {"access_token": TOKEN})
    provider = GoogleAds()
    secrets = {"service_account": provider.service_account("https://x.example")}
    with pytest.raises(AccountInvalid):
        account(GoogleAudience(), {"account_id": "123-456", "user_list_id": LIST}, secrets)
    assert MetaAudience().validate_address(" +39 333 1234567 ") == "+393331234567"
    for wrong in ("maria", "@example.it", "a@b"):
        with pytest.raises(AddressInvalid):
            MetaAudience().validate_address(wrong)


async def test_without_a_token_no_message_leaves() -> None:
    """An account of another installation's key."""
    provider, other = GoogleAds(), GoogleAds()
    async with wire([provider]) as opened:
        url = opened.url(provider)
        settings = {"account_id": ADS_ACCOUNT, "user_list_id": LIST, "base_url": url}
        made = account(GoogleAudience(), settings, {"service_account": other.service_account(url)})
        http = Http(private=True)
        batch = await (await GoogleAudience().open_audience(made, http)).change("add", [MARIA])
        await http.close()
        assert (batch.sent.code, batch.sent.account_fault, opened.total(provider)) == ("no_token", True, 0)
