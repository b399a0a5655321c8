"""E-mails: MJML with Liquid in it, the text made from it, the brand's footer, the way out, links, languages, blocks."""

from __future__ import annotations

from typing import Any

import pytest

from unisono.engagement.brand.model import Kit, Said
from unisono.engagement.brand.rules import check
from unisono.engagement.templates.builtin import builtins
from unisono.engagement.templates.errors import BadTemplate, ContentMissing, RenderFailed
from unisono.engagement.templates.model import Block, Button, ChannelContent, Rendered
from unisono.engagement.templates.rendering import Renderer, Renderers

KIT = Kit(
    name="Alpestre",
    company="Alpestre S.p.A.",
    vat="IT01234567890",
    address="Via Roma 1, Torino",
    colours={"accent": "#aa3322"},
    footer={"it": "Ricevi questa e-mail perché sei cliente.", "en": "You get this e-mail as a customer."},
    footer_fields=("company", "vat"),
    site_url="https://shop.example",
)
LINKS = {"unsubscribe": "https://shop.example/u/abc", "preferences": "https://shop.example/p/abc"}
MJML = """<mjml><mj-body>
{% if segments contains "vip" and points.balance > 10 %}
  <mj-section><mj-column><mj-text>Sei dei nostri</mj-text></mj-column></mj-section>
{% endif %}
<mj-section><mj-column>
  <mj-text>Ciao {{ person.first_name | default: "amica" }}</mj-text>
  <mj-table>{% for p in products %}<tr><td><a href="{{ p.url }}">{{ p.name }}</a></td><td>{{ p.price }}</td></tr>
  {% endfor %}</mj-table>
  <mj-button href="https://shop.example/?a=1&amp;b={{ person.id }}"
    background-color="{{ brand.colours.accent }}">Vai</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
PRODUCTS = [{"name": f"Scarpa {i}", "url": f"https://shop.example/p/{i}", "price": "12,90 €"} for i in range(3)]


def mail(
    mjml: str = MJML, *, purpose: Any = "marketing", language: str = "it", kit: Kit = KIT, **more: Any
) -> Renderer:
    """A renderer of an e-mail."""
    content = ChannelContent(mjml=mjml, **more)
    return Renderer(content, channel="email", language=language, purpose=purpose, kit=kit)


def sent(renderer: Renderer, **context: Any) -> Rendered:
    """What somebody gets."""
    return renderer.render({"links": LINKS, "person": {}, **context})


def test_liquid_in_mjml_runs_for_each_person() -> None:
    """Conditions around sections, loops in tables, values in addresses: compiled once, filled in per person."""
    renderer = mail(subject="Ciao {{ person.first_name }}", preheader="{{ points.balance | number }} punti")
    ada = sent(
        renderer, person={"first_name": "Ada", "id": 7}, points={"balance": 1250}, segments=["vip"], products=PRODUCTS
    )
    bob = sent(renderer, person={"id": 8}, points={"balance": 5}, segments=["vip"], products=[])
    assert (ada.subject, ada.preheader) == ("Ciao Ada", "1.250 punti")
    assert ada.html is not None
    assert bob.html is not None
    assert "Sei dei nostri" in ada.html
    assert "Sei dei nostri" not in bob.html
    assert ada.html.count("12,90 €") == 3
    assert "amica" in bob.html
    assert "background:#aa3322" in ada.html
    assert "1.250 punti" in ada.html
    assert "{{" not in ada.html + bob.html
    assert "https://shop.example/?a=1&b=7" in ada.links
    assert [link for link in ada.links if "/p/" in link][:3] == [f"https://shop.example/p/{i}" for i in range(3)]


def test_the_text_says_the_same_with_its_links() -> None:
    """Lines by blocks, addresses behind their labels, a loop without holes, no trace of HTML."""
    text = sent(mail(), person={"first_name": "Ada", "id": 7}, products=PRODUCTS).text
    assert text is not None
    assert "Ciao Ada" in text
    assert "Scarpa 0 (https://shop.example/p/0)  12,90 €\nScarpa 1 (https://shop.example/p/1)" in text
    assert "Vai (https://shop.example/?a=1&b=7)" in text
    assert "<" not in text
    assert "\n\n\n" not in text


def test_a_marketing_email_can_always_be_ended_and_says_who_writes() -> None:
    """Its author wrote no word of it: the brand did."""
    made = sent(mail(), products=PRODUCTS)
    for part in (made.html, made.text):
        assert part is not None
        assert "https://shop.example/u/abc" in part
        assert "https://shop.example/p/abc" in part
        assert "Ricevi questa e-mail perché sei cliente." in part
        assert "Alpestre S.p.A. · IT01234567890" in part


@pytest.mark.parametrize(
    "hidden",
    ["<!-- {{ links.unsubscribe }} -->", "{% comment %}{{ links.unsubscribe }}{% endcomment %}",
     "{% if false %}<a href='{{ links.unsubscribe }}'>x</a>{% endif %}", "{% assign x = links.unsubscribe %}"],
    ids=["html comment", "comment", "never", "assigned"],
)  # fmt: skip
def test_a_hidden_way_out_does_not_count(hidden: str) -> None:
    """The link is put in where the author only pretended to."""
    made = sent(mail(f"<mj-section><mj-column><mj-text>x {hidden}</mj-text></mj-column></mj-section>"))
    assert 'href="https://shop.example/u/abc"' in (made.html or "")
    assert "https://shop.example/u/abc" in (made.text or "")


def test_a_marketing_email_without_a_way_out_is_not_made() -> None:
    """Who sends must bring the link; a transactional message needs none."""
    for links in ({}, {"unsubscribe": ""}, {"unsubscribe": "javascript:x"}):
        with pytest.raises(RenderFailed) as refused:
            mail().render({"links": links, "person": {}})
        assert refused.value.code == "unsubscribe_missing"
    made = mail(purpose="transactional").render({"person": {}})
    assert "Annulla" not in (made.text or "")
    assert "Alpestre S.p.A." in (made.text or "")


def within(text: str) -> str:
    """A text in a document of MJML."""
    return f"<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section></mj-body></mjml>"


REFUSED = {
    "file": "<mj-include path='/etc/passwd' />",
    "script": "<script>x</script>",
    "frame": "<iframe src='https://x'></iframe>",
    "javascript": "<a href='javascript:alert(1)'>x</a>",
    "upper javascript": "<a HREF='{{ data.x }}'>x</a>",
    "data": "<img src='data:text/html,x' />",
    "handler": '<b onclick="x">x</b>',
    "tag name": "<{{ a }}>x</b>",
    "attribute name": '<b {{ a }}="x">x</b>',
    "style sheet": "<style>{{ x }}</style>",
    "quote": "<b title='a\"b'>x</b>",
    "depth": "<b>" * 3000 + "</b>" * 3000,
    "open tags": "<" * 50_000 + "b",
    "open comments": "<!--" * 20_000,
    "open quotes": '<a "' * 20_000,
    "loop without an end": "{% for a in b %}",
    "broken": "<b>x</i>",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_dangerous_or_broken_is_refused_at_once(text: str) -> None:
    """Before anything is kept as published; nothing crashes the compiler."""
    with pytest.raises(BadTemplate):
        mail(within(text))


@pytest.mark.parametrize(
    "source",
    ["<!DOCTYPE x [<!ENTITY a 'b'>]><mjml><mj-body></mj-body></mjml>", "<mjml>" + "<mj-wrapper>" * 5000,
     "<mjml><mj-head>{% if a %}{% endif %}</mj-head><mj-body></mj-body></mjml>", "<mjml></mjml>"],
    ids=["entity", "wrappers", "liquid in the head", "no body"],
)  # fmt: skip
def test_documents_that_cannot_be_are_refused(source: str) -> None:
    """As a whole."""
    with pytest.raises(BadTemplate):
        mail(source)


def test_an_address_from_a_value_is_http_mail_or_telephone() -> None:
    """A trait cannot begin a script, neither in a link nor on a channel with an address of its own."""
    renderer = mail(within('<a href="{{ data.url }}">x</a><img src="{{ data.url }}" alt="" />'))
    for bad in ("javascript:alert(1)", " JaVaScRiPt:x", "data:text/html,x", "file:///etc/passwd", "vbscript:x"):
        html = sent(renderer, data={"url": bad}).html or ""
        assert bad.strip() not in html
        assert 'href="#"' in html
    for good in ("https://a.example", "mailto:a@b.example", "tel:+3901", "http://x", ""):
        assert f'href="{good}"' in (sent(renderer, data={"url": good}).html or "")
    push = Renderer(
        ChannelContent(title="x", url="{{ data.url }}", buttons=(Button(label="a", url="{{ data.url }}"),)),
        channel="web_push", language="it", purpose="service", kit=KIT,
    ).render({"data": {"url": "javascript:x"}})  # fmt: skip
    assert (push.url, push.buttons[0].url) == (None, "")


def test_a_subject_is_one_line() -> None:
    """Nobody's name begins a header."""
    made = sent(mail(subject="Ciao {{ person.first_name }}"), person={"first_name": "Ada\r\nBcc: x@y.example\x00"})
    assert made.subject == "Ciao Ada Bcc: x@y.example"


