"""The brand in the console, on the real database."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.support.console import Site, text_of


def read(html: str) -> str:
    return unescape(text_of(html))


async def form(site: Site) -> dict[str, str]:
    """The brand's form as a browser would send it."""
    html = (await site.get("/console/brand")).text
    html = html[html.index('name="version"') - 200 : html.index("</form>", html.index('name="version"'))]
    fields = {name: unescape(value) for name, value in
              re.findall(r'<input(?![^>]*checkbox)[^>]* name="([^"]+)"[^>]*? value="([^"]*)"', html)}  # fmt: skip
    fields |= {
        name: unescape(value) for name, value in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)<', html)
    }
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    return fields | dict.fromkeys(re.findall(r'<input type="checkbox"[^>]* name="([^"]+)"[^>]* checked', html), "yes")


async def save(site: Site, **fields: str) -> int:
    """Change some fields and save; the status."""
    return (await site.post("/console/brand", {**await form(site), **fields})).status_code


async def test_a_brand_is_written_checked_against_and_brought_back(site: Site) -> None:
    """What is saved forbids words at once, each version stands with what it changed, and one can go back."""
    await site.sign_in_as("marketer")
    assert "Nobody has written it yet" in read((await site.get("/console/brand")).text)
    assert await save(site, name="Alpestre", **{"colour.accent": "#ffee00", "footer.it": "Alpestre S.r.l."}) == 303
    page = read((await site.get("/console/brand")).text)
    assert "hard to read" in page
    words = {"w0.word": "cheap", "w0.language": "en", "w0.instead": "good value", "w0.severity": "block"}
    assert await save(site, **words, **{"c0.text": "the warmest", "tone.it.wanted": "montagna\nrifugio"}) == 303
    found = await site.get("/console/brand-check", params={"text": "A cheap jacket", "language": "en"})
    assert "“cheap” is not said by this brand; say “good value”" in read(found.text)
    assert "It may not be said so." in read(found.text)
    fine = await site.get("/console/brand-check", params={"text": "A fine jacket", "language": "en"})
    assert "Nothing against it." in read(fine.text)
    kept = await form(site)
    assert (kept["w0.word"], kept["c0.text"], kept["name"]) == ("cheap", "the warmest", "Alpestre")
    assert kept["tone.it.wanted"] == "montagna\nrifugio"
    assert await save(site) == 303
    assert await site.pool.fetchval("select version from brand") == 2
    back = await site.post("/console/brand?restore=1")
    assert back.status_code == 303
    assert (await form(site))["w0.word"] == ""
    assert "version 3" in read((await site.get("/console/brand")).text)
    assert len(await site.audit("brand.save")) == 4


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"colour.ink": "red"}, "is no colour"),
        ({"logo_url": "javascript:alert(1)"}, "begins with https"),
        ({"most_capitals": "900"}, "This number cannot be read"),
        ({"must.vat": "yes", "vat": ""}, "must stand in every footer"),
        ({"w0.word": "x"}, "A word has 2 to 80 characters"),
        ({"w0.word": "cheap", "w0.language": "inglese"}, "This is no language"),
        ({"sender_names": "pigeon: Alpestre"}, "There is no such channel"),
        ({"version": "41"}, "Somebody else has changed it meanwhile"),
    ],
    ids=["colour", "address", "number", "footer", "word", "language", "sender", "version"],
)
async def test_a_brand_that_cannot_be_is_refused_and_what_was_typed_stays(
    site: Site, fields: dict[str, str], said: str
) -> None:
    await site.sign_in_as("marketer")
    answer = await site.post("/console/brand", {**await form(site), "name": "Alpestre", **fields})
    assert answer.status_code in (400, 409)
    assert said in read(answer.text)
    assert "regex" not in answer.text
    assert 'name="name" type="text" value="Alpestre"' in answer.text
    for value in fields.values():
        assert f'value="{value}"' in answer.text or f">{value}</textarea>" in answer.text or value == "yes"
    if "version" not in fields:
        assert answer.text.count('class="fault"') == 1, "the field is marked"
    assert await site.pool.fetchval("select count(*) from brand") == 0


async def test_a_sender_is_named_by_channel_or_for_all(site: Site) -> None:
    """A name alone is everybody's; E-mail is a channel as it is spelt by people."""
    await site.sign_in_as("marketer")
    said = {**await form(site), "sender_names": "Alpestre\r\nE-mail: Alpestre per te"}
    assert (await site.post("/console/brand", said)).status_code == 303
    assert "*: Alpestre\nemail: Alpestre per te" in (await site.get("/console/brand")).text


async def test_who_may_only_read_sees_the_brand_and_may_try_a_text(site: Site) -> None:
    """Whoever answers customers looks at his words; the form is shut."""
    await site.sign_in_as("agent")
    page = await site.get("/console/brand")
    assert re.search(r"<fieldset[^>]*disabled", page.text)
    assert "Save the brand" not in page.text
    assert (await site.get("/console/brand-check?text=hello")).status_code == 200
    assert (await site.get("/console/brand?code=none")).status_code == 404
    assert (await site.post("/console/brand", {"name": "x"})).status_code == 403
