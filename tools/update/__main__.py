"""Updates a board over its LwM2M server: `make update`, or

    python -m tools.update EP=NAME FILE=PACKAGE [PULL=coap|coaps] [SERVER=URL] [NAME=value ...]

Without arguments it shows what it takes. Exit status: 0 when the board runs the new version, 1
where the board refused it, went back or is silent, 2 where nothing was done, with one line that
tells why.
"""

import asyncio
import sys

from tools.errors import UserError

from . import arguments, package
from .api import Gone, Refused, Server
from .course import Course, Failed, show
from .device import Device


def _tell(text):
    print(text, flush=True)


async def _run(given):
    parcel = package.load(given["FILE"], "FORCE" in given) if "FILE" in given else None
    async with Server(given["SERVER"], given["EP"]) as server:
        device = Device(server)
        course = Course(server, device, parcel, given, _tell)
        await course.there()
        try:
            if "CANCEL" in given:
                await device.cancel()
            if parcel is None:
                await show(device, given["EP"], _tell)
            else:
                await course.run()
        except (Gone, Refused) as error:
            raise Failed(f"{given['EP']}: {error}") from None


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(arguments.HELP)
        return 0
    try:
        asyncio.run(_run(arguments.parse(argv)))
    except UserError as error:
        print(f"update: {error}", file=sys.stderr)
        return 2
    except Failed as error:
        print(f"update: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "update: interrupted; the board goes on with what it has, CANCEL=1 gives it up",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