def test_a_language_falls_back_to_the_nearest() -> None:
    """The wanted one, its base, a sister, the company's, English, any."""
    content = {"text": {one: ChannelContent(text=one) for one in ("it", "en", "de-AT")}}
    made = Renderers(content, purpose="service", kit=KIT, locale="it")
    asked = ("it", "it-CH", "de", "fr", None, "de-AT")
    assert [made.of("sms", one).language for one in asked] == ["it", "it", "de-AT", "it", "it", "de-AT"]
    assert made.of("whatsapp", "en").render({}).text == "en"
    with pytest.raises(ContentMissing):
        made.of("email", "it")
    assert {"sms", "telegram"} <= made.channels


def test_blocks_make_an_email_without_mjml() -> None:
    """In the brand's colours, with conditions, plain text escaped."""
    blocks = (
        Block(is_="heading", text="A < B & {{ person.first_name }}"),
        Block(is_="products", of="cart.lines", show_if="cart.lines.size > 0"),
        Block(is_="image", image_url="https://a.example/i.png", text="Una foto"),
        Block(is_="button", text="Vai", url="https://shop.example/{{ person.id }}"),
        Block(is_="divider"),
        Block(is_="spacer"),
    )
    made = sent(mail("", blocks=blocks), person={"first_name": "<i>", "id": 3}, cart={"lines": PRODUCTS})
    assert "A &lt; B &amp; &lt;i&gt;" in (made.html or "")
    assert "A < B & <i>" in (made.text or "")
    assert "#aa3322" in (made.html or "")
    assert (made.text or "").count("Scarpa") == 3
    assert "https://shop.example/3" in made.links


