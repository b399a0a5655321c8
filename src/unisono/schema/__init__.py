"""The database schema: ``rooms/`` as it is, a file a room; ``migrations/`` how it came to be."""

from __future__ import annotations

from importlib import resources


def present_schema() -> str:
    """The whole schema as it is now, as one text of SQL."""
    folder = resources.files("unisono.schema") / "rooms"
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return "\n".join(file.read_text("utf-8") for file in files)
