"""Runs the firmware on this computer: real MicroPython, simulated board.

    python -m tools.virtual_board --server coap://127.0.0.1:5683 --endpoint NAME

The board's flash is a directory (`--flash`, else a temporary one). Lines of JSON on standard
input change the world round the board: `{"temperature": 24.5}`, `{"button": true}`,
`{"i2c": "unplugged"}`, `{"cable": false}`, `{"dhcp": false}`, `{"dns": false}`, `{"key": "i"}`,
`{"reset": "power"}`. `--events` writes what the board does. SIGTERM or SIGINT lets the firmware
de-register, a second one ends at once. Exit status: 0 after an end, 1 after a crash of the
firmware, 2 for bad arguments or configuration. `MPY=1.28` in the environment is a board with
MicroPython v1.28: DTLS-PSK is hidden, Ethernet does not follow its cable.
`VIRTUAL_BOARD_LEASHED=1` makes the end of standard input a SIGTERM: a program that was killed
leaves no board behind.
"""

import contextlib
import hashlib
import os
import sys
import tempfile

from tools.errors import UserError
from tools.virtual import options as command_line
from tools.virtual.events import Events
from tools.virtual.flash import prepare, wifi
from tools.virtual.interpreter import find_micropython
from tools.virtual.serial_line import SerialLine
from tools.virtual.signals import Signals
from tools.virtual.supervisor import Supervisor, warn
from tools.virtual.world import World

# What the unix port has and the stock firmware of a board lacks.
_HIDDEN = {
    "b_l475e_iot01a": "tls ssl cryptolib mip requests",
}
# Boards whose `network` has no interface: their sockets work with none.
_NO_INTERFACE = ("b_l475e_iot01a",)


def _stock_firmware(board, version):
    # Code that takes away what this board does not have; none where the unix port fits.
    hidden = _HIDDEN.get(board, "")
    code = ""
    if version == "1.28" and "tls" not in hidden:
        code += "import stock_psk; stock_psk.hide(); "
    if board in _NO_INTERFACE:
        code += "import stock_sockets; stock_sockets.hide(); "
    if hidden:
        code += f"import stock_modules; stock_modules.hide({hidden!r}); "
    return code


def _open_standard_files():
    # A descriptor below 3 that the caller closed would be taken by the first one opened here.
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _run(options, stack):
    signals = stack.enter_context(contextlib.closing(Signals()))
    find_micropython()
    flash = options.flash
    if flash is None:
        flash = stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual_board-"))
    board, endpoint = prepare(flash, options)
    events = stack.enter_context(contextlib.closing(Events(options.events)))
    serial = None
    if options.pty is not None:
        serial = stack.enter_context(contextlib.closing(SerialLine(options.pty)))
    # The 96 bits of a real chip differ from board to board and stay the same.
    unique_id = hashlib.sha256(str(endpoint).encode()).hexdigest()[:24]
    supervisor = Supervisor(
        flash,
        options.heap,
        World(
            board,
            options.temperature,
            unique_id,
            options.micropython,
            wifi(flash, board, options),
        ),
        events,
        signals,
        before=_stock_firmware(board, options.micropython),
        # An empty board has nothing but its REPL.
        repl=serial is not None or options.blank,
        serial=serial,
        leashed=options.leashed,
        program=options.frozen,
    )
    stack.enter_context(contextlib.closing(supervisor))
    return supervisor.run(options.for_s)


def main(arguments):
    """Runs the board and returns the exit status."""
    _open_standard_files()
    try:
        with contextlib.ExitStack() as stack:
            return _run(command_line.parse(arguments), stack)
    except UserError as error:
        warn(str(error))
        return 2
    except KeyboardInterrupt:
        return 0  # before the board was started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
