"""Structured logs: one JSON object a line (or a readable line), with the request id wherever one is known.

Call :func:`configure_logging` once, in a process's main or a replica's constructor. Request ids are bound with ``structlog.contextvars``.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from cluster.settings import LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Sends structlog's records to stderr, at ``settings.level`` and above, in ``settings.format``."""
    renderer: Processor = structlog.processors.JSONRenderer() if settings.format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
