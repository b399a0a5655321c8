"""Tasks in words: what is to be done, and how each kind can end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from unisono.console import links
from unisono.console.contexts import Badge, Choice, PersonLink, Tone
from unisono.console.contexts.sends import TaskRow
from unisono.console.views.labels import masked
from unisono.console.views.saying import choices
from unisono.console.words import Words
from unisono.engagement.channels.tasks.service import Task
from unisono.kit.marking import N_

KINDS: dict[str, str] = {
    "call": N_("Call"),
    "clerk": N_("Word in the store"),
    "review": N_("To look at"),
    "other": N_("Other"),
}
"""Kinds of tasks; English msgids."""

STATES: dict[str, str] = {"open": N_("To do"), "done": N_("Done"), "dropped": N_("Dropped")}

OUTCOMES: dict[str, str] = {
    "reached": N_("Reached"),
    "not_reached": N_("Nobody answered"),
    "wrong_number": N_("Wrong number"),
    "declined": N_("Not interested this time"),
    "do_not_contact": N_("Wants no more calls"),
    "done": N_("Done"),
    "dropped": N_("Nobody did it"),
}
"""How a task can end; English msgids."""

_OF_CALL = ("reached", "not_reached", "wrong_number", "declined", "do_not_contact", "dropped")
_OF_OTHERS = ("done", "dropped")


def outcomes(task: Task, words: Words, chosen: str = "") -> list[Choice]:
    """How this one can end."""
    return choices(OUTCOMES, chosen, words, _OF_CALL if task.kind == "call" else _OF_OTHERS)


def _badge(task: Task, late: bool, words: Words) -> Badge:
    if task.state == "open":
        tone: Tone = "warning" if late else "neutral"
        return Badge(text=words.gettext("late") if late else words.gettext("to do"), tone=tone)
    done = task.outcome in ("reached", "done")
    said = words.gettext(OUTCOMES.get(task.outcome or "", task.outcome or STATES[task.state]))
    return Badge(text=said, tone="good" if done else "neutral")


def task_row(
    task: Task,
    people: Mapping[int, PersonLink],
    words: Words,
    now: datetime,
    *,
    contacts: bool,
    messages: bool,
    places: Mapping[str, str],
    outcome: str = "",
) -> TaskRow:
    """One task; ``messages`` says whether its message may be opened, ``outcome`` is what was chosen already."""
    late = task.state == "open" and task.due_at is not None and task.due_at < now
    phone = task.phone or ""
    return TaskRow(
        task_id=task.id,
        title=task.title,
        kind=words.gettext(KINDS[task.kind]),
        badge=_badge(task, late, words),
        body=task.body,
        person=people.get(task.person_id) if task.person_id is not None else None,
        phone=phone if contacts or not phone else masked("phone", phone),
        store=places.get(task.store_id or "", task.store_id or ""),
        due_at=task.due_at,
        late=late,
        message_href=links.message(task.message_id) if task.message_id is not None and messages else None,
        outcomes=outcomes(task, words, outcome) if task.state == "open" else (),
        is_call=task.kind == "call",
        settled_at=task.settled_at,
        settled_by=task.settled_by or "",
    )
