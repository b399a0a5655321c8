"""The commerce screens with invented goods of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from unisono.console import contexts as c
from unisono.console import links
from unisono.kit.reasons import Reason

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)

Page = Callable[..., c.Shell]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def euro(cents: int) -> c.Amount:
    return c.Amount(minor=cents, currency="EUR")


CHANNELS = [
    c.Choice(value="web", label="Web", selected=True), c.Choice(value="app", label="App"),
    c.Choice(value="store", label="Store"),
]  # fmt: skip
CATEGORIES = [c.Choice(value="shoes", label="Shoes"), c.Choice(value="trail", label="Trail", selected=True)]


def products() -> c.Products:
    rows = [
        c.ProductRow(code="TRAIL-JACKET", name="Trail jacket", href=links.product("TRAIL-JACKET"), brand="Alpestre",
                     category="Jackets", variants=4, price=euro(12900), prior=euro(16900), stock=214, available=198),
        c.ProductRow(code="MERINO", name="Merino socks", href=links.product("MERINO"), category="Socks", variants=3,
                     price=euro(1900), stock=40, available=40),
        c.ProductRow(code="BUNDLE", name="Winter bundle", href=links.product("BUNDLE"),
                     badge=c.Badge(text="draft")),
    ]  # fmt: skip
    return c.Products(
        rows=rows,
        paging=c.Paging(shown=3, next_href="?after=MERINO"),
        categories=CATEGORIES,
        chips=[c.Chip(label="All products", href="?", selected=True), c.Chip(label="on sale", href="?status=active")],
        can_write=True,
    )


def product() -> c.Product:
    variants = [
        c.ProductVariantRow(sku="TJ-M", name="Trail jacket, M", price_href=links.price_of("TJ-M"),
                            options=[("size", "M")], barcodes=["8001234567897"], tax_class="standard",
                            tax_rate_bp=2200, price=euro(12900), prior=euro(16900), percent=23, stock=12,
                            available=9, places=3, chosen=True),
        c.ProductVariantRow(sku="TJ-KIT", name="Jacket and socks", price_href=links.price_of("TJ-KIT"),
                            tax_class="standard", tax_rate_bp=2200, is_kit=True, prep_minutes=10,
                            badge=c.Badge(text="retired", tone="off"),
                            parts=[c.PartRow(sku="MERINO-40", name="Merino socks, 40", quantity=2, href="/x")]),
    ]  # fmt: skip
    return c.Product(
        code="TRAIL-JACKET",
        name="Trail jacket",
        version=7,
        badge=c.Badge(text="on sale", tone="good"),
        brand="Alpestre",
        category="trail",
        path=["Clothes", "Jackets"],
        description="Light, windproof, packs into its pocket.",
        channels=CHANNELS,
        languages=[c.Choice(value="it", label="it", selected=True), c.Choice(value="en", label="en")],
        variants=variants,
        attributes=[
            c.AttributeLine(name="material", value="Nylon", counts=True),
            c.AttributeLine(name="badge", value="New", channel="app", channel_label="App", language="en"),
        ],
        pictures=[c.PictureRow(url="https://images.example/jacket.jpg", alt="The jacket in red")],
        used_by=[
            c.UsedBy(what="Promotion", label="Welcome", href=links.promotion("welcome")),
            c.UsedBy(what="Open carts", label="3"),
        ],
        categories=CATEGORIES,
        taxes=[c.Choice(value="standard", label="standard (22 %)")],
        statuses=[c.Choice(value="active", label="on sale", selected=True), c.Choice(value="draft", label="draft")],
        can_write=True,
        part="attribute",
        drafts={"part": "attribute", "name": "care"},
        problem=c.Problem(what="The product cannot be kept like this", why="value is empty."),
    )


def import_outcome() -> c.ImportOutcome:
    return c.ImportOutcome(
        dry_run=True,
        rows=1204,
        created=800,
        updated=300,
        unchanged=102,
        rejected=2,
        categories_created=4,
        products_before=40,
        products_after=40,
        in_catalogue=402,
        seconds=0.4,
        columns=[("Articolo", "sku"), ("Nome", "name")],
        ignored=["Note"],
        refused=[
            c.RefusedLine(line=17, sku="TJ-X", reasons=[Reason("empty", "{field} is empty.", {"field": "name"})]),
            c.RefusedLine(line=18, sku="", reasons=[Reason("sku_twice", "A sku is named twice.")]),
        ],
    )


def product_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Products in all their states."""
    none = c.Paging(shown=0)
    yield "products", page("Products", "products"), products()
    yield (
        "products_first",
        page("Products", "products"),
        c.Products(rows=[], paging=none, any_products=False, can_write=True, problem=problem),
    )
    yield (
        "products_none",
        page("Products", "products"),
        c.Products(rows=[], paging=none, query="zz", filter_sentence="name, sku or barcode contains “zz”"),
    )
    yield "product", page("Trail jacket", "products"), product()
    yield "product_bare", page("Bare", "products"), c.Product(code="B", name="Bare", version=1)
    known = ["sku", "name"]
    yield "catalogue_import", page("Import products", "products"), c.CatalogueImport(known=known, problem=problem)
    yield (
        "catalogue_tried",
        page("Import products", "products"),
        c.CatalogueImport(known=known, outcome=import_outcome(), csv="sku,name\nA,B", file_name="goods.csv"),
    )


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every commerce screen and every designed state."""
    yield from product_screens(page, problem)
