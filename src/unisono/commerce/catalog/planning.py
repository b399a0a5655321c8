"""What saving some products will change, decided before anything is written: pure, item by item.

A bad item changes nothing and spoils no other. Items see what earlier ones of the same plan do; those with kit
components come last, so that a kit may stand before its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from unisono.commerce.catalog import rules
from unisono.commerce.catalog.model import (
    AttributeInput,
    Outcome,
    ProductInput,
    RejectedItem,
    SaveReport,
    VariantInput,
)
from unisono.commerce.catalog.state import AttributeKey, ImageRow, ProductRow, State, VariantRow
from unisono.kit.reasons import Reason


def _given(value: Any, default: Any) -> Any:
    return default if isinstance(value, UnsetType) else value


class Plan:
    """What to write: keys of rows; the rows themselves are in the state as the plan has left it."""

    def __init__(self) -> None:
        self.new_products: dict[str, None] = {}
        self.touched_products: dict[str, None] = {}
        """Existing ones whose version moves."""
        self.new_variants: dict[str, None] = {}
        self.changed_variants: dict[str, None] = {}
        self.barcodes: dict[str, None] = {}
        self.kits: dict[str, None] = {}
        self.attributes: dict[AttributeKey, Any] = {}
        self.images: dict[str, None] = {}
        self.outcomes: list[Outcome] = []
        self.rejected: list[RejectedItem] = []

    def report(self) -> SaveReport:
        """The outcome of every item."""
        return SaveReport(
            created=self.outcomes.count("created"),
            updated=self.outcomes.count("updated"),
            unchanged=self.outcomes.count("unchanged"),
            rejected=tuple(self.rejected),
            outcomes=tuple(self.outcomes),
        )


def make_plan(
    items: Sequence[ProductInput],
    checked: Sequence[Sequence[Reason]],
    state: State,
    *,
    offered_at: datetime | None = None,
) -> Plan:
    """Decide what becomes of each item; ``state`` is left as the catalogue will be.

    ``checked`` is what `check_product` said of each item: what is malformed is looked at no further.

    ``offered_at`` is the instant a variant that becomes active without a date is first on sale; None leaves it unknown.
    """
    plan = Plan()
    outcomes: list[Outcome] = ["rejected"] * len(items)
    for index in planning_order(items):
        item = items[index]
        reasons = checked[index] or _conflicts(item, state)
        if reasons:
            plan.rejected.append(RejectedItem(index=index, code=item.code[:100], reasons=tuple(reasons)))
        else:
            outcomes[index] = _Writer(plan, state, offered_at).write(item)
    plan.rejected.sort(key=lambda rejected: rejected.index)
    plan.outcomes = outcomes
    return plan


def planning_order(items: Sequence[ProductInput]) -> list[int]:
    """The places of the items so that a kit comes behind its parts, else in the order given."""
    needs = {
        index: {part.sku for variant in item.variants if has_components(variant) for part in variant.components or ()}
        for index, item in enumerate(items)
        if any(map(has_components, item.variants))
    }
    order = [index for index in range(len(items)) if index not in needs]
    for _ in range(rules.MAX_KIT_DEPTH):
        waiting = {variant.sku: index for index in needs for variant in items[index].variants}
        ready = [index for index in needs if all(waiting.get(sku, index) == index for sku in needs[index])]
        order += ready
        for index in ready:
            del needs[index]
    return order + list(needs)


def has_components(variant: VariantInput) -> bool:
    """Whether a variant names what it consists of."""
    return not isinstance(variant.components, UnsetType) and bool(variant.components)


def _conflicts(item: ProductInput, state: State) -> list[Reason]:
    """What in an item the catalogue as it is does not allow."""
    found: list[Reason] = []
    if item.code not in state.products and item.name is UNSET:
        found.append(Reason("name_missing", "A new product needs a name.", {}))
    category = _given(item.category, None)
    if category is not None and category not in state.categories:
        found.append(Reason("category_unknown", "There is no category {category}.", {"category": category[:100]}))
    mine = {variant.sku for variant in item.variants}
    taken: dict[str, str] = {}
    for variant in item.variants:
        found += _variant_conflicts(variant, item.code, mine, taken, state)
    if item.images is not UNSET:
        known = mine | {variant.sku for variant in state.variants_of(item.code)}
        found += [
            Reason("image_sku_unknown", "The product has no variant {sku}.", {"sku": image.sku[:100]})
            for image in item.images
            if image.sku is not None and image.sku not in known
        ]
    if not found and any(variant.components for variant in item.variants if variant.components is not UNSET):
        found += _kit_conflicts(item, state)
    return found


def _variant_conflicts(
    variant: VariantInput, product: str, mine: set[str], taken: dict[str, str], state: State
) -> list[Reason]:
    found: list[Reason] = []
    known = state.variants.get(variant.sku)
    if known is not None and known.product != product:
        found.append(
            Reason(
                "sku_elsewhere",
                "The sku {sku} belongs to the product {product}.",
                {"sku": variant.sku, "product": known.product},
            )
        )
    if variant.tax_class is not UNSET and variant.tax_class not in state.tax_classes:
        found.append(
            Reason("tax_class_unknown", "There is no tax class {tax_class}.", {"tax_class": variant.tax_class[:100]})
        )
    if variant.barcodes is not UNSET:
        for given in variant.barcodes:
            code = rules.stored_barcode(given)
            owner = taken.setdefault(code or "", variant.sku)
            owner = owner if owner != variant.sku else state.owners.get(code or "", owner)
            if owner != variant.sku:
                found.append(
                    Reason("barcode_taken", "The barcode {barcode} belongs to {sku}.", {"barcode": given, "sku": owner})
                )
    if variant.components is not UNSET:
        found += [
            Reason("component_unknown", "There is no sku {sku} to put into the kit.", {"sku": component.sku})
            for component in variant.components
            if component.sku not in state.variants and component.sku not in mine
        ]
    return found


def _kit_conflicts(item: ProductInput, state: State) -> list[Reason]:
    """Whether a kit would contain itself, or be deeper than three levels, by itself or inside another."""
    kits = dict(state.kits)
    changed = []
    for variant in item.variants:
        if variant.components is not UNSET:
            kits[variant.sku] = {component.sku: component.quantity for component in variant.components}
            changed.append(variant.sku)
    return [
        Reason(
            "kit_cycle",
            "The kit {sku} contains itself, or is more than {most} kits deep.",
            {"sku": sku, "most": rules.MAX_KIT_DEPTH},
        )
        for sku in _with_outer_kits(changed, kits)
        if rules.kit_depth(sku, kits) is None
    ]


def _with_outer_kits(skus: Sequence[str], kits: dict[str, dict[str, int]]) -> list[str]:
    """These kits and every kit they are in."""
    found = dict.fromkeys(skus)
    waiting = list(skus)
    while waiting:
        inner = waiting.pop()
        for outer, components in kits.items():
            if inner in components and outer not in found:
                found[outer] = None
                waiting.append(outer)
    return list(found)


class _Writer:
    """Puts one good item into the state and notes in the plan what that changes."""

    def __init__(self, plan: Plan, state: State, offered_at: datetime | None) -> None:
        self.plan = plan
        self.state = state
        self.offered_at = offered_at
        self.changed = False

    def write(self, item: ProductInput) -> Outcome:
        """Take the item in; says what it was."""
        before = self.state.products.get(item.code)
        created = before is None or any(variant.sku not in self.state.variants for variant in item.variants)
        product = self._product(item, before)
        if product != before:
            self.state.products[item.code] = product
            self.changed = True
        for variant in item.variants:
            self._variant(variant, item.code, product.status)
        if before is not None and product.status == "active" != before.status:
            self._begin_sale(item.code)
        self._attributes(item.code, None, item.attributes)
        if item.images is not UNSET:
            self._images(item)
        if before is None:
            self.plan.new_products[item.code] = None
        elif self.changed and item.code not in self.plan.new_products:
            self.plan.touched_products[item.code] = None
        return "created" if created else "updated" if self.changed else "unchanged"

    def _product(self, item: ProductInput, before: ProductRow | None) -> ProductRow:
        old = before or ProductRow(item.code, "", None, None, "active", None)
        return ProductRow(
            item.code,
            _given(item.name, old.name),
            _given(item.brand, old.brand),
            _given(item.category, old.category),
            _given(item.status, old.status),
            _given(item.description, old.description),
        )

    def _variant(self, item: VariantInput, product: str, product_status: str) -> None:
        state = self.state
        before = state.variants.get(item.sku)
        old = before or VariantRow(item.sku, product, None, {}, "active", "standard", False, 0, None)
        status = _given(item.status, old.status)
        since = _given(item.on_sale_since, old.on_sale_since)
        begins = status == product_status == "active" and (before is None or before.status != "active")
        if since is None and begins and item.on_sale_since is UNSET:
            since = self.offered_at
        row = VariantRow(
            item.sku,
            product,
            _given(item.name, old.name),
            _given(item.options, old.options),
            status,
            _given(item.tax_class, old.tax_class),
            old.is_kit if item.components is UNSET else bool(item.components),
            _given(item.prep_minutes, old.prep_minutes),
            since,
        )
        self._put(before, row)
        if item.barcodes is not UNSET:
            self._barcodes(item.sku, frozenset(filter(None, map(rules.stored_barcode, item.barcodes))))
        if item.components is not UNSET:
            self._components(item.sku, {part.sku: part.quantity for part in item.components})
        self._attributes(product, item.sku, item.attributes)

    def _put(self, before: VariantRow | None, row: VariantRow) -> None:
        if row == before:
            return
        self.state.put_variant(row)
        self.changed = True
        if before is None:
            self.plan.new_variants[row.sku] = None
        elif row.sku not in self.plan.new_variants:
            self.plan.changed_variants[row.sku] = None

    def _begin_sale(self, product: str) -> None:
        """A draft goes on sale, and with it every active variant of it."""
        for row in self.state.variants_of(product):
            if row.status == "active" and row.on_sale_since is None:
                self._put(row, row._replace(on_sale_since=self.offered_at))

    def _barcodes(self, sku: str, codes: frozenset[str]) -> None:
        if self.state.barcodes.get(sku, frozenset()) != codes:
            self.state.put_barcodes(sku, codes)
            self.plan.barcodes[sku] = None
            self.changed = True

    def _components(self, sku: str, components: dict[str, int]) -> None:
        if self.state.kits.get(sku, {}) != components:
            self.state.kits[sku] = components
            self.plan.kits[sku] = None
            self.changed = True

    def _attributes(self, product: str, sku: str | None, given: Sequence[AttributeInput]) -> None:
        for attribute in given:
            key = AttributeKey(product, sku, attribute.name, attribute.channel, attribute.language)
            known = self.state.attributes.get(key)
            if known == attribute.value and type(known) is type(attribute.value):
                continue
            self.plan.attributes[key] = attribute.value
            self.changed = True
            if attribute.value is None:
                del self.state.attributes[key]
            else:
                self.state.attributes[key] = attribute.value

    def _images(self, item: ProductInput) -> None:
        given = item.images if item.images is not UNSET else []
        images = tuple(ImageRow(image.url, dict(image.alt), image.sku) for image in given)
        if self.state.images.get(item.code, ()) != images:
            self.state.images[item.code] = images
            self.plan.images[item.code] = None
            self.changed = True
