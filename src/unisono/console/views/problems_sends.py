"""Errors of what is sent and agreed, in words: what, why, what to do, the field at fault."""

from __future__ import annotations

from unisono.kit.marking import N_

SENDS_TEXTS: dict[str, tuple[str, ...]] = {
    "bad_policy": (N_("The policy cannot count like this"), "", N_("Put it right and try again.")),
    "number_missing": (N_("A number is missing"), "", N_("Write a whole number.")),
    "clock_unreadable": (N_("This time of day cannot be read"), "", N_("Write it as 21:00.")),
    "purpose_missing": (N_("Choose at least one purpose"),),
    "weekday_missing": (N_("Choose at least one day"),),
    "policy_changed": (
        N_("Somebody changed the policy meanwhile"),
        N_("Yours was made from an older version."),
        N_("Look at what changed and make your change again."),
    ),
    "policy_version_not_found": (N_("There is no such version"),),
    "recipient_missing": (N_("Say who"), "", N_("An e-mail address, a phone number, or namespace:value."), "who"),
    "bad_identifier": (
        N_("That is no identifier"),
        "",
        N_("An e-mail address, a phone number, or namespace:value."),
        "who",
    ),
    "message_not_found": (N_("There is no such message"),),
    "message_gone": (
        N_("It cannot be stopped any more"),
        N_("It has left, or is over."),
    ),
    "message_not_unknown": (
        N_("What became of it is known already"),
        N_("Somebody said so, or the provider told it meanwhile."),
    ),
    "message_too_late": (
        N_("It is of no use any more"),
        N_("The time it was of use until is over."),
    ),
    "verdict_missing": (N_("Say what became of it, and how you know"),),
    "message_would_not_go": (
        N_("It would not leave as things stand"),
        N_("The reason stands below; nothing was planned."),
    ),
    "text_missing": (N_("Write something"), "", "", "text"),
    "channel_missing": (N_("Choose a channel"), "", "", "channel"),
    "broadcast_not_found": (N_("There is no such broadcast"),),
    "broadcast_started": (
        N_("Only a draft is changed"),
        N_("It was launched already."),
    ),
    "broadcast_state": (
        N_("As it stands that makes no sense"),
        N_("Somebody else may have pressed before you."),
    ),
    "broadcast_code_taken": (N_("There is a broadcast with this code"), "", N_("Choose another name or code."), "code"),
    "version_conflict": (
        N_("Somebody changed it meanwhile"),
        N_("What you saw is not what would be done."),
        N_("Look at it again."),
    ),
    "segment_missing": (N_("Say to whom"), N_("It has no segment yet."), "", "segment"),
    "template_missing": (N_("Choose a template"), N_("It says nothing yet."), "", "template"),
    "time_missing": (N_("Say the day and the time"),),
    "time_over": (N_("That time is over"),),
    "task_not_found": (N_("There is no such task, or it is not for you"),),
    "task_settled": (
        N_("It has been settled already"),
        N_("Somebody else was faster."),
    ),
    "task_title": (N_("Say what is to be done"), "", "", "title"),
    "not_your_store": (N_("Name one of your stores"), "", "", "store"),
    "outcome_missing": (N_("Say what came of it"), "", "", "outcome"),
    "no_address": (N_("The person has no such address"),),
    "not_his_identifier": (N_("That is no address of this person"),),
    "words_missing": (N_("Write the words people agree to"), N_("In one language at least."), "", "body-it"),
    "bad_register_file": (
        N_("The file cannot be taken in"),
        "",
        N_("Put it right and send it again; nothing was kept."),
    ),
    "bad_legal_setting": (N_("It cannot be set like this"), "", N_("Put it right and try again.")),
    "legal_setting_not_found": (N_("There is no such setting"),),
    "privacy_request_not_found": (N_("There is no such request"),),
    "name_not_typed": (
        N_("What was typed is not the name that is shown"),
        N_("Nothing was erased."),
        N_("Type the name exactly as it stands there."),
        "name",
    ),
    "person_changed": (
        N_("The person has changed meanwhile"),
        N_("Identifiers have come or gone since the page was opened; nothing was erased."),
        N_("Look at what would happen again."),
    ),
    "shared_undecided": (
        N_("Others use some of the identifiers too"),
        N_("Nothing was erased."),
        N_("Say of each whether it stays."),
    ),
    "standing": (
        N_("Something is still to be settled with this person"),
        N_("Nothing was erased."),
        N_("Settle it first, or say that it is given up."),
    ),
    "not_open": (N_("The request is past that"),),
}
"""Code of an error -> its texts; English msgids."""
