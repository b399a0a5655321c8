"""The forms of a product: what was typed becomes what the catalogue takes, one part at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from unisono.commerce.catalog.model import AttributeInput, ComponentInput, ImageInput, ProductInput, VariantInput
from unisono.console.views.commerce import whole_typed
from unisono.kit.errors import BadRequest

Kept = TypeVar("Kept", ProductInput, VariantInput)

_PART = re.compile(r"\s*(.+?)\s*(?:[*×x]\s*(\d{1,4}))?\s*")


def item_of(form: Mapping[str, str]) -> ProductInput:
    """The change a form asks for; ``part`` says which form it is. Raises BadRequest for what cannot be read."""
    code = form.get("code", "").strip()
    part = form.get("part", "")
    if part == "new":
        return ProductInput(
            code=code,
            name=form.get("name", "").strip(),
            variants=[VariantInput(sku=form.get("sku", "").strip() or code)],
        )
    if part == "variant":
        return ProductInput(code=code, variants=[_variant(form)])
    if part == "attribute":
        return _attribute(code, form)
    if part == "images":
        return ProductInput(code=code, images=_images(form.get("images", "")))
    if part == "product":
        return _product(code, form)
    raise BadRequest("There is no such form.", code="bad_form")


def _product(code: str, form: Mapping[str, str]) -> ProductInput:
    changes: dict[str, Any] = {"name": form.get("name", "").strip()}
    for name in ("brand", "category", "description"):
        if name in form:
            changes[name] = form[name].strip() or None
    if "status" in form:
        changes["status"] = form["status"]
    return _converted(ProductInput, {"code": code, **changes})


def _variant(form: Mapping[str, str]) -> VariantInput:
    changes: dict[str, Any] = {"sku": form.get("sku", "").strip()}
    for name in ("status", "tax_class"):
        if form.get(name):
            changes[name] = form[name]
    if "barcodes" in form:
        changes["barcodes"] = form["barcodes"].split()
    if "prep_minutes" in form:
        changes["prep_minutes"] = whole_typed(form["prep_minutes"], field="prep_minutes", most=10_080) or 0
    if "options" in form:
        pairs = [line.partition(":") for line in form["options"].splitlines() if line.strip()]
        changes["options"] = {name.strip(): value.strip() for name, _, value in pairs}
    made = _converted(VariantInput, changes)
    if "components" in form:
        made = msgspec.structs.replace(made, components=_components(form["components"]))
    return made


def _components(text: str) -> list[ComponentInput]:
    parts = []
    for line in text.splitlines():
        found = _PART.fullmatch(line)
        if found:
            parts.append(ComponentInput(sku=found[1], quantity=int(found[2] or 1)))
    return parts


def _attribute(code: str, form: Mapping[str, str]) -> ProductInput:
    text = form.get("value", "").strip()
    value: Any = None
    if form.get("deed") != "remove" and text:
        try:
            value = msgspec.json.decode(text) if text[:1] in '{["' or text in ("true", "false") else text
        except msgspec.DecodeError:
            value = text
    one = AttributeInput(
        name=form.get("name", "").strip(),
        value=value,
        channel=form.get("channel") or None,
        language=form.get("language", "").strip() or None,
    )
    sku = form.get("sku", "").strip()
    if sku:
        return ProductInput(code=code, variants=[VariantInput(sku=sku, attributes=[one])])
    return ProductInput(code=code, attributes=[one])


def _images(text: str) -> list[ImageInput]:
    images = []
    for line in text.splitlines():
        url, _, alt = line.strip().partition(" ")
        if url:
            images.append(ImageInput(url=url, alt={"en": alt.strip()} if alt.strip() else {}))
    return images


def _converted(kind: type[Kept], values: dict[str, Any]) -> Kept:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error), code="bad_form") from None
