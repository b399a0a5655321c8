"""``idle-memory`` and ``idle-cpu``: what the whole engine takes when nobody does anything.

What: ``unisono serve`` in a data folder of its own (database, web, worker), left alone for 10 s after it answers.
Memory is the proportional set size of every process of its tree (``/proc/*/smaps_rollup``: pages shared by several
are counted once between them), wanted under 450 MB; processor time of the tree, its ended children included, over
the next 20 s, wanted under 2 % of one core.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import defaultdict
from pathlib import Path

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted
from unisono.bench.scratch import Scratch, folder, free_port, start

MEMORY = Wanted("under", 450.0)
CPU = Wanted("under", 2.0)

_PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat after the name; proc(5) counts the first of them as the third."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """A process and everything it started that still runs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [root]
    for pid in found:
        found.extend(children[pid])
    return found


def memory(pids: list[int]) -> float:
    """Megabytes they hold together. Raises BenchError where the system does not tell."""
    try:
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    except OSError as error:
        raise BenchError(f"The memory of a process cannot be read: {error}.") from error
    return sum(int(found[1]) for text in texts if (found := _PSS.search(text))) / 1024


def cpu_seconds(pids: list[int]) -> float:
    """Processor time they and their ended children took."""
    ticks = sum(sum(int(field) for field in _stat(pid)[11:15]) for pid in pids)
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    memory([os.getpid()])  # where the system does not tell, say so before the wait
    port = free_port()
    with folder() as path:
        engine = start(["unisono.cli", "--data-dir", str(path), "serve", "--port", str(port)], port)
        try:
            await engine.wait_until_ready("/health")
            await asyncio.sleep(load.idle_before)
            pids = tree(engine.popen.pid)
            before, began = cpu_seconds(pids), time.perf_counter()
            await asyncio.sleep(load.idle_seconds)
            percent = 100 * (cpu_seconds(pids) - before) / (time.perf_counter() - began)
            megabytes = memory(pids)
        finally:
            engine.stop()
    note = f"{len(pids)} processes, {load.idle_seconds:.0f} s"
    return [
        Measured(row="idle-memory", value=megabytes, unit="MB", wanted=MEMORY, note=note),
        Measured(row="idle-cpu", value=percent, unit="% of a core", wanted=CPU, note=note),
    ]


ROW = Row("idle", measure)
