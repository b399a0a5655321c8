"""From a basket and promotions to a quote: a pure function, the same in every channel.

First each promotion is asked whether it holds of the basket as it is; then those that hold are chosen among
(`choosing`); then they work, those at catalogue level before those on the order, each on what the others left, so that
percentages multiply and nothing falls below zero. Discounts on several lines are shared by the largest remainder;
the tax is that of what is left of each line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unisono.commerce.pricing.rules import split_tax
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.case import Case
from unisono.commerce.promotions.choosing import Candidate, Run, choose
from unisono.commerce.promotions.conditions import judge
from unisono.commerce.promotions.model import (
    UNLIMITED,
    Applied,
    Basket,
    BasketLine,
    CouponAnswer,
    Promotion,
    Quote,
    QuotedLine,
    Rejected,
    Share,
    UseState,
    coupon_code,
)
from unisono.kit.reasons import Reason


def evaluate(basket: Basket, promotions: Sequence[Promotion], state: UseState = UNLIMITED) -> Quote:
    """What a basket costs with these promotions, every one of them applied or rejected, with reasons.

    ``state`` says what is left of limited promotions and which coupons are known. The order of ``promotions``, of the
    lines, and the channel (where no condition asks for it) change nothing.
    """
    case = Case(basket, state)
    entered = _entered(case)
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    for promotion in promotions:
        unmet, met, missing = _holds(promotion, case, entered)
        if unmet:
            rejected.append(_rejected(promotion, tuple(unmet), missing))
        else:
            candidates.append(Candidate(promotion, met))
    run, left = choose(case, candidates)
    rejected += [_rejected(one.promotion, one.reasons) for one in left]
    rejected.sort(key=lambda one: one.code)
    applied = _applied(case, candidates, run, entered)
    return _quote(case, run, applied, tuple(rejected), _answers(case, entered, applied, rejected))


def _rejected(promotion: Promotion, reasons: tuple[Reason, ...], missing: int | None = None) -> Rejected:
    return Rejected(code=promotion.code, name=promotion.name, reasons=reasons, missing_minor=missing)


# Whether a promotion holds --------------------------------------------------------------------------------


def _entered(case: Case) -> dict[str, str]:
    """Promotion to the coupon that opens it: of several that stand the first by name, which is chance for nobody."""
    found: dict[str, str] = {}
    for code in sorted({coupon_code(text) for text in case.basket.coupons}):
        known = case.state.coupons.get(code)
        if known is not None and known.promotion is not None and known.refused is None:
            found.setdefault(known.promotion, code)
    return found


def _holds(
    promotion: Promotion, case: Case, entered: Mapping[str, str]
) -> tuple[list[Reason], tuple[Reason, ...], int | None]:
    """Every reason against it, or all reasons for it; and the amount that is missing."""
    unmet = _in_force(promotion, case)
    unmet += _limits(promotion, case)
    coupon = entered.get(promotion.code)
    if promotion.needs_coupon and coupon is None:
        unmet += _refused_coupons(promotion, case) or [wording.coupon_needed()]
    met = (wording.coupon_accepted(coupon),) if coupon is not None else ()
    if promotion.conditions is None:
        return unmet, met or (wording.FOR_ALL,), None
    verdict = judge(promotion.conditions, case)
    if not verdict.met:
        unmet += verdict.reasons
    return unmet, met + verdict.reasons, verdict.missing_minor


def _in_force(promotion: Promotion, case: Case) -> list[Reason]:
    against = []
    basket = case.basket
    if promotion.status != "active":
        against.append(wording.status_not_active(promotion.status))
    if promotion.starts_at is not None and basket.at < promotion.starts_at:
        against.append(wording.begins(promotion.starts_at))
    if promotion.ends_at is not None and basket.at >= promotion.ends_at:
        against.append(wording.ended(promotion.ends_at))
    if promotion.currency is not None and promotion.currency != basket.currency:
        against.append(wording.other_currency(promotion.currency, basket.currency))
    return against


def _limits(promotion: Promotion, case: Case) -> list[Reason]:
    against = []
    code, state = promotion.code, case.state
    if promotion.per_person is not None:
        used = case.person.uses.get(code, 0)
        if not case.person.known:
            against.append(wording.person_unknown())
        elif used >= promotion.per_person:
            against.append(wording.used_by_person(used, promotion.per_person))
    if state.uses_left.get(code, 1) <= 0:
        against.append(wording.used_up())
    if state.budget_left_minor.get(code, 1) <= 0:
        against.append(wording.budget_used_up(0, case.basket.currency))
    return against


def _refused_coupons(promotion: Promotion, case: Case) -> list[Reason]:
    known = (case.state.coupons.get(coupon_code(text)) for text in case.basket.coupons)
    return [one.refused for one in known if one is not None and one.promotion == promotion.code and one.refused]


# What comes of it -----------------------------------------------------------------------------------------


def _applied(case: Case, candidates: Sequence[Candidate], run: Run, entered: Mapping[str, str]) -> tuple[Applied, ...]:
    of_code = {each.promotion.code: each for each in candidates}
    return tuple(
        Applied(
            code=code,
            name=of_code[code].promotion.name,
            promotion_id=of_code[code].promotion.id,
            amount_minor=outcome.amount,
            coupon=entered.get(code),
            gifts=outcome.gifts,
            points_factor=outcome.points_factor,
            points_bonus=outcome.points_bonus,
            shipping_minor=outcome.shipping,
            reasons=of_code[code].reasons + outcome.problems,
        )
        for code, outcome in run.counts.items()
    )


def _answers(
    case: Case, entered: Mapping[str, str], applied: Sequence[Applied], rejected: Sequence[Rejected]
) -> tuple[CouponAnswer, ...]:
    """What became of each code that was entered, in the order of entry."""
    reasons_of = {one.code: one.reasons for one in rejected}
    counted = {one.code for one in applied}
    answers = []
    for code in dict.fromkeys(coupon_code(text) for text in case.basket.coupons):
        known = case.state.coupons.get(code)
        promotion = None if known is None else known.promotion
        accepted = promotion is not None and promotion in counted and entered.get(promotion) == code
        if accepted:
            reasons: tuple[Reason, ...] = (wording.coupon_accepted(code),)
        elif known is not None and known.refused is not None:
            reasons = (known.refused,)
        elif promotion is None or (promotion not in counted and promotion not in reasons_of):
            reasons = (wording.coupon_unknown(code),)
        elif entered.get(promotion) != code:
            reasons = (wording.coupon_spare(code),)
        else:
            reasons = reasons_of[promotion]
        answers.append(CouponAnswer(coupon=code, accepted=accepted, promotion=promotion, reasons=reasons))
    return tuple(answers)


def _quote(
    case: Case,
    run: Run,
    applied: tuple[Applied, ...],
    rejected: tuple[Rejected, ...],
    coupons: tuple[CouponAnswer, ...],
) -> Quote:
    basket = case.basket
    worked = {
        place: _line(line, shares, basket.tax_included)
        for place, line, shares in zip(case.order, case.lines, run.work.shares, strict=True)
    }
    quoted = tuple([worked[place] for place in range(len(worked))])
    subtotal = sum(line.gross_minor for line in quoted)
    discount = sum(line.discount_minor for line in quoted)
    shipping = run.work.shipping
    tax = sum(line.tax_minor for line in quoted)
    tax += split_tax(shipping, basket.shipping_tax_rate_bp, included=basket.tax_included).tax
    total = subtotal - discount + shipping + (0 if basket.tax_included else tax)
    return Quote(
        currency=basket.currency,
        tax_included=basket.tax_included,
        lines=quoted,
        subtotal_minor=subtotal,
        discount_minor=discount,
        shipping_minor=shipping,
        shipping_discount_minor=basket.shipping_minor - shipping,
        tax_minor=tax,
        total_minor=total,
        applied=applied,
        rejected=rejected,
        coupons=coupons,
    )


def _line(line: BasketLine, shares: Mapping[str, int], tax_included: bool) -> QuotedLine:
    gross = line.unit_minor * line.quantity
    discount = sum(shares.values())
    left = gross - discount
    return QuotedLine(
        line_id=line.line_id,
        unit_minor=line.unit_minor,
        quantity=line.quantity,
        gross_minor=gross,
        discount_minor=discount,
        total_minor=left,
        tax_minor=split_tax(left, line.tax_rate_bp, included=tax_included).tax,
        shares=tuple(Share(code, amount) for code, amount in shares.items()),
    )
