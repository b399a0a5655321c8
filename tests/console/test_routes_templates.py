"""Templates in the console, on the real database: drafts, publishing, previews in their frame."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from tests.support.console import Site, identify, text_of
from unisono.console.security import FRAME_POLICY
from unisono.engagement.templates import ports
from unisono.kit.database import Connection

EDITOR = "/console/templates/spring?channel=email&language=en"


def read(html: str) -> str:
    return unescape(text_of(html))


async def begin(site: Site, **fields: str) -> None:
    """A marketer begins the draft of an e-mail."""
    await site.sign_in_as("marketer")
    made = await site.post("/console/templates", {"name": "Spring!", "code": "spring", "language": "en", **fields})
    assert made.status_code == 303, read(made.text)
    assert made.headers["location"] == EDITOR


async def form(site: Site, path: str = EDITOR) -> dict[str, str]:
    """The hidden fields of the editor as a browser would send them."""
    html = (await site.get(path)).text
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([\w.]+)" value="([^"]*)"', html)
            if name in ("seen", "channel", "language", "b.n") or name.endswith(".is")}  # fmt: skip


async def write(site: Site, path: str = EDITOR, **fields: str) -> Any:
    """Fill in the editor and press a button."""
    return await site.post("/console/templates/spring", {**await form(site, path), **fields})


async def test_an_e_mail_is_made_of_pieces_seen_and_published(site: Site) -> None:
    """A draft is begun, pieces are added and moved, and publishing makes it version 1; all is audited."""
    await begin(site)
    assert "Nothing in it yet" in read((await site.get(EDITOR)).text)
    await write(site, subject="Hello {{ person.first_name | default: 'friend' }}", do="add", kind="heading")
    await write(site, **{"b0.text": "Snow <b>", "do": "add", "kind": "text"})
    moved = await write(site, **{"b0.text": "Snow <b>", "b1.text": "Boots", "do": "up:1"})
    assert moved.headers["location"] == f"{EDITOR}#pieces"
    page = (await site.get(EDITOR)).text
    assert "Hello friend" in read(page)
    frame = unescape(re.search(r'<iframe[^>]* sandbox=""[^>]* src="([^"]+)"', page)[1])  # type: ignore[index]
    mail = await site.get(frame)
    assert mail.text.index("Boots") < mail.text.index("Snow &lt;b&gt;")
    published = await site.post("/console/templates/spring/publish", {**await form(site), "note": "first"})
    assert published.status_code == 303
    assert "version 1" in read((await site.get(EDITOR)).text)
    assert await site.pool.fetchval("select version from template where code = 'spring'") == 1
    assert len(await site.audit("template.publish")) == 1
    assert len(await site.audit("template.save")) == 4


async def test_the_frame_of_an_e_mail_reaches_nothing_around_it(site: Site) -> None:
    """Its policy forbids scripts, forms and the console; only pages of the console may show it."""
    await begin(site)
    await write(site, subject="Hi", do="add", kind="heading")
    answer = await site.get("/console/templates/spring/frame?channel=email&language=en")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == FRAME_POLICY
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cache-control"] == "no-store"
    broken = await site.get("/console/templates/spring/frame?channel=sms&language=en")
    assert "says nothing on sms" in broken.text
    assert broken.headers["content-security-policy"] == FRAME_POLICY
    page = await site.get(EDITOR)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_a_preview_as_a_person_is_noted_once_and_only_for_who_may_see_him(site: Site) -> None:
    """The page notes who looked at whom; its frame does not note it again, a frame called alone does."""
    await site.send(identify("mario", email="mario@example.it", first_name="Mario"))
    await site.work()
    await begin(site)
    await write(site, subject="Ciao {{ person.first_name }}", do="add", kind="heading")
    page = (await site.get(f"{EDITOR}&as=mario@example.it")).text
    assert "Ciao Mario" in read(page)
    assert len(await site.audit("template.preview")) == 1
    frame = unescape(re.search(r'<iframe[^>]* src="([^"]+)"', page)[1])  # type: ignore[index]
    await site.get(frame)
    assert len(await site.audit("template.preview")) == 1
    await site.get(re.sub(r"&seal=[^&]+", "", frame))
    assert len(await site.audit("template.preview")) == 2
    assert "There is no such person" in read((await site.get(f"{EDITOR}&as=nobody@example.it")).text)
    await site.sign_in_as("analyst")
    refused = await site.get(f"{EDITOR}&as=mario@example.it")
    assert "Ciao Mario" not in read(refused.text)
    assert "Mario" not in (await site.get(frame)).text
    assert len(await site.audit("template.preview")) == 2


async def test_what_cannot_be_compiled_is_told_and_not_published(site: Site) -> None:
    """A broken draft may be kept, its preview names what is wrong, and publishing refuses it."""
    await begin(site)
    await write(site, subject="{% if %}", do="save")
    page = await site.get(EDITOR)
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    refused = await site.post("/console/templates/spring/publish", await form(site))
    assert refused.status_code == 400
    assert await site.pool.fetchval("select version from template where code = 'spring'") == 0


async def test_two_who_write_at_once_do_not_write_over_each_other(site: Site) -> None:
    """The second one is told, and reads what he typed."""
    await begin(site)
    old = await form(site)
    await write(site, subject="First", do="save")
    late = await site.post("/console/templates/spring", {**old, "subject": "Second", "do": "save"})
    assert late.status_code == 409
    assert 'value="Second"' in late.text
    assert "First" in read((await site.get(EDITOR)).text)


async def test_channels_and_languages_come_and_go(site: Site) -> None:
    """Another language begins with what is said in the first; a place taken out is gone."""
    await begin(site)
    await write(site, subject="Hello", do="save")
    added = await write(site, subject="Hello", new_language="it", do="place")
    assert added.headers["location"].endswith("channel=email&language=it")
    text = await write(site, new_channel="sms", new_language="it", do="place")
    there = text.headers["location"]
    saved = await write(site, there, text="Ciao", data='{"x": 1}', do="save")
    assert saved.status_code == 303
    assert "Ciao" in read((await site.get(there)).text)
    unread = await write(site, there, text="Nuovo", data="{", do="save")
    assert unread.status_code == 400
    assert "Nuovo" in unread.text
    await write(site, there, do="drop")
    draft = await site.pool.fetchval("select draft::text from template where code = 'spring'")
    assert '"sms"' not in draft
    assert '"it"' in draft


async def test_versions_are_compared_and_brought_back_into_the_draft(site: Site) -> None:
    """Each version shows what it changed; an old one comes back as a draft, not as what is sent."""
    await begin(site)
    for subject in ("Winter", "Spring"):
        await write(site, subject=subject, do="save")
        await site.post("/console/templates/spring/publish", await form(site))
    page = (await site.get(f"{EDITOR}&diff=2")).text
    assert re.search(r"<del>Winter</del>.*<ins>Spring</ins>", page, re.DOTALL)
    await site.post("/console/templates/spring/revert", {"version": "1"})
    assert "changed since version 2" in read((await site.get(EDITOR)).text)
    assert "<ins>Winter</ins>" in (await site.get(f"{EDITOR}&diff=draft")).text
    wrong = await site.post("/console/templates/spring/revert", {"version": "77"})
    assert wrong.status_code == 303
    await site.post("/console/templates/spring/archive")
    assert "Spring! is out of use" in read((await site.get("/console/templates")).text)
    assert "Spring!" not in read((await site.get("/console/templates")).text)
    assert "out of use" in read((await site.get("/console/templates?show=archived")).text)


async def test_pieces_become_mjml_and_a_code_is_made_of_the_name(site: Site) -> None:
    """What was put together from pieces goes on as MJML, with nothing lost."""
    await site.sign_in_as("marketer")
    form_ = {"name": "È primavera", "language": "it", "channel": "email"}
    made = await site.post("/console/templates", form_)
    assert made.headers["location"] == "/console/templates/e-primavera?channel=email&language=it"
    taken = await site.post("/console/templates", form_)
    assert taken.status_code == 409
    await begin(site)
    await write(site, do="add", kind="text")
    await write(site, **{"b0.text": "Boots", "do": "mjml"})
    page = (await site.get(EDITOR)).text
    assert "&lt;mj-text&gt;Boots" in page
    assert 'name="b.n"' not in page
    assert (await site.post("/console/templates", {"name": "!!!"})).status_code == 400


@pytest.fixture
async def tests_sent() -> AsyncIterator[list[ports.TestSend]]:
    """Who sends tests is a list; given back afterwards."""
    before, sent = ports.sender(), []

    async def send(conn: Connection, wanted: ports.TestSend) -> int:
        sent.append(wanted)
        return 17

    ports.give(test_send=send)
    yield sent
    ports._senders[:] = [before] if before else []


async def test_a_test_goes_to_one_address_once_however_often_it_is_pressed(
    site: Site, tests_sent: list[ports.TestSend]
) -> None:
    await begin(site)
    wanted = {"to": "anna@alpestre.example", "channel": "email", "once": "k1"}
    for _ in range(2):
        done = await site.post("/console/templates/spring/test", wanted)
        assert done.headers["location"] == "/console/outbox/17"
    assert [one.to for one in tests_sent] == ["email:anna@alpestre.example"]
    assert len(await site.audit("template.test")) == 1


async def test_a_reader_sees_templates_and_changes_none(site: Site) -> None:
    await begin(site)
    await site.sign_in_as("analyst")
    page = await site.get(EDITOR)
    assert page.status_code == 200
    assert 'value="add"' not in page.text
    assert (await site.get("/console/templates/none")).status_code == 404
    assert (await site.get("/console/templates?show=block")).status_code == 200


async def test_a_mistake_in_a_piece_is_marked_at_the_piece_and_the_brand_s_no_before_publishing(site: Site) -> None:
    """Who writes pieces is told which one is wrong, without lines of what they become; a forbidden word is told."""
    await begin(site)
    await write(site, subject="Hi", do="add", kind="heading")
    await write(site, subject="Hi", do="add", kind="text", **{"b0.text": "Snow"})
    await write(site, **{"b0.text": "Snow", "b1.text": "Boots {% if person.city %}near you"}, subject="Hi")
    page = (await site.get(EDITOR)).text
    second = page[page.index("Paragraph") :]
    assert "The Liquid cannot be read: expected tag endif" in read(second[: second.index("</fieldset>")])
    assert page.count('<p class="fault">') == 1
    await write(site, **{"b0.text": "Snow", "b1.text": "Boots {{ x | no_such }}"}, subject="Hi")
    assert "There is no filter 'no_such'." in read((await site.get(EDITOR)).text)
    brand = {"version": "0", "w0.word": "cheap", "w0.language": "en"}
    assert (await site.post("/console/brand", brand)).status_code == 303
    await write(site, **{"b0.text": "Cheap boots", "b1.text": "Boots"}, subject="Hi")
    assert "the brand keeps it from leaving" in read((await site.get(EDITOR)).text)


async def test_a_language_is_typed_as_people_write_it_and_what_is_none_is_told_beside_it(site: Site) -> None:
    """IT and de_at are languages; a word is none, and no pattern of a program is shown."""
    await begin(site)
    added = await write(site, do="place", new_channel="", new_language="de_at")
    assert added.headers["location"].endswith("channel=email&language=de-AT")
    wrong = await write(site, do="place", new_channel="", new_language="tedesco")
    assert wrong.status_code == 400
    assert "This is no language" in read(wrong.text)
    assert 'id="new_language-fault"' in wrong.text
    other = await site.post("/console/templates", {"name": "Fall", "language": "inglese"})
    assert other.status_code == 400
    assert "regex" not in other.text
    assert 'id="new-language-fault"' in other.text


async def test_kept_blocks_and_lists_are_chosen_by_name(site: Site) -> None:
    """A piece that is a kept block offers the blocks there are, and keeps one that is gone."""
    await begin(site, code="spring")
    await site.post(
        "/console/templates", {"name": "Winter corner", "code": "winter", "kind": "block", "language": "en"}
    )
    await write(site, subject="Hi", do="add", kind="block")
    await write(site, subject="Hi", do="add", kind="products", **{"b0.code": "gone"})
    page = (await site.get(EDITOR)).text
    options = re.search(r'<select[^>]*name="b0.code".*?</select>', page, re.DOTALL)
    assert options is not None
    assert '<option value="winter" >Winter corner</option>' in options[0]
    assert '<option value="gone" selected>gone</option>' in options[0]
    assert "what lies in the open cart" in read(page)


async def test_a_test_goes_to_people_who_are_known_and_says_so(site: Site) -> None:
    """The reader's own address is offered when somebody has it; an address nobody has is told as such."""
    await begin(site)
    assert re.search(r'name="to" value=""', (await site.get(EDITOR)).text)
    await site.post("/console/templates/spring/test", {"to": "nobody@alpestre.example", "channel": "email"})
    assert "Nobody here has this address" in read((await site.get(EDITOR)).text)
    await site.send(identify("me", email="marketer@alpestre.example"))
    await site.work()
    assert re.search(r'name="to" value="marketer@alpestre.example"', (await site.get(EDITOR)).text)


async def test_what_is_out_of_use_is_listed_alone(site: Site) -> None:
    """Its filter shows those and no others."""
    await begin(site)
    await write(site, subject="Hi", do="add", kind="heading")
    await site.post("/console/templates/spring/publish", await form(site))
    assert "Spring!" not in read((await site.get("/console/templates?show=archived")).text)
    await site.post("/console/templates/spring/archive")
    listed = read((await site.get("/console/templates?show=archived")).text)
    assert "Spring!" in listed
    assert "Welcome" not in listed
