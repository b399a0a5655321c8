"""Liquid that cannot do harm: a few tags, our filters, and limits on time, loops, output and memory.

Values reach a template as plain data, so nothing in it has an attribute to climb; HTML is escaped where it is printed,
and only what the author wrote is markup. Times are checked at each turn of a loop and each filter; what lies between
two checks is bounded by the size of the template.
"""

from __future__ import annotations

import functools
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final, TextIO, cast

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin import content as literal
from liquid.builtin import illegal, output
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    cycle_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import (
    LiquidError,
    LocalNamespaceLimitError,
    LoopIterationLimitError,
    OutputStreamLimitError,
    ResourceLimitError,
)
from liquid.output import LimitedStringIO

from unisono.engagement.templates.errors import BadTemplate, RenderFailed
from unisono.engagement.templates.filters import filters_for, text_of, weight_of
from unisono.engagement.templates.model import Needs

MAX_OUTPUT: Final = 512 * 1024
"""Bytes of one part of a message."""
MAX_MESSAGE: Final = 2 * MAX_OUTPUT
"""Bytes of all parts of a message together."""
MAX_LOOPS: Final = 10_000
"""Turns of all loops of a part together."""
MAX_LOCALS: Final = 1024 * 1024
"""Bytes of what a template assigns and captures."""
MAX_SECONDS: Final = 0.2
"""A message takes at most so much time of the processor, all its parts together: a busy machine is no bomb."""
MAX_SOURCE: Final = 400_000
"""Characters of a part, MJML being HTML by then."""
MAX_PIECES: Final = 2000
"""Outputs and tags of a part."""
MAX_LIQUID: Final = 40_000
"""Characters within outputs and tags of a part."""

MAX_PIECE: Final = 2000
"""Characters of one output or tag."""

_TAGS: Final = (
    literal.Literal, output.Output, illegal.Illegal, assign_tag.AssignTag, capture_tag.CaptureTag, case_tag.CaseTag,
    comment_tag.CommentTag, cycle_tag.CycleTag, for_tag.ForTag, for_tag.BreakTag, for_tag.ContinueTag, if_tag.IfTag,
    inline_comment_tag.InlineCommentTag, unless_tag.UnlessTag,
)  # fmt: skip


class TimeIsUp(ResourceLimitError):
    """The template took longer than it may."""


_any_range = RangeLiteral._make_range


def _short_range(literal: RangeLiteral, start: Any, stop: Any) -> range:
    """A range of numbers, no longer than loops may turn. Raises LoopIterationLimitError."""
    found = _any_range(literal, start, stop)
    if found.stop - found.start > MAX_LOOPS:
        raise LoopIterationLimitError(f"a range has more than {MAX_LOOPS} numbers", token=None)
    return found


# The library lists a range that is gone through backwards, and walks one that is asked whether it contains a word,
# before it counts a turn: a billion numbers are the machine's memory, or minutes. It has no other place to say so.
RangeLiteral._make_range = _short_range  # type: ignore[assignment, method-assign]


class _Written(LimitedStringIO):
    """What was written so far, measured; it takes a lone surrogate, which the part's end throws away."""

    def write(self, text: str) -> int:
        """Add a text. Raises OutputStreamLimitError."""
        self.size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if self.size > self.limit:
            raise OutputStreamLimitError(f"it writes more than {MAX_OUTPUT // 1024} kB, or too much in all", token=None)
        return StringIO.write(self, text)


def _size(value: Any) -> int:
    """Bytes of a variable: of a list also what is in it, which `filters` measures."""
    return sys.getsizeof(value, 64) + (weight_of(value) if isinstance(value, list) else 0)


