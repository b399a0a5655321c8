"""The law of the brand: words with their inflections, claims, manners, the legal footer, looks."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.engagement.brand.model import Claim, ForbiddenWord, Kit, Said, Tone
from unisono.engagement.brand.rules import blocking, check

KIT = Kit(
    name="ALPESTRE",
    company="Alpestre S.p.A.",
    vat="IT01234567890",
    address="Via Roma 1",
    colours={"accent": "#aa3322", "ink": "#1a1a1a"},
    fonts=("Georgia",),
    tone={"it": Tone(wanted=("montagna",), unwanted=("imperdibile",))},
    words=(
        ForbiddenWord(word="economico", language="it", instead="conveniente"),
        ForbiddenWord(word="cheap", language="en"),
        ForbiddenWord(word="saldi", language="it", exact=True),
        ForbiddenWord(word="prezzo pazzo", language="it", severity="warn"),
        ForbiddenWord(word="Rivale"),
    ),
    claims=(Claim(text="impermeabile al 100%", language="it", severity="block"),),
    footer={"it": "Ricevi questa e-mail perché sei cliente.", "en": "You are a customer."},
    footer_fields=("company", "vat"),
)


def rules_in(text: str, language: str = "it", **more: object) -> list[str]:
    """Which rules a text breaks, on a channel without a footer."""
    return [one.rule for one in check(KIT, Said(**{"channel": "sms", "language": language, "text": text, **more}))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Scarpe ECONOMICHE", "it", True), ("economicissimo", "it", True), ("economicamente", "it", True),
        ("l'economico", "it", True), ("l’economia", "it", False), ("macroeconomico", "it", False),
        ("economico", "en", False), ("cheaper", "en", True), ("cheaply", "en", True), ("cheapskate", "en", False),
        ("saldi", "it", True), ("saldo", "it", False), ("un prezzo  pazzo", "it", True), ("prezzi pazzi", "it", True),
        ("meglio di rivale", "de", True), ("arrivale", "it", False),
    ],
)  # fmt: skip
def test_a_forbidden_word_is_found_with_its_inflections(text: str, language: str, found: bool) -> None:
    """At the bounds of words, in its language, in capitals too; a longer word is another."""
    assert ("forbidden_word" in rules_in(text, language)) is found


def test_a_finding_names_rule_place_words_and_what_to_say() -> None:
    """So that whoever wrote it can do something."""
    first = check(
        KIT, Said(channel="email", language="it", purpose="service", subject="ok", text="Molto economico, dai")
    )[0]
    assert (first.rule, first.severity, first.where) == ("forbidden_word", "block", "text")
    assert "economico" in first.excerpt
    assert first.reason.values == {"word": "economico", "instead": "conveniente"}
    assert (
        first.reason.text.format(**first.reason.values) == "“economico” is not said by this brand; say “conveniente”."
    )
    assert blocking([first]) == (first,)


@pytest.mark.parametrize(
    ("text", "language", "claims"),
    [
        ("Oggi -50 %", "it", 1), ("sconto del 30%", "it", 1), ("Spedizione gratis", "it", 1), ("gratuite", "it", 1),
        ("il prezzo più basso", "it", 1), ("20% off, free socks", "en", 2), ("feel free to ask", "en", 0),
        ("sugar-free of 3", "en", 0), ("taglia 42-50", "it", 0), ("gratitudine", "it", 0), ("dal 5-10 maggio", "it", 0),
    ],
)  # fmt: skip
def test_a_claim_needs_proof(text: str, language: str, claims: int) -> None:
    """Reductions, gifts, superlatives; with the proof at hand there is nothing to say."""
    assert rules_in(text, language).count("unproven_claim") == claims
    assert "unproven_claim" not in rules_in(text, language, evidence=True)


def test_the_brands_own_claims_weigh_as_it_says() -> None:
    """One that must not be made without proof blocks; it is told once, not twice."""
    found = check(KIT, Said(channel="sms", language="it", text="Giacca impermeabile al 100 %"))
    assert [(one.rule, one.severity) for one in found if one.rule == "unproven_claim"] == [("unproven_claim", "block")]


def test_manners() -> None:
    """Exclamation marks, capitals, words that are not the tone; the brand's name and abbreviations are no shouting."""
    assert rules_in("Ciao!!") == ["exclamation"]
    assert rules_in("Ciao! Vieni in montagna") == []
    assert "capitals" in rules_in("CORRI SUBITO a vedere")
    assert "capitals" not in rules_in("ALPESTRE: IVA e GDPR")
    assert "unwanted_tone" in rules_in("Un'occasione imperdibile")
    loud = Kit(severities={"missing_tone": "warn", "exclamation": "off"}, tone=KIT.tone)
    assert [one.rule for one in check(loud, Said(channel="sms", language="it", text="Ciao!!!"))] == ["missing_tone"]
    assert check(loud, Said(channel="sms", language="it", text="In Montagna")) == ()


