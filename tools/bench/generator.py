"""The load: one plain UDP socket, prebuilt reads, one of them under way at a time.

The same socket is the server that the firmware registers with, and sends the same datagrams to
the bare echo.
"""

import itertools
import select
import socket
import struct
import time
from dataclasses import dataclass

from tools.bench import wire
from tools.errors import UserError

_DATAGRAM = 2048
_ANSWER_S = 0.25
_LOST_IN_A_ROW = 8
_BATCH = 50  # requests between two looks at the clock


@dataclass(frozen=True)
class Slice:
    """Requests answered in a time, and those that were not."""

    count: int
    lost: int
    seconds: float


class Generator:
    """Context manager; `port` is where the devices under test send their first datagram."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        # A time-out kept by the system costs nothing per datagram, one of Python's a poll().
        seconds = struct.pack("@ll", int(_ANSWER_S), int(_ANSWER_S % 1 * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        self.port = self._socket.getsockname()[1]
        self._reads = itertools.cycle(wire.reads(1 << 16))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._socket.close()

    def first_datagram(self, process, timeout_s):
        """(data, address) of the device's first datagram; a Register is answered.

        Raises UserError where the process ends or keeps silent.
        """
        deadline = time.monotonic() + timeout_s
        while not select.select([self._socket], [], [], 0.05)[0]:
            process.check()
            if time.monotonic() > deadline:
                raise UserError(
                    f"{process.name} sent nothing for {timeout_s:g} s, does a larger --heap help?"
                    + process.said()
                )
        data, address = self._socket.recvfrom(_DATAGRAM)
        answer = wire.answer(data)
        if answer:
            self._socket.sendto(answer, address)
        return data, address

    def run(self, address, code, seconds=None, count=None, pause_s=0):
        """Sends for so long, or until so many are answered; returns a Slice.

        `code` is what answers must carry; `pause_s` passes before each datagram. A lost datagram
        costs its time-out; UserError after several in a row, an answer with another code or a
        device that has started anew.
        """
        answered = lost = in_a_row = 0
        start = time.perf_counter()
        while True:
            batch = _BATCH if count is None else min(_BATCH, count - answered)
            for _ in range(batch):
                if pause_s:
                    time.sleep(pause_s)
                if self.ask(next(self._reads), address, code):
                    answered += 1
                    in_a_row = 0
                    continue
                lost += 1
                in_a_row += 1
                if in_a_row == _LOST_IN_A_ROW:
                    raise UserError(f"no answer to {in_a_row} datagrams in a row")
            passed = time.perf_counter() - start
            if answered == count or (seconds is not None and passed >= seconds):
                return Slice(answered, lost, passed)

    def value(self, address, options):
        """The payload that a read with these options is answered; None without 2.05."""
        request = wire.reads(1, time.monotonic_ns(), options)[0]
        if not self.ask(request, address, wire.CONTENT):
            return None
        return self._answer.partition(b"\xff")[2]

    def ask(self, request, address, code):
        """True when it is answered with this code, False without an answer; UserError."""
        self._socket.sendto(request, address)
        marks = request[2:8]  # message id and token
        while True:
            try:
                data = self._socket.recv(_DATAGRAM)
            except BlockingIOError:
                return False
            if data[2:8] == marks:
                if data[1] == code:
                    self._answer = data
                    return True
                raise UserError(f"a read was answered {wire.dotted(data[1])}, not 2.05")
            if wire.is_register(data):
                raise UserError("the firmware registered again: it had started anew")
            answer = wire.answer(data)  # else an answer that comes late
            if answer:
                self._socket.sendto(answer, address)
