"""Small things every API module needs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, Parameter

MAX_ID = 2**63 - 1
"""PostgreSQL's bigint: no id is beyond it."""

PathId = Annotated[FromPath[int], Parameter(ge=1, le=MAX_ID)]
"""An id in a path."""


class Problem(msgspec.Struct, frozen=True):
    """An error, as RFC 9457 problem details: ``code`` is stable, ``detail`` says what happened, ``hint`` what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    instance: str | None = None


PROBLEM_TYPE = "application/problem+json"


def _problem(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=description, media_type=PROBLEM_TYPE)


PROBLEMS: dict[int, ResponseSpec] = {
    400: _problem("The request cannot be read or breaks a rule."),
    401: _problem("No key, or not one we know."),
    403: _problem("Known, but not allowed."),
    404: _problem("There is no such thing."),
    409: _problem("The present state does not allow it."),
    413: _problem("Over a documented limit."),
    429: _problem("Under pressure: come back after Retry-After seconds."),
    503: _problem("The database is away: come back after Retry-After seconds."),
}
"""What every route of the API may answer besides its result."""
