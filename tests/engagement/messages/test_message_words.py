"""Whatever a message waits for or was not sent for has general words, in lists and tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import unisono
from unisono.engagement.brand.model import RULES
from unisono.engagement.messages.words import label
from unisono.engagement.policy import words as policy_words

SOURCES = Path(unisono.__file__).parent
TELLING = (
    "engagement/policy/words.py",
    "customers/consent/rules.py",
    "engagement/delivery/reasons.py",
    "engagement/broadcasts/admitting.py",
)
"""Where reasons of messages are made."""


def codes() -> list[str]:
    """Every code a message may be kept with."""
    texts = [(SOURCES / name).read_text("utf-8") for name in TELLING]
    written = {code for text in texts for code in re.findall(r'Reason\(\s*"([a-z_]+)"', text)}
    troubles = {reason.code for reason in policy_words._MUTED.values()}
    return sorted(written | troubles | {f"brand_{rule}" for rule in RULES})


@pytest.mark.parametrize("code", codes())
def test_every_reason_has_general_words(code: str) -> None:
    """No code is shown to people."""
    assert label(code).text != "{name}"


def test_a_code_nobody_named_is_shown_as_words() -> None:
    """One of an older version: its code with blanks, and no error."""
    assert label("left_the_planet").values == {"name": "left the planet"}
    assert label("suppressed_complaint").text == label("suppressed").text
