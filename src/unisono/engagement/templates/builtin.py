"""The templates that come with the product: in force until somebody writes one of the same code."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from unisono.engagement.templates import files
from unisono.engagement.templates.model import NewTemplate, Template, TemplateVersion

AUTHOR: Final = "Unisono"
_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)


@functools.cache
def builtins() -> dict[str, NewTemplate]:
    """Code to template."""
    return dict(files.read(resources.files("unisono.engagement.templates") / "builtin_files"))


def as_template(code: str) -> Template | None:
    """One of them as if it was kept, with version 0; None for another code."""
    new = builtins().get(code)
    if new is None:
        return None
    return Template(
        code=code,
        name=new.name,
        kind=new.kind,
        purpose=new.purpose,
        brand=new.brand,
        notice=new.notice,
        version=0,
        builtin=True,
        draft=new.content,
        draft_by=AUTHOR,
        draft_at=_SINCE,
    )


def as_version(code: str) -> TemplateVersion | None:
    """One of them as if it was published; None for another code."""
    new = builtins().get(code)
    if new is None:
        return None
    return TemplateVersion(
        code=code, version=0, purpose=new.purpose, brand=new.brand, content=new.content, at=_SINCE, actor=AUTHOR
    )
