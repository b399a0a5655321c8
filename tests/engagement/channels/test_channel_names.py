"""One word a channel everywhere: lists that lower rooms keep for themselves name the same channels."""

from __future__ import annotations

from typing import get_args

from unisono.customers.consent import model as consent
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.channels.registry import ADAPTERS
from unisono.engagement.policy.defaults import GOING, WEIGHTS, default_policy
from unisono.engagement.templates.model import SHARED, Channel


def test_every_room_names_the_channels_alike() -> None:
    """Consent, policy, templates and the kinds of accounts: no channel is missing, none is anything else."""
    assert set(consent.CHANNELS) < set(CHANNELS)
    assert set(consent.PERSON_CHANNELS) | {one for of in consent.ADDRESSES.values() for one in of} == set(
        consent.CHANNELS
    )
    assert set(WEIGHTS) == set(CHANNELS)
    assert set(GOING) < set(CHANNELS)
    assert {*GOING, *default_policy().fallback} < set(CHANNELS)
    assert get_args(Channel) == (*CHANNELS, "push", "text")
    assert set(SHARED) < set(CHANNELS)
    assert {channel for adapter in ADAPTERS.values() for channel in adapter.channels} == set(CHANNELS)
