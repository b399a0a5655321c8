"""What can go wrong with a message before there is one."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict


class BadMessage(BadRequest):
    """Nobody, two persons, nothing or two things to say, a time without zone or too far away."""

    code = "bad_message"


class MessageConflict(Conflict):
    """``key_reused``: the key made a message to somebody else. ``message_gone``: it was handed over, or is over.
    ``purpose_mismatch``: a promotion cannot go as anything else."""

    code = "message_conflict"
