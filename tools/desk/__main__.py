"""python -m tools.desk: see the package's text."""

import argparse
import asyncio
import math
import signal
import sys

from tools.errors import UserError

from . import __doc__ as description
from .commands import Unknown, perform
from .secure import Secured, check_flash
from .session import Session
from .state import State
from .terminal import PlainLines, Screen
from .tour import Tour, summary


def _seconds(text):
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 86400):
        raise argparse.ArgumentTypeError("expected seconds in 1..86400")
    return value


def parse_arguments(argv=None):
    """Command line of the desk."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.desk",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--for",
        dest="for_s",
        type=_seconds,
        metavar="SECONDS",
        help="do the main job unattended, then end with a summary",
    )
    parser.add_argument(
        "--secure",
        action="store_true",
        help="bootstrap and registration over DTLS with keys made at the start, no plain CoAP",
    )
    parser.add_argument("--board", help="which board to simulate (tools.virtual_board lists them)")
    parser.add_argument("--endpoint", default="desk-board", metavar="NAME", help="of the board")
    parser.add_argument(
        "--temperature", type=float, default=21.5, metavar="C", help="at the start, default 21.5"
    )
    parser.add_argument("--flash", metavar="DIR", help="keep the board's flash in DIR")
    parser.add_argument("--heap", metavar="SIZE", help="MicroPython's heap, like 128k")
    parser.add_argument("--mpy", action="store_true", help="run compiled files, as a board does")
    parser.add_argument("--coap-port", type=int, default=0, help="default: a free one")
    parser.add_argument("--http-port", type=int, default=0, help="default: a free one")
    return parser.parse_args(argv)


def _board_options(arguments):
    options = ["--temperature", str(arguments.temperature)]
    if arguments.board:
        options += ["--board", arguments.board]
    if arguments.flash:
        options += ["--flash", arguments.flash]
    if arguments.heap:
        options += ["--heap", arguments.heap]
    if arguments.mpy:
        options.append("--mpy")
    return options


def _session(arguments, state):
    secured = None
    if arguments.secure:
        check_flash(arguments.flash)
        secured = Secured(arguments.endpoint)
    ports = arguments.coap_port, arguments.http_port
    return Session(state, *ports, _board_options(arguments), secured)


def _print(line):
    print(line, flush=True)


def _stop_on_signals():
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _board_failure(session, log_lines=()):
    """Prints why the board ended by itself."""
    for line in [*log_lines, *session.board.errors]:
        print(line, file=sys.stderr)
    print("the virtual board ended with status %s" % session.board.status, file=sys.stderr)


async def _first(*waits):
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def unattended(arguments):
    """The job of --for; returns the exit status."""
    stopped = _stop_on_signals()
    state = State(arguments.endpoint, on_line=_print)
    async with _session(arguments, state) as session:
        server = session.server
        if arguments.secure:
            _print("Bootstrap-Server at %s" % server.bootstraps_uri)
        uri = server.coaps_uri if arguments.secure else server.coap_uri
        _print("LwM2M server at %s, HTTP API at %s" % (uri, server.http_uri))
        tour = Tour(session, arguments.for_s)
        await _first(tour.run(), stopped.wait())
        if session.board.ended.is_set():
            _board_failure(session)
        elif stopped.is_set():
            tour.failure = tour.failure or "stopped by a signal"
    lines, passed = summary(state, tour, session.board.status, session.secured)
    for line in lines:
        _print(line)
    return 0 if passed else 1


async def attended(arguments):
    """The live view; returns the exit status."""
    stopped = _stop_on_signals()
    screen = sys.stdin.isatty() and sys.stdout.isatty()
    state = State(arguments.endpoint, on_line=None if screen else _print)
    crashed = False
    async with _session(arguments, state) as session:

        def on_line(line):
            try:
                if not perform(session, line):
                    stopped.set()
            except Unknown as fault:
                state.log(str(fault))

        uri = session.server.http_uri
        state.log("HTTP API at %s; help lists the commands, Ctrl-C ends" % uri)
        keyboard = Screen(state, uri, on_line, stopped.set) if screen else PlainLines(on_line)
        async with keyboard:
            await _first(stopped.wait(), session.board.ended.wait())
            crashed = session.board.ended.is_set() and not stopped.is_set()
            if not crashed:
                state.log("ending")
        if crashed:
            # the log was on a screen that is gone
            _board_failure(session, list(state.log_lines)[-20:] if screen else ())
        elif screen:
            _print("ending: the board de-registers")
    _print("de-registered" if state.deregistrations else "ended without a de-registration")
    return 1 if crashed else 0


def main(argv=None):
    """Returns the exit status: 0 done, 1 something did not happen, 2 it could not start."""
    arguments = parse_arguments(argv)
    try:
        return asyncio.run((unattended if arguments.for_s else attended)(arguments))
    except UserError as fault:
        print(fault, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
