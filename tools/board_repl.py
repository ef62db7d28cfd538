"""The REPL of a board on a serial port, through mpremote's own transport.

The firmware is stopped in order (it de-registers), its memory is given back, and commands run in
the raw REPL. No command begins with a soft reset: that would end the timer that feeds a watchdog.
A board with an armed watchdog is restarted instead and interrupted before the firmware arms it
again, so that writing to its flash may take its time.
"""

import ast
import binascii
import contextlib
import io
import re
import struct
import time

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from tools.errors import UserError

# A board that erases a sector of its flash is silent for so long at most, by far.
_SILENT_S = 10
_BYTES_S = 3  # of it in the middle of an exchange
_STOP_S = 10
_ATTEMPT_S = 3  # of them: what is typed while a board starts is lost
_TRIES = 3
# Until a firmware that was started is past its first steps; it arms its watchdog after 10 s.
_START_S = 2
_GONE_S = 10  # until a port on USB is back after a reset
# What a broken exchange ends with; struct.error: half of an answer.
BROKEN = (TransportError, OSError, struct.error)

# Gives back the memory of the firmware that has ended, but for what feeds its watchdog, and
# tells whether there is one. What still refers to a module or a function of it (a task, an error,
# a name of the user's) would keep all the others: so their globals go, too.
_FREE = """
import sys
m = sys.modules.get('firmware.app')
a = m and m.App.running
if a:
    for n in list(a.__dict__):
        if n != 'feed':
            setattr(a, n, None)
print('watchdog', bool(a and a.feed))
m = sys.modules.get('asyncio.core')
if m:
    m.cur_task = m.Loop._exc_handler = None
for n in list(sys.modules):
    if n.split('.')[0] in ('firmware', 'lwm2m', 'coap'):
        sys.modules.pop(n).__dict__.clear()
globals().clear()
import gc
gc.collect()
"""
# Bytes in one piece, for commands and their answers
_ENOUGH = "bytearray(8192)"
_RESET = "import machine\nmachine.reset()"
_READ = """
import binascii
with open(%r, 'rb') as f:
    while True:
        b = f.read(192)
        if not b:
            break
        print(str(binascii.b2a_base64(b), 'utf8'), end='')
"""
# Bytes in one command: as text of base64 it stays far below what a board's heap can hold.
CHUNK = 768


# Short forms, as mpremote has them.
_SHORT = {"a": "/dev/ttyACM", "u": "/dev/ttyUSB"}


def resolved(port):
    """The device of a port, which may be in mpremote's short form: a0 is /dev/ttyACM0."""
    short = re.fullmatch(r"([au])([0-9]{1,2})", port)
    return _SHORT[short[1]] + short[2] if short else port


class NoMemoryError(UserError):
    """The board has no memory for what it was asked to do."""