def test_marketing_mail_has_its_footer_and_its_way_out() -> None:
    """In its language; transactional mail and other channels need none."""
    legal = "Ricevi questa e-mail\n perché sei cliente. Alpestre S.p.A. IT01234567890 https://u/x"
    said = Said(channel="email", language="it", text="Ciao", unsubscribe_url="https://u/x")
    assert [one.rule for one in check(KIT, said)] == ["footer", "footer_company", "footer_vat", "unsubscribe"]
    assert check(KIT, Said(channel="email", language="it", text=legal, unsubscribe_url="https://u/x")) == ()
    assert check(KIT, Said(channel="email", language="it", text="Ciao", purpose="transactional")) == ()
    html = Said(channel="email", language="it", text=legal, html="<p>x</p>", unsubscribe_url="https://u/x")
    assert [(one.rule, one.where) for one in check(KIT, html)] == [("unsubscribe", "html")]
    fallback = "You are a customer. Alpestre S.p.A. IT01234567890"
    assert check(KIT, Said(channel="email", language="de", text=fallback)) == ()


def test_looks_are_the_brands() -> None:
    """Colours of the palette and greys, fonts of the kit; each foreign one is told once."""
    html = (
        '<p style="color:#AA3322;background:#fff;font-family:Georgia, serif">a</p>'
        "<p style=\"color:#f00;font-family:'Comic Sans MS', cursive\">b</p>"
        '<td bgcolor="#ff0000" style="color:#f00">&#123456;</td>'
    )
    found = check(KIT, Said(channel="email", language="it", purpose="service", text="x", html=html))
    assert [(one.rule, one.excerpt) for one in found] == [("colour", "#ff0000"), ("font", "comic sans ms")]
    assert check(Kit(), Said(channel="email", purpose="service", text="x", html=html)) == ()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["it", "en", "de", "fr", "es", "ja", "pt-BR"]))
def test_any_text_can_be_checked(text: str, language: str) -> None:
    """No text breaks the rules' reading, and the answer does not depend on when it is asked."""
    said = Said(channel="email", language=language, subject=text, text=text, html=f"<p>{text}</p>")
    assert check(KIT, said) == check(KIT, said)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=2, max_size=40), st.text(max_size=60))
def test_any_word_can_be_forbidden(word: str, text: str) -> None:
    """A word with signs in it is no expression of anything else."""
    kit = Kit(words=(ForbiddenWord(word=word, exact=True),))
    check(kit, Said(channel="sms", text=text))
    if word.strip() == word and word.isalpha() and word.lower() == word.casefold() and word.isascii():
        found = check(kit, Said(channel="sms", text=f"ah {word} oh"))
        assert "forbidden_word" in {one.rule for one in found}


@pytest.mark.parametrize(
    "said",
    [
        Said(channel="sms", language="it", html="<style>" * 57_000),
        Said(channel="sms", language="it", html="<" * 400_000),
        Said(channel="sms", language="it", html="<!--" * 100_000),
        Said(channel="sms", language="it", text="l" + "'" * 100_000),
    ],
    ids=["styles", "openings", "comments", "apostrophes"],
)
def test_a_text_written_to_break_is_checked_soon(said: Said) -> None:
    """Whoever may check a text cannot keep the processor busy for minutes."""
    kit = Kit(words=(ForbiddenWord(word="l'affarone", language="it"),))
    began = time.process_time()
    check(kit, said)
    assert time.process_time() - began < 1
    assert check(kit, Said(channel="sms", language="it", text="ecco l’affarone"))[0].rule == "forbidden_word"


def test_what_nobody_reads_in_an_html_is_not_checked() -> None:
    """Styles, comments and tags are no words; what stands after one that never ends is."""

    def found(html: str) -> int:
        return len(check(Kit(words=(ForbiddenWord(word="economico"),)), Said(channel="sms", language="it", html=html)))

    assert found("<style>economico</style><!-- economico --><p title='economico'>buono</p>") == 0
    assert found("<p>econ&#111;mico</p>") == 1
    assert found("<style> <!-- < economico") == 1
