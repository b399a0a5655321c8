"""From the columns of a table to products: which header means what, and one row as one item."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.checking import storable
from unisono.commerce.catalog.model import (
    AttributeInput,
    CategoryInput,
    ComponentInput,
    ImageInput,
    ProductInput,
    VariantInput,
)
from unisono.kit.errors import BadRequest
from unisono.kit.reasons import Reason

COLUMNS: Final = {
    "sku": "what is sold; the only column that must be there",
    "product_code": "rows with the same code are variants of one product; the sku when it is missing",
    "name": "name of the product",
    "variant_name": "name of the variant, where the product's name and options do not say it",
    "brand": "brand",
    "category": "code of an existing category",
    "category_path": "names from the root down, as Grocery > Frozen > Pizza; what is missing is made",
    "status": "of the product: draft, active, retired",
    "variant_status": "of the variant: draft, active, retired",
    "description": "text",
    "barcodes": "GTINs or own codes (own:12345678), separated by | or spaces",
    "tax_class": "standard, reduced, super_reduced, social, none, or your own",
    "prep_minutes": "minutes of work one unit takes when it is ordered ahead",
    "on_sale_since": "first offered: 2026-05-04 or 2026-05-04T09:00:00Z",
    "images": "https addresses, separated by | or spaces",
    "components": "what a kit consists of: cup*6|lid*6",
}
"""Column to what it holds. Besides: ``option:<name>``, and ``attribute:<name>`` with ``@<language>`` and
``@<language>@<channel>`` behind it where it is not for all (``attribute:name@it``, ``attribute:badge@@app``)."""

ALIASES: Final = {
    "id": "sku", "item": "sku", "codice": "sku", "articolo": "sku",
    "product": "product_code", "product_id": "product_code", "item_group_id": "product_code", "parent": "product_code",
    "title": "name", "product_name": "name", "nome": "name", "titolo": "name",
    "marca": "brand", "manufacturer": "brand", "categoria": "category_path", "product_type": "category_path",
    "stato": "status", "descrizione": "description",
    "barcode": "barcodes", "ean": "barcodes", "gtin": "barcodes", "upc": "barcodes", "codice_a_barre": "barcodes",
    "iva": "tax_class", "image": "images", "image_link": "images", "immagine": "images", "bundle": "components",
}  # fmt: skip
"""Other names of columns, as shops and feeds use them."""


class BadMapping(BadRequest):
    """The columns of a file cannot be understood."""

    code = "bad_mapping"


class RowRefused(Exception):
    """A row that is no item; carries the reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class Draft:
    """A row on its way to be an item."""

    def __init__(self) -> None:
        self.product: dict[str, Any] = {}
        self.variant: dict[str, Any] = {}
        self.options: dict[str, str] = {}
        self.attributes: list[AttributeInput] = []
        self.category_path: list[str] = []


Reader = Callable[[Draft, str], None]


class Columns(NamedTuple):
    """What each column of a file is read as, and those that are not read."""

    readers: list[Reader | None]
    used: dict[str, str]
    """Header as it stands in the file -> column."""
    ignored: list[str]


