"""What can be wrong when somebody asks the catalogue."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, NotFound


class SkuUnknown(NotFound):
    """No variant has this sku or barcode."""

    code = "sku_unknown"


class ProductUnknown(NotFound):
    """There is no such product."""

    code = "product_unknown"


class CategoryUnknown(NotFound):
    """There is no such category."""

    code = "category_unknown"


class CatalogueRefused(BadRequest):
    """A product or category breaks a rule; ``reasons`` names every one."""

    code = "catalogue_refused"


class BadCursor(BadRequest):
    """The place to continue from is none that was given out."""

    code = "bad_cursor"
