"""What rooms say of a mistake, in the reader's language.

A room's error says in English what happened, for programs and logs. People read the same through these texts: an
error's words are held against them, and what stood in the {places} is put into the translation.
"""

from __future__ import annotations

import re
from functools import cache

from unisono.console.words import Words
from unisono.kit.marking import N_

_LIQUID = (
    N_("The Liquid cannot be read: {why} (line {line})"),
    N_("The Liquid cannot be read: {why}"),
    N_("The template cannot be filled: {why}"),
    N_("The template does too much: {why}"),
    N_("The template takes too long."),
    N_("The template is nested too deeply."),
    N_("There is no filter {name}."),
    N_("{opening} is never closed"),
    N_("{opening} is over {most} characters"),
    N_("it is nested too deeply"),
    N_("it takes too long"),
    N_("its loops turn more than {most} times"),
    N_("a range has more than {most} numbers"),
    N_("it writes more than {most} kB"),
    N_("its variables hold too much"),
    N_("unexpected tag '{tag}'"),
    N_("expected tag {tag}, found end of expression"),
    N_("expected tag {tag}, found {found}"),
    N_("expected {wanted}, found {found}"),
    N_("unexpected {what}"),
    N_("missing expression"),
    N_("end of expression"),
    N_("a primitive expression"),
    N_("an identifier"),
    N_("It has too much Liquid: {outputs} outputs and tags, {characters} characters in them at most."),
    N_("It has too much Liquid: {outputs} outputs and tags at most."),
)
_TEMPLATES = (
    N_("The MJML cannot be read: {why}"),
    N_("The MJML has no </mj-body>."),
    N_("MJML may not have {what}."),
    N_("What begins in line {line} never ends: {start}."),
    N_("A tag of line {line} never ends."),
    N_("</{tag}> in line {line} closes what is not open."),
    N_("<{tag}> is not allowed in a message."),
    N_("Within the value of an attribute write {entity} instead of {sign}."),
    N_("A style sheet may not hold Liquid."),
    N_("Liquid within a tag stands in the value of an attribute."),
    N_("The attribute {name} is not allowed in a message."),
    N_("{value} is not an http, https, mailto or tel address."),
    N_("{piece} stands where MJML has no place for it."),
    N_("Its tags are nested more than {most} deep."),
    N_("Its HTML is too long: {length} characters, {most} at most."),
    N_("It is too long: {length} characters, {most} at most."),
    N_("With its blocks it is too long."),
    N_("The block {code} contains itself, or blocks are nested too deeply."),
    N_("There is no published block {code}."),
    N_("The block {code} says nothing on {channel}."),
    N_("The template says nothing on {channel}."),
    N_("A marketing e-mail needs the link by which it is ended."),
    N_("Its further fields are too many."),
    N_("The further fields are no JSON: {why}"),
    N_("The further fields are a JSON object."),
    N_("It says nothing on any channel."),
    N_("A code is small letters, digits, dots, dashes and underscores, 63 at most."),
    N_("There is no channel {channel}."),
    N_("A channel speaks at most {most} languages."),
    N_("It has text that cannot be kept."),
    N_("It is over {most} bytes or has text that cannot be kept."),
    N_("{code} is used by {kind} {name}."),
    N_("{code} could not be compiled any more: {why}"),
    N_("There is a template {code} already."),
    N_("No template {code} is published."),
    N_("Put it into mj-raw."),
    N_("There is no such piece, or there are too many."),
    N_("It cannot be kept: {why}."),
)
_BRAND = (
    N_("The brand cannot be kept: {why}."),
    N_("{value} is no colour: write #rrggbb."),
    N_("The brand has text that cannot be kept."),
    N_("The brand is over {most} bytes or has text that cannot be kept."),
)
_RULES = (
    N_("The rule is nested deeper than {most}."),
    N_("The rule is larger than {most} bytes."),
    N_("The rule has more than {most} parts."),
    N_("A group needs at least one condition"),
    N_("Consent is bound to no such channel; there are {channels}"),
    N_("A text is needed"),
    N_("The text is longer than {most} characters"),
    N_("The text holds characters that cannot be stored"),
    N_("A path is names joined by dots, at most {most}, such as products[].category"),
    N_("A span is 1 to {most} seconds"),
    N_("`{op}` takes no value"),
    N_("`{op}` needs a list of 1 to {most} values"),
    N_("`{op}` needs a text"),
    N_("`{op}` needs seconds"),
    N_("`{op}` needs a day such as 2026-05-04 or an instant such as 2026-05-04T18:00:00Z"),
    N_("`{op}` needs 0 to {most} days"),
    N_("A text, a number, true or false is needed"),
    N_("A number smaller than 10^15 is needed"),
    N_("A trait's name has no brackets: a list stands for each of its elements"),
    N_("1 to {most} names of events are needed"),
    N_("A {measure} needs the path of what it takes"),
    N_("Only a sum or a distinct takes a path"),
    N_("One of within, between and season is enough"),
    N_("There is no such season; there are {seasons}"),
    N_("1 to 10 years"),
    N_("`from` or `until` is needed"),
    N_("A day such as 2026-05-04 or an instant is needed"),
    N_("`until` must be later than `from`"),
    N_("The window must be longer than the time there is to follow"),
    N_("-{most} to {most} degrees, or a store's code in `store`"),
    N_("More than 0 and at most {most} kilometres"),
    N_("Either a season or days"),
    N_("A day of the year such as 12-24 is needed"),
    N_("There is no segment {code}."),
    N_("The segments ask about each other in a circle: {way}."),
    N_("It asks about {code}, which is not live."),
    N_("Nobody knows where the store {code} is."),
    N_("`{name}` comes twice, line {line}."),
    N_("Anchors and aliases are not read: write the rule out."),
    N_("That is no YAML: {why}"),
)
_POLICY = (
    N_("{name}: at most {most}."),
    N_("{place}: there is no channel {unknown}; there are {known}."),
    N_("Two budgets or caps are called {names}."),
    N_("caps.{name}: a cap is for marketing or service; what was ordered is never capped."),
    N_("budgets.{name}: a budget binds marketing or service; what was ordered is never bound."),
    N_("{name}: a label is one line of text."),
    N_("budgets.{name}: a budget counts something: marketing, service, transactional or staff."),
    N_("quiet: hours begin at 00:00 of a day, not at 24:00 of the one before."),
    N_("quiet: on {channel} the quiet hours never end."),
)
_CONSENT = (
    N_("The file has NUL characters."),
    N_("The file needs the columns value and listed."),
    N_("One file has {most} lines at the most."),
    N_("The file is no CSV: {why}."),
    N_("The file is not in UTF-8."),
    N_("Line {number}: listed is yes or no, not {said}."),
    N_("Line {number}: {at} is no instant."),
    N_("Line {number}: {at} needs a time zone and lies in the past."),
    N_("A text's id is of small letters, digits, dots and dashes."),
    N_("A text has a body in a language, such as it or en."),
    N_("A body has 1 to {most} characters, no NUL among them."),
    N_("The text names a channel there is not."),
    N_("{name}: channels are {channels}."),
    N_("{name}: 1 to 1200."),
)
_CHANNELS = (
    N_("A code is 1 to 63 small letters, digits, - and _."),
    N_("A name has 1 to 100 characters."),
    N_("A rank is 0 to 10,000."),
    N_("The rate is above 0 and at most {most} a second."),
    N_("The cost is 0 to 1,000,000 minor units."),
    N_("A warm-up begins with 1 or more, and grows by 1.05 to 5 a day."),
    N_("The host is no name of a server."),
    N_("{port} is no port."),
    N_("Without TLS mail goes to servers of this machine and its network alone, and only where allowed."),
    N_("Connections are 1 to 50, each for one message or more."),
    N_("DKIM needs a domain and a selector."),
    N_("The DKIM domain and selector are names of the DNS."),
    N_("A list id looks like news.shop.example."),
    N_("Name the SNS topic: everybody with an AWS account can sign notifications of a topic of his own."),
    N_("Certificates of SNS come from Amazon."),
    N_("The DKIM key of {account}: {why}."),
    N_("{secret} of {account} is missing."),
    N_("Give it and try again."),
    N_("{secret} of {account} cannot be opened with this installation's key."),
    N_("Settings of {account}: {why}."),
    N_("There is no kind of account {kind}."),
    N_("The {what} hold characters that are none."),
    N_("The {what} are over {most} characters, or hold a NUL."),
    N_("The account_sid is AC and 32 digits."),
    N_("Name a sender or a messaging service."),
    N_("The phone_number_id is a number of Meta's, not the phone number."),
    N_("No message tag may be used for marketing."),
    N_("Leave marketing out of tags."),
    N_("{name} is a number."),
    N_("bot is the bot's name without @."),
    N_("token is the one @BotFather gave."),
    N_("secret_token has letters, digits, - and _ only."),
    N_("subject is mailto:… or https://…"),
    N_("ttl_seconds is 0 to {most}."),
    N_("seconds is 1 to 120."),
    N_("vapid_private_key is no key of P-256."),
    N_("signing_secret is whsec_ and base64."),
    N_("service_account is the JSON file Google gives for a service account."),
    N_("account_id, user_list_id and login_account_id are numbers without hyphens."),
    N_("project_id is missing."),
    N_("timezone: there is no zone {zone}."),
    N_("url is one of Apprise: service://…"),
    N_("Apprise cannot read this URL."),
    N_("The settings are well formed; there is nothing to connect to."),
    N_("Connected to {server}, {security}. Signed in."),
    N_("Connected to {server}, {security}."),
)
_SHAPES = (
    N_("Expected `str` of length <= {most}"),
    N_("Expected `str` of length >= {least}"),
    N_("Expected `array` of length <= {most}"),
    N_("Expected `array` of length >= {least}"),
    N_("Expected `str` matching regex {pattern}"),
    N_("Expected `int` >= {least}"),
    N_("Expected `int` <= {most}"),
    N_("Object missing required field `{name}`"),
    N_("Object contains unknown field `{name}`"),
    N_("Invalid value {value}"),
    N_("Invalid enum value {value}"),
    N_("Expected `{wanted}`, got `{found}`"),
)
DETAILS = (*_LIQUID, *_TEMPLATES, *_BRAND, *_RULES, *_POLICY, *_CONSENT, *_CHANNELS, *_SHAPES)
"""English msgids; of two that fit the first is taken."""

_PLACE = re.compile(r"(?P<what>.+?) - at (?:`key` in )?`(?P<place>\$[^`]*)`", re.DOTALL)
_HOLE = re.compile(r"\\\{(\w+)\\\}")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for text in DETAILS:
        seen: set[str] = set()

        def place(hole: re.Match[str], seen: set[str] = seen) -> str:
            name = hole[1]
            if name in seen:
                return f"(?P={name})"
            seen.add(name)
            return f"(?P<{name}>.+?)"

        found.append((re.compile(_HOLE.sub(place, re.escape(text)), re.DOTALL), text))
    return tuple(found)


def detail_told(detail: str, words: Words) -> str:
    """What an error says, in the reader's language; as it is when nobody has said it in another."""
    placed = _PLACE.fullmatch(detail)
    if placed is not None:
        return f"{detail_told(placed['what'], words)} ({placed['place']})"
    for pattern, text in _patterns():
        found = pattern.fullmatch(detail)
        if found is not None:
            parts = {name: detail_told(value, words) for name, value in found.groupdict().items()}
            return words.gettext(text).format(**parts)
    return words.gettext(detail)
