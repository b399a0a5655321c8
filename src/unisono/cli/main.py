"""``unisono``: every command, its options, its exit code.

Commands import what they need when they run, so that ``unisono --help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from unisono import __version__
from unisono.cli import catalog, policy, privacy, segments, sending, templates
from unisono.kit.errors import UnisonoError
from unisono.kit.logs import configure_logs
from unisono.kit.settings import Settings, load_settings


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="unisono",
        description="Unisono: one customer, every channel, in unison.",
        epilog="Settings come from UNISONO_* variables: see docs/reference/settings.md.",
    )
    parser.add_argument("--version", action="version", version=f"unisono {__version__}")
    parser.add_argument("--data-dir", type=Path, help="folder of the embedded database")
    parser.add_argument("--database-url", help="use this PostgreSQL instead of the embedded one")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help)

    for name, text in (
        ("serve", "run everything: database, web, worker"),
        ("web", "run a web process only"),
    ):
        command = add(name, text)
        command.add_argument("--host", help="address to listen on (127.0.0.1)")
        command.add_argument("--port", type=int, help="port to listen on (8400)")
    add("worker", "run a worker process only: readers of the log")
    add("migrate", "bring the database to this version")
    add("doctor", "say what is wrong with this installation and what to do")
    add("first-run", "print a new one-time link that makes the owner's account")

    demo = add("demo", "load a real retailer's year and open the console")
    demo.add_argument(
        "what",
        nargs="?",
        choices=("shop", "counterparts"),
        help="shop: the sample shop before the running engine; counterparts: stand in for mail, SMS, chat providers",
    )
    demo.add_argument("--host", help="address to listen on (127.0.0.1)")
    demo.add_argument("--port", type=int, help="port to listen on (8400)")
    demo.add_argument("--households", type=int, help="load only this many of the 2,469 households")
    demo.add_argument(
        "--scene", help="play a live scene against the running engine, as mario or nike; a wrong name lists all"
    )
    demo.add_argument("--check", action="store_true", help="load a little, verify it, exit 0 or 1")
    demo.add_argument("--shop-port", type=int, help="port of the sample shop (the engine's and one)")
    demo.add_argument("--store", help="store in which the sample shop's till stands (the one with most goods)")
    demo.add_argument("--no-serve", action="store_true", help="load only, do not serve")

    bench = add("bench", "measure this machine: each figure as a ratio against its limit")
    bench.add_argument("rows", nargs="*", help="only these rows")
    bench.add_argument("--quick", action="store_true", help="smaller loads")

    source = add("source", "make a source of events and print its key")
    source.add_argument("name")
    source.add_argument(
        "--kind", default="browser", choices=("browser", "app", "server", "till", "import", "connector")
    )
    source.add_argument("--store", help="store of a till")
    source.add_argument("--till", help="till within the store")
    source.add_argument("--scope", action="append", default=[], help="scope of a secret key; may be repeated")

    identity = add("identity", "check and rebuild who is one person")
    steps = identity.add_subparsers(dest="step", required=True, metavar="step")
    steps.add_parser("rebuild", help="replay every link from scratch and write what differs")
    scenarios = steps.add_parser(
        "scenarios", help="run a file of identity scenarios through the rules and the database"
    )
    scenarios.add_argument("file", type=Path)

    catalog.add(commands)
    segments.add(commands)
    policy.add(commands)
    sending.add(commands)
    privacy.add(commands)
    templates.add(commands)

    computed = add("computed", "computed traits")
    computed.add_argument("step", choices=("rebuild",), help="rebuild: compute all traits anew from the timeline")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 a check failed, 2 it cannot be done."""
    options = build_parser().parse_args(arguments)
    try:
        settings = load_settings(
            data_dir=options.data_dir,
            database_url=options.database_url,
            host=getattr(options, "host", None),
            port=getattr(options, "port", None),
        )
        configure_logs(settings.log_level, json=settings.log_json)
        return _run(options, settings)
    except UnisonoError as error:
        print(f"unisono: {error.detail}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, settings: Settings) -> int:
    match options.command:
        case "serve":
            from unisono.cli.serve import serve

            return serve(settings)
        case "web" | "worker":
            from unisono.cli.serve import run_part

            return run_part(options.command, settings)
        case "demo":
            from unisono.cli.demo import demo

            return demo(options, settings)
        case "bench":
            from unisono.cli.measure import bench

            return bench(options, settings)
        case "doctor":
            from unisono.cli.doctor import doctor

            return doctor(settings)
        case "catalog":
            return catalog.run(options, settings)
        case "segments":
            return segments.run(options, settings)
        case "templates":
            return templates.run(options, settings)
        case "policy":
            return policy.run(options, settings)
        case "privacy":
            return privacy.run(options, settings)
        case "sending":
            return sending.run(options, settings)
        case _:
            from unisono.cli.operate import operate

            return operate(options, settings)
