"""A policy as a file: YAML that people keep in git, read strictly, written so that it reads back the same."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import yaml

from unisono.engagement.policy.checking import BadPolicy, check
from unisono.engagement.policy.model import Policy

MOST_BYTES: Final = 200_000
MOST_LEVELS: Final = 10


class _PlainTimes(yaml.SafeLoader):
    """YAML 1.1 takes 21:00 for the number 1260; here it is a time of day."""


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return node.value if ":" in str(node.value) else loader.construct_yaml_int(node)


_PlainTimes.add_constructor("tag:yaml.org,2002:int", _number)


def read_policy(text: bytes | str) -> Policy:
    """A policy from YAML or JSON, checked. Raises BadPolicy, which says where the mistake is."""
    if len(text) > MOST_BYTES:
        raise BadPolicy(f"A policy has at most {MOST_BYTES} bytes.")
    try:
        _check_shape(text)
        policy = msgspec.convert(yaml.load(text, Loader=_PlainTimes), Policy)  # noqa: S506 - a SafeLoader
    except msgspec.ValidationError as error:
        raise BadPolicy(str(error)) from None
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        # The library's constructors raise the last two for times and days there are not.
        raise BadPolicy(f"It is no YAML: {' '.join(str(error).split())[:200]}") from None
    check(policy)
    return policy


def _check_shape(text: bytes | str) -> None:
    """Neither aliases nor towers: an alias can stand for a billion copies, thousands of levels take seconds to read."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise BadPolicy("YAML aliases are not read.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise BadPolicy("It is nested too deeply.")


def write_policy(policy: Policy) -> str:
    """The policy as YAML."""
    plain = msgspec.to_builtins(policy)
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    return text


class Change(msgspec.Struct, frozen=True):
    """One difference between two policies; None where there is nothing."""

    path: str
    before: Any
    after: Any


def differences(before: Policy, after: Policy) -> list[Change]:
    """What changed, by path; budgets and caps are told apart by their names."""
    old, new = _flat(msgspec.to_builtins(before)), _flat(msgspec.to_builtins(after))
    paths = [*new, *(path for path in old if path not in new)]
    return [Change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= _flat(inner, f"{path}.{name}" if path else str(name))
        return found
    if isinstance(value, list | tuple) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            name = inner.get("name", number) if isinstance(inner, dict) else number
            found |= _flat(inner, f"{path}[{name}]")
        return found
    return {path: value}
