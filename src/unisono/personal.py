"""Every room's part in what people may ask for: a copy of what is kept about them, and its erasure."""

from __future__ import annotations
