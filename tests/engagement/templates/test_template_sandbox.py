"""The sandbox: what a template may do, how it is stopped when it does too much, what its filters write."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from unisono.engagement.templates.errors import BadTemplate, RenderFailed
from unisono.engagement.templates.sandbox import Allowance, compile_liquid, needs_of, run


def made(source: str, *, html: bool = True, language: str = "it", **context: Any) -> str:
    """A source rendered."""
    return run(compile_liquid(source, language, html=html), context, Allowance())


BOMBS = {
    "loops within loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
    "loops after loops": "{% for i in (1..1000) %}{% endfor %}" * 500,
    "a loop over branches": "{% for i in (1..1000) %}{% for j in (1..9) %}"
    + "{% if 1 == 1 %}{% endif %}" * 900
    + "{% endfor %}{% endfor %}",
    "a loop over filters": "{% for i in (1..1000) %}{% for j in (1..9) %}"
    + '{{ "x" | upcase }}' * 500
    + "{% endfor %}{% endfor %}",
    "much text": "{% for i in (1..1000) %}" + "y" * 800 + "{% endfor %}",
    "doubling": '{% assign a = "xxxxxxxxxx" %}' + "{% assign a = a | append: a %}" * 60,
    "many variables": "".join(f'{{% assign v{i} = "{"x" * 1200}" %}}' for i in range(30)) * 40,
    "replacing": '{{ "x" | ' + " | ".join(['replace: "", "xxxxxxxxxxxxxxxx"'] * 40) + " }}",
    "joining": '{{ text | split: "" | join: text }}',
    "lists": '{% assign l = "a,b" | split: "," %}' + "{% assign l = l | concat: l %}" * 60,
    "numbers": "{% assign n = 999999999 %}" + "{% assign n = n | times: n %}" * 60,
    "captures": "{% capture a %}xxxxxxxxxx{% endcapture %}" + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 40,
    "nothing closed": "{{" * 20_000,
    "no tag closed": "{%" * 20_000,
    "almost closed": "{{ a }" * 20_000,
    "brackets": "{{ " + "a[" * 900 + "1" + "]" * 900 + " }}",
    "conditions": "{% if " + " and ".join(["a"] * 300) + " %}" + "{% if a %}" * 100,
    "a long source": "x" * 500_000,
    "much Liquid": "{{ a }}" * 3000,
    "nested": "{% if text %}" * 100 + "x" + "{% endif %}" * 100,
}


QUICK = 0.3
"""Seconds of the processor; twice that passes, for machines half as fast."""


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_stopped_quickly_with_a_clear_error(source: str) -> None:
    """Neither time nor memory is used up: refused within 300 ms of the processor, saying what is too much.

    The best of three: a busy machine makes the same work dearer."""
    took = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises((BadTemplate, RenderFailed)) as refused:
            made(source, text="x" * 9000, a=1)
        took.append(time.process_time() - began)
        if took[-1] < QUICK:
            break
    assert min(took) < 2 * QUICK
    assert refused.value.code in ("bad_template", "template_too_large", "render_limit", "render_time")
    assert len(refused.value.detail) < 400


@pytest.mark.parametrize(
    "source",
    [
        "{{ a.__class__ }}",
        '{{ a["__class__"].__mro__ }}',
        "{{ a.format }}",
        "{{ d.keys }}",
        "{{ d.__init__.__globals__ }}",
    ],
    ids=["class", "mro", "format", "keys", "globals"],
)
def test_a_value_has_no_attributes_to_climb(source: str) -> None:
    """What is no entry of the data is nothing."""
    assert made(source, a="x", d={"b": 1}) == ""


@pytest.mark.parametrize(
    "source",
    ['{% include "x" %}', '{% render "x" %}', '{% extends "x" %}', "{% liquid echo 1 %}", '{{ "x" | safe }}',
     '{{ "x" | base64_decode }}', "{{ x | json }}", "{% tablerow i in (1..9) %}{% endtablerow %}"],
    ids=["include", "render", "extends", "liquid", "safe", "base64", "json", "tablerow"],
)  # fmt: skip
def test_what_is_not_allowed_is_refused_before_anything_is_sent(source: str) -> None:
    """No tag that includes, no filter that calls its result safe or reads something."""
    with pytest.raises(BadTemplate):
        compile_liquid(source, "en", html=True)


def test_values_are_text_never_markup_nor_liquid() -> None:
    """A name with a tag or with Liquid in it is written as it is, escaped; also through filters and captures."""
    name = "<script>{{ secret }}</script>'\""
    written = made(
        '{{ n }}|{{ n | upcase }}|{{ "<b>" | append: n }}|{% capture c %}<i>{{ n }}</i>{% endcapture %}{{ c }}'
        '|{{ n | split: "" | join: "" }}|{{ n | newline_to_br }}|{{ "-" | replace: "-", n }}',
        n=name,
        secret="42",
    )
    assert "<script" not in written.lower()
    assert "42" not in written
    assert "<i>&lt;script&gt;{{ secret }}" in written
    assert made("{{ n }}", html=False, n=name) == name


def test_money_is_written_in_the_digits_of_its_currency() -> None:
    """Minor units: no digit for JPY, three for KWD; major ones by another filter; the company's currency else."""
    assert made('{{ 500 | money: "JPY" }}', language="en") == "¥500"
    assert made('{{ 1250 | money: "KWD" }}', language="en") == "KWD\xa01.250"
    assert made("{{ 1290 | money }}", currency="EUR") == "12,90\xa0€"
    assert made('{{ "1.25" | amount: "KWD" }}', language="en") == "KWD\xa01.250"
    assert made('{{ v | amount: "EUR" }}', v=Decimal("12.9")) == "12,90\xa0€"
    assert made("{{ nothing | money }}|{{ nothing | amount }}") == "|"
    with pytest.raises(RenderFailed):
        made('{{ 1 | money: "XYZ" }}')


