"""Consent and privacy in the console, on the real database."""

from __future__ import annotations

import re
from html import unescape

from tests.support.console import Site, identify, text_of


def read(html: str) -> str:
    return unescape(text_of(html))


async def mario(site: Site) -> int:
    await site.send(identify("mario", name="Mario Rossi", email="mario@example.it", phone="+393331234567"))
    await site.work()
    return await site.person("email", "mario@example.it")


async def test_what_was_said_is_recorded_shown_as_a_badge_and_withdrawn(site: Site) -> None:
    """A yes to text messages holds at once, one to e-mail waits for its owner; a withdrawal is for every address."""
    person = await mario(site)
    await site.sign_in_as("agent")
    where = f"/console/people/{person}/consents"
    assert "Nothing was ever said" in read((await site.get(where)).text)
    assert "no marketing goes out" in read((await site.get(f"/console/people/{person}")).text)
    said = {"part": "say", "action": "granted", "proof": "on the phone"}
    assert (await site.post(where, {**said, "place": "marketing/sms"})).status_code == 303
    assert (await site.post(where, {**said, "place": "marketing/email"})).status_code == 303
    page = read((await site.get(where)).text)
    assert "agreed" in page
    assert "Waits to be confirmed" in page
    person_page = (await site.get(f"/console/people/{person}")).text
    assert re.search(r'class="badge badge-good"[^>]*title="SMS: agreed', person_page), "a badge a channel, with why"
    assert (await site.post(where, {"part": "withdraw", "purpose": "marketing"})).status_code == 303
    assert "withdrawn" in read((await site.get(where)).text)
    for odd in ({"part": "say"}, {"part": "zz"}, {"part": "say", "place": "zz/zz", "action": "granted"},
                {"part": "withdraw", "purpose": "zz"}, {"part": "block", "address": "9/email", "detail": "x"},
                {"part": "say", "place": "marketing/sms", "action": "granted", "text": "zz/1/it"}):  # fmt: skip
        assert (await site.post(where, odd)).status_code in (400, 404), odd
    assert await site.audit("consent.say")
    assert await site.audit("consent.withdraw")


async def test_an_address_is_blocked_by_the_agent_and_unblocked_with_a_reason_by_the_officer(site: Site) -> None:
    person = await mario(site)
    node = await site.pool.fetchval("select id from node where namespace = 'email'")
    await site.sign_in_as("agent")
    where = f"/console/people/{person}/consents"
    block = {"part": "block", "address": f"{node}/email", "purposes": "all", "detail": "returned mail"}
    assert (await site.post(where, block)).status_code == 303
    assert (await site.get("/console/consent-blocked")).status_code == 403
    lift = {"part": "unblock", "node": str(node), "channel": "email", "why": "a typing mistake"}
    assert (await site.post(where, lift)).status_code == 400, "only who answers for privacy"
    await site.sign_in_as("privacy_officer")
    listed = read((await site.get("/console/consent-blocked?reason=manual")).text)
    assert "mario@example.it" in listed
    assert "nothing goes there" in listed
    assert (await site.post(where, {**lift, "why": ""})).status_code == 400
    assert (await site.post(where, lift)).status_code == 303
    assert "Nothing matches" in read((await site.get("/console/consent-blocked?reason=manual")).text)
    assert "Mario Rossi" in read((await site.get("/console/consent-blocked?state=lifted")).text)
    assert (await site.get("/console/consent-blocked?after=zz&reason=zz")).status_code == 200


async def test_a_text_gets_versions_and_the_law_is_switched_with_a_reason(site: Site) -> None:
    await site.sign_in_as("privacy_officer")
    assert "No text yet" in read((await site.get("/console/consent")).text)
    form = {"id": "newsletter", "purpose": "marketing", "channels": "email", "body-it": "Sì.", "body-en": "Yes."}
    assert (await site.post("/console/consent", form)).status_code == 303
    assert (await site.post("/console/consent", {**form, "body-en": "Yes, please."})).status_code == 303
    page = read((await site.get("/console/consent?text=newsletter")).text)
    assert "version 2" in page
    assert "Yes." in page
    assert (await site.post("/console/consent", {**form, "id": "!?"})).status_code == 400
    law = {"name": "confirm_within_days", "value": "60"}
    assert (await site.post("/console/consent-law", law)).status_code == 400, "not without a reason"
    assert (await site.post("/console/consent-law", {**law, "reason": "Holidays"})).status_code == 303
    page = read((await site.get("/console/consent-law")).text)
    assert "60 30 · Holidays" in page
    back = {"name": "confirm_within_days", "deed": "default", "reason": "over"}
    assert (await site.post("/console/consent-law", back)).status_code == 303
    assert "Holidays" not in read((await site.get("/console/consent-law")).text)
    channels = {"name": "register_channels", "register_channels-channels": "call", "reason": "letters by another house"}
    assert (await site.post("/console/consent-law", channels)).status_code == 303
    assert (await site.post("/console/consent-law", {"name": "zz", "reason": "x"})).status_code == 404
    switched = await site.pool.fetch("select action from audit_entry where action like 'consent.l%'")
    assert [row["action"] for row in switched] == ["consent.legal"] * 3, "each switch is written down once"
    await site.sign_in_as("marketer")
    assert (await site.post("/console/consent-law", {**law, "reason": "x"})).status_code == 403