def test_a_kept_block_is_put_in_and_may_not_contain_itself() -> None:
    """By its code, in the language of the message."""
    section = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"
    blocks = {
        "head": {"email": {"it": ChannelContent(mjml=section.format("Testata")), "en": ChannelContent(text="Head")}},
        "again": {"email": {"it": ChannelContent(mjml='{% block "again" %}')}},
    }
    source = '<mjml><mj-body>{% block "head" %}</mj-body></mjml>'
    content = {"email": {one: ChannelContent(mjml=source) for one in ("it", "en")}}
    made = Renderers(content, purpose="transactional", kit=KIT, blocks=blocks)
    assert "Testata" in (made.of("email", "it").render({}).text or "")
    assert "Head" in (made.of("email", "en").render({}).text or "")
    for code in ("again", "nobody"):
        bad = {"email": {"it": ChannelContent(mjml=source.replace("head", code))}}
        with pytest.raises(BadTemplate):
            Renderers(bad, purpose="service", kit=KIT, blocks=blocks).check()


@pytest.mark.parametrize(
    "code", ["cart-reminder", "confirm-opt-in", "order-ready", "preferences", "reservation-kept", "welcome"]
)
@pytest.mark.parametrize("language", ["it", "en"])
def test_our_own_templates_speak_both_languages(code: str, language: str) -> None:
    """Each compiles and says something, with everything known and with nothing known."""
    new = builtins()[code]
    made = Renderers(new.content, purpose=new.purpose, kit=KIT)
    full = {
        "person": {"first_name": "Ada"}, "links": LINKS | {"confirm": "https://a.example/c"}, "points": {"balance": 5},
        "data": {"order_id": "A-1", "name": "Scarpa", "expires_at": "2026-05-13T18:00:00Z"}, "timezone": "Europe/Rome",
        "cart": {"lines": PRODUCTS, "count": 3, "total": "38,70 €"}, "store": {"name": "Milano"},
    }  # fmt: skip
    for channel in new.content:
        renderer = made.of(channel, language)
        assert renderer.language == language
        for context in (full, {"links": full["links"], "person": {}}):
            said = renderer.render(context)
            assert said.text or said.title
            assert "{{" not in f"{said.subject}{said.text}{said.html}"


def test_the_legal_footer_is_said_once_wherever_it_stands() -> None:
    """Placed by the author, added to a text of his own and to a letter; the brand finds nothing missing."""
    placed = mail(within("x {{ brand.footer }}"))
    own = mail(text="Solo testo {{ person.first_name }}")
    letter = Renderer(ChannelContent(body="Cara Ada"), channel="mail", language="it", purpose="marketing", kit=KIT)
    for renderer, channel in ((placed, "email"), (own, "email"), (letter, "mail")):
        made = sent(renderer)
        said = made.text or ""
        assert said.count("Ricevi questa e-mail perché sei cliente.") == 1
        assert said.count("IT01234567890") == 1
        checked = Said(channel=channel, language="it", text=said, html=made.html, unsubscribe_url=LINKS["unsubscribe"])
        assert [one for one in check(KIT, checked) if one.severity == "block"] == []


@pytest.mark.parametrize("words", ['Scrivi href="ciao', 'Un src="mailto:x', 'Dal sito: href="https://shop.example'])
def test_a_text_about_addresses_is_a_text(words: str) -> None:
    """It is no address, nothing after it is lost, and the addresses of the mail are those of its tags."""
    made = sent(mail(f"<mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section>"))
    assert made.html is not None
    assert words in made.html
    assert made.html.endswith("</html>")
    assert made.links == tuple(LINKS.values())


def test_no_trick_of_an_author_lets_a_value_run() -> None:
    """A < that Liquid writes into an address does not make it a text."""
    made = sent(
        mail(
            '<mj-section><mj-column><mj-text><a href="{{ data.u }}{{ "<" }}">x</a></mj-text></mj-column></mj-section>'
        ),
        data={"u": "java\tscript:alert(1)//"},
    )
    assert "alert" not in (made.html or "")
