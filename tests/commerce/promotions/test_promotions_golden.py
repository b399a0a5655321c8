"""The golden examples of promotions, by their numbers."""

from __future__ import annotations

from tests.support.promotions import amount, applied, basket, line, percent, promotion, quote


def test_g5_stacking_multiplies_on_what_is_left() -> None:
    """G5: 100.00, catalogue -40 % then an order voucher of -70 %: 60.00, then 18.00."""
    catalogue = promotion("sale", percent(4000, level="catalogue"))
    voucher = promotion("voucher", percent(7000))
    found = quote(basket(line(unit=100_00)), voucher, catalogue)
    assert [(one.code, one.amount_minor) for one in found.applied] == [("sale", 40_00), ("voucher", 42_00)]
    assert found.total_minor == 18_00
    assert [(share.code, share.amount_minor) for share in found.lines[0].shares] == [
        ("sale", 40_00),
        ("voucher", 42_00),
    ]


def test_g5_percentages_never_reach_zero_together() -> None:
    """Two that would add up to more than everything leave what they leave of each other."""
    found = quote(basket(line(unit=100_00)), promotion("a", percent(6000)), promotion("b", percent(6000)))
    assert found.total_minor == 16_00


def test_g6_an_order_discount_is_shared_by_the_largest_remainder() -> None:
    """G6: 10.00 over 33.33, 33.33, 33.34: 3.33, 3.33, 3.34."""
    lines = (line("a", 33_33), line("b", 33_33), line("c", 33_34))
    found = quote(basket(*lines), promotion("ten", amount(10_00)))
    assert [one.discount_minor for one in found.lines] == [3_33, 3_33, 3_34]
    assert found.discount_minor == 10_00


def test_g7_tax_inside_prices() -> None:
    """G7: 12.20 at 22 % is 10.00 and 2.20; three times 0.99 is 2.43 and 0.54."""
    found = quote(basket(line("a", 12_20), line("b", 99, 3)))
    assert [(one.total_minor, one.tax_minor) for one in found.lines] == [(12_20, 2_20), (2_97, 54)]
    assert (found.total_minor, found.tax_minor) == (15_17, 2_74)


def test_g7_tax_on_top_of_prices_and_of_what_discounts_leave() -> None:
    """10.00 without tax is 12.20; with a tenth off it is 9.00 and 1.98."""
    net = basket(line(unit=10_00), tax_included=False)
    assert quote(net).total_minor == 12_20
    reduced = quote(net, promotion("tenth", percent(1000)))
    assert (reduced.tax_minor, reduced.total_minor) == (1_98, 10_98)


def test_a_catalogue_percentage_says_what_the_shelf_says() -> None:
    """Half off 0.99 is 0.49 a unit, so three cost 1.47: not half of 2.97."""
    found = quote(basket(line(unit=99, quantity=3)), promotion("half", percent(5000, level="catalogue")))
    assert found.total_minor == 3 * 49


def test_tax_of_shipping_counts() -> None:
    """Shipping of 12.20 with 22 % inside has 2.20 of tax; free shipping has none."""
    asked = basket(line(unit=12_20), shipping_minor=12_20, shipping_tax_rate_bp=2200)
    assert quote(asked).tax_minor == 4_40
    free = quote(asked, promotion("free", {"kind": "shipping_off"}))
    assert (free.tax_minor, free.shipping_minor, free.shipping_discount_minor) == (2_20, 0, 12_20)
    assert applied(free, "free").shipping_minor == 12_20
    assert free.total_minor == 12_20
