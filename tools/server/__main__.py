"""python -m tools.server: an LwM2M server to try clients with."""

import argparse
import asyncio
import logging
import signal
import sys

from . import DeskServer, PortTaken
from .presence import AWAKE_S
from .transport import BLOCK_SIZES

VERSIONS = ("1.0", "1.1")


def _segments(text):
    segments = tuple(text.split("/"))
    if not all(segments):
        raise argparse.ArgumentTypeError("expected like eu/desk, not %r" % text)
    return segments


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError("expected seconds above 0, not %r" % text)
    return seconds


def parse_arguments(argv=None):
    """Command line of the server."""
    parser = argparse.ArgumentParser(prog="python -m tools.server", description=__doc__)
    parser.add_argument("--coap-port", type=int, default=5683, help="0 takes a free port")
    parser.add_argument("--http-port", type=int, default=8080, help="0 takes a free port")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address of the CoAP port; give this computer's network address for a real board",
    )
    parser.add_argument("--log", metavar="FILE", help="write what happens to FILE, not to stderr")
    parser.add_argument(
        "--lwm2m",
        choices=VERSIONS,
        metavar="VERSION",
        help="take registrations of this LwM2M version only (1.0 or 1.1), refuse others with 4.12",
    )
    parser.add_argument(
        "--block-size",
        type=int,
        choices=BLOCK_SIZES,
        metavar="BYTES",
        help="ask for answers in blocks of this size and write in such blocks: 16, 32 ... 1024",
    )
    parser.add_argument(
        "--location",
        type=_segments,
        default=(),
        metavar="A/B",
        help="segments between rd and the id in the location of a registration",
    )
    parser.add_argument(
        "--awake",
        type=_seconds,
        default=AWAKE_S,
        metavar="SECONDS",
        help="how long a client in queue mode is awake after it was heard (default %(default)s)",
    )
    return parser.parse_args(argv)


async def serve(arguments):
    """Runs the server until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with DeskServer(
        arguments.coap_port,
        arguments.http_port,
        arguments.host,
        versions=(arguments.lwm2m,) if arguments.lwm2m else VERSIONS,
        block_size=arguments.block_size,
        location=arguments.location,
        awake_s=arguments.awake,
    ) as server:
        print("clients register at %s" % server.coap_uri)
        print("HTTP API at %s/clients, events at %s/event" % (server.http_uri, server.http_uri))
        print("Ctrl-C stops", flush=True)
        await stopped.wait()


def main(argv=None):
    """Returns the exit status: 0 after a signal, 2 if the server cannot start."""
    arguments = parse_arguments(argv)
    try:
        logging.basicConfig(
            filename=arguments.log,
            level=logging.INFO,
            format="%(asctime)s %(name)s %(levelname)s %(message)s",
        )
        asyncio.run(serve(arguments))
    except PortTaken as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as fault:
        print("cannot start: %s; check --host and --log" % fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
