"""What adapters that speak HTTP share: one call and its two ways of failing, words for channels of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unisono.engagement.channels.model import Outgoing, Sent
from unisono.kit.clock import system_clock
from unisono.kit.http import TIMEOUT, Cut, Http, NotSent, Reply, retry_after


async def call(
    http: Http,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | None = None,
    form: Mapping[str, str] | None = None,
    seconds: float = TIMEOUT,
    of_account: bool = True,
) -> Reply | Sent:
    """One request; without an answer it is what the message came to: ``retry`` when nothing left, else ``unknown``.

    ``of_account``: the address called is the account's, so that not reaching it counts for the account's circuit.
    """
    try:
        return await http.request(method, url, headers=headers, json=json, content=content, form=form, seconds=seconds)
    except NotSent as error:
        return Sent(outcome="retry", code="not_reached", detail=str(error), account_fault=of_account)
    except Cut as error:
        return Sent(outcome="unknown", code="cut", detail=str(error))


def told(reply: Reply) -> dict[str, Any]:
    """An answer's JSON object; empty for everything else."""
    found = reply.json()
    return found if isinstance(found, dict) else {}


def wait_of(reply: Reply) -> float | None:
    """Seconds an answer asks us to wait."""
    return retry_after(reply.header("retry-after"), system_clock())


def plain(message: Outgoing) -> str:
    """The message as one plain text: its text, else title and body; its link at the end unless it is in there."""
    text = message.text or "\n".join(part for part in (message.title, message.body) if part)
    if message.url and message.url not in text and not any(button.url for button in message.buttons):
        text = f"{text}\n{message.url}" if text else message.url
    return text


def too_long(text: str, most: int) -> Sent | None:
    """The refusal of a text the channel cannot carry, None when it can. Empty ones it cannot carry either."""
    if not text.strip():
        return Sent(outcome="refused", code="empty", detail="There is nothing to say on this channel.")
    if len(text) > most:
        return Sent(outcome="refused", code="too_long", detail=f"{len(text)} characters; {most} at the most.")
    return None
