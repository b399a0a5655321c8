"""The commerce screens with invented goods of an outdoor shop."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.boxes import Box
from unisono.console.views.promotion_form import GENERAL, LIMITS, TEXTS, TOGETHER, Draft, Drawer
from unisono.console.words import Words
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


def promotion_page(problem: c.Problem | None = None) -> c.PromotionPage:
    limit = c.Limit(used=euro(21000), most=euro(50000), part=0.42)
    return c.PromotionPage(
        code="welcome",
        name="Welcome",
        sentence="20 % off the whole basket when it is the first order of somebody we know, 1 time a person.",
        badge=c.Badge(text="live", tone="good"),
        version=3,
        facts=[("Priority", "10")],
        rule=c.RuleNode(text="all of these", inner=[c.RuleNode(text="in Web"), c.RuleNode(text="first order")]),
        effects=["20 % off the whole basket"],
        texts=[("it", "Benvenuto: 20 % di sconto")],
        tiles=[c.Tile(label="Web", value=euro(21000), note="14 uses")],
        budget=limit,
        uses=c.Limit(used=14, most=100, part=0.14),
        moves=[("paused", "Pause"), ("ended", "End for good")],
        latest=[c.UseRow(at=ago(hours=2), channel="Web", amount=euro(1500), order="1042", state="used", coupon="HI")],
        batches=[
            c.BatchRow(label="letters", kind="each used once", count=500, used=12, disabled=0, batch="letters"),
            c.BatchRow(label="HELLO10", kind="one code for everybody", count=1, used=3, disabled=1, code="HELLO10",
                       expires_at=ago(days=-20)),
        ],
        made=["XMAS-AAAA", "XMAS-BBBB"],
        conflicts=conflicts(),
        versions=[
            c.VersionRow(version=3, at=ago(hours=1), actor="anna@alpestre.example", sentence="x",
                         changes=[c.Became(what="Budget", before="–", after="€500.00")]),
            c.VersionRow(version=2, at=ago(days=1), actor="anna@alpestre.example", sentence="x"),
            c.VersionRow(version=1, at=ago(days=2), actor="anna@alpestre.example", sentence="20 % off."),
        ],
        json='{"code": "welcome"}',
        can_write=True,
        part="coupons" if problem else "",
        problem=problem,
    )  # fmt: skip


def conflicts() -> list[c.ConflictRow]:
    why = Reason("same_group", "Both are in the group {group}.", {"group": "sale"})
    return [
        c.ConflictRow(badge=c.Badge(text="the second never applies", tone="warning"), one="Welcome", one_href="/x",
                      other="Autumn", other_href="/y", reasons=[why]),
    ]  # fmt: skip


def builder(*, new: bool = True) -> c.PromotionBuilder:
    words = Words("en", ZoneInfo("Europe/Rome"))
    draft = Draft(
        {"name": "Welcome", "code": "welcome"},
        Box("all", {}, [
            Box("subtotal", {"at_least_minor": "50", "lines.categories": "shoes"}),
            Box("any", {}, [Box("channel", {"any_of": "web, app"}), Box("none", {}, [Box("weekdays", {})])]),
        ]),
        Box("effects", {}, [Box("percent_off", {"percent_bp": "20"}), Box("bundle")]),
    )  # fmt: skip
    draft.definition(words, "EUR")
    drawer = Drawer(draft, words)
    return c.PromotionBuilder(
        code="welcome",
        is_new=new,
        version=0 if new else 3,
        status="draft" if new else "active",
        conditions=drawer.box(draft.conditions, "c", removable=False),
        effects=[drawer.box(box, f"e.{number}") for number, box in enumerate(draft.effects.inner)],
        general=drawer.fields(GENERAL),
        limits=drawer.fields(LIMITS),
        together=drawer.fields(TOGETHER),
        texts=drawer.fields(TEXTS),
        condition_kinds=drawer.kinds(effects=False),
        effect_kinds=drawer.kinds(effects=True),
        sentence="20 % off the whole basket when everything in shoes comes to at least €50.00." if new else "",
        back_href="/x",
        problem=None if new else c.Problem(what="Something is missing", do="See the marked fields."),
    )


def tried() -> c.Tried:
    missing = Reason("amount_missing", "{missing_minor} more is missing.", {"missing_minor": 4000, "currency": "EUR"})
    return c.Tried(
        lines=[c.TriedLine(sku="TJ-M", name="Trail jacket, M", quantity=1, unit=euro(12900), gross=euro(12900),
                           discount=euro(2580), total=euro(10320), shares=[("Welcome", euro(2580))])],
        subtotal=euro(12900), discount=euro(2580), shipping=euro(0), tax=euro(1861), total=euro(10320), at=NOW,
        where="Web",
        applied=[c.TriedPromotion(code="welcome", name="Welcome", href="/x", reasons=[missing], amount=euro(2580),
                                  gifts=["1 × SOCK"], points="2 times the points", coupon="HI")],
        rejected=[c.TriedPromotion(code="big", name="Big basket", href="/y", reasons=[missing], missing=euro(4000))],
        coupons=[c.TriedCoupon(coupon="HI", accepted=True), c.TriedCoupon(coupon="NO", accepted=False,
                                                                        reasons=[missing])],
    )  # fmt: skip


def promotion_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Promotions in all their states."""
    none = c.Paging(shown=0)
    one = promotion_page()
    row = c.PromotionRow(code="welcome", name="Welcome", href="/x", sentence=one.sentence, badge=one.badge,
                         starts_at=ago(days=9), ends_at=ago(days=-9), budget=one.budget, uses=one.uses)  # fmt: skip
    yield (
        "promotions",
        page("Promotions", "promotions"),
        c.Promotions(
            rows=[row, c.PromotionRow(code="b", name="B", href="/y", sentence="Free shipping.", badge=one.badge)],
            paging=c.Paging(shown=2, next_href="?after=b"),
            chips=[c.Chip(label="All promotions", href="?", selected=True)],
            can_write=True,
        ),
    )
    yield (
        "promotions_first",
        page("Promotions", "promotions"),
        c.Promotions(rows=[], paging=none, any_promotions=False, can_write=True),
    )
    yield (
        "promotions_none",
        page("Promotions", "promotions"),
        c.Promotions(rows=[], paging=none, filter_sentence="ended"),
    )
    yield "promotion", page("Welcome", "promotions"), one
    yield "promotion_refused", page("Welcome", "promotions"), promotion_page(problem)
    yield (
        "promotion_bare",
        page("Bare", "promotions"),
        c.PromotionPage(
            code="bare", name="Bare", sentence="Free shipping.", badge=c.Badge(text="draft"), version=1, problem=problem
        ),
    )
    yield "promotion_builder", page("New promotion", "promotions"), builder()
    yield "promotion_builder_amiss", page("Change a promotion", "promotions"), builder(new=False)
    yield (
        "promotion_too_rich",
        page("Change a promotion", "promotions"),
        msgspec.structs.replace(builder(), too_rich=True),
    )
    lines = [c.SimulatorLine(sku="TJ-M", quantity="1"), c.SimulatorLine()]
    yield (
        "promotion_simulator",
        page("Try a basket", "promotions"),
        c.PromotionSimulator(
            lines=lines, channels=CHANNELS, only=[c.Choice(value="welcome", label="Welcome")], tried=tried()
        ),
    )
    yield "promotion_simulator_first", page("Try a basket", "promotions"), c.PromotionSimulator(lines=lines)
    yield (
        "promotion_simulator_amiss",
        page("Try a basket", "promotions"),
        c.PromotionSimulator(lines=lines, problem=problem, values={"tier": "Gold"}),
    )
    yield "promotion_conflicts", page("Conflicts", "promotions"), c.PromotionConflicts(rows=conflicts(), compared=2)
    yield "promotion_conflicts_none", page("Conflicts", "promotions"), c.PromotionConflicts(rows=[], compared=4)
    yield "promotion_conflicts_first", page("Conflicts", "promotions"), c.PromotionConflicts(rows=[])


