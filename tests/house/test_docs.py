"""The documentation is a contract: what it names exists, and what exists is named."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from scripts.reference import FOLDER, PAGES
from scripts.reference_api import application, described_routes
from scripts.reference_errors import error_classes
from tests.support.tree import ROOT, spelled, tracked
from unisono.cli.main import build_parser
from unisono.customers.timeline.vocabulary.registry import all_specs
from unisono.kit.settings import NOT_SETTINGS, PREFIX, Settings
from unisono.metrics import MEASURES

DECISION_PARTS = ["## Context", "## Decision", "## Consequences", "## Alternatives"]


def pages() -> list[Path]:
    """Everything written for readers."""
    return [path for path in tracked() if path.suffix == ".md"]


def reference(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def code_lines(text: str) -> list[str]:
    """The lines of all code blocks, continued lines put together, comments and prompts cut off."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    """After a change of the code: make docs."""
    assert reference(name) == PAGES[name](), "run: make docs"


def test_every_setting_is_in_the_reference() -> None:
    """By the name of its variable."""
    assert [
        field.name for field in fields(Settings) if f"`{PREFIX}{field.name.upper()}`" not in reference("settings.md")
    ] == []


def test_every_command_and_option_is_in_the_reference() -> None:
    """As the program itself lists them."""
    help_text = build_parser().format_help()
    commands = re.findall(r"^    ([a-z][a-z-]+) ", help_text, re.MULTILINE)
    assert {"serve", "demo", "doctor"} <= set(commands)
    assert [name for name in commands if f"\n## {name}\n" not in reference("commands.md")] == []


def test_every_event_is_in_the_reference() -> None:
    """By its name, as a heading."""
    text = reference("events.md")
    assert [spec.name for spec in all_specs() if f"\n### {spec.name}\n" not in text] == []


def test_every_route_of_the_api_is_in_the_reference_and_has_a_sentence() -> None:
    """What carries a tag is part of the API; what does not is the console's or a client's short path."""
    text = reference("api.md")
    routes = described_routes(application())
    assert len(routes) > 20
    assert [path for method, path, _ in routes if f"`{method} {path}`" not in text] == []
    assert [path for _, path, handler in routes if not handler.fn.__doc__] == []


def test_every_route_below_api_is_part_of_the_api() -> None:
    """A route without a tag would be missing in the reference."""
    described = {path for _, path, _ in described_routes(application())}
    ours = re.compile(r"/api/(?!swagger|openapi|oauth2|\{path\})\w")
    assert [
        r.path_format for r in application().routes if ours.match(r.path_format) and r.path_format not in described
    ] == []


def test_every_measure_is_in_the_reference() -> None:
    """By its name."""
    assert [measure.name for measure in MEASURES if f"`{measure.name}`" not in reference("metrics.md")] == []


def test_every_error_code_is_in_the_reference() -> None:
    """Those of the classes, and those that are given at the place of the error."""
    given = {one.code for one in error_classes().values()}
    for path in tracked():
        if path.suffix == ".py" and spelled(path).startswith("src/"):
            given |= set(re.findall(r"\bcode=\"([a-z_]+)\"", path.read_text("utf-8")))
    assert len(given) > 60
    assert sorted(code for code in given if f"`{code}`" not in reference("errors.md")) == []


def test_links_lead_somewhere() -> None:
    """Every relative link of every page."""
    dead = []
    for page in pages():
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)", text)
        dead += [f"{spelled(page)}: {target}" for target in targets if not (page.parent / target).exists()]
    assert dead == []


def test_the_make_targets_the_pages_name_exist_and_help_lists_them() -> None:
    """README's two commands above all."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):.*## ", makefile, re.MULTILINE))
    named = set()
    for page in pages():
        text = page.read_text("utf-8")
        named |= set(re.findall(r"`make ([a-z][a-z0-9-]*)", text))
        named |= {match[1] for line in code_lines(text) if (match := re.match(r"make ([a-z][a-z0-9-]*)", line))}
    assert {"demo", "test"} <= named
    assert named <= targets
    assert set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE)) == targets


def test_the_unisono_commands_the_pages_show_can_be_typed() -> None:
    """Each line of a code block that begins with unisono is read by the program's own parser."""
    parser = build_parser()
    shown = 0
    for page in pages():
        for line in code_lines(page.read_text("utf-8")):
            words = shlex.split(line.split(" > ")[0].split(" | ")[0], comments=True) if "unisono " in line else []
            while words and "=" in words[0]:
                words.pop(0)
            if words and words[0] in ("unisono", ".venv/bin/unisono"):
                if "--version" not in words and "--help" not in words:
                    parser.parse_args(words[1:])
                shown += 1
    assert shown >= 10


def test_the_variables_the_pages_name_exist() -> None:
    """A misspelled setting in the documentation costs somebody an evening."""
    known = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
    known |= {f"{PREFIX}{name.upper()}" for name in NOT_SETTINGS}
    for page in pages():
        unknown = set(re.findall(r"\bUNISONO_[A-Z_]*[A-Z]\b", page.read_text("utf-8"))) - known
        assert unknown == set(), spelled(page)


def test_the_files_the_pages_name_exist() -> None:
    """Architecture and decisions point at the code."""
    missing = []
    file = re.compile(r"\b((?:src/unisono|tests|scripts|docs)/[\w./-]*\w\.(?:py|sql|md|svg|js|yaml|html))\b")
    drawings = [path for path in tracked() if path.suffix == ".svg" and spelled(path).startswith("docs/")]
    for page in [*pages(), *drawings]:
        named = file.findall(page.read_text("utf-8"))
        missing += [f"{spelled(page)}: {name}" for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_the_routes_the_pages_name_exist() -> None:
    """An address in a sample that answers 404 teaches nothing."""
    patterns = [re.compile(re.sub(r"\{[^}]*\}", r"[^/]+", route.path_format) + "$") for route in application().routes]
    unknown = []
    for page in pages():
        named = re.findall(r"(?<![\w./])/(?:v1|api|beacon|pixel)/[\w{}./:-]*[\w}]", page.read_text("utf-8"))
        unknown += [f"{spelled(page)}: {path}" for path in named if not any(known.match(path) for known in patterns)]
    assert unknown == []


def test_each_decision_is_a_page_of_the_same_four_parts() -> None:
    """Numbered without gaps, one page each, with the alternatives that were not taken."""
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text("utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert re.findall(r"^## .*$", text, re.MULTILINE) == DECISION_PARTS, path.name
        assert len(text.splitlines()) <= 60, path.name
