"""Scripted live scenes: a browser, a messaging connector, a till and a clerk against a running engine, over HTTP.

A scene is a coroutine that takes a `Stage` and plays steps: text, action, checks. See ``mario`` for one; those of the
shop share ``shop``, those in which something is said to customers ``voice``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TextIO

from unisono.demo.scenes.absence import absence
from unisono.demo.scenes.click_and_collect import click_and_collect
from unisono.demo.scenes.engine import Engine
from unisono.demo.scenes.help_not_sell import help_not_sell
from unisono.demo.scenes.keys import SceneKeys, scene_keys
from unisono.demo.scenes.last_unit import last_unit
from unisono.demo.scenes.mario import mario
from unisono.demo.scenes.nike import nike
from unisono.demo.scenes.order_ahead import order_ahead
from unisono.demo.scenes.quiet_night import quiet_night
from unisono.demo.scenes.second_message import second_message
from unisono.demo.scenes.stage import CheckFailed, SceneResult, Stage
from unisono.demo.scenes.twenty_percent import twenty_percent
from unisono.kit.errors import NotFound

__all__ = ["SCENES", "SceneKeys", "SceneResult", "run_scene", "scene_keys"]

SCENES: Final[Mapping[str, Callable[[Stage], Awaitable[None]]]] = {
    "mario": mario,
    "nike": nike,
    "click-and-collect": click_and_collect,
    "twenty-percent": twenty_percent,
    "last-unit": last_unit,
    "order-ahead": order_ahead,
    "second-message": second_message,
    "help-not-sell": help_not_sell,
    "quiet-night": quiet_night,
    "absence": absence,
}


async def run_scene(name: str, base_url: str, keys: SceneKeys, out: TextIO) -> SceneResult:
    """Play a scene against the engine at ``base_url``, telling ``out`` what every channel sees.

    Stops at the first check that fails. Raises NotFound for a scene that does not exist, Unavailable when nobody
    answers at the address.
    """
    if name not in SCENES:
        raise NotFound(f"There is no scene {name!r}.", code="no_such_scene", hint=f"Scenes: {', '.join(SCENES)}")
    stage = Stage(Engine(base_url), keys, out)
    began = time.monotonic()
    failure: str | None = None
    try:
        await SCENES[name](stage)
    except CheckFailed as failed:
        failure = str(failed)
        print(f"\nFAILED  {failure}", file=out)
    milliseconds = (time.monotonic() - began) * 1000
    if failure is None:
        print(f"\nDone: {stage.steps} steps, {stage.checks} checks, {milliseconds:.0f} ms.", file=out)
    return SceneResult(name, stage.steps, stage.checks, milliseconds, failure)
