"""Every operation of the API, called with what its own description allows and with what it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.support.shop import Shop, basic, fresh, open_shop
from unisono.access.keys import SCOPES, create_source

LEFT_OUT = "/metrics|/unisono.js|/api/keys"
"""Not JSON; and the one that would take the test's own key away."""

EXAMPLES = 50
"""Calls of each operation."""


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """A shop with some people to ask for and a key that may do everything."""
    async with open_shop(server_dsn) as shop:
        made = await create_source(shop.conn, name="everything", kind="server", actor="test", scopes=frozenset(SCOPES))
        shop.keys.secret = made.key
        for n in range(8):
            user = f"user-{n}"
            items = [
                {
                    "type": "identify",
                    "userId": user,
                    "anonymousId": f"device-{n % 3}",
                    "traits": {"email": f"p{n}@example.it", "name": f"Ada {n}"},
                    "messageId": fresh(),
                },
                {"type": "track", "event": "Order Completed", "userId": user, "properties": {"total": 10 + n}},
                {"type": "track", "userId": user},
            ]
            assert (await shop.send("/v1/batch", {"batch": items}, key=made.key)).status_code == 200
        yield shop


@pytest.mark.slow
def test_no_call_breaks_and_answers_are_as_described(shop: Shop) -> None:
    """No call is a 500, and what is answered has the shape the description gives it."""
    described = schemathesis.openapi.from_url(f"{shop.url}/api/openapi.json").exclude(path_regex=LEFT_OUT)
    wrong: dict[str, str] = {}
    called = 0
    for found in described.get_all_operations():
        operation = found.ok()
        try:
            call(operation, shop.keys.secret)
        except (AssertionError, BaseExceptionGroup) as error:
            wrong[operation.label] = str(error)[:600]
        called += 1
    assert wrong == {}
    assert called > 25


def call(operation: Any, key: str) -> None:
    """Call one operation with invented arguments, allowed and not. Raises AssertionError for a wrong answer."""

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
    def invent(case: schemathesis.Case) -> None:
        headers = basic(key) | ({} if case.method == "GET" else {"idempotency-key": fresh()})
        response = case.call(headers=headers, timeout=30)
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

    invent()
