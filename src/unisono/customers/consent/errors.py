"""What consent refuses."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class BadConsent(BadRequest):
    """What should be recorded is no consent."""

    code = "bad_consent"
    title = "This is no consent"


class TextNotFound(NotFound):
    """There is no such text."""

    code = "consent_text_not_found"
    title = "There is no such text"


class OptInNotFound(NotFound):
    """Nobody asked for this confirmation."""

    code = "opt_in_not_found"
    title = "There is nothing to confirm"


class OptInOver(Conflict):
    """The confirmation came too late."""

    code = "opt_in_over"
    title = "The time to confirm is over"


class SettingNotFound(NotFound):
    """There is no such legal setting."""

    code = "legal_setting_not_found"
    title = "There is no such legal setting"
