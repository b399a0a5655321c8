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


def steps(prior: int | None = 14900, new: int | None = 12900) -> c.Steps:
    return c.Steps(
        start=ago(days=34),
        end=ago(days=-4),
        currency="EUR",
        steps=[
            c.Step(start=ago(days=34), end=ago(days=20), minor=16900, lane="web"),
            c.Step(start=ago(days=20), end=ago(days=12), minor=14900, lane="web", lowest=True),
            c.Step(start=ago(days=12), end=ago(days=1), minor=16900, lane="web"),
            c.Step(start=ago(days=7), end=None, minor=16800, lane="store"),
        ],
        window=(ago(days=31), ago(days=1)),
        prior_minor=prior,
        new_minor=new,
    )


def asked() -> list[c.AskedRow]:
    return [
        c.AskedRow(amount=euro(14900), start=ago(days=20), end=ago(days=12), where="Web", source="price list base",
                   source_href=links.price_list("base"), lowest=True),
        c.AskedRow(amount=euro(16800), start=ago(days=7), end=None, where="Store, store brera",
                   source="seen on receipts"),
    ]  # fmt: skip


def evidence(refused: str | None = None) -> c.EvidenceCard:
    return c.EvidenceCard(
        sku="TJ-M",
        list_code="base",
        new=euro(12900 if refused is None else 15900),
        prior=euro(14900),
        percent=13.42 if refused is None else None,
        rule="the lowest price of the 30 days before",
        refused=refused,
        first_day=ago(days=31).date(),
        last_day=ago(days=1).date(),
        chart=steps(new=12900 if refused is None else 15900),
        lowest=asked()[0],
        rows=asked(),
    )


def discount(*, live: bool = True) -> c.DiscountRow:
    return c.DiscountRow(
        announcement_id=7, href=links.discount(7), sku="TJ-M", sku_href=links.price_of("TJ-M"), list_code="base",
        new=euro(12900), prior=euro(14900), percent=13.42, rule="the lowest price of the 30 days before",
        badge=c.Badge(text="shown now", tone="good") if live else c.Badge(text="withdrawn", tone="off"),
        starts_at=ago(days=1), ends_at=ago(days=-6), campaign="autumn", announced_at=ago(days=1),
        announced_by="anna@alpestre.example", withdrawn_at=None if live else ago(hours=2),
        withdrawn_by="" if live else "anna@alpestre.example", withdrawn_for="" if live else "a mistake",
        can_withdraw=live,
    )  # fmt: skip


def price_lists() -> list[c.PriceListRow]:
    return [
        c.PriceListRow(code="members", name="Members", href=links.price_list("members"), currency="EUR",
                       serves="everywhere, only members", priority=10, starts_at=ago(days=40), ends_at=ago(days=-9)),
        c.PriceListRow(code="base", name="Base", href=links.price_list("base"), currency="EUR", serves="everywhere"),
        c.PriceListRow(code="old", name="Old", href=links.price_list("old"), currency="EUR", serves="Web",
                       tax_included=False, disabled_at=ago(days=3)),
    ]  # fmt: skip


def price_of(refused: str | None = None) -> c.PriceOf:
    return c.PriceOf(
        sku="TJ-M",
        name="Trail jacket, M",
        product_href=links.product("TRAIL-JACKET"),
        currency="EUR",
        days=90,
        price=euro(12900),
        prior=euro(14900),
        percent=13.42,
        list_code="base",
        net=euro(10574),
        tax=euro(2326),
        tax_rate=22,
        next_change_at=ago(days=-6),
        chart=steps(None, None),
        rows=asked(),
        facts=[
            c.PriceFact(list_code="base", list_href="/x", amount=euro(12900), starts_at=ago(days=1), by="anna",
                        badge=c.Badge(text="holds now", tone="good"), ends_at=ago(days=-6), at=ago(days=1)),
            c.PriceFact(list_code="base", list_href="/x", amount=None, starts_at=ago(days=90),
                        badge=c.Badge(text="past")),
        ],
        discounts=[discount()],
        channels=CHANNELS,
        stores=[c.Choice(value="brera", label="Milano Brera")],
        spans=[c.Choice(value="30", label="30 days"), c.Choice(value="90", label="90 days", selected=True)],
        lists=[c.Choice(value="base", label="Base (everywhere, EUR)")],
        evidence=evidence(refused),
        can_write=True,
        part="announce",
        drafts={"list": "base", "amount": "159"},
    )  # fmt: skip


def price_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Prices and discounts in all their states."""
    amiss = c.Problem(what="This amount cannot be read", field="amount")
    yield "prices", page("Prices and discounts", "prices"), c.Prices(
        lists=price_lists(), discounts=[discount(), discount(live=False)], paging=c.Paging(shown=2), can_write=True,
        chips=[c.Chip(label="Shown now", href="?", selected=True), c.Chip(label="All", href="?show=all")],
        channels=CHANNELS, stores=[c.Choice(value="brera", label="Milano Brera")],
    )  # fmt: skip
    yield "prices_first", page("Prices", "prices"), c.Prices(lists=[], can_write=True, problem=problem)
    yield "prices_none", page("Prices", "prices"), c.Prices(lists=price_lists(), query="ZZ", filtered=True)
    yield "prices_never", page("Prices", "prices"), c.Prices(lists=price_lists(), filtered=True)
    rows = [
        c.ListedPrice(sku="TJ-M", name="Trail jacket, M", href="/x", amount=euro(12900), starts_at=ago(days=1)),
        c.ListedPrice(sku="TJ-L", name="Trail jacket, L", href="/x", amount=None, starts_at=ago(days=1)),
    ]
    one = price_lists()[1]
    yield (
        "price_list",
        page("Base", "prices"),
        c.PriceListPage(head=one, rows=rows, paging=c.Paging(shown=2), can_write=True),
    )
    yield (
        "price_list_none",
        page("Old", "prices"),
        c.PriceListPage(head=price_lists()[2], rows=[], paging=c.Paging(shown=0)),
    )
    yield "price_of", page("Prices of TJ-M", "prices"), price_of()
    yield "price_refused", page("Prices of TJ-M", "prices"), price_of("The new price is not below the lowest price.")
    yield (
        "price_bare",
        page("Prices of B", "prices"),
        c.PriceOf(
            sku="B", name="Bare", product_href="/x", currency="EUR", days=30, can_write=True, part="set", problem=amiss
        ),
    )
    yield "discount", page("Discount on TJ-M", "prices"), c.DiscountPage(row=discount(), evidence=evidence())
    yield (
        "discount_gone",
        page("Discount", "prices"),
        c.DiscountPage(row=discount(live=False), evidence=evidence(), problem=problem),
    )


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every commerce screen and every designed state."""
    yield from product_screens(page, problem)
    yield from price_screens(page, problem)
