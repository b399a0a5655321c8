"""What forked processes find done: everything imported, the application's routes put together."""

from __future__ import annotations

import gc

from tests.support import dispatching_process, forking, policy_process, segmenting_process
from unisono import web, worker
from unisono.app import create_app
from unisono.cli import main, serve
from unisono.kit.settings import Settings

LOADED = (dispatching_process, forking, main, policy_process, segmenting_process, serve, web, worker)

APP = create_app(Settings(), "postgresql://nowhere")
"""Nobody's: whoever serves it puts it on an installation of theirs."""

gc.collect()
gc.freeze()
