"""python -m tools.leshan: Leshan's LwM2M server on loopback, in the foreground."""

import argparse
import sys

from tools.errors import UserError

from .server import LeshanServer


def main():
    parser = argparse.ArgumentParser(prog="leshan", description=__doc__)
    parser.add_argument("--coap-port", type=int, default=5683, help="default 5683, 0: a free one")
    parser.add_argument("--http-port", type=int, default=8080, help="default 8080, 0: a free one")
    parser.add_argument("--block-size", type=int, help="preferred block size: 16 to 1024")
    options = parser.parse_args()
    server = LeshanServer(options.coap_port, options.http_port, options.block_size)
    try:
        with server:
            print("clients register at %s" % server.coap_uri)
            print("HTTP API at %s/api/clients, events at /api/event" % server.http_uri)
            print("Ctrl-C stops", flush=True)
            server.wait()
            raise UserError("leshan: the server has ended, see build/leshan/leshan.log")
    except KeyboardInterrupt:
        return 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
