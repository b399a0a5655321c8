"""The one vocabulary of events: what they are called, what they carry, where they happen, how they read.

Owns no table. Everything here is pure and quick: intake asks it for each event. It welcomes events it does not
know: they keep their name and properties as given.
"""

from __future__ import annotations

from unisono.customers.timeline.vocabulary.channels import CHANNELS, LINES, channel_for, line_of
from unisono.customers.timeline.vocabulary.checking import check
from unisono.customers.timeline.vocabulary.facts import value_of
from unisono.customers.timeline.vocabulary.model import EventSpec, Facts, Family, Issue, Verdict
from unisono.customers.timeline.vocabulary.registry import (
    all_specs,
    canonical,
    of_family,
    purchases,
    resolve,
    spec_for,
)
from unisono.customers.timeline.vocabulary.summaries import label, summary

__all__ = [
    "CHANNELS",
    "LINES",
    "EventSpec",
    "Facts",
    "Family",
    "Issue",
    "Verdict",
    "all_specs",
    "canonical",
    "channel_for",
    "check",
    "label",
    "line_of",
    "of_family",
    "purchases",
    "resolve",
    "spec_for",
    "summary",
    "value_of",
]
