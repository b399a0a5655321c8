"""Whatever people are called and whatever data holds: never markup, never empty, never an exception of ours."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates.model import ChannelContent
from unisono.engagement.templates.rendering import Renderer

SOURCE = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Ciao <b title="{{ person.name }}">{{ person.name }}</b> {{ person.name | upcase | truncate: 40 }}
{% capture c %}{{ person.city }}{% endcapture %}{{ c }} {% for t in data.tags %}<i>{{ t }}</i>{% endfor %}
{{ data.note | newline_to_br }} {{ "a-b" | replace: "-", person.city }}</mj-text>
<mj-button href="{{ data.url }}">vai</mj-button></mj-column></mj-section></mj-body></mjml>"""
MAIL = Renderer(
    ChannelContent(mjml=SOURCE, subject="{{ person.name }}"),
    channel="email", language="it", purpose="marketing", kit=Kit(name="Alpestre"),
)  # fmt: skip
PLAIN = Renderer(
    ChannelContent(text="{{ person.name }}", title="{{ person.city }}"),
    channel="sms", language="it", purpose="service", kit=Kit(),
)  # fmt: skip
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LINKS = {"unsubscribe": "https://a.example/u/1"}

nasty = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "{{ links.unsubscribe }}",
         "{% for i in (1..9) %}", "</td></table>", "javascript:alert(1)", "&lt;b&gt;",
         "<!--", "]]>", "{{", "%}", "\ud800"]
    ),
)  # fmt: skip


class Tags(HTMLParser):
    """Counts tags and gathers attributes that run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.running: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.running += [name for name, _ in attrs if name.startswith("on")]
        self.running += [
            value
            for name, value in attrs
            if name in ("href", "src") and (value or "").lower().lstrip().startswith("java")
        ]


def tags_of(html: str) -> Tags:
    parser = Tags()
    parser.feed(html)
    return parser


BARE = tags_of(MAIL.render({"person": {"name": "x", "city": "y"}, "data": {}, "links": LINKS}).html or "").seen


@settings(max_examples=150, deadline=None)
@given(name=nasty, city=nasty, note=nasty, url=nasty, tags=st.lists(nasty, max_size=3))
def test_no_value_becomes_markup_and_no_text_is_empty(
    name: str, city: str, note: str, url: str, tags: list[str]
) -> None:
    """The tags of the page are those of its author, whatever the values; the text part always says something."""
    context = {
        "person": {"name": name, "city": city}, "data": {"note": note, "url": url, "tags": tags}, "links": LINKS,
    }  # fmt: skip
    made = MAIL.render(context)
    assert made.html is not None
    seen = tags_of(made.html)
    ours = len(tags) + len(note.splitlines()[1:])
    assert len(seen.seen) == len(BARE) + ours
    assert seen.running == []
    assert made.text
    assert made.text.strip()
    assert "https://a.example/u/1" in made.text
    assert "\n" not in (made.subject or "")
    made.html.encode()
    made.text.encode()


@settings(max_examples=100, deadline=None)
@given(name=nasty, city=nasty)
def test_a_plain_text_says_what_was_written(name: str, city: str) -> None:
    """Nothing is escaped twice or run as Liquid; control characters are gone."""
    made = PLAIN.render({"person": {"name": name, "city": city}, "links": {"unsubscribe": "SECRET"}})
    assert "SECRET" not in f"{made.text}{made.title}"
    said = {"".join(CONTROL.sub("", one).split()) for one in (name, city)}
    assert "".join((made.text or "").split()) in said


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | nasty,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x"]), inner, max_size=2),
        max_leaves=6,
    )
)
def test_whatever_shape_a_trait_has_a_message_is_made(value: object) -> None:
    """A list where a name was expected, a number, NaN: written somehow, never an error of ours."""
    made = MAIL.render(
        {"person": {"name": value, "city": value}, "data": {"tags": value, "note": value}, "links": LINKS}
    )
    assert made.html is not None
    assert unescape(made.html)


def test_a_name_adds_no_header_and_no_endless_subject() -> None:
    """Line ends of any script become a blank; of a long subject the beginning is sent."""
    for end in ("\r\n", "\n", "\r", "\x85", "\u2028"):
        made = MAIL.render({"person": {"name": f"Ada{end}Bcc: eve@evil.example"}, "data": {}, "links": LINKS})
        assert made.subject == "Ada Bcc: eve@evil.example"
    made = MAIL.render({"person": {"name": "x" * 5000}, "data": {}, "links": LINKS})
    assert made.subject == "x" * 400