def coherence() -> c.Coherence:
    row = c.IncidentRow(
        incident_id=4, kind="Price", what="TJ-M", what_href=links.price_of("TJ-M"), where="Web", line="web",
        shown="€139.00", truth="€129.00", first_at=ago(hours=5), last_at=ago(minutes=4), occurrences=41, people=17,
        badge=c.Badge(text="open", tone="warning"), some=[c.PersonLink(person_id=41, name="Mario Rossi")],
        can_close=True,
    )  # fmt: skip
    closed = msgspec.structs.replace(
        row, incident_id=3, badge=c.Badge(text="over"), closed_at=ago(hours=1), closed_by="anna@alpestre.example"
    )
    return c.Coherence(
        rows=[row, closed],
        paging=c.Paging(shown=2, next_href="?before=3"),
        tiles=[
            c.Tile(label="Open incidents", value=1, tone="warning"),
            c.Tile(label="Compared, 30 days", value=48_210),
        ],
        chips=[c.Chip(label="Open", href="?", selected=True), c.Chip(label="Over", href="?state=closed")],
        kinds=[c.Chip(label="Every kind", href="?", selected=True), c.Chip(label="Price", href="?kind=price")],
        compared=[
            c.ComparedRow(where="Web", compared=40_000, differing=41, unknown=210, share=0.1025),
            c.ComparedRow(where="Store, store brera", compared=8_210, differing=0, unknown=3, share=0),
        ],
        more_places=3,
        propagation=[
            c.PropagationRow(label="All subscribers", seen=1204, p50=12, p95=48, p99=180, most=400),
            c.PropagationRow(label="webhook/ERP", seen=300, p50=60, p95=310, p99=400, most=400),
        ],
    )


def coherence_screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Coherence in all its states."""
    none = c.Paging(shown=0)
    yield "coherence", page("Coherence", "coherence"), coherence()
    yield "coherence_first", page("Coherence", "coherence"), c.Coherence(rows=[], paging=none, any_compared=False)
    yield "coherence_well", page("Coherence", "coherence"), c.Coherence(rows=[], paging=none, problem=problem)
    yield "coherence_none", page("Coherence", "coherence"), c.Coherence(rows=[], paging=none, filter_sentence="closed")


def screens(page: Page, problem: c.Problem) -> Iterator[tuple[str, c.Shell, c.Screen]]:
    """Every commerce screen and every designed state."""
    yield from product_screens(page, problem)
    yield from price_screens(page, problem)
    yield from promotion_screens(page, problem)
    yield from coherence_screens(page, problem)
