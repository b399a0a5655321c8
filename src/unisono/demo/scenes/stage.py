"""The stage: steps are told, actions timed, channels asked what they see, expectations checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

import msgspec

from unisono.customers.timeline.vocabulary.summaries import summary
from unisono.demo.scenes.engine import Answer, Engine
from unisono.demo.scenes.keys import SceneKeys

SHOWN: Final = 12
"""Most lines of a timeline that are told."""


class CheckFailed(Exception):
    """A check of a scene failed; the message says what was expected and what was seen."""


class SceneResult(msgspec.Struct, frozen=True):
    """How a performance went."""

    name: str
    steps: int
    checks: int
    milliseconds: float
    failure: str | None = None
    """What was expected and seen, when a check failed."""

    @property
    def exit_code(self) -> int:
        """0 when every check held, else 1."""
        return 0 if self.failure is None else 1


class Stage:
    """What a scene acts on. ``channels`` maps the name of a channel to the identifier it knows its customer by."""

    def __init__(self, engine: Engine, keys: SceneKeys, out: TextIO) -> None:
        self.engine = engine
        self.keys = keys
        self.channels: dict[str, str] = {}
        self.steps = 0
        self.checks = 0
        self._out = out

    def say(self, text: str) -> None:
        """One line to the audience."""
        print(text, file=self._out, flush=True)

    def step(self, text: str) -> None:
        """Begin a step."""
        self.steps += 1
        self.say(f"\n{self.steps}. {text}")

    async def send(self, who: str, key: str, *items: Mapping[str, Any]) -> Answer:
        """Send events as ``who``; they are on the timeline when this returns."""
        answer = await self.engine.post("/v1/batch", key, {"batch": items})
        names = ", ".join(str(item.get("event", item["type"])) for item in items)
        self.tell(f"{who} sends {names}", answer)
        self.check(f"the engine accepts what {who} sends", 200, answer.status)
        return answer

    async def look(self) -> dict[str, dict[str, Any] | None]:
        """Ask in every channel who the customer is, and tell it; None where nobody is known."""
        seen: dict[str, dict[str, Any] | None] = {}
        for channel, identifier in self.channels.items():
            answer = await self.engine.person(identifier, self.keys.desk)
            if answer.status not in (200, 404):
                self.check(f"the profile of {identifier} can be read", 200, f"{answer.status} {answer.body[:300]!r}")
            person = answer.json if answer.status == 200 else None
            seen[channel] = person
            self.tell(f"{channel:<9} sees {_sketch(person)}", answer)
        return seen

    async def timeline(self, person: int) -> list[dict[str, Any]]:
        """What happened to a person, oldest first, told line by line."""
        answer = await self.engine.get(f"/api/people/{person}/timeline?limit=200", self.keys.desk)
        self.check("the timeline can be read", 200, answer.status)
        events: list[dict[str, Any]] = list(reversed(answer.json["events"]))
        self.tell(f"timeline of #{person}, {len(events)} events", answer)
        for event in events[-SHOWN:]:
            protocol = event["type"] if event["type"] in ("page", "screen", "identify", "group", "alias") else "track"
            line = summary(event["name"], event["properties"], type=protocol)
            self.say(f"        {event['at'][11:19]}  {event['channel']:<8}  {line}")
        return events

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        key: str,
        body: object = None,
        *,
        status: int = 200,
        customer: str | None = None,
    ) -> Any:
        """Make a call that must be answered with ``status``, and tell it; returns the answer read as JSON.

        ``customer`` is whom a till speaks for, as ``loyalty_card:29…``.
        """
        headers = {"X-Customer": customer} if customer else {}
        answer = await self.engine.call(method, path, key, body, **headers)
        self.tell(what, answer)
        if answer.status != status:
            self.check(what, status, f"{answer.status} {answer.body[:400].decode(errors='replace')}")
        self.checks += 1
        return answer.json

    async def decide(self, what: str, path: str, reason: str) -> dict[str, Any]:
        """Take a decision as the operator; returns the answer."""
        answer = await self.engine.decide(path, self.keys.desk, {"reason": reason})
        self.tell(what, answer)
        self.check(f"the operator may {what}", 200, answer.status)
        decided: dict[str, Any] = answer.json
        return decided

    def check(self, what: str, expected: object, seen: object) -> None:
        """Go on if they are equal. Raises CheckFailed."""
        self.checks += 1
        if expected != seen:
            raise CheckFailed(f"{what}: expected {expected!r}, saw {seen!r}")

    def confirm(self, what: str, expected: object, seen: object) -> None:
        """As `check`, and told to the audience."""
        self.check(what, expected, seen)
        self.say(f"    ✓ {what}")

    def tell(self, text: str, answer: Answer) -> None:
        """A call and how long its answer took."""
        self.say(f"    {text:<88} {answer.milliseconds:6.1f} ms")


def _sketch(person: Mapping[str, Any] | None) -> str:
    if person is None:
        return "nobody"
    channels = sorted({event["channel"] for event in person["last"]} - {"system"})
    name = person["name"] or ("a person without a name" if person["identified"] else "an unknown visitor")
    return f"#{person['id']} {name}: {_counted(person['last'])} in {', '.join(channels)}"


def _counted(events: Sequence[object]) -> str:
    return "1 event" if len(events) == 1 else f"{len(events)} events"
