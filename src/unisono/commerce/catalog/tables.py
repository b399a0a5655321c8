"""Tables that come as files: a header and rows of text, from CSV or Parquet, read a part at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from unisono.kit.errors import BadRequest

MAX_FIELD: Final = 64_000_000
"""Characters in one cell. A text that is merely too long is the fault of its row, not of the file."""

MAX_HEADER: Final = 1_000_000

MAX_COLUMNS: Final = 500
DELIMITERS: Final = ",;\t|"


class UnreadableFile(BadRequest):
    """The file cannot be read as a table."""

    code = "unreadable_file"


class Row(NamedTuple):
    """One row and the line it begins on (of Parquet: its number, from one)."""

    line: int
    cells: list[str]


class Table:
    """A header and its rows, which can be gone through more than once; ``count`` is how many there are."""

    def __init__(self, header: list[str], count: int, rows: Callable[[], Iterator[Row]]) -> None:
        self.header = header
        self.count = count
        self.rows = rows


def read_table(path: Path) -> Table:
    """A table of a file, by its suffix: .parquet, or else CSV.

    The whole of a CSV is looked through before anything is done with it. Raises UnreadableFile.
    """
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    return _csv(lambda: path.open("rb"))


def read_csv(content: bytes) -> Table:
    """A table of CSV held in memory. Raises UnreadableFile."""
    return _csv(lambda: io.BytesIO(content))


def _csv(open_it: Callable[[], BinaryIO]) -> Table:
    # The reader's own limit is 128 kB; it is one for the whole process.
    csv.field_size_limit(MAX_FIELD)
    with open_it() as binary:
        try:
            first = binary.readline(MAX_HEADER).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _not_utf8() from error
    delimiter = max(DELIMITERS, key=first.count)

    def rows() -> Iterator[Row]:
        with open_it() as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            line = 1
            try:
                for cells in reader:
                    if cells:
                        yield Row(line, cells)
                    line = reader.line_num + 1
            except csv.Error as error:
                raise UnreadableFile(f"The table breaks off at line {line}: {error}.") from error
            except UnicodeDecodeError as error:
                raise _not_utf8() from error

    whole = rows()
    header = next(whole, None)
    if header is None:
        raise UnreadableFile("The file is empty.")
    names = _header(header.cells)
    count = sum(1 for _ in whole)

    def body() -> Iterator[Row]:
        found = rows()
        next(found)
        yield from found

    return Table(names, count, body)


def _not_utf8() -> UnreadableFile:
    return UnreadableFile("The file is not UTF-8 text.", hint="Save it as 'CSV UTF-8', or send Parquet.")


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(f"The table has more than {MAX_COLUMNS} columns.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UnreadableFile(f"The column {twice[0][:100]!r} is there twice.")
    return names


def _parquet(path: Path) -> Table:
    try:
        import pyarrow as pa  # noqa: PLC0415 - a third of a second, and only installed where Parquet is read
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise UnreadableFile("Parquet needs the library pyarrow.", hint="pip install pyarrow, or send CSV.") from error
    try:
        file = pq.ParquetFile(path)
        header = _header(list(file.schema_arrow.names))
        count = file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"The file is no Parquet: {str(error)[:200]}") from error

    def rows() -> Iterator[Row]:
        number = 0
        for batch in file.iter_batches(4096):
            for record in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield Row(number, [_cell(value) for value in record])

    return Table(header, count, rows)


def _cell(value: Any) -> str:
    """A typed value as the text a CSV would hold."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return "|".join(map(_cell, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float) and value.is_integer():
        # A column of numbers with gaps comes as floats; "12345.0" is nobody's sku.
        return str(int(value))
    return str(value)