def understand(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """What the columns of a file mean: by ``mapping`` (header to column) first, else by their own names.

    Raises BadMapping when there is no sku, when a mapping names a header or column that is not there, or when two
    headers mean one column.
    """
    given = dict(mapping or {})
    lost = [name for name in given if name not in header]
    if lost:
        raise BadMapping(f"The file has no column {lost[0][:100]!r}.", hint=f"It has: {', '.join(header)[:500]}")
    columns = {name: given.get(name) or _own_name(name) for name in header}
    taken = [column for column in columns.values() if column]
    twice = [column for column in taken if taken.count(column) > 1 and column not in given.values()]
    if twice or len(set(given.values())) < len(given):
        raise BadMapping(f"Two columns of the file mean {(twice or [*given.values()])[0]}.")
    for name in header:
        if name not in given and columns[name] in given.values():
            columns[name] = None
        elif columns[name] is None and ALIASES.get(_spelled(name)) not in columns.values():
            columns[name] = ALIASES.get(_spelled(name))
    readers = {name: _reader(column) for name, column in columns.items() if column}
    wrong = [name for name in given if readers[name] is None]
    if wrong:
        raise BadMapping(f"There is no column {given[wrong[0]][:100]!r}.", hint=", ".join(COLUMNS))
    used = {name: column for name, column in columns.items() if column and readers[name] is not None}
    if "sku" not in used.values():
        raise BadMapping("The file has no column sku.", hint="Name the one that holds it in the mapping.")
    ignored = [name for name in header if name and name not in used]
    return Columns([readers.get(name) for name in header], used, ignored)


def _spelled(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _own_name(name: str) -> str | None:
    """The column a header is the name of."""
    kind, colon, rest = name.partition(":")
    if colon and kind.strip().lower() in ("option", "attribute"):
        return f"{kind.strip().lower()}:{rest.strip()}"
    return _spelled(name) if _spelled(name) in COLUMNS else None


def _reader(column: str) -> Reader | None:
    kind, _, rest = column.partition(":")
    if kind == "option" and rest:
        return lambda draft, cell: draft.options.__setitem__(rest, cell)
    if kind == "attribute" and rest:
        name, _, where = rest.partition("@")
        language, _, channel = where.partition("@")
        return lambda draft, cell: draft.attributes.append(
            AttributeInput(name=name, value=cell, language=language or None, channel=channel or None)
        )
    return _READERS.get(column)


def _to(part: str, field: str, read: Callable[[str], Any] = str) -> Reader:
    def put(draft: Draft, cell: str) -> None:
        getattr(draft, part)[field] = read(cell)

    return put


def _words(cell: str) -> list[str]:
    return [word for word in re.split(r"[|\s]+", cell) if word]


def _status(cell: str) -> str:
    low = cell.lower()
    if low not in rules.STATUS_ORDER:
        raise RowRefused(Reason("bad_status", "{status} is not one of draft, active, retired.", {"status": cell[:40]}))
    return low


def _minutes(cell: str) -> int:
    if not re.fullmatch(r"\d{1,12}", cell):
        raise RowRefused(Reason("bad_number", "{field} is a whole number.", {"field": "prep_minutes"}))
    return int(cell)


def _instant(cell: str) -> datetime:
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        raise RowRefused(
            Reason("bad_time", "{field} is written like 2026-05-04.", {"field": "on_sale_since"})
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _images(cell: str) -> list[ImageInput]:
    return [ImageInput(url=url) for url in _words(cell)]


def _components(cell: str) -> list[ComponentInput]:
    found = []
    for word in cell.split("|"):
        sku, star, quantity = word.strip().rpartition("*")
        if star and not re.fullmatch(r"\d{1,9}", quantity.strip()):
            raise RowRefused(Reason("bad_number", "{field} is a whole number.", {"field": "quantity"}))
        found.append(ComponentInput(sku=sku.strip(), quantity=int(quantity)) if star else ComponentInput(sku=quantity))
    return found


def _path(draft: Draft, cell: str) -> None:
    draft.category_path = [part.strip() for part in cell.split(">") if part.strip()]


_READERS: Final[dict[str, Reader]] = {
    "sku": _to("variant", "sku"),
    "product_code": _to("product", "code"),
    "name": _to("product", "name"),
    "variant_name": _to("variant", "name"),
    "brand": _to("product", "brand"),
    "category": _to("product", "category"),
    "category_path": _path,
    "status": _to("product", "status", _status),
    "variant_status": _to("variant", "status", _status),
    "description": _to("product", "description"),
    "barcodes": _to("variant", "barcodes", _words),
    "tax_class": _to("variant", "tax_class"),
    "prep_minutes": _to("variant", "prep_minutes", _minutes),
    "on_sale_since": _to("variant", "on_sale_since", _instant),
    "images": _to("product", "images", _images),
    "components": _to("variant", "components", _components),
}


def read_row(columns: Columns, cells: Sequence[str], tree: CategoryTree) -> ProductInput:
    """One row as a product with one variant; an empty cell leaves what is there. Raises RowRefused."""
    if len(cells) != len(columns.readers):
        raise RowRefused(
            Reason(
                "row_shape",
                "The row has {found} cells, the header {expected}.",
                {"found": len(cells), "expected": len(columns.readers)},
            )
        )
    draft = Draft()
    for reader, cell in zip(columns.readers, cells, strict=True):
        if reader is not None:
            text = cell.strip()
            if text:
                reader(draft, text)
    sku = draft.variant.get("sku")
    if not sku:
        raise RowRefused(Reason("empty", "{field} is empty.", {"field": "sku"}))
    if draft.options:
        draft.variant["options"] = draft.options
    if draft.category_path and "category" not in draft.product:
        draft.product["category"] = tree.code_of(draft.category_path)
    draft.product.setdefault("code", sku)
    return ProductInput(variants=[VariantInput(**draft.variant)], attributes=draft.attributes, **draft.product)


class CategoryTree:
    """Codes for paths of names; remembers which have to be made."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._new: list[CategoryInput] = []
        self._codes: dict[tuple[str, ...], str] = {}

    def code_of(self, names: Sequence[str]) -> str:
        """The code of a path: its names as slugs. Raises RowRefused for a name without letters, or too long a path."""
        path = tuple(names)
        known = self._codes.get(path)
        if known is None:
            parent = self.code_of(path[:-1]) if len(path) > 1 else None
            own = rules.slug(path[-1])
            known = f"{parent}/{own}" if parent else own
            if not own or len(known) > 100 or len(path) > rules.MAX_CATEGORY_DEPTH or not storable(path[-1]):
                raise RowRefused(
                    Reason(
                        "bad_category",
                        "The category path {path} is too long or has a name without letters.",
                        {"path": " > ".join(path)[:200]},
                    )
                )
            self._codes[path] = known
            self._new.append(CategoryInput(code=known, parent=parent, names={self.language: path[-1]}))
        return known

    def take(self) -> list[CategoryInput]:
        """The categories named since the last look, a parent before its children."""
        new, self._new = self._new, []
        return new
