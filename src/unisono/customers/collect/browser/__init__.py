"""The script a web page loads to speak to the collector: `unisono.js`, as it is served.

Owns no table and writes no event itself: the routes of `collect` serve these bytes at `/unisono.js`.
"""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from unisono import __version__


def strip(source: str) -> str:
    """Return `source` without lines that are only a comment, blank lines and indentation.

    Safe only for a source without block comments and without literals that span lines, which a test holds.
    The first line, the licence notice, stays.
    """
    first, *rest = (line.strip() for line in source.splitlines())
    return "\n".join([first, *(line for line in rest if line and not line.startswith("//"))]) + "\n"


@cache
def snippet() -> bytes:
    """Return the script as served: UTF-8, this version's number inserted, comments stripped."""
    source = files(__package__).joinpath("unisono.js").read_text(encoding="utf-8")
    return strip(source.replace("__VERSION__", __version__)).encode()


@cache
def etag() -> str:
    """Return the strong entity tag of `snippet()`, quotes included, for `ETag` and `If-None-Match` (RFC 9110)."""
    return f'"{sha256(snippet()).hexdigest()[:32]}"'
