"""The bench itself: it measures, judges, prints, leaves nothing behind. Its figures are not judged here."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from unisono.bench import run
from unisono.bench.model import QUICK, BenchError, Load, Measured, Row, Wanted, median_by_ratio, percentile
from unisono.bench.rows import idle
from unisono.bench.scratch import Scratch, scratch
from unisono.bench.table import Outcome, print_table
from unisono.bench.workload import batches, month
from unisono.cli.main import main
from unisono.kit.errors import BadRequest

TINY = msgspec.structs.replace(
    QUICK, events=600, requests=300, clients=8, tries=40, profile_calls=40, rate=200, people=2_000, replayed=600
)


def scratch_folders() -> set[Path]:
    """Temporary folders of benches."""
    return set(Path(tempfile.gettempdir()).glob("unisono-bench-*"))


def one(value: float, wanted: Wanted, limit: float | None = None) -> Measured:
    """A line of the table."""
    return Measured(row="a-row", value=value, unit="things/s", wanted=wanted, limit=limit, limit_is="the wall")


def printed(outcomes: list[Outcome]) -> str:
    """The table as text."""
    out = io.StringIO()
    print_table(outcomes, "heading", Console(file=out, width=150))
    return out.getvalue()


async def reached(bench: Scratch, load: Load) -> list[Measured]:
    """A row that reaches what is wanted."""
    return [one(40, Wanted("at least", 0.35), 100)]


async def missed(bench: Scratch, load: Load) -> list[Measured]:
    """A row that does not."""
    return [one(30, Wanted("at least", 0.35), 100)]


async def broken(bench: Scratch, load: Load) -> list[Measured]:
    """A row that cannot be measured."""
    raise BenchError("The wall is away.")


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that take no time in place of the real ones."""
    made = {"reached": reached, "missed": missed, "broken": broken}
    monkeypatch.setattr(run, "ROWS", {name: Row(name, measure) for name, measure in made.items()})


@pytest.mark.parametrize(("names", "code"), [(["reached"], 0), (["reached", "missed"], 1), (["broken", "reached"], 1)])
@pytest.mark.usefixtures("rows")
def test_the_exit_code_says_whether_all_that_is_wanted_was_reached(
    names: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missed ratio and a row that could not be measured are both 1; the rows after it are measured all the same."""
    before = scratch_folders()
    assert main(["bench", "--quick", *names]) == code
    out = capsys.readouterr().out
    assert "a-row" in out
    assert ("not measured: The wall is away." in out) == ("broken" in names)
    assert scratch_folders() == before


def test_a_row_that_does_not_exist_is_refused_and_the_rows_are_named() -> None:
    """Before anything is started."""
    with pytest.raises(BadRequest, match="nonsense") as refused:
        run.run_bench(["nonsense"], TINY)
    assert "intake-import" in (refused.value.hint or "")
    assert main(["bench", "nonsense"]) == 2


def test_a_figure_is_judged_by_its_ratio_or_by_itself() -> None:
    """With a limit of the same run the ratio counts, without one the figure."""
    assert one(35, Wanted("at least", 0.35), 100).ok
    assert not one(34.9, Wanted("at least", 0.35), 100).ok
    assert one(19.9, Wanted("under", 20)).ok
    assert not one(20, Wanted("under", 20)).ok
    assert one(10, Wanted("under", 20)).ratio == 0.5
    assert median_by_ratio([one(n, Wanted("at least", 1), 10) for n in (9, 1, 5)]).value == 5
    assert percentile([n / 100 for n in range(100)], 99) == 0.99


def test_the_table_shows_measured_limit_ratio_wanted_and_verdict() -> None:
    """One line a figure, and a line with the reason for what could not be measured."""
    text = printed([Outcome("a-row", [one(30, Wanted("at least", 0.35), 100)]), Outcome("other", [], "no such thing")])
    assert [word in text for word in ("30.0 things/s", "100 the wall", "0.30", "≥ 0.35", "NO")] == [True] * 5
    assert "not measured: no such thing" in text


def test_the_workload_is_the_shop_it_claims_to_be() -> None:
    """Its shares hold, its message ids are all different, and the same seed gives the same events."""
    items = [msgspec.json.decode(item) for item in month(5_000, 500)]
    share = [sum(item["type"] == kind for item in items) / len(items) for kind in ("identify", "page")]
    assert share == pytest.approx([0.05, 0.35], abs=0.02)
    assert sum("userId" in item for item in items) / len(items) == pytest.approx(0.35, abs=0.02)
    assert len({item["messageId"] for item in items}) == len(items)
    assert list(month(50)) == list(month(50)) != list(month(50, seed=9))
    assert [len(msgspec.json.decode(body)["batch"]) for body in batches(month(250), 100)] == [100, 100, 50]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["intake-import", "intake-http-batch", "intake-http-single", "read-your-writes", "search-phone", "replay"],
)
def test_a_row_measures_the_real_thing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With tiny loads it runs to its end and finds all its events written; how fast is not asked here."""
    run.run_bench([name], TINY)
    out = capsys.readouterr().out
    assert f" {name} " in out
    assert "not measured" not in out


async def test_memory_and_processor_time_of_a_process_tree_are_read() -> None:
    """The server's tree holds memory, and its processes are found from the one that started them."""
    with scratch():
        pids = idle.tree(os.getpid())
        assert len(pids) > 3, "this process and PostgreSQL's"
        assert idle.memory(pids) > idle.memory([os.getpid()]) > 10
        assert idle.cpu_seconds(pids) > 0
