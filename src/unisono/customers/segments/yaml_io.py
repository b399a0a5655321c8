"""Segments as a YAML file, for a repository: code, name, description, rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
import yaml

from unisono.customers.segments.model import MAX_RULE_BYTES, Rule, RuleError, decode, encode

LARGEST = 1024 * 1024
"""Bytes of a file."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as a file tells it."""

    code: str
    name: str
    rule: Rule
    description: str = ""


class _Written(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    code: str
    name: str
    rule: dict[str, Any]
    description: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    segments: list[_Written]


class _Loader(yaml.SafeLoader):
    """Refuses keys that come twice: one of them is a mistake. A key is a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different."""
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise RuleError(f"A key is a word, line {key.start_mark.line + 1}.")
                if key.value in seen:
                    raise RuleError(f"`{key.value}` comes twice, line {key.start_mark.line + 1}.")
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> list[Document]:
    """The segments of a file. Raises RuleError naming the line, or the segment and the place in it."""
    if len(text) > LARGEST:
        raise RuleError(f"The file is larger than {LARGEST} bytes.")
    plain = _parsed(text)
    try:
        file = msgspec.convert(plain, _File)
    except msgspec.ValidationError as error:
        raise RuleError(str(error), hint="The file starts with `segments:` and lists code, name and rule.") from None
    found: dict[str, Document] = {}
    for written in file.segments:
        if written.code in found:
            raise RuleError(f"{written.code} is in the file twice.")
        try:
            rule = decode(written.rule)
        except RuleError as error:
            raise RuleError(f"{written.code}: {error.detail}") from None
        found[written.code] = Document(code=written.code, name=written.name, rule=rule, description=written.description)
    return list(found.values())


def load_rule(text: str) -> Rule:
    """One rule alone. Raises RuleError."""
    if len(text) > MAX_RULE_BYTES:
        raise RuleError(f"The rule is larger than {MAX_RULE_BYTES} bytes.")
    return decode(_parsed(text))


def _parsed(text: str) -> Any:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, _Loader)):
            raise RuleError("Anchors and aliases are not read: write the rule out.")
        return _plain(yaml.load(text, _Loader))  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        # A day there is not (2026-99-99) is what the library's constructors raise the others for.
        raise RuleError(f"That is no YAML: {error}") from None
    except RecursionError:
        raise RuleError("The file is nested too deeply.") from None


def _plain(value: Any) -> Any:
    """As JSON would have it: YAML reads unquoted days as dates."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value


def dump_yaml(documents: Iterable[Document]) -> str:
    """Segments as a file that ``load_yaml`` reads to the same."""
    return yaml.safe_dump(
        {"segments": [_written(document) for document in documents]}, sort_keys=False, allow_unicode=True, width=110
    )


def _written(document: Document) -> Mapping[str, Any]:
    written: dict[str, Any] = {"code": document.code, "name": document.name}
    if document.description:
        written["description"] = document.description
    return written | {"rule": encode(document.rule)}


def dump_rule(rule: Rule) -> str:
    """One rule alone."""
    return yaml.safe_dump(encode(rule), sort_keys=False, allow_unicode=True, width=110)