class BoardRepl:
    """Context manager: a board whose firmware is stopped, and started again at the end."""

    def __init__(self, port, tell=print):
        self.port = port
        self.stopped = False
        self._tell = tell
        self._transport = None

    def __enter__(self):
        self._tell(f"{self.port}: stopping the firmware ...")
        try:
            self.open()
            self.stop()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        # Whatever has happened: without a restart the board would stay at its prompt.
        try:
            if self.stopped:
                self.restart()
                self._tell(f"{self.port}: restarted")
        finally:
            self.close()

    # The port

    def open(self):
        try:
            self._transport = SerialTransport(resolved(self.port), timeout=_BYTES_S)
            # Whoever reads blocks no longer than this, and a full line holds no one up for ever.
            self._transport.serial.write_timeout = _SILENT_S
        except (TransportError, OSError):
            raise UserError(
                f"PORT={self.port}: failed to access it: it is not there, or in use by another "
                "program; `make devices` lists the ports"
            ) from None

    def close(self):
        transport, self._transport = self._transport, None
        if transport is not None:
            with contextlib.suppress(OSError):
                transport.close()

    @property
    def serial(self):
        """The open port, for what reads it after a restart."""
        return self._transport.serial

    def reopen(self):
        """Opens the port again, which may be gone for a moment: USB of the board's own."""
        self.close()
        end = time.monotonic() + _GONE_S
        while True:
            try:
                return self.open()
            except UserError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    # The firmware

    def stop(self):
        """Ends the firmware and gives back its memory."""
        self._interrupt()
        self.stopped = True
        try:
            watchdog = "watchdog True" in self.run(_FREE, tries=_TRIES)
        except NoMemoryError:
            self.soft_reset()
            return
        if watchdog:
            self.restart()
            time.sleep(_START_S)
            self._interrupt()
            self.stopped = True
            self.run(_FREE, tries=_TRIES)
        try:
            self.run(_ENOUGH, tries=_TRIES)
        except NoMemoryError:  # what is left lies in the way
            self.soft_reset()

    def _interrupt(self):
        end = time.monotonic() + _STOP_S
        while True:
            left_s = end - time.monotonic()
            try:
                self._enter(min(_ATTEMPT_S, max(left_s, 0.1)))
                return
            except BROKEN:
                if time.monotonic() >= end:
                    raise UserError(
                        f"PORT={self.port}: no answer for {_STOP_S} s: is MicroPython on it? "
                        "Press the reset button, and try again"
                    ) from None
                if not self._alive():
                    self.reopen()

    def _alive(self):
        try:
            self.serial.in_waiting  # noqa: B018 - asks the system
            return True
        except (OSError, AttributeError):
            return False

    def _enter(self, timeout_s, soft_reset=False):
        # What it prints is what the board said, which may be anything.
        with contextlib.redirect_stdout(io.StringIO()):
            self._transport.enter_raw_repl(soft_reset=soft_reset, timeout_overall=timeout_s)

    def recover(self):
        """Back to a prompt after a broken exchange, without a reset."""
        if not self._alive():
            self.reopen()
        self._interrupt()

    def soft_reset(self):
        """An empty heap; boot.py runs, main.py does not."""
        try:
            self._enter(_STOP_S, soft_reset=True)
        except BROKEN:
            raise UserError(f"PORT={self.port}: no answer after a soft reset") from None

    def restart(self):
        """Resets the board as its button does; it starts, and the port stays open."""
        self.stopped = False
        if self._transport is None:
            return None  # the port is gone, as was told
        for last in (False, True):
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    return self._transport.exec_raw_no_follow(_RESET)
            except BROKEN:
                # Broken off in the middle of a command, or the answer was lost with the port.
                if last or not self._alive():
                    return None
                self._interrupt()

    # Commands

    def run(self, code, tries=1):
        """What the code prints. UserError with the last line of an exception on the board.

        `tries`: how often at most, where the exchange breaks off; for code that does no harm when
        it runs again.
        """
        while True:
            try:
                return self.exchange(code)
            except BROKEN as error:
                tries -= 1
                if not tries or isinstance(error, TransportExecError):
                    raise self.user_error(error) from None
            self.recover()

    def exchange(self, code):
        """As `run()`, but raises what BROKEN names."""
        with contextlib.redirect_stdout(io.StringIO()):
            output, error = self._transport.exec_raw(code, _SILENT_S)
        if error:
            raise TransportExecError(0, error.decode(errors="replace"))
        return output.decode(errors="replace")

    def user_error(self, error):
        """A UserError for what `exchange()` has raised."""
        if isinstance(error, TransportExecError):
            # The last line names the cause.
            cause = (error.error_output.strip().splitlines() or ["failed"])[-1]
            kind = NoMemoryError if cause.startswith("MemoryError") else UserError
            return kind(f"PORT={self.port}: {cause}")
        return UserError(
            f"PORT={self.port}: the exchange with the board broke off: check the cable, press the "
            "reset button, and try again"
        )

    def ask(self, code):
        """The value that the code prints as `found VALUE` in its last such line."""
        lines = [line for line in self.run(code, _TRIES).splitlines() if line.startswith("found ")]
        try:
            return ast.literal_eval(lines[-1].removeprefix("found "))
        except (IndexError, ValueError, SyntaxError, TypeError):
            raise UserError(f"PORT={self.port}: no MicroPython answers there") from None

    def read(self, name):
        """The bytes of a file on the board."""
        return binascii.a2b_base64(self.run(_READ % name, _TRIES))

    def write(self, name, data):
        """Writes a file on the board, in place."""
        self.run(f"import binascii\nf = open({name!r}, 'wb')\nw = binascii.a2b_base64")
        for start in range(0, len(data), CHUNK):
            text = binascii.b2a_base64(data[start : start + CHUNK], newline=False).decode()
            self.run(f"f.write(w({text!r}))")
        self.run("f.close()")
