"""What can go wrong with a privacy request."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class RequestNotFound(NotFound):
    """There is no such request."""

    code = "privacy_request_not_found"


class ArchiveNotFound(NotFound):
    """The copy is not made yet, or was thrown away."""

    code = "archive_not_found"


class BadPrivacyRequest(BadRequest):
    """The request cannot be read or breaks a rule."""

    code = "bad_privacy_request"


class NotConfirmable(Conflict):
    """The request cannot be confirmed as it stands: the code says why."""

    code = "not_confirmable"
