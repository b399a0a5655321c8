"""Templates written to break the machine: small to write, and ended soon, with a clear word and little memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates import blocks, files
from unisono.engagement.templates.errors import BadTemplate, RenderFailed
from unisono.engagement.templates.markup import tidy
from unisono.engagement.templates.model import ChannelContent
from unisono.engagement.templates.rendering import Renderer
from unisono.engagement.templates.sandbox import Allowance, compile_liquid, run

QUICK = 1.0
"""Seconds of the processor, twice what the slowest of them takes on a slow machine; without limits they take minutes,
or all memory."""
MOST_MEMORY = 40 * 1024 * 1024

BIG = "x" * 60_000
DATA = {"items": [f"<b>{number}" for number in range(3000)], "n": 10**18}
TIMES_8192 = "{% assign l = l | concat: l %}" * 13
LONG_MARKUP = "{% capture m %}" + "{{ text }}" * 7 + "{% endcapture %}{% assign l = m | compact %}"

LIQUID = {
    "a long range backwards": "{% for i in (1..300000000) reversed %}{% break %}{% endfor %}",
    "a range asked for a word": '{% if (1..500000000) contains "x" %}a{% endif %}',
    "a range kept and asked": '{% assign r = (1..500000000) %}{% if r contains "x" %}a{% endif %}',
    "a range as long as the data says": "{% for i in (1..data.n) %}{% endfor %}",
    "the end of a range": "{% for i in (1..500000000) offset: 499999990 %}{{ i }}{% endfor %}",
    "a range without end": "{% for i in (1..1" + "0" * 400 + ".0) %}{% endfor %}",
    "a long text often, sorted": '{% assign l = text | split: "-" %}' + TIMES_8192 + "{{ l | sort | size }}",
    "long markup often, joined": LONG_MARKUP + TIMES_8192 + '{{ l | join: "" | size }}',
    "long markup often, written": LONG_MARKUP + TIMES_8192 + "{{ l }}",
    "much data often, each once": "{% assign l = data | compact %}" + TIMES_8192 + "{{ l | uniq | size }}",
    "texts gathered": '{% assign l = "" | compact %}{% for i in (1..3000) %}{% capture m %}{{ text }}{{ i }}'
    "{% endcapture %}{% assign k = m | compact %}{% assign l = l | concat: k %}{% endfor %}",
    "a rest too fine": '{{ 1000000000000000000 | modulo: "1e-30" }}',
    "a quotient too large": '{{ 1000000000000000000 | divided_by: "1e-999999" }}',
    "a loop before the beginning": "{% for i in data.items limit: -5 offset: -9 %}{{ i }}{% endfor %}",
    "unread text without end": "{% raw %}" * 2000 + "x" * 380_000,
    "documentation without end": "{% doc %}" * 2000 + "x" * 380_000,
    "long outputs that say nothing": ("{{" + "\u2003" * 1900 + "}}") * 20,
}


def liquid(source: str) -> str:
    """A source filled in."""
    return run(compile_liquid(source, "it", html=True), {"text": BIG, "data": DATA}, Allowance())


def mail(inner: str) -> Callable[[], Any]:
    """An e-mail of one column, compiled."""
    source = f"<mjml><mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>"
    return lambda: Renderer(
        ChannelContent(mjml=source, preheader="x"), channel="email", language="it", purpose="service", kit=Kit()
    )


def ended(bomb: Callable[[], Any]) -> Exception | None:
    """What it was refused with, None when it was harmless; soon, and with little memory."""
    refused = None
    tracemalloc.start()
    try:
        bomb()
    except (BadTemplate, RenderFailed) as error:
        refused = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST_MEMORY
    # Again without the measuring of memory, which is slow itself.
    began = time.process_time()
    try:
        bomb()
    except (BadTemplate, RenderFailed) as error:
        refused = error
    assert time.process_time() - began < QUICK
    return refused


@pytest.mark.parametrize("source", LIQUID.values(), ids=LIQUID)
def test_liquid_written_to_break_is_refused_soon_with_little_memory(source: str) -> None:
    """Ranges, lists that name one long text often, numbers no machine writes, text that never ends."""
    refused = ended(lambda: liquid(source))
    assert isinstance(refused, (BadTemplate, RenderFailed))
    assert refused.code in ("bad_template", "render_limit", "render_time", "render_failed")
    assert len(refused.detail) < 400


def test_a_message_of_many_large_parts_is_refused() -> None:
    """Two hundred texts of half a megabyte each are a hundred megabytes in the ledger."""
    large = "{{ text }}" * 8
    content = ChannelContent(text="x", data={f"f{number}": large for number in range(150)})
    made = Renderer(content, channel="webhook", language="it", purpose="service", kit=Kit())
    refused = ended(lambda: made.render({"text": BIG}))
    assert isinstance(refused, RenderFailed)
    assert refused.code == "render_limit"


def test_what_a_list_names_often_counts_often() -> None:
    """Short things may be many, and a loop of ten thousand turns is allowed."""
    assert liquid('{% assign l = "a,b" | split: "," %}' + "{% assign l = l | concat: l %}" * 12 + "{{ l | size }}") == (
        "8192"
    )
    assert len(liquid("{% for i in (1..9999) reversed %}a{% endfor %}")) == 9999
    assert liquid("{% raw %}{{ x }}{% endraw %}{{ 1 }}") == "{{ x }}1"


MAILS = {
    "a name of an attribute without end": "<mj-text " + "a" * 190_000 + ">x</mj-text>",
    "the same in HTML": "<mj-raw><p " + "a" * 190_000 + ">x</p></mj-raw>",
    "many elements": "<mj-text>x</mj-text>" * 9000,
    "deep elements": "<mj-wrapper>" * 5000 + "</mj-wrapper>" * 5000,
    "deep tags": "<mj-text>" + "<b>" * 20_000 + "</b>" * 20_000 + "</mj-text>",
    "openings": "<mj-text>" + "<" * 190_000 + "</mj-text>",
    "comments": "<mj-text>" + "<!--" * 45_000 + "</mj-text>",
    "documents in a document": "<mjml " * 32_000,
    "heads in a document": "<mj-head " * 21_000,
}


@pytest.mark.parametrize("inner", MAILS.values(), ids=MAILS)
def test_mjml_written_to_break_is_made_or_refused_soon(inner: str) -> None:
    """However large, deep or unfinished: no minute of the processor for it."""
    ended(mail(inner))


def nested(inside: str) -> dict[str, Any]:
    """Five blocks, each of the first four naming the next eight thousand times."""
    texts = [f'{{% block "b{number + 1}" %}}' * 8000 for number in range(1, 5)] + [inside]
    return {f"b{number}": {"text": {"it": ChannelContent(text=text)}} for number, text in enumerate(texts, start=1)}


def test_blocks_that_name_blocks_thousands_of_times_end_soon() -> None:
    """Empty ones come to nothing, others are refused before they are put together."""
    nothing, much = nested(""), nested("x" * 1000)
    assert ended(lambda: blocks.expand('{% block "b1" %}', "sms", "it", nothing, kit=Kit())) is None
    refused = ended(lambda: blocks.expand('{% block "b1" %}', "sms", "it", much, kit=Kit()))
    assert isinstance(refused, BadTemplate)
    assert refused.code == "template_too_large"


def test_a_row_of_blanks_is_tidied_in_one_pass() -> None:
    """Half a million blanks that end no line are no hour of work; those that end one go."""
    assert ended(lambda: tidy("a" + "\xa0" * 500_000 + "b")) is None
    assert tidy("a \xa0 \n \t b\n\n\n\nc") == "a\nb\n\nc"


@pytest.mark.parametrize("value", ["2026-99-99", "!!timestamp 99999-01-01", "!!int b"])
def test_a_file_with_a_day_there_is_not_is_refused(tmp_path: Path, value: str) -> None:
    """With its name, as any other that is no YAML."""
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / files.FILE).write_text(f"name: {value}\n", "utf-8")
    with pytest.raises(BadTemplate) as refused:
        list(files.read(tmp_path))
    assert "odd/template.yaml" in refused.value.detail


def test_a_file_that_stands_for_a_billion_copies_is_refused(tmp_path: Path) -> None:
    """YAML aliases of aliases: four hundred letters, and no machine has the memory."""
    lines = ["name: x", "content:", "  text:", "    it:", "      data:", "        a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"        a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)]
    (tmp_path / "bomb").mkdir()
    (tmp_path / "bomb" / files.FILE).write_text("\n".join(lines), "utf-8")
    refused = ended(lambda: list(files.read(tmp_path)))
    assert isinstance(refused, BadTemplate)
    assert "bomb/template.yaml" in refused.detail


SMUGGLED = {
    "in a text area": '<mj-text><textarea><a title="</textarea><script>alert(1)</script>">x</a></textarea></mj-text>',
    "in a title": '<mj-text><title><a title="</title><img src=x onerror=alert(1)>">x</a></title></mj-text>',
    "in a style sheet": '<mj-raw><style><a title="</style><img src=x onerror=alert(1)>"></a></style></mj-raw>',
    "in a comment for one program": '<mj-raw><!--[if mso]><p title="--><script>alert(1)</script>">a</p>'
    "<![endif]--></mj-raw>",
    "by leading away": '<mj-raw><meta http-equiv="refresh" content="0;url=https://evil.example"></mj-raw>',
    "in plain letters": "<mj-text><script>alert(1)</script></mj-text>",
    "in mj-raw": "<mj-raw><script src='https://evil.example/x.js'></script></mj-raw>",
    "without quotes": "<mj-text><img src=x onerror=alert(1)></mj-text>",
    "a file": '<mj-include path="/etc/passwd" />',
    "a file in mj-raw": '<mj-raw><mj-include path="file:///etc/passwd" /></mj-raw>',
    "a file in capitals": '<MJ-INCLUDE path="/etc/passwd" />',
    "a file by a value of the brand": '<mj-in{{ brand.nothing }}clude path="/etc/passwd" />',
}


@pytest.mark.parametrize("inner", SMUGGLED.values(), ids=SMUGGLED)
def test_what_runs_leads_away_or_reads_a_file_is_refused(inner: str) -> None:
    """However it is hidden from a reader that is stricter than a browser."""
    with pytest.raises(BadTemplate):
        mail(inner)()
