"""Templates as files: a folder each, with a ``template.yaml`` and the MJML beside it. For git, and for our own.

welcome/template.yaml       name, kind, purpose, brand, notice, content by channel and language
welcome/email.it.mjml       named in the YAML as ``mjml: email.it.mjml``
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from unisono.engagement.templates.errors import BadTemplate
from unisono.engagement.templates.model import NewTemplate, Template

FILE: Final = "template.yaml"
MAX_FILE: Final = 1_000_000
MAX_TEMPLATES: Final = 2000


def read(folder: Path | Traversable) -> Iterator[tuple[str, NewTemplate]]:
    """Every template of a folder, by code. Raises BadTemplate, naming the file."""
    places = sorted((one for one in folder.iterdir() if one.is_dir()), key=lambda one: one.name)[:MAX_TEMPLATES]
    for place in places:
        file = place.joinpath(FILE)
        if file.is_file():
            yield place.name, read_one(file, place)


def read_one(file: Path | Traversable, place: Path | Traversable) -> NewTemplate:
    """One template. Raises BadTemplate."""
    try:
        text = file.read_text("utf-8")
        if len(text) > MAX_FILE:
            raise BadTemplate(f"{place.name}/{FILE} is over {MAX_FILE} characters.")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            # A few of them stand for a billion copies.
            raise BadTemplate(f"{place.name}/{FILE}: YAML aliases are not read.")
        raw = _plain(text)
        _fill(raw, place)
        return msgspec.convert(raw, NewTemplate)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise BadTemplate(f"{place.name}/{FILE}: {' '.join(str(error).split())[:300]}") from error


def _plain(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (ValueError, AttributeError) as error:
        # What the library's constructors raise for days there are not (2026-99-99).
        raise yaml.YAMLError(str(error)) from error


def _fill(raw: Any, place: Path | Traversable) -> None:
    content = raw.get("content") if isinstance(raw, dict) else None
    for said in content.values() if isinstance(content, dict) else ():
        for one in said.values() if isinstance(said, dict) else ():
            name = one.get("mjml") if isinstance(one, dict) else None
            if isinstance(name, str) and name.endswith(".mjml") and "\n" not in name:
                if Path(name).name != name:
                    raise BadTemplate(f"{place.name}/{FILE}: {name!r} is not a file beside it.")
                one["mjml"] = place.joinpath(name).read_text("utf-8")[:MAX_FILE]


class _Folded(str):
    """A text written over several lines."""


def _folded(dumper: yaml.SafeDumper, text: _Folded) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Folded, _folded)


def _lines(value: Any) -> Any:
    if isinstance(value, str):
        return _Folded(value) if "\n" in value else value
    if isinstance(value, dict):
        return {name: _lines(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_lines(inner) for inner in value]
    return value


def write(folder: Path, template: Template) -> Path:
    """A template's draft as files; returns where its YAML is."""
    place = folder / template.code
    place.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = msgspec.to_builtins(template.draft)
    for channel, said in content.items():
        for language, one in said.items():
            if one.get("mjml"):
                name = f"{channel}.{language}.mjml"
                (place / name).write_text(one["mjml"], "utf-8")
                one["mjml"] = name
    raw: dict[str, Any] = {"name": template.name, "kind": template.kind, "purpose": template.purpose}
    if template.brand != "default":
        raw["brand"] = template.brand
    if template.notice:
        raw["notice"] = template.notice
    raw["content"] = content
    file = place / FILE
    file.write_text(yaml.dump(_lines(raw), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120), "utf-8")
    return file
