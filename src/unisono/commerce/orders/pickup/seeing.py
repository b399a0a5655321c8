"""Whose counter somebody may stand at: a clerk's own stores and no other."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.params import Parameter, QueryParameter

from unisono.access.guards import Principal, caller
from unisono.kit.errors import BadRequest, NotFound

AnyRequest = Request[Any, Any, Any]

StoreIds = Annotated[
    list[str] | None, QueryParameter(name="store_id", description="Stores, repeated; default: all the asker may see.")
]
Limit = Annotated[int, Parameter(ge=1, le=200)]

MOST_STORES = 500


def sees(principal: Principal, store_id: str | None) -> bool:
    """Whether what is in this store is theirs to see."""
    return principal.stores is None or (store_id is not None and store_id in principal.stores)


def check_store(request: AnyRequest, store_id: str | None, missing: NotFound) -> None:
    """Raises ``missing`` for another store's: who may not see it learns not even that it is there."""
    if not sees(caller(request), store_id):
        raise missing


def stores_asked(request: AnyRequest, store_ids: list[str] | None) -> list[str] | None:
    """The stores a list is of: those asked for that the asker may see; None for all. Raises BadRequest."""
    own = caller(request).stores
    if store_ids is None:
        return None if own is None else sorted(own)
    if len(store_ids) > MOST_STORES or any("\x00" in store for store in store_ids):
        raise BadRequest("That is no list of stores.", code="bad_store")
    return store_ids if own is None else [store for store in store_ids if store in own]
