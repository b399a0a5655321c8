"""Small things every API module needs."""

from __future__ import annotations

from typing import Annotated

from litestar.params import FromPath, Parameter

MAX_ID = 2**63 - 1
"""PostgreSQL's bigint: no id is beyond it."""

PathId = Annotated[FromPath[int], Parameter(ge=1, le=MAX_ID)]
"""An id in a path."""
