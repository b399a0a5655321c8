"""Why messages wait or are not sent, in general words: for lists and tables. Each message has its own, with values."""

from __future__ import annotations

from typing import Final

from unisono.kit.marking import N_
from unisono.kit.reasons import Reason

_WORDS: Final = {
    # Consent and law.
    "no_consent": N_("No consent to marketing on any channel it may go by"),
    "consent_refused": N_("The consent was refused"),
    "consent_withdrawn": N_("The consent was withdrawn"),
    "consent_expired": N_("The consent has ended"),
    "consent_unconfirmed": N_("The consent waits to be confirmed"),
    "no_profiling_consent": N_("No consent to profiling"),
    "soft_opt_in_off": N_("A sale alone is no consent there"),
    "not_similar": N_("A sale is no consent for another kind of products"),
    "no_third_party_consent": N_("No consent to sharing data with others"),
    "register_not_checked": N_("Never held against the opposition register"),
    "register_listed": N_("On the opposition register"),
    "register_stale": N_("Held against the opposition register too long ago"),
    "suppressed": N_("The address is suppressed"),
    # Address and account.
    "no_address": N_("No address is known"),
    "address_invalid": N_("The address cannot be used"),
    "other_address": N_("It is for one address, which cannot be written to"),
    "no_account": N_("No account can send it"),
    "channel_excluded": N_("The provider refused the address for good"),
    # Policy.
    "help_complaint": N_("Help first: a complaint is open"),
    "help_settled": N_("Help first: a complaint was closed a short while ago"),
    "help_badly_settled": N_("Help first: a complaint was settled badly"),
    "help_late_order": N_("Help first: an order is late"),
    "help_nps": N_("Help first: a bad score"),
    "help_csat": N_("Help first: a bad score"),
    "budget_used": N_("Contacted enough: the budget is used up"),
    "budget_too_small": N_("It weighs more than the whole budget"),
    "cap_reached": N_("Contacted enough: the cap is reached"),
    "cap_zero": N_("The cap allows none"),
    "gives_way": N_("It gives way to a weightier message"),
    "quiet_hours": N_("Quiet hours"),
    "quiet_always": N_("Quiet hours that do not end"),
    "not_due": N_("Not due yet"),
    "not_due_local": N_("Not due yet by the person's own clock"),
    "too_late": N_("Too late: it was of use until then"),
    "would_be_too_late": N_("It would have been too late"),
    "left_segment": N_("Left the segment before it was sent"),
    "same_person": N_("Joined with somebody who has it already"),
    # The ground it went on.
    "consented": N_("There is a consent"),
    "soft_opt_in": N_("Something like what was bought"),
    "needs_no_consent": N_("No promotion: no consent is needed"),
    "comes_to_us": N_("The person comes to us: no consent is needed"),
    "not_needed": N_("Another channel goes before"),
    # The brand.
    "brand_forbidden_word": N_("A word the brand does not say"),
    "brand_unproven_claim": N_("A claim without proof"),
    "brand_exclamation": N_("Too many exclamation marks"),
    "brand_capitals": N_("Too many capitals"),
    "brand_footer": N_("The legal footer is missing"),
    "brand_footer_company": N_("The company's name is missing"),
    "brand_footer_vat": N_("The VAT number is missing"),
    "brand_footer_address": N_("The company's address is missing"),
    "brand_unsubscribe": N_("The link to unsubscribe is missing"),
    "brand_colour": N_("A colour that is not the brand's"),
    "brand_font": N_("A font that is not the brand's"),
    "brand_unwanted_tone": N_("Not the tone of the brand"),
    "brand_missing_tone": N_("None of the brand's own words is in it"),
    # Delivery.
    "broadcast_paused": N_("The broadcast is paused"),
    "broadcast_stopped": N_("The broadcast was stopped"),
    "cancelled": N_("Cancelled"),
    "erased": N_("The person was erased"),
    "unknown": N_("The connection was cut: it may have arrived"),
    "unknown_again": N_("It may have arrived; tried once more"),
    "lost_by_hand": N_("It did not arrive: somebody says so"),
    "provider_down": N_("The provider does not answer"),
    "account_paused": N_("The account is paused"),
    "sending_paused": N_("Sending is paused"),
    "warm_up": N_("The account is warming up"),
    "queue": N_("Others are before it"),
    "person_parked": N_("An earlier message waits for another try"),
    "again": N_("The provider did not take it; tried again"),
    "next_channel": N_("Refused on a channel; the next one is tried"),
    "gave_up": N_("Given up after many tries"),
    "refused": N_("The provider refused it"),
    "bounced": N_("It came back"),
    "content": N_("It could not be written for the person"),
    "broken": N_("Something of ours broke on it"),
    "not_settled": N_("Waiting its turn"),
}


def label(code: str) -> Reason:
    """A reason in general words; one nobody has named is its code."""
    known = _WORDS.get(code)
    if known is not None:
        return Reason(code, known)
    if code.startswith("suppressed"):
        return Reason(code, _WORDS["suppressed"])
    return Reason(code, "{name}", {"name": code.replace("_", " ")})
