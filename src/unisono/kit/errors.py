"""Errors a caller can act on, drawn as one tree.

UnisonoError
├── BadRequest            400  the request cannot be read or breaks a rule
│   └── TooLarge          413  body or item over a documented limit
├── Unauthenticated       401  no key, or not one we know
├── Forbidden             403  known, but not allowed
├── NotFound              404
├── Conflict              409  the state of the thing does not allow it
├── Busy                  429  under pressure, come back after ``retry_after`` seconds
└── Unavailable           503  the database is away, come back after ``retry_after`` seconds
"""

from __future__ import annotations

from typing import Any, ClassVar


class UnisonoError(Exception):
    """Something went wrong that the caller can understand.

    ``code`` is stable and documented; ``detail`` says what happened here; ``hint`` says what to do.
    """

    code: str = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        hint: str | None = None,
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.hint = hint
        self.retry_after = retry_after
        self.extra = extra
        if code is not None:
            self.code = code

    def problem(self, instance: str | None = None) -> dict[str, Any]:
        """The error as RFC 9457 problem details."""
        # What an error adds is beside the members of RFC 9457, never in their place.
        body: dict[str, Any] = self.extra | {
            "type": f"urn:unisono:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.hint:
            body["hint"] = self.hint
        if instance:
            body["instance"] = instance
        return body


class BadRequest(UnisonoError):
    """The request cannot be read or breaks a rule."""

    code = "bad_request"
    status = 400
    title = "The request is not valid"


class TooLarge(BadRequest):
    """A body or an item is over a documented limit."""

    code = "too_large"
    status = 413
    title = "The request is too large"


class Unauthenticated(UnisonoError):
    """No key was given, or not one we know."""

    code = "unauthenticated"
    status = 401
    title = "A valid key is needed"


class Forbidden(UnisonoError):
    """The caller is known but not allowed to do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class NotFound(UnisonoError):
    """There is no such thing."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(UnisonoError):
    """The present state does not allow it."""

    code = "conflict"
    status = 409
    title = "Conflict"


class Busy(UnisonoError):
    """Under pressure; try again after ``retry_after`` seconds."""

    code = "busy"
    status = 429
    title = "Too many requests"


class Unavailable(UnisonoError):
    """The database cannot be reached; try again after ``retry_after`` seconds."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
