"""The builder's form: drawn from boxes and general fields, read back into a definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from babel.dates import get_day_names

from unisono.commerce.promotions.errors import BadPromotion
from unisono.commerce.promotions.model import Definition
from unisono.console import contexts as c
from unisono.console.views.boxes import FILL_IN, GROUPS, UNREADABLE, Box
from unisono.console.views.commerce import CHANNELS, instant_text, instant_typed
from unisono.console.views.labels import channel_label
from unisono.console.views.promotion_parts import (
    CONDITIONS,
    EFFECTS,
    EXCEPT,
    GOODS,
    LEVELS,
    WEEKDAYS,
    YES_NO,
    Part,
)
from unisono.console.views.promotion_tree import Reader, Writer, plain, read_box
from unisono.console.words import Words
from unisono.kit.errors import BadRequest
from unisono.kit.marking import N_

GENERAL = (
    Part("name", "text", N_("Name"), needed=True),
    Part("code", "text", N_("Code: small letters, digits, . _ -"), needed=True),
    Part("starts_at", "instant", N_("From")),
    Part("ends_at", "instant", N_("Until")),
)
LIMITS = (
    Part("currency", "text", N_("Currency of its amounts")),
    Part("budget_minor", "money", N_("Budget")),
    Part("max_uses", "whole", N_("Uses in all")),
    Part("per_person", "whole", N_("Uses a person, over all identifiers")),
)
TOGETHER = (
    Part("needs_coupon", "select", N_("Coupon")),
    Part("combinable", "select", N_("With other promotions")),
    Part("combines_with", "names", N_("Codes of the only others, with commas between")),
    Part("exclusive_group", "text", N_("Group of which only one applies")),
    Part("priority", "text", N_("Priority: the higher comes first")),
)
TEXTS = (Part("text.it", "long", N_("What customers read, Italian")), Part("text.en", "long", N_("English")))

CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "needs_coupon": (("", N_("works by itself")), ("yes", N_("only with a coupon"))),
    "combinable": (("", N_("beside any")), ("none", N_("beside none")), ("only", N_("only beside those named"))),
}


class Draft:
    """A promotion as it stands in the form."""

    def __init__(self, typed: dict[str, str], conditions: Box, effects: Box) -> None:
        self.typed = typed
        self.conditions = conditions
        self.effects = effects
        self.faults: dict[str, str] = {}

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> Draft:
        """As it was sent."""
        typed = {name: text for name, text in form.items() if not name.startswith(("c.", "e."))}
        return cls(typed, read_box(form, "c"), read_box({**form, "e.kind": "effects"}, "e"))

    @classmethod
    def of_definition(cls, one: Definition, words: Words) -> Draft:
        """As it would have been typed."""
        made = msgspec.to_builtins(one)
        writer = Writer(one.currency or "EUR", words)
        typed = {part.key: writer.text(part, made.get(part.key)) for part in (*GENERAL, *LIMITS, *TOGETHER)}
        typed |= {f"text.{language}": text for language, text in one.texts.items()}
        typed["starts_at"], typed["ends_at"] = instant_text(one.starts_at, words), instant_text(one.ends_at, words)
        typed["needs_coupon"] = "yes" if one.needs_coupon else ""
        typed["combinable"] = "none" if not one.combinable else "" if one.combines_with is None else "only"
        effects = Box("effects", {}, [writer.effect(effect) for effect in made["effects"]])
        return cls(typed, writer.conditions(made.get("conditions")), effects)

    def _general(self, reader: Reader, words: Words) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for part in (*GENERAL, *LIMITS, *TOGETHER):
            text = self.typed.get(part.key, "")
            if part.kind == "instant":
                try:
                    made[part.key] = instant_typed(text, words)
                except BadRequest:
                    reader.faults[part.key] = UNREADABLE
            elif part.key == "priority":
                made[part.key] = self._priority(text, reader)
            elif part.kind != "select":
                made[part.key] = reader.value(part, text, part.key)
        made["needs_coupon"] = self.typed.get("needs_coupon") == "yes"
        made["combinable"] = self.typed.get("combinable") != "none"
        if self.typed.get("combinable") == "only":
            if made["combines_with"] is None:
                reader.faults["combines_with"] = FILL_IN
        else:
            made["combines_with"] = None
        made["texts"] = {
            name.removeprefix("text."): text.strip()
            for name, text in self.typed.items()
            if name.startswith("text.") and text.strip()
        }
        return made

    @staticmethod
    def _priority(text: str, reader: Reader) -> int:
        try:
            return int(text or 0)
        except ValueError:
            reader.faults["priority"] = UNREADABLE
            return 0

    def definition(self, words: Words, currency: str) -> Definition | None:
        """The definition, or None when something cannot be read (`faults`). Raises BadPromotion for what makes no
        sense as a whole."""
        wanted = self.typed.get("currency", "").strip().upper()
        reader = Reader(wanted or currency)
        try:
            made = self._general(reader, words)
            made["conditions"] = reader.condition(self.conditions, "c")
            made["effects"] = [reader.effect(box, f"e.{number}") for number, box in enumerate(self.effects.inner)]
        except BadRequest:
            # The currency itself is none, so no amount can be read.
            reader.faults["currency"] = UNREADABLE
            made = {}
        self.faults = reader.faults
        if self.faults:
            return None
        made["currency"] = wanted or (currency if reader.amounts else None)
        try:
            return msgspec.convert({name: value for name, value in made.items() if value is not None}, Definition)
        except msgspec.ValidationError as error:
            detail, _, where = str(error).partition(" - at `")
            raise BadPromotion([(where.rstrip("`") or "$", detail)]) from None

    def whole(self, one: Definition, words: Words, currency: str) -> bool:
        """Whether the form says all that the definition says."""
        try:
            again = self.definition(words, currency)
        except BadPromotion:
            return False
        return again is not None and _compared(again) == _compared(one)


def _compared(one: Definition) -> Any:
    """Instants are typed to the minute."""

    def minute(at: datetime | None) -> datetime | None:
        return None if at is None else at.replace(second=0, microsecond=0)

    return plain(
        msgspec.to_builtins(msgspec.structs.replace(one, starts_at=minute(one.starts_at), ends_at=minute(one.ends_at)))
    )


# Drawing --------------------------------------------------------------------------------------------------


class Drawer:
    """Draws a draft as fields and boxes in the reader's language."""

    def __init__(self, draft: Draft, words: Words) -> None:
        self.draft = draft
        self.words = words
        self._ = words.gettext

    def fields(self, parts: Sequence[Part]) -> list[c.BuilderField]:
        """General fields."""
        return [self._field(part, part.key, self.draft.typed.get(part.key, "")) for part in parts]

    def _field(self, part: Part, name: str, value: str) -> c.BuilderField:
        fault = self.draft.faults.get(name, "")
        kind = part.kind if part.options != "yes_no" else "select"
        return c.BuilderField(
            name=name,
            label=self._(part.label),
            kind=kind,
            value=value,
            choices=self._choices(part, value),
            fault=self._(fault) if fault else "",
        )

    def _choices(self, part: Part, value: str) -> list[c.Choice]:
        chosen = {one.strip() for one in value.split(",")}
        pairs: list[tuple[str, str]] = []
        if part.options == "channels":
            pairs = [(name, channel_label(name, self.words)) for name in CHANNELS]
        elif part.options == "weekdays":
            names = get_day_names(locale=self.words.language)
            pairs = [(day, str(names[number])) for number, day in enumerate(WEEKDAYS)]
        elif part.options == "level":
            pairs = [(name, self._(text)) for name, text in LEVELS.items()]
        elif part.options == "yes_no":
            pairs = [("", self._("all the same")), *((name, self._(text)) for name, text in YES_NO.items())]
        elif part.key in CHOICES:
            pairs = [(name, self._(text)) for name, text in CHOICES[part.key]]
        return [c.Choice(value=name, label=text, selected=name in chosen) for name, text in pairs]

    def box(self, box: Box, path: str, *, removable: bool = True) -> c.BuilderNode:
        """A box with those inside."""
        if box.group:
            return c.BuilderNode(
                path=path,
                kind=box.kind,
                title=self._(GROUPS.get(box.kind, "")),
                group=True,
                inner=[self.box(one, f"{path}.{number}") for number, one in enumerate(box.inner)],
                removable=removable,
            )
        shape = CONDITIONS[box.kind] if path.startswith("c") else EFFECTS[box.kind]
        return c.BuilderNode(
            path=path,
            kind=box.kind,
            title=self._(shape.title),
            fields=[self._field(part, f"{path}.{part.key}", box.typed.get(part.key, "")) for part in shape.parts],
            goods=[self._goods(box, path, key, title) for key, title in shape.goods],
        )

    def _goods(self, box: Box, path: str, key: str, title: str) -> c.BuilderGoods:
        names = [(f"{key}.{part.key}", part) for part in GOODS]
        names += [
            (f"{key}.but.{part.key}", part._replace(label=N_("but not: %(what)s")))
            for part in GOODS
            if part.key in EXCEPT
        ]
        labels = {part.key: self._(part.label).lower() for part in GOODS}
        fields = []
        for name, part in names:
            one = self._field(part, f"{path}.{name}", box.typed.get(name, ""))
            if ".but." in name:
                one = msgspec.structs.replace(one, label=one.label % {"what": labels[part.key]})
            fields.append(one)
        said = any(one.value or one.fault for one in fields)
        return c.BuilderGoods(title=self._(title), fields=fields, open=said)

    def kinds(self, effects: bool) -> list[c.Choice]:
        """What can be added."""
        if effects:
            return [c.Choice(value=kind, label=self._(shape.title)) for kind, shape in EFFECTS.items()]
        groups = [
            c.Choice(value=kind, label=self._("Box: %(box)s") % {"box": self._(text).lower()})
            for kind, text in GROUPS.items()
        ]
        return [*(c.Choice(value=kind, label=self._(shape.title)) for kind, shape in CONDITIONS.items()), *groups]
