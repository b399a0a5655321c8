"""How deep JSON is: the same answer on every Python, in a time that grows with the text alone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.customers.collect.reading import open_envelope
from unisono.kit.errors import BadRequest
from unisono.kit.nesting import MOST, is_deep

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


def depth_of(value: Any) -> int:
    """Plainly counted."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(JSON, st.integers(0, 6), st.booleans())
def test_it_is_deep_when_it_has_more_levels(value: Any, most: int, plain: bool) -> None:
    """Whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=plain)
    assert is_deep(text, most) is (depth_of(value) > most)
    assert is_deep(text.encode("utf-8", "surrogatepass"), most) is (depth_of(value) > most)


@pytest.mark.parametrize("wide", [b"[1]," * 5000, b'"[[[[",' * 5000, b'"\\"[",' * 5000])
def test_what_is_wide_is_not_deep(wide: bytes) -> None:
    """Brackets side by side, or in strings."""
    assert not is_deep(b"[" * (MOST - 1) + b"[" + wide.rstrip(b",") + b"]" + b"]" * (MOST - 1), MOST + 1)


def test_a_string_that_does_not_end_costs_its_length() -> None:
    """Half a megabyte of quotes within it; from each of them its end was looked for."""
    quotes = b'\\"' * 250_000
    started = time.process_time()
    assert not is_deep(b"[1]," * MOST + b'["' + quotes)
    with pytest.raises(BadRequest):
        open_envelope(b'{"batch":["' + quotes)
    assert time.process_time() - started < 5
