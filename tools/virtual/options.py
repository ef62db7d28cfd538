"""The command line of the virtual board."""

import argparse
import os
import re
import shutil
import sys

from tools.errors import UserError
from tools.package import key as update_key
from tools.provision import keys
from tools.virtual.world import is_temperature

BOARDS = ("nucleo_f429zi", "b_l475e_iot01a")
# Below this the interpreter does not come up at all.
_SMALLEST_HEAP = 8 * 1024


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        start = "unrecognized arguments:"
        if message.startswith(start):  # their values may be keys
            unknown = [word for word in message.split() if word.startswith("-")]
            message = f"{start} {' '.join(unknown).partition('=')[0] or 'no option before it'}"
        raise UserError(message + " (--help shows the options)")


def _seconds(text):
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value


def _lifetime(text):
    value = int(text)
    if not 1 <= value <= 0x7FFFFFFF:
        raise ValueError
    return value


def _heap(text):
    match = re.fullmatch(r"(\d+)([kKmM]?)", text)
    if not match:
        raise ValueError
    size = int(match[1]) * {"": 1, "k": 1024, "m": 1024 * 1024}[match[2].lower()]
    if not _SMALLEST_HEAP <= size <= 1 << 30:
        raise ValueError
    return text


# argparse shows these names in its messages ("invalid seconds value").
_seconds.__name__ = "seconds"
_lifetime.__name__ = "seconds (1 to 2147483647)"
_heap.__name__ = "heap size (like 128k, 8k to 1024m)"


def _make_parser():
    parser = _Parser(
        prog="virtual_board",
        description="Runs the firmware under MicroPython on this computer.",
        allow_abbrev=False,
    )
    parser.add_argument("--server", metavar="URI", help="LwM2M server, coap[s]://HOST[:PORT]")
    parser.add_argument("--endpoint", metavar="NAME", help="LwM2M endpoint client name")
    parser.add_argument("--lifetime", type=_lifetime, metavar="S", help="of the registration")
    parser.add_argument("--bootstrap", metavar="URI", help="Bootstrap-Server, like --server")
    parser.add_argument(
        "--psk-identity", metavar="ID", help="for coaps:// of --bootstrap, else of --server"
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--psk-key-file", metavar="FILE", help="the key, as hexadecimal text")
    key.add_argument("--psk-key", metavar="HEX", help="the key; others can see it there")
    parser.add_argument(
        "--wifi-password-file",
        metavar="FILE",
        help="of the simulated access point; default: what the flash has, else one made now",
    )
    parser.add_argument(
        "--update-key-file", metavar="FILE", help="under which packages are signed, hexadecimal"
    )
    parser.add_argument("--board", choices=BOARDS, help="default: %s" % BOARDS[0])
    parser.add_argument(
        "--temperature",
        type=float,
        default=21.5,
        metavar="C",
        help="of the simulated world, default 21.5",
    )
    parser.add_argument("--flash", metavar="DIR", help="directory that is the board's flash")
    parser.add_argument("--blank", action="store_true", help="install nothing: an empty board")
    parser.add_argument(
        "--heap", type=_heap, metavar="SIZE", help="default: 128k, for sources 192k"
    )
    parser.add_argument("--mpy", action="store_true", help="install compiled files")
    parser.add_argument(
        "--frozen", metavar="PROGRAM", help="a MicroPython that has the firmware frozen in"
    )
    parser.add_argument("--pty", metavar="LINK", help="offer the serial REPL as this device")
    parser.add_argument("--events", metavar="FILE", help="write events as JSON lines")
    parser.add_argument("--for", type=_seconds, dest="for_s", metavar="SECONDS", help="then end")
    return parser


def _check_security(options):
    # The identity and the key, as bytes: of the Bootstrap-Server where there is one.
    identity, key = options.psk_identity, None
    if options.psk_key_file is not None:
        key = keys.psk_of_file("--psk-key-file", options.psk_key_file)
    elif options.psk_key is not None:
        key = keys.psk("--psk-key", options.psk_key)
    if (identity is None) != (key is None):
        raise UserError("--psk-identity and --psk-key-file or --psk-key belong together")
    if identity is not None:
        identity = keys.psk_identity("--psk-identity", identity)
    options.psk_identity, options.psk_key = identity, key
    first = "--server" if options.bootstrap is None else "--bootstrap"
    for option, uri in (("--bootstrap", options.bootstrap), ("--server", options.server)):
        secured = key is not None and option == first
        if uri is None:
            if secured:
                raise UserError("--psk-identity belongs to --bootstrap or --server: give one")
        elif "@" in uri.partition("?")[0]:
            raise UserError(f"{option}: no name or password in a URI")
        elif secured and uri.startswith("coap://"):
            raise UserError(f"{option}: coap:// sends in clear: with a key use coaps://")
        elif not secured and uri.startswith("coaps://"):
            needed = "--psk-identity and --psk-key-file"
            if option != first:
                needed = "`make provision`, for the key is that of --bootstrap"
            raise UserError(f"{option}: coaps:// needs {needed}")


def _wifi_password(path):
    # The first line of the file, None without one.
    if path is None:
        return None
    try:
        with open(path, encoding="ascii") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise UserError(f"--wifi-password-file {path}: {reason}") from None
    if not 8 <= len(password) <= 63:
        raise UserError(f"--wifi-password-file {path}: expected 8 to 63 characters")
    return password


def parse(arguments):
    """The options; UserError, one line, for what cannot be done."""
    options = _make_parser().parse_args(arguments)
    if options.heap is None:
        # Sources are compiled on the spot, which takes names and room that .mpy files do not.
        options.heap = "128k" if options.mpy or options.blank or options.frozen else "192k"
    _check_security(options)
    _check_frozen(options)
    if not is_temperature(options.temperature):
        raise UserError("--temperature: expected -273.15 to 1000 degrees Celsius")
    if options.lifetime is not None and options.server is None:
        raise UserError("--lifetime belongs to --server: give both")
    options.update_key = None
    if options.update_key_file is not None:
        options.update_key, line = update_key.load("--update-key-file", options.update_key_file)
        if line:
            print(line, file=sys.stderr)
    options.wifi_password = _wifi_password(options.wifi_password_file)
    options.micropython = os.environ.get("MPY", "1.29")
    if options.micropython not in ("1.28", "1.29"):
        raise UserError(f"MPY={options.micropython}: expected 1.28 or 1.29")
    options.leashed = os.environ.get("VIRTUAL_BOARD_LEASHED") == "1"
    return options


def _check_frozen(options):
    program = options.frozen
    if program is None:
        return
    if options.mpy:
        raise UserError("--frozen and --mpy: the modules are either frozen or installed")
    options.frozen = shutil.which(os.path.abspath(program))
    if options.frozen is None:
        raise UserError(f"--frozen {program}: not a program")
