"""Counts the bytes of heap that reads of one resource allocate in the client."""

import gc
import os
import time

from firmware.objects.temperature import Temperature
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.server import Server

_READS = 100


class Wire:
    """Where the client's datagrams go: counted, and kept only while `kept` is no None."""

    kept = b""
    count = 0

    def send(self, data):
        self.count += 1
        if self.kept is not None:
            self.kept = bytes(data)


class Thermometer:
    range_c = (-40, 85)

    def temperature(self):
        return 21.5


def _read(number, options):
    mid = number & 0xFFFF
    token = os.urandom(4)
    return bytes((0x44, 1, mid >> 8, mid & 255)) + token + options


def run(options_hex, runs):
    """Prints "allocated N" for each of so many times a hundred reads: bytes for all of them."""
    options = bytes.fromhex(options_hex)
    temperature = Temperature(Thermometer())
    temperature.sample()
    table = Table()
    table.add(temperature)
    server = Server(1, 0, 3600)
    table.add(server)
    client = Client("bench", table, time, os.urandom, print, lambda: None)
    wire = Wire()
    session = client.add_server(server, wire.send)
    session.registration.start()
    client.poll()
    register = wire.kept
    head = 4 + (register[0] & 15)
    session.receive(bytes((register[0] | 0x20, 0x41)) + register[2:head] + b"\x82rd\x01b")
    first = _read(0, options)
    session.receive(first)
    # 2.05, the same message id and token, text/plain
    if wire.kept != b"\x64\x45" + first[2:8] + b"\xc0\xff21.5":
        raise SystemExit("an unexpected answer to the read: %s" % wire.kept.hex())
    wire.kept = None
    for run in range(runs):
        reads = [_read(run * _READS + i + 1, options) for i in range(_READS)]
        receive = session.receive
        wire.count = 0
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        for data in reads:
            receive(data)
        after = gc.mem_alloc()
        gc.enable()
        if wire.count != _READS:
            raise SystemExit("%d answers to %d reads" % (wire.count, _READS))
        print("allocated", after - before)
