"""How fast a core renders a typical marketing e-mail."""

from __future__ import annotations

import time

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates.model import ChannelContent
from unisono.engagement.templates.rendering import Renderer

MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Ciao {{ person.first_name | default: "amica" }}, hai {{ points.balance | number }} punti.</mj-text>
<mj-table>{% for p in products %}<tr><td><a href="{{ p.url }}">{{ p.name }}</a></td><td>{{ p.price }}</td></tr>
{% endfor %}</mj-table><mj-button href="https://shop.example/">Vai al negozio</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
FLOOR = 900
"""E-mails a second on one busy core of a small machine: measured 2,850 on an idle one, so half of that leaves room."""


def test_a_core_renders_a_thousand_emails_a_second() -> None:
    """Name, three products, points: the processor time of 300, the best of up to eight tries: others do not count."""
    renderer = Renderer(
        ChannelContent(mjml=MJML, subject="{{ person.first_name }}, tre novità"),
        channel="email",
        language="it",
        purpose="marketing",
        kit=Kit(name="Alpestre", footer={"it": "Ricevi questa e-mail perché sei cliente."}),
    )
    context = {
        "person": {"first_name": "Maria"},
        "points": {"balance": 1250},
        "products": [{"url": f"https://shop.example/{i}", "name": f"Scarpa {i}", "price": "12,90 €"} for i in range(3)],
        "links": {"unsubscribe": "https://shop.example/u/1", "preferences": "https://shop.example/p/1"},
    }
    renderer.render(context)
    best = 0.0
    for _ in range(8):
        began = time.process_time()
        for _ in range(300):
            renderer.render(context)
        best = max(best, 300 / (time.process_time() - began))
        if best > FLOOR:
            break
    assert best > FLOOR
