#!/usr/bin/env python3
"""Write ``docs/reference`` from the code: settings, commands, API, errors, metrics, permissions, events.

    python scripts/reference.py            write the pages
    python scripts/reference.py --check    say which pages differ from the code; ends with 1 if any does

A test compares them, so a setting, command, route, error or metric without a line here cannot land.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.reference_api import api  # noqa: E402 - the script may be run from anywhere
from scripts.reference_errors import errors  # noqa: E402
from unisono.access.keys import SCOPES  # noqa: E402
from unisono.access.roles import GRANTS, ROLES, SCOPE_PERMISSIONS, SUMMARIES, roles_with  # noqa: E402
from unisono.cli.main import build_parser  # noqa: E402
from unisono.customers.timeline.vocabulary.reference import markdown as events  # noqa: E402
from unisono.kit.settings import PREFIX, Settings  # noqa: E402
from unisono.metrics import MEASURES  # noqa: E402

FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make docs` from the code: change the code, not this page. -->\n\n"


def table(*head: str, rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    """A markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every setting: its variable, its default, what it is."""

    def default(field: Any) -> str:
        if field.default is MISSING:
            return "`~/.local/share/unisono`"
        return (
            ""
            if field.default is None
            else f"`{str(field.default).lower() if field.type == 'bool' else field.default}`"
        )

    rows = [(f"`{PREFIX}{field.name.upper()}`", default(field), field.metadata["doc"]) for field in fields(Settings)]
    return (
        "# Settings\n\n"
        + MADE
        + "Unisono reads its settings once, from environment variables; the options of a command win over them.\n"
        "All mistakes are reported together, and a `UNISONO_` variable that does not exist is one of them.\n"
        "Sizes are bytes, times are seconds. Nothing needs to be set to begin with.\n\n"
        + table("variable", "default", "meaning", rows=rows)
    )


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        name = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{(action.metavar or action.dest)}`"
        choices = f"One of {', '.join(map(str, action.choices))}." if action.choices else ""
        given = "" if action.default in (None, False, [], "==SUPPRESS==") else f"Default: {action.default}."
        text = (action.help or "").removesuffix(".")
        yield (
            name,
            " ".join(part for part in (f"{text[:1].upper()}{text[1:]}." if text else "", choices, given) if part),
        )


def _steps(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield choice.dest, choice.help or "", action.choices[choice.dest]


def _command(name: str, help: str, parser: argparse.ArgumentParser, depth: int) -> str:
    text = f"{'#' * depth} {name}\n\n{help[:1].upper()}{help[1:]}.\n\n"
    options = list(_options(parser))
    if options:
        text += table("option", "meaning", rows=options) + "\n"
    return text + "".join(_command(f"{name} {step}", help, sub, depth + 1) for step, help, sub in _steps(parser))


def commands() -> str:
    """Every command and its options."""
    parser = build_parser()
    text = (
        "# Commands\n\n"
        + MADE
        + "`unisono COMMAND [options]`. Exit codes: 0 done, 1 a check failed, 2 it cannot be done and the reason\n"
        "is on stderr, 130 interrupted.\n\nBefore the command:\n\n"
        + table("option", "meaning", rows=_options(parser))
        + "\n"
    )
    return text + "".join(_command(name, help, sub, 2) for name, help, sub in _steps(parser)).rstrip() + "\n"


def metrics() -> str:
    """Every figure of /metrics."""
    rows = [
        (f"`{measure.name}`", measure.kind, ", ".join(f"`{label}`" for label in measure.labels), measure.meaning)
        for measure in MEASURES
    ]
    return (
        "# Metrics\n\n"
        + MADE
        + "`GET /metrics` speaks Prometheus (text format 0.0.4). It asks for no key: counts and ages alone, nothing\n"
        "of any person. Counters are of the process that answers, since its start; what comes from the database\n"
        "(`unisono_reader_*`, `unisono_failed_events_open`) is the same whichever process is asked, at most two\n"
        "seconds old, and absent while `unisono_database_up` is 0. Beside these come the client library's own\n"
        "`process_*` figures.\n\n" + table("name", "kind", "labels", "meaning", rows=rows)
    )


def permissions() -> str:
    """Who may do what: roles and scopes."""
    roles = [(f"`{role}`", *SUMMARIES[role]) for role in ROLES]
    grants = [
        (f"`{grant.permission}`", grant.meaning, ", ".join(roles_with(grant.permission)), grant.reason)
        for grant in GRANTS
    ]
    scopes = [
        (f"`{scope}`", meaning, ", ".join(f"`{name}`" for name in sorted(SCOPE_PERMISSIONS[scope])))
        for scope, meaning in SCOPES.items()
    ]
    return (
        "# Permissions\n\n"
        + MADE
        + "People have a role, secret keys have scopes; both come down to permissions, and every route names the\n"
        "one it needs ([api.md](api.md)). A clerk meets only people seen in the clerk's own stores.\n\n## Roles\n\n"
        + table("role", "name", "in one sentence", rows=roles)
        + "\n## Permissions\n\n"
        + table("permission", "what it lets one do", "roles", "why", rows=grants)
        + "\n## Scopes of secret keys\n\n"
        + table("scope", "what it is for", "permissions", rows=scopes)
    )


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "api.md": lambda: "# API\n\n" + MADE + api(),
    "errors.md": lambda: "# Errors\n\n" + MADE + errors(),
    "metrics.md": metrics,
    "permissions.md": permissions,
    "events.md": events,
}


def main() -> None:
    """Write or check."""
    differ = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.exists() and path.read_text("utf-8") == text:
            continue
        differ.append(name)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
    if "--check" in sys.argv[1:] and differ:
        sys.exit(f"docs/reference differs from the code in {', '.join(differ)}. Run: make docs")
    print(f"docs/reference: {', '.join(differ) + ' written' if differ else 'up to date'}")


if __name__ == "__main__":
    main()
