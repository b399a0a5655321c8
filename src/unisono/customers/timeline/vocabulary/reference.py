"""The reference of events as markdown, made from the records themselves.

``python -m unisono.customers.timeline.vocabulary.reference > docs/reference/events.md`` writes it anew; a test
compares the two.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from unisono.customers.timeline.vocabulary.account import BY_TYPE
from unisono.customers.timeline.vocabulary.checking import Field, fields_of
from unisono.customers.timeline.vocabulary.model import EventSpec, Facts, Family
from unisono.customers.timeline.vocabulary.properties import PROPERTIES
from unisono.customers.timeline.vocabulary.registry import all_specs, of_family
from unisono.customers.timeline.vocabulary.summaries import summary

_HEAD = """# Events

<!-- Made by `python -m unisono.customers.timeline.vocabulary.reference`; change the vocabulary, not this page. -->

An event is what happened, in English, noun first: `Order Completed`. Case, spaces, underscores, hyphens and humps do
not matter (`order_completed` and `orderCompleted` are the same event), and neither do they in property names
(`orderId` is `order_id`). An event that is not on this page is welcome: it is kept under the name it came with.

No property is compulsory. Where one is marked *expected* and does not come, the event is kept and a warning is shown
to whoever sent it. An amount is money in major units (`84.00`) of the currency beside it, as a number or as a text;
an instant is ISO 8601 or seconds since 1970; a number may come as a text.

"""


def example_of(spec: EventSpec) -> dict[str, Any]:
    """A payload of ``spec`` with each of its properties."""
    return _example(spec.schema)


def markdown() -> str:
    """The whole page, ending in a newline."""
    parts = [_HEAD, _contents()]
    for family in Family:
        parts.append(f"## {family.value.capitalize()}\n\n")
        parts.extend(_event(spec) for spec in of_family(family))
    return "".join(parts).rstrip() + "\n"


def _contents() -> str:
    lines = [f"{len(all_specs())} events:\n\n"]
    for family in Family:
        names = ", ".join(f"[{spec.name}](#{_anchor(spec.name)})" for spec in of_family(family))
        lines.append(f"- **{family.value}**: {names}\n")
    return "".join(lines) + "\n"


def _event(spec: EventSpec) -> str:
    example = example_of(spec)
    lines = [f"### {spec.name}\n\n{spec.description}\n\n", f"- Italian: {spec.label_it}\n"]
    if spec.aliases:
        lines.append(f"- Also: {', '.join(spec.aliases)}\n")
    lines.append(f"- Channel: {_where(spec)}\n")
    if spec.value:
        counts = "a purchase of " if spec.is_purchase else ""
        paths = ", else ".join(f"`{path}`" for path in spec.value)
        lines.append(f"- Money: {counts}{paths}, in `{spec.currency}`\n")
    said, said_it = (summary(spec.name, example, locale) for locale in ("en", "it"))
    lines.append(f"- On the timeline: “{said}”, “{said_it}”\n\n")
    lines.append(_properties(spec))
    lines.append(f"```json\n{json.dumps(_call(spec, example), ensure_ascii=False)}\n```\n\n")
    return "".join(lines)


def _where(spec: EventSpec) -> str:
    if not spec.channel:
        return "any"
    return f"{spec.channel}, always" if spec.fixed else f"{spec.channel}, unless the call tells another"


def _properties(spec: EventSpec) -> str:
    fields = fields_of(spec.schema)
    if not fields:
        return ""
    choices = {name: choice for choice in spec.needs for name in choice}
    rows = [f"| `{field.name}` | {field.kind} | {_meaning(field, choices.get(field.name))} |\n" for field in fields]
    return "| property | type | meaning |\n|---|---|---|\n" + "".join(rows) + "\n"


def _meaning(field: Field, choice: tuple[str, ...] | None) -> str:
    words = PROPERTIES[field.name][0]
    if choice is None:
        return words
    others = " or ".join(f"`{name}`" for name in choice if name != field.name)
    return f"{words} *Expected*{f', or {others}' if others else ''}."


def _call(spec: EventSpec, example: dict[str, Any]) -> dict[str, Any]:
    kind = next((kind for kind, own in BY_TYPE.items() if own is spec), "track")
    if kind == "track":
        return {"type": kind, "event": spec.name, "properties": example}
    if kind in {"page", "screen"}:
        return {"type": kind, "name": example["name"], "properties": example}
    if kind == "group":
        return {"type": kind, "groupId": "G-8", "traits": {"name": "Rossi Srl", "industry": "Retail"}}
    if kind == "identify":
        return {"type": kind, "userId": "u-501", "traits": {"email": "anna@example.it"}}
    return {"type": kind, "previousId": "u-500", "userId": "u-501"}


def _example(schema: type[Facts]) -> dict[str, Any]:
    return {field.name: _value(field) for field in fields_of(schema)}


def _value(field: Field) -> Any:
    example = PROPERTIES[field.name][1]
    if isinstance(example, list) and not field.many:
        return example[0]
    return example


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(markdown())
