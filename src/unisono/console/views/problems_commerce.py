"""Errors of the commerce rooms in the reader's language: code -> what, why, what to do, the form's field."""

from __future__ import annotations

from unisono.kit.marking import N_

COMMERCE_TEXTS: dict[str, tuple[str, str, str, str | None]] = {
    "amount_unreadable": (
        N_("This amount cannot be read"), "", N_("Write it as 12,50 or 12.50, without separators of thousands."), None,
    ),
    "number_unreadable": (N_("This number cannot be read"), "", N_("Write a whole number."), None),
    "instant_unreadable": (N_("This day and time cannot be read"), "", N_("Choose them from the calendar."), None),
    "not_sure": (N_("Say that you are sure"), "", "", None),
    "discount_not_honest": (N_("This is no discount"), "", "", "amount"),
    "bad_form": (N_("This form cannot be read"), "", N_("Open the page again and repeat it."), None),
    "sku_unknown": (N_("There is no such sku"), "", N_("Check its spelling, or look it up under Products."), "sku"),
    "sku_twice": (N_("A sku is named twice"), "", "", None),
    "product_unknown": (
        N_("There is no such product"), N_("No product, sku or barcode is written like this."),
        N_("Look it up under Products."), None,
    ),
    "category_unknown": (N_("There is no such category"), "", "", "category"),
    "catalogue_refused": (N_("The product cannot be kept like this"), "", "", None),
    "bad_cursor": (N_("This address is not complete"), "", N_("Start again from the first page."), None),
    "bad_search": (N_("This search is too long"), "", N_("Use fewer words."), None),
    "unreadable_file": (
        N_("This file cannot be read as a table"), "", N_("Save it as CSV with one line of headers, in UTF-8."), "csv",
    ),
    "bad_mapping": (N_("The columns of the file are not clear"), "", "", "csv"),
    "no_table": (N_("There is nothing to import"), "", N_("Choose a file, or paste rows of CSV."), "csv"),
    "price_list_unknown": (N_("There is no such price list"), "", N_("Choose one of the list."), "list"),
    "price_list_taken": (N_("Another price list has this code"), "", N_("Choose another code."), "code"),
    "price_list_disabled": (
        N_("This price list is switched off"), N_("It takes no more prices."), N_("Choose another list."), "list",
    ),
    "bad_price_list": (N_("The price list cannot be made like this"), "", N_("Check its code and name."), "code"),
    "prices_not_valid": (N_("The price cannot be set"), "", "", None),
    "bad_amount": (N_("This amount cannot be a price"), "", "", "amount"),
    "bad_period": (N_("The period cannot be like this"), "", N_("It must begin before it ends."), "starts"),
    "starts_in_past": (
        N_("A price cannot begin in the past"), N_("What was asked then is evidence and stays as it was."),
        N_("Let it begin now or later."), "starts",
    ),
    "bad_campaign": (N_("The campaign's name cannot be used"), "", "", "campaign"),
    "announcement_without_effect": (
        N_("Nobody would pay the announced price"),
        N_("A stronger price list, or the period of this one, says otherwise."),
        N_("Choose the list that counts there."), "list",
    ),
    "announcement_unknown": (N_("There is no such discount"), "", "", None),
    "announcement_over": (N_("The discount has ended"), N_("There is nothing to withdraw."), "", None),
    "promotion_unknown": (N_("There is no such promotion"), "", "", None),
    "bad_promotion": (N_("The promotion cannot be kept like this"), "", "", None),
    "product_code_taken": (N_("There is such a product already"), "", N_("Choose another code."), "code"),
    "promotion_code_taken": (N_("There is such a promotion already"), "", N_("Choose another code."), "code"),
    "version_conflict": (
        N_("Somebody else has changed this promotion meanwhile"), "", N_("Open it again and repeat your change."), None,
    ),
    "promotion_ended": (N_("This promotion has ended"), N_("What has ended stays so."), N_("Make another."), None),
    "currency_fixed": (N_("This promotion has been used: its currency stays"), "", "", "currency"),
    "limit_below_used": (N_("More is used or put aside already than the new limit allows"), "", "", None),
    "bad_status": (N_("It cannot become that from what it is"), "", "", None),
    "bad_basket": (N_("This basket cannot be tried"), "", "", "sku-1"),
    "price_missing": (
        N_("A product has no price there and then"), "", N_("Give a price in the basket, or set one."), "sku-1",
    ),
    "bad_coupons": (N_("The coupons cannot be made like this"), "", "", "coupon"),
    "coupon_exists": (N_("There is such a coupon already"), "", N_("Choose another code."), "coupon"),
    "coupon_unknown": (N_("There is no such coupon"), "", "", "coupon"),
    "incident_not_found": (N_("There is no such incident"), "", "", None),
    "incident_closed": (N_("The incident is closed already"), "", "", None),
    "too_many_discounts": (N_("Too many discounts at once"), "", "", None),
    "bad_money": (N_("This is not a currency we know"), "", N_("Use its three letters, as EUR."), "currency"),
}  # fmt: skip
"""Where ``why`` is empty the error's own reasons are shown."""