async def test_a_text_is_named_in_anybody_s_words_and_a_wrong_setting_is_told_in_its_form(site: Site) -> None:
    """A code is made of the name; what was typed into a setting stays there, with what is wrong."""
    await site.sign_in_as("privacy_officer")
    done = await site.post("/console/consent", {"id": "Novità d'estate!", "purpose": "marketing", "body-it": "Sì"})
    assert done.headers["location"] == "/console/consent?text=novita-d-estate"
    empty = await site.post("/console/consent", {"id": "x", "purpose": "marketing"})
    assert empty.status_code == 400
    assert "Write the words people agree to" in text_of(empty.text)
    setting = {"name": "confirm_within_days", "value": "zero", "reason": "Because"}
    wrong = await site.post("/console/consent-law", setting)
    assert wrong.status_code == 400
    form = wrong.text[wrong.text.index('value="confirm_within_days"') :]
    form = form[: form.index("</form>")]
    assert "This number cannot be read" in text_of(form)
    assert 'value="zero"' in form
    assert 'value="Because"' in form


async def test_looks_into_the_register_are_taken_in_from_a_file(site: Site) -> None:
    await mario(site)
    await site.sign_in_as("privacy_officer")
    data = {"_csrf_token": site.csrf, "channel": "call", "source": "RPO"}
    file = {"file": ("rpo.csv", b"value,listed\n+393331234567,yes\n+390000,no\n", "text/csv")}
    done = await site.client.post("/console/consent-register", data=data, files=file)
    assert done.status_code == 200, read(done.text)
    assert "2 lines read" in read(done.text)
    assert await site.pool.fetchval("select listed from register_check")
    wrong = {"file": ("rpo.csv", b"number\n1\n", "text/csv")}
    assert (await site.client.post("/console/consent-register", data=data, files=wrong)).status_code == 400
    assert (await site.client.post("/console/consent-register", data=data)).status_code == 400


async def test_an_erasure_waits_for_the_name_and_nothing_goes_before(site: Site) -> None:
    """Asked, looked at, the wrong name refused, the right one begins it; one that waits can be refused."""
    person = await mario(site)
    await site.sign_in_as("privacy_officer")
    assert "Nobody has asked" in read((await site.get("/console/privacy-requests")).text)
    asked = await site.post("/console/privacy-requests", {"kind": "erasure", "person": str(person)})
    where = asked.headers["location"]
    page = (await site.get(where)).text
    assert "The second step" in read(page)
    assert "mario@example.it" in read(page)
    assert "Traits" in read(page), "tables are named for people"
    code = re.search(r'name="confirmation" value="([^"]+)"', page)
    assert code
    wrong = await site.post(where, {"confirmation": code[1], "name": "Maria Rossi"})
    assert wrong.status_code == 409
    assert "not the name that is shown" in read(wrong.text)
    assert (await site.post(where, {"confirmation": "00", "name": "Mario Rossi"})).status_code == 409
    second = await site.post("/console/privacy-requests", {"kind": "erasure", "person": str(person)})
    assert (await site.post(second.headers["location"], {"part": "refuse"})).status_code == 303
    begun = await site.post(where, {"confirmation": code[1], "name": "mario rossi", "despite_standing": "yes"})
    assert begun.status_code == 303, read(begun.text)
    deeds = await site.pool.fetch(
        "select action from audit_entry where action like 'privacy.%' and action <> 'privacy.read' order by id"
    )
    written = [row["action"] for row in deeds]
    assert written == ["privacy.asked", "privacy.asked", "privacy.refused", "privacy.confirmed"], "each step once"
    assert "being done" in read((await site.get(where)).text)
    listed = read((await site.get("/console/privacy-requests?kind=erasure")).text)
    assert "refused" in listed
    assert (await site.post(where, {"part": "refuse"})).status_code == 409, "what has begun cannot be refused"
    copy = await site.post("/console/privacy-requests", {"kind": "access", "person": str(person)})
    assert "being done" in read((await site.get(copy.headers["location"])).text)
    await site.sign_in_as("marketer")
    assert (await site.get("/console/privacy-requests")).status_code == 403
    assert (await site.get(where)).status_code == 403
