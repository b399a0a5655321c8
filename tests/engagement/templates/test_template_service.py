"""Templates as they are kept: drafts, versions, what differs, blocks, the cache, previews, ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.log import make_nodes
from unisono.engagement.brand import service as brands
from unisono.engagement.brand.model import ForbiddenWord, Kit
from unisono.engagement.messages.service import published
from unisono.engagement.templates import service
from unisono.engagement.templates.errors import BadTemplate, TemplateConflict, TemplateNotFound
from unisono.engagement.templates.model import Block, ChannelContent, NewTemplate
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings

NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
SETTINGS = Settings()
SECTION = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"


def new(text: str = "Ciao", *, kind: Any = "message", **more: Any) -> NewTemplate:
    """A template of one text and one e-mail."""
    said = {
        "email": {"it": ChannelContent(subject=text, mjml=SECTION.format(text))},
        "text": {"it": ChannelContent(text=text)},
    }
    return NewTemplate(name="Prova", kind=kind, purpose="transactional", content=said, **more)


class Desk:
    """Whoever writes templates; each deed in a transaction of its own."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.now = NOW

    async def save(self, code: str, template: NewTemplate, **more: Any) -> Any:
        self.now += timedelta(minutes=1)
        async with transaction(self.pool) as conn:
            return await service.save(conn, code, template, actor="anna", now=self.now, **more)

    async def publish(self, code: str, note: str = "") -> Any:
        async with transaction(self.pool) as conn:
            return await service.publish(conn, code, actor="anna", now=self.now, settings=SETTINGS, note=note)

    async def text(self, code: str, channel: str = "sms", **more: Any) -> str | None:
        async with self.pool.acquire() as conn:
            made = await service.renderers(conn, template=code, settings=SETTINGS, **more)
        return made.of(channel, "it").render({"person": {}}).text


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """A desk on the fresh database."""
    return Desk(pool)


async def test_what_is_sent_changes_when_it_is_published(desk: Desk) -> None:
    """A draft is nobody's message; a version stays what it was."""
    await desk.save("prova", new("uno"))
    with pytest.raises(TemplateNotFound):
        await desk.text("prova")
    first = await desk.publish("prova", "the first")
    assert (first.version, first.changed) == (1, False)
    await desk.save("prova", new("due"))
    assert await desk.text("prova") == "uno"
    assert (await desk.publish("prova")).version == 2
    assert (await desk.publish("prova")).version == 2
    assert await desk.text("prova") == "due"
    assert await desk.text("prova", version=1) == "uno"
    async with desk.pool.acquire() as conn:
        versions = await service.versions(conn, "prova")
        changes = service.diff(versions[1].content, versions[0].content)
    assert [(one.version, one.note, one.actor) for one in versions] == [(2, "", "anna"), (1, "the first", "anna")]
    assert [(one.channel, one.field) for one in changes] == [("email", "subject"), ("email", "mjml"), ("text", "text")]
    assert changes[2].lines[1:] == ("-uno", "+due")


async def test_two_who_write_at_once_do_not_write_over_each_other(desk: Desk) -> None:
    """The second, who has read an older draft, is told so; saying the same again is no change."""
    saved = await desk.save("prova", new("uno"))
    assert (await desk.save("prova", new("uno"))).draft_at == saved.draft_at
    changed = await desk.save("prova", new("due"), seen=saved.draft_at)
    with pytest.raises(TemplateConflict) as refused:
        await desk.save("prova", new("tre"), seen=saved.draft_at)
    assert refused.value.code == "version_conflict"
    assert changed.draft["text"]["it"].text == "due"
    with pytest.raises(TemplateConflict):
        await desk.save("prova", new(kind="block"))


