"""A promotion as one sentence, and its conditions in words: made from the rule, so it cannot say something else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from babel.dates import format_date, get_day_names
from babel.numbers import format_decimal

from unisono.commerce.promotions import language as say
from unisono.commerce.promotions.model import Definition
from unisono.console.contexts import RuleNode
from unisono.console.views.labels import channel_label
from unisono.console.words import Words
from unisono.kit.money import format_money

NAMED = 4
"""So many names are told; more are but counted."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Teller:
    """Says the parts of a promotion in a language."""

    def __init__(self, words: Words, currency: str | None) -> None:
        self._words = words
        self._ = words.gettext
        self.currency = currency or "EUR"

    # small pieces

    def money(self, minor: int) -> str:
        return format_money(minor, self.currency, self._words.language)

    def percent(self, bp: int) -> str:
        return f"{format_decimal(bp / 100, locale=self._words.language)} %"

    def some(self, names: Iterable[str], joined: str = "") -> str:
        ordered = sorted(names)
        shown = ordered[:NAMED]
        text = ", ".join(shown[:-1]) + f" {joined or self._('or')} {shown[-1]}" if len(shown) > 1 else "".join(shown)
        more = len(ordered) - len(shown)
        return f"{text} (+{more})" if more else text

    def lines(self, lines: say.Lines | None, whole: str = "") -> str:
        """Which goods."""
        if lines is None or lines == say.Lines():
            return whole or self._("everything")
        parts = []
        for names, text in (
            (lines.skus, self._("%(names)s")),
            (lines.products, self._("the products %(names)s")),
            (lines.categories, self._("everything in %(names)s")),
            (lines.brands, self._("goods of %(names)s")),
            (lines.tags, self._("goods tagged %(names)s")),
        ):
            if names:
                parts.append(text % {"names": self.some(names)})
        told = self._(" that is also ").join(parts) or self._("everything")
        if lines.reduced is not None:
            told += " " + (
                self._("that is reduced already") if lines.reduced else self._("that is not reduced already")
            )
        if lines.unit_at_least_minor is not None:
            told += " " + self._("from %(amount)s each") % {"amount": self.money(lines.unit_at_least_minor)}
        if lines.unit_at_most_minor is not None:
            told += " " + self._("up to %(amount)s each") % {"amount": self.money(lines.unit_at_most_minor)}
        if lines.but_not is not None:
            told += " " + self._("but not %(lines)s") % {"lines": self.lines(lines.but_not)}
        return told

    def _range(self, least: str | None, most: str | None) -> str:
        if least is not None and most is not None:
            return self._("from %(least)s to %(most)s") % {"least": least, "most": most}
        if most is not None:
            return self._("at most %(most)s") % {"most": most}
        return self._("at least %(least)s") % {"least": least or "1"}

    def day(self, day: date | None) -> str:
        return "" if day is None else str(format_date(day, "d MMMM y", locale=self._words.language))

    # conditions

    def condition(self, one: say.Condition) -> str:
        """A condition in words, groups in brackets."""
        if isinstance(one, say.AllOf):
            return self._group(one.of, self._("and"))
        if isinstance(one, say.AnyOf):
            return self._group(one.of, self._("or"))
        if isinstance(one, say.NotThis):
            return self._("not (%(what)s)") % {"what": self.condition(one.of).strip("()")}
        return self._leaf(one)

    def _group(self, parts: Iterable[say.Condition], joined: str) -> str:
        told = [self.condition(one) for one in parts]
        if not told:
            return self._("always")
        return told[0] if len(told) == 1 else f"({f' {joined} '.join(told)})"

    def _leaf(self, one: say.Condition) -> str:
        if isinstance(one, say.SubtotalOf | say.UnitsOf | say.DistinctOf):
            return self._counted(one)
        return self._who(one) or self._where_and_when(one)

    def _counted(self, one: say.SubtotalOf | say.UnitsOf | say.DistinctOf) -> str:
        what = self.lines(one.lines, self._("the basket"))
        if isinstance(one, say.SubtotalOf):
            least = None if one.at_least_minor is None else self.money(one.at_least_minor)
            most = None if one.at_most_minor is None else self.money(one.at_most_minor)
            return self._("%(what)s comes to %(range)s") % {"what": what, "range": self._range(least, most)}
        least = None if one.at_least is None else str(one.at_least)
        most = None if one.at_most is None else str(one.at_most)
        if isinstance(one, say.UnitsOf):
            text = self._("there are %(range)s units of %(what)s")
        else:
            text = self._("there are %(range)s different goods of %(what)s")
        return text % {"what": what, "range": self._range(least, most)}

    def _who(self, one: say.Condition) -> str:
        if isinstance(one, say.IsFirstOrder):
            return self._("it is the first order of somebody we know")
        if isinstance(one, say.IsKnown):
            return self._("we know who it is")
        if isinstance(one, say.NearBirthday):
            days = {"before": one.days_before, "after": one.days_after}
            if not (one.days_before or one.days_after):
                return self._("it is the customer's birthday")
            return self._("it is %(before)s days before to %(after)s days after the birthday") % days
        if isinstance(one, say.OrdersBefore):
            least = None if one.at_least is None else str(one.at_least)
            most = None if one.at_most is None else str(one.at_most)
            return self._("the customer has ordered %(range)s times before") % {"range": self._range(least, most)}
        for kind, text in (
            (say.InSegment, self._("the customer is in %(names)s")),
            (say.InTier, self._("the customer is %(names)s")),
            (say.InAudience, self._("the customer belongs to %(names)s")),
        ):
            if isinstance(one, kind):
                return text % {"names": self.some(one.any_of)}
        if isinstance(one, say.HasTrait):
            values = {"name": one.name, "names": self.some(map(str, one.any_of))}
            return self._("%(name)s of the customer is %(names)s") % values
        return ""

    def _where_and_when(self, one: say.Condition) -> str:
        if isinstance(one, say.OnChannel):
            return self._("in %(names)s") % {
                "names": self.some(channel_label(name, self._words) for name in one.any_of)
            }
        if isinstance(one, say.InStore):
            return self._("in the stores %(names)s") % {"names": self.some(one.any_of)}
        if isinstance(one, say.WithCoupon):
            return self._("with the coupon %(names)s") % {"names": self.some(one.any_of)}
        if isinstance(one, say.OnWeekdays):
            known = get_day_names(locale=self._words.language)
            days = [str(known[DAYS.index(day)]) for day in DAYS if day in one.any_of]
            return self._("on %(days)s") % {"days": ", ".join(days)}
        if isinstance(one, say.AtHours):
            return self._("from %(first)s to %(last)s") % {"first": one.first, "last": one.last}
        if isinstance(one, say.BetweenDates):
            if one.first is None or one.last is None:
                text = self._("from %(day)s on") if one.last is None else self._("until %(day)s")
                return text % {"day": self.day(one.first or one.last)}
            return self._("from %(first)s to %(last)s") % {"first": self.day(one.first), "last": self.day(one.last)}
        return ""

    def tree(self, one: say.Condition | None) -> RuleNode | None:
        """Conditions as nested lines."""
        if one is None:
            return None
        if isinstance(one, say.AllOf | say.AnyOf):
            text = self._("all of these") if isinstance(one, say.AllOf) else self._("any of these")
            return RuleNode(text=text, inner=[node for inner in one.of if (node := self.tree(inner)) is not None])
        if isinstance(one, say.NotThis):
            inside = self.tree(one.of)
            return RuleNode(text=self._("none of these"), inner=[inside] if inside else [])
        return RuleNode(text=self._leaf(one))

    # effects

    def effect(self, one: say.Effect) -> str:
        """An effect in words."""
        if isinstance(one, say.PercentOff | say.AmountOff | say.FixedPrice):
            return self._cheaper(one)
        if isinstance(one, say.BuyGet):
            return self._buy_get(one)
        if isinstance(one, say.Bundle):
            items = " + ".join(f"{item.quantity} × {self.lines(item.lines)}" for item in one.items)
            return self._("%(items)s together for %(amount)s") % {"items": items, "amount": self.money(one.price_minor)}
        if isinstance(one, say.Gift):
            return self._("%(quantity)s × %(sku)s as a gift") % {"quantity": one.quantity, "sku": one.sku}
        if isinstance(one, say.ShippingOff):
            if one.amount_minor is None:
                return self._("free shipping")
            return self._("%(amount)s off shipping") % {"amount": self.money(one.amount_minor)}
        parts = []
        if one.factor_bp != 10_000:
            factor = format_decimal(one.factor_bp / 10_000, locale=self._words.language)
            parts.append(self._("%(factor)s times the points") % {"factor": factor})
        if one.bonus:
            parts.append(self._("%(points)s points on top") % {"points": one.bonus})
        return f" {self._('and')} ".join(parts) or self._("nothing")

    def _cheaper(self, one: say.PercentOff | say.AmountOff | say.FixedPrice) -> str:
        what = self.lines(one.lines, self._("the whole basket"))
        if isinstance(one, say.FixedPrice):
            return self._("%(amount)s for each of %(what)s") % {"amount": self.money(one.price_minor), "what": what}
        each = one.level == "catalogue"
        if isinstance(one, say.AmountOff):
            text = self._("%(amount)s off each of %(what)s") if each else self._("%(amount)s off %(what)s")
            return text % {"amount": self.money(one.amount_minor), "what": what}
        text = self._("%(percent)s off %(what)s") % {"percent": self.percent(one.percent_bp), "what": what}
        if one.cap_minor is not None:
            text += " " + self._("(at most %(amount)s)") % {"amount": self.money(one.cap_minor)}
        return text

    def _buy_get(self, one: say.BuyGet) -> str:
        values = {
            "buy": one.buy_quantity,
            "get": one.get_quantity,
            "what": self.lines(one.buy),
            "other": self.lines(one.get),
            "percent": self.percent(one.percent_bp),
        }
        free = one.percent_bp == 10_000
        if one.get is None:
            text = (
                self._("for %(buy)s of %(what)s, %(get)s more free")
                if free
                else self._("for %(buy)s of %(what)s, %(get)s more at %(percent)s off")
            )
        else:
            text = (
                self._("for %(buy)s of %(what)s, %(get)s of %(other)s free")
                if free
                else self._("for %(buy)s of %(what)s, %(get)s of %(other)s at %(percent)s off")
            )
        told = text % values
        if one.max_times:
            told += " " + self._words.ngettext("(%(num)s time)", "(%(num)s times)", one.max_times)
        return told


def sentence(one: Definition, words: Words) -> str:
    """The whole promotion in one sentence."""
    _, teller = words.gettext, Teller(words, one.currency)
    effects = f" {_('and')} ".join(teller.effect(effect) for effect in one.effects)
    told = effects[:1].upper() + effects[1:]
    if one.conditions is not None:
        condition = teller.condition(one.conditions)
        if condition != _("always"):
            told += " " + _("when %(condition)s") % {"condition": condition.removeprefix("(").removesuffix(")")}
    extras = []
    if one.needs_coupon:
        extras.append(_("only with a coupon"))
    if one.per_person:
        extras.append(words.ngettext("%(num)s time a person", "%(num)s times a person", one.per_person))
    if one.max_uses is not None:
        extras.append(words.ngettext("%(num)s time in all", "%(num)s times in all", one.max_uses))
    if one.budget_minor is not None:
        extras.append(_("up to %(amount)s in all") % {"amount": teller.money(one.budget_minor)})
    if not one.combinable:
        extras.append(_("with no other promotion"))
    elif one.combines_with is not None:
        extras.append(_("only beside %(names)s") % {"names": teller.some(one.combines_with)})
    return ", ".join([told, *extras]) + "."
