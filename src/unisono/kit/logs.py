"""Structured logs: text for people, JSON lines for machines."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Stderr:
    """The standard error of the moment: loggers live longer than what it was when they were made."""

    def write(self, text: str) -> int:
        """As a file does."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """As a file does."""
        sys.stderr.flush()


def configure_logs(level: str = "info", *, json: bool = False) -> None:
    """Set up logging for this process; logs go to stderr, so that commands can be piped."""
    renderer: structlog.types.Processor
    if json:
        renderer = structlog.processors.JSONRenderer()
    else:
        # Plain tracebacks: the pretty ones print local variables, which hold people's data.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS.get(level, 20)),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=LEVELS.get(level, 20), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
