"""Accepted and failed events as their screen shows them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unisono.console import links
from unisono.console.contexts import FailedEvent, LiveEvent, PersonLink
from unisono.console.views.labels import channel_label, dot_of, namespace_label
from unisono.console.views.timeline import LATE
from unisono.console.words import Words
from unisono.customers.collect.failed import FailedEvent as Failed
from unisono.customers.timeline.model import Event
from unisono.kit.marking import N_

EXCERPT = 160

REASONS: dict[str, tuple[str, str]] = {
    "invalid_json": (N_("It is not JSON"), N_("Look at the client: the body was cut or is not what it should be.")),
    "not_an_object": (N_("It is not an event"), N_("Each item of a batch is an object with a type.")),
    "invalid_utf8": (N_("It is not UTF-8 text"), N_("Send texts as UTF-8.")),
    "too_deep": (N_("It is nested too deep"), ""),
    "unknown_type": (N_("Its type is unknown"), N_("track, identify, page, screen, group or alias.")),
    "event_name_missing": (N_("The event has no name"), N_("A track call names its event.")),
    "event_name_too_long": (N_("The event's name is too long"), N_("Put what varies into the properties.")),
    "event_too_large": (N_("The event is too large"), N_("Send references instead of contents.")),
    "batch_too_large": (N_("The batch is too large"), N_("Send smaller batches.")),
    "too_many_events": (N_("Too many events in one batch"), N_("Send smaller batches.")),
    "no_batch": (N_("There is no batch in the body"), ""),
    "no_identifier": (N_("It says nothing of who it was"), N_("Send a userId or an anonymousId.")),
    "blocked_identifier": (
        N_("Its identifier stands for nobody"),
        N_("“null”, “undefined”, “guest” and the like are blocked, so they join nobody. Send a real one."),
    ),
    "invalid_context": (N_("Its context cannot be read"), ""),
    "number_too_large": (N_("It holds a number beyond all measure"), ""),
    "invalid_timestamp": (N_("Its time cannot be read"), N_("Write times in ISO 8601.")),
}
"""Code of a failure -> what is wrong, what to do; English msgids."""


def reason_label(code: str, words: Words) -> str:
    """What is wrong, in a few words."""
    return words.gettext(REASONS[code][0]) if code in REASONS else code


def live_event(
    event: Event,
    *,
    name: str | None,
    namespace: str,
    value: str,
    source: str,
    raw: bool,
    words: Words,
) -> LiveEvent:
    """An accepted event. ``namespace`` and ``value`` are the identifier it happened under."""
    under = f"{namespace_label(namespace, words)} …{value[-4:]}"
    return LiveEvent(
        event_id=str(event.id),
        at=event.occurred_at,
        kind=event.type,
        name=event.name,
        line=dot_of(event.channel),
        channel_label=channel_label(event.channel, words),
        received_at=event.received_at if event.received_at - event.occurred_at > LATE else None,
        node_label=under,
        person=PersonLink(person_id=event.person_id, name=name or words.gettext("Somebody")),
        source=source,
        raw_href=links.event_raw(str(event.id)) if raw else None,
    )


def failed_event(failed: Failed, words: Words, *, replay: bool, raw: bool) -> FailedEvent:
    """An event that was not accepted."""
    known = REASONS.get(failed.code)
    what = words.gettext(known[0]) if known else failed.code
    return FailedEvent(
        failed_id=failed.id,
        received_at=failed.received_at,
        code=failed.code,
        reason=f"{what}: {failed.detail}" if failed.detail else what,
        do=words.gettext(known[1]) if known else "",
        name=failed.name or "",
        source=failed.source or "",
        excerpt=failed.raw[:EXCERPT] if raw else "",
        raw_href=links.failed_raw(failed.id) if raw else None,
        replayed_at=failed.replayed_at,
        can_replay=replay and failed.replayed_at is None,
    )


def pretty(value: object) -> str:
    """Any value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def pretty_text(raw: str) -> str:
    """A body as indented JSON when it is JSON, as it came when it is not."""
    try:
        return msgspec.json.format(raw.encode(), indent=2).decode()
    except msgspec.DecodeError:
        return raw


def whole(event: Mapping[str, object]) -> str:
    """One event with everything its sender said."""
    return pretty({name: value for name, value in event.items() if value is not None})
