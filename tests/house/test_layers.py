"""Imports point down only."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.tree import ROOT

UNLAYERED = {"__init__", "schema"}
"""What everybody may import: the version, the SQL files."""


def contracts() -> list[dict[str, object]]:
    """The contracts of ``pyproject.toml``."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found: list[dict[str, object]] = configuration["tool"]["importlinter"]["contracts"]
    return found


def test_no_room_imports_what_is_above_it() -> None:
    """Import-linter keeps every contract."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_layer() -> None:
    """A new package or module is put into a layer, or nothing holds it."""
    for contract in contracts():
        layers = contract["layers"]
        assert isinstance(layers, list)
        named = {name.strip() for layer in layers for name in layer.split("|")}
        parent = min(named, key=len).rpartition(".")[0]
        folder = ROOT / "src" / Path(*parent.split("."))
        rooms = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        assert {f"{parent}.{room}" for room in rooms - UNLAYERED} == named, contract["name"]
