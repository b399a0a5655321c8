"""From what services answer to what templates show. Pure: no database, no request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg

Row: TypeAlias = asyncpg.Record | Mapping[str, Any]
"""A row of the database: fields by name."""