def test_numbers_and_dates_are_written_in_the_language() -> None:
    """Italian and English differ; instants are told in the zone of the message."""
    assert made("{{ 1234.5 | number: 2 }}") == "1.234,50"
    assert made("{{ 1234.5 | number }}", language="en") == "1,234.5"
    assert made('{{ "2026-03-01" | date }}') == "1 marzo 2026"
    at = "2026-03-28T23:30:00Z"
    assert made('{{ at | date: "datetime" }}', at=at, timezone="Europe/Rome") == "29 marzo 2026, 00:30"
    assert made('{{ at | date: "EEEE d MMMM" }}', at=at, timezone="Europe/Rome", language="en") == "Sunday 29 March"
    assert made('{{ "soon" | date }}') == "soon"


def test_what_is_missing_has_a_default() -> None:
    """Nothing, an empty text and blanks are all missing; 0 is not."""
    source = '{{ person.first_name | default: "amica" }}'
    assert [made(source, person={"first_name": name}) for name in (None, "", "  ", "Ada")] == ["amica"] * 3 + ["Ada"]
    assert made("{{ n | default: 5 }}", n=0) == "0"
    assert made("{{ x.y.z }}{% for a in x.y %}a{% endfor %}") == ""


def test_a_mistake_names_its_line() -> None:
    """An author finds it."""
    with pytest.raises(BadTemplate, match="line 3"):
        compile_liquid("a\nb\n{% unless x %}{% foo %}{% endunless %}", "en", html=True)
    with pytest.raises(RenderFailed, match="divided by zero"):
        made("{{ 5 | divided_by: 0 }}")


def test_a_content_says_what_it_needs() -> None:
    """Roots, whole paths, products named by sku; what it assigns itself is not asked for."""
    found = needs_of(
        compile_liquid(
            '{% assign x = person.city %}{{ x }}{{ product["47.11"].price }}'
            "{% for l in cart.lines %}{{ l.name }}{% endfor %}",
            "en",
            html=True,
        )
    )
    assert found.names == {"person", "product", "cart"}
    assert found.skus == {"47.11"}
    assert "person.city" in found.paths