class _Context(RenderContext):
    """Counts turns of loops and bytes of locals as they grow, and looks at the clock."""

    __slots__ = ("deadline", "kept", "turns")

    def __init__(self, template: BoundTemplate, **more: Any) -> None:
        super().__init__(template, **more)
        self.deadline = float("inf")
        self.turns = 0
        self.kept = 0

    def check_time(self) -> None:
        """Raise TimeIsUp past the deadline."""
        if time.thread_time() > self.deadline:
            raise TimeIsUp("it takes too long", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the turns of all loops, one after the other as well as within each other."""
        self.turns += length
        if self.turns > MAX_LOOPS:
            raise LoopIterationLimitError(f"its loops turn more than {MAX_LOOPS} times", token=None)

    @contextmanager
    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Iterator[RenderContext]:
        """The loop, the clock looked at before each turn."""
        forloop.it = self._watched(forloop.it)
        with super().loop(namespace, forloop) as context:
            yield context

    def _watched(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.check_time()
            yield item

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Where a capture writes: what is left of the whole."""
        return _Written(limit=MAX_OUTPUT - (buf.size if isinstance(buf, _Written) else 0))

    def assign(self, key: str, val: Any) -> None:
        """Keep a value, as long as all of them together stay small."""
        before = self.locals.get(key)
        self.kept += _size(val) - (_size(before) if key in self.locals else 0)
        if self.kept > MAX_LOCALS:
            raise LocalNamespaceLimitError("its variables hold too much", token=None)
        self.locals[key] = val

    def filter(self, name: str, token: Any) -> Any:
        """The filter, the clock looked at before it."""
        self.check_time()
        return super().filter(name, token)


class _Template(BoundTemplate):
    context_class = _Context


class _Sandbox(Environment):
    """The tags and filters of a language; with HTML escaped or, for texts, not."""

    template_class = _Template
    output_stream_limit = MAX_OUTPUT
    block_nesting_limit = 20
    context_depth_limit = 30

    def __init__(self, language: str, *, html: bool) -> None:
        self.language = language
        super().__init__(autoescape=html)
        if not html:
            self.add_filter("newline_to_br", text_of)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Ours alone: nothing that includes, nothing that calls its result safe."""
        for tag in _TAGS:
            self.add_tag(tag)
        for name, run in filters_for(self.language).items():
            self.add_filter(name, run)


@functools.lru_cache(maxsize=64)
def _sandbox(language: str, *, html: bool) -> _Sandbox:
    return _Sandbox(language, html=html)


def compile_liquid(source: str, language: str, *, html: bool) -> BoundTemplate:
    """A part, parsed. Raises BadTemplate, saying what is wrong and in which line."""
    if len(source) > MAX_SOURCE:
        raise BadTemplate(f"It is too long: {len(source)} characters, {MAX_SOURCE} at most.", code="template_too_large")
    found = pieces(source)
    if len(found) > MAX_PIECES or sum(end - start for start, end in found) > MAX_LIQUID:
        raise BadTemplate(
            f"It has too much Liquid: {MAX_PIECES} outputs and tags, {MAX_LIQUID} characters in them at most.",
            code="template_too_large",
        )
    _check_closed(source, found)
    try:
        template = _sandbox(language, html=html).from_string(source)
        unknown = sorted(set(template.analyze(include_partials=False).filters) - set(template.env.filters))
    except (LiquidError, RecursionError) as error:
        line = _line(error) if isinstance(error, LiquidError) else None
        raise BadTemplate(f"The Liquid cannot be read: {said(error)}", line=line) from error
    if unknown:
        raise BadTemplate(f"There is no filter {unknown[0]!r}.", hint="docs/how-to/templates.md lists them.")
    return template


def pieces(source: str) -> list[tuple[int, int]]:
    """Where its outputs and tags begin and end, found in one pass: Liquid's own search takes minutes over thousands
    of openings that are never closed. Raises BadTemplate for such."""
    found, at = [], 0
    while (start := _OPENING(source, at)) is not None:
        closing = "}}" if source[start.start() + 1] == "{" else "%}"
        end = source.find(closing, start.end(), start.start() + MAX_PIECE)
        if end < 0:
            line = source.count("\n", 0, start.start()) + 1
            why = "is never closed" if source.find(closing, start.end()) < 0 else f"is over {MAX_PIECE} characters"
            raise BadTemplate(f"The Liquid cannot be read: {start.group()} {why} (line {line})", line=line)
        at = end + 2
        if not source[start.end() : end].replace("-", "").strip():
            # Refused here: Liquid goes through a long blank one once for each of its blanks.
            line = source.count("\n", 0, start.start()) + 1
            raise BadTemplate(f"The Liquid cannot be read: {start.group()} says nothing (line {line})", line=line)
        found.append((start.start(), at))
    return found


_OPENING = re.compile(r"\{[{%]").search
_UNREAD = re.compile(r"\{%-?\s*(end)?(raw|doc)\s*-?%\}").match


def _check_closed(source: str, found: list[tuple[int, int]]) -> None:
    """Text that is not read as Liquid ends somewhere: for each that does not, Liquid looks through all the rest."""
    inside: re.Match[str] | None = None
    for start, _ in found:
        tag = _UNREAD(source, start)
        if tag is None:
            continue
        if inside is None:
            inside = None if tag.group(1) else tag
        elif tag.group(1) and tag.group(2) == inside.group(2):
            inside = None
    if inside is not None:
        line = source.count("\n", 0, inside.start()) + 1
        why = f"{inside.group()} is never closed"
        raise BadTemplate(f"The Liquid cannot be read: {why} (line {line})", line=line)


def said(error: LiquidError | RecursionError) -> str:
    """A mistake of Liquid in one short line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    line = _line(error)
    text = str(error.args[0] if error.args else error)[:200]
    return f"{text} (line {line})" if line else text


def _line(error: LiquidError) -> int | None:
    if error.token is None or error.token.start_index < 0:
        return None
    return error.token.source.count("\n", 0, error.token.start_index) + 1


class Allowance:
    """What a message that begins now may take, all its parts together: time of this thread's work, and bytes."""

    __slots__ = ("room", "until")

    def __init__(self) -> None:
        self.until = time.thread_time() + MAX_SECONDS
        self.room = MAX_MESSAGE


def run(template: BoundTemplate, context: Mapping[str, Any], left: Allowance) -> str:
    """A part for one person. Raises RenderFailed (``render_time``, ``render_limit``, ``render_failed``)."""
    state = _Context(template, globals=context)
    state.deadline = left.until
    written = _Written(limit=min(MAX_OUTPUT, left.room))
    try:
        template.render_with_context(state, cast("Any", written))
        state.check_time()
    except TimeIsUp as error:
        raise RenderFailed("The template takes too long.", code="render_time") from error
    except ResourceLimitError as error:
        raise RenderFailed(f"The template does too much: {said(error)}", code="render_limit") from error
    except LiquidError as error:
        raise RenderFailed(f"The template cannot be filled: {said(error)}") from error
    except RecursionError as error:
        raise RenderFailed("The template is nested too deeply.", code="render_limit") from error
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        # The library meets a value of a shape it does not expect: one message less, not a batch.
        raise RenderFailed(f"The template cannot be filled: {str(error)[:200]}") from error
    left.room -= written.size
    return written.getvalue()


_PATH = re.compile(r"^[A-Za-z_][\w.]*")


def needs_of(*templates: BoundTemplate) -> Needs:
    """What these parts name that is not theirs: roots, whole paths, products by their sku."""
    names: set[str] = set()
    skus: set[str] = set()
    paths: set[str] = set()
    for template in templates:
        for root, found in template.analyze(include_partials=False).globals.items():
            names.add(root)
            for variable in found:
                segments = list(variable.segments)
                paths.add(".".join(str(one) for one in segments if isinstance(one, (str, int)))[:200])
                if root == "product" and len(segments) > 1 and isinstance(segments[1], str):
                    skus.add(segments[1])
    return Needs(names=frozenset(names), skus=frozenset(skus), paths=frozenset(paths))
