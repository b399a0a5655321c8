"""What can go wrong with a brand."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class BrandNotFound(NotFound):
    """There is no such brand."""

    code = "brand_not_found"


class BadBrand(BadRequest):
    """The brand cannot be kept: a text that cannot be stored, an address of another scheme, a field that is wanted in
    the footer and empty."""

    code = "bad_brand"


class BrandConflict(Conflict):
    """It was changed by somebody else since it was read."""

    code = "brand_conflict"
