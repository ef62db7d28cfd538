"""python -m tools.server: an LwM2M server to try clients with."""

import argparse
import asyncio
import json
import logging
import signal
import sys

from tools.errors import UserError

from . import DeskServer, InvalidRequest, PortTaken
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


def _loaded(store, path, option):
    """Gives the JSON of a file to store.load(); UserError, which shows nothing of the file."""
    try:
        with open(path, encoding="utf-8") as file:
            store.load(json.load(file))
    except OSError as fault:
        raise UserError("%s %s: %s" % (option, path, fault.strerror)) from None
    except InvalidRequest as fault:
        raise UserError("%s %s: %s" % (option, path, fault)) from None
    except (ValueError, RecursionError) as fault:
        place = getattr(fault, "lineno", None)
        text = "no JSON" + (" (line %d)" % place if place else "")
        raise UserError("%s %s: %s" % (option, path, text)) from None


def parse_arguments(argv=None):
    """Command line of the server."""
    parser = argparse.ArgumentParser(prog="python -m tools.server", description=__doc__)
    parser.add_argument("--coap-port", type=int, default=5683, help="0 takes a free port")
    parser.add_argument(
        "--coaps-port",
        type=int,
        metavar="PORT",
        help="CoAP over DTLS with pre-shared keys, mostly 5684; 0 takes a free port",
    )
    parser.add_argument(
        "--keys", metavar="FILE", help="identities and keys of endpoints (docs/desk-server.md)"
    )
    parser.add_argument(
        "--bootstrap-port", type=int, metavar="PORT", help="Bootstrap-Server over plain CoAP"
    )
    parser.add_argument(
        "--bootstraps-port", type=int, metavar="PORT", help="Bootstrap-Server over DTLS"
    )
    parser.add_argument(
        "--bootstrap", metavar="FILE", help="what endpoints get in a bootstrap, and their keys"
    )
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
    server = DeskServer(
        arguments.coap_port,
        arguments.http_port,
        arguments.host,
        versions=(arguments.lwm2m,) if arguments.lwm2m else VERSIONS,
        block_size=arguments.block_size,
        location=arguments.location,
        awake_s=arguments.awake,
        coaps_port=arguments.coaps_port,
        bootstrap_port=arguments.bootstrap_port,
        bootstraps_port=arguments.bootstraps_port,
    )
    if arguments.keys:
        _loaded(server.credentials, arguments.keys, "--keys")
    if arguments.bootstrap:
        _loaded(server.bootstrap.plans, arguments.bootstrap, "--bootstrap")
    async with server:
        print("clients register at %s" % server.coap_uri)
        if server.coaps_port is not None:
            print("over DTLS at %s" % server.coaps_uri)
        if server.bootstrap_port is not None:
            print("bootstrap at %s" % server.bootstrap_uri)
        if server.bootstraps_port is not None:
            print("bootstrap over DTLS at %s" % server.bootstraps_uri)
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
    except (PortTaken, UserError) as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as fault:
        print("cannot start: %s; check --host and --log" % fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
