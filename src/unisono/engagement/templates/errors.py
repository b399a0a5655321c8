"""What can go wrong with a template, in words its author can act on."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class TemplateNotFound(NotFound):
    """There is no such template, version or block."""

    code = "template_not_found"


class BadTemplate(BadRequest):
    """A template cannot be compiled: its Liquid, its MJML, a tag or link that is not allowed, a limit it breaks;
    ``channel``, ``language`` and ``field`` say where."""

    code = "bad_template"


class TemplateConflict(Conflict):
    """The draft was changed since it was read, or the template is used, archived or of another kind."""

    code = "template_conflict"


class ContentMissing(Conflict):
    """The template says nothing on this channel."""

    code = "content_missing"


class RenderFailed(Conflict):
    """A message could not be made for a person: ``render_limit`` and ``render_time`` name a template that does too
    much, ``unsubscribe_missing`` a marketing e-mail nobody can end, ``render_failed`` the rest."""

    code = "render_failed"
