"""Every operation of the API, called with what its own description allows and with what it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.params import KwargDefinition
from litestar.routes import HTTPRoute
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scripts.reference_api import application, described_routes
from tests.support.furnished import PEOPLE, Furnished, fill, furnish
from tests.support.shop import fresh, open_shop
from unisono.access.keys import SCOPES, create_source

LEFT_OUT = r"/metrics|/unisono\.js|/api/keys|/stream$"
"""Not JSON; one that would take the test's own key away; answers without an end."""

EXAMPLES = 5
"""Calls of each operation."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Furnished]:
    """A shop with something of everything in it, and a key that may do everything."""
    env = {"UNISONO_TEST_PAYMENTS": "true", "UNISONO_SHIPPING_MINOR": "490", "UNISONO_SHOP_URL": "https://shop.example"}
    async with open_shop(server_dsn, env=env) as bare:
        made = await create_source(bare.conn, name="everything", kind="server", actor="test", scopes=frozenset(SCOPES))
        yield await furnish(bare, made.key)


@pytest.mark.slow
def test_no_call_breaks_and_answers_are_as_described(shop: Furnished) -> None:
    """No call is a 500, and what is answered has a status, a kind and a shape the description gives it. Every
    operation lets some call in, and most do what they are asked at least once."""
    described = schemathesis.openapi.from_url(f"{shop.shop.url}/api/openapi.json").exclude(path_regex=LEFT_OUT)
    wrong: dict[str, str] = {}
    shut: list[str] = []
    done = 0
    operations = sorted((found.ok() for found in described.get_all_operations()), key=ends_something)
    for operation in operations:
        answered: Counter[int] = Counter()
        try:
            call(operation, shop, answered)
        except (AssertionError, BaseExceptionGroup) as error:
            wrong[operation.label] = str(error)[:600]
        if not any(status not in (401, 403) for status in answered):
            shut.append(operation.label)
        done += any(status < 300 for status in answered)
    assert wrong == {}
    assert shut == []
    assert len(operations) > 200
    assert done > len(operations) // 2


def ends_something(operation: Any) -> bool:
    """Whether it takes away what others need: such come last."""
    return operation.method == "delete" or operation.path.endswith(("/cancel", "/disable", "/withdraw", "/end"))


def call(operation: Any, shop: Furnished, answered: Counter[int]) -> None:
    """Call one operation with invented arguments, allowed and not, and with names of things there are, counting the
    answers. Raises AssertionError for a wrong one."""

    allowed, wrong = operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        case=st.one_of(allowed, allowed, wrong),
        known=st.integers(0, 3),
        who=st.integers(0, PEOPLE - 1),
    )
    def invent(case: schemathesis.Case, known: int, who: int) -> None:
        if known:
            case.path_parameters = fill(shop, case.path_parameters, operation.path)
        if known > 1:
            case.query = fill(shop, case.query, operation.path)
            case.body = fill(shop, case.body, operation.path)
        if isinstance((case.query or {}).get("wait"), int):
            case.query["wait"] = 0  # there will be no news to wait for
        headers = shop.headers(operation.path, f"user-{who}")
        if case.method != "GET":
            headers["idempotency-key"] = fresh()
        response = case.call(headers=headers, timeout=30)
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    invent()


async def test_answers_in_text_name_their_charset_once(shop: Furnished) -> None:
    """The framework adds it to every kind of text by itself."""
    reduction = shop.known["announcement_id"][0]
    paths = [f"/api/discounts/{reduction}/evidence.csv", "/unisono.js", "/console/sign-in", "/feeds/google.tsv"]
    for path in paths:
        key = {} if path.startswith("/console") else shop.headers("/api")
        answer = await shop.shop.client.get(path, headers=key, follow_redirects=True)
        assert (answer.status_code, answer.headers["content-type"].count("charset=utf-8")) == (200, 1), path


async def test_an_id_in_a_path_that_nothing_can_have_is_refused(shop: Furnished) -> None:
    """As the description says: a problem, not a failure and not an empty answer."""
    paths = [
        "/api/people/0",
        f"/api/people/{2**63}",
        f"/api/carts/{'x' * 200}",
        "/api/templates/Spring",
        "/api/keys/-1",
    ]
    for path in paths:
        method = "DELETE" if path.startswith("/api/keys") else "GET"
        answer = await shop.shop.client.request(method, path, headers=shop.headers("/api"))
        assert (answer.status_code, answer.headers["content-type"], answer.json()["code"]) == (
            400,
            "application/problem+json",
            "validation",
        ), path


def test_each_parameter_is_described_once() -> None:
    """``Annotated[FromPath[str], Parameter(max_length=40)]`` holds two descriptions: the framework keeps the first, so
    the bounds of the second are neither checked nor told."""
    parameters = {
        f"{handler.handler_name}: {name}": field
        for route in application().routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for name, field in handler.parsed_fn_signature.parameters.items()
    }
    assert len(parameters) > 500
    twice = [
        name
        for name, field in parameters.items()
        if sum(isinstance(one, KwargDefinition) for one in get_args(field.raw)[1:]) > 1
    ]
    assert twice == []


def test_each_operation_has_a_title_and_each_shape_a_name() -> None:
    """A title of a few words beside the sentence; no shape under a name made up of modules."""
    app = application()
    untitled = [path for _, path, handler in described_routes(app) if not handler.summary]
    assert untitled == []
    shapes = app.openapi_schema.to_schema()["components"]["schemas"]
    assert len(shapes) > 250
    assert [name for name in shapes if "_" in name] == []
