"""Every screen renders from its context alone, in both languages, and keeps the promises of the page."""

import re
from gettext import NullTranslations
from html.parser import HTMLParser

import msgspec
import pytest
import samples

from unisono.console import contexts, links
from unisono.console.rendering import asset, build_environment, render_fragment, render_screen

SCREENS = [name for name, _, _ in samples.screens()]
VOID = {"meta", "link", "input", "br", "img"}


class Balance(HTMLParser):
    """Notes tags that are not closed, ids used twice and fields without a label."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "label" and given.get("for"):
            self.labelled.add(str(given["for"]))
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden" and "aria-label" not in given:
            self.fields.append(str(given.get("id")))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A closed tag of SVG opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def render(name: str, locale: str = "en", translations: NullTranslations | None = None) -> str:
    environment = build_environment(locale, translations=translations)
    return next(
        render_screen(environment, shell, view, fragment=isinstance(view, contexts.Palette))
        for found, shell, view in samples.screens(locale)
        if found == name
    )


@pytest.mark.parametrize("locale", ["en", "it"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_whole_html(name: str, locale: str) -> None:
    """Tags close, ids are unique, every field has a label, nothing is inline."""
    html = render(name, locale)
    page = Balance()
    page.feed(html)
    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.fields) <= page.labelled
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|<style", html)


@pytest.mark.parametrize("name", SCREENS)
def test_every_text_of_a_screen_goes_through_the_catalogue(name: str) -> None:
    """With a catalogue that answers only stars, no English word of ours is left between the tags."""

    class Stars(NullTranslations):
        def gettext(self, message: str) -> str:
            return "★" + "".join(re.findall(r"%\(\w+\)s", message))

        def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
            return self.gettext(msgid2)

    html = render(name, "it", Stars())
    texts = " ".join(re.findall(r">([^<>]+)<", html[html.index("<body") if "<body" in html else 0 :]))
    ours = ["Search", "Find", "Copy", "Previous", "Next", "Undo", "Close", "Lifetime value", "Sign in", "Sign out"]
    if name == "person":
        ours.remove("Lifetime value")  # a tile's label comes translated with the view
    assert [word for word in ours if re.search(rf"\b{re.escape(word)}", texts)] == []


@pytest.mark.parametrize("name", SCREENS)
def test_every_form_that_posts_carries_the_token(name: str) -> None:
    """No form can be sent from another site."""
    forms = re.findall(r'<form[^>]*method="post".*?</form>', render(name), re.DOTALL)
    assert all('name="_csrf_token" value="t0ken"' in form for form in forms)


def test_every_view_of_the_contract_has_a_screen() -> None:
    """The samples show each view, so none can go unrendered."""
    shown = {type(view) for _, _, view in samples.screens()}
    assert shown == set(contexts.Screen.__args__)


def test_names_are_escaped_wherever_they_come_from() -> None:
    """A person called <script> is a person."""
    hostile = "<script>alert(1)</script>\"'&"
    view = msgspec.structs.replace(samples.person(), name=hostile, advice=hostile, facts=[hostile])
    html = render_screen(build_environment("en"), samples.shell(hostile, "people"), view)
    assert "<script>alert" not in html


def test_the_present_section_is_marked_and_closed_ones_are_absent() -> None:
    """The navigation shows where one is, and only what the role may open."""
    shell = msgspec.structs.replace(samples.shell("People", "people"), sections=frozenset({"people", "live"}))
    html = render_screen(build_environment("en"), shell, samples.people())
    assert re.search(r'href="/console/people"[^>]*aria-current="page"', html)
    assert f'href="{links.LIVE}"' in html
    assert f'href="{links.TEAM}"' not in html
    assert ">System<" not in html


def test_first_use_and_empty_by_filter_are_different_texts() -> None:
    """Nobody yet is an invitation; nobody found names the filter and offers to clear it."""
    assert "Create a key" in render("people_first")
    none = render("people_none")
    assert "name, phone or card contains “333”" in none
    assert "Clear the filter" in none


def test_never_computed_stale_and_zero_read_differently() -> None:
    """Three kinds of not-a-fresh-number, three texts."""
    html = render("person")
    strip = html[html.index('class="strip"') : html.index("staff-card")]
    assert "not computed yet" in strip
    assert "as of" in strip
    assert "none so far" in strip


def test_money_and_dates_follow_the_locale() -> None:
    """The same amount and day, written as each reader writes them."""
    assert "€2,418.00" in render("person", "en")
    italian = render("person", "it")
    assert "2.418,00\N{NO-BREAK SPACE}€" in italian
    assert "9 ott" in italian


def test_a_time_is_relative_and_absolute_with_its_zone() -> None:
    """The distance reads, the title is exact."""
    html = render("failed")
    exact = 'datetime="2026-11-22T13:29:00+00:00" title="Sun 22 Nov 2026, 14:29:00 (Europe/Rome)"'
    assert f"<time {exact}>3 minutes ago</time>" in html


def test_a_fragment_is_the_inside_of_the_page() -> None:
    """For htmx the shell is left out."""
    html = render_screen(build_environment("en"), samples.shell("People"), samples.people(), fragment=True)
    assert '<nav class="nav' not in html
    assert 'id="people"' in html


def test_a_streamed_row_is_the_row_of_the_page() -> None:
    """The stream and the page draw one event alike."""
    shell = samples.shell("Live events")
    event = samples.live().accepted[0]
    row = render_fragment(build_environment("en"), shell, "live_row", event=event)
    assert row.startswith('<tr id="event-e0">')
    assert row.strip() in render("live")


def test_static_files_are_addressed_by_their_content() -> None:
    """A changed file has a new address, so browsers may keep the old one for ever."""
    assert re.fullmatch(r"/console/static/css/tokens\.css\?v=[0-9a-f]{10}", asset("css/tokens.css"))
    assert asset("css/absent.css") == "/console/static/css/absent.css"
