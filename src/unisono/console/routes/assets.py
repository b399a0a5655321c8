"""Style sheets, scripts and pictures, from the package."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import open_to_all
from unisono.console import links
from unisono.console.pages import AnyRequest
from unisono.console.rendering import STATIC, asset
from unisono.kit.errors import NotFound

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""The address holds the content's digest: another content has another address."""

FOR_A_WHILE: Final = "public, max-age=300"

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def _file(name: str) -> Path:
    """The file of this name. Raises NotFound, also for names that lead out of the folder."""
    path = (STATIC / name.lstrip("/")).resolve()
    if not path.is_relative_to(STATIC.resolve()) or not path.is_file():
        raise NotFound("There is no such file.", code="http_404")
    return path


@get(
    f"{links.STATIC}/{{name:path}}",
    guards=[open_to_all("style sheets and scripts are the same for everyone, and the sign-in page needs them")],
    include_in_schema=False,
)
async def static_file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A static file; cached for ever when it was asked for by its digest."""
    path = _file(name)
    relative = path.relative_to(STATIC.resolve()).as_posix()
    by_digest = f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}" == asset(relative)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(
        path.read_bytes(), media_type=kind, headers={"cache-control": FOR_EVER if by_digest else FOR_A_WHILE}
    )


routes: list[ControllerRouterHandler] = [static_file]
