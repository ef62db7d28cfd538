"""Bytes of the datagram with which the firmware registers."""

from tools.bench import wire
from tools.bench.figures import Figure, Result
from tools.bench.generator import Generator
from tools.bench.processes import ENDPOINT
from tools.errors import UserError

_START_S = 20


def measure(workshop, progress):
    with Generator() as generator, workshop.board(generator.port) as board:
        data, _ = generator.first_datagram(board, _START_S)
    if not wire.is_register(data):
        raise UserError(f"the firmware's first datagram was no Register: {data[:40].hex()}")
    progress(f"{len(data)} bytes")
    links = data.partition(b"\xff")[2].decode(errors="replace")
    note = f'Register: endpoint name "{ENDPOINT}", {len(links)} bytes of it links'
    return Result({"register": Figure(len(data))}, [note])
