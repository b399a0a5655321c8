"""What is in the repository, and what must never be."""

from __future__ import annotations

import json
import re

from tests.support.tree import ROOT, spelled, text_of, tracked

LARGEST = 600 * 1024
"""Bytes: data sets and other people's code are larger, our files are not."""


def test_lock_files_name_versions_and_hashes_but_no_address() -> None:
    """Whoever installs chooses where from."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text("utf-8")
        assert "://" not in text
        assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)
        pins = re.split(r"\n(?=[a-z0-9])", text)
        assert len(pins) > 40
        for pin in pins:
            assert re.match(r"[a-z0-9][\w.-]*==\S+", pin), pin[:60]
            assert "--hash=sha256:" in pin, pin[:60]


def test_what_users_install_is_what_is_tested() -> None:
    """Each package of requirements.lock stands in requirements-dev.lock at the same version."""

    def pins(name: str) -> set[tuple[str, str]]:
        return set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") - pins("requirements-dev.lock") == set()


def test_the_browser_assets_are_pinned_by_hash_alone() -> None:
    """Every package-lock.json holds an integrity for each package and no address."""
    locks = [path for path in tracked() if path.name == "package-lock.json"]
    assert ROOT / "package-lock.json" in locks
    for path in locks:
        packages = json.loads(path.read_text("utf-8"))["packages"]
        for name, package in packages.items():
            assert "resolved" not in package, f"{spelled(path)}: {name}"
            assert not name or package["integrity"].startswith("sha512-"), f"{spelled(path)}: {name}"


def test_no_file_of_others_is_in_the_repository() -> None:
    """Libraries come by their package managers; data stay where they are."""
    foreign = re.compile(
        r"(^|/)(node_modules|vendor|third_party|site-packages)/|\.min\.(js|css)$|\.(whl|gz|zip|parquet)$"
    )
    assert [spelled(path) for path in tracked() if foreign.search(spelled(path))] == []
    assert [spelled(path) for path in tracked() if path.stat().st_size > LARGEST] == []


def test_no_path_of_anybodys_machine_is_in_the_repository() -> None:
    """Nor anybody's home."""
    local = re.compile(r"(^|[^\w.])/(work|ro" r"ot|ho" r"me/\w+|Users/\w+)[./]\w")
    found = [
        f"{spelled(path)}: {match.group(0)}"
        for path in tracked()
        if path.suffix != ".lock" and (text := text_of(path)) is not None and (match := local.search(text))
    ]
    assert found == []
