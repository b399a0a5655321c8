"""Errors of templates, the brand and channels in the reader's language: code -> what, why, what to do, the form's
field."""

from __future__ import annotations

from unisono.kit.marking import N_

VOICE_TEXTS: dict[str, tuple[str, str, str, str | None]] = {
    "bad_template": (N_("The template cannot be like this"), "", N_("Put it right and save again."), None),
    "template_unsafe": (N_("This may not be in a message"), "", N_("Take it out and save again."), None),
    "template_too_large": (N_("The template is too long"), "", N_("Say less, or put a part of it in a block."), None),
    "template_empty": (
        N_("It says nothing yet"), N_("There is nothing to be sent on any channel."), N_("Write it first."), None,
    ),
    "template_exists": (
        N_("There is a template with this code"), "", N_("Choose another code, or change that one."), "code",
    ),
    "template_used": (N_("It is in use"), "", N_("Take it out of what uses it first."), None),
    "template_builtin": (
        N_("It comes with Unisono"), N_("It is in force until somebody writes another in its place."), "", None,
    ),
    "block_breaks": (N_("Templates that contain it would break"), "", N_("Change those first."), None),
    "template_not_found": (N_("There is no such template"), "", N_("Look for it under Templates."), None),
    "kind_fixed": (N_("A message stays a message, a block a block"), "", "", None),
    "bad_notice": (
        N_("It cannot answer an event by itself"), N_("Only transactional and service messages do."),
        N_("Change its purpose, or leave the event empty."), "notice",
    ),
    "data_unreadable": (N_("The further fields are no JSON"), "", N_('Write an object: {"name": "value"}.'), "data"),
    "language_unreadable": (
        N_("This is no language"), N_("Two letters: it, en, de; a country with it if need be: de-AT."), "", None,
    ),
    "language_missing": (N_("Say which language"), "", N_("Two letters: it, en, de."), "new_language"),
    "content_missing": (N_("It says nothing on this channel"), "", "", None),
    "render_limit": (N_("The template does too much"), "", N_("Let it go through shorter lists."), None),
    "render_time": (N_("The template takes too long"), "", N_("Let it go through shorter lists."), None),
    "render_failed": (N_("The message could not be made"), "", "", None),
    "test_unavailable": (N_("This installation sends no messages"), "", "", None),
    "test_to_nobody": (
        N_("Nobody here has this address"), N_("A test goes to somebody who is known, as any message does."),
        N_("Choose a customer's address, or let yours come in with an event."), "to",
    ),
    "bad_identifier": (
        N_("This is no identifier"), "", N_("Write an e-mail address, or namespace:value."), None,
    ),
    "bad_brand": (N_("The brand cannot be kept like this"), "", N_("Put it right and save again."), None),
    "bad_colour": (N_("This is no colour"), "", N_("Write # and six letters or digits: #1c2024."), None),
    "bad_address": (N_("This is no address of a page"), N_("It begins with https:// or http://."), "", None),
    "footer_empty": (
        N_("It must stand in every footer, and is empty"), N_("Marketing e-mails are to show it."),
        N_("Fill it in, or do not ask for it."), None,
    ),
    "bad_sender": (
        N_("There is no such channel"), "", N_("Write its code and a colon: email: Alpestre. A name alone is for all."),
        "sender_names",
    ),
    "bad_word": (N_("A word has 2 to 80 characters"), N_("A single letter stands in everything."), "", None),
    "brand_conflict": (
        N_("Somebody else has changed it meanwhile"), "", N_("Open it again and repeat your change."), None,
    ),
    "brand_not_found": (N_("There is no such brand"), "", "", None),
    "channel_account_invalid": (N_("The account cannot be used like this"), "", "", None),
    "channel_account_exists": (N_("There is an account with this code"), "", N_("Choose another code."), "code"),
    "channel_account_not_found": (N_("There is no such account"), "", N_("Look for it under Channels."), None),
}  # fmt: skip
"""Where ``why`` is empty the error's own words are shown: they name the line, the tag or the setting at fault."""
