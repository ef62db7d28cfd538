"""python -m tools.leshan: Leshan's LwM2M server on loopback, in the foreground."""

import argparse
import sys

from tools.errors import UserError

from .server import LeshanServer


def main():
    parser = argparse.ArgumentParser(prog="leshan", description=__doc__)
    parser.add_argument("--coap-port", type=int, default=5683, help="default 5683, 0: a free one")
    parser.add_argument("--coaps-port", type=int, default=5684, help="default 5684, 0: a free one")
    parser.add_argument("--http-port", type=int, default=8080, help="default 8080, 0: a free one")
    parser.add_argument("--block-size", type=int, help="preferred block size: 16 to 1024")
    parser.add_argument(
        "--bootstrap", action="store_true", help="a bootstrap server as well, at free ports"
    )
    options = parser.parse_args()
    server = LeshanServer(
        options.coap_port,
        options.http_port,
        options.block_size,
        coaps_port=options.coaps_port,
        bootstrap=options.bootstrap,
    )
    try:
        with server:
            print("clients register at %s and %s" % (server.coap_uri, server.coaps_uri))
            if server.bootstrap:
                ports = server.bootstrap.coap_port, server.bootstrap.coaps_port
                print("bootstrap at coap://127.0.0.1:%d and coaps://127.0.0.1:%d" % ports)
                print("what it brings: %s/api/bootstrap" % server.bootstrap.http_uri)
            print("credentials: %s/api/security/clients" % server.http_uri)
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