BAD = {
    "channel": NewTemplate(name="x", content={"pigeon": {"it": ChannelContent(text="x")}}),
    "nul": NewTemplate(name="x", content={"text": {"it": ChannelContent(text="a\x00b")}}),
    "surrogate": NewTemplate(name="x", content={"text": {"it": ChannelContent(text="a\ud800b")}}),
    "languages": NewTemplate(
        name="x", content={"text": {f"a{chr(97 + n // 26)}{chr(97 + n % 26)}": ChannelContent() for n in range(60)}}
    ),
    "marketing notice": NewTemplate(name="x", notice="Order Completed"),
    "size": NewTemplate(
        name="x",
        content={
            "text": {one: ChannelContent(text="x" * 190_000) for one in (f"a{letter}" for letter in "abcdefghijkl")}
        },
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_what_can_be_no_template_is_refused_whole(desk: Desk, bad: NewTemplate) -> None:
    """Nothing of it is kept."""
    with pytest.raises(BadTemplate):
        await desk.save("bad", bad)
    assert await desk.pool.fetchval("select count(*) from template") == 0


async def test_what_cannot_be_compiled_is_not_published(desk: Desk) -> None:
    """The mistake names channel and language; what is sent stays."""
    await desk.save("prova", new("uno"))
    await desk.publish("prova")
    await desk.save("prova", new("{% if x %}"))
    with pytest.raises(BadTemplate) as refused:
        await desk.publish("prova")
    assert (refused.value.extra["channel"], refused.value.extra["language"]) == ("text", "it")
    assert await desk.text("prova") == "uno"
    await desk.save("empty", NewTemplate(name="Vuoto"))
    with pytest.raises(BadTemplate):
        await desk.publish("empty")


async def test_a_block_among_the_pieces_of_a_mail_is_used_by_it(desk: Desk) -> None:
    """Named by a piece of a mail as by Liquid: it cannot be archived under the messages that show it."""
    said = {"email": {"it": ChannelContent(subject="Ciao", blocks=(Block(is_="text", text="Ciao da noi"),))}}
    await desk.save("firma", NewTemplate(name="Firma", kind="block", content=said))
    await desk.publish("firma")
    mail = {"email": {"it": ChannelContent(subject="Prova", blocks=(Block(is_="block", code="firma"),))}}
    await desk.save("prova", NewTemplate(name="Prova", purpose="service", content=mail))
    await desk.publish("prova")
    async with transaction(desk.pool) as conn:
        assert [one.code for one in await service.used_by(conn, "firma")] == ["prova"]
        assert await service.used_by(conn, "fir_a") == []
        with pytest.raises(TemplateConflict):
            await service.archive(conn, "firma", now=NOW)


@pytest.mark.parametrize(
    "call",
    ["{%- block 'firma' -%}", '{%block  "firma"%}', '{%\n\tblock\n"firma"\n%}'],
    ids=["single quotes and dashes", "blanks", "lines"],
)
async def test_a_block_is_used_however_its_name_is_written(desk: Desk, call: str) -> None:
    """Whatever puts it in keeps it from being archived; a code like it does not."""
    said = {"text": {"it": ChannelContent(text="Ciao da noi")}}
    await desk.save("firma", NewTemplate(name="Firma", kind="block", content=said))
    await desk.publish("firma")
    message = {"text": {"it": ChannelContent(text=f"Testo. {call}")}}
    await desk.save("prova", NewTemplate(name="Prova", purpose="service", content=message))
    await desk.publish("prova")
    assert await desk.text("prova") == "Testo. Ciao da noi"
    async with transaction(desk.pool) as conn:
        assert [one.code for one in await service.used_by(conn, "firma")] == ["prova"]
        assert [await service.used_by(conn, code) for code in ("fir.a", "irma", "firm", "firma2")] == [[]] * 4
        with pytest.raises(TemplateConflict):
            await service.archive(conn, "firma", now=NOW)


async def test_a_changed_block_changes_the_messages_that_contain_it(desk: Desk) -> None:
    """At once and in every process; one that would break them is not published, one that is used not archived."""
    block = NewTemplate(name="Firma", kind="block", content={"text": {"it": ChannelContent(text="Ciao da noi")}})
    message = NewTemplate(
        name="Prova", purpose="service", content={"text": {"it": ChannelContent(text='Testo. {% block "firma" %}')}}
    )
    await desk.save("prova", message)
    with pytest.raises(BadTemplate):
        await desk.publish("prova")
    await desk.save("firma", block)
    await desk.publish("firma")
    await desk.publish("prova")
    assert await desk.text("prova") == "Testo. Ciao da noi"
    other = {"text": {"it": ChannelContent(text="A presto")}}
    await desk.save("firma", NewTemplate(name="Firma", kind="block", content=other))
    await desk.publish("firma")
    assert await desk.text("prova") == "Testo. A presto"
    loop = {"text": {"it": ChannelContent(text='{% block "firma" %}')}}
    await desk.save("firma", NewTemplate(name="Firma", kind="block", content=loop))
    with pytest.raises(BadTemplate):
        await desk.publish("firma")
    async with transaction(desk.pool) as conn:
        assert [one.code for one in await service.used_by(conn, "firma")] == ["prova"]
        with pytest.raises(TemplateConflict) as refused:
            await service.archive(conn, "firma", now=NOW)
        assert refused.value.code == "template_used"
        assert (await service.archive(conn, "prova", now=NOW)).archived_at == NOW
        assert "prova" not in {one.code for one in await service.page(conn)}


async def test_a_changed_brand_changes_what_is_sent(desk: Desk) -> None:
    """Its footer is in the next message, without a new version of the template."""
    await desk.save("prova", new("uno"))
    await desk.publish("prova")
    assert await desk.text("prova", channel="email") == "uno"
    async with transaction(desk.pool) as conn:
        await brands.save(conn, Kit(name="Alpestre", footer={"it": "Noi, Torino"}), actor="anna", now=NOW)
    assert await desk.text("prova", channel="email") == "Alpestre\n\nuno\n\nNoi, Torino".removeprefix("Alpestre\n\n")


async def test_ours_are_there_until_somebody_writes_another(desk: Desk) -> None:
    """Without a row; publishing keeps it; changing it makes it the shop's own."""
    assert "preferenze" in (await desk.text("preferences") or "")
    async with desk.pool.acquire() as conn:
        listed = await service.page(conn)
    assert {"welcome", "order-ready"} <= {one.code for one in listed}
    assert all(one.builtin and one.version == 0 for one in listed)
    published = await desk.publish("order-ready")
    assert (published.version, published.builtin) == (1, False)
    async with desk.pool.acquire() as conn:
        notices = await service.noticing(conn)
    assert [(one.event, one.code) for one in notices] == [("Order Ready for Pickup", "order-ready")]
    await desk.save("preferences", new("mie"))
    await desk.publish("preferences")
    assert await desk.text("preferences") == "mie"
    with pytest.raises(TemplateNotFound):
        await desk.text("nobody")


async def test_a_draft_over_one_of_ours_is_a_draft(desk: Desk) -> None:
    """Ours is sent until the draft is published; what is a message stays one."""
    ours = await desk.text("preferences")
    await desk.save("preferences", new("mie"))
    assert await desk.text("preferences") == ours
    async with desk.pool.acquire() as conn:
        assert await published(conn, "preferences") == 0
    with pytest.raises(TemplateConflict):
        await desk.save("welcome", new("io", kind="block"))


async def test_a_content_of_ones_own_is_rendered_like_a_template(desk: Desk) -> None:
    """Compiled once for all who get the same."""
    content = {"text": {"it": ChannelContent(text="Ciao {{ data.who }}")}}
    async with desk.pool.acquire() as conn:
        one = await service.renderers(conn, template=None, content=content, purpose="service", settings=SETTINGS)
        two = await service.renderers(conn, template=None, content=dict(content), purpose="service", settings=SETTINGS)
    assert one is two
    assert one.of("telegram", "it").render({"data": {"who": "Ada"}}).text == "Ciao Ada"


async def test_a_preview_speaks_the_language_of_the_person(desk: Desk, pool: Pool) -> None:
    """As his message would, unless another language is asked for."""
    content = {"sms": {code: ChannelContent(text=code) for code in ("de", "en", "it")}}
    async with transaction(pool) as conn:
        nodes = await make_nodes(conn, 3)
        for node, name, said in zip(nodes, ("language", "locale", "city"), ("de-AT", "en_GB", "Graz"), strict=True):
            await conn.execute(
                "insert into trait (node_id, name, source_id, value, occurred_at)"
                " values ($1, $2, 0, to_jsonb($3::text), $4)",
                node, name, said, NOW,
            )  # fmt: skip

        async def spoken(node: int | None, language: str | None = None) -> str:
            made = await service.preview(
                conn, content, purpose="service", brand="default", channel="sms", language=language, node_id=node,
                data={}, settings=SETTINGS, now=NOW,
            )  # fmt: skip
            return made.rendered.language

        company = await spoken(None)
        assert [await spoken(node) for node in nodes] == ["de", "en", company]
        assert await spoken(nodes[0], "it") == "it"


async def test_a_preview_shows_what_a_person_would_get_and_what_is_missing(desk: Desk, pool: Pool) -> None:
    """With live facts, without sending, with what the brand has against it."""
    cheap = SECTION.format("prezzi economici {{ points.balance }}")
    async with transaction(pool) as conn:
        node = (await make_nodes(conn, 1))[0]
        await brands.save(conn, Kit(words=(ForbiddenWord(word="economico"),)), actor="a", now=NOW)
        made = await service.preview(
            conn,
            {"email": {"it": ChannelContent(subject="{{ person.first_name }}", mjml=cheap)}},
            purpose="marketing", brand="default", channel="email", language="it", node_id=node, data={},
            settings=SETTINGS, now=NOW,
        )  # fmt: skip
    assert made.missing == ("person.first_name",)
    assert [(one.rule, one.severity) for one in made.findings] == [("forbidden_word", "block")]
    assert "prezzi economici 0" in (made.rendered.text or "")
    assert "/u/preview" in (made.rendered.text or "")
    assert await pool.fetchval("select count(*) from message") == 0
