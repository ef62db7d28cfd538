"""How long Wi-Fi keeps the loop from anything else."""

import asyncio
import re

from radio import Radio
from test_wifi import Peer
from wifi_site import Server, board, status, template

# Allowed for MicroPython on the board (80 MHz), which swaps and looks at each byte of a datagram.
_INTERPRETER_US = 25
_LONGEST = 1152  # bytes of a datagram


def test_longest_step_of_the_driver(record_property):
    """Bus and pauses, by the clock of the simulation; datagrams of the greatest length."""
    with Radio(firmware="C6.2.1.8", linger=4, lead=2) as radio, Peer() as peer:
        radio.join()
        starting_us, radio.longest_us = radio.longest_us, 0
        link = radio.link("localhost", peer.port)
        data = bytes(range(256)) * 4 + bytes(_LONGEST - 1024)
        for _ in range(10):
            link.send(data)
            peer.expect(radio, data)
            peer.send(data)
            assert radio.receive(link) == data
        radio.wait(60000)
    estimate_us = radio.longest_us + _INTERPRETER_US * _LONGEST
    assert max(starting_us, estimate_us) <= 100000
    record_property(
        "figures",
        "Wi-Fi, longest step of the driver: %.1f ms on the bus and in pauses, %.0f ms "
        "with 25 us for each byte in the interpreter"
        % (radio.longest_us / 1000, estimate_us / 1000),
    )


def test_longest_step_on_the_virtual_board(tmp_path, record_property):
    """All that the interface does in a turn, on this computer, whatever else that has to do."""

    async def run():
        async with Server() as server:
            with board(tmp_path, template(tmp_path / "firmware"), "board", server.uri) as one:
                await server.registered(one, "board", 30)
                for _ in range(10):
                    assert isinstance(await server.read("board"), float)
                shown = await status(one, "longest step", 10)
                assert one.end()[0] == 0
                return shown

    shown = asyncio.run(run())
    found = re.search(r"module (C\S+), longest step (\d+) ms", shown)
    assert found and found[1] == "C3.5.2.5.STM", shown
    longest_ms = int(found[2])
    assert longest_ms <= 100
    record_property("figures", "Wi-Fi, longest step on the virtual board: %d ms" % longest_ms)
