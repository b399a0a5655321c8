"""Errors in the reader's language: what, why, what to do."""

from __future__ import annotations

from typing import NamedTuple

from unisono.console.contexts import Problem
from unisono.console.views.details import detail_told
from unisono.console.views.problems_commerce import COMMERCE_TEXTS
from unisono.console.views.problems_segments import SEGMENT_TEXTS
from unisono.console.views.problems_sends import SENDS_TEXTS
from unisono.console.views.problems_shop import SHOP_TEXTS
from unisono.console.views.problems_voice import VOICE_TEXTS
from unisono.console.words import Words
from unisono.kit.errors import UnisonoError
from unisono.kit.marking import N_


class Text(NamedTuple):
    """The texts of an error and the form field at fault; English msgids."""

    what: str
    why: str = ""
    do: str = ""
    field: str | None = None


TEXTS: dict[str, Text] = {
    "sign_in_refused": Text(
        N_("E-mail address or password is wrong"),
        do=N_("Check both. Whoever owns this installation can make you a link for a new password."),
    ),
    "sign_in_blocked": Text(N_("Too many failed attempts"), N_("Someone tried wrong passwords several times.")),
    "csrf": Text(
        N_("The form has expired"),
        N_("You signed in or out since it was opened, or it was sent from another site."),
        N_("Go back, reload the page and send it again."),
    ),
    "invitation_over": Text(
        N_("This link does not work any more"),
        N_("Links work once, for a day, and a newer one ends the older."),
        N_("Ask whoever gave it to you for a new one."),
        "token",
    ),
    "password_short": Text(N_("The password is too short"), do=N_("Use at least 12 characters."), field="password"),
    "password_long": Text(N_("The password is too long"), do=N_("Use at most 256 characters."), field="password"),
    "password_common": Text(
        N_("This password is easy to guess"),
        N_("It is one of the first an attacker tries."),
        N_("Use four unrelated words, for example."),
        "password",
    ),
    "password_personal": Text(
        N_("The password is your name or address"), do=N_("Use four unrelated words, for example."), field="password"
    ),
    "email_invalid": Text(N_("This is not an e-mail address"), do=N_("Check the spelling."), field="email"),
    "email_taken": Text(N_("There is an account with this e-mail address"), field="email"),
    "reason_missing": Text(N_("Say why"), N_("The reason is kept in the audit."), field="reason"),
    "reason_too_long": Text(N_("The reason is too long"), do=N_("Say it in fewer words."), field="reason"),
    "already_joined": Text(N_("They are one person already")),
    "nobody_chosen": Text(N_("Choose the other person")),
    "not_checked": Text(
        N_("Check who they are first"), do=N_("Open both people, compare them, then say that you did.")
    ),
    "household_not_found": Text(N_("There is no such household, or it has gone meanwhile")),
    "name_missing": Text(N_("A name is missing"), field="name"),
    "role_unknown": Text(N_("There is no such role"), field="role"),
    "clerk_without_store": Text(N_("A clerk belongs to a store"), do=N_("Choose the store."), field="store"),
    "last_owner": Text(
        N_("The last owner cannot go"),
        N_("Nobody could manage the team any more."),
        N_("Make somebody else an owner first."),
    ),
    "account_not_found": Text(N_("There is no such account, or it has changed meanwhile")),
    "key_not_found": Text(N_("There is no such key, or it has changed meanwhile")),
    "till_unbound": Text(
        N_("A till key is bound to a store and a till"), do=N_("Give the store and the till."), field="till"
    ),
    "unknown_scope": Text(N_("There is no such permission for keys"), field="scopes"),
    "person_not_found": Text(
        N_("There is no such person"), N_("The number is wrong, or the person is not among those you may see.")
    ),
    "event_not_found": Text(N_("There is no such event")),
    "failed_event_not_found": Text(N_("There is no such failed event")),
    "link_not_found": Text(N_("There is no such link, or it does not count any more")),
    "change_not_found": Text(N_("There is no such join")),
    "already_undone": Text(N_("It has been undone already")),
    "nothing_to_undo": Text(N_("There is nothing left to undo"), N_("Later events or decisions changed it already.")),
    "note_empty": Text(N_("The note is empty"), field="text"),
    "note_too_long": Text(N_("The note is too long"), do=N_("Use at most 4,000 characters."), field="text"),
    "bad_page_key": Text(N_("This address is not complete"), do=N_("Start again from the first page.")),
    "unstorable": Text(
        N_("That cannot be read"),
        N_("It holds a number that is too large, or half a character."),
        N_("Go back and try again."),
    ),
    "unavailable": Text(
        N_("Unisono cannot reach its database"),
        N_("It is starting, or somebody works on it. Nothing is lost: events wait with those who send them."),
        N_("Try again in a few seconds."),
    ),
    "http_404": Text(N_("There is no such page"), do=N_("Check the address, or search with Ctrl K.")),
    "http_405": Text(N_("This page cannot be asked for in that way")),
    "http_413": Text(N_("That is too large")),
    "unexpected": Text(
        N_("Something went wrong on our side"),
        N_("The mistake has been noted with the number below."),
        N_("Try again; if it stays, give the number to whoever runs this installation."),
    ),
}
"""Code of an error -> its texts. Codes that are not here show the error's own words."""

OWN_WORDS = frozenset({"bad_rule", "store_unknown", "bad_policy", "bad_text", "bad_register_file", "bad_legal_setting"})
"""Codes whose texts say where, and whose errors say what."""

_BY_STATUS: dict[int, str] = {
    400: N_("The request is not valid"),
    403: N_("This is not allowed"),
    404: N_("Not found"),
    409: N_("The present state does not allow it"),
    413: N_("That is too large"),
    429: N_("Too many requests"),
    503: N_("Temporarily unavailable"),
}


def _commerce(code: str) -> Text | None:
    rooms = (COMMERCE_TEXTS, SHOP_TEXTS, SENDS_TEXTS, VOICE_TEXTS, SEGMENT_TEXTS)
    texts = next((room[code] for room in rooms if code in room), None)
    return None if texts is None else Text(*texts)


def problem_of(words: Words, error: UnisonoError, *, error_id: str = "") -> Problem:
    """An error as a form or a page shows it; with its own words where they alone say what is wrong."""
    known = TEXTS.get(error.code) or _commerce(error.code)
    own, hint = detail_told(error.detail, words), detail_told(error.hint or "", words)
    if known is None:
        title = _BY_STATUS.get(error.status, TEXTS["unexpected"].what)
        return Problem(what=words.gettext(title), why=own, do=hint, id=error_id)
    if error.code in OWN_WORDS and not known.why:
        known = known._replace(why=own, do=hint or known.do)
    return Problem(
        what=words.gettext(known.what),
        why=words.gettext(known.why) if known.why else "",
        do=words.gettext(known.do) if known.do else "",
        id=error_id,
        field=known.field,
    )
