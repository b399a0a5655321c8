"""Products from a file: looked through first, then taken in."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, requires
from unisono.commerce.catalog.api import IMPORT_PART, MAX_BODY
from unisono.commerce.catalog.columns import COLUMNS
from unisono.commerce.catalog.importing import import_table
from unisono.commerce.catalog.tables import read_csv
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.products import import_outcome
from unisono.kit.errors import BadRequest, UnisonoError

MAX_KEPT = 200_000
"""Characters of a table that a page keeps between the trial and the import; a longer file is chosen again."""


async def _show(request: AnyRequest, view: contexts.CatalogueImport, status: int = 200) -> Response[str]:
    title = words_of(request, caller(request)).gettext("Import products")
    return await page(request, view, title=title, section="products", status=status)


@get(links.CATALOGUE_IMPORT, guards=[requires("catalog:write")], include_in_schema=False)
async def show_import(request: AnyRequest) -> Response[str]:
    """The form."""
    return await _show(request, contexts.CatalogueImport(known=list(COLUMNS)))


async def _table(request: AnyRequest, form: dict[str, str]) -> tuple[bytes, str]:
    """The table that was sent, and the name of its file. Raises BadRequest when there is none."""
    sent = (await request.form()).get("file")
    if isinstance(sent, UploadFile) and sent.filename:
        return await sent.read(), sent.filename[:200]
    text = form.get("csv", "")
    if not text.strip():
        raise BadRequest("Choose a file, or paste rows.", code="no_table")
    return text.encode(), form.get("file_name", "")[:200]


@post(
    links.CATALOGUE_IMPORT,
    guards=[requires("catalog:write")],
    include_in_schema=False,
    request_max_body_size=MAX_BODY,
    status_code=200,
)
async def import_products(request: AnyRequest) -> Response[Any]:
    """Look a table through, or take it in."""
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)
    kept, name = form.get("csv", ""), ""
    try:
        content, name = await _table(request, form)
        kept = content.decode("utf-8", "replace") if len(content) <= MAX_KEPT else ""
        report = await import_table(
            pool_of(request),
            await asyncio.to_thread(read_csv, content),
            dry_run=form.get("deed") != "import",
            actor=principal.actor,
            language=words.language,
            part=IMPORT_PART,
        )
    except UnisonoError as error:
        problem = problem_with_reasons(words, error)
        view = contexts.CatalogueImport(csv=kept, file_name=name, problem=problem, known=list(COLUMNS))
        return await _show(request, view, error.status)
    outcome = import_outcome(report)
    return await _show(
        request,
        contexts.CatalogueImport(
            csv=kept if outcome.dry_run else "", file_name=name, outcome=outcome, known=list(COLUMNS)
        ),
    )


routes: list[ControllerRouterHandler] = [show_import, import_products]
